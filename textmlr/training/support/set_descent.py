"""SGD over a sparse θ where documents have sets of labels, from zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.corpus.label_sets import as_sets
from textmlr.kernels import support_sets as kernels
from textmlr.kernels.support_sets import SetRoom, SetTheta, TouchedRoom
from textmlr.training.objective import Objective

# Documents after which labels that none of them touched have their bias moved, a label a document.
FEWEST_DOCUMENTS = 16
BIAS_PACE = 1.0
_ORDER = (1 << 31) + 24  # a kind of random order


@dataclass(frozen=True, slots=True)
class SetFigures:
    """Means over documents before their own steps: the loss, nats, and the share of those whose
    highest score is that of one of their labels."""

    loss: float
    accuracy: float


def empty_theta(
    objective: Objective,
    documents: NDArray[np.int64],
    bias: int | None,
    most: int,
    base: NDArray[np.float32],
) -> SetTheta:
    """A θ of zeros, with room where a feature and a label of some documents met.

    bias  the column that is always 1, which has no entries;  None: there is none
    most  features that meet more labels than this have none either
    base  (L,) the scores of labels before anything is learnt
    """
    sets = as_sets(objective.y)
    counts = np.zeros(len(sets), np.bool_)
    counts[documents] = objective.weights[documents] > 0
    rows, codes = sets.rows, sets.codes
    pairs = np.flatnonzero(counts[rows])
    pairs = pairs[np.argsort(codes[pairs], kind="stable")]
    own = frozen(rows[pairs]), frozen(codes[pairs])
    features, columns = objective.features.arrays(), objective.columns
    sizes = np.zeros(columns, np.int64)
    kernels.count_met(features, *own, np.full(columns, -1, np.int32), sizes)
    if bias is not None:
        sizes[bias] = 0
    sizes[sizes > most] = 0
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    labels = np.empty(int(starts[-1]), np.int32)
    kernels.write_met(features, *own, frozen(starts), starts[:-1].copy(), labels)
    zeros = np.zeros(len(labels), np.float32)
    return SetTheta(starts, labels, zeros, base.copy())


@dataclass(slots=True, eq=False)
class SetDescent:
    """A sparse θ of sigmoids on its way.

    objective  its rows, at the scale of steps;  documents  those that take steps
    theta      weights and bias are moved
    seed       of the order of documents
    done       epochs that are over
    """

    objective: Objective
    documents: NDArray[np.int64]
    theta: SetTheta
    seed: int
    done: int = 0

    def epoch(self, first: float, last: float) -> SetFigures:
        """Take a step for each document, in random order, the size falling from first to last.

        Raises ArithmeticError where θ does not stay finite.
        """
        objective, labels = self.objective, len(self.theta.bias)
        rng = np.random.default_rng([self.seed, _ORDER, self.done])
        order = rng.permutation(self.documents)
        paces = np.linspace(first, last, len(order) + 1)[:-1]
        none = np.zeros(labels)
        work = SetRoom(
            touched_room(labels), np.zeros(labels, np.float32), none, none.copy(), none.copy()
        )
        totals = np.zeros(2)
        kernels.sets_epoch(
            objective.features.arrays(),
            as_sets(objective.y).arrays,
            frozen(objective.weights),
            frozen(order),
            frozen(paces),
            BIAS_PACE,
            max(labels, FEWEST_DOCUMENTS),
            self.theta,
            work,
            totals,
        )
        self.done += 1
        weight = float(objective.weights[order].sum(dtype=np.float64))
        if not (np.isfinite(totals).all() and np.isfinite(self.theta.weights).all()):
            raise ArithmeticError("training diverged: the weights are not finite any more")
        return SetFigures(float(totals[0]) / weight, float(totals[1]) / weight)


def touched_room(labels: int) -> TouchedRoom:
    """Scratch of one document."""
    return TouchedRoom(
        np.zeros(labels, np.float32),
        np.zeros(labels, np.uint8),
        np.empty(labels, np.int32),
        np.empty(labels, np.float32),
    )
