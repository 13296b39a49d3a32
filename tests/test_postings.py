"""A sparse θ: the softmax over all labels at the cost of those that a document touches."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import naive_postings
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posting_models import by_brute_force

import textmlr
from textmlr import FeaturizerOptions, InputError, Model
from textmlr.corpus.in_memory import batches_of
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.kernels import exponentials, touched_labels
from textmlr.model.answer_stream import answer_blocks, ranked_blocks
from textmlr.model.model_parts import ModelParts, check_dense
from textmlr.model.postings import Postings
from textmlr.model.record import CorpusRecord, Record
from textmlr.model.scoring import Calibration, Mixed

WORDS = [f"w{i:03}" for i in range(60)]
OPTIONS = FeaturizerOptions(ngrams=(1, 1), char_ngrams=None, min_df=1)
ASKED = [
    "w000 w001 w002",
    "",
    "nothing known",
    "w059",
    "w003 w003 w003",
    " ".join(WORDS),
    "w058 unheard w010",
    b"w004 \xff w005",
]


def postings_of(theta: Any, bias: Any, sums: Any = None) -> Postings:
    """The entries of a dense θ (R, L) that are not NaN."""
    there = ~np.isnan(theta)
    starts = np.append(0, np.cumsum(there.sum(axis=1))).astype(np.int64)
    labels = np.nonzero(there)[1].astype(np.int32)
    weights = theta[there].astype(np.float32)
    return Postings(
        starts, labels, weights, bias.astype(np.float32), np.ones_like(bias, np.float32)
    )


def model_of(
    labels: int,
    *,
    seed: int = 0,
    filled: float = 0.2,
    size: float = 1.0,
    bias: Any = None,
    share: float = 0.0,
    calibration: Mixed | None = None,
    counts: Any = None,
    options: FeaturizerOptions = OPTIONS,
) -> Model:
    """A model of 60 words with random weights of that size, a part of all filled."""
    rng = np.random.default_rng(seed)
    featurizer = Featurizer(options).fit([" ".join(WORDS), *WORDS])
    columns = None
    rows = featurizer.columns
    if options.hash_bits is not None:
        columns, _ = HashedColumns.of(featurizer.featurize(batches_of(WORDS), 1), 1)
        rows = len(columns.kept)
    starts, own = [0], []
    for row in range(rows):
        always = row == 0 and options.bias
        many = 0 if always else rng.binomial(labels, filled)
        own.append(np.sort(rng.choice(labels, many, replace=False)))
        starts.append(starts[-1] + many)
    weights = rng.normal(size=starts[-1], scale=size).astype(np.float32)
    bias = np.zeros(labels) if bias is None else np.asarray(bias)
    postings = Postings(
        np.array(starts),
        np.concatenate(own).astype(np.int32),
        weights,
        bias.astype(np.float32),
        np.ones(labels, np.float32),
    )
    if counts is None:
        counts = rng.integers(1, 9, labels)
    corpus = CorpusRecord(files=(), documents=int(sum(counts)), per_label=tuple(map(int, counts)))
    names = [f"label {i:06}" for i in range(labels)]
    record = Record(corpus=corpus)
    mixed = Mixed(share=share) if calibration is None else calibration
    return Model.of(ModelParts(names, featurizer, (), record, columns, mixed, postings=postings))


BIASES = {
    "none": lambda n, rng: np.zeros(n),
    "by frequency": lambda n, rng: np.log(rng.integers(1, 50, n)),
    "one towers": lambda n, rng: np.where(np.arange(n) == n // 2, 1e4, 0.0),
    "one sinks": lambda n, rng: np.where(np.arange(n) == n // 2, -1e4, 0.0),
    "wide": lambda n, rng: rng.normal(0, 300, n),
}


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("filled", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_every_p_is_that_of_brute_force(
    bias: str, share: float, filled: float, size: float
) -> None:
    labels = 101
    rng = np.random.default_rng(1)
    own = BIASES[bias](labels, rng)
    model = model_of(labels, filled=filled, size=size, bias=own, share=share)
    check_answers(model, ASKED)


def check_answers(model: Model, texts: list[Any], k: int = 7) -> None:
    """Dense answers and ranked ones against brute force, and against one another to the bit."""
    _, p = by_brute_force(model, texts)
    (batch,) = batches_of(texts)
    (answers,) = answer_blocks(model, [batch], 1)
    np.testing.assert_allclose(answers.probabilities, p, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1, atol=1e-9)
    assert np.isfinite(answers.scores).all()
    assert np.isfinite(answers.log_z).all()
    labels = p.shape[1]
    k = min(k, labels)
    codes = np.random.default_rng(0).integers(0, labels, len(texts))
    for given_codes in (codes, answers.best, np.full(len(texts), labels), np.full(len(texts), -1)):
        (ranked,) = ranked_blocks(model, [batch], 1, k, given_codes)
        for i, row in enumerate(answers.probabilities.tolist()):
            order, best = naive_postings.best(row, k)
            assert ranked.labels[i].tolist() == order
            assert ranked.probabilities[i].tolist() == best
            truth = int(given_codes[i])
            assert ranked.of_truth[i] == (row[truth] if 0 <= truth < labels else 0.0)
            assert ranked.rank[i] == naive_postings.rank(row, truth)
    assert ranked.log_z.tolist() == answers.log_z.tolist()
    assert ranked.known.tolist() == answers.known.tolist()
    assert ranked.invalid == answers.invalid
    of_label = model._answerer.of_label(batch, labels // 2)
    assert of_label.tolist() == answers.probabilities[:, labels // 2].tolist()


@pytest.mark.parametrize("exponent", [-1.0, -0.4])
@pytest.mark.parametrize("least", [1e-3, 0.7])
def test_sums_are_multiplied_by_a_power_of_the_highest(exponent: float, least: float) -> None:
    bias = np.random.default_rng(1).normal(size=101)
    for share in (0.0, 0.2):
        calibration = Mixed(1.0, exponent, 0.9, least, share)
        check_answers(model_of(101, bias=bias, calibration=calibration), ASKED)
    sums = np.random.default_rng(2).normal(size=7)
    times = naive_postings.multiplier(sums, calibration)
    np.testing.assert_allclose(calibration.multipliers(sums), times)
    doubled = replace(calibration, factor=2.0).absorbed()  # for sums that are twice as large
    np.testing.assert_allclose(doubled.multipliers(2 * sums), times)
    assert Calibration.of(calibration.as_json()) == calibration


@pytest.mark.parametrize("k", [0, 1, 5, 101])
def test_any_number_of_labels_is_ranked(k: int) -> None:
    check_answers(model_of(101, share=0.3), ASKED, k)


def test_ties_go_to_the_first_label() -> None:
    """All untouched labels are as likely, and all known ones, too."""
    model = model_of(50, filled=0.1, counts=np.full(50, 3), share=0.25)
    parts = model.parts
    assert parts.postings is not None
    equal = replace(parts.postings, weights=np.ones_like(parts.postings.weights))
    check_answers(Model.of(replace(parts, postings=equal)), ASKED, 30)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 0.9]), st.integers(2, 40))
def test_ties_of_few_values(seed: int, share: float, labels: int) -> None:
    """Weights, biases and counts of few values, of which some cancel."""
    rng = np.random.default_rng(seed)
    bias = rng.integers(-2, 3, labels) * rng.choice([0.5, 20.0])
    model = model_of(
        labels, seed=seed, filled=0.3, bias=bias, share=share, counts=rng.integers(0, 3, labels) + 1
    )
    parts = model.parts
    assert parts.postings is not None
    weights = rng.integers(-1, 2, len(parts.postings)).astype(np.float32)
    few = replace(parts.postings, weights=weights * np.float32(rng.choice([1.0, 50.0])))
    check_answers(Model.of(replace(parts, postings=few)), ASKED, int(rng.integers(1, labels + 1)))


@pytest.mark.parametrize("filled", [0.15, 0.3, 1.0])
def test_rows_of_many_labels_answer_alike(filled: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether all labels are gone through for a feature, or those that met it."""
    model = model_of(1100, filled=filled, share=0.1)
    assert model.parts.postings is not None
    arrays = model.parts.postings.arrays()
    assert (len(arrays.wide) > 0) == (filled > 0.25)
    assert arrays.dense.shape == (len(arrays.wide), 1100)
    check_answers(model, ASKED)
    p = model.probabilities(ASKED)
    monkeypatch.setattr("textmlr.kernels.touched_labels.WIDE_LEAST", 9999)
    again = Model.of(model.parts)
    assert len(model.parts.postings.arrays().wide) == 0
    np.testing.assert_allclose(again.probabilities(ASKED), p, rtol=1e-13)


