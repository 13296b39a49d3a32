"""A kernel: a function of arrays and numbers that is compiled when it is first called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textmlr.kernels.jit.argument_types import code_of, kinds_of

Call = Callable[..., Any]


class Kernel:
    """A compiled function of arrays, numbers and named tuples of them.

    It takes C-contiguous arrays, int, float and bool, returns one number or nothing, and is
    compiled for each combination of dtypes, dimensions and read-only arrays it is called with.
    Python's lock is released while it runs.

    function   the Python source
    load       fills ``compiled`` for a list of codes, and returns the callable
    compiled   the callables made in this process, by signature (see ``argument_types``)
    """

    def __init__(self, function: Call, load: Callable[[Kernel, tuple[str, ...]], Call]) -> None:
        self.function = function
        self.compiled: dict[str, Call] = {}
        self._load = load
        self._calls: dict[Any, Call] = {}
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, *arguments: Any) -> Any:
        """Run the kernel."""
        return self.bound(arguments)(*arguments)

    def bound(self, arguments: tuple[Any, ...]) -> Call:
        """The callable for arguments of these types."""
        kinds = kinds_of(arguments)
        call = self._calls.get(kinds)
        if call is None:
            codes = tuple(code_of(self.__name__, argument) for argument in arguments)
            call = self._calls[kinds] = self._load(self, codes)
        return call

    @property
    def signatures(self) -> list[str]:
        """The signatures it was compiled or loaded for in this process."""
        return list(self.compiled)


def prefetch(array: Any, index: int) -> None:
    """Have the processor fetch array[index] into its cache while a kernel does other work.

    ``array`` has one dimension, or two, of which ``index`` is a row.  Nothing is read: an index
    beyond the array does no harm.
    """
