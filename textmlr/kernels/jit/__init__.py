"""The decorator of every kernel: compiled by Numba once, loaded without Numba ever after.

Importing Numba and letting it load its cached kernels takes longer than training on a small
corpus takes.  So a kernel is compiled when it is first called on a machine, and later processes
load its machine code alone (``loading``).  Kernels also run as the Python they are written in, to
the same bits, and need no compiler then: ``textmlr classify doc.txt`` calls ``run_plain`` first.

NUMBA_DISABLE_JIT and NUMBA_BOUNDSCHECK, for looking for faults, mean here what Numba says: plain
Python, and an IndexError where a kernel reads or writes beyond an array.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from textmlr.kernels.jit import loading
from textmlr.kernels.jit.dispatcher import Kernel as Kernel
from textmlr.kernels.jit.dispatcher import prefetch as prefetch
from textmlr.kernels.jit.loading import watch_compiling as watch_compiling
from textmlr.kernels.jit.row_loops import add_to_rows as add_to_rows
from textmlr.kernels.jit.row_loops import sum_rows as sum_rows

F = TypeVar("F", bound=Callable[..., Any])

_disabled = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
_plain = _disabled
_boundscheck = os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0")
_load = partial(loading.load, checked=_boundscheck)


def run_plain() -> bool:
    """Leave the kernels imported from now on as plain Python; return whether that is possible.

    It is for a process that does one small thing and ends: kernels already compiled stay so.
    """
    global _plain
    kernels = {name for name in sys.modules if name.startswith("textmlr.kernels.")}
    if any(not name.startswith(__name__) for name in kernels):
        return _plain
    _plain = True
    return True


def is_plain() -> bool:
    """Whether kernels imported from now on are plain Python: preparing for later documents costs
    more there than it saves."""
    return _plain


def kernel(function: F) -> F:
    """Compile a function by Numba when it is first called, and keep the machine code on disk."""
    if _plain:
        import numpy as np

        if function.__name__.startswith("_"):  # another kernel calls it
            return function
        # Hashes wrap around, and only NumPy's scalars would say so; each thread asks for itself.
        return np.errstate(over="ignore")(function)
    return cast(F, Kernel(function, _load))


def compiled(function: F) -> F:
    """``kernel``, but compiled where ``run_plain`` was called, too: it is for what goes over
    millions of entries, which would take minutes in plain Python.

    Such kernels call none but their like.
    """
    return kernel(function) if _disabled else cast(F, Kernel(function, _load))


def as_python(compiled: Callable[..., Any]) -> Callable[..., Any]:
    """The Python that a kernel is written in: plain arithmetic takes whole arrays, too."""
    return compiled.function if isinstance(compiled, Kernel) else compiled


def bound(compiled: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """The callable of a kernel for such arguments, without a look at their types at each call.

    Its arguments must be of the same types, dtypes and dimensions, contiguous, and read-only where
    these are: nothing checks it.
    """
    return compiled.bound(arguments) if isinstance(compiled, Kernel) else compiled