@pytest.mark.parametrize("many", [0, 1, 3, 511, 512, 513, 2000])
def test_exponentials(many: int) -> None:
    rng = np.random.default_rng(many)
    scores = 1e4 - rng.random(many) * rng.choice([1e-9, 1.0, 30.0, 699.0], many)
    highest = float(scores.max(initial=0))
    out, powers = np.empty(many), np.zeros(exponentials.CHUNK, np.int64)
    total = exponentials._exponentials(scores, highest, many, out, powers)
    want = [math.exp(score - highest) for score in scores]
    np.testing.assert_allclose(out, want, rtol=4e-16)
    np.testing.assert_allclose(total, math.fsum(want), rtol=1e-13)
    far = np.array([0.0, -700.0, -1e4, -1e30])
    exponentials._exponentials(far, 0.0, 4, out := np.empty(4), powers)
    np.testing.assert_allclose(out, np.exp([0.0, -700.0, -700.0, -700.0]), rtol=1e-15)


def test_sums_that_come_back_to_0() -> None:
    """Labels whose sums cancel again and again are listed more often than there are labels."""
    labels = 8
    options = replace(OPTIONS, norm=None, idf=False)
    model = model_of(labels, filled=1.0, options=options)
    parts = model.parts
    assert parts.postings is not None
    signs = np.where(np.arange(len(WORDS)) % 2, -1.0, 1.0)
    weights = np.repeat(signs, labels).astype(np.float32)
    check_answers(
        Model.of(replace(parts, postings=replace(parts.postings, weights=weights))), ASKED
    )


