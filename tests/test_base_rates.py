"""A document without a known word gets the base rates of training, by every path."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import naive_linear as naive
import numpy as np
import pytest
from conftest import corpus_of, documents
from test_cli import good
from test_export_json import answered_by_node

from textmlr import FeaturizerOptions, InputError, ModelFileError, StreamTrainer, TrainingOptions
from textmlr.base import tensor_file
from textmlr.corpus import blocks
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.in_memory import batches_of
from textmlr.evaluation.labelled_answers import answer
from textmlr.model import scoring
from textmlr.model.answer_stream import answer_blocks
from textmlr.model.model import Model
from textmlr.model.parameters import Network
from textmlr.model.record import Record
from textmlr.model.scoring import base_scores, has_known_words
from textmlr.model.small_file.compression import compress
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.corpus_training import train_corpus
from textmlr.training.update.model_update import update_model

pytestmark = pytest.mark.slow  # many, and each trains

KEPT = {"romance": 60, "scifi": 300, "western": 120}
QUICK = TrainingOptions(epochs=2, holdout=0.0)
WORDS = FeaturizerOptions(ngrams=(1, 2), char_ngrams=None)
HASHED = FeaturizerOptions(hash_bits=22)
UNKNOWN: list[str | bytes] = [
    "",
    " \t\n",
    "zzqq wwvv xxkk",
    "%% &&",
    "\u0e01\u0e32 \u6f22",
    b"\xff \xfe",
    "qqzz " * 5000,
]
KNOWN = ["robot", "the sheriff rode, a robot and a kiss", "zzqq kiss"]


def skewed(number: int = 900, seed: int = 1) -> list[tuple[str, str]]:
    """Of the labels as many documents as KEPT says, of 900."""
    left = {label: number * most // 900 for label, most in KEPT.items()}
    pairs = []
    for label, text in documents(number, seed):
        if left[label]:
            pairs.append((label, text))
            left[label] -= 1
    return pairs


PAIRS = skewed()
RATES = np.array([*KEPT.values()]) / 480


def trained(
    options: FeaturizerOptions | None = None, training: TrainingOptions = QUICK
) -> Callable[[], Model]:
    return lambda: train_corpus(corpus_of(PAIRS), options, training)


def streamed() -> Model:
    trainer = StreamTrainer()
    trainer.learn([text for _, text in PAIRS], [label for label, _ in PAIRS])
    return trainer.model()


def halved() -> Model:
    """Trained on some, then updated; in the end there is as much of each label."""
    first, second = PAIRS[::2], PAIRS[1::2]
    return update_model(train_corpus(corpus_of(first), WORDS, QUICK), corpus_of(second))


def with_zero_rows() -> Model:
    """Whose features are known, but for a few have no weight."""
    own = trained(WORDS)()
    theta = own.parts.layers[0].copy()
    theta[40:] = 0
    return Model.of(replace(own.parts, layers=[theta]))


MODELS = {
    "as trained": lambda: train_corpus(corpus_of(PAIRS)),
    "calibrated": trained(training=TrainingOptions(calibration=True)),
    "characters": trained(FeaturizerOptions(ngrams=None, char_ngrams=(4, 4))),
    "no bias": trained(replace(WORDS, bias=False)),
    "raw counts": trained(replace(WORDS, norm=None, idf=True, term_frequency="raw")),
    "hashed": trained(HASHED),
    "hashed, no bias": trained(replace(HASHED, bias=False, idf=True)),
    "hidden": trained(WORDS, replace(QUICK, hidden=(6,))),
    "hidden, hashed, tanh": trained(HASHED, replace(QUICK, hidden=(5, 4), activation="tanh")),
    "exact": trained(WORDS, TrainingOptions(solver="exact", l2=1e-3, holdout=0.0)),
    "l1": trained(WORDS, TrainingOptions(l1=1e-3, holdout=0.0)),
    "stream": streamed,
    "updated": halved,
    "zero rows": with_zero_rows,
    "fewer rows": lambda: without_zero_rows(with_zero_rows()),
    "int8": lambda: compress(trained(WORDS)(), 6000),
    "float16": lambda: compress(trained(HASHED)(), 20_000, dtype="float16"),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Model:
    return MODELS[request.param]()


@pytest.fixture(scope="module")
def path(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("model") / "m.textmlr"
    model.save(at)
    return at


def loss_of(model: Model, corpus: Corpus) -> float:
    return float(answer(model, corpus).losses.mean())


def is_base(probabilities: object) -> bool:
    rows = np.atleast_2d(np.asarray(probabilities, float))
    return bool(np.allclose(rows, np.broadcast_to(RATES, rows.shape), atol=1e-7))


@pytest.mark.slow
def test_every_way_to_ask_a_model(
    model: Model, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same bits: alone, among others, in long and giant blocks, from the file."""
    base = model.probabilities(UNKNOWN)
    assert is_base(base)
    assert (model.scores(UNKNOWN) == base_scores([*KEPT.values()])).all()
    assert not is_base(model.probabilities([KNOWN[1]]))
    for own in (model, Model.load(path)):
        mixed = own.probabilities([*KNOWN, *UNKNOWN, *KNOWN] * 3, threads=2)
        assert mixed[len(KNOWN) :][: len(UNKNOWN)].tobytes() == base.tobytes()
        for text, row in zip(UNKNOWN, base, strict=True):
            assert own.probabilities([text])[0].tobytes() == row.tobytes()
            (answer, *others) = own.classify([text], top=None)[0]
            assert (answer.label, round(answer.probability, 6)) == ("scifi", 0.625)
            assert [other.label for other in others] == ["western", "romance"]
        (answers,) = answer_blocks(own, batches_of([*UNKNOWN, KNOWN[1]]))
        assert (answers.known[:-1] == 0).all()
        assert answers.known[-1] > 0
        np.testing.assert_allclose(answers.log_z[:-1], 0, atol=1e-7)
    again = Model.load(path)
    if model.featurizer.vocabulary is not None:  # which is looked up without a table
        monkeypatch.setattr(type(again.featurizer), "asks_little", True)
        assert again.probabilities([*UNKNOWN, *KNOWN])[: len(UNKNOWN)].tobytes() == base.tobytes()
        monkeypatch.undo()
    monkeypatch.setattr(blocks, "GIANT_BYTES", 0)
    assert again.probabilities(UNKNOWN).tobytes() == base.tobytes()


