"""Compilation of a kernel's Python source to an object file, by Numba.

Numba is used up to the LLVM code of each function.  Its next steps, optimising every function by
itself, writing wrappers for Python and generating machine code in memory, are left out: the code of
a kernel, of the kernels it calls and of an entry is put together, optimised once and written as one
object file.  That makes the wait of a first run a third.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from types import FunctionType
from typing import Any, cast

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.core import codegen as _codegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import overload
from numba.np import arrayobj as _arrayobj

from textmlr.kernels.jit.argument_types import numba_type
from textmlr.kernels.jit.dispatcher import Kernel, prefetch
from textmlr.kernels.jit.machine_code import OUT_OF_BOUNDS, MachineCode, machine
from textmlr.kernels.jit.row_loops import SINGLY
from textmlr.kernels.jit.row_vectors import INTRINSICS

arrayobj: Any = _arrayobj  # untyped
cgutils: Any = _cgutils
codegen: Any = _codegen
njit: Any = numba.njit  # its types do not know all of its options
_WORD = ir.IntType(64)
# A PyArrayObject keeps its data pointer here and, two words on, its dimensions: behind the header
# that every Python object has.  Source: numpy/ndarraytypes.h, PyArrayObject_fields.
_DATA = object.__basicsize__ // 8
_DIMENSIONS = _DATA + 2
# A float keeps its number here, and a tuple its first field.  Source: CPython's floatobject.h and
# tupleobject.h.
_VALUE = object.__basicsize__ // 8
_FIELDS = tuple.__basicsize__ // 8
_OBJECTS = (types.Array, types.BaseNamedTuple)
_ENTRY = "textmlr_entry"
_SHAPES_TOLD = "raise_with_shape_context"  # Numba calls what arrayobj has of this name
_PARTS = attrgetter("fndesc", "signature", "library")  # the parts of a compiled function
_generator: Any = None
_laid_aside: list[Callable[[], None]] = []  # each undoes a change that compiling needs
# Dispatchers of functions, by whether they check indices: a function that several kernels call is
# typed and lowered once a process.
_made: dict[bool, dict[Callable[..., Any], Any]] = {False: {}, True: {}}


def compile_function(
    function: Callable[..., Any], codes: Sequence[str], *, checked: bool = False
) -> MachineCode:
    """Compile a kernel's function for arguments of such codes (see ``textmlr.kernels.jit``).

    checked  every index is checked first: one outside its array ends the kernel, and
             ``machine_code.link`` raises IndexError
    The entry takes each array, and each named tuple, as the address of its Python object and finds
    in it data and dimensions, or the fields, which costs a caller nothing.
    Raises Numba's errors for what it cannot compile.
    """
    arguments = tuple(numba_type(numba, code) for code in codes)
    with global_compiler_lock, _lowering_only() as unfinished:
        jitted = _jitted(function, checked, _made[checked])
        jitted.compile(arguments)
        described, signature, code = _PARTS(jitted.overloads[arguments])
        result, outside = _result(signature.return_type)
        library = unfinished.create_library(_ENTRY)
        library.whole = True
        library.add_linking_library(code)
        library.add_ir_module(_entry(unfinished, described, outside, checked))
        library.finalize()
    module = library._final_module
    return MachineCode(_ENTRY, result, _symbols(module), machine().emit_object(module))


class _Library(codegen.JITCodeLibrary):  # type: ignore[misc]
    """LLVM code of one function and of those it calls, optimised together only if it is ``whole``.

    Each function by itself is always simplified: without that, the whole later runs up to half
    slower.
    """

    whole = False

    def _optimize_final_module(self) -> None:
        if not self.whole:
            return
        for names in (self._final_module.functions, self._final_module.global_variables):
            for one in names:
                if not one.is_declaration and one.name != _ENTRY:
                    one.linkage = "internal"  # functions that are not called are dropped
        super()._optimize_final_module()

    def _finalize_specific(self) -> None:
        """Generate no machine code in memory."""

    def get_pointer_to_function(self, name: str) -> int:
        """Give no address: nothing can be called."""
        return 0


class _Codegen(codegen.JITCPUCodegen):  # type: ignore[misc]
    """Numba's code generator, short of machine code."""

    _library_class = _Library

    def _add_module(self, module: Any) -> None:
        """Let no engine have the module."""

    def set_env(self, env_name: str, env: Any) -> None:
        """Do nothing: environments are for raising errors, and there is no code to give them to."""


