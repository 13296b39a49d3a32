"""Features: f(x) of documents as one sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.kernels.csr_rows import Csr

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """f(x) of n documents, CSR, sorted within a row, no column twice.

    indptr   (n + 1,) int64
    indices  (nnz,) int32, below V
    values   (nnz,) float32
    columns  V
    invalid  pieces of invalid UTF-8 in the text, read as U+FFFD
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: NDArray[np.float32]
    columns: int
    invalid: int = 0

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def arrays(self, first: int = 0, last: int | None = None) -> Csr:
        """Rows first:last as kernels take them, read-only."""
        indptr = self.indptr[first : None if last is None else last + 1]
        return Csr(frozen(indptr), frozen(self.indices), frozen(self.values))

    @classmethod
    def joined(cls, parts: Sequence[Features], columns: int, threads: int) -> Features:
        """The rows of all parts, in order; copied by all threads, since fresh memory is slow.

        columns  V, of each part
        """
        ends = np.cumsum([0, *(len(part.indices) for part in parts)], dtype=np.int64).tolist()
        rows = np.cumsum([0, *map(len, parts)], dtype=np.int64).tolist()
        indptr = np.zeros(rows[-1] + 1, np.int64)
        indices, values = np.empty(ends[-1], np.int32), np.empty(ends[-1], np.float32)

        def copy(number: int) -> None:
            part, to = parts[number], slice(ends[number], ends[number + 1])
            indices[to], values[to] = part.indices, part.values
            np.add(part.indptr[1:], to.start, out=indptr[rows[number] + 1 : rows[number + 1] + 1])

        for _ in map_blocks(copy, range(len(parts)), threads):
            pass
        return cls(indptr, indices, values, columns, sum(part.invalid for part in parts))

    def to_scipy(self) -> csr_array:
        """Convert to a scipy CSR array; indices and values are not copied.

        indptr becomes int32 where it fits, since several of scikit-learn's estimators take no
        other (LinearSVC, SGDClassifier); past 2^31 non-zeros scipy makes both int64.
        """
        from scipy.sparse import csr_array

        small = len(self.indices) <= np.iinfo(np.int32).max
        indptr = self.indptr.astype(np.int32) if small else self.indptr
        shape = (len(self), self.columns)
        matrix = csr_array((self.values, self.indices, indptr), shape=shape)
        matrix.has_sorted_indices = True
        matrix.has_canonical_format = True
        return matrix
