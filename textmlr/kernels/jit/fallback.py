"""Kernels compiled by Numba's documented functions, for a Numba whose insides ``compiler`` does not
know.

The results are the same bits.  It takes longer: Numba is imported in every process, and keeps and
loads its compiled code itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FunctionType
from typing import Any

from textmlr.base.errors import InputError
from textmlr.kernels.jit.argument_types import numba_type
from textmlr.kernels.jit.dispatcher import Kernel, prefetch
from textmlr.kernels.jit.machine_code import Origin
from textmlr.kernels.jit.row_loops import SINGLY

# Dispatchers of the functions that kernels call, by whether indices are checked.
_made: dict[tuple[Callable[..., Any], bool], Any] = {}


def compile_function(origin: Origin, folder: Path | None) -> Callable[..., Any]:
    """A Python callable of a kernel for arguments of its codes.

    folder  where Numba keeps what it compiles; it must be the user's alone, since Numba runs
            any file there; None: nowhere
    Raises Numba's errors for what it cannot compile, and InputError if there is no Numba.
    """
    try:
        import numba
    except ImportError as error:
        raise InputError(
            f"Numba, which compiles the kernels, cannot be imported ({error})",
            mend="install one that fits, for instance by pip install --upgrade numba",
        ) from error
    arguments = tuple(numba_type(numba, code) for code in origin.codes)
    copy = _copied(numba, origin.function, origin.checked)
    call = None
    if folder is not None:
        try:
            with _cache_in(numba, folder):
                if _caches(numba, copy, folder):
                    call = _compiled(numba, copy, arguments, origin.checked, True)
        except Exception:  # a kept file is damaged, or the kernel is at fault, as will be seen
            shutil.rmtree(folder, ignore_errors=True)
    if call is None:
        call = _compiled(numba, copy, arguments, origin.checked, False)
    return _raising(call, origin.function.__name__) if origin.checked else call


def _compiled(
    numba: Any, function: Any, arguments: tuple[Any, ...] | None, checked: bool, kept: bool
) -> Any:
    """Numba's dispatcher of a function, compiled for such arguments now, or (None) when called."""
    signature = () if arguments is None else (arguments,)
    return numba.njit(*signature, nogil=True, error_model="numpy", boundscheck=checked, cache=kept)(
        function
    )


def _copied(numba: Any, function: Callable[..., Any], checked: bool) -> Any:
    """The function with functions of Numba in place of the kernels that it calls."""
    names: dict[str, Any] = {}
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if value is prefetch:
            value = _fetch_nothing
        elif isinstance(value, Kernel):
            value = value.function
        elif callable(value) and value in SINGLY:
            value = SINGLY[value]
        else:
            continue
        if (value, checked) not in _made:
            _made[value, checked] = _compiled(
                numba, _copied(numba, value, checked), None, checked, False
            )
        names[name] = _made[value, checked]
    return FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
    )


def _fetch_nothing(array: Any, index: Any) -> None:
    """``textmlr.kernels.jit.prefetch``: it changes no result."""


@contextmanager
def _cache_in(numba: Any, folder: Path) -> Iterator[None]:
    """Have Numba keep compiled code in a folder meanwhile."""
    usual = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = usual


def _caches(numba: Any, function: Any, folder: Path) -> bool:
    """Whether Numba keeps a function there, and not where others may write: it takes another place
    for modules within archives, and keeps nothing of one without source."""
    try:
        kept = numba.njit(cache=True)(function).stats.cache_path
    except RuntimeError:  # it knows no place
        return False
    return kept is not None and Path(kept).is_relative_to(folder)


def _raising(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The call; its IndexError names the kernel, as that of ``machine_code`` does."""

    @wraps(call)
    def checked(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except IndexError as error:
            raise IndexError(f"kernel {name}: an index is outside its array") from error

    return checked