@contextmanager
def _lowering_only() -> Iterator[Any]:
    """Keep Numba from making functions runnable meanwhile; give the code generator in use.

    Also, an assignment to a slice would compile the writing of a message with both shapes in it,
    and all of Numba's strings along, which takes a second; and looking for garbage among Numba's
    many objects takes a tenth of the time.
    """
    global _generator
    if _generator is None:
        # Numba fills its registries here.  Were that to fail halfway, by our generator, Numba could
        # compile nothing any more, not even by its own.
        cpu_target.typing_context.refresh()
        cpu_target.target_context.refresh()
        _generator = _Codegen("textmlr")
    context: Any = cpu_target.target_context
    _lay_aside(context, "_internal_codegen", _generator)
    if hasattr(arrayobj, _SHAPES_TOLD):
        _lay_aside(arrayobj, _SHAPES_TOLD, _refuse_shapes)
    if gc.isenabled():
        _laid_aside.append(gc.enable)
        gc.disable()
    try:
        yield _generator
    finally:
        restore()


def _lay_aside(owner: Any, name: str, value: Any) -> None:
    """Set an attribute until ``restore``."""
    usual = getattr(owner, name)
    _laid_aside.append(lambda: setattr(owner, name, usual))
    setattr(owner, name, value)


def restore() -> None:
    """Put Numba and the collector of garbage back as they were; nothing to do unless a kernel is
    being compiled, or was in another thread when this process was forked."""
    while _laid_aside:
        _laid_aside.pop()()


def _refuse_shapes(source: Any, target: Any) -> None:
    """Do nothing: compiled code has the overload below."""


@overload(_refuse_shapes)
def _overload_refuse_shapes(source: Any, target: Any) -> Callable[[Any, Any], None]:
    def refuse(source: Any, target: Any) -> None:
        raise ValueError("an array assigned to a slice has another shape")

    return refuse


def _entry(generator: Any, kernel: Any, outside: Any, checked: bool) -> Any:
    """A module with the function _ENTRY, which calls a kernel.

    kernel   Numba's description of it;  outside  type of what the entry returns
    checked  the kernel may end at an index: the entry says so, and returns 0
    """
    context: Any = cpu_target.target_context
    module = generator._create_empty_module(_ENTRY)
    inputs = [
        _WORD if isinstance(a, _OBJECTS) else context.get_value_type(a) for a in kernel.argtypes
    ]
    # As it lies in memory: C's bool is a byte, and a lone bit leaves the other seven undefined.
    output = ir.VoidType() if outside is types.void else context.get_data_type(outside)
    made = ir.Function(module, ir.FunctionType(output, inputs), _ENTRY)
    builder = ir.IRBuilder(made.append_basic_block())
    arguments = [
        _object(context, builder, a, given) if isinstance(a, _OBJECTS) else given
        for a, given in zip(kernel.argtypes, made.args, strict=True)
    ]
    callee = context.declare_function(module, kernel)
    status, returned = context.call_conv.call_function(
        builder, callee, kernel.restype, kernel.argtypes, arguments, attrs=("noinline",)
    )
    with builder.if_then(status.is_error, likely=False):  # kernels do not raise
        kind, name = ir.FunctionType(ir.VoidType(), []), OUT_OF_BOUNDS if checked else "abort"
        builder.call(cgutils.get_or_insert_function(module, kind, name), [])
        if not checked:
            builder.unreachable()
        elif outside is types.void:
            builder.ret_void()
        else:
            builder.ret(ir.Constant(output, 0))
    if outside is types.void:
        builder.ret_void()
    else:
        converted = context.cast(builder, returned, kernel.restype, outside)
        builder.ret(context.data_model_manager[outside].as_data(builder, converted))
    return module


def _object(context: Any, builder: Any, kind: Any, address: Any) -> Any:
    """Numba's value of an array, a number or a named tuple, from the address of its Python object.

    A tuple is only read: its caller holds it, and its fields, while the kernel runs.
    """
    words = builder.inttoptr(address, _WORD.as_pointer())
    if isinstance(kind, types.Array):
        return _array(context, builder, kind, words)
    if isinstance(kind, types.BaseNamedTuple):
        fields = [
            _object(context, builder, field, _word(builder, words, _FIELDS + i))
            for i, field in enumerate(kind)
        ]
        return context.make_tuple(builder, kind, fields)
    if isinstance(kind, types.Float):
        number = builder.gep(words, [ir.Constant(_WORD, _VALUE)])
        return builder.load(builder.bitcast(number, ir.DoubleType().as_pointer()))
    # It raises nothing and counts no reference, so it needs no lock of Python's.
    function = ir.FunctionType(_WORD, [_WORD])
    read = cgutils.get_or_insert_function(builder.module, function, "PyLong_AsUnsignedLongLongMask")
    number = builder.call(read, [address])
    return builder.trunc(number, ir.IntType(1)) if isinstance(kind, types.Boolean) else number


