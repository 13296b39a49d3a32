"""The minimum with an L1 penalty for independent sigmoids: each label a problem of its own.

A sigmoid is a softmax of two, label or not.  With θ = v/2 and −v/2 the softmax has l1·Σ|v| and
(l2/4)·‖v‖² as penalties, and no other pair with the difference v has less: at twice l2 its minimum
is the sigmoid's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import map_blocks
from textmlr.corpus.label_sets import LabelSets
from textmlr.features.csr_features import Features
from textmlr.model.heads import SOFTMAX
from textmlr.training.exact import proximal_newton
from textmlr.training.exact.label_blocks import joined, part_of
from textmlr.training.exact.likelihood import likelihood_of
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.solver import SolverStep, check_memory
from textmlr.training.exact.threaded_products import multiply, transposed
from textmlr.training.objective import Objective

# θ is rounded to float32 in the end, and once more as the difference of two.
MARGIN = 0.9


def minimise_l1(
    objective: Objective,
    *,
    l1: float,
    tolerance: float,
    threads: int = 1,
    watch: Callable[[SolverStep], None] | None = None,
) -> Optimum:
    """The θ at which the objective + l1·Σ|θ| is least, to gap <= tolerance·value.

    Of documents with sets of labels each label is solved by itself, to the tolerance of its own
    value; threads share labels, and their number changes no bit.  See ``proximal_newton``.
    """
    objective = replace(objective, y=objective.head.targets(objective.y))
    if not isinstance(objective.y, LabelSets):
        return proximal_newton.minimise(
            objective, l1=l1, tolerance=tolerance, threads=threads, watch=watch
        )
    objective.head.check_exact()
    check_memory(objective, "train by sgd, or on fewer documents, labels or features")
    problem = _Sigmoids.of(objective, l1)
    found: list[Optimum] = []
    gap = 0.0
    solve = problem.minimise
    for optimum in map_blocks(lambda code: solve(code, tolerance), problem.codes(), threads):
        found.append(optimum)
        gap += optimum.gap
        if watch is not None:
            watch(SolverStep("labels", len(found), gap))
    return joined(found, [np.array([code]) for code in problem.codes()], tolerance)


@dataclass(frozen=True, slots=True, eq=False)
class _Sigmoids:
    """The problem of all labels.

    objective  its y sets of labels;  reach  of its features
    rows, columns  the features that reach
    shares     (n,) float64   w_i/Σw
    """

    objective: Objective
    l1: float
    reach: proximal_newton.Reach
    rows: Features
    columns: Features
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, objective: Objective, l1: float) -> _Sigmoids:
        """What all labels share, made once."""
        reach = proximal_newton.Reach.of(objective, l1)
        columns = Features(*reach.matrix.arrays, len(objective.weights))
        shares = objective.weights.astype(np.float64) / objective.total_weight
        return cls(objective, float(l1), reach, transposed(columns), columns, shares)

    def codes(self) -> range:
        """The labels."""
        return range(self.objective.labels)

    def minimise(self, code: int, tolerance: float) -> Optimum:
        """The minimum of one label's problem: θ (V, 1)."""
        own = part_of(self.objective, np.array([code]))
        assert isinstance(own.y, LabelSets)
        two = replace(
            own,
            y=own.y.sizes.astype(np.int32),
            labels=2,
            l2=2 * own.l2,
            head=SOFTMAX,
        )
        found = proximal_newton.minimise(
            two, l1=self.l1, tolerance=MARGIN * tolerance, reach=self.reach
        )
        theta = np.ascontiguousarray((found.theta[:, 1] - found.theta[:, 0])[:, None])
        value, norm = self._at(own, theta[self.reach.columns].astype(np.float64))
        gap = max(value - (found.value - found.gap), 0.0)
        return Optimum(theta, value, norm, gap, found.iterations, gap <= tolerance * value)

    def _at(self, own: Objective, theta: NDArray[np.float64]) -> tuple[float, float]:
        """(value, norm of the least subgradient) at θ of the features that reach, (C, 1)."""
        likelihood = likelihood_of(own.y, 1)
        scores = multiply(self.rows, theta, 1)
        errors = np.empty_like(scores)
        value = likelihood.losses(scores, self.shares, errors)
        errors *= self.shares[:, None]
        likelihood.add(-self.shares, errors)
        slopes = multiply(self.columns, errors, 1) + own.l2 * theta
        free = np.sign(slopes) * np.maximum(np.abs(slopes) - self.l1, 0.0)
        least = np.where(theta == 0, free, slopes + self.l1 * np.sign(theta))
        value += self.l1 * float(np.abs(theta).sum()) + 0.5 * own.l2 * float((theta**2).sum())
        return value, float(np.sqrt((least**2).sum()))
