"""θ learnt from one part of the documents after the other, none of which is kept.

What the documents so far say of θ is kept as a paraboloid around the θ they led to: its curvature
is that of their loss, of which the diagonal is kept, one number a weight.  A further part moves θ
to the minimum of

    sum_i weight_i · −log P(y_i | x_i; θ) + ½·sum_fℓ h_fℓ·(θ_fℓ − old θ_fℓ)²

and adds its own curvature there to h.  At first h is the penalty's, and the first part alone leads
to the minimum itself.  Source: Spiegelhalter and Lauritzen, Networks 20(5), 1990, section 5;
Chapelle, Manavoglu and Rosales, ACM TIST 5(4), 2014, algorithm 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.features.csr_features import Features
from textmlr.kernels import csr_products as kernels
from textmlr.kernels import softmax
from textmlr.training.exact import newton
from textmlr.training.exact.threaded_products import inner_product, multiply, transposed

Array = NDArray[np.float64]
TOLERANCE = 1e-6  # on gap/value, as of the exact solver
LEAST_PENALTY = 1e-100  # below, it is as good as none, and its inverse's square may be infinite
LARGEST = float(np.finfo(np.float32).max)
MOST_STEPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """An element of R^(C, L): a Vector of ``newton``.  values (C, L) float64"""

    values: Array

    def dot(self, other: Dense) -> float:
        """The inner product."""
        return inner_product(self.values, other.values)

    def plus(self, factor: float, other: Dense) -> Dense:
        """self + factor·other."""
        return Dense(self.values + factor * other.values)

    def times(self, factor: float) -> Dense:
        """factor·self."""
        return Dense(factor * self.values)


@dataclass(slots=True, eq=False)
class Part:
    """The loss of some documents + ½‖u‖², where θ = old θ + scale·u: a Problem of ``newton``.

    rows     n documents, C columns;  columns  the same by columns
    y (n,) int32, weights (n,) float64
    base     (n, L) float64   scores at u = 0 (nats)
    scale    (C, L) float64   1/√h
    p        (n, L) float64   P(l | x_i) where it was measured last
    """

    rows: Features
    columns: Features
    y: NDArray[np.int32]
    weights: Array
    base: Array
    scale: Array
    p: Array
    threads: int

    def measure(self, point: Dense) -> tuple[float, Dense]:
        """(value, gradient) at the point."""
        value = self._value(point, self.p)
        errors = self.weights[:, None] * self.p
        errors[np.arange(len(self.y)), self.y] -= self.weights
        return value, self._back(errors, point)

    def value(self, point: Dense) -> float:
        """The value at the point, in nats."""
        return self._value(point, np.empty_like(self.p))

    def curve(self, direction: Dense) -> Dense:
        """The Hessian, where it was measured last, times a direction."""
        scores = multiply(self.rows, self.scale * direction.values, self.threads)
        out = np.empty_like(scores)
        kernels.curve(frozen(scores), frozen(self.p), frozen(self.weights), out)
        return self._back(out, direction)

    def curvature(self) -> Array:
        """The loss's own second derivative by each weight, where it was measured last: (C, L)."""
        squares = replace(self.columns, values=np.square(self.columns.values))
        spread = self.weights[:, None] * self.p * (1 - self.p)
        return multiply(squares, spread, self.threads)

    def _back(self, coefficients: Array, point: Dense) -> Dense:
        """scale·Σ_i f(x_i) ⊗ coefficients_i + point."""
        return Dense(self.scale * multiply(self.columns, coefficients, self.threads) + point.values)

    def _value(self, point: Dense, p: Array) -> float:
        scores = self.base + multiply(self.rows, self.scale * point.values, self.threads)
        loss = softmax.losses(frozen(scores), frozen(self.y), frozen(self.weights), p)
        return float(loss) + 0.5 * point.dot(point)


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """The curvature (V, L) of documents' loss in few numbers: its sums.

    by_feature (V,) float32, by_label (L,) float64
    """

    by_feature: NDArray[np.float32]
    by_label: Array

    @classmethod
    def by(
        cls,
        theta: NDArray[np.float32],
        features: Features,
        y: NDArray[np.int32],
        weights: Array,
        threads: int = 1,
    ) -> Said:
        """Of documents, at θ (V, L)."""
        part = Online(theta.astype(np.float64), np.ones(theta.shape))._part(
            features, y, weights, threads
        )
        part.measure(Dense(np.zeros(theta.shape)))
        found = part.curvature()
        by_feature = np.minimum(found.sum(axis=1), LARGEST).astype(np.float32)
        return cls(by_feature, found.sum(axis=0))

    def spread_out(self) -> Array:
        """The curvature that has these sums, and no more to say: (V, L)."""
        total = float(self.by_label.sum())
        return self.by_feature[:, None] * (self.by_label / (total or 1.0))


@dataclass(slots=True, eq=False)
class Online:
    """What has been learnt so far.

    theta      (V, L) float64
    precision  (V, L) float64   h > 0
    """

    theta: Array
    precision: Array

    @classmethod
    def start(cls, columns: int, labels: int, penalty: float) -> Online:
        """Nothing yet: θ = 0, and a penalty of (penalty/2)‖θ‖², beside a sum over documents."""
        shape = columns, labels
        return cls(np.zeros(shape), np.full(shape, max(penalty, LEAST_PENALTY)))

    def learn(
        self,
        features: Features,
        y: NDArray[np.int32],
        weights: Array,
        threads: int = 1,
    ) -> int:
        """Go on with further documents; the number of steps it took.

        y (n,) int32, weights (n,) float64 >= 0   which are not scaled: a weight of 2 is two
                                                  documents
        Weights of features that none of the documents has stay as they are.
        """
        used, numbers = np.unique(features.indices, return_inverse=True)
        rows = replace(features, indices=numbers.astype(np.int32), columns=len(used))
        own = Online(self.theta[used], self.precision[used])
        part = own._part(rows, y, weights, threads)

        def done(point: Dense, value: float, norm: float) -> bool:
            # The value is 1-strongly convex in u: at most ‖gradient‖²/2 above the minimum.
            return 0.5 * norm**2 <= TOLERANCE * value

        point, steps = newton.minimise(part, Dense(np.zeros_like(own.theta)), done, MOST_STEPS)
        part.measure(point)
        self.theta[used] = own.theta + part.scale * point.values
        self.precision[used] += part.curvature()
        return steps

    @classmethod
    def resumed(cls, theta: NDArray[np.float32], penalty: float, said: Said) -> Online:
        """What documents have said that θ (V, L) was learnt from, all at once."""
        online = cls.start(theta.shape[0], theta.shape[1], penalty)
        online.theta[:] = theta
        online.precision += said.spread_out()
        return online

    def _part(self, features: Features, y: NDArray[np.int32], weights: Array, threads: int) -> Part:
        """The problem that documents pose, in these columns."""
        base = multiply(features, self.theta, threads)
        scale = 1 / np.sqrt(self.precision)
        p = np.empty_like(base)
        return Part(features, transposed(features), y, weights, base, scale, p, threads)
