"""kernels/linear.py, kernels/softmax.py and kernels/sgd.py against their naive twins."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import naive_linear as naive
import numpy as np
import pytest
from conftest import as_python, compiled, documents, write_tsv
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr.base.arrays import frozen
from textmlr.features.csr_features import Features
from textmlr.kernels import layers as network_kernels
from textmlr.kernels import linear, sgd, softmax
from textmlr.kernels.jit import row_loops
from textmlr.model.parameters import Network
from textmlr.training.objective import Objective


def random_rows(documents: int, columns: int, seed: int) -> Features:
    """Random CSR rows; the second is the bias alone, the third has no feature at all."""
    rng = np.random.default_rng(seed)
    rows = [
        np.sort(rng.choice(np.arange(1, columns), rng.integers(0, columns - 1), False))
        for _ in range(documents)
    ]
    rows = [np.concatenate([[0], row]) for row in rows]
    if documents > 2:
        rows[1], rows[2] = np.zeros(1), np.zeros(0)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    indices = np.concatenate(rows).astype(np.int32)
    values = rng.normal(size=len(indices)).astype(np.float32)
    return Features(indptr, indices, values, columns)


def problem(documents: int = 12, columns: int = 9, labels: int = 3, seed: int = 0):
    rows = random_rows(documents, columns, seed)
    rng = np.random.default_rng(seed + 1)
    theta = rng.normal(size=(columns, labels)).astype(np.float32)
    y = rng.integers(0, labels, documents).astype(np.int32)
    weights = rng.uniform(0.1, 3, documents).astype(np.float32)
    x = naive.dense(rows.indptr, rows.indices, rows.values, columns)
    return rows, x, theta, y, weights


def arrays(rows: Features):
    return frozen(rows.indptr), frozen(rows.indices), frozen(rows.values)


def scores_of(rows: Features, theta: np.ndarray) -> np.ndarray:
    out = np.empty((len(rows), theta.shape[1]), np.float32)
    network = Network.of([theta])
    linear.scores(rows.arrays(), network.arrays(), network.frozen_room(), out)
    return out


def log_z_of(scores: np.ndarray) -> np.ndarray:
    out = np.empty(len(scores))
    softmax.log_normalizer(frozen(np.ascontiguousarray(scores, np.float32)), out)
    return out


def probabilities_of(scores: np.ndarray) -> np.ndarray:
    scores = np.ascontiguousarray(scores, np.float32)
    out = np.empty(scores.shape)
    softmax.probabilities(frozen(scores), frozen(log_z_of(scores)), out)
    return out


@pytest.mark.parametrize("labels", [1, 2, 3, 17])
@pytest.mark.parametrize("documents", [1, 12])
def test_scores_probabilities_loss_and_gradient(labels: int, documents: int) -> None:
    rows, x, theta, y, weights = problem(documents, labels=labels)
    scores = scores_of(rows, theta)
    np.testing.assert_allclose(scores, x @ theta, rtol=1e-5, atol=1e-5)
    squares = np.empty(documents)
    linear.square_lengths(frozen(rows.indptr), frozen(rows.values), squares)
    np.testing.assert_allclose(squares, (x**2).sum(axis=1), rtol=1e-6, atol=1e-12)
    log_z = log_z_of(scores)
    np.testing.assert_allclose(log_z, naive.log_normalizer(scores), rtol=1e-12)
    p = probabilities_of(scores)
    np.testing.assert_allclose(p, naive.probabilities(scores), rtol=1e-9)
    total = softmax.loss(frozen(scores), frozen(log_z), frozen(y), frozen(weights))
    assert total == pytest.approx(naive.loss(x, theta, y, weights), rel=1e-5, abs=1e-5)
    out = np.zeros(theta.shape)
    linear.gradient(*arrays(rows), frozen(errors_of(p, y)), frozen(weights), out)
    np.testing.assert_allclose(out, naive.gradient(x, theta, y, weights), rtol=1e-4, atol=1e-5)


def errors_of(p, y):
    return p - np.eye(p.shape[1])[y]


def test_hand_worked() -> None:
    """θ = ln 2, 0, 0 for one feature of value 1: z = 2 + 1 + 1."""
    rows = Features(np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32), 1)
    theta = np.array([[math.log(2), 0, 0]], np.float32)
    scores = scores_of(rows, theta)
    assert log_z_of(scores)[0] == pytest.approx(math.log(4))
    assert probabilities_of(scores)[0].tolist() == pytest.approx([0.5, 0.25, 0.25])


def one_feature(value: float = 1.0) -> Features:
    """One document of one feature."""
    return Features(np.array([0, 1]), np.zeros(1, np.int32), np.full(1, value, np.float32), 1)


def test_hand_worked_loss_and_gradient() -> None:
    """θ = 0, f = 3, weight 2, y = 0: P = 1/2, loss 2 ln 2, gradient 2·3·(−1/2, 1/2)."""
    rows, y = one_feature(3.0), np.zeros(1, np.int32)
    weights = np.full(1, 2, np.float32)
    scores = scores_of(rows, np.zeros((1, 2), np.float32))
    p, log_z = probabilities_of(scores), log_z_of(scores)
    loss = softmax.loss(frozen(scores), frozen(log_z), frozen(y), frozen(weights))
    assert loss == pytest.approx(2 * math.log(2), rel=1e-12)
    out = np.full((1, 2), 10.0)  # added to, not overwritten
    linear.gradient(*arrays(rows), frozen(errors_of(p, y)), frozen(weights), out)
    assert out[0].tolist() == pytest.approx([7, 13], rel=1e-12)


def visit(rows, y, order, first, last, l2, theta) -> list[float]:
    """An epoch, as the solver calls it: [loss, correct]."""
    totals = np.empty(3)
    steps = sgd.Steps(first, last, l2, 1.0, 0.0, 0)
    sgd.epoch(rows.arrays(), frozen(y), frozen(order), steps, *trained(theta), totals)
    loss, correct, scale = totals.tolist()
    theta *= np.float32(scale)
    return [loss, correct]


def trained(theta):
    """What an epoch wants to know of a linear model, to take plain steps."""
    network = Network.of([theta])
    squares = np.zeros((0, theta.shape[1]), np.float32)
    layers = network_kernels.Layers(theta, network.upper, frozen(network.shape))
    return layers, sgd.Squares(squares, squares.copy()), network.frozen_room(training=True)


@pytest.mark.parametrize("labels", [*range(1, 40), 63, 64, 65, 97])
def test_chunks_of_labels_give_what_plain_loops_give(
    labels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every number of labels is cut into chunks of its own; none may touch its neighbours."""
    rows, _, theta, y, _ = problem(4, 7, labels)
    out = np.full((4, labels), np.nan, np.float32)
    network = Network.of([theta])
    linear.scores(rows.arrays(), network.arrays(), network.frozen_room(), out)
    expected = np.empty_like(out)
    for i in range(4):
        begin, end = rows.indptr[i : i + 2].tolist()
        row_loops.sum_rows(rows.indices, rows.values, begin, end, theta, expected[i])
    assert out.tobytes() == expected.tobytes()

    order = np.array([3, 0], np.int32)
    updated, plain = theta.copy(), theta.copy()
    visit(rows, y, order, 0.5, 0.1, 0.0, updated)
    with monkeypatch.context() as patch, np.errstate(over="ignore"):
        as_python(patch, sgd, network_kernels)
        visit(rows, y, order, 0.5, 0.1, 0.0, plain)
    np.testing.assert_allclose(updated, plain, rtol=1e-5, atol=1e-6)
    visited = np.concatenate([rows.indices[slice(*rows.indptr[i : i + 2])] for i in order])
    others = np.setdiff1d(np.arange(7), visited)
    assert updated[others].tobytes() == theta[others].tobytes()
    if labels > 1:
        assert (updated[visited] != theta[visited]).any(axis=0).all()


