"""Fewer columns for the same problem: one for all features that always go together.

The penalty (λ/2)‖θ‖² is the same in any orthogonal frame.  Columns that are equal in all documents
can be turned into one, √k times as long, and k − 1 of zeros, whose weights are 0.  Columns
of one document (most bigrams) are one number a document, its length in them: they add to the
curvature of its loss, and to its own score alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.features.csr_features import Features
from textmlr.kernels import equal_columns as kernels


@dataclass(frozen=True, slots=True, eq=False)
class MergedColumns:
    """The rows of a CSR matrix in fewer columns, all inner products of rows as before.

    features  n rows, of columns that several documents have
    squares   (n,) float64   ‖·‖² of each row, all its columns
    alone     (n,) float64   ‖·‖² of its columns that no other document has, left out of features
    """

    features: Features
    squares: NDArray[np.float64]
    alone: NDArray[np.float64]

    @classmethod
    def of(cls, features: Features) -> MergedColumns:
        """Merge the columns that are equal bit for bit; values are rounded to float32 again."""
        rows = frozen(features.indptr), frozen(features.indices), frozen(features.values)
        leaders, frequencies = _leaders(features)
        own = np.arange(features.columns) == leaders
        own &= frequencies > 0
        numbers = np.where(leaders == kernels.ALONE, np.int32(-2), np.int32(-1))
        numbers[own] = np.arange(np.count_nonzero(own), dtype=np.int32)
        members = np.bincount(leaders[leaders >= 0], minlength=features.columns)
        size = int(frequencies[own].sum(dtype=np.int64))
        squares, alone = np.empty((2, len(features)))
        indptr = np.empty(len(features) + 1, np.int64)
        indices, values = np.empty(size, np.int32), np.empty(size, np.float32)
        kernels.merge(
            *rows,
            frozen(numbers),
            frozen(np.sqrt(members)),
            squares,
            alone,
            indptr,
            indices,
            values,
        )
        columns = int(np.count_nonzero(own))
        return cls(Features(indptr, indices, values, columns), squares, alone)


def _leaders(features: Features) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(first column that is equal, or ALONE; documents), of each column."""
    columns = features.columns
    rows = frozen(features.indptr), frozen(features.indices), frozen(features.values)
    frequencies, hashes = np.empty(columns, np.int32), np.empty(columns, np.uint64)
    bits = frozen(features.values.view(np.uint32))
    kernels.hash_columns(*rows, bits, frequencies, hashes)
    leaders = np.empty(columns, np.int32)
    slots = np.full(1 << (2 * columns).bit_length(), -1, np.int32)
    kernels.lead(frozen(frequencies), frozen(hashes), slots, leaders)
    seen, value_of = np.full(columns, -1, np.int32), np.empty(columns, np.float32)
    kernels.part(*rows, leaders, seen, value_of)
    return leaders, frequencies