@pytest.mark.slow
def test_the_naive_twin(model: Model) -> None:
    """Which rows say nothing is seen as a dense matrix shows it."""
    texts = [*UNKNOWN, *KNOWN, *(text for _, text in PAIRS[:20])]
    rows = model.featurizer.transform(texts)
    theta = model.parts.layers[0]
    if model.parts.columns is not None:
        whole = np.zeros((model.featurizer.columns, theta.shape[1]), np.float32)
        whole[model.parts.columns.kept] = theta
        theta = whole
    used = np.union1d(rows.indices, 0)
    bias = int(model.featurizer.options.bias)
    scores = model.scores(texts)
    dense = rows[:, used].toarray()
    want = naive.with_base(scores, dense, theta[used], bias, [*KEPT.values()])
    np.testing.assert_allclose(scores, want, atol=1e-6)
    says = ~(scores == model.parts.base).all(axis=1)
    assert not says[: len(UNKNOWN)].any()
    assert says[len(UNKNOWN) + 1 :].sum() > 15
    features = model.featurizer.featurize(batches_of(texts))
    columns = model.parts.columns
    if columns is not None:
        features = columns.renumber(features)
    kept = (
        np.arange(len(model.parts.layers[0]))
        if model.parts.columns is None
        else model.parts.columns.kept
    )
    told = has_known_words(features, model.parts.layers[0], (kept == 0) & bool(bias))
    np.testing.assert_array_equal(told, says)


def test_commands(model: Model, path: Path, tmp_path: Path) -> None:
    """classify of documents, lines and corpora, evaluate and explain say it, and warn of it."""
    (tmp_path / "lines.txt").write_text("zzqq wwvv\n\n%% &&\n")
    (tmp_path / "doc.txt").write_text("zzqq wwvv")
    corpus = tmp_path / "corpus.tsv"
    corpus.write_text("scifi\tzzqq wwvv\nromance\t%% &&\n")
    one = good("classify", "-m", path, tmp_path / "doc.txt")
    assert "the answer is the base rates of training" in one.stderr
    lines = good("classify", "-m", path, "--lines", tmp_path / "lines.txt").stdout
    assert [block.strip() for block in lines.split("\n\n")] == [one.stdout.strip()] * 3
    told = dict(line.split("\t") for line in one.stdout.splitlines())
    assert is_base([float(told[label]) for label in KEPT])
    out = tmp_path / "out.jsonl"
    said = good("classify", "-m", path, "--corpus", corpus, "-o", out)
    assert "and 1 more: no known word; the answer is the base rates of training" in said.stderr
    for row in map(json.loads, out.read_text().splitlines()):
        assert row["predicted"] == "scifi"
    figures = json.loads(good("evaluate", "-m", path, corpus, "--json").stdout)
    loss = -(math.log(RATES[1]) + math.log(RATES[0])) / 2
    assert figures["log_loss"] == pytest.approx(loss, abs=1e-6)
    explained = good("explain", "-m", path, tmp_path / "doc.txt")
    assert "No known word: the answer is the base rates of training." in explained.stdout
    assert f"score {math.log(RATES[1]):.4f} = ln of the base rate\nP = exp(" in explained.stdout


