"""From a kernel's Python source to an object file, by Numba."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import numba
from llvmlite import binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.core import config
from numba.np import arrayobj as _arrayobj

from textmlr.jit.store import MachineCode, machine

arrayobj: Any = _arrayobj  # untyped
cgutils: Any = _cgutils
# Sums of several labels kept side by side in registers become vectors (kernels/document.py).
config.SLP_VECTORIZE = 1  # type: ignore[attr-defined]
_SCALARS = {"b": types.boolean, "i": types.int64, "d": types.float64}
_WORD = ir.IntType(64)
# Where a PyArrayObject keeps its data pointer and, two words on, its dimensions: behind the
# header that every Python object has.  Source: numpy/ndarraytypes.h, PyArrayObject_fields.
_DATA = object.__basicsize__ // 8
_DIMENSIONS = _DATA + 2


def compile_function(
    function: Callable[..., Any], codes: Sequence[str], constants: Mapping[str, int]
) -> MachineCode:
    """Compile a kernel's function for arguments of such codes (see ``textmlr.jit``).

    The entry takes each array as the address of its Python object and finds data and dimensions
    in it, which costs a caller nothing.  Raises Numba's errors for what it cannot compile.
    """
    arguments = tuple(_type(code) for code in codes)
    jitted = _jitted(function, constants, {})
    jitted.compile(arguments)
    returned = jitted.overloads[arguments].signature.return_type
    result, converted = _result(returned)
    names = [f"a{i}" for i in range(len(codes))]
    namespace: dict[str, Any] = {"run": jitted}
    passed = []
    for name, argument in zip(names, arguments, strict=True):
        if isinstance(argument, types.Array):
            namespace[f"array_{name}"] = _view(argument)
            passed.append(f"array_{name}({name})")
        else:
            passed.append(name)
    verb = "return " if result else ""
    exec(f"def entry({', '.join(names)}): {verb}run({', '.join(passed)})", namespace)
    outside = [types.int64 if isinstance(a, types.Array) else a for a in arguments]
    entry: Any = numba.cfunc(converted(*outside), error_model="numpy")(namespace["entry"])
    optimised = llvm.parse_assembly(entry._library.get_llvm_str())
    image = machine().emit_object(optimised)
    return MachineCode(entry.native_name, result, _symbols(str(optimised)), image)


def checked(function: Callable[..., Any], constants: Mapping[str, int]) -> Callable[..., Any]:
    """The function compiled by Numba in the usual way, with indices checked."""
    dispatcher: Callable[..., Any] = _jitted(function, constants, {}, boundscheck=True)
    return dispatcher


def _jitted(
    function: Callable[..., Any],
    constants: Mapping[str, int],
    made: dict[int, Any],
    **options: Any,
) -> Any:
    """Numba's dispatcher of a function, and of the kernels that it calls."""
    from textmlr.jit import Kernel, prefetch

    if id(function) not in made:
        names: dict[str, Any] = {}
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if isinstance(value, Kernel):
                names[name] = _jitted(value.function, constants, made, **options)
            elif value is prefetch:
                names[name] = _prefetch
        copy = FunctionType(
            function.__code__, {**function.__globals__, **names, **constants}, function.__name__,
            function.__defaults__,
        )  # fmt: skip
        made[id(function)] = numba.njit(nogil=True, error_model="numpy", **options)(copy)
    return made[id(function)]


@numba.extending.intrinsic
def _prefetch(context: Any, array: Any, index: Any) -> Any:
    """``textmlr.jit.prefetch``, in LLVM: a read, to be kept in all levels of cache."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(array)(context, builder, arguments[0])
        stride = builder.extract_value(made.strides, 0)
        number = context.cast(builder, arguments[1], index, types.int64)
        byte = ir.IntType(8)
        base = builder.bitcast(made.data, byte.as_pointer())
        place = builder.gep(base, [builder.mul(number, stride)])
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), word, word, word])
        name = "llvm.prefetch" if "ptr" in str(byte.as_pointer()) else "llvm.prefetch.p0i8"
        fetch = cgutils.get_or_insert_function(builder.module, kind, name)
        builder.call(fetch, [place, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, index), build


def _type(code: str) -> Any:
    if code in _SCALARS:
        return _SCALARS[code]
    dtype, dimensions, access = code[:-2], int(code[-2]), code[-1]
    return types.Array(numba.from_dtype(_dtype(dtype)), dimensions, "C", readonly=access == "r")


def _dtype(code: str) -> Any:
    import numpy as np

    return np.dtype(code)


def _result(returned: Any) -> tuple[str, Any]:
    """(code, type outside) of what a kernel returns."""
    if returned in (types.none, types.void):
        return "", types.void
    if isinstance(returned, types.Boolean):
        return "b", types.boolean
    if isinstance(returned, types.Integer):
        return "i", types.int64
    if isinstance(returned, types.Float):
        return "d", types.float64
    raise TypeError(f"a kernel returns {returned}, not one number")


def _view(array: Any) -> Any:
    """A function for compiled code: the array at the address of its Python object."""

    @numba.extending.intrinsic
    def view(context: Any, address: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            words = builder.inttoptr(arguments[0], _WORD.as_pointer())

            def word(place: Any, number: int) -> Any:
                return builder.load(builder.gep(place, [ir.Constant(_WORD, number)]))

            data_type = context.get_data_type(array.dtype)
            data = builder.inttoptr(word(words, _DATA), data_type.as_pointer())
            dimensions = builder.inttoptr(word(words, _DIMENSIONS), _WORD.as_pointer())
            shape = [word(dimensions, axis) for axis in range(array.ndim)]
            size = ir.Constant(_WORD, context.get_abi_sizeof(data_type))
            strides = [size]
            for extent in reversed(shape[1:]):
                strides.insert(0, builder.mul(strides[0], extent))
            made = context.make_array(array)(context, builder)
            arrayobj.populate_array(
                made, data=data, shape=cgutils.pack_array(builder, shape, ty=_WORD),
                strides=cgutils.pack_array(builder, strides, ty=_WORD), itemsize=size,
                meminfo=None,
            )  # fmt: skip
            return made._getvalue()

        return array(types.int64), build

    return view


def _symbols(assembly: str) -> tuple[str, ...]:
    """Names a module expects from outside; what LLVM turns into calls is among them."""
    declared = set(re.findall(r"^declare [^@]*@\"?([\w.$]+)\"?\(", assembly, re.MULTILINE))
    plain = {name for name in declared if not name.startswith("llvm.")}
    # llvm.exp.f64 becomes a call of exp, llvm.exp.f32 of expf; others become instructions, or
    # a call that every C library has (memcpy, memset).
    for name in declared - plain:
        match = re.fullmatch(r"llvm\.(exp|exp2|log|log2|pow|sin|cos|tanh)\.f(32|64)", name)
        if match:
            plain.add(match[1] + ("f" if match[2] == "32" else ""))
    return tuple(sorted(plain))
