"""Models whose documents have any number of labels: answers, thresholds, and their file."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import textmlr
from textmlr import Featurizer, FeaturizerOptions, InputError, Model, ModelFileError
from textmlr.base import tensor_file
from textmlr.cli import cli
from textmlr.corpus.in_memory import batches_of
from textmlr.model.answer_stream import answer_blocks
from textmlr.model.heads import SIGMOIDS, SOFTMAX
from textmlr.model.label_choice import LabelChoice
from textmlr.model.record import CorpusRecord, Record
from textmlr.model.scoring import Bent
from textmlr.model.second_pass import SecondPass
from textmlr.model.zero_rows import without_zero_rows

TEXTS = ["a robot in orbit", "the sheriff rode", "robot kiss", "a saddle", "", "qqq", "kiss \ud800"]
WORDY = [" ".join(f"word{(i * j) % 97}" for j in range(30)) for i in range(60)]
LABELS = ["romance", "scifi", "western", "zen"]
THRESHOLDS = np.array([0.4, 0.55, 0.5, 1.0])


def model_of(
    labels: list[str] = LABELS,
    thresholds: NDArray[np.float64] | None = THRESHOLDS,
    options: FeaturizerOptions | None = None,
    seed: int = 0,
) -> Model:
    """A model with weights drawn at random."""
    featurizer = Featurizer(options or FeaturizerOptions(min_df=1)).fit(TEXTS)
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, 2, (featurizer.columns, len(labels))).astype(np.float32)
    return Model(labels, featurizer, [theta], Record(), head=SIGMOIDS, thresholds=thresholds)


def linked(seed: int = 0) -> Model:
    """A model with a second pass over its labels."""
    rng = np.random.default_rng(seed)
    second = SecondPass(
        rng.normal(0, 1.5, (4, 4)).astype(np.float16).astype(np.float32),
        rng.uniform(0.5, 1.2, 4),
        rng.normal(0, 0.5, 4),
        (0.8, 1.1, 0.9),
    )
    bent = Bent(low=0.7, middle=1.2, high=0.5, links=second)
    record = Record(corpus=CorpusRecord(files=(), documents=10, per_label=(1, 2, 3, 4)))
    return Model.of(replace(model_of(seed=seed).parts, calibration=bent, record=record))


def sigmoid(scores: Any) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.asarray(scores, np.float64)))


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of()


# ------------------------------------------------------------------------------------------ answers
@pytest.mark.parametrize("labels", [2, 4, 23, 600])
@pytest.mark.parametrize(
    "options",
    [FeaturizerOptions(min_df=1), FeaturizerOptions(hash_bits=4, bias=False), None],
    ids=str,
)
def test_probabilities_are_sigmoids(labels: int, options: FeaturizerOptions | None) -> None:
    names = [f"label {i:03}" for i in range(labels)]
    model = model_of(names, np.full(labels, 0.5), options)
    (answers,) = answer_blocks(model, batches_of(TEXTS), 1)
    np.testing.assert_allclose(answers.probabilities, sigmoid(answers.scores), rtol=1e-13)
    np.testing.assert_allclose(
        answers.log_z, np.logaddexp(0, answers.scores.astype(np.float64)).sum(axis=1), rtol=1e-12
    )
    assert answers.probabilities.tobytes() == SIGMOIDS.probabilities(answers.scores).tobytes()
    np.testing.assert_allclose(answers.log_z, SIGMOIDS.log_z(answers.scores), rtol=1e-12)
    softmax = Model.of(replace(model.parts, head=SOFTMAX, thresholds=None))
    assert model.scores(TEXTS).tobytes() == softmax.scores(TEXTS).tobytes()
    alone = np.concatenate([model.probabilities([text]) for text in TEXTS])
    assert alone.tobytes() == answers.probabilities.tobytes()


@pytest.mark.parametrize("score", [0.0, 1e4, -1e4, 1e-30, 37.0, -700.0])
def test_scores_of_any_size(score: float) -> None:
    model = model_of()
    theta = np.zeros_like(model.theta)
    theta[0] = score, -score, 0, 1
    flat = Model.of(replace(model.parts, layers=[theta], record=Record()))
    p = flat.probabilities("robot")
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(p, sigmoid(theta[0]), rtol=1e-13, atol=1e-300)
    log_z = np.logaddexp(0, theta[0].astype(np.float64)).sum()
    np.testing.assert_allclose(flat.log_z("robot"), log_z, rtol=1e-13)


def test_answers_are_the_labels_above_their_thresholds(model: Model) -> None:
    p = model.probabilities(TEXTS)
    found = model.predict(TEXTS)
    assert found.shape == (len(TEXTS),)
    assert found.dtype == object
    for row, own in zip(p, found, strict=True):
        assert isinstance(own, tuple)
        above = [i for i in range(4) if row[i] >= THRESHOLDS[i]]
        assert own == tuple(LABELS[i] for i in sorted(above, key=lambda i: -row[i]))
    assert len({len(own) for own in found}) > 1
    assert [model.predict(text) for text in TEXTS] == found.tolist()
    assert model.is_multilabel
    assert model.predict([]).shape == (0,)


def test_equally_many_labels_are_tuples_all_the_same() -> None:
    """numpy would make an array of two dimensions of them."""
    every = model_of(thresholds=np.full(4, 1e-300))
    assert [set(own) for own in every.predict(TEXTS)] == [set(LABELS)] * len(TEXTS)


def test_classify(model: Model) -> None:
    p = model.probabilities(TEXTS)
    for row, own, text in zip(p, model.predict(TEXTS), TEXTS, strict=True):
        answers = model.classify(text)
        assert tuple(answer.label for answer in answers) == own
        assert [answer.probability for answer in answers] == [row[LABELS.index(n)] for n in own]
        order = np.argsort(-row, kind="stable")
        two = [(LABELS[i], row[i]) for i in order[:2]]
        assert model.classify(text, top=2) == two
        assert model.classify(text, top=None) == [(LABELS[i], row[i]) for i in order]
        least = [pair for pair in two if pair[1] >= 0.7]
        assert model.classify(text, top=2, min_probability=0.7) == least
        sure = [answer for answer in answers if answer.probability >= 0.7]
        assert model.classify(text, min_probability=0.7) == sure
        one = model.classify(text, at_least_one=True)
        assert one == (answers or two[:1])
    assert model.classify(TEXTS) == [model.classify(text) for text in TEXTS]


def test_the_choice_of_labels_by_hand() -> None:
    p = np.array([[0.5, 0.7, 0.7, 0.1], [0.1, 0.2, 0.3, 0.2], [0, 0, 0, 0]])
    even = np.full(4, 0.5)
    assert LabelChoice(even).lists(p) == [[1, 2, 0], [], []]  # a tie in the order of the labels
    assert LabelChoice(even, at_least_one=True).lists(p) == [[1, 2, 0], [2], [0]]
    assert LabelChoice(np.array([0.6, 0.6, 0.8, 0.1])).lists(p) == [[1, 3], [3], []]
    assert LabelChoice(even, 0.6).lists(p) == [[1, 2], [], []]
    assert LabelChoice(even).lists(p[:0]) == []


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0]), min_size=3, max_size=3)),
    st.lists(st.sampled_from([0.2, 0.5, 1.0]), min_size=3, max_size=3),
    st.sampled_from([0.0, 0.5, 0.7]),
    st.booleans(),
)
def test_the_choice_of_labels(
    rows: list[list[float]], thresholds: list[float], least: float, at_least_one: bool
) -> None:
    p = np.array(rows).reshape(-1, 3)
    wanted = []
    for row in rows:
        own = [i for i in range(3) if row[i] >= thresholds[i] and row[i] >= least]
        if at_least_one and not own:
            own = [max(range(3), key=lambda i: row[i])]
        wanted.append(sorted(own, key=lambda i: -row[i]))
    choice = LabelChoice(np.array(thresholds), least, at_least_one)
    assert choice.lists(p) == wanted
    assert [np.flatnonzero(own).tolist() for own in choice.chosen(p)] == [*map(sorted, wanted)]


def test_a_document_without_a_known_word_has_the_base_rates() -> None:
    corpus = CorpusRecord(files=(), documents=10, per_label=(1, 2, 3, 4))
    model = Model.of(replace(model_of().parts, record=Record(corpus=corpus)))
    np.testing.assert_allclose(model.scores("unheard"), model.parts.base)


def test_the_thresholds_of_a_model(model: Model) -> None:
    own = model.thresholds
    assert own is not None
    np.testing.assert_array_equal(own, model.parts.thresholds)
    own[:] = 2.0  # a copy
    assert model.thresholds.max() <= 1.0
    assert Model.of(replace(model.parts, thresholds=None)).thresholds is None


# ------------------------------------------------------------------------------------------ refused
def test_what_one_label_a_document_does_not_have(model: Model) -> None:
    single = Model.of(replace(model.parts, thresholds=None))
    assert not single.is_multilabel
    assert single.predict("robot") in LABELS
    with pytest.raises(InputError, match="at_least_one: each document has one label"):
        single.classify("robot", at_least_one=True)
    with pytest.raises(InputError, match="top and at_least_one exclude each other"):
        model.classify("robot", top=1, at_least_one=True)
    with pytest.raises(InputError, match="at_least_one and min_probability exclude each other"):
        model.classify("robot", min_probability=0.9, at_least_one=True)
    with pytest.raises(InputError, match="at_least_one=1"):
        model.classify("robot", at_least_one=1)  # type: ignore[call-overload]
    with pytest.raises(InputError, match="top='all' is not a whole number"):
        model.classify("robot", top="all")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("thresholds", "problem"),
    [
        (np.full(3, 0.5), r"thresholds are \(3,\), not \(4,\)"),
        (np.full((4, 1), 0.5), r"thresholds are \(4, 1\), not \(4,\)"),
        (np.full(4, 0.5, np.float32), "not an array of float64"),
        ([0.5] * 4, "not an array of float64"),
        (np.array([0.5, 0.0, 0.5, 0.5]), "not above 0 and at most 1"),
        (np.array([0.5, 1.01, 0.5, 0.5]), "not above 0 and at most 1"),
        (np.array([0.5, np.nan, 0.5, 0.5]), "not above 0 and at most 1"),
    ],
)
def test_thresholds_are_checked(model: Model, thresholds: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Model.of(replace(model.parts, thresholds=thresholds))


def test_the_softmax_has_no_thresholds(model: Model) -> None:
    with pytest.raises(InputError, match="one label"):
        Model.of(replace(model.parts, head=SOFTMAX))


# --------------------------------------------------------------------------------------------- file
def test_the_file(model: Model, tmp_path: Path) -> None:
    size = model.save(tmp_path / "m")
    raw = (tmp_path / "m").read_bytes()
    assert size == len(raw) == len(model.dumps())
    assert b'"textmlr":"6 ' in raw[:2000]
    for again in (Model.load(tmp_path / "m"), pickle.loads(pickle.dumps(model))):
        assert again.parts.thresholds.tobytes() == THRESHOLDS.tobytes()
        assert again.is_multilabel
        assert again.predict(TEXTS).tolist() == model.predict(TEXTS).tolist()
        assert again.dumps() == raw


def test_a_model_of_one_label_a_document_is_written_in_format_5(
    model: Model, tmp_path: Path
) -> None:
    """Older releases read it."""
    for head in (SOFTMAX, SIGMOIDS):
        single = Model.of(replace(model.parts, head=head, thresholds=None))
        single.save(tmp_path / "m")
        assert b'"textmlr":"5 ' in (tmp_path / "m").read_bytes()[:2000]
        assert not Model.load(tmp_path / "m").is_multilabel


@pytest.mark.parametrize(
    "bad",
    [
        np.full(3, 0.5),
        np.full((4, 1), 0.5),
        np.full(4, 0.5, np.float32),
        np.array([0.5, 0.0, 0.5, 0.5]),
        np.array([0.5, -0.5, 0.5, 0.5]),
        np.array([0.5, np.inf, 0.5, 0.5]),
        np.array([0.5, np.nan, 0.5, 0.5]),
    ],
    ids=str,
)
def test_a_bad_file_is_refused(model: Model, bad: NDArray[Any], tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    header, tensors = tensor_file.load(tmp_path / "m")
    tensor_file.save(tmp_path / "bad", header, tensors | {"thresholds": bad}, 6)
    with pytest.raises(ModelFileError, match="threshold"):
        Model.load(tmp_path / "bad")
    del header["head"]  # the softmax's
    tensor_file.save(tmp_path / "bad", header, tensors, 6)
    with pytest.raises(ModelFileError, match="has thresholds, but"):
        Model.load(tmp_path / "bad")


# ------------------------------------------------------------------------- what is said of a model
def test_what_is_said_of_it(model: Model, tmp_path: Path) -> None:
    assert repr(model).startswith("Multi-label model of 4 labels: romance")
    assert "<b>Multi-label model</b> of 4 labels" in model._repr_html_()
    assert model.info()["label_thresholds"] == THRESHOLDS.tolist()
    single = Model.of(replace(model.parts, thresholds=None))
    assert repr(single).startswith("Model of 4 labels")
    assert "label_thresholds" not in single.info()
    for thresholds, said in (
        (THRESHOLDS, "its own threshold, 40.0 % to 100.0 %"),
        (np.full(4, 0.3), "30.0 %"),
    ):
        Model.of(replace(model.parts, thresholds=thresholds)).save(tmp_path / "m")
        shown = CliRunner().invoke(cli, ["info", str(tmp_path / "m")]).stdout
        assert f"each label by itself, where its probability reaches {said}\n" in shown


def test_of_two_labels_each_has_words_of_its_own(tmp_path: Path) -> None:
    """By the softmax what speaks for one speaks against the other."""
    two = model_of(["a", "b"], np.full(2, 0.5))
    found = {one.label: one.by_weight for one in two.top(k=3)}
    for label, theta in zip("ab", two.theta.T, strict=True):
        names = np.array(two.featurizer.feature_names())
        best = names[1:][np.argsort(-theta[1:])[:3]]
        assert [feature.name for feature in found[label].most_for] == best.tolist()
        assert found[label].most_for[0].weight == pytest.approx(theta[1:].max())
    two.save(tmp_path / "m")
    shown = CliRunner().invoke(cli, ["top", str(tmp_path / "m"), "--by", "weight"]).stdout
    assert [line.split()[0] for line in shown.splitlines() if "(bias" in line] == ["a", "b"]
    assert "for a" in shown
    assert "for b" in shown
    assert shown.count("against ") >= 2


# ------------------------------------------------------------------------------------- small models
@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_small_models_keep_head_and_thresholds(dtype: Any, tmp_path: Path) -> None:
    labels = [f"label {i:02}" for i in range(12)]
    thresholds = np.linspace(0.2, 0.9, 12)
    options = FeaturizerOptions(min_df=1, char_ngrams=(2, 4))
    featurizer = Featurizer(options).fit(WORDY)
    rng = np.random.default_rng(0)
    theta = rng.normal(0, 2, (featurizer.columns, 12)).astype(np.float32)
    whole = Model(labels, featurizer, [theta], Record(), head=SIGMOIDS, thresholds=thresholds)
    small = whole.compress(whole.save(tmp_path / "m") // 3, dtype=dtype)
    assert small is not whole
    small.save(tmp_path / "s")
    loaded = Model.load(tmp_path / "s")
    for other in (small, loaded):
        assert other.parts.thresholds.tobytes() == thresholds.tobytes()
        assert other.parts.head is SIGMOIDS
        assert other.is_multilabel
    assert loaded.predict(WORDY).tolist() == small.predict(WORDY).tolist()
    assert b'"textmlr":"6 ' in (tmp_path / "s").read_bytes()[:2000]
    theta = theta.copy()
    theta[5:50] = 0
    sparse = without_zero_rows(Model.of(replace(whole.parts, layers=[theta])))
    assert sparse.parts.thresholds.tobytes() == thresholds.tobytes()


# -------------------------------------------------------------------------------------- second pass
def test_the_file_has_the_second_pass(tmp_path: Path) -> None:
    model = linked()
    plain = Model.of(replace(model.parts, calibration=Bent(low=0.7, middle=1.2, high=0.5)))
    assert np.ptp(model.probabilities(TEXTS) - plain.probabilities(TEXTS)) > 0.1
    for links in (model.parts.calibration.links.links, np.full((4, 4), 0.1, np.float32)):  # type: ignore[union-attr]
        second = replace(model.parts.calibration.second, links=links)  # type: ignore[type-var]
        own = Model.of(
            replace(model.parts, calibration=replace(model.parts.calibration, links=second))
        )
        own.save(tmp_path / "m")
        again = Model.load(tmp_path / "m")
        assert again.probabilities(TEXTS).tobytes() == own.probabilities(TEXTS).tobytes()
        assert again.dumps() == own.dumps()


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("second.links", np.full((4, 3), 0.5, np.float32)),
        ("second.links", np.full((4, 4), np.nan, np.float32)),
        ("second.links", np.full((4, 4), np.inf, np.float16)),
        ("second.links", np.full((4, 4), 1e9, np.float32)),
        ("second.scales", np.full(3, 0.5)),
        ("second.scales", np.full(4, 1e9)),
        ("second.offsets", np.full(4, np.nan)),
        ("second.offsets", np.full(4, 0.5, np.float32)),
    ],
    ids=str,
)
def test_a_bad_second_pass_is_refused(name: str, bad: NDArray[Any], tmp_path: Path) -> None:
    linked().save(tmp_path / "m")
    header, tensors = tensor_file.load(tmp_path / "m")
    tensor_file.save(tmp_path / "bad", header, tensors | {name: bad}, 6)
    with pytest.raises(ModelFileError, match="second"):
        Model.load(tmp_path / "bad")
    for slopes in ([1.0, 1.0], [1.0, 0.0, 1.0], [1, 1, 1], {"a": 1.0}):
        tensor_file.save(tmp_path / "bad", header | {"second": slopes}, tensors, 6)
        with pytest.raises(ModelFileError, match="second"):
            Model.load(tmp_path / "bad")
    del header["second"], tensors[name]
    tensor_file.save(tmp_path / "bad", header | {"second": [1.0, 1.0, 1.0]}, tensors, 6)
    with pytest.raises(ModelFileError, match="second"):
        Model.load(tmp_path / "bad")


def test_a_second_pass_needs_the_labels_of_a_record() -> None:
    with pytest.raises(InputError, match="second pass, and the record is of no labels"):
        Model.of(replace(linked().parts, record=Record()))
    two = model_of(["a", "b"], np.full(2, 0.5))
    with pytest.raises(InputError, match="second pass is over 4 labels, not 2"):
        Model.of(replace(two.parts, calibration=linked().parts.calibration))


ODD = ({"maximise": "zz"}, {"micro_f1": 7}, {"macro_f1": -0.5})


def test_a_model_file_edited_by_hand(tmp_path: Path) -> None:
    """Each fault is told once, with the file and a mend."""
    path = tmp_path / "m"
    lists = [["a"], ["b"], ["a", "b"], []] * 10
    textmlr.train(["x fox", "y horse", "x y", "z"] * 10, lists).save(path)
    header, tensors = tensor_file.load(path)
    record = header["record"]
    edits: list[tuple[Any, Any]] = [
        (record, tensors | {"thresholds": np.full(3, 0.5)}),
        (record, tensors | {"thresholds": np.zeros(2)}),
        (record, {name: own for name, own in tensors.items() if name != "thresholds"}),
        *((record | {"thresholds": record["thresholds"] | own}, tensors) for own in ODD),
    ]
    for own, edited in edits:
        tensor_file.save(path, header | {"record": own}, edited, 6)
        with pytest.raises(ModelFileError) as raised:
            Model.load(path)
        assert str(raised.value).count(str(path)) == 1
        assert "copy the file again" in str(raised.value)
