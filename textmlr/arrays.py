"""How arrays are handed to kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view.

    Numba compiles a kernel once for writable and once more for read-only arrays; inputs may be
    either (Arrow buffers and mapped files are read-only), so kernels see all of theirs frozen.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def empty(size: int, dtype: Any) -> NDArray[Any]:
    """An uninitialised vector; pages that are never written take no memory."""
    return np.empty(size, dtype)
