"""The source of a kernel's code: the disk, Numba's insides, or Numba as documented.

Numba compiles a kernel when it is first called on a machine (``compiler``), its machine code is
kept on disk, and later processes load it by llvmlite alone (``machine_code``).  Where a new Numba's
insides are not as they were, kernels are compiled by its documented functions (``fallback``).
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from textmlr.base.errors import InputError, KernelWarning
from textmlr.base.locks import ForkLock
from textmlr.kernels.jit import machine_code
from textmlr.kernels.jit.dispatcher import Kernel

_NOT_KEPT = (
    "compiled kernels cannot be kept, and each run compiles them again; set NUMBA_CACHE_DIR to a "
    "folder that is yours and that nobody else can write"
)
_watches: list[Callable[[str, float], None]] = []
_failure: Exception | None = None  # why Numba's insides are no longer used
_compiles_all = True  # then: Numba has kept nothing yet
_given: set[str] = set()  # warnings


def _leave_compiling() -> None:
    """Put Numba back in a child of a process in which another thread was compiling."""
    # That thread may have been importing it.
    restore = getattr(sys.modules.get("textmlr.kernels.jit.compiler"), "restore", None)
    if restore is not None:
        restore()
    machine_code.renew()


_lock = ForkLock(leave=_leave_compiling)


def watch_compiling(watch: Callable[[str, float], None]) -> None:
    """From now on call watch(kernel, seconds) for each kernel that has to be compiled: once
    before, with 0 seconds, and once after."""
    _watches.append(watch)


def load(kernel: Kernel, codes: tuple[str, ...], checked: bool) -> Callable[..., Any]:
    """The callable of a kernel for arguments of such codes, compiled if need be.

    checked  it raises IndexError where an index is outside its array
    """
    signature = " ".join(codes)
    with _lock:
        if signature not in kernel.compiled:
            origin = machine_code.Origin(kernel.function, codes, checked)
            kernel.compiled[signature] = _load(origin)
        return kernel.compiled[signature]


def _load(origin: machine_code.Origin) -> Callable[..., Any]:
    if _failure is not None:
        return _compile_plainly(origin, _failure)
    try:
        return _find(origin) or _compile(origin)
    except (InputError, KernelWarning, MemoryError, OSError):
        raise  # OSError: a watcher's, whose stderr is closed
    except Exception as error:  # a new Numba may fail in any way
        return _compile_plainly(origin, error)


def _find(origin: machine_code.Origin) -> Callable[..., Any] | None:
    code = machine_code.find(origin)
    try:
        return None if code is None else machine_code.link(code, origin.codes, origin.name)
    except RuntimeError:  # LLVM cannot read it, as if there were none
        return None


def _compile(origin: machine_code.Origin) -> Callable[..., Any]:
    with machine_code.lock:  # a child that is forked from here on may need it
        from textmlr.kernels.jit import child_process

    began = _begin(origin.name)
    if _lock.abandoned:
        code = child_process.compile_function(origin)
    else:
        from textmlr.kernels.jit import compiler

        code = compiler.compile_function(origin.function, origin.codes, checked=origin.checked)
    call = machine_code.link(code, origin.codes, origin.name)
    kept = machine_code.keep(origin, code)
    _end(origin.name, began)
    if not kept:
        _warn(_NOT_KEPT)
    return call


def _compile_plainly(origin: machine_code.Origin, failure: Exception) -> Callable[..., Any]:
    """Compile by Numba's documented functions alone;  failure  why Numba's insides fail."""
    global _compiles_all, _failure
    if _lock.abandoned:
        raise RuntimeError(
            f"kernel {origin.name} cannot be compiled in a process that was forked while "
            "kernels were compiled; fork when one document has been answered, or before"
        ) from failure
    from textmlr.kernels.jit import fallback

    folder = machine_code.numbas_folder(origin)
    if _failure is None:
        _compiles_all = folder is None or not any(folder.iterdir())
    began = _begin(origin.name) if _compiles_all else 0.0
    call = fallback.compile_function(origin, folder)  # fails too if the kernel is at fault
    if _compiles_all:
        _end(origin.name, began)
    if _failure is None:
        _failure = failure
        import numba

        reason = f"{type(failure).__name__}: {failure}".splitlines()[0]
        _warn(
            f"Numba {numba.__version__} is not one that textmlr knows ({reason}); kernels are "
            "compiled by its documented functions, with the same results, but start slower"
        )
    if folder is None:
        _warn(_NOT_KEPT)
    return call


def _begin(name: str) -> float:
    for watch in _watches:
        watch(name, 0.0)
    return time.perf_counter()


def _end(name: str, began: float) -> None:
    for watch in _watches:
        watch(name, time.perf_counter() - began)


def _warn(message: str) -> None:
    """Warn, once a process."""
    if message not in _given:
        _given.add(message)
        warnings.warn(message, KernelWarning, stacklevel=2)