@pytest.mark.parametrize("labels", [1000, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", [3.0, 1e4])
@pytest.mark.parametrize("bias", BIASES)
def test_very_many_labels(labels: int, size: float, bias: str) -> None:
    rng = np.random.default_rng(2)
    counts = rng.integers(1, 40, labels)
    own = BIASES[bias](labels, rng)
    model = model_of(labels, filled=0.01, size=size, bias=own, share=0.1, counts=counts)
    check_answers(model, ASKED[:4], 5)


@pytest.mark.parametrize(
    "options",
    [
        FeaturizerOptions(min_df=1, char_ngrams=(2, 4), bias=False, norm=None),
        FeaturizerOptions(hash_bits=6, char_ngrams=None, ngrams=(1, 1)),
        FeaturizerOptions(hash_bits=12, char_ngrams=None, ngrams=(1, 1), bias=False, idf=True),
    ],
    ids=str,
)
def test_other_featurizers(options: FeaturizerOptions) -> None:
    check_answers(model_of(30, options=options, share=0.1), ASKED)


def test_threads_and_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(300, share=0.1)
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(WORDS, rng.integers(0, 20))) for _ in range(500)]
    batches = batches_of(texts)
    codes = rng.integers(0, 300, 500)
    (once,) = ranked_blocks(model, batches, 1, 4, codes)
    (seventh,) = ranked_blocks(model, batches, 1, 1, 7)
    np.testing.assert_array_equal(seventh.of_truth, model.probabilities(texts)[:, 7])
    monkeypatch.setattr("textmlr.model.answer_stream.BLOCK_ANSWERS", 4 * 17)
    parts = list(ranked_blocks(model, batches, 3, 4, codes))
    assert len(parts) > 20
    for name in ("labels", "probabilities", "log_z", "known", "of_truth", "rank"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(once, name))


PLAIN = """
import pickle, sys
from textmlr.kernels import jit
assert jit.run_plain()
model, texts = pickle.load(sys.stdin.buffer)
from textmlr.model.postings_answering import PostingsAnswerer
assert jit.is_plain()
sys.stdout.buffer.write(pickle.dumps((model.probabilities(texts), model.classify(texts, top=4))))
"""


@pytest.mark.parametrize("hash_bits", [None, 8])
def test_a_process_that_does_one_small_thing_answers_alike(hash_bits: int | None) -> None:
    """Its kernels run as plain Python, but for those that go over postings."""
    options = OPTIONS
    if hash_bits is not None:
        options = replace(OPTIONS, hash_bits=hash_bits, min_df=None, idf=False)
    model = model_of(40, share=0.1, options=options)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN],
        input=pickle.dumps((model, ASKED)),
        capture_output=True,
        check=True,
    )
    p, answers = pickle.loads(done.stdout)
    np.testing.assert_array_equal(p, model.probabilities(ASKED))
    assert answers == model.classify(ASKED, top=4)


