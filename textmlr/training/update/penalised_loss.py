"""The minimum of the new documents' loss and a penalty in place of the old documents' loss.

To second order the loss of the old documents is a bowl around the θ they led to, and their part of
the curvature is known: h_fℓ of each weight, and g_f in a direction that all features share.  So
the minimum of

    sum_i weight_i · −log P(y_i | x_i; θ)  +  ½·sum_fℓ h_fℓ·d_fℓ²  +  ½·‖sum_f g_f·d_f‖²,

with d = θ − old θ, over the new documents i, is near where training on all documents would have
led.  Features that the old documents are full of hardly move, those that they lack are free.  The
problem is convex and smooth: there is no step size and no number of epochs to choose.
Source: Spiegelhalter and Lauritzen, Networks 20(5), 1990, section 5; Chapelle, Manavoglu and
Rosales, ACM TIST 5(4), 2014, algorithm 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import map_blocks
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.features.csr_features import Features
from textmlr.training.exact import newton
from textmlr.training.exact.dual import Dual, first_guess
from textmlr.training.exact.label_blocks import blocks_of, part_of
from textmlr.training.exact.likelihood import Likelihood, likelihood_of
from textmlr.training.exact.merged_columns import MergedColumns
from textmlr.training.exact.solver import SolverStep, check_memory
from textmlr.training.exact.threaded_products import combined, inner_product, multiply, transposed
from textmlr.training.objective import Objective

Array = NDArray[np.float64]
Watch = Callable[[SolverStep], None]

# On gap/value: of the dual far below the noise of a held-out loss, and reached in a few visits; of
# Newton's method as of the exact solver.
DUAL_TOLERANCE = 1e-2
NEWTON_TOLERANCE = 1e-6
MOST_EPOCHS = 100
MOST_STEPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """The penalty: the curvature of the old documents' loss.

    precision  (V,) float64 h_f > 0, alike for all labels; or (V, L) float64 h_fℓ > 0
    common     (V,) float64 g_f; None: all 0.  Only beside a precision (V,)
    """

    precision: Array
    common: Array | None = None


class Minimum(NamedTuple):
    """The point where the penalised loss is least.

    change     (V, L) d: float32 with a precision (V,), else float64
    curvature  (V, L) float64   second derivative of the new documents' own loss by each weight;
               None with a precision (V,)
    steps      of the solver
    """

    change: NDArray[np.float32] | Array
    curvature: Array | None
    steps: int


def minimum(
    features: Features,
    y: Targets,
    weights: NDArray[np.float32] | Array,
    base: Array,
    prior: Prior,
    threads: int = 1,
    watch: Watch | None = None,
) -> Minimum:
    """The minimum over n new documents; the number of threads changes no bit.

    y        codes, or label sets: then the loss is the sum over labels of the binary cross-entropy,
             and each block of labels a problem of its own
    weights  (n,) >= 0, which count as they are: a weight of 2 is two documents
    base     (n, L) float64   the scores of the old θ (nats)
    With h_f for all labels dual coordinate ascent finds it, which is fast in many columns; with
    h_fℓ truncated Newton, which needs no more than products with the rows.
    Raises InputError where the problem would not fit in memory.
    """
    if prior.precision.ndim == 1:
        return _by_dual(features, y, weights, base, prior, threads, watch)
    scale = 1 / np.sqrt(prior.precision)
    own = PenalisedLoss.of(features, y, weights.astype(np.float64), base, scale, threads)

    def done(point: WeightVector, value: float, norm: float) -> bool:
        # The value is 1-strongly convex in u: at most ‖gradient‖²/2 above the minimum.
        return 0.5 * norm**2 <= NEWTON_TOLERANCE * value

    start = WeightVector(np.zeros_like(scale))
    point, steps = newton.minimise(own, start, done, MOST_STEPS)
    own.measure(point)
    return Minimum(scale * point.values, own.curvature(), steps)


def _by_dual(
    features: Features,
    y: Targets,
    weights: NDArray[np.float32] | Array,
    base: Array,
    prior: Prior,
    threads: int,
    watch: Watch | None,
) -> Minimum:
    objective = Objective(features, y, weights.astype(np.float32), base.shape[1])
    counts = np.flatnonzero(objective.weights > 0)
    if len(counts) < len(y):
        objective, base = objective.take(counts), base[counts]
    check_memory(objective, "update with fewer documents at a time")
    # In units of 1/√h_f all features have the same penalty, ½‖·‖², and the exact solver's dual
    # serves.
    scale = (1 / np.sqrt(prior.precision)).astype(np.float32)
    rows = objective.scaled(scale, threads)
    along, back = None, None
    if prior.common is not None:
        along, back = _against(rows.features, scale * prior.common)
    shares = objective.weights.astype(np.float64)
    own = _DualRows(
        MergedColumns.of(rows.features), transposed(rows.features), shares, along, back, scale
    )
    if isinstance(rows.y, LabelSets):
        return own.by_labels(rows, base, threads, watch)
    return own.minimum(rows.codes, base, threads, watch)[0]


@dataclass(frozen=True, slots=True, eq=False)
class _DualRows:
    """The rows of documents in units of their features' penalty, for the dual.

    columns      the rows by columns;  shares  (n,) float64   the documents' weights
    along, back  see ``_against``
    scale        (V,) float32   1/√h
    """

    rows: MergedColumns
    columns: Features
    shares: Array
    along: Array | None
    back: NDArray[np.float32] | None
    scale: NDArray[np.float32]

    def minimum(
        self, y: Targets, base: Array, threads: int, watch: Watch | None
    ) -> tuple[Minimum, float]:
        """(the minimum for documents of these labels, the duality gap);  base (n, L)."""
        dual = Dual.at(
            self.rows,
            y,
            self.shares,
            1 / float(self.shares.sum()),
            first_guess(y, base.shape[1]),
            base,
            self.along,
        )
        for _ in range(MOST_EPOCHS):
            gap = dual.epoch()
            if watch is not None:
                watch(SolverStep("dual", dual.epochs, gap))
            if gap <= DUAL_TOLERANCE * dual.value():
                break
        change = combined(self.columns, dual.coefficients, threads)[0]
        if self.back is not None:
            change -= self.back[:, None] * dual.tide.astype(np.float32)
        change *= self.scale[:, None]
        return Minimum(change, None, dual.epochs), gap

    def by_labels(self, rows: Objective, base: Array, threads: int, watch: Watch | None) -> Minimum:
        """The minimum for label sets: labels by blocks, a thread each."""
        change = np.empty((len(self.scale), rows.labels), np.float32)
        members = blocks_of(rows)

        def solve(own: NDArray[np.int64]) -> tuple[Minimum, float]:
            part = np.ascontiguousarray(base[:, own])
            return self.minimum(part_of(rows, own).y, part, 1, None)

        steps, done, left = 0, 0, 0.0
        for own, (found, gap) in zip(members, map_blocks(solve, members, threads), strict=True):
            change[:, own] = found.change
            steps, done, left = max(steps, found.steps), done + len(own), left + gap
            if watch is not None:
                watch(SolverStep("labels", done, left))
        return Minimum(change, None, steps)


def _against(features: Features, common: Array) -> tuple[Array, NDArray[np.float32]]:
    """A penalty ½‖θᵀg‖² beside ½‖θ‖² as a feature that counts against the others.

    The inverse of I + g·gᵀ is I − g·gᵀ/(1 + ‖g‖²) (Sherman and Morrison), by which the minimum is
    θ = sum_i (x_i − along_i·back) ⊗ c_i, with along_i = x_i·back and back = g/√(1 + ‖g‖²).

    common  (V,) float64   g;  returns along (n,) float64, back (V,) float32
    """
    back = common / np.sqrt(1 + float((common * common).sum()))
    along = multiply(features, back[:, None], 1)[:, 0]
    return along, back.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class WeightVector:
    """An element of R^(V, L): a Vector of ``newton``.  values (V, L) float64"""

    values: Array

    def dot(self, other: WeightVector) -> float:
        """The inner product."""
        return inner_product(self.values, other.values)

    def plus(self, factor: float, other: WeightVector) -> WeightVector:
        """self + factor·other."""
        return WeightVector(self.values + factor * other.values)

    def times(self, factor: float) -> WeightVector:
        """factor·self."""
        return WeightVector(factor * self.values)


@dataclass(slots=True, eq=False)
class PenalisedLoss:
    """The loss of documents + ½‖u‖², where d = scale·u: a Problem of ``newton``.

    rows     n documents, V columns;  columns  the same by columns
    likelihood  of their labels;  weights (n,) float64
    base     (n, L) float64   scores at u = 0 (nats)
    scale    (V, L) float64   1/√h
    p        (n, L) float64   P(l | x_i) at the point that was measured last
    """

    rows: Features
    columns: Features
    likelihood: Likelihood
    weights: Array
    base: Array
    scale: Array
    p: Array
    threads: int

    @classmethod
    def of(
        cls,
        rows: Features,
        y: Targets,
        weights: Array,
        base: Array,
        scale: Array,
        threads: int,
    ) -> PenalisedLoss:
        """The problem, with p still to be measured."""
        p, likelihood = np.empty_like(base), likelihood_of(y, base.shape[1])
        return cls(rows, transposed(rows), likelihood, weights, base, scale, p, threads)

    def measure(self, point: WeightVector) -> tuple[float, WeightVector]:
        """(value, gradient) at the point."""
        value = self._value(point, self.p)
        errors = self.weights[:, None] * self.p
        self.likelihood.add(-self.weights, errors)
        return value, self._back(errors, point)

    def value(self, point: WeightVector) -> float:
        """The value at the point, in nats."""
        return self._value(point, np.empty_like(self.p))

    def curve(self, direction: WeightVector) -> WeightVector:
        """The Hessian at the point that was measured last, times a direction."""
        scores = multiply(self.rows, self.scale * direction.values, self.threads)
        return self._back(self.likelihood.curve(scores, self.p, self.weights), direction)

    def curvature(self) -> Array:
        """The second derivative of the loss by each weight, at the point that was measured last:
        (V, L)."""
        squares = replace(self.columns, values=np.square(self.columns.values))
        spread = self.weights[:, None] * self.p * (1 - self.p)
        return multiply(squares, spread, self.threads)

    def _back(self, coefficients: Array, point: WeightVector) -> WeightVector:
        """scale·Σ_i f(x_i) ⊗ coefficients_i + point."""
        sums = multiply(self.columns, coefficients, self.threads)
        return WeightVector(self.scale * sums + point.values)

    def _value(self, point: WeightVector, p: Array) -> float:
        scores = self.base + multiply(self.rows, self.scale * point.values, self.threads)
        loss = self.likelihood.losses(scores, self.weights, p)
        return loss + 0.5 * point.dot(point)