def test_explanations(model: Model) -> None:
    """All of the score is the base rate, and no word has a share."""
    for text in UNKNOWN[:5]:
        for label, rate in zip(model.labels, RATES, strict=True):
            why = model.explain(text, label)
            assert why.method == "base rates"
            assert why.score == why.bias == pytest.approx(math.log(rate), abs=1e-6)
            assert why.margin == pytest.approx(why.bias_margin, abs=1e-12)
            assert why.probability == pytest.approx(rate, abs=1e-6)
            assert {word.contribution for word in why.words} <= {0.0}
            assert {feature.margin for feature in why.features} <= {0.0}
        left = model.counterfactual(text)
        assert (left.words, left.label, left.proved) == ((), "scifi", True)
    assert model.explain(KNOWN[1]).method in ("exact", "integrated gradients")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_json(model: Model, tmp_path: Path) -> None:
    if len(model.parts.layers) > 1:
        with pytest.raises(InputError, match="not written as JSON"):
            answered_by_node(model, [""], tmp_path)
        return
    texts = [text for text in UNKNOWN if isinstance(text, str)]
    scores, probabilities = answered_by_node(model, [*texts, *KNOWN], tmp_path)
    assert is_base(probabilities[: len(texts)])
    np.testing.assert_allclose(scores, model.scores([*texts, *KNOWN]), atol=1e-5)


def test_onnx(model: Model) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from textmlr.export.onnx import inputs, onnx_model

    session = runtime.InferenceSession(onnx_model(model).SerializeToString())
    for texts in ([*UNKNOWN, *KNOWN], UNKNOWN, [UNKNOWN[0]]):
        ids, values = inputs(model, texts)
        scores, log_z, probabilities = session.run(
            ["scores", "log_z", "probabilities"], {"ids": ids, "values": values}
        )
        own = min(len(texts), len(UNKNOWN))
        np.testing.assert_allclose(probabilities[:own], np.tile(RATES, (own, 1)), atol=1e-6)
        np.testing.assert_allclose(scores, model.scores(texts), atol=1e-5)
        np.testing.assert_allclose(log_z, model.log_z(texts), atol=1e-5)


def test_estimator() -> None:
    pytest.importorskip("sklearn")
    from textmlr.sklearn import TextClassifier

    texts, labels = [text for _, text in PAIRS], [label for label, _ in PAIRS]
    asked = [text for text in UNKNOWN if isinstance(text, str)]
    whole = TextClassifier().fit(texts, labels)
    parts = TextClassifier()
    for part in (slice(0, 50), slice(50, 60), slice(60, 480)):
        parts.partial_fit(texts[part], labels[part], classes=sorted(KEPT))
    for own in (whole, parts):
        assert is_base(own.predict_proba(asked))
        assert is_base(np.exp(own.predict_log_proba(asked)))
        assert set(own.predict(asked)) == {"scifi"}
        np.testing.assert_allclose(
            own.decision_function(asked), np.tile(np.log(RATES), (len(asked), 1)), atol=1e-6
        )


def test_the_base_rates_lose_less_than_the_bias() -> None:
    """On documents that say nothing, of the labels as they come: the best that can be said."""
    model = train_corpus(corpus_of(PAIRS))
    bias_alone = Model.of(replace(model.parts, record=Record()))
    assert not len(bias_alone.parts.base)
    judges = skewed(seed=8)
    silent = Corpus.of(["zzqq"] * len(judges), [label for label, _ in judges])
    entropy = -float(RATES @ np.log(RATES))
    assert loss_of(model, silent) == pytest.approx(entropy, abs=1e-6)
    assert loss_of(bias_alone, silent) > entropy + 0.02
    known = corpus_of(judges)
    assert loss_of(model, known) == loss_of(bias_alone, known)


# --- what the base rates are


def rates_of(model: Model) -> np.ndarray:
    (row,) = model.probabilities([""])
    return row


