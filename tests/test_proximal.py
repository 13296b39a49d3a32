"""The L1 penalty: kernels against their naive twins, the minimum against its conditions and
against scikit-learn's, the gap against the truth."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import naive_linear
import naive_proximal as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_linear_kernels import random_rows

from textmlr.base.arrays import frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.corpus.reading import read_corpus
from textmlr.features.csr_features import Features
from textmlr.features.featurizer import Featurizer
from textmlr.kernels import coordinate_descent as kernels
from textmlr.training.exact.by_column import ColumnMatrix, Weights
from textmlr.training.exact.proximal_newton import centres, minimise
from textmlr.training.exact.quadratic import QuadraticModel
from textmlr.training.objective import Objective


def least_l1(objective: Objective) -> float:
    """The l1 from which on θ = 0 is the minimum."""
    zero = np.zeros((objective.features.columns, objective.labels), np.float32)
    return float(np.abs(objective.gradient(zero)).max(initial=0.0))


GENRES = Path(__file__).parent.parent / "data" / "genres-train.tsv"


def problem(documents: int = 14, columns: int = 9, labels: int = 3, seed: int = 0, l2: float = 0.0):
    """(objective, its rows dense)."""
    rows = random_rows(documents, columns, seed)
    rng = np.random.default_rng(seed + 1)
    y = rng.integers(0, labels, documents).astype(np.int32)
    weights = rng.uniform(0.1, 3, documents).astype(np.float32)
    x = naive_linear.dense(rows.indptr, rows.indices, rows.values, columns)
    return Objective(rows, y, weights, labels, l2), x


@pytest.fixture(scope="module")
def genres() -> Objective:
    corpus = read_corpus([str(GENRES)])
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1), idf=False, min_df=2))
    counts = featurizer.fit_counts(corpus.batches)
    rows = featurizer.weigh(counts, counts.values)
    return Objective(rows, corpus.y, np.ones(len(corpus), np.float32), len(corpus.labels), 0.0)


def value(objective: Objective, x, theta, l1: float) -> float:
    return naive.penalised(x, theta, objective.y, objective.weights, l1, objective.l2)


# The kernels


def test_columns_of_rows() -> None:
    objective, x = problem()
    kept = np.array([0, 2, 3, 7])
    matrix = ColumnMatrix.of(objective.features, kept)
    for number, column in enumerate(kept):
        own = slice(matrix.indptr[number], matrix.indptr[number + 1])
        documents = matrix.documents[own]
        assert (np.diff(documents) > 0).all()
        np.testing.assert_array_equal(documents, np.flatnonzero(x[:, column]))
        np.testing.assert_array_equal(matrix.values[own], x[documents, column])
    shares = np.random.default_rng(3).uniform(size=len(x))
    reach = np.ones(x.shape[1])  # added to
    rows = objective.features
    kernels.reach(
        frozen(rows.indptr), frozen(rows.indices), frozen(rows.values), frozen(shares), reach
    )
    np.testing.assert_allclose(reach, 1 + shares @ np.abs(x))


def test_sums_over_columns() -> None:
    objective, x = problem()
    matrix = ColumnMatrix.of(objective.features, np.arange(9))
    weights = Weights.of(np.array([0, 0, 2, 2]), np.array([1, 4, 0, 8]), 3)
    rng = np.random.default_rng(5)
    amounts, out = rng.normal(size=4), np.ones((3, len(x)))
    matrix.add(weights, amounts, out)
    theta = np.zeros((9, 3))
    theta[weights.columns, weights.labels] = amounts
    np.testing.assert_allclose(out, 1 + (x @ theta).T)
    residuals = rng.normal(size=(3, len(x)))
    expected = (residuals @ x)[weights.labels, weights.columns]
    np.testing.assert_allclose(matrix.slopes(weights, residuals), expected)
    p, shares = rng.dirichlet(np.ones(3), len(x)).T.copy(), rng.uniform(size=len(x))
    expected = ((shares * p * (1 - p)) @ x**2)[weights.labels, weights.columns]
    np.testing.assert_allclose(matrix.curvatures(weights, p, shares), expected)
    assert list(weights.by_label()) == [(0, slice(0, 2)), (2, slice(2, 4))]
    some = weights.take(np.array([1, 2]))
    assert (some.columns.tolist(), some.labels.tolist()) == ([4, 0], [0, 2])
    assert some.starts.tolist() == [0, 1, 1, 2]


def test_steep_finds_all_that_can_change() -> None:
    objective, x = problem()
    matrix = ColumnMatrix.of(objective.features, np.arange(9))
    rng = np.random.default_rng(6)
    residuals, theta = rng.normal(size=(3, len(x))), np.zeros((9, 3))
    theta[4, 1] = -1e-9
    slopes, l1 = residuals @ x, 2.0
    expected = {
        label * 9 + f: slopes[label, f]
        for f in range(2, 8)
        for label in range(3)
        if theta[f, label] or abs(slopes[label, f]) > l1
    }
    pairs, found = np.empty(18, np.int64), np.empty(18)
    size = kernels.steep(*matrix.arrays, frozen(residuals), frozen(theta), l1, 2, 8, pairs, found)
    assert 0 < size < 18
    assert set(pairs[:size].tolist()) == expected.keys()
    np.testing.assert_allclose(found[:size], [expected[pair] for pair in pairs[:size].tolist()])


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_loss_probabilities_and_entropy(size: float) -> None:
    rng = np.random.default_rng(7)
    n, labels = 11, 4
    scores, moves = rng.normal(size=(labels, n)) * size, rng.normal(size=(labels, n)) * size
    y = rng.integers(0, labels, n).astype(np.int32)
    shares, top, total = rng.uniform(size=n), np.empty(n), np.empty(n)
    arguments = frozen(scores), frozen(moves), 0.5, frozen(y), frozen(shares)
    loss = sum(kernels.loss_along(*arguments, *part, top, total) for part in ((0, 4), (4, n)))
    at = (scores + 0.5 * moves).T
    log_z = naive_linear.log_normalizer(at)
    assert loss == pytest.approx(shares @ (log_z - at[np.arange(n), y]), rel=1e-12)
    p, residuals = np.empty((labels, n)), np.empty((labels, n))
    kernels.respond(
        frozen(np.ascontiguousarray(at.T)),
        frozen(y),
        frozen(shares),
        frozen(top),
        frozen(total),
        0,
        n,
        p,
        residuals,
    )
    np.testing.assert_allclose(p.T, naive_linear.probabilities(at), rtol=1e-9, atol=1e-300)
    own = np.eye(labels)[y].T
    np.testing.assert_allclose(residuals, shares * (p - own), atol=1e-12)
    q = 0.25 * p + 0.75 * own
    expected = -(shares * np.where(q > 0, q * np.log(np.where(q > 0, q, 1)), 0)).sum()
    found = kernels.entropy(frozen(p), frozen(y), frozen(shares), 0.25, 0, n)
    assert found == pytest.approx(expected, rel=1e-12)


def model_of(objective: Objective, theta: np.ndarray, x, l1: float) -> QuadraticModel:
    """The quadratic model in all weights."""
    columns, labels = theta.shape
    weights = Weights.of(
        np.repeat(np.arange(labels), columns), np.tile(np.arange(columns), labels), labels
    )
    shares = objective.weights / float(objective.total_weight)
    p = naive_linear.probabilities(x @ theta)
    slopes = naive_linear.gradient(x, theta, objective.y, shares)
    return QuadraticModel.of(
        ColumnMatrix.of(objective.features, np.arange(columns)),
        weights,
        np.ascontiguousarray(p.T),
        shares.astype(float),
        theta.T.ravel(),
        slopes.T.ravel(),
        l1,
        objective.l2,
    )


@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_sweep(l2: float) -> None:
    objective, x = problem(l2=l2)
    theta = np.random.default_rng(8).normal(size=(9, 3))
    theta[2] = 0
    model = model_of(objective, theta, x, 0.02)
    gradient, p = model.gradients.reshape(3, 9).T, model.probabilities.T
    moves = np.zeros(theta.shape)
    for _ in range(3):
        moves, violation = naive.sweep(x, theta, gradient, p, model.shares, 0.02, l2, moves)
        assert model.sweep(only_active=False) == pytest.approx(violation, rel=1e-7)
        np.testing.assert_allclose(model.moves.reshape(3, 9).T, moves, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.along, (x @ moves).T, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.mean, (p * (x @ moves)).sum(axis=1), rtol=1e-7, atol=1e-9)
    zero = (model.theta + model.moves) == 0
    assert 0 < zero.sum() < zero.size
    np.testing.assert_array_equal(model.active, ~zero)


@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_every_leap_lowers_the_model_and_none_changes_what_is_known(l2: float) -> None:
    objective, x = problem(l2=l2)
    model = model_of(objective, np.random.default_rng(9).normal(size=(9, 3)), x, 0.02)
    lowest = model.value(model.moves, model.along)
    assert lowest == 0
    model.sweep(only_active=False)
    for _ in range(4):
        model.sweep(only_active=True)
        model.leap(effort=1)
        now = model.value(model.moves, model.along)
        assert now <= lowest + 1e-15
        lowest = now
    moves = model.moves.reshape(3, 9).T
    np.testing.assert_allclose(model.along, (x @ moves).T, atol=1e-9)
    np.testing.assert_allclose(
        model.mean, (model.probabilities * model.along).sum(axis=0), atol=1e-9
    )
    assert lowest < -0.01
    np.testing.assert_array_equal(model.active, model.theta + model.moves != 0)


# The constant of a row


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=6), st.floats(0.01, 2), st.floats(0.01, 2))
def test_centres(row: list[float], l1: float, l2: float) -> None:
    found = centres(np.array([row]), l1, l2)[0]
    assert found == pytest.approx(naive.centre(row, l1, l2), abs=1e-9)


@pytest.mark.parametrize(
    ("row", "centre"),
    [([2, -1], -1), ([2, -3], 2), ([1, 0], 0), ([0, 0, 5], 0), ([1, 2, 5, 9], 2), ([3, -1, 1], 1)],
)
def test_centres_without_l2_make_zeros(row: list[float], centre: float) -> None:
    assert centres(np.array([row], float), 0.5, 0.0).tolist() == [centre]


# The minimum


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 14),
    st.integers(2, 4),
    st.integers(0, 1000),
    st.floats(0.01, 1.2),
    st.sampled_from([0.0, 1e-6, 0.03]),
)
def test_conditions_of_the_minimum_hold(
    documents: int, labels: int, seed: int, share: float, l2: float
) -> None:
    """The subgradient is 0 but for rounding, and the value and the gap are what they say."""
    objective, x = problem(documents, labels=labels, seed=seed, l2=l2)
    l1 = share * least_l1(objective) or 0.1
    found = minimise(objective, l1=l1, tolerance=1e-13)
    theta = found.theta
    least = naive.subgradient(x, theta, objective.y, objective.weights, l1, l2)
    assert np.abs(least).max() < 1e-3 * l1 + 1e-6
    assert found.gradient_norm == pytest.approx(np.linalg.norm(least), abs=1e-10)
    assert found.value == pytest.approx(value(objective, x, theta, l1), rel=1e-12)
    assert 0 <= found.gap <= 1e-6 * found.value
    if share > 1:
        assert not theta.any()


@pytest.mark.slow
@pytest.mark.parametrize("l2", [0.0, 1e-6, 1e-2])
def test_the_gap_is_a_bound_all_the_way(l2: float, genres: Objective) -> None:
    objective = replace(genres, l2=l2)
    least = minimise(objective, l1=5e-4, tolerance=1e-10)
    for tolerance in (1.0, 0.1, 1e-2, 1e-4, 1e-6):
        rough = minimise(objective, l1=5e-4, tolerance=tolerance)
        assert rough.converged
        assert rough.gap <= tolerance * rough.value
        # Neither is below the true minimum, nor above it by more than its own gap.
        assert rough.value - rough.gap <= least.value + 1e-14
        assert least.value - least.gap <= rough.value + 1e-14
    assert least.gap < 1e-6 * least.value


def test_every_round_tells_its_gap(genres: Objective) -> None:
    seen = []
    found = minimise(genres, l1=1e-3, tolerance=1e-7, watch=seen.append)
    assert [each.number for each in seen] == list(range(1, found.iterations + 1))
    assert {each.method for each in seen} == {"proximal"}
    assert all(a.gap > b.gap for a, b in pairwise(seen))
    assert seen[-1].gap <= 1e-7 * found.value


@pytest.mark.parametrize("l2", [0.0, 1e-3])
def test_all_is_zero_from_least_l1_on(l2: float, genres: Objective) -> None:
    objective = replace(genres, l2=l2)
    rows, n = objective.features.to_scipy(), len(objective.y)
    own = np.eye(objective.labels)[objective.y]
    limit = np.abs(rows.T @ (1 / objective.labels - own)).max() / n  # by hand
    assert least_l1(objective) == pytest.approx(limit, rel=1e-6)
    at = minimise(objective, l1=limit * (1 + 1e-6), tolerance=1e-6)
    assert not at.theta.any()
    assert at.converged
    assert at.value == pytest.approx(np.log(objective.labels), rel=1e-12)
    below = minimise(objective, l1=limit * 0.98, tolerance=1e-9)
    assert 0 < np.count_nonzero(below.theta) < 10


@pytest.mark.slow
@pytest.mark.parametrize(("l1", "l2"), [(1e-3, 0.0), (4e-4, 0.0), (5e-4, 2e-3)])
def test_against_scikit_learn(l1: float, l2: float, genres: Objective) -> None:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    objective = replace(genres, l2=l2)
    n = len(objective.y)
    rows = objective.features.to_scipy()
    theirs = LogisticRegression(
        C=1 / (n * (l1 + l2)),
        l1_ratio=l1 / (l1 + l2),
        solver="saga",
        fit_intercept=False,
        tol=1e-9,
        max_iter=3000,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(rows.astype(np.float64), objective.y)
    x = rows.toarray().astype(np.float64)
    found = minimise(objective, l1=l1, tolerance=1e-7)
    best = value(objective, x, theirs.coef_.T, l1)
    assert found.converged
    assert found.value == pytest.approx(best, rel=1e-6)
    assert found.value <= best * (1 + 1e-7)
    assert found.value - found.gap <= best
    # The same weights are 0; what is less than 1e-3 of the largest may go either way.
    large = 1e-3 * np.abs(found.theta).max()
    assert (found.theta[np.abs(theirs.coef_.T) > large] != 0).all()
    assert (np.abs(theirs.coef_.T)[np.abs(found.theta) > large] != 0).all()
    assert 0 < np.count_nonzero(found.theta) < 0.2 * found.theta.size


@pytest.mark.slow
def test_threads_change_no_bit(genres: Objective, monkeypatch: pytest.MonkeyPatch) -> None:
    from textmlr.training.exact import proximal_newton

    monkeypatch.setattr(proximal_newton, "COLUMNS", 100)  # several blocks, on a small corpus too
    monkeypatch.setattr(proximal_newton, "SCORES", 1000)
    found = [minimise(genres, l1=5e-4, tolerance=1e-6, threads=threads) for threads in (1, 2, 4)]
    for other in found[1:]:
        assert other.theta.tobytes() == found[0].theta.tobytes()
        assert (other.value, other.gap) == (found[0].value, found[0].gap)


def test_weights_count_as_copies(genres: Objective) -> None:
    """A document of weight 2 is the document twice; one of weight 0 is not there."""
    n = len(genres.y)
    times = np.random.default_rng(4).integers(0, 3, n)
    weighted = replace(genres, weights=times.astype(np.float32))
    copies = replace(
        genres.take(np.repeat(np.arange(n), times)), weights=np.ones(times.sum(), np.float32)
    )
    a, b = (minimise(each, l1=7e-4, tolerance=1e-9) for each in (weighted, copies))
    assert a.value == pytest.approx(b.value, rel=1e-8)
    np.testing.assert_allclose(a.theta, b.theta, atol=1e-3 * np.abs(a.theta).max())


@pytest.mark.slow
def test_a_start_changes_the_way_but_not_the_minimum(genres: Objective) -> None:
    near = minimise(genres, l1=6e-4, tolerance=1e-8)
    warm = minimise(genres, l1=5e-4, tolerance=1e-8, start=near.theta)
    cold = minimise(genres, l1=5e-4, tolerance=1e-8)
    assert warm.value == pytest.approx(cold.value, rel=2e-8)
    there = minimise(genres, l1=6e-4, tolerance=1e-6, start=near.theta)
    assert there.converged
    assert there.iterations < minimise(genres, l1=6e-4, tolerance=1e-6).iterations


def test_separable_documents_have_a_minimum() -> None:
    """One feature a label, θ of (a, 0): loss ln(1 + e^−a), slope −l1 at the minimum, by hand."""
    rows = Features(np.array([0, 1, 2]), np.array([0, 1], np.int32), np.ones(2, np.float32), 2)
    objective = Objective(rows, np.array([0, 1], np.int32), np.ones(2, np.float32), 2, 0.0)
    l1 = 0.05
    found = minimise(objective, l1=l1, tolerance=1e-9)
    margin = np.log(1 / (2 * l1) - 1)  # ½·1/(1 + e^a) = l1
    np.testing.assert_allclose(found.theta[0, 0] - found.theta[0, 1], margin, rtol=1e-5)
    np.testing.assert_allclose(np.abs(found.theta).sum(), 2 * margin, rtol=1e-5)
    assert np.count_nonzero(found.theta) == 2
