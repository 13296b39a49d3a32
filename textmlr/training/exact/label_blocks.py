"""The minimum for independent sigmoids: labels in blocks, each block a problem of its own.

The loss is a sum over labels, and so is the penalty: value, bound and minimum of all labels are the
sums of those of blocks.  A block reads each row of the features once for all its labels, and its
part of θ fits in cache; blocks are what threads share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import map_blocks
from textmlr.corpus.label_sets import LabelSets, label_counts
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.solver import ExactSolver, SolverStep, Watch
from textmlr.training.objective import Objective

BLOCK_LABELS = 16  # 8 and 32 take as long


class Solver(Protocol):
    """A prepared problem, to be solved for one penalty after the other."""

    def minimise(
        self, l2: float, tolerance: float, *, start: NDArray[np.float32] | None = None
    ) -> Optimum:
        """The minimum with a penalty of l2; from ``start``, or else from the last minimum."""
        ...


def solver_of(objective: Objective, threads: int = 1, watch: Watch | None = None) -> Solver:
    """The solver of an objective; raises InputError where it would not fit in memory."""
    whole = ExactSolver.of(objective, threads, watch)
    if isinstance(whole.objective.y, LabelSets):
        return LabelBlocks.of(whole)
    return whole


@dataclass(frozen=True, slots=True, eq=False)
class LabelBlocks:
    """The problem of independent sigmoids, in blocks.

    members  of each block: codes of its labels
    solvers  of each
    """

    members: Sequence[NDArray[np.int64]]
    solvers: Sequence[ExactSolver]
    threads: int
    watch: Watch | None

    @classmethod
    def of(cls, whole: ExactSolver) -> LabelBlocks:
        """The blocks of a problem that is prepared."""
        objective = whole.objective
        members = blocks_of(objective)
        whole.prepare()
        return cls(
            members,
            [whole.of_labels(part_of(objective, own)) for own in members],
            whole.threads,
            whole.watch,
        )

    def minimise(
        self, l2: float, tolerance: float, *, start: NDArray[np.float32] | None = None
    ) -> Optimum:
        """The minimum with a penalty of l2, each block within the tolerance of its own value.

        The gap is the sum of gaps, ‖gradient‖ that of all labels, and iterations the most of any.
        """

        def solve(number: int) -> Optimum:
            begin = None
            if start is not None:
                begin = np.ascontiguousarray(start[:, self.members[number]])
            return self.solvers[number].minimise(l2, tolerance, start=begin)

        found: list[Optimum] = []
        done, gap = 0, 0.0
        for optimum in map_blocks(solve, range(len(self.members)), self.threads):
            done += len(self.members[len(found)])
            found.append(optimum)
            gap += optimum.gap if l2 else optimum.gradient_norm
            if self.watch is not None:
                self.watch(SolverStep("labels", done, gap))
        return joined(found, self.members, tolerance)


def blocks_of(objective: Objective) -> list[NDArray[np.int64]]:
    """The codes of the labels of each block.

    Labels of as many documents share a block: where these are few, most documents are soon at rest
    for all of its labels.
    """
    labels = objective.labels
    order = np.argsort(-label_counts(objective.y, labels), kind="stable")
    return [order[first : first + BLOCK_LABELS] for first in range(0, labels, BLOCK_LABELS)]


def part_of(objective: Objective, own: NDArray[np.int64]) -> Objective:
    """The objective of some of the labels of sets, in this order."""
    assert isinstance(objective.y, LabelSets)
    new = np.full(objective.labels, -1, np.int64)
    new[own] = np.arange(len(own))
    return replace(objective, y=objective.y.recoded(new), labels=len(own))


def joined(
    found: Sequence[Optimum], members: Sequence[NDArray[np.int64]], tolerance: float
) -> Optimum:
    """The minimum of all labels, from those of parts that share none;  members  of each part.

    A part may miss the tolerance of its own value, which float32 may bring about, if the sum of
    gaps is within that of the sum of values.
    """
    labels = sum(map(len, members))
    theta = np.empty((len(found[0].theta), labels), np.float32)
    for optimum, own in zip(found, members, strict=True):
        theta[:, own] = optimum.theta
    value = math.fsum(optimum.value for optimum in found)
    gap = math.fsum(optimum.gap for optimum in found)
    return Optimum(
        theta,
        value,
        math.sqrt(math.fsum(optimum.gradient_norm**2 for optimum in found)),
        gap,
        max(optimum.iterations for optimum in found),
        gap <= tolerance * value or all(optimum.converged for optimum in found),
    )