def test_weights_count() -> None:
    """As many documents as they say; "balanced" makes labels equal: the first is the answer."""
    weights = [4.0 if label == "romance" else 0.5 for label, _ in PAIRS]
    model = train_corpus(corpus_of(PAIRS, weights), WORDS, QUICK)
    want = np.array([4 * 60, 0.5 * 300, 0.5 * 120])
    np.testing.assert_allclose(rates_of(model), want / want.sum(), atol=1e-7)
    assert sum(model.record.corpus.weight_per_label) == pytest.approx(480)
    assert model.record.corpus.per_label == (*KEPT.values(),)
    for own in (weights, None):
        corpus = corpus_of(PAIRS, own)
        balanced = train_corpus(corpus, WORDS, replace(QUICK, class_weight="balanced"))
        assert len(set(rates_of(balanced).tolist())) == 1
        assert balanced.classify(["zzqq"])[0][0].label == "romance"
    assert train_corpus(corpus_of(PAIRS), WORDS, QUICK).record.corpus.weight_per_label is None


def test_weights_of_zero_leave_a_label_some_room() -> None:
    """A label of no weight counts as half a document: its P is above 0, and finite."""
    weights = [0.0 if label == "romance" else 1.0 for label, _ in PAIRS]
    model = train_corpus(corpus_of(PAIRS, weights), WORDS, QUICK)
    own = np.array([0, 300, 120]) * 480 / 420
    np.testing.assert_allclose(rates_of(model), naive.base_rates(own), atol=1e-7)
    assert np.isfinite(model.scores(["", *KNOWN])).all()
    assert rates_of(model)[0] == pytest.approx(0.5 / 480.5, abs=1e-7)


@pytest.mark.parametrize(
    "weights", [[3, 1], [0, 1], [1e-300, 1], [1e300, 1e-300], [5e-324, 1e9], [1e308] * 3]
)
def test_base_scores_are_finite(weights: list[float]) -> None:
    scores = base_scores(weights)
    assert np.isfinite(scores).all()
    if min(filter(None, weights)) > 1e-300 and max(weights) < 1e300:
        np.testing.assert_allclose(scores, np.log(naive.base_rates(weights)), rtol=1e-6)


def test_validation_documents_are_not_counted() -> None:
    judges = corpus_of([("romance", "a kiss and a rose")] * 40 + PAIRS[:40])
    model = train_corpus(corpus_of(PAIRS), WORDS, TrainingOptions(epochs=2), validation=judges)
    assert is_base(rates_of(model))


def test_streams_sum_weights_however_they_are_cut(tmp_path: Path) -> None:
    texts, labels = [text for _, text in PAIRS], [label for label, _ in PAIRS]
    weights = np.random.default_rng(1).uniform(0.1, 3, len(PAIRS)).astype(np.float32)
    whole, parts = StreamTrainer(), StreamTrainer()
    whole.learn(texts, labels, weights)
    for first in range(0, len(PAIRS), 37):
        part = slice(first, first + 37)
        parts.learn(texts[part], labels[part], weights[part])
        parts.save(tmp_path / "checkpoint")
        parts = StreamTrainer.resume(tmp_path / "checkpoint")
    own = [whole.model().record.corpus.weight_per_label for _ in range(2)]
    assert own[0] == parts.model().record.corpus.weight_per_label
    y = np.array([sorted(KEPT).index(label) for label in labels])
    want = np.bincount(y, weights)
    np.testing.assert_allclose(rates_of(parts.model()), want / want.sum(), atol=1e-7)


def test_a_checkpoint_that_knows_no_weights_counts_documents(tmp_path: Path) -> None:
    trainer = StreamTrainer()
    trainer.learn(*zip(*[(text, label) for label, text in PAIRS], strict=True))
    trainer.save(tmp_path / "new")
    header, arrays = tensor_file.load(tmp_path / "new")
    del header["totals"]
    tensor_file.save(tmp_path / "old", header, arrays)
    resumed = StreamTrainer.resume(tmp_path / "old")
    resumed.learn(["a kiss"] * 60, ["romance"] * 60, [2.0] * 60)
    want = np.array([60 + 2 * 60, 300, 120])
    np.testing.assert_allclose(rates_of(resumed.model()), want / want.sum(), atol=1e-7)
    tensor_file.save(tmp_path / "old", header | {"totals": [1.0]}, arrays)
    with pytest.raises(ModelFileError, match="labels are not those"):
        StreamTrainer.resume(tmp_path / "old")


