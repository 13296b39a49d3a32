"""The objective over the span of the documents, where its minimum lies.

θ = sum_i x_i ⊗ c_i: the gradient of the penalty is θ, that of each loss a multiple of its document.
So a vector is its (n, L) coefficients together with the scores it gives the documents; inner
products, steps and Hessians are sums over documents, and only a gradient or a product with the
Hessian goes through the features: from coefficients to scores.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.label_sets import Targets
from textmlr.features.csr_features import Features
from textmlr.training.exact.likelihood import Likelihood, likelihood_of
from textmlr.training.exact.merged_columns import MergedColumns
from textmlr.training.exact.threaded_products import inner_product, multiply, transposed


@dataclass(frozen=True, slots=True, eq=False)
class SpanVector:
    """sum_i x_i ⊗ coefficients_i, and its products with all documents.

    coefficients, scores  (n, L) float64
    """

    coefficients: NDArray[np.float64]
    scores: NDArray[np.float64]

    def dot(self, other: SpanVector) -> float:
        """The inner product of the two θ."""
        return inner_product(self.coefficients, other.scores)

    def plus(self, factor: float, other: SpanVector) -> SpanVector:
        """self + factor·other."""
        return SpanVector(
            self.coefficients + factor * other.coefficients, self.scores + factor * other.scores
        )

    def times(self, factor: float) -> SpanVector:
        """factor·self."""
        return SpanVector(factor * self.coefficients, factor * self.scores)


@dataclass(slots=True, eq=False)
class Span:
    """Weighted mean loss + (λ/2)‖θ‖², of a SpanVector: a Problem of ``newton``.

    rows    n documents, y their labels, weights (n,) float64 that sum to 1, l2  λ
    p       (n, L) float64   P(l | x_i) at the point that was measured last
    """

    rows: MergedColumns
    y: Targets
    weights: NDArray[np.float64]
    labels: int
    l2: float
    threads: int = 1
    p: NDArray[np.float64] = field(init=False)
    columns: Features = field(init=False)
    likelihood: Likelihood = field(init=False)

    def __post_init__(self) -> None:
        self.p = np.empty((len(self.y), self.labels))
        self.columns = transposed(self.rows.features)
        self.likelihood = likelihood_of(self.y, self.labels)

    def vector(self, coefficients: NDArray[np.float64]) -> SpanVector:
        """The vector of these coefficients: two passes over the features."""
        theta = multiply(self.columns, coefficients, self.threads)
        scores = multiply(self.rows.features, theta, self.threads)
        scores += self.rows.alone[:, None] * coefficients
        return SpanVector(coefficients, scores)

    def measure(self, point: SpanVector) -> tuple[float, SpanVector]:
        """(value, gradient) at the point."""
        value = self._value(point, self.p)
        errors = self.weights[:, None] * self.p
        self.likelihood.add(-self.weights, errors)
        return value, self.vector(errors + self.l2 * point.coefficients)

    def value(self, point: SpanVector) -> float:
        """The value at the point, in nats."""
        return self._value(point, np.empty_like(self.p))

    def _value(self, point: SpanVector, p: NDArray[np.float64]) -> float:
        loss = self.likelihood.losses(point.scores, self.weights, p)
        return loss + 0.5 * self.l2 * point.dot(point)

    def curve(self, direction: SpanVector) -> SpanVector:
        """The Hessian at the point that was measured last, times a direction."""
        out = self.likelihood.curve(direction.scores, self.p, self.weights)
        return self.vector(out + self.l2 * direction.coefficients)

    def separates(self, point: SpanVector) -> bool:
        """Whether the labels are told apart without error, by more than rounding."""
        return self.likelihood.separates(point.scores)
