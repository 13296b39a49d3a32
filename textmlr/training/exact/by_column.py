"""f(x) by columns, and the weights of θ that a solver works on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.features.csr_features import Features
from textmlr.kernels import coordinate_descent as kernels

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Some of the weights of θ (C, L), by label, columns ascending within each.

    starts    (L + 1,) int64   where the weights of each label begin
    columns   (k,) int32, labels (k,) int64   of each
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, labels: NDArray[np.int64], columns: NDArray[np.int64], number: int) -> Weights:
        """Weights in this order; ``number`` is L."""
        starts = np.searchsorted(labels, np.arange(number + 1)).astype(np.int64)
        return cls(starts, columns.astype(np.int32), labels)

    def __len__(self) -> int:
        return len(self.columns)

    def take(self, which: NDArray[np.int64]) -> Weights:
        """Some of the weights, by ascending number."""
        starts = np.searchsorted(which, self.starts).astype(np.int64)
        return Weights(starts, self.columns[which], self.labels[which])

    def by_label(self) -> Iterator[tuple[int, slice]]:
        """(label, slice of its weights) of labels that have any."""
        ends = self.starts.tolist()
        for label in range(len(ends) - 1):
            if ends[label] < ends[label + 1]:
                yield label, slice(ends[label], ends[label + 1])


@dataclass(frozen=True, slots=True, eq=False)
class ColumnMatrix:
    """f(x) of some features, column after column, documents ascending in each; read-only arrays.

    indptr (C + 1,) int64, documents (m,) int32, values (m,) float32
    """

    indptr: NDArray[np.int64]
    documents: NDArray[np.int32]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, features: Features, columns: NDArray[np.int64]) -> ColumnMatrix:
        """The columns with these numbers."""
        rows = frozen(features.indptr), frozen(features.indices), frozen(features.values)
        numbers = np.full(features.columns, -1, np.int32)
        numbers[columns] = np.arange(len(columns), dtype=np.int32)
        sizes = np.zeros(len(columns), np.int64)
        kernels.column_sizes(rows[1], frozen(numbers), sizes)
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        documents, values = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32)
        kernels.transpose(*rows, frozen(numbers), indptr[:-1].copy(), documents, values)
        return cls(frozen(indptr), frozen(documents), frozen(values))

    @property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        """The three arrays, as kernels take them."""
        return self.indptr, self.documents, self.values

    def add(self, weights: Weights, amounts: Array, out: Array) -> None:
        """out[ℓ, i] += Σ_f amounts[f, ℓ]·f(x_i)_f: scores, (L, n)."""
        for label, own in weights.by_label():
            kernels.add_columns(
                *self.arrays, frozen(weights.columns[own]), frozen(amounts[own]), out[label]
            )

    def slopes(self, weights: Weights, residuals: Array) -> Array:
        """Σ_i residuals[ℓ, i]·f(x_i)_f of each weight: (k,)."""
        out = np.empty(len(weights))
        for label, own in weights.by_label():
            kernels.slopes(
                *self.arrays, frozen(weights.columns[own]), frozen(residuals[label]), out[own]
            )
        return out

    def curvatures(self, weights: Weights, probabilities: Array, shares: Array) -> Array:
        """Σ_i shares[i]·P·(1 − P)·f(x_i)²_f of each weight: (k,), P of its label."""
        out = np.empty(len(weights))
        for label, own in weights.by_label():
            p = probabilities[label]
            second = frozen(shares * p * (1 - p))
            kernels.curvatures(*self.arrays, frozen(weights.columns[own]), second, out[own])
        return out
