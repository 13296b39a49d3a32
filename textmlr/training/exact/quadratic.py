"""The quadratic model of a loss with an L1 penalty around θ, and its minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.kernels import coordinate_descent as kernels
from textmlr.kernels.csr_rows import Csr
from textmlr.training.exact.by_column import Array, ColumnMatrix, Weights
from textmlr.training.exact.threaded_products import inner_product

SWEEPS = 20  # to a leap
LEAPS = 2  # to a descent
CG_STEPS = 30  # to a leap
CG_SHARE = 1e-3  # share of the squared residual at which conjugate gradients end
FLAT = 1e-14  # share of the single weights' curvature along a way
FAR = 1e6  # a step along a flat way, before whose end a weight passes 0
LEAST_CURVATURE = 1e-12  # of a weight: Yuan, Ho and Lin, section 5.1


@dataclass(slots=True, eq=False)
class QuadraticModel:
    """The quadratic model of F around θ (``kernels.coordinate_descent.sweep``), in some weights,
    and a move in it.

    matrix         f(x);  probabilities (L, n), shares (n,): P and w_i/Σw of the documents
    theta          (k,) θ of the weights
    gradients, curvatures  (k,) first and second derivative of loss and l2 by each, at θ
    moves          (k,) the move d;  active (k,) uint8: where θ + d is not 0
    along (L, n)   the scores that d makes;  mean (n,) their mean under P
    """

    matrix: ColumnMatrix
    weights: Weights
    probabilities: Array
    shares: Array
    l1: float
    l2: float
    theta: Array
    gradients: Array
    curvatures: Array
    moves: Array
    active: NDArray[np.uint8]
    along: Array
    mean: Array
    scratch: Array

    @classmethod
    def of(
        cls,
        matrix: ColumnMatrix,
        weights: Weights,
        probabilities: Array,
        shares: Array,
        theta: Array,
        slopes: Array,
        l1: float,
        l2: float,
    ) -> QuadraticModel:
        """The model at θ, and no move yet; slopes (k,): of the mean loss."""
        size, n = len(theta), len(shares)
        curvatures = matrix.curvatures(weights, probabilities, shares) + (l2 + LEAST_CURVATURE)
        return cls(
            matrix,
            weights,
            probabilities,
            shares,
            l1,
            l2,
            theta,
            slopes + l2 * theta,
            curvatures,
            np.zeros(size),
            np.ones(size, np.uint8),
            np.zeros(probabilities.shape),
            np.zeros(n),
            np.empty((3, n)),
        )

    def descend(self, enough: float, effort: int) -> None:
        """Move until the sum of the subgradients is at most ``enough``, or for LEAPS leaps.

        effort  from 1: how many times CG_STEPS a leap may take
        """
        left = self.sweep(only_active=False)
        for number in range(LEAPS + 1):
            if left <= enough:
                # All once more: others may matter by now.
                left = self.sweep(only_active=False)
                if left <= enough:
                    return
            if number:
                self.leap(effort)
            for _ in range(SWEEPS):
                left = self.sweep(only_active=True)
                if left <= enough:
                    break

    def sweep(self, *, only_active: bool) -> float:
        """A step in each weight; the sum of their subgradients before it."""
        model = kernels.Quadratic(
            frozen(self.weights.starts),
            frozen(self.weights.columns),
            frozen(self.gradients),
            frozen(self.curvatures),
            frozen(self.theta),
            frozen(self.probabilities),
            self.shares,
            self.l1,
            self.l2,
        )
        moved = kernels.Moves(self.moves, self.active, self.along, self.mean)
        columns = Csr(*self.matrix.arrays)
        return float(kernels.sweep(columns, model, moved, only_active, self.scratch))

    def leap(self, effort: int) -> None:
        """A leap towards the minimum over the weights that are not 0, by conjugate gradients.

        Where columns are nearly dependent, coordinate descent creeps; with the signs held, the
        model is quadratic in those weights, and conjugate gradients do not.
        """
        support = np.flatnonzero(self.active)
        if not len(support):
            return
        weights = self.weights.take(support)
        now = (self.theta + self.moves)[support]
        signs = np.sign(now)
        slopes = self.gradients[support] + self.l2 * self.moves[support]
        slopes += self._curved(weights, self.along, self.mean) + self.l1 * signs
        way = self._solve(weights, slopes, self.curvatures[support], effort * CG_STEPS)
        # The model falls along the way until a weight passes 0, perhaps further.
        back = way * signs < 0
        first = min(1.0, float((-now[back] / way[back]).min(initial=1.0)))
        best = self.value(self.moves, self.along)
        for share in (1.0, 0.5, 0.25, first):
            to = now + share * way
            to[to * signs <= np.spacing(np.abs(now))] = 0.0
            moves = self.moves.copy()
            moves[support] = to - self.theta[support]
            along = self.along.copy()
            self.matrix.add(weights, to - now, along)
            if self.value(moves, along) < best:
                self.moves[:], self.along[:] = moves, along
                self.mean[:] = (self.probabilities * along).sum(axis=0)
                self.active[support] = to != 0
                break

    def _solve(self, weights: Weights, slopes: Array, curvatures: Array, most: int) -> Array:
        """H⁻¹·(−slopes) of some weights, by at most so many steps of conjugate gradients with
        H's diagonal."""
        way, rest = np.zeros(len(slopes)), -slopes
        scaled = rest / curvatures
        direction = scaled.copy()
        square = begin = inner_product(rest, scaled)
        for _ in range(most):
            along = np.zeros(self.along.shape)
            self.matrix.add(weights, direction, along)
            mean = (self.probabilities * along).sum(axis=0)
            product = self._curved(weights, along, mean) + self.l2 * direction
            curve = inner_product(direction, product)
            if curve <= FLAT * inner_product(direction, curvatures * direction):
                # Flat: as far as the sign of a weight allows.
                return way if way.any() else direction * FAR
            step = square / curve
            way += step * direction
            rest -= step * product
            scaled = rest / curvatures
            before, square = square, inner_product(rest, scaled)
            if square <= CG_SHARE * begin:
                break
            direction = scaled + (square / before) * direction
        return way

    def _curved(self, weights: Weights, along: Array, mean: Array) -> Array:
        """H·d of some weights, less l2·d: d makes scores ``along``."""
        residuals = self.shares * self.probabilities * (along - mean)
        return self.matrix.slopes(weights, residuals)

    def value(self, moves: Array, along: Array) -> float:
        """The model of F at a move, less F at θ."""
        to = self.theta + moves
        mean = (self.probabilities * along).sum(axis=0)
        curved = (self.probabilities * np.square(along - mean)).sum(axis=0)
        value = inner_product(self.gradients, moves) + 0.5 * inner_product(self.shares, curved)
        value += 0.5 * self.l2 * inner_product(moves, moves)
        return value + self.l1 * float(np.abs(to).sum() - np.abs(self.theta).sum())
