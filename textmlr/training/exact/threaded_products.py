"""A CSR matrix times float64 numbers, by all threads, over fixed blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.features.csr_features import Features
from textmlr.kernels import csr_products as kernels

BLOCK_PRODUCTS = 1 << 18  # entries times labels: a block takes a fraction of a millisecond


def transposed(matrix: Features) -> Features:
    """The matrix by columns: row f holds the documents of feature f."""
    counts = np.zeros(matrix.columns, np.int64)
    kernels.count_columns(frozen(matrix.indices), counts)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    indices, values = np.empty_like(matrix.indices), np.empty_like(matrix.values)
    kernels.transpose(
        frozen(matrix.indptr),
        frozen(matrix.indices),
        frozen(matrix.values),
        indptr[:-1].copy(),
        indices,
        values,
    )
    return Features(indptr, indices, values, len(matrix))


def blocks(matrix: Features, labels: int) -> Iterator[slice]:
    """Slices of rows of about BLOCK_PRODUCTS each; cut by the data alone."""
    # A row counts as an entry too: writing it takes as long.
    work = matrix.indptr + np.arange(len(matrix.indptr))
    step = max(1, BLOCK_PRODUCTS // labels)
    bounds = np.searchsorted(work, np.arange(0, int(work[-1]) + step, step))
    bounds = np.unique(np.minimum(bounds, len(matrix.indptr) - 1)).tolist()
    for first, last in pairwise(bounds):
        yield slice(first, last)


def inner_product(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Sum of the products of two arrays (n, L).

    Not NumPy's: that of its BLAS depends on the number of processors, and keeps them all busy.
    """
    total: float = kernels.inner_product(frozen(a).reshape(-1), frozen(b).reshape(-1))
    return total


def multiply(matrix: Features, dense: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
    """matrix · dense: (n, L) float64, where dense is (V, L)."""
    out = np.empty((len(matrix), dense.shape[1]))

    def run(rows: slice) -> None:
        kernels.product(
            frozen(matrix.indptr[rows.start : rows.stop + 1]),
            frozen(matrix.indices),
            frozen(matrix.values),
            frozen(dense),
            out[rows],
        )

    for _ in map_blocks(run, blocks(matrix, dense.shape[1]), threads):
        pass
    return out


def combined(
    columns: Features, coefficients: NDArray[np.float64], threads: int
) -> tuple[NDArray[np.float32], float, float]:
    """(θ = sum_i f(x_i) ⊗ coefficients_i, (V, L) float32; ‖its rounding error‖²; ‖θ‖²).

    columns  f(x) by columns;  coefficients (n, L) float64
    """
    labels = coefficients.shape[1]
    theta = np.empty((len(columns), labels), np.float32)

    def run(rows: slice) -> tuple[float, float]:
        sums = np.empty(2)
        kernels.combine(
            frozen(columns.indptr[rows.start : rows.stop + 1]),
            frozen(columns.indices),
            frozen(columns.values),
            frozen(coefficients),
            theta[rows],
            np.empty(labels),
            sums,
        )
        return float(sums[0]), float(sums[1])

    parts = list(map_blocks(run, blocks(columns, labels), threads))
    return theta, sum(lost for lost, _ in parts), sum(length for _, length in parts)
