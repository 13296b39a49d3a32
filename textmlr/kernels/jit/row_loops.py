"""The two inner loops of a linear model, over the labels of whole rows of theta.

They stand here as plain Python; in kernels, ``textmlr.kernels.jit.row_vectors`` replaces them by
code in which one instruction does up to sixteen labels, whatever their number.  LLVM left to itself
vectorises a loop over labels only where their number is large or known beforehand, and keeps the
sums in memory: it takes twice the time.  The bits are the same: the sum of each label runs over the
features in their order.  Theta and the vector are both float32 or both float64, and all is computed
in that type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def sum_rows(
    indices: Array, values: Array, first: int, last: int, theta: Array, out: Array
) -> None:
    """out[l] = sum over first <= j < last of values[j] · theta[indices[j], l].

    indices (nnz,) int32, values (nnz,) float32
    theta (V, L) float32 or float64   out (L or more,) of its dtype, the first L written
    """
    out = out[: theta.shape[1]]
    out[:] = 0.0
    for j in range(first, last):
        out += theta[indices[j]] * values[j]


def add_to_rows(
    indices: Array, values: Array, first: int, last: int, theta: Array, gradient: Array
) -> None:
    """theta[indices[j], l] += values[j] · gradient[l] for each first <= j < last.

    indices (nnz,) int32, values (nnz,) float32
    theta (V, L) float32 or float64, updated   gradient (L or more,) of its dtype
    """
    gradient = gradient[: theta.shape[1]]
    for j in range(first, last):
        theta[indices[j]] += gradient * values[j]


def sum_rows_singly(
    indices: Array, values: Array, first: int, last: int, theta: Array, out: Array
) -> None:
    """``sum_rows`` number by number, to the same bits: for code that checks each index."""
    for label in range(theta.shape[1]):
        out[label] = 0.0
    for j in range(first, last):
        for label in range(theta.shape[1]):
            out[label] += theta[indices[j], label] * values[j]


def add_to_rows_singly(
    indices: Array, values: Array, first: int, last: int, theta: Array, gradient: Array
) -> None:
    """``add_to_rows`` number by number."""
    for j in range(first, last):
        for label in range(theta.shape[1]):
            theta[indices[j], label] += gradient[label] * values[j]


SINGLY = {sum_rows: sum_rows_singly, add_to_rows: add_to_rows_singly}
