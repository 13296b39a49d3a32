"""Training on one part after another: against the dense problem, by SciPy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from textmlr.features.csr_features import Features
from textmlr.sklearn.matrices import counted_once, features_of
from textmlr.training.exact.threaded_products import multiply
from textmlr.training.update.penalised_loss import PenalisedLoss, WeightVector
from textmlr.training.update.posterior import CurvatureSums, Posterior


def problem(n=40, columns=6, labels=3, seed=0):
    """(dense rows float64, CSR of the same, y, weights)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns)) * (rng.random((n, columns)) < 0.5)
    x = x.astype(np.float32)
    y = rng.integers(0, labels, n).astype(np.int32)
    return x.astype(np.float64), features_of(x, bias=False), y, rng.integers(1, 4, n) / 2


def value(theta, x, y, weights, old, precision):
    loss = -log_softmax(x @ theta, axis=1)[np.arange(len(y)), y]
    return weights @ loss + 0.5 * (precision * (theta - old) ** 2).sum()


def test_each_part_ends_at_the_minimum_of_its_problem() -> None:
    x, _, y, weights = problem()
    posterior = Posterior.start(6, 3, penalty=0.5)
    for part in (slice(0, 25), slice(25, 40)):
        old, precision = posterior.theta.copy(), posterior.precision.copy()
        parameters = x[part], y[part], weights[part], old, precision
        rows = features_of(x[part].astype(np.float32), bias=False)
        posterior.update(rows, y[part], weights[part])
        found = minimize(lambda t, p=parameters: value(t.reshape(6, 3), *p), old.ravel(), tol=1e-12)
        assert value(posterior.theta, *parameters) <= found.fun * (1 + 2e-6)
        # What it adds is the second derivative of the loss by each weight.
        p = softmax(x[part] @ posterior.theta, axis=1)
        added = (x[part] ** 2).T @ (weights[part][:, None] * p * (1 - p))
        np.testing.assert_allclose(posterior.precision, precision + added, rtol=1e-6)


def test_gradient_and_curvature() -> None:
    x, rows, y, weights = problem()
    posterior = Posterior.start(6, 3, penalty=0.7)
    posterior.theta[:] = np.random.default_rng(1).normal(size=(6, 3))
    base, scale = multiply(rows, posterior.theta, 1), 1 / np.sqrt(posterior.precision)
    part = PenalisedLoss.of(rows, y, weights, base, scale, 1)
    point, direction = (WeightVector(np.random.default_rng(s).normal(size=(6, 3))) for s in (2, 3))
    measured, gradient = part.measure(point)
    theta = posterior.theta + point.values / np.sqrt(0.7)
    wanted = value(theta, x, y, weights, posterior.theta, posterior.precision)
    assert measured == pytest.approx(wanted, rel=1e-9)
    assert part.value(point) == measured
    step = 1e-5
    ahead, behind = (part.value(point.plus(s, direction)) for s in (step, -step))
    assert (ahead - behind) / (2 * step) == pytest.approx(gradient.dot(direction), rel=1e-6)
    curved = part.curve(direction)
    ahead, behind = (part.measure(point.plus(s, direction))[1] for s in (step, -step))
    by_steps = (ahead.values - behind.values) / (2 * step)
    np.testing.assert_allclose(curved.values, by_steps, rtol=1e-5, atol=1e-7)


def test_features_that_a_part_has_not_stay_as_they_are() -> None:
    x, _, y, weights = problem()
    posterior = Posterior.start(6, 3, penalty=1.0)
    posterior.update(features_of(x.astype(np.float32), bias=False), y, weights)
    theta, precision = posterior.theta.copy(), posterior.precision.copy()
    x[:, 2] = 0
    posterior.update(features_of(x.astype(np.float32), bias=False), y, weights)
    np.testing.assert_array_equal(posterior.theta[2], theta[2])
    np.testing.assert_array_equal(posterior.precision[2], precision[2])
    assert (posterior.theta[3] != theta[3]).all()


def test_what_was_learnt_at_once_goes_on_as_what_was_learnt_posterior() -> None:
    _, rows, y, weights = problem()
    posterior = Posterior.start(6, 3, penalty=0.5)
    posterior.update(rows, y, weights)
    theta = posterior.theta.astype(np.float32)
    sums = CurvatureSums.at(theta, rows, y, weights)
    again = Posterior.of(theta, 0.5, sums)
    np.testing.assert_array_equal(again.theta, theta)
    for axis in (0, 1):
        sums = [(one.precision - 0.5).sum(axis=axis) for one in (again, posterior)]
        np.testing.assert_allclose(sums[0], sums[1], rtol=1e-5)
    np.testing.assert_allclose(again.precision, posterior.precision, rtol=0.5)


def test_empty_rows_and_the_number_of_threads() -> None:
    nothing = Features(np.zeros(3, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), 6)
    posterior = Posterior.start(6, 3, penalty=1.0)
    posterior.update(nothing, np.array([0, 1], np.int32), np.ones(2))
    assert not posterior.theta.any()
    _, rows, y, weights = problem(3000, 60, 5)
    one, two = (Posterior.start(60, 5, penalty=1.0) for _ in range(2))
    one.update(rows, y, weights, threads=1)
    two.update(rows, y, weights, threads=3)
    assert one.theta.tobytes() == two.theta.tobytes()
    assert one.precision.tobytes() == two.precision.tobytes()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_documents_that_are_alike_are_counted_once(seed) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    x = rng.integers(-1, 2, (n, 2)).astype(np.float32)
    y = rng.integers(0, 2, n).astype(np.int32)
    weights = rng.integers(0, 3, n) / 4
    weights[0] = 1.0
    rows, labels, sums = counted_once(features_of(x, bias=True), y, weights)
    counted = {}
    for row, label, weight in zip(x.tolist(), y.tolist(), weights.tolist(), strict=True):
        if weight:
            counted[(*row, label)] = counted.get((*row, label), 0) + weight
    dense = rows.to_scipy().toarray()
    assert (dense[:, 2] == 1).all()
    found = zip(dense[:, :2].tolist(), labels.tolist(), sums.tolist(), strict=True)
    assert {(*row, label): weight for row, label, weight in found} == counted
    assert len(labels) == len(counted)
    order = rng.permutation(n)
    again = counted_once(features_of(x[order], bias=True), y[order], weights[order])
    assert again[0].values.tobytes() == rows.values.tobytes()
    assert again[0].indices.tobytes() == rows.indices.tobytes()
    assert again[2].tobytes() == sums.tobytes()


def test_rows_are_read_as_they_are() -> None:
    """Unsorted, doubled and stored zeros of a CSR matrix mean what they mean; it is not changed."""
    from scipy.sparse import csr_matrix

    matrix = csr_matrix(
        (np.array([1, 2, 3, 0], np.float32), np.array([2, 0, 2, 1]), np.array([0, 3, 4])), (2, 3)
    )
    before = matrix.data.tobytes(), matrix.indices.tobytes()
    for bias in (False, True):
        features = features_of(matrix, bias=bias)
        wanted = matrix.toarray()
        if bias:
            wanted = np.hstack([wanted, np.ones((2, 1))])
        np.testing.assert_array_equal(features.to_scipy().toarray(), wanted)
        assert features.indptr.tolist() == ([0, 3, 4] if bias else [0, 2, 2])
    assert before == (matrix.data.tobytes(), matrix.indices.tobytes())
