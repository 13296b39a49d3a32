"""Kernels of the exact solver (kernels/dual_ascent.py, csr_products.py, equal_columns.py) against
naive twins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from test_linear_kernels import arrays, naive, problem

from textmlr.base.arrays import frozen
from textmlr.features.csr_features import Features
from textmlr.kernels import csr_products, dual_ascent, softmax
from textmlr.training.exact.threaded_products import blocks, inner_product, multiply, transposed


def rows_of(x: np.ndarray) -> Features:
    """A dense matrix as CSR."""
    rows, columns = np.nonzero(x)
    indptr = np.searchsorted(rows, np.arange(len(x) + 1)).astype(np.int64)
    return Features(
        indptr, columns.astype(np.int32), x[rows, columns].astype(np.float32), x.shape[1]
    )


def visit(
    x: np.ndarray,
    y: np.ndarray,
    shares: np.ndarray,
    alone: np.ndarray,
    p: np.ndarray,
    order: list[int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """kernels.dual_ascent.epoch: (θ, p, gaps), beginning at θ(p)."""
    rows, labels = rows_of(x), p.shape[1]
    p = np.array(p)
    theta = np.empty((rows.columns, labels))
    parts = arrays(rows)
    y, shares, alone = frozen(y), frozen(shares), frozen(alone)
    dual_ascent.start(*parts, y, shares, frozen(p), theta, np.empty(labels))
    logs, gaps, naps = np.log(p), np.empty(len(y)), np.zeros((2, len(y)), np.int32)
    squares = frozen((x.astype(float) ** 2).sum(axis=1) + alone)
    base, along = frozen(np.zeros((0, labels))), frozen(np.zeros(0))
    dual_ascent.epoch(
        rows.arrays(),
        dual_ascent.Documents(y, shares, squares, alone, base, along),
        frozen(np.array(order, np.int32)),
        dual_ascent.Ascent(theta, np.zeros(labels), logs, p, gaps, naps),
        0,
        0.0,
        np.empty((4, labels)),
    )
    np.testing.assert_allclose(np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True), p, rtol=1e-7)
    return theta, p, gaps


def best_of(base: np.ndarray, curvature: float) -> np.ndarray:
    """The p of sum 1 with log p + curvature·p = base + constant, by bisection within bisection."""

    def p_of(constant: float) -> np.ndarray:
        def one(target: float) -> float:
            z: float = brentq(lambda z: z + curvature * np.exp(z) - target, -2000, 50, xtol=1e-13)
            return float(np.exp(z))

        return np.array([one(b + constant) for b in base])

    reach = abs(base).max() + curvature + 50
    return p_of(brentq(lambda c: p_of(c).sum() - 1, -reach, reach, xtol=1e-12))


@pytest.mark.parametrize("share", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("labels", [2, 3, 7])
def test_a_visit_solves_its_document(share: float, labels: int) -> None:
    rng = np.random.default_rng(labels)
    x = rng.normal(size=(6, 5)).astype(np.float32).round(2)
    y = rng.integers(0, labels, 6).astype(np.int32)
    p = rng.dirichlet(np.ones(labels), 6)
    shares, alone = np.full(6, share), rng.uniform(0, 1, 6)
    target = np.eye(labels)[y]
    for i in range(6):
        _, once, gaps = visit(x, y, shares, alone, p, [i])
        theta, after, _ = visit(x, y, shares, alone, p, [i] * 6)  # a visit may leave a little
        before = x.T.astype(float) @ (share * (target - p))
        scores = x[i] @ before + alone[i] * share * (target[i] - p[i])
        curvature = share * float((x[i].astype(float) ** 2).sum() + alone[i])
        best = best_of(scores + curvature * p[i], curvature)
        np.testing.assert_allclose(after[i], best, atol=1e-7)
        np.testing.assert_allclose(once[i], best, atol=0.15)
        np.testing.assert_array_equal(np.delete(after, i, 0), np.delete(p, i, 0))
        np.testing.assert_allclose(theta, x.T.astype(float) @ (share * (target - after)), atol=1e-9)
        # The gap to second order.
        r = scores - np.log(p[i])
        r -= p[i] @ r
        assert gaps[i] == pytest.approx(share * (p[i] @ r**2) / 2)


def test_visits_end_at_the_optimum() -> None:
    """Where p_i = P(· | x_i; θ(p)) for all documents."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(12, 4)).astype(np.float32)
    y = rng.integers(0, 3, 12).astype(np.int32)
    p, shares = np.full((12, 3), 1 / 3), rng.uniform(0.1, 5, 12)
    theta, p, _ = visit(x, y, shares, np.zeros(12), p, list(range(12)) * 300)
    np.testing.assert_allclose(naive.probabilities(x.astype(float) @ theta), p, atol=1e-8)


def test_a_probability_of_nearly_0_grows_again() -> None:
    """From 1e-40 in one visit: the bound on a step is not a bound on a visit."""
    x, y = np.ones((1, 1), np.float32), np.zeros(1, np.int32)
    p = np.array([[1e-40, 0.5, 0.5]])
    theta, after, _ = visit(x, y, np.ones(1), np.zeros(1), p, [0])
    np.testing.assert_allclose(naive.probabilities(x.astype(float) @ theta), after, atol=0.02)
    assert after[0, 0] > 0.3


