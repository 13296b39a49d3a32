"""Hashed columns that occur: θ has a row for each of them, and none for the others.

A corpus may use a few thousand of 2^22 columns, or nearly all.  Rows of θ that are never touched
would be most of the model's memory and file, and rows by descending document frequency lie
together in cache where they are used the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import BLOCK_ENTRIES, frozen
from textmlr.base.threads import map_blocks
from textmlr.features.csr_features import Features
from textmlr.kernels import column_numbers, csr_rows
from textmlr.kernels.column_numbers import SPARSE

ROWS = 512  # to a block of ``sampled_rows``
# A table of V columns is no larger than 16 MB, or the rows of θ that it leads to; else bisection
# among the columns in use does: a model file of a few KB may say that it hashes to 2^30.
DENSE = 1 << 22
DENSE_SHARE = 8


@dataclass(frozen=True, slots=True, eq=False)
class HashedColumns:
    """The columns in use, numbered by descending document frequency, ties by column; then those
    of each update, by column.

    kept    (R,) int32   column of each number
    table   (V,) int32   number of each column, −1 for a column that is not in use; or, where few of
            very many columns are in use, (2 + 2R,) int32: SPARSE, V, these columns ascending, and
            the number of each
    frequencies (R,) int64   documents that each is in; None where a vocabulary has them
    """

    kept: NDArray[np.int32]
    table: NDArray[np.int32]
    frequencies: NDArray[np.int64] | None = None

    @property
    def numbers(self) -> NDArray[np.int32]:
        """(V,) int32, number of each column, −1 for a column that is not in use."""
        if not self._sparse:
            return self.table
        numbers = np.full(int(self.table[1]), -1, np.int32)
        numbers[self.kept] = np.arange(len(self.kept), dtype=np.int32)
        return numbers

    @property
    def _sparse(self) -> bool:
        return len(self.table) > 0 and int(self.table[0]) == SPARSE

    def find(self, columns: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """The number of each of these columns, −1 for one that is not in use."""
        found: NDArray[np.int32]
        if not self._sparse:
            found = self.table[columns]
            return found
        own, numbers = self.table[2:].reshape(2, -1)
        at = np.minimum(np.searchsorted(own, columns), len(own) - 1)
        found = np.where(own[at] == columns, numbers[at], np.int32(-1))
        return found

    @classmethod
    def of(cls, features: Features, threads: int) -> tuple[HashedColumns, NDArray[np.int32]]:
        """The columns that occur in rows, and the document frequency of each, (R,) int32."""
        frequencies = document_frequencies(features, threads)
        found = cls.counted(frequencies)
        return found, frequencies[found.kept]

    @classmethod
    def counted(cls, frequencies: NDArray[np.int32]) -> HashedColumns:
        """The columns whose document frequency, (V,) int32, is positive."""
        kept = np.empty(np.count_nonzero(frequencies), np.int32)
        numbers = np.empty(len(frequencies), np.int32)
        ends = np.zeros(int(frequencies.max(initial=0)) + 1, np.int64)
        column_numbers.rank(frozen(frequencies), ends, kept, numbers)
        return cls(kept, numbers, frequencies[kept].astype(np.int64))

    @classmethod
    def restore(
        cls,
        kept: NDArray[np.int32],
        width: int,
        frequencies: NDArray[np.int64] | None = None,
    ) -> HashedColumns:
        """Restore from kept, among V columns.  Raises ValueError if one is out of range or there
        twice."""
        if len(kept) and (kept.min() < 0 or kept.max() >= width):
            raise ValueError("a column is out of range")
        if width > max(DENSE, DENSE_SHARE * len(kept)) and len(kept):
            order = np.argsort(kept).astype(np.int32)
            ascending = kept[order]
            if (ascending[1:] == ascending[:-1]).any():
                raise ValueError("a column is there twice")
            about = np.array([SPARSE, width], np.int32)
            return cls(kept, np.concatenate([about, ascending, order]), frequencies)
        numbers = np.full(width, -1, np.int32)
        own = np.arange(len(kept), dtype=np.int32)
        numbers[kept] = own
        if not np.array_equal(numbers[kept], own):
            raise ValueError("a column is there twice")
        return cls(kept, numbers, frequencies)

    def followed_by(self, more: NDArray[np.int64], width: int) -> HashedColumns:
        """These columns, then others of V; no frequencies are counted yet."""
        return HashedColumns.restore(np.concatenate([self.kept, more.astype(np.int32)]), width)

    def renumber(self, features: Features, threads: int = 1) -> Features:
        """The rows with numbers in place of columns, the columns not in use left out.

        features  may share its memory with the result, and is lost
        """
        indices, numbers = features.indices, frozen(self.numbers)

        def run(first: int) -> bool:
            part = indices[first : first + BLOCK_ENTRIES]
            return bool(column_numbers.map_columns(numbers, part))

        # All blocks have to be run: ``all`` of an iterator would stop at the first that is False.
        whole = list(map_blocks(run, range(0, len(indices), BLOCK_ENTRIES), threads))
        if all(whole):
            return replace(features, columns=len(self.kept))
        known = indices >= 0
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(known)])
        return replace(
            features,
            indptr=before[features.indptr],
            indices=indices[known],
            values=features.values[known],
            columns=len(self.kept),
        )


def document_frequencies(features: Features, threads: int) -> NDArray[np.int32]:
    """The number of rows that each column occurs in, (V,) int32."""
    half = len(features.indices) // 2
    parts = (features.indices[:half], features.indices[half:])

    def count(part: NDArray[np.int32]) -> NDArray[np.int32]:
        counts = np.zeros(features.columns, np.int32)
        csr_rows.document_frequency(frozen(part), counts)
        return counts

    first, second = map_blocks(count, parts, threads)
    first += second
    return first


def column_totals(features: Features, threads: int) -> NDArray[np.float32]:
    """Σ f(x) over the rows, in each column: (V,) float32."""
    half = len(features.indices) // 2

    def add(part: slice) -> NDArray[np.float64]:
        totals = np.zeros(features.columns, np.float64)
        column_numbers.column_totals(
            frozen(features.indices[part]),
            frozen(features.values[part]),
            totals,
            np.zeros(0, np.int32),
        )
        return totals

    first, second = map_blocks(add, (slice(half), slice(half, None)), threads)
    first += second
    return first.astype(np.float32)


def estimated_totals(
    taken: Sequence[Features], frequencies: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """Σ f(x) over all rows, in each of the first columns, from some of the rows.

    The mean value of a column in these is that in all.

    taken        see ``sampled_rows``
    frequencies  (c,) rows of each of the first c columns
    """
    totals, counts = np.zeros(len(frequencies)), np.zeros(len(frequencies), np.int32)
    for rows in taken:
        column_numbers.column_totals(frozen(rows.indices), frozen(rows.values), totals, counts)
    estimated: NDArray[np.float64] = totals * (frequencies / np.maximum(counts, 1))
    return estimated.astype(np.float32)


def sampled_rows(rows: int, nonzeros: int, most: int) -> list[slice]:
    """Blocks of rows with about ``most`` entries, evenly spaced where there are more."""
    stride = max(1, round(nonzeros / most)) * ROWS
    return [slice(first, min(first + ROWS, rows)) for first in range(0, rows, stride)]
