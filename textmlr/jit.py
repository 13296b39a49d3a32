"""The decorator of every kernel: Numba, or nothing where compiled code would not pay.

Importing Numba and loading its kernels takes several times as long as answering for one short
document takes in plain Python.  The kernels are written so that they run as they stand, to the
same bits: ``textmlr classify doc.txt`` calls ``run_plain`` before it imports any of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_plain = False


def run_plain() -> bool:
    """Leave the kernels imported from now on as plain Python; whether it could be done.

    It is for a process that does one small thing and ends: kernels already compiled stay so.
    """
    global _plain
    if any(name.startswith("textmlr.kernels.") for name in sys.modules):
        return _plain
    import numpy as np

    np.seterr(over="ignore")  # hashes wrap around, and only NumPy's scalars would say so
    _plain = True
    return True


def kernel(function: F) -> F:
    """Compile a function by Numba when it is first called, and cache the machine code on disk."""
    if _plain:
        return function
    from numba import njit

    return cast(F, njit(nogil=True, cache=True)(function))