def test_divergences_to_the_last_digit() -> None:
    rng = np.random.default_rng(6)
    scores = rng.normal(size=(40, 3)) * 5
    q = naive.probabilities(scores)
    for distance in (1.0, 1e-2, 1e-7):
        p = q * np.exp(distance * rng.normal(size=q.shape))
        p /= p.sum(axis=1, keepdims=True)
        y, shares = rng.integers(0, 3, 40).astype(np.int32), rng.uniform(0, 2, 40)
        gaps = np.empty(40)
        loss = dual_ascent.divergences(frozen(scores), frozen(y), frozen(p), frozen(shares), gaps)
        assert loss == pytest.approx(-shares @ np.log(q[np.arange(40), y]))
        assert (gaps >= 0).all()
        if distance > 1e-3:
            want = shares * (p * np.log(p / q)).sum(axis=1)
        else:  # those digits are lost there; half the variance of the log ratio is exact enough
            ratio = np.log(p) - np.log(q)
            ratio -= (p * ratio).sum(axis=1, keepdims=True)
            want = shares * (p * ratio**2).sum(axis=1) / 2
        digits = (1e-3, 0) if distance < 1e-3 else (1e-8, 2e-15)
        np.testing.assert_allclose(gaps, want, *digits)


def test_the_order_is_a_shuffle_of_what_is_due() -> None:
    naps = np.zeros((2, 1000), np.int32)
    naps[1, ::3] = 5
    seed, order = np.ones(1, np.uint64), np.full(1000, -1, np.int32)
    seen = []
    for _ in range(2):
        due = dual_ascent.draw(frozen(naps), 4, seed, order)
        assert sorted(order[:due]) == [i for i in range(1000) if i % 3]
        seen.append(order[:due].tolist())
    assert seen[0] != seen[1]
    # No trend is left: the mean place of the first half is that of a shuffle, within 4 sigma.
    ranks = np.argsort(np.argsort(seen[0]))
    assert abs(ranks[:333].mean() - 332.5) < 4 * 666 / np.sqrt(12 * 333)
    assert dual_ascent.draw(frozen(naps), 5, seed, order) == 1000


class TestSpans:
    def test_products(self) -> None:
        rows, x, theta, y, weights = problem(documents=30, columns=9, labels=3, seed=4)
        columns = transposed(rows)
        np.testing.assert_array_equal(
            naive.dense(columns.indptr, columns.indices, columns.values, 30), x.T
        )
        rng = np.random.default_rng(1)
        coefficients, dense = rng.normal(size=(30, 3)), rng.normal(size=(9, 3))
        np.testing.assert_allclose(multiply(rows, dense, 1), x @ dense, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(
            multiply(columns, coefficients, 1), x.T @ coefficients, rtol=1e-9
        )
        assert inner_product(dense, 2 * dense) == pytest.approx(2 * (dense**2).sum(), rel=1e-14)
        assert inner_product(dense[:0], dense[:0]) == 0

        made, sums = np.empty((9, 3), np.float32), np.empty(2)
        csr_products.combine(*arrays(columns), frozen(coefficients), made, np.empty(3), sums)
        exact = x.T @ coefficients
        np.testing.assert_allclose(made, exact, rtol=1e-6)
        assert sums[0] == pytest.approx(((made - exact) ** 2).sum(), rel=1e-3)
        assert sums[1] == pytest.approx((made.astype(float) ** 2).sum())

        out = np.empty((30, 3))
        csr_products.scores(*arrays(rows), frozen(theta), np.empty(3), out)
        np.testing.assert_allclose(out, x @ theta, rtol=1e-12, atol=1e-14)
        p = np.empty((30, 3))
        wide = frozen(weights.astype(float))
        loss = softmax.losses(frozen(out), frozen(y), wide, p)
        assert loss == pytest.approx(naive.loss(x, theta, y, weights))
        np.testing.assert_allclose(p, naive.probabilities(out))
        errors = (p - np.eye(3)[y]) * weights[:, None]
        square = csr_products.gradient_square(
            *arrays(columns), frozen(errors), frozen(theta), 0.3, np.empty(3)
        )
        gradient = naive.gradient(x, theta, y, weights) + 0.3 * theta
        assert square == pytest.approx((gradient**2).sum(), rel=1e-6)

    def test_the_curvature_is_the_slope_of_the_gradient(self) -> None:
        rng = np.random.default_rng(2)
        scores, direction, weights = (
            rng.normal(size=(5, 4)),
            rng.normal(size=(5, 4)),
            np.arange(5.0),
        )
        out = np.empty((5, 4))
        csr_products.curve(
            frozen(direction), frozen(naive.probabilities(scores)), frozen(weights), out
        )
        h = 1e-6
        ahead, behind = (naive.probabilities(scores + s * h * direction) for s in (1, -1))
        np.testing.assert_allclose(out, weights[:, None] * (ahead - behind) / (2 * h), atol=1e-8)

    @pytest.mark.parametrize(
        ("values", "y", "found"),
        [
            ([1, 1, 1, 1], [0, 1, 0, 1], -1),
            ([1, 1, 0, 0], [0, 0, 1, 1], 0),  # with label 0 alone
            ([-1, -1, 0, 0], [1, 1, 0, 0], 0),
            ([1, -1, 0, 0], [1, 1, 0, 0], -1),  # but both ways
            ([0, 0, 0, 0], [0, 1, 0, 1], -1),
        ],
    )
    def test_a_column_without_end(self, values: list[int], y: list[int], found: int) -> None:
        columns = transposed(rows_of(np.array(values, np.float32)[:, None]))
        seen = np.full(2, -1, np.int32)
        got = csr_products.free_column(*arrays(columns), frozen(np.array(y, np.int32)), 2, seen)
        assert got == found

    def test_blocks_cover_all_rows_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows, *_ = problem(documents=30)
        for size in (1, 20, 10**6):
            monkeypatch.setattr("textmlr.training.exact.threaded_products.BLOCK_PRODUCTS", size)
            covered = [i for block in blocks(rows, 3) for i in range(block.start, block.stop)]
            assert covered == list(range(30))
