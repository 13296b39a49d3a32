"""Model: the same arithmetic as plain scipy, the same answers after a round trip."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import corpus_of, documents
from scipy.special import logsumexp

from textmlr import FeaturizerOptions, InputError, ModelFileError
from textmlr.base import tensor_file
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.reading import read_corpus
from textmlr.model.answer_stream import answer_blocks
from textmlr.model.model import Model
from textmlr.model.record import Record
from textmlr.training.corpus_training import train_corpus

PAIRS = documents(200, 4)
TEXTS = [text for _, text in PAIRS[:40]] + ["", "nothing known at all?", "robot " * 500]


@pytest.fixture(scope="module")
def model() -> Model:
    return train_corpus(corpus_of(PAIRS))


def test_joint_vectors_give_score_z_and_probability() -> None:
    model = train_corpus(corpus_of(PAIRS), training_options=TrainingOptions(calibration=False))
    theta = model.theta.ravel().astype(np.float64)
    scores, log_z = model.scores(TEXTS), model.log_z(TEXTS)
    probabilities = model.probabilities(TEXTS)
    base = np.log(model.record.corpus.per_label) - np.log(len(PAIRS))
    for i, text in enumerate(TEXTS):
        if not text:  # see test_base_rates.py
            np.testing.assert_allclose(scores[i], base, atol=1e-6)
            continue
        joint = [model.featurizer.joint(text, label) for label in model.labels]
        assert all(f.shape == (1, theta.size) for f in joint)
        own = np.array([float((f @ theta)[0]) for f in joint])
        np.testing.assert_allclose(scores[i], own, atol=1e-5)
        assert log_z[i] == pytest.approx(logsumexp(own), abs=1e-5)
        np.testing.assert_allclose(probabilities[i], np.exp(own - logsumexp(own)), atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        FeaturizerOptions(),
        FeaturizerOptions(hash_bits=10),
        FeaturizerOptions(hash_bits=10, idf=True),
        FeaturizerOptions(char_ngrams=(2, 4), ngrams=None, bias=False, norm=None, idf=False),
    ],
)
def test_saved_and_loaded(options: FeaturizerOptions, tmp_path: Path) -> None:
    trained = train_corpus(corpus_of(PAIRS), options)
    size = trained.save(tmp_path / "a.textmlr")
    loaded = Model.load(tmp_path / "a.textmlr")
    assert (tmp_path / "a.textmlr").stat().st_size == size
    assert loaded.labels == trained.labels
    assert loaded.probabilities(TEXTS).tobytes() == trained.probabilities(TEXTS).tobytes()
    assert loaded.featurizer.options == trained.featurizer.options
    if options.hash_bits is None:
        assert loaded.featurizer.feature_names() == trained.featurizer.feature_names()
    trained.save(tmp_path / "again.textmlr")
    loaded.save(tmp_path / "b.textmlr")
    for name in ("again.textmlr", "b.textmlr"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "a.textmlr").read_bytes()


def test_one_text_is_answered_as_many_are(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.textmlr")
    together = model.probabilities(TEXTS)
    loaded = Model.load(tmp_path / "m.textmlr")
    for i in range(3):
        assert loaded.probabilities([TEXTS[i]])[0].tobytes() == together[i].tobytes()
    assert loaded.probabilities(TEXTS * 50)[: len(TEXTS)].tobytes() == together.tobytes()


def test_rows_sum_to_one_and_empty_input_is_fine(model: Model) -> None:
    p = model.probabilities(TEXTS)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert p.max() <= 1
    assert model.probabilities([]).shape == (0, 3)
    assert model.classify([]) == []


def test_classify_orders_and_cuts(model: Model) -> None:
    everything = model.classify(TEXTS, top=None)
    p = model.probabilities(TEXTS)
    for answers, row in zip(everything, p, strict=True):
        assert [a.probability for a in answers] == sorted(row.tolist(), reverse=True)
        assert all(row[model.labels.index(a.label)] == a.probability for a in answers)
        assert sorted(a.label for a in answers) == model.labels
    assert [len(a) for a in model.classify(TEXTS, top=2)] == [2] * len(TEXTS)
    flat = Model(model.labels, model.featurizer, [np.zeros_like(model.theta)], model.record)
    assert [a.label for a in flat.classify(["x"], top=None)[0]] == model.labels


def test_threads_share_a_model(model: Model) -> None:
    want = model.probabilities(TEXTS).tobytes()
    got: list[bytes] = []
    pool = [
        threading.Thread(target=lambda: got.append(model.probabilities(TEXTS).tobytes()))
        for _ in range(8)
    ]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    assert got == [want] * 8


def test_theta_must_fit_and_be_finite(model: Model) -> None:
    with pytest.raises(ValueError, match="theta"):
        Model(model.labels, model.featurizer, [model.theta[:-1]], Record())
    for bad in (np.nan, np.inf):
        theta = model.theta.copy()
        theta[3, 1] = bad
        with pytest.raises(ValueError, match="finite"):
            Model(model.labels, model.featurizer, [theta], Record())


def doctored(model: Model, path: Path, **changes: object) -> Path:
    """The model's file with some tensors or header values replaced (None: left out)."""
    model.save(path)
    header, tensors = tensor_file.load(path)
    tensors = {name: array.copy() for name, array in tensors.items()}
    for name, value in changes.items():
        name = name.replace("__", ".")
        target = tensors if name in tensors else header
        if value is None:
            del target[name]
        else:
            target[name] = value  # type: ignore[assignment]
    tensor_file.save(path, header, tensors)
    return path