def test_hand_worked_step() -> None:
    """θ = (ln 3, 0), y = 1: P = (3/4, 1/4), so θ ← (1 − s·l2)·θ + s·(−3/4, 3/4), s = 1/2."""
    theta = np.array([[math.log(3), 0]], np.float32)
    order, y = np.zeros(1, np.int32), np.ones(1, np.int32)
    loss, correct = visit(one_feature(), y, order, 0.5, 0.0, 0.1, theta)
    assert theta[0].tolist() == pytest.approx([0.95 * math.log(3) - 0.375, 0.375], rel=1e-6)
    assert loss == pytest.approx(math.log(4), rel=1e-6)
    assert correct == 0


def test_scores_of_1e4_in_loss_gradient_and_step() -> None:
    """Scores (1e4, −1e4, 0) and y = 1: all of P is on label 0, and the loss is 2e4."""
    theta = np.array([[1e4, -1e4, 0]], np.float32)
    rows, y, weights = one_feature(), np.ones(1, np.int32), np.ones(1, np.float32)
    objective = Objective(rows, y, weights, 3)
    assert objective.value(Network.of([theta])) == 2e4
    assert objective.gradient(theta).tolist() == [[1, -1, 0]]
    order = np.zeros(1, np.int32)
    loss, _ = visit(rows, y, order, 0.5, 0.5, 0.0, theta)
    assert loss == 2e4
    assert theta.tolist() == [[9999.5, -9999.5, 0]]


