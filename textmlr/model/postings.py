"""Postings: θ where a weight exists only if label and feature met in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen, is_finite
from textmlr.base.errors import InputError

if TYPE_CHECKING:
    from textmlr.kernels.touched_labels import PostingArrays

# Weights and biases beyond it come from no training; sums of them stay finite.
MOST_WEIGHT = 1e30


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """θ by rows of features, each with the labels that it has a weight for: an inverted index.

    starts   (R + 1,) int64   row r has the entries starts[r]:starts[r + 1].  Rows are the columns
                              of f(x), or those kept; the row of the bias is empty
    labels   (m,) int32       of each entry, ascending within a row
    weights  (m,) float32     of each entry, nats
    bias     (L,) float32     the score of a label that shares no feature with the document
    scales   (L,) float32     weights are row_scales[row]·scales[label]·√sums, and what was learnt
                              beside that
    sums     (m,) float32     Σ f(x)_f over the documents of the entry's label; None: not known
    row_scales (R,) float32   above 0;  None: all are 1
    """

    starts: NDArray[np.int64]
    labels: NDArray[np.int32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    scales: NDArray[np.float32]
    sums: NDArray[np.float32] | None = None
    row_scales: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Raises InputError for arrays that do not fit together."""
        of_entries = [self.labels, self.weights, *([] if self.sums is None else [self.sums])]
        kinds = [np.int64, np.int32, *[np.float32] * 5]
        arrays: list[NDArray[Any]] = [self.starts, self.labels]
        arrays += [self.weights, self.bias, self.scales]
        arrays += [own for own in (self.sums, self.row_scales) if own is not None]
        fit = all(
            isinstance(own, np.ndarray) and own.ndim == 1 and own.dtype == kind
            for own, kind in zip(arrays, kinds, strict=False)
        )
        if not fit or len({len(own) for own in of_entries}) > 1:
            raise InputError("the postings are not arrays of one entry each")
        rows = self.row_scales
        if rows is not None and (len(rows) != self.rows_number or not rows.min(initial=1) > 0):
            raise InputError("the postings have no scale above 0 of each row")
        if len(self.scales) != len(self.bias):
            raise InputError(f"there are {len(self.scales)} scales of {len(self.bias)} labels")
        from textmlr.kernels import touched_labels as kernels  # few models are sparse

        if not kernels.is_sound(frozen(self.starts), frozen(self.labels), len(self.bias)):
            raise InputError("the postings are not rows of ascending labels")
        for own in arrays[2:]:
            if not is_finite(own) or max(-own.min(initial=0), own.max(initial=0)) > MOST_WEIGHT:
                raise InputError("the postings are so large that scores would be infinite")

    def __repr__(self) -> str:
        return (
            f"<postings: {len(self):,} weights of {self.rows_number:,} features for"
            f" {len(self.bias):,} labels: .starts, .labels, .weights, .bias>"
        )

    def __len__(self) -> int:
        """m."""
        return len(self.labels)

    @property
    def rows_number(self) -> int:
        """R."""
        return len(self.starts) - 1

    @property
    def used(self) -> NDArray[np.int64]:
        """Numbers of the rows that have entries, ascending."""
        return np.flatnonzero(np.diff(self.starts))

    def rows(self, numbers: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """The weights of some rows for all labels, without the bias: (k, L)."""
        out = np.zeros((len(numbers), len(self.bias)), np.float32)
        for own, number in zip(out, np.asarray(numbers).tolist(), strict=True):
            entries = slice(int(self.starts[number]), int(self.starts[number + 1]))
            own[self.labels[entries]] = self.weights[entries]
        return out

    def column(self, label: int) -> NDArray[np.float32]:
        """The weights of all rows for one label, without the bias: (R,)."""
        out = np.zeros(self.rows_number, np.float32)
        entries = np.flatnonzero(self.labels == label)
        out[np.searchsorted(self.starts, entries, side="right") - 1] = self.weights[entries]
        return out

    def row_sums(self, entries: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sum of each row's entries, (R,);  entries (m,)  weights, or what else they have."""
        out, used = np.zeros(self.rows_number), self.used
        out[used] = np.add.reduceat(entries, self.starts[used], dtype=np.float64)
        return out

    def dense(self) -> NDArray[np.float32]:
        """All weights, without the bias: (R, L), for few labels."""
        return self.rows(np.arange(self.rows_number))

    def arrays(self) -> PostingArrays:
        """As kernels take them to read."""
        from textmlr.kernels import touched_labels as kernels

        sizes = np.diff(self.starts)
        least = max(len(self.bias) // kernels.WIDE, kernels.WIDE_LEAST)
        wide = np.flatnonzero(sizes >= least).astype(np.int32)
        return kernels.PostingArrays(
            frozen(self.starts),
            frozen(self.labels),
            frozen(self.weights),
            frozen(self.bias),
            frozen(wide),
            frozen(self.rows(wide)),
        )
