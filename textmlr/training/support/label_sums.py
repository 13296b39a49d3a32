"""Sums of f(x) by feature and label, where the two met: the ground of a sparse θ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.kernels import support_sums as kernels
from textmlr.training.objective import Objective

# Features of more than a share of the labels say little, and take most of the time: the entries of
# a row are read for each document that has the feature.  Steps read them again and again, so that
# the rows of θ with steps are narrow; rows of sums alone may be wide.
NARROW, WIDE = 0.01, 0.2
LEAST_MOST = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class LabelSums:
    """S_fℓ = Σ w_i·f(x_i)_f over the documents of label ℓ, where it is not 0.

    starts (V + 1,) int64, labels (m,) int32   rows, as in ``model.postings.Postings``
    sums   (m,) float32     S
    counts (L,) float64     Σ w_i of the documents of each label
    squares (L,) float64    ‖S_ℓ‖²
    order  (d,) int64       documents of positive weight, label by label
    """

    starts: NDArray[np.int64]
    labels: NDArray[np.int32]
    sums: NDArray[np.float32]
    counts: NDArray[np.float64]
    squares: NDArray[np.float64]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, objective: Objective, bias: int | None, most: int) -> LabelSums:
        """The sums over the documents of an objective.

        bias  the column that is always 1, which has no entries;  None: there is none
        most  features that meet more labels than this have none either
        """
        features, labels = objective.features.arrays(), objective.labels
        y, weights = frozen(objective.codes), frozen(objective.weights)
        order = np.argsort(objective.codes, kind="stable")
        order = order[objective.weights[order] > 0]
        sizes = np.zeros(objective.columns, np.int64)
        last = np.full(objective.columns, -1, np.int32)
        kernels.count_pairs(features, y, frozen(order), last, sizes)
        if bias is not None:
            sizes[bias] = 0
        sizes[sizes > most] = 0
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        own = np.empty(int(starts[-1]), np.int32), np.empty(int(starts[-1]), np.float32)
        place = starts[:-1].copy()
        kernels.add_up(features, y, weights, frozen(order), frozen(starts), place, *own)
        squares = np.zeros(labels)
        kernels.label_squares(frozen(own[0]), frozen(own[1]), squares)
        return cls(starts, *own, objective.label_weights, squares, order)

    def own_terms(self, objective: Objective) -> NDArray[np.float64]:
        """What each document shares with its own label: (n, TERMS), see the kernel."""
        out = np.zeros((len(objective.y), kernels.TERMS))
        kernels.own_terms(
            objective.features.arrays(),
            frozen(objective.codes),
            frozen(objective.weights),
            frozen(self.order),
            frozen(self.starts),
            self.starts[:-1].copy(),
            frozen(self.labels),
            frozen(self.sums),
            out,
        )
        return out

    def rooted(self, scales: NDArray[np.float32]) -> NDArray[np.float32]:
        """scales[label]·√S of each entry: (m,)."""
        weights = np.empty_like(self.sums)
        kernels.rooted_weights(frozen(self.labels), frozen(self.sums), frozen(scales), weights)
        return weights


def most_labels(labels: int, share: float) -> int:
    """The most labels that a feature with entries meets."""
    return max(LEAST_MOST, round(share * labels))