def test_every_part_is_checked_on_load(tmp_path: Path) -> None:
    model = train_corpus(corpus_of(PAIRS), FeaturizerOptions(idf=True))
    path = tmp_path / "m.textmlr"
    model.save(path)
    _, t = tensor_file.load(path)
    nan = t["theta.0"].copy()
    nan[5, 0] = np.nan
    twice = t["hashes"].copy()
    twice[1] = twice[0]
    ids = t["hash_ids"].copy()
    ids[0] = ids[1]
    far = t["hash_ids"].copy()
    far[0] = len(far)
    offsets = t["name_offsets"].copy()
    offsets[1] = offsets[-1] + 1
    unsorted = t["labels"][::-1].copy()
    for changes in (
        {"theta__0": nan},
        {"theta__0": t["theta.0"][:-1].copy()},
        {"theta__0": t["theta.0"].astype(np.float64)},
        {"theta__0": None},
        {"hashes": twice},
        {"hashes": t["hashes"][::-1].copy()},
        {"hash_ids": ids},
        {"hash_ids": far},
        {"name_offsets": offsets},
        {"labels": unsorted},
        {"labels": np.frombuffer(b"aab", np.uint8), "label_offsets": np.array([0, 1, 2, 3])},
        {"labels": np.frombuffer(b"ab", np.uint8), "label_offsets": np.array([0, 1, 2])},
        {
            "labels": np.frombuffer(b"a", np.uint8),
            "label_offsets": np.array([0, 1]),
            "theta__0": t["theta.0"][:, :1].copy(),
        },
        {"labels": np.frombuffer(b"a\xffc", np.uint8), "label_offsets": np.array([0, 1, 2, 3])},
        {"idf": -t["idf"]},
        {"idf": t["idf"] * np.float32(np.nan)},
        {"idf": t["idf"] * np.float32(np.inf)},
        {"idf": t["idf"][:-1].copy()},
        {"frequencies": t["frequencies"] * 0},
        {"documents": -1},
        {"documents": "many"},
        {"featurizer": {"ngrams": [2, 1]}},
        {"featurizer": {"nonsense": 1}},
        {"featurizer": None},
        {"record": None},
    ):
        with pytest.raises(ModelFileError) as caught:
            Model.load(doctored(model, path, **changes))
        assert str(path) in str(caught.value), changes
    Model.load(doctored(model, path))


@pytest.mark.slow
def test_same_corpus_same_file_whatever_the_threads(tmp_path: Path) -> None:
    files = []
    for threads in (1, 2, 4):
        files.append(tmp_path / f"{threads}.textmlr")
        train_corpus(corpus_of(PAIRS), threads=threads).save(files[-1])
    assert len({file.read_bytes() for file in files}) == 1
    other = train_corpus(corpus_of(PAIRS), training_options=TrainingOptions(seed=2))
    other.save(tmp_path / "other.textmlr")
    assert (tmp_path / "other.textmlr").read_bytes() != files[0].read_bytes()


def test_file_order_does_not_matter_to_the_features(tmp_path: Path) -> None:
    shuffled = [PAIRS[i] for i in np.random.default_rng(0).permutation(len(PAIRS))]
    a, b = train_corpus(corpus_of(PAIRS)), train_corpus(corpus_of(shuffled))
    assert set(a.featurizer.feature_names()) == set(b.featurizer.feature_names())


def test_a_model_from_files(train_tsv: Path, model_file: Path) -> None:
    """The fixture's model, made by read_corpus, answers its own corpus well."""
    corpus = read_corpus([str(train_tsv)])
    model = Model.load(model_file)
    p = np.concatenate([a.probabilities for a in answer_blocks(model, corpus.batches)])
    assert (p.argmax(axis=1) == corpus.y).mean() > 0.95


def test_top_must_be_positive(model: Model) -> None:
    for top in (0, -1):
        with pytest.raises(InputError, match="top"):
            model.classify(["x"], top=top)


def test_classify_may_be_unsure(model: Model) -> None:
    """The first Answer is what the model says: label None where none is likely enough."""
    sure, unsure = "robot orbit laser engine", "nothing known at all?"
    best = [answers[0] for answers in model.classify([sure, unsure])]
    least = (best[0].probability + best[1].probability) / 2
    for top, lengths in ((1, (1, 1)), (2, (2, 3)), (None, (3, 4))):
        answers = model.classify([sure, unsure], top=top, min_probability=least)
        assert answers[0] == model.classify([sure], top=top)[0]
        assert tuple(map(len, answers)) == lengths
        assert answers[1][0] == (None, best[1].probability)
        if top != 1:
            assert answers[1][1:] == model.classify([unsure], top=top)[0]
    # What is just as likely is likely enough.
    assert model.classify([unsure], min_probability=best[1].probability)[0][0] == best[1]
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="min_probability"):
            model.classify([sure], min_probability=bad)