@pytest.mark.slow
def test_fifty_thousand_labels() -> None:
    labels = 50_000
    rows, x, theta, y, weights = problem(4, 5, labels)
    scores = scores_of(rows, theta)
    np.testing.assert_allclose(scores, x @ theta, rtol=1e-5, atol=1e-5)
    p, log_z = probabilities_of(scores), log_z_of(scores)
    total = softmax.loss(frozen(scores), frozen(log_z), frozen(y), frozen(weights))
    assert total == pytest.approx(naive.loss(x, theta, y, weights), rel=1e-6)
    out = np.zeros(theta.shape)
    linear.gradient(*arrays(rows), frozen(errors_of(p, y)), frozen(weights), out)
    np.testing.assert_allclose(out, naive.gradient(x, theta, y, weights), rtol=1e-4, atol=1e-9)
    order = np.arange(4, dtype=np.int32)
    expected, loss, correct = naive.epoch(x, y, order, 0.5, 0.1, 1e-2, theta)
    told = visit(rows, y, order, 0.5, 0.1, 1e-2, theta)
    np.testing.assert_allclose(theta, expected, rtol=1e-4, atol=1e-6)
    # Its sum over labels is in float32.
    assert told[0] == pytest.approx(loss, rel=1e-4)
    assert told[1] == correct


def test_buffers_are_overwritten() -> None:
    """What an output held before, NaN included, does not come through."""
    rows, _, theta, _, _ = problem()
    scores, log_z = np.full((12, 3), np.nan, np.float32), np.full(12, np.nan)
    p = np.full((12, 3), np.nan)
    network = Network.of([theta])
    linear.scores(rows.arrays(), network.arrays(), network.frozen_room(), scores)
    softmax.log_normalizer(frozen(scores), log_z)
    softmax.probabilities(frozen(scores), frozen(log_z), p)
    assert scores.tobytes() == scores_of(rows, theta).tobytes()
    assert p.tobytes() == probabilities_of(scores).tobytes()


def test_the_empty_document() -> None:
    """Row 1 is the bias alone, row 2 nothing at all: P is even."""
    rows, _, theta, _, _ = problem()
    scores = scores_of(rows, theta)
    np.testing.assert_allclose(scores[1], rows.values[rows.indptr[1]] * theta[0], rtol=1e-6)
    assert scores[2].tolist() == [0, 0, 0]
    assert probabilities_of(scores)[2].tolist() == pytest.approx([1 / 3] * 3, rel=1e-15)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_probabilities_sum_to_one_and_never_pass_it(row: list[float]) -> None:
    """log z near 1e4 is rounded by at most 0.91e-12, half the spacing of float64 there."""
    p = probabilities_of(np.array([row], np.float32))[0]
    assert math.fsum(p) == pytest.approx(1, abs=1e-12)
    assert p.min() >= 0
    assert p.max() <= 1


@pytest.mark.parametrize("labels", [1, 2, 3, 50_000])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_huge_scores_and_many_labels(labels: int, size: float) -> None:
    scores = np.random.default_rng(3).normal(size=(3, labels)).astype(np.float32)
    scores[:, 0] += np.float32(size)
    p = probabilities_of(scores)
    assert np.isfinite(p).all()
    assert p.max() <= 1
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-11)
    if labels > 1:
        assert (p[:, 0] > 0.999).all() == (size > 0)


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=6), st.floats(-1000, 1000))
@settings(max_examples=60, deadline=None)
def test_a_constant_added_to_all_scores_changes_nothing(row: list[float], shift: float) -> None:
    plain = np.array([row], np.float32)
    shifted = plain + np.float32(shift)
    # float32 scores of 1000 are spaced by 6e-5, which is all the difference there may be.
    np.testing.assert_allclose(probabilities_of(plain), probabilities_of(shifted), rtol=1e-3)


