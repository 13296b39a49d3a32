"""kernels/linear.py and kernels/sgd.py against their naive twins."""

from __future__ import annotations

import math

import naive_linear as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr.arrays import frozen
from textmlr.features import Features
from textmlr.kernels import linear, sgd
from textmlr.training import Objective


def random_rows(documents: int, columns: int, seed: int) -> Features:
    """Random CSR rows; the second is the bias alone, the third has no feature at all."""
    rng = np.random.default_rng(seed)
    rows = [np.sort(rng.choice(np.arange(1, columns), rng.integers(0, columns - 1), False))
            for _ in range(documents)]  # fmt: skip
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
    linear.scores(*arrays(rows), frozen(theta), out)
    return out


def log_z_of(scores: np.ndarray) -> np.ndarray:
    out = np.empty(len(scores))
    linear.log_normalizer(frozen(np.ascontiguousarray(scores, np.float32)), out)
    return out


def probabilities_of(scores: np.ndarray) -> np.ndarray:
    scores = np.ascontiguousarray(scores, np.float32)
    out = np.empty(scores.shape)
    linear.probabilities(frozen(scores), frozen(log_z_of(scores)), out)
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
    total = linear.loss(frozen(scores), frozen(log_z), frozen(y), frozen(weights))
    assert total == pytest.approx(naive.loss(x, theta, y, weights), rel=1e-5, abs=1e-5)
    out = np.zeros(theta.shape)
    linear.gradient(*arrays(rows), frozen(p), frozen(y), frozen(weights), out)
    np.testing.assert_allclose(out, naive.gradient(x, theta, y, weights), rtol=1e-4, atol=1e-5)


def test_hand_worked() -> None:
    """θ = ln 2, 0, 0 for one feature of value 1: z = 2 + 1 + 1."""
    rows = Features(np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32), 1)
    theta = np.array([[math.log(2), 0, 0]], np.float32)
    scores = scores_of(rows, theta)
    assert log_z_of(scores)[0] == pytest.approx(math.log(4))
    assert probabilities_of(scores)[0].tolist() == pytest.approx([0.5, 0.25, 0.25])


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

    assert objective.value(theta) == pytest.approx(value(theta.astype(float)), rel=1e-5)
    step = 1e-5
    for index in np.ndindex(theta.shape):
        above, below = theta.astype(float), theta.astype(float)
        above[index] += step
        below[index] -= step
        slope = (value(above) - value(below)) / (2 * step)
        assert exact[index] == pytest.approx(slope, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("labels", [2, 3, 17])
@pytest.mark.parametrize("l2", [0.0, 1e-3, 3.0])
def test_sgd_epoch(labels: int, l2: float) -> None:
    """At l2 = 3 the scale falls below its floor and is folded into θ on the way."""
    rows, x, theta, y, _ = problem(documents=40, labels=labels, seed=7)
    order = np.random.default_rng(1).integers(0, 40, 60).astype(np.int32)
    expected, loss, correct = naive.epoch(x, y, order, 0.25, 0.05, l2, theta)
    got = theta.copy()
    scratch = np.empty(labels, np.float32)
    told = sgd.epoch(*arrays(rows), frozen(y), frozen(order), 0.25, 0.05, l2, got, scratch)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)
    assert told[0] == pytest.approx(loss, rel=1e-4)
    assert told[1] == correct