def test_a_long_document_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(40, share=0.1)
    want = model.probabilities(ASKED)
    monkeypatch.setattr("textmlr.corpus.blocks.GIANT_BYTES", 8)
    np.testing.assert_array_equal(model.probabilities(ASKED), want)


def test_dense_models_rank_as_well() -> None:
    rng = np.random.default_rng(4)
    featurizer = Featurizer(OPTIONS).fit([" ".join(WORDS), *WORDS])
    theta = rng.integers(-1, 2, (featurizer.columns, 9)).astype(np.float32)
    model = Model([f"l{i}" for i in range(9)], featurizer, [theta], Record())
    (batch,) = batches_of(ASKED)
    (answers,) = answer_blocks(model, [batch], 1)
    codes = np.array([0, 8, 9, -1, 3, 4, 5, 6])
    (ranked,) = ranked_blocks(model, [batch], 1, 4, codes)
    for i, row in enumerate(answers.probabilities.tolist()):
        order, best = naive_postings.best(row, 4)
        assert ranked.labels[i].tolist() == order
        assert ranked.probabilities[i].tolist() == best
        truth = int(codes[i])
        assert ranked.of_truth[i] == (row[truth] if 0 <= truth < 9 else 0.0)
        assert ranked.rank[i] == naive_postings.rank(row, truth)
    assert model._answerer.of_label(batch, 2).tolist() == answers.probabilities[:, 2].tolist()


@pytest.mark.parametrize(
    "name", ["linear.textmlr", "hashed.textmlr", "hidden.textmlr", "words.bin", "tree.bin"]
)
def test_models_of_every_kind_rank_as_they_answer(name: str) -> None:
    folder = Path(__file__).parent
    if name.endswith(".bin"):
        model = textmlr.import_model(folder / "fasttext" / name)
    else:
        model = textmlr.load(folder / "models" / name)
    batches = batches_of(["a robot and a kiss", "", "zzz qq"])
    (answers,) = answer_blocks(model, batches, 1)
    k = min(3, len(model.labels))
    (ranked,) = ranked_blocks(model, batches, 1, 99, answers.best)
    assert ranked.labels.shape == (3, len(model.labels))
    for i, row in enumerate(answers.probabilities.tolist()):
        assert ranked.labels[i, :k].tolist() == naive_postings.best(row, k)[0]
    assert ranked.rank.tolist() == [0, 0, 0]
    assert ranked.of_truth.tolist() == answers.probabilities.max(axis=1).tolist()


def test_the_model_answers_in_python() -> None:
    model = model_of(30, share=0.1)
    p = model.probabilities(ASKED)
    names = np.array(model.labels, object)
    assert model.predict(ASKED).tolist() == names[p.argmax(axis=1)].tolist()
    assert model.predict(ASKED[0]) == names[p[0].argmax()]
    assert model.predict([]).shape == (0,)
    assert model.probabilities([]).shape == (0, 30)
    for top in (1, 4, 30, 99, None, "answer"):
        own = model.classify(ASKED, top=top)
        k = {None: 30, "answer": 1}.get(top, top)
        for row, answers in zip(p.tolist(), own, strict=True):
            order, best = naive_postings.best(row, k)
            assert [tuple(one) for one in answers] == [
                (model.labels[label], share) for label, share in zip(order, best, strict=True)
            ]
    assert model.classify(ASKED[3], top=2) == model.classify(ASKED, top=2)[3]
    unsure = model.classify(ASKED[0], top=2, min_probability=1.0)
    assert [one.label for one in unsure] == [
        None,
        *(o.label for o in model.classify(ASKED[0], top=2)),
    ]
    assert model.classify(ASKED[0], min_probability=1.0)[0].label is None
    np.testing.assert_allclose(
        np.exp(model.scores(ASKED) - model.log_z(ASKED)[:, None]), p, rtol=1e-5
    )
    (answers,) = answer_blocks(model, batches_of(ASKED), 1)
    assert model.log_z(ASKED).tolist() == answers.log_z.tolist()
    assert model.log_z(ASKED[0]) == answers.log_z[0]
    assert model.log_z([]).shape == (0,)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.probabilities(ASKED), p)
    assert "weights where label and feature met" in repr(model)
    assert "where label and feature met" in model._repr_html_()
    info = model.info()
    assert info["theta"] == "sparse"
    assert info["weights"] == len(model.parts.postings or ())
    with pytest.raises(InputError, match="sparse theta"):
        _ = model.theta
    with pytest.raises(InputError, match="a model with a sparse theta is not for this"):
        check_dense(model.parts, "is not for this")


