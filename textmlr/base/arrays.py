"""Arrays for kernels: read-only views, large pages, and scratch of threads."""

from __future__ import annotations

import mmap
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLAB = 1 << 24  # bytes; freed when the last vector cut from it is
LINE = 64  # bytes of a cache line
BLOCK_ENTRIES = 1 << 20  # entries of a CSR matrix in a block of work


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view.

    Numba compiles a kernel once for writable and once more for read-only arrays; inputs may be
    either (buffers of Arrow and of model files are read-only), so kernels get all inputs frozen.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def pages(size: int, dtype: Any) -> NDArray[Any]:
    """A vector of zeros in memory of its own, which goes back to the system when it is freed;
    malloc may keep memory that it gave to several threads."""
    width = np.dtype(dtype).itemsize
    # Private: shared memory seldom has large pages, without which access takes twice as long.
    own = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    memory = mmap.mmap(-1, max(1, size * width), **own)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, dtype, size)


def is_finite(array: NDArray[np.float32]) -> bool:
    """Whether no element is infinite or NaN; max and min pass both on, so no mask is needed."""
    return array.size == 0 or bool(np.isfinite(array.max()) and np.isfinite(array.min()))


class Scratch(threading.local):
    """Memory of one thread, used again and again: the system clears fresh memory page by page,
    which is slow."""

    def __init__(self) -> None:
        self._held: dict[str, NDArray[Any]] = {}
        self._slab = np.empty(0, np.uint8)
        self._used = 0

    def take(self, name: str, size: int, dtype: Any) -> NDArray[Any]:
        """A vector of at least ``size``: zeros, or the leavings of an earlier use."""
        array = self._held.get(name)
        if array is None or array.size < size:
            array = self._held[name] = np.zeros(size, dtype)
        return array

    def lasting(self, array: NDArray[Any]) -> NDArray[Any]:
        """A copy of a vector to keep, cut from a slab with large pages."""
        begin = -(-self._used // LINE) * LINE
        if begin + array.nbytes > self._slab.size:
            if 4 * array.nbytes > SLAB:
                return array.copy()
            self._slab, begin = pages(SLAB, np.uint8), 0
        self._used = begin + array.nbytes
        out = self._slab[begin : self._used].view(array.dtype)
        out[:] = array
        return out