def _word(builder: Any, place: Any, number: int) -> Any:
    return builder.load(builder.gep(place, [ir.Constant(_WORD, number)]))


def _array(context: Any, builder: Any, array: Any, words: Any) -> Any:
    """Numba's array of the words of its Python object."""
    data_type = context.get_data_type(array.dtype)
    data = builder.inttoptr(_word(builder, words, _DATA), data_type.as_pointer())
    dimensions = builder.inttoptr(_word(builder, words, _DIMENSIONS), _WORD.as_pointer())
    shape = [_word(builder, dimensions, axis) for axis in range(array.ndim)]
    size = ir.Constant(_WORD, context.get_abi_sizeof(data_type))
    strides = [size]
    for extent in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], extent))
    made = context.make_array(array)(context, builder)
    arrayobj.populate_array(
        made,
        data=data,
        shape=cgutils.pack_array(builder, shape, ty=_WORD),
        strides=cgutils.pack_array(builder, strides, ty=_WORD),
        itemsize=size,
        meminfo=None,
    )
    return made._getvalue()


def _jitted(
    function: Callable[..., Any], checked: bool, made: dict[Callable[..., Any], Any]
) -> Any:
    """Numba's dispatcher of a function, and of the kernels that it calls."""
    if function not in made:
        names: dict[str, Any] = {}
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if isinstance(value, Kernel):
                names[name] = _jitted(value.function, checked, made)
            elif callable(value) and value in INTRINSICS:
                whole = not checked
                names[name] = INTRINSICS[value] if whole else _jitted(SINGLY[value], True, made)
            elif value is prefetch:
                names[name] = _prefetch
        copy = FunctionType(
            function.__code__,
            {**function.__globals__, **names},
            function.__name__,
            function.__defaults__,
        )
        made[function] = njit(
            nogil=True,
            error_model="numpy",
            boundscheck=checked,
            no_cpython_wrapper=True,
            no_cfunc_wrapper=True,
        )(copy)
        _forget_literals(made[function])
    return made[function]


def _forget_literals(dispatcher: Any) -> None:
    """Let one function do for calls with 0, with 32 and with a variable, as in C: Numba would
    compile it for each."""
    usual, unliteral = dispatcher.get_call_template, cast(Any, types.unliteral)
    dispatcher.get_call_template = lambda args, kws: usual(
        [unliteral(a) for a in args], {name: unliteral(a) for name, a in kws.items()}
    )


@numba.extending.intrinsic
def _prefetch(context: Any, array: Any, index: Any) -> Any:
    """``textmlr.kernels.jit.prefetch``, in LLVM: a read, to be kept in all levels of cache."""

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


def _result(returned: Any) -> tuple[str, Any]:
    """(code, type outside) of a kernel's result."""
    if returned in (types.none, types.void):
        return "", types.void
    if isinstance(returned, types.Boolean):
        return "b", types.boolean
    if isinstance(returned, types.Integer):
        return "i", types.int64
    if isinstance(returned, types.Float):
        return "d", types.float64
    raise TypeError(f"a kernel returns {returned}, not one number")


def _symbols(module: Any) -> tuple[str, ...]:
    """Names a module expects from outside, those of intrinsics that LLVM turns into calls too."""
    declared = {function.name for function in module.functions if function.is_declaration}
    plain = {name for name in declared if not name.startswith("llvm.")}
    # llvm.exp.f64 becomes a call of exp, llvm.exp.f32 of expf; others become instructions, or
    # a call that every C library has (memcpy, memset).
    for name in declared - plain:
        match name.split("."):
            case [
                "llvm",
                "exp" | "exp2" | "log" | "log2" | "pow" | "sin" | "cos" | "tanh" as f,
                "f32" | "f64" as width,
            ]:
                plain.add(f + ("f" if width == "f32" else ""))
    return tuple(sorted(plain))
