"""θ of a matrix estimator that trains on part after part of the documents, and keeps none of them.

The documents so far are kept as a paraboloid around the θ they led to: the curvature of their loss,
of which the diagonal is kept, one number a weight.  A further part moves θ to the minimum of its
loss and that paraboloid (``penalised_loss``), and adds its own curvature there.  At first the
precision is the penalty's, and the first part alone leads to the minimum itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.label_sets import Targets
from textmlr.features.csr_features import Features
from textmlr.training.exact.threaded_products import multiply
from textmlr.training.update.penalised_loss import (
    Array,
    PenalisedLoss,
    Prior,
    WeightVector,
    minimum,
)

LEAST_PENALTY = 1e-100  # a smaller one is as good as none, and its inverse's square may be infinite
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, eq=False)
class CurvatureSums:
    """The curvature (V, L) of documents' loss in few numbers: its sums.

    by_feature (V,) float32, by_label (L,) float64
    """

    by_feature: NDArray[np.float32]
    by_label: Array

    @classmethod
    def at(
        cls,
        theta: NDArray[np.float32],
        features: Features,
        y: Targets,
        weights: Array,
        threads: int = 1,
    ) -> CurvatureSums:
        """The sums of documents, at θ (V, L)."""
        base = multiply(features, theta.astype(np.float64), threads)
        loss = PenalisedLoss.of(features, y, weights, base, np.ones(theta.shape), threads)
        loss.measure(WeightVector(np.zeros(theta.shape)))
        curvature = loss.curvature()
        by_feature = np.minimum(curvature.sum(axis=1), LARGEST).astype(np.float32)
        return cls(by_feature, curvature.sum(axis=0))

    def spread_out(self) -> Array:
        """The curvature that has these sums and is otherwise alike: (V, L)."""
        total = float(self.by_label.sum())
        return self.by_feature[:, None] * (self.by_label / (total or 1.0))


@dataclass(slots=True, eq=False)
class Posterior:
    """θ and its precision after the documents so far.

    theta      (V, L) float64
    precision  (V, L) float64   h > 0
    """

    theta: Array
    precision: Array

    @classmethod
    def start(cls, columns: int, labels: int, penalty: float) -> Posterior:
        """Begin without documents: θ = 0, and (penalty/2)‖θ‖² beside a sum over documents."""
        shape = columns, labels
        return cls(np.zeros(shape), np.full(shape, max(penalty, LEAST_PENALTY)))

    @classmethod
    def of(cls, theta: NDArray[np.float32], penalty: float, sums: CurvatureSums) -> Posterior:
        """Begin after documents that θ (V, L) was fitted to, all at once."""
        posterior = cls.start(theta.shape[0], theta.shape[1], penalty)
        posterior.theta[:] = theta
        posterior.precision += sums.spread_out()
        return posterior

    def update(self, features: Features, y: Targets, weights: Array, threads: int = 1) -> int:
        """Train on further documents; return the number of steps.

        y (n,) int32, or label sets;  weights (n,) float64 >= 0, not scaled: a weight of 2 is two
        documents
        Weights of features that none of the documents has stay as they are.
        """
        used, numbers = np.unique(features.indices, return_inverse=True)
        rows = replace(features, indices=numbers.astype(np.int32), columns=len(used))
        theta, prior = self.theta[used], Prior(self.precision[used])
        found = minimum(rows, y, weights, multiply(rows, theta, threads), prior, threads)
        assert found.curvature is not None  # it is there where each weight has its own precision
        self.theta[used] = theta + found.change
        self.precision[used] += found.curvature
        return found.steps
