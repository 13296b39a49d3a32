"""The decorator of every kernel: compiled by Numba once, loaded without Numba ever after.

Importing Numba and letting it load its cached kernels takes longer than training on a small
corpus takes.  So a kernel is compiled by Numba when it is first called on a machine, its machine
code is kept (``store``), and later processes load that by llvmlite, Numba's own loader of code,
alone.  How it is compiled (``compiler``) hangs on Numba's insides; where these are not as they
were, kernels are compiled as Numba's documentation has it (``fallback``).  Where nothing need be
compiled at all, kernels also run as the Python they are written in, to the same bits:
``textmlr classify doc.txt`` calls ``run_plain`` first.

NUMBA_DISABLE_JIT and NUMBA_BOUNDSCHECK, for looking for faults, mean here what Numba says: plain
Python, and an IndexError where a kernel reads or writes beyond an array.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

from textmlr.base.errors import InputError, KernelWarning
from textmlr.base.locks import ForkLock
from textmlr.kernels.jit import machine_code
from textmlr.kernels.jit.row_loops import add_to_rows as add_to_rows
from textmlr.kernels.jit.row_loops import sum_rows as sum_rows

F = TypeVar("F", bound=Callable[..., Any])

_plain = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
_boundscheck = os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0")
_watches: list[Callable[[str, float], None]] = []
_failure: Exception | None = None  # why Numba's insides are not used any more
_compiles_all = True  # then: Numba has kept nothing yet
_told: set[str] = set()


def _leave_compiling() -> None:
    """In a child of a process of which another thread was compiling."""
    # That thread may have been importing it.
    restore = getattr(sys.modules.get("textmlr.kernels.jit.compiler"), "restore", None)
    if restore is not None:
        restore()
    machine_code.renew()


_lock = ForkLock(leave=_leave_compiling)


def run_plain() -> bool:
    """Leave the kernels imported from now on as plain Python; whether it could be done.

    It is for a process that does one small thing and ends: kernels already compiled stay so.
    """
    global _plain
    kernels = {name for name in sys.modules if name.startswith("textmlr.kernels.")}
    if any(not name.startswith(__name__) for name in kernels):
        return _plain
    _plain = True
    return True


def is_plain() -> bool:
    """Whether kernels imported from now on are plain Python: what is for later costs more there
    than it saves."""
    return _plain


def watch_compiling(watch: Callable[[str, float], None]) -> None:
    """From now on call watch(kernel, seconds) for each kernel that has to be compiled: once
    before, with 0 seconds, and once after."""
    _watches.append(watch)


def kernel(function: F) -> F:
    """Compile a function by Numba when it is first called, and keep the machine code on disk."""
    if _plain:
        import numpy as np

        if function.__name__.startswith("_"):  # another kernel calls it
            return function
        # Hashes wrap around, and only NumPy's scalars would say so; each thread asks for itself.
        return np.errstate(over="ignore")(function)
    return cast(F, Kernel(function))


def as_python(compiled: Callable[..., Any]) -> Callable[..., Any]:
    """The Python that a kernel is written in: of plain arithmetic, it takes whole arrays too."""
    return compiled.function if isinstance(compiled, Kernel) else compiled


def bound(compiled: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """What a kernel comes to for such arguments, without a look at their types at each call.

    Whatever it is called with must be of the same types, dtypes and dimensions, contiguous, and
    read-only where these are: nothing checks it.
    """
    return compiled.bound(arguments) if isinstance(compiled, Kernel) else compiled


def prefetch(array: Any, index: int) -> None:
    """In kernels: have the processor fetch array[index] into its cache while it does other work.

    ``array`` has one dimension, or two, of which ``index`` is a row.  Nothing is read: an index
    beyond the array does no harm.
    """


class Kernel:
    """A compiled function of arrays and scalars.

    It takes C-contiguous arrays, int, float and bool, returns one number or nothing, and is
    compiled for each combination of dtypes, dimensions and read-only arrays it is called with.
    Python's lock is released while it runs.

    function   the Python source
    compiled   what can be called in this process so far, by signature (see ``_code``)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.compiled: dict[str, Callable[..., Any]] = {}
        self._calls: dict[Any, Callable[..., Any]] = {}
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, *arguments: Any) -> Any:
        """Run the kernel."""
        return self.bound(arguments)(*arguments)

    def bound(self, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        """See ``bound`` of this module."""
        kinds = tuple(
            [
                (a.dtype.char, a.ndim, a.flags.num) if hasattr(a, "flags") else type(a)
                for a in arguments
            ]
        )
        call = self._calls.get(kinds)
        if call is None:
            with _lock:
                call = self._calls[kinds] = self._prepare(arguments)
        return call

    @property
    def signatures(self) -> list[str]:
        """What it was compiled or loaded for in this process."""
        return list(self.compiled)

    def _prepare(self, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        codes = tuple(_code(self.__name__, argument) for argument in arguments)
        signature = " ".join(codes)
        if signature not in self.compiled:
            self.compiled[signature] = self._load(codes)
        return self.compiled[signature]

    def _load(self, codes: tuple[str, ...]) -> Callable[..., Any]:
        """The machine code for such arguments, from the store or else from Numba."""
        origin = machine_code.Origin(self.function, codes, _boundscheck)
        if _failure is not None:
            return self._compile_plainly(origin, _failure)
        try:
            return self._find(origin) or self._compile(origin)
        except (InputError, KernelWarning, MemoryError, OSError):
            raise  # OSError: of who watches, whose stderr is closed
        except Exception as error:  # a new Numba may fail in any way
            return self._compile_plainly(origin, error)

    def _find(self, origin: machine_code.Origin) -> Callable[..., Any] | None:
        code = machine_code.find(origin)
        try:
            return None if code is None else machine_code.link(code, origin.codes, self.__name__)
        except RuntimeError:  # LLVM cannot read it, as if there were none
            return None

    def _compile(self, origin: machine_code.Origin) -> Callable[..., Any]:
        with machine_code.lock:  # a child that is forked from here on may need it
            from textmlr.kernels.jit import child_process

        began = self._begin()
        if _lock.abandoned:
            code = child_process.compile_function(origin)
        else:
            from textmlr.kernels.jit import compiler

            code = compiler.compile_function(origin.function, origin.codes, checked=origin.checked)
        call = machine_code.link(code, origin.codes, self.__name__)
        kept = machine_code.keep(origin, code)
        self._end(began)
        if not kept:
            _tell(_NOT_KEPT)
        return call

    def _compile_plainly(
        self, origin: machine_code.Origin, failure: Exception
    ) -> Callable[..., Any]:
        """By what Numba documents alone; failure  why not otherwise."""
        global _compiles_all, _failure
        if _lock.abandoned:
            raise RuntimeError(
                f"kernel {self.__name__} cannot be compiled in a process that was forked while "
                "kernels were compiled; fork when one document has been answered, or before"
            ) from failure
        from textmlr.kernels.jit import fallback

        folder = machine_code.numbas_folder(origin)
        if _failure is None:
            _compiles_all = folder is None or not any(folder.iterdir())
        began = self._begin() if _compiles_all else 0.0
        call = fallback.compile_function(origin, folder)  # fails too if the kernel is at fault
        if _compiles_all:
            self._end(began)
        if _failure is None:
            _failure = failure
            import numba

            told = f"{type(failure).__name__}: {failure}".splitlines()[0]
            _tell(
                f"Numba {numba.__version__} is not one that textmlr knows ({told}); kernels are "
                "compiled by its documented functions, with the same results, but start slower"
            )
        if folder is None:
            _tell(_NOT_KEPT)
        return call

    def _begin(self) -> float:
        for watch in _watches:
            watch(self.__name__, 0.0)
        return time.perf_counter()

    def _end(self, began: float) -> None:
        for watch in _watches:
            watch(self.__name__, time.perf_counter() - began)


_NOT_KEPT = (
    "compiled kernels cannot be kept, and each run compiles them again; set NUMBA_CACHE_DIR to a "
    "folder that is yours and that nobody else can write"
)


def _tell(message: str) -> None:
    """Warn, once a process."""
    if message not in _told:
        _told.add(message)
        warnings.warn(message, KernelWarning, stacklevel=2)


_FIXED = {bool: "b", int: "i", float: "d"}


def _code(name: str, argument: Any) -> str:
    """An argument's type: "b", "i", "d" for bool, int, float, or dtype, dimensions and access
    of an array, such as "f42r" (four-byte float, two, read-only)."""
    import numpy as np

    if type(argument) in _FIXED:
        return _FIXED[type(argument)]
    if not isinstance(argument, np.ndarray):
        raise TypeError(f"{name}: {type(argument).__name__} is not a type kernels take")
    if not argument.flags.c_contiguous or not argument.dtype.isnative:
        raise TypeError(f"{name}: an array is not contiguous, or its bytes are swapped")
    access = "w" if argument.flags.writeable else "r"
    return f"{argument.dtype.str[1:]}{argument.ndim}{access}"