@given(st.floats(-700, 700, width=32))
@settings(max_examples=60, deadline=None)
def test_two_labels_are_the_sigmoid(s: float) -> None:
    p = probabilities_of(np.array([[s, 0]], np.float32))[0, 0]
    assert p == pytest.approx(1 / (1 + math.exp(-s)), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_gradient_against_finite_differences(l2: float) -> None:
    rows, x, theta, y, weights = problem(documents=20, labels=4, seed=5)
    objective = Objective(rows, y, weights, 4, l2)
    exact = objective.gradient(theta)

    def value(at: np.ndarray) -> float:
        return naive.loss(x, at, y, weights) / weights.sum(dtype=float) + l2 / 2 * (at**2).sum()

    assert objective.value(Network.of([theta])) == pytest.approx(
        value(theta.astype(float)), rel=1e-5
    )
    step = 1e-5
    slopes = np.empty(theta.shape)
    for index in np.ndindex(theta.shape):
        above, below = theta.astype(float), theta.astype(float)
        above[index] += step
        below[index] -= step
        slopes[index] = (value(above) - value(below)) / (2 * step)
    assert np.linalg.norm(exact - slopes) < 1e-5 * np.linalg.norm(slopes)
    np.testing.assert_allclose(exact, slopes, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("labels", [2, 3, 17])
@pytest.mark.parametrize("l2", [0.0, 1e-3, 3.0])
def test_sgd_epoch(labels: int, l2: float) -> None:
    """At l2 = 3 the scale falls below its floor and is folded into θ on the way."""
    rows, x, theta, y, _ = problem(documents=40, labels=labels, seed=7)
    order = np.random.default_rng(1).integers(0, 40, 60).astype(np.int32)
    expected, loss, correct = naive.epoch(x, y, order, 0.25, 0.05, l2, theta)
    got = theta.copy()
    told = visit(rows, y, order, 0.25, 0.05, l2, got)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert told[0] == pytest.approx(loss, rel=1e-4)
    assert told[1] == correct


def test_the_scale_is_folded_in_before_float32_loses_it() -> None:
    """Each step shrinks θ to a thousandth: without the fold scale would end at 1e-90."""
    rows, x, theta, y, _ = problem(documents=30, labels=3, seed=9)
    order = np.arange(30, dtype=np.int32)
    expected, loss, _ = naive.epoch(x, y, order, 0.1, 0.1, 9.99, theta)
    told = visit(rows, y, order, 0.1, 0.1, 9.99, theta)
    np.testing.assert_allclose(theta, expected, rtol=1e-4, atol=1e-6)
    assert told[0] == pytest.approx(loss, rel=1e-4)


EVERY_KERNEL = """
import importlib, json, pkgutil, sys
import numpy as np, pyarrow as pa
import textmlr.kernels
from textmlr.kernels import jit
from textmlr import FeaturizerOptions, ReadingOptions, StreamTrainer
from textmlr.corpus.reading import read_corpus
from textmlr.corpus.formats.lines import read_lines
from textmlr.corpus.in_memory import batches_of
from textmlr.training.corpus_training import train_corpus
from textmlr.model.answer_stream import answer_blocks
from textmlr.model.model import Model
from textmlr.model.parameters import Network
from textmlr.base.training_options import TrainingOptions
from textmlr.training.objective import Objective
from textmlr.training.exact.solver import minimise

plain, weighted, lines, out = sys.argv[1:]
corpora = read_corpus([plain]), read_corpus([weighted], ReadingOptions(weighted=True))
words = FeaturizerOptions(), FeaturizerOptions(char_ngrams=(2, 3), bias=False, norm=None)
words += FeaturizerOptions(hash_bits=8), FeaturizerOptions(hash_bits=8, idf=True)
trainings = TrainingOptions(epochs=2), TrainingOptions(epochs=2, learning_rate=2, l2=0.0)
trainings += TrainingOptions(solver="exact"), TrainingOptions(solver="exact", l2=1e-9)
trainings += (TrainingOptions(epochs=2, class_weight="balanced", holdout=0),)
trainings = (TrainingOptions(epochs=2, hidden=(3, 2), input_dropout=0.1), *trainings)
texts = ["robot kiss", "", "\u0e01 \u6f22 \u00e9"] * 9
forms = [
    texts, texts[:1], [t.encode() for t in texts], iter(texts), np.array(texts),
    pa.array(texts), pa.array(texts, pa.large_string()), pa.chunked_array([texts, texts]),
]
for options in (FeaturizerOptions(hash_bits=8), FeaturizerOptions(hash_bits=8, norm=None)):
    for rate in (None, 1):
        trainer = StreamTrainer(options, TrainingOptions(learning_rate=rate))
        for form in forms[:3]:
            trainer.learn(form, (["a", "b", "c"] * 9)[:len(form)])
        trainer.save(out)
        trainer = StreamTrainer.resume(out)
        trainer.learn(pa.array(texts), ["d", "e", "f"] * 9, [1, 0, 2.5] * 9)
        trainer.model()
for corpus in corpora:
    for options in words:
        for training in trainings:
            train_corpus(corpus, options, training).save(out)
        train_corpus(corpus, options, training, validation=corpora[0])
        model = Model.load(out)
        for form in forms:
            model.probabilities(form)
        model.classify(texts)
        train_corpus(corpus, options, TrainingOptions(l1=1e-3, l2=1e-4)).save(out)
        list(answer_blocks(model, [read_lines(lines)]))
        rows = model.featurizer.featurize(batches_of(texts), 1)
        y, weights = np.zeros(len(rows), np.int32), np.ones(len(rows), np.float32)
        objective = Objective(rows, y, weights, len(model.labels), 0.1)
        objective.value(Network.of([model.theta])), objective.gradient(model.theta)
        minimise(objective, tolerance=1e-3, start=model.theta)
from textmlr.corpus.reading import scan
marked = {".csv": 'text,label\\n"x \"\"y\",a\\n', ".ft": "__label__a x __label__b\\n"}
for name, data in marked.items():
    with open(out + name, "w") as file:
        file.write(data)
    for chunk in scan([out + name]):
        chunk.table
from textmlr.features.csr_features import Features
mixed = np.array([1, -1, 1, -1], np.float32)
rows = Features(np.arange(5), np.zeros(4, np.int32), mixed, 1)
y = np.array([0, 1, 1, 1], np.int32)
minimise(Objective(rows, y, np.ones(4, np.float32), 2), tolerance=1e-3)
import unicodedata
from textmlr import import_model
from textmlr.features.featurizer import Featurizer
from textmlr.model.heads import SIGMOIDS
from textmlr.corpus.label_sets import LabelSets
from textmlr import TrainingOptions
from textmlr.training.sgd.fit import fit
composed = "caf\u00e9 \ud55c\uae00 " * 99_999  # more than Python brings to its form at a time
for form in (composed, unicodedata.normalize("NFD", composed)):
    Featurizer(FeaturizerOptions(hash_bits=8)).fit_transform([form])
for name in ("words.bin", "tree.ftz", "one-vs-all.bin", "negative.bin", "codes.ftz"):
    imported = import_model("tests/fasttext/" + name)
    imported.probabilities(texts), imported.explain(texts[0])
from textmlr import Corpus
own = [["a", "b", "c"][i % 3 : i % 3 + i % 4] for i in range(1800)]
for weights in (None, np.tile([1, 2, 3], 600)):
    several = Corpus.of([" ".join(["robot", *one]) for one in own], own, weights)
    for training in (*trainings[1:5], TrainingOptions(solver="exact", l1=1e-3)):
        train_corpus(several, words[2], training).save(out)
        model = Model.load(out)
        for form in forms:
            model.probabilities(form)
        list(answer_blocks(model, [read_lines(lines)]))
        model.evaluate(several, resamples=10)
        model.update(several.subset(np.arange(99))).save(out + ".sets")
    for options in (words[0], words[2]):
        train_corpus(several, options, TrainingOptions(theta="sparse")).save(out + ".more")
        model = Model.load(out + ".more")
        for form in forms:
            model.probabilities(form)
        list(answer_blocks(model, [read_lines(lines)]))
        model.explain(texts[0]), model.evaluate(several, resamples=10)
from textmlr.model.answer_stream import ranked_blocks
sparse = [TrainingOptions(theta="sparse"), TrainingOptions(theta="sparse", epochs=2)]
sparse += [TrainingOptions(theta="sparse", holdout=0)]
again = ["robot kiss", "horse kiss", "robot ship"] * 60, ["a", "b", "c"] * 60
larger = [Corpus.of(*again, weights) for weights in (None, np.tile([1, 2, 3], 60))]
for corpus in (*corpora, *larger):  # of labels of few documents, and of many
    for options in words:
        for training in sparse:
            train_corpus(corpus, options, training).save(out)
        train_corpus(corpus, options, training, validation=corpus)
        model = Model.load(out)
        for form in forms:
            model.probabilities(form)
        model.classify(texts, top=2), model.explain(texts[0])
        model.evaluate(corpus, resamples=10)
        if model.parts.postings.sums is not None:
            model.update(corpora[0].subset(np.arange(30))).save(out + ".more")
        list(answer_blocks(model, [read_lines(lines)]))
        dense = train_corpus(corpora[0], words[2], trainings[1])
        for codes in (None, 1, np.zeros(27, int)):
            for one in (model, dense):
                list(ranked_blocks(one, batches_of(texts), 1, 2, codes))
for rate in (None, 1):
    trainer = StreamTrainer(words[2], TrainingOptions(learning_rate=rate), multilabel=True)
    for form in forms[:3]:
        trainer.learn(form, own[:len(form)])
    trainer.save(out)
    trainer = StreamTrainer.resume(out)
    trainer.learn(pa.array(texts), own[:27], [1, 0, 2.5] * 9)
    trainer.model()
scores = np.zeros((4, 2), np.float32)
sets = LabelSets.single(y)
SIGMOIDS.probabilities(scores), SIGMOIDS.tempered(scores, sets, np.ones(4))
free = Objective(rows, sets, np.ones(4, np.float32), 2, head=SIGMOIDS)
fit(free, TrainingOptions(holdout=0))
minimise(free, tolerance=1e-3)
from textmlr.corpus import blocks
from textmlr.training import dealt_parts
blocks.GIANT_BYTES, dealt_parts.WHOLE_NONZEROS, dealt_parts.PART_NONZEROS = 8, 1 << 8, 1 << 7
from textmlr.__main__ import main
command = ["textmlr", "train", plain, "-q", "-o", out, "--ngrams", "1-2", "--char-ngrams", "none"]
sys.exit = lambda code=0: None
for more in ("--memory 100kB --threads 1", "--stream", ""):
    sys.argv = [*command, *more.split()]
    main()
long = " ".join(f"word{i}" for i in range(40_000))
for name in (out, out + ".sets"):
    Model.load(name).probabilities([long, long])
from textmlr.features.featurizer import Featurizer
Featurizer(FeaturizerOptions(ngrams=(1, 3))).fit([long, long])
from textmlr.features import counting
counting.LEAST_SLOTS = 8
table = counting.Interner(16 * counting.SLOT)
for first in (1, 7, 13, 19):
    if table.crowded(6):
        table.settle()
    table.intern(np.arange(first, first + 6, dtype=np.uint64), 1)
counts = {}
for module in pkgutil.iter_modules(textmlr.kernels.__path__):
    for name, kernel in vars(importlib.import_module("textmlr.kernels." + module.name)).items():
        if isinstance(kernel, jit.Kernel) and not name.startswith("_"):
            counts[module.name + "." + name] = len(kernel.signatures)
print(json.dumps(counts))
"""


@pytest.mark.slow
@compiled
def test_every_kernel_compiles_once(tmp_path: Path) -> None:
    """In a fresh process that trains, saves, loads and classifies, on arrays of all origins.

    What counts is what Python asks for.  A kernel that calls another compiles it again for its
    own literal arguments, but not where it comes from the cache: so the first process only fills
    that.  Kernels that only kernels call are left out.
    """
    pairs = documents(90, 3)
    plain = write_tsv(tmp_path / "plain.tsv", pairs)
    weighted = write_tsv(
        tmp_path / "weighted.tsv", [(y, f"{1 + i % 3}\t{x}") for i, (y, x) in enumerate(pairs)]
    )
    lines = tmp_path / "lines.txt"
    lines.write_text("robot\nkiss\n", encoding="utf-8")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", EVERY_KERNEL, plain, weighted, lines, tmp_path / "m.textmlr"],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert {
        "linear.scores",
        "document_answer.answer",
        "document_answer.sigmoid_answer",
        "sgd.epoch",
        "sigmoids.links_epoch",
        "csr_rows.rows",
        "tsv_lines.intern",
        "ranked_documents.answer_rows",
        "support_steps.step_block",
    } <= set(counts)
    assert {name: n for name, n in counts.items() if n != 1} == {}
