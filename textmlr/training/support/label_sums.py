"""Sums of f(x) by feature and label, where the two met: the ground of a sparse θ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen, pages
from textmlr.corpus.label_sets import LabelSets, label_counts
from textmlr.kernels import support_sums as kernels
from textmlr.training.dealt_parts import AnyObjective

# Features of more than a share of the labels say little, and take most of the time: the entries of
# a row are read for each document that has the feature.  Rows of fewer entries than this do not
# take much.
LEAST_MOST = 1_000
# Weights take this share of the memory of training at most, with labels, sums, and what is made of
# them in the end.
THETA_SHARE, WEIGHT_BYTES = 0.6, 20
# Weights that are g = idf^(3p/2) times as large are those of rows with idf^p: x has idf^p, and √S
# the root of it.  In squares of such rows idf^p stands as h = idf^(2p).
SQUARE_POWER = 4 / 3


@dataclass(frozen=True, slots=True, eq=False)
class LabelSums:
    """S_fℓ = Σ w_i·f(x_i)_f over the documents of label ℓ, where it is not 0.

    starts (V + 1,) int64, labels (m,) int32   rows, as in ``model.postings.Postings``
    sums   (m,) float32     S
    row_scales (V,) float32  g, by which weights of rare features are larger
    counts (L,) float64     Σ w_i of the documents of each label
    squares (L,) float64    Σ_f h_f·S_fℓ², h = g^(4/3)
    order  (d,) int64       documents of positive weight, label by label
    crowded   features that have no entries for want of memory
    """

    starts: NDArray[np.int64]
    labels: NDArray[np.int32]
    sums: NDArray[np.float32]
    row_scales: NDArray[np.float32]
    counts: NDArray[np.float64]
    squares: NDArray[np.float64]
    order: NDArray[np.int64]
    crowded: int = 0

    @classmethod
    def of(
        cls,
        objective: AnyObjective,
        bias: int | None,
        most: int,
        row_scales: NDArray[np.float32] | None = None,
        room: int | None = None,
    ) -> LabelSums:
        """The sums over the documents of an objective.

        bias  the column that is always 1, which has no entries;  None: there is none
        most  features that meet more labels than this have none either
        row_scales (V,)   None: all are 1
        room  entries at most: features that meet most labels have none.  None: no limit
        """
        order = np.argsort(codes_of(objective), kind="stable")
        order = order[objective.weights[order] > 0]
        sizes = np.zeros(objective.columns, np.int64)
        last = np.full(objective.columns, -1, np.int32)
        for rows, own in objective.in_order(order):
            kernels.count_pairs(
                rows.features.arrays(), frozen(rows.codes), frozen(own), last, sizes
            )
        del last
        if bias is not None:
            sizes[bias] = 0
        sizes[sizes > most] = 0
        wide = sizes > (most if room is None else _most_within(sizes, room))
        sizes[wide] = 0
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        labels, sums = pages(int(starts[-1]), np.int32), pages(int(starts[-1]), np.float32)
        place = starts[:-1].copy()
        for rows, own in objective.in_order(order):
            kernels.add_up(
                rows.features.arrays(),
                frozen(rows.codes),
                frozen(rows.weights),
                frozen(own),
                frozen(starts),
                place,
                labels,
                sums,
            )
        del place
        if row_scales is None:
            row_scales = np.ones(objective.columns, np.float32)
        counts = label_counts(objective.y, objective.labels, objective.weights)
        nothing = np.zeros(objective.labels)
        crowded = int(np.count_nonzero(wide))
        bare = cls(starts, labels, sums, row_scales, counts, nothing, order, crowded)
        return bare.with_scales(row_scales)

    def with_scales(self, row_scales: NDArray[np.float32]) -> LabelSums:
        """The same sums with other scales of rows."""
        squares, own = np.zeros_like(self.squares), replace(self, row_scales=row_scales)
        arrays = frozen(self.starts), frozen(self.labels), frozen(self.sums)
        kernels.label_squares(*arrays, frozen(own.row_squares), squares)
        return replace(own, squares=squares)

    @property
    def row_squares(self) -> NDArray[np.float32]:
        """h, (V,)."""
        squares: NDArray[np.float32] = self.row_scales ** np.float32(SQUARE_POWER)
        return squares

    def at_most(self, most: int) -> LabelSums:
        """Without the entries of features that meet more labels than this."""
        sizes = np.diff(self.starts)
        kept = np.repeat(sizes <= most, sizes)
        sizes = np.where(sizes <= most, sizes, 0)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        bare = replace(self, starts=starts, labels=self.labels[kept], sums=self.sums[kept])
        return bare.with_scales(self.row_scales)

    def own_terms(self, objective: AnyObjective) -> NDArray[np.float64]:
        """What each document shares with its own label: (n, TERMS), see the kernel."""
        out = np.zeros((len(objective.y), kernels.TERMS))
        place, first = self.starts[:-1].copy(), 0
        scales = frozen(np.stack([self.row_scales, self.row_squares]))
        for rows, own in objective.in_order(self.order):
            terms = np.empty((len(rows.y), kernels.TERMS))
            kernels.own_terms(
                rows.features.arrays(),
                frozen(rows.codes),
                frozen(rows.weights),
                frozen(own),
                frozen(self.starts),
                place,
                frozen(self.labels),
                frozen(self.sums),
                scales,
                terms,
            )
            out[self.order[first : first + len(own)]] = terms[own]
            first += len(own)
        return out

    def rooted(self, scales: NDArray[np.float32]) -> NDArray[np.float32]:
        """row_scales[row]·scales[label]·√S of each entry: (m,)."""
        weights = pages(len(self.sums), np.float32)
        own = frozen(self.starts), frozen(self.labels), frozen(self.sums), frozen(self.row_scales)
        kernels.rooted_weights(*own, frozen(scales), weights)
        return weights


def codes_of(objective: AnyObjective) -> NDArray[np.int32]:
    """(n,) the label of each document."""
    assert not isinstance(objective.y, LabelSets)
    return objective.y.astype(np.int32, copy=False)


def most_of_memory(memory: int) -> int:
    """The weights of a θ that fit in so many bytes of memory, beside rows."""
    return max(1, int(THETA_SHARE * memory) // WEIGHT_BYTES)


def _most_within(sizes: NDArray[np.int64], room: int) -> int:
    """The largest size of a row so that all rows of at most this size have ``room`` entries."""
    own = np.sort(sizes)
    kept = int(np.searchsorted(np.cumsum(own), room, side="right"))
    if kept == len(own):
        return int(own[-1]) if kept else 0
    return int(own[kept]) - 1


def most_labels(labels: int, share: float) -> int:
    """The most labels that a feature with entries meets."""
    return max(LEAST_MOST, round(share * labels))