def test_updates_add_up() -> None:
    """New labels and weights too; the weights of an update are of its own mean."""
    weights = [4.0 if label == "romance" else 0.5 for label, _ in PAIRS]
    new = [("scifi", "a robot"), ("cooking", "stir the soup")] * 40
    plain, weighted = (train_corpus(corpus_of(PAIRS, own), WORDS, QUICK) for own in (None, weights))
    old = np.array([0, *KEPT.values()], float)
    added = np.array([40, 0, 40, 0])
    want = old + added
    np.testing.assert_allclose(rates_of(update_model(plain, corpus_of(new))), want / 560, atol=1e-7)
    own = np.array([0, *weighted.record.corpus.weight_per_label]) + added
    np.testing.assert_allclose(
        rates_of(update_model(weighted, corpus_of(new))), own / 560, atol=1e-7
    )
    heavy = [3.0 if label == "cooking" else 1.0 for label, _ in new]
    own = old + np.array([60, 0, 20, 0])
    once = update_model(plain, corpus_of(new, heavy))
    np.testing.assert_allclose(rates_of(once), own / 560, atol=1e-6)
    again = update_model(once, corpus_of([("scifi", "a laser")] * 20))
    np.testing.assert_allclose(rates_of(again), (own + np.array([0, 0, 20, 0])) / 580, atol=1e-6)


@pytest.mark.parametrize("kind", ["as trained", "hidden", "hashed", "no bias"])
def test_updates_are_compared_as_models_answer(kind: str) -> None:
    old = MODELS[kind]()
    judges = corpus_of([("scifi", "zzqq"), ("western", "%% &&"), *skewed(seed=8)[:60]])
    new = update_model(old, corpus_of([("romance", "a kiss")] * 30 + PAIRS[:30]), validation=judges)
    (row,) = new.record.updates[-1].compared["rows"]
    want = [loss_of(model, judges) for model in (old, new)]
    assert row["loss"] == pytest.approx(want, rel=1e-5)


# --- where the record says nothing, or what cannot be


def test_a_record_that_does_not_tell_leaves_the_bias() -> None:
    own = trained(WORDS)()
    model = Model.of(replace(own.parts, record=Record()))
    row = model.scores([""])[0]
    times = own.parts.calibration.multipliers(own.theta[0].astype(float))[0]
    np.testing.assert_allclose(row, times * own.theta[0], rtol=1e-6)
    assert model.explain("").method == "exact"
    why = model.explain("", "scifi")
    assert why.bias == pytest.approx(why.score, abs=1e-6)
    assert not len(Record().label_weights())


def test_older_files_of_weighted_documents_count_documents() -> None:
    own = train_corpus(corpus_of(PAIRS, [2.0] * 100 + [1.0] * 380), WORDS, QUICK)
    corpus = replace(own.record.corpus, weight_per_label=None)
    record = replace(own.record, corpus=corpus)
    assert is_base(rates_of(Model.of(replace(own.parts, record=record))))


@pytest.mark.parametrize("name", ["per_label", "weight_per_label"])
@pytest.mark.parametrize(
    "told",
    [
        [1, 2], [1, 2, 3, 4], [0, 0, 0], [-1, 2, 3], "123", 7, ["a", "b", "c"], [[1], [2], [3]],
        {"a": 1}, [None, 1, 2], [10**400, 1, 1],
    ],
    ids=str,
)  # fmt: skip
def test_records_that_cannot_be_are_refused(name: str, told: object, tmp_path: Path) -> None:
    own = trained(WORDS)()
    own.save(tmp_path / "good")
    header, tensors = tensor_file.load(tmp_path / "good")
    header["record"]["corpus"][name] = told
    tensor_file.save(tmp_path / "bad", header, tensors)
    with pytest.raises(ModelFileError, match=f"^{tmp_path}/bad: record.corpus.{name} "):
        Model.load(tmp_path / "bad")


def test_speaking_wants_a_weight_and_a_value() -> None:
    """Of the bias, of rows of 0 and of values of 0 nothing is said."""
    theta = np.array([[1, 1], [0, 0], [0, 2]], np.float32)
    rows = [[1, 0, 0], [1, 5, 0], [1, 0, 3], [0, 0, 0], [0, 1, 1]]
    bias = np.array([True, False, False])
    from textmlr.features.csr_features import Features

    dense = np.array(rows, np.float32)
    indptr = np.arange(0, 16, 3)
    features = Features(indptr, np.tile(np.arange(3, dtype=np.int32), 5), dense.ravel(), 3)
    assert has_known_words(features, theta, bias).tolist() == [False, False, True, False, True]
    assert Network.of([theta]).labels == 2
    assert scoring.score(features, Network.of([theta])).shape == (5, 2)
