"""Types of kernels' arguments, written as short codes: a kernel is compiled for each list of them.

b, i, d          bool, int, float
f42r             an array: dtype, dimensions, access (r or w): four-byte float, two, read-only
module:Name(…)   a named tuple: its class, and the codes of its fields with spaces between
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

FIXED = {bool: "b", int: "i", float: "d"}


def kinds_of(arguments: Iterable[Any]) -> tuple[Any, ...]:
    """A quick key of the arguments' types: arguments of equal keys have equal codes."""
    return tuple(
        [
            (a.dtype.char, a.ndim, a.flags.num)
            if hasattr(a, "flags")
            else (type(a), kinds_of(a))
            if isinstance(a, tuple)
            else type(a)
            for a in arguments
        ]
    )


def code_of(name: str, argument: Any) -> str:
    """The code of an argument of the kernel of that name.

    Raises TypeError for what kernels do not take.
    """
    import numpy as np

    if type(argument) in FIXED:
        return FIXED[type(argument)]
    if isinstance(argument, tuple) and hasattr(argument, "_fields"):
        fields = " ".join(code_of(name, field) for field in argument)
        return f"{type(argument).__module__}:{type(argument).__qualname__}({fields})"
    if not isinstance(argument, np.ndarray):
        raise TypeError(f"{name}: {type(argument).__name__} is not a type kernels take")
    if not argument.flags.c_contiguous or not argument.dtype.isnative:
        raise TypeError(f"{name}: an array is not contiguous, or its bytes are swapped")
    access = "w" if argument.flags.writeable else "r"
    return f"{argument.dtype.str[1:]}{argument.ndim}{access}"


def numba_type(numba: Any, code: str) -> Any:
    """Numba's type of such arguments;  numba  the module, which takes long to import."""
    import numpy as np

    types = numba.types
    scalars = {"b": types.boolean, "i": types.int64, "d": types.float64}
    if code in scalars:
        return scalars[code]
    if code.endswith(")"):
        owner, _, rest = code.partition("(")
        module, _, name = owner.partition(":")
        fields = [numba_type(numba, field) for field in _separated(rest[:-1])]
        made = getattr(import_module(module), name)
        if len(set(fields)) == 1:  # Numba has a type of its own for fields that are all alike
            return types.NamedUniTuple(fields[0], len(fields), made)
        return types.NamedTuple(fields, made)
    dtype, dimensions, access = code[:-2], int(code[-2]), code[-1]
    real = numba.from_dtype(np.dtype(dtype))
    return types.Array(real, dimensions, "C", readonly=access == "r")


def _separated(codes: str) -> list[str]:
    """Codes with spaces between; those within brackets belong to one code."""
    found, depth = [""], 0
    for character in codes:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == " " and not depth:
            found.append("")
        else:
            found[-1] += character
    return found