def test_answers_that_do_not_fit_in_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(1000)
    monkeypatch.setattr("textmlr.model.answer_stream.machine_memory", lambda: 10**6)
    assert model.probabilities(ASKED).shape == (8, 1000)
    assert model.log_z(ASKED * 1000).shape == (8000,)
    assert len(model.classify(ASKED * 1000, top=2)) == 8000
    problem = "8,000 documents × 1,000 labels need 0.1 GiB.*top=5"
    with pytest.raises(InputError, match=problem):
        model.probabilities(ASKED * 1000)
    with pytest.raises(InputError, match="documents × 1,000 labels"):
        model.scores(ASKED * 1000)


def test_without_a_record_the_bias_answers_for_what_is_unknown() -> None:
    bias = np.log([1.0, 2.0, 3.0, 4.0])
    model = model_of(4, bias=bias)
    plain = Model.of(replace(model.parts, record=Record()))
    np.testing.assert_allclose(plain.probabilities("unheard"), [0.1, 0.2, 0.3, 0.4], rtol=1e-6)
    with pytest.raises(InputError, match="which the record lacks"):
        Model.of(replace(plain.parts, calibration=Mixed(share=0.5)))


def test_postings_give_rows_and_columns() -> None:
    rng = np.random.default_rng(5)
    theta = rng.normal(size=(12, 7)).astype(np.float32)
    theta[rng.random((12, 7)) < 0.6] = np.nan
    postings = postings_of(theta, np.zeros(7))
    want = np.nan_to_num(theta)
    np.testing.assert_array_equal(postings.dense(), want)
    np.testing.assert_array_equal(postings.rows(np.array([3, 0, 3])), want[[3, 0, 3]])
    for label in range(7):
        np.testing.assert_array_equal(postings.column(label), want[:, label])
    twin = naive_postings.dense(postings.starts, postings.labels, postings.weights, 7)
    np.testing.assert_array_equal(twin, want)
    assert "12 features for 7 labels" in repr(postings)


def test_parts_that_do_not_fit_are_refused() -> None:
    model = model_of(5)
    parts = model.parts
    own = parts.postings
    assert own is not None
    short = own.labels[:-1]
    unsorted = own.labels.copy()
    unsorted[: own.starts[2]] = unsorted[: own.starts[2]][::-1]
    huge = own.weights.copy()
    huge[0] = np.inf
    always = own.starts.copy()
    always[1] = 1
    for change, problem in [
        ({"labels": short}, "not arrays of one entry each"),
        ({"weights": own.weights.astype(np.float64)}, "not arrays of one entry each"),
        ({"scales": np.ones(3, np.float32)}, "3 scales of 5 labels"),
        ({"labels": np.full_like(own.labels, 5)}, "not rows of ascending labels"),
        ({"labels": np.full_like(own.labels, -1)}, "not rows of ascending labels"),
        ({"starts": own.starts[1:]}, "theta is"),
        ({"starts": own.starts[::-1].copy()}, "not rows of ascending labels"),
        ({"starts": always}, "the bias is a row"),
        ({"weights": huge}, "infinite"),
    ]:
        with pytest.raises(InputError, match=problem):
            Model.of(replace(parts, postings=replace(own, **change)))
    for change, problem in [
        ({"calibration": Calibration()}, "not one with base rates"),
        ({"layers": [np.zeros((61, 5), np.float32)]}, "both sparse and dense"),
        ({"labels": parts.labels[1:]}, "theta is"),
    ]:
        with pytest.raises(InputError, match=problem):
            Model.of(replace(parts, **change))


def test_soundness_of_rows() -> None:
    def sound(starts: list[int], labels: list[int], many: int = 4) -> bool:
        return bool(
            touched_labels.is_sound(np.array(starts, np.int64), np.array(labels, np.int32), many)
        )

    assert sound([0], [])
    assert sound([0, 2, 2, 3], [0, 3, 1])
    assert not sound([], [])
    assert not sound([0, 2, 1, 3], [0, 3, 1])
    assert not sound([0, 3], [0, 1])
    assert not sound([1, 2], [0, 1])
    assert not sound([0, 2], [1, 1])
    assert not sound([0, -5, 2], [0, 1])
    assert not sound([0, 5, 2], [0, 1])
