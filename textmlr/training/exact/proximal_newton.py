"""The minimum with an L1 penalty, by proximal Newton steps, and the proof of how near it is.

    F(θ) = Objective.value(θ) + l1·Σ|θ[f, ℓ]|

Most weights are 0 at the minimum.  So a round looks at all features once, which also proves how
near θ is, and then works on the few weights that are not 0 or would leave it: Newton steps, each
found by coordinate descent on the quadratic model of the loss (``kernels.coordinate_descent``),
with a backtracking line search.

The bias row is penalised like every other, by l1 as by l2: the objective knows of no bias, and
the bound below needs no case of its own.

Sources: Yuan, Ho and Lin, An Improved GLMNET for L1-regularized Logistic Regression, JMLR 13,
2012; of the gap, Fenchel duality, as in Ndiaye et al., Gap Safe Screening Rules, JMLR 18, 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.kernels import coordinate_descent as kernels
from textmlr.training.exact.by_column import Array, ColumnMatrix, Weights
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.quadratic import QuadraticModel
from textmlr.training.exact.solver import SolverStep
from textmlr.training.exact.threaded_products import inner_product
from textmlr.training.objective import Objective

MAX_ROUNDS = 100
NEWTON_STEPS = 8  # to a round
ROUND_SHARE = 0.1  # a round ends at this share of the sum of subgradients at its beginning
STEP_SHARE = 0.3  # the same for a Newton step's descent
HASTE = 0.9  # share of the tolerance; the rest is for the rounding to float32
ARMIJO = 0.01  # share of the decrease promised: Yuan, Ho and Lin, equation 20
HALVINGS = 40
STALLED = 3  # rounds in a row without a better value or bound: float64 has no more digits
EPSILON = 1e-15
ROUNDING = 1e-9  # more than the error of a sum in float64
# For the bound: shares of the residuals beyond the share that l1 alone allows.
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
COLUMNS = 4096  # to a block of work
SCORES = 1 << 17


def centres(theta: Array, l1: float, l2: float) -> Array:
    """The c of each row at which l1·Σ|θ_ℓ − c| + (l2/2)·Σ(θ_ℓ − c)² is least, (C,) float64.

    A constant added to a feature's weights changes no probability, only the penalty, along which
    descent weight by weight creeps.  With l2, c is the median of the θ_ℓ and of the
    mean + (l1/(l2·L))·(L − 2k), k = 0 ... L (Li and Osher, Inverse Problems and Imaging 3(3),
    2009).  Without, it is any median of the θ_ℓ: 0 if that is one and a weight is 0, else the
    weight next to the middle that is nearer to 0, so that there are the most zeros.

    theta  (C, L) float64
    """
    labels = theta.shape[1]
    if l2:
        steps = (l1 / (l2 * labels)) * (labels - 2.0 * np.arange(labels + 1))
        middles = theta.mean(axis=1)[:, None] + steps
        median: Array = np.median(np.concatenate([theta, middles], axis=1), axis=1)
        return median
    ordered = np.sort(theta, axis=1)
    low, high = ordered[:, (labels - 1) // 2], ordered[:, labels // 2]
    nearer = np.where(np.abs(low) <= np.abs(high), low, high)
    zero = (low <= 0) & (high >= 0) & (theta == 0).any(axis=1)
    return np.where(zero, 0.0, nearer)


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """The features that can have a weight at all, whatever the labels.

    columns  (C,) int64, ascending;  matrix  f(x) of them, by columns
    """

    columns: NDArray[np.int64]
    matrix: ColumnMatrix

    @classmethod
    def of(cls, objective: Objective, l1: float) -> Reach:
        """|P − [ℓ = y]| is at most 1, so that no slope of the others ever passes l1."""
        features, reach = objective.features, np.zeros(objective.features.columns)
        kernels.reach(*features.arrays(), _shares(objective), reach)
        columns = np.flatnonzero(reach > l1 * (1 - ROUNDING))
        return cls(columns, ColumnMatrix.of(features, columns))


def _shares(objective: Objective) -> Array:
    """w_i/Σw of the documents: (n,), read-only."""
    shares: Array = frozen(objective.weights.astype(np.float64) / objective.total_weight)
    return shares


def minimise(
    objective: Objective,
    *,
    l1: float,
    tolerance: float,
    threads: int = 1,
    start: NDArray[np.float32] | None = None,
    watch: Callable[[SolverStep], None] | None = None,
    reach: Reach | None = None,
) -> Optimum:
    """The θ at which F is least, to gap <= tolerance·F.

    l1         > 0
    tolerance  relative
    start      (V, L) float32   θ to begin from, None for 0; a minimum at a larger l1 is near
    reach      of these documents, None to find it
    watch      called after each round: a look at all features
    The number of threads changes no bit.  ``converged`` is False where the bound ceased to fall
    above the tolerance, which float32 may bring about.
    """
    objective.head.check_exact()
    descent = _Descent(objective, l1, threads, reach or Reach.of(objective, l1))
    if start is not None:
        descent.theta[:] = start[descent.columns]
    stalled = 0
    for number in range(1, MAX_ROUNDS + 1):
        value, bound = descent.value, descent.bound
        descent.centre()
        weights, slopes = descent.look()
        if watch is not None:
            watch(SolverStep("proximal", number, descent.gap))
        if descent.gap <= HASTE * tolerance * descent.value:
            break
        better = descent.bound > bound or descent.value < value * (1 - EPSILON)
        stalled = 0 if better else stalled + 1
        if stalled == STALLED:
            break
        descent.improve(weights, slopes)
    descent.theta[:] = descent.theta.astype(np.float32)
    descent.look()
    converged = descent.gap <= tolerance * descent.value
    theta = np.zeros((objective.features.columns, objective.labels), np.float32)
    theta[descent.columns] = descent.theta
    return Optimum(
        theta=theta,
        value=descent.value,
        gradient_norm=descent.subgradient,
        gap=descent.gap,
        iterations=number,
        converged=converged,
    )


class _Descent:
    """θ on its way to the minimum, in float64, with its scores and bounds.

    columns   (C,) int64     features that can have a weight at all, ascending
    theta     (C, L) float64 of them
    scores, probabilities, residuals   (L, n) float64 at θ
    value, gap, subgradient  as of the last ``look``
    """

    def __init__(self, objective: Objective, l1: float, threads: int, reach: Reach) -> None:
        self.objective, self.threads = objective, threads
        self.l1, self.l2 = float(l1), float(objective.l2)
        n, labels = len(objective.y), objective.labels
        self.y = frozen(objective.codes)
        self.shares = _shares(objective)
        self.columns, self.matrix = reach.columns, reach.matrix
        self.theta = np.zeros((len(self.columns), labels))
        self.scores = np.zeros((labels, n))
        self.probabilities, self.residuals = np.empty((labels, n)), np.empty((labels, n))
        self.top, self.total = np.empty(n), np.empty(n)
        self.still = frozen(np.zeros((labels, n)))
        self.loss = self.value = self.subgradient = np.inf
        self.bound = -np.inf

    @property
    def gap(self) -> float:
        """The most that the minimum can be below ``value``."""
        return max(self.value - self.bound, 0.0)

    def centre(self) -> None:
        """Subtract from each feature's weights the constant that only adds to the penalty."""
        used = np.flatnonzero(self.theta.any(axis=1))
        self.theta[used] -= centres(self.theta[used], self.l1, self.l2)[:, None]

    def look(self) -> tuple[Weights, Array]:
        """Look at all features, and find the bound: (the weights that may change, the slopes of the
        mean loss by each)."""
        kept = self._weights(*np.nonzero(self.theta.T))
        self.scores.fill(0)
        self.matrix.add(kept, self._of(kept), self.scores)
        self.loss = self._respond()

        def find(first: int) -> tuple[NDArray[np.int64], Array]:
            last = min(first + COLUMNS, len(self.columns))
            most = (last - first) * self.objective.labels
            pairs, slopes = np.empty(most, np.int64), np.empty(most)
            found = kernels.steep(
                *self.matrix.arrays,
                frozen(self.residuals),
                frozen(self.theta),
                self.l1,
                first,
                last,
                pairs,
                slopes,
            )
            return pairs[:found].copy(), slopes[:found].copy()

        blocks = list(map_blocks(find, range(0, len(self.columns), COLUMNS), self.threads))
        pairs = np.concatenate([np.zeros(0, np.int64), *(block[0] for block in blocks)])
        slopes = np.concatenate([np.zeros(0), *(block[1] for block in blocks)])
        order = np.argsort(pairs)
        pairs, slopes = pairs[order], slopes[order]
        width = max(len(self.columns), 1)
        weights = self._weights(pairs // width, pairs % width)
        theta = self._of(weights)
        self.value = self.loss + self._penalty(theta)
        self.bound = max(self.bound, self._bound(slopes))
        violation = self._violation(theta, slopes)
        self.subgradient = inner_product(violation, violation) ** 0.5
        return weights, slopes

    def improve(self, weights: Weights, slopes: Array) -> None:
        """Newton steps in some of the weights, until there is little to gain in them."""
        theta = self._of(weights)
        begin = float(np.abs(self._violation(theta, slopes)).sum())
        for number in range(1, NEWTON_STEPS + 1):
            violation = float(np.abs(self._violation(theta, slopes)).sum())
            if violation <= ROUND_SHARE * begin:
                break
            model = QuadraticModel.of(
                self.matrix,
                weights,
                self.probabilities,
                self.shares,
                theta,
                slopes,
                self.l1,
                self.l2,
            )
            model.descend(STEP_SHARE * violation, effort=number)
            step = self._search(theta, slopes, model.moves, model.along)
            if not step:
                break
            theta = theta + step * model.moves
            self.scores += step * model.along
            self.loss = self._respond()
            slopes = self.matrix.slopes(weights, self.residuals)
        self.theta[weights.columns, weights.labels] = theta

    def _search(self, theta: Array, slopes: Array, moves: Array, along: Array) -> float:
        """The share of the move, 1 or halved, at which F falls as promised; 0 if it never does."""
        before = self.loss + self._penalty(theta)
        promised = inner_product(slopes, moves) + self.l2 * inner_product(theta, moves)
        promised += self.l1 * float(np.abs(theta + moves).sum() - np.abs(theta).sum())
        step = 1.0
        for _ in range(HALVINGS if promised < 0 else 0):
            after = self._loss(along, step) + self._penalty(theta + step * moves)
            # A promise below the precision of float64 is believed.
            if after - before <= ARMIJO * step * promised + EPSILON * before:
                return step
            step /= 2
        return 0.0

    def _bound(self, slopes: Array) -> float:
        """A number the minimum of F is not below.

        For any s in [0, 1], with q_i = s·P_i + (1 − s)·[ℓ = y_i] and v the slopes of the mean
        loss, min F >= (Σ w_i H(q_i))/Σ w_i − Σ R*(s·v), where R* is the conjugate of
        l1·|t| + (l2/2)·t²: (|v| − l1)₊²/(2·l2), or, with l2 = 0, infinite above l1.

        slopes  of all weights whose slope passes l1, and perhaps of others
        """
        most = float(np.abs(slopes).max(initial=0.0))
        # Rounded, the product could still pass l1.
        least = min(1.0, self.l1 / most * (1 - 1e-15)) if most else 1.0
        if not self.l2:
            return self._entropy(least)
        bounds = []
        for share in SHARES:
            s = least + share * (1 - least)
            over = np.maximum(np.abs(s * slopes) - self.l1, 0.0)
            bounds.append(self._entropy(s) - inner_product(over, over) / (2 * self.l2))
        return max(bounds)

    def _violation(self, theta: Array, slopes: Array) -> Array:
        """The least subgradient of F in some weights; it is 0 in all that ``look`` leaves out."""
        g = slopes + self.l2 * theta
        at_zero: Array = np.sign(g) * np.maximum(np.abs(g) - self.l1, 0.0)
        return np.where(theta == 0, at_zero, g + self.l1 * np.sign(theta))

    def _penalty(self, theta: Array) -> float:
        return self.l1 * float(np.abs(theta).sum()) + 0.5 * self.l2 * inner_product(theta, theta)

    def _of(self, weights: Weights) -> Array:
        own: Array = self.theta[weights.columns, weights.labels]
        return own

    def _weights(self, labels: NDArray[np.int64], columns: NDArray[np.int64]) -> Weights:
        return Weights.of(labels, columns, self.objective.labels)

    def _blocks(self) -> list[tuple[int, int]]:
        n = len(self.y)
        step = max(SCORES // self.objective.labels, 1)
        return [(first, min(first + step, n)) for first in range(0, n, step)]

    def _loss(self, along: Array, step: float) -> float:
        """The mean loss at scores + step·along."""

        def loss(block: tuple[int, int]) -> float:
            return float(
                kernels.loss_along(
                    frozen(self.scores),
                    frozen(along),
                    step,
                    self.y,
                    self.shares,
                    *block,
                    self.top,
                    self.total,
                )
            )

        return sum(map_blocks(loss, self._blocks(), self.threads))

    def _respond(self) -> float:
        """Probabilities and residuals at scores, and the mean loss."""
        loss = self._loss(self.still, 0.0)

        def respond(block: tuple[int, int]) -> None:
            kernels.respond(
                frozen(self.scores),
                self.y,
                self.shares,
                frozen(self.top),
                frozen(self.total),
                *block,
                self.probabilities,
                self.residuals,
            )

        for _ in map_blocks(respond, self._blocks(), self.threads):
            pass
        return loss

    def _entropy(self, share: float) -> float:
        def entropy(block: tuple[int, int]) -> float:
            return float(
                kernels.entropy(frozen(self.probabilities), self.y, self.shares, share, *block)
            )

        return sum(map_blocks(entropy, self._blocks(), self.threads))
