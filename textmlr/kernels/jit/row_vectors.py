"""``textmlr.kernels.jit.row_loops`` in LLVM's own vector types.

For chunks of LANES labels, the widest that fit first, a loop over the features holds the chunk's
sums (or its gradient) in registers and touches the chunk's part of each row of theta once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils as _cgutils
from numba.core import types
from numba.extending import intrinsic

from textmlr.kernels.jit import row_loops

cgutils: Any = _cgutils  # untyped
LANES = (32, 16, 8, 4, 2, 1)
_DOUBLE, _INT32, _INT64 = ir.DoubleType(), ir.IntType(32), ir.IntType(64)
_UNALIGNED = 4  # bytes: rows of theta lie one after the other


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of one call's loops: LLVM's builder, and the call's arguments."""

    builder: Any
    indices: Any
    values: Any
    first: Any
    last: Any
    theta: Any
    width: Any
    vector: Any
    real: Any  # LLVM's type of a number of theta and of the vector

    @classmethod
    def of(cls, context: Any, builder: Any, kinds: Sequence[Any], arguments: Sequence[Any]) -> Any:
        real = context.get_data_type(kinds[4].dtype)
        indices, values, first, last, theta, vector = (
            context.make_array(kind)(context, builder, argument)
            if isinstance(kind, types.Array)
            else argument
            for kind, argument in zip(kinds, arguments, strict=True)
        )
        width = builder.extract_value(theta.shape, 1)
        return cls(
            builder, indices.data, values.data, first, last, theta.data, width, vector.data, real
        )

    def chunk(self, label: Any, lanes: int) -> Any:
        """Address of labels label ... label + lanes − 1 of the vector."""
        address = self.builder.gep(self.vector, [label])
        return self.builder.bitcast(address, ir.VectorType(self.real, lanes).as_pointer())

    def row(self, j: Any, label: Any, lanes: int) -> Any:
        """Address of those labels in the row of theta of entry j."""
        builder = self.builder
        feature = builder.zext(builder.load(builder.gep(self.indices, [j])), _INT64)
        place = builder.add(builder.mul(feature, self.width), label)
        address = builder.gep(self.theta, [place])
        return builder.bitcast(address, ir.VectorType(self.real, lanes).as_pointer())

    def value(self, j: Any, lanes: int) -> Any:
        """The value of entry j in all lanes."""
        builder = self.builder
        undefined = ir.Constant(ir.VectorType(self.real, lanes), ir.Undefined)
        value = builder.load(builder.gep(self.values, [j]))
        if self.real == _DOUBLE:
            value = builder.fpext(value, _DOUBLE)
        one = builder.insert_element(undefined, value, ir.Constant(_INT32, 0))
        everywhere = ir.Constant(ir.VectorType(_INT32, lanes), [0] * lanes)
        return builder.shuffle_vector(one, undefined, everywhere)

    def entries(self, body: Callable[[Any], None]) -> None:
        """A loop over first <= j < last."""
        counter = cgutils.alloca_once_value(self.builder, self.first)
        loop = self.builder.append_basic_block("entries")
        step = self.builder.append_basic_block("entry")
        done = self.builder.append_basic_block("entries.done")
        self.builder.branch(loop)
        self.builder.position_at_end(loop)
        j = self.builder.load(counter)
        self.builder.cbranch(self.builder.icmp_signed("<", j, self.last), step, done)
        self.builder.position_at_end(step)
        body(j)
        self.builder.store(self.builder.add(j, ir.Constant(_INT64, 1)), counter)
        self.builder.branch(loop)
        self.builder.position_at_end(done)

    def chunks(self, body: Callable[[Any, int], None]) -> None:
        """A loop over the labels, in chunks of LANES."""
        builder = self.builder
        counter = cgutils.alloca_once_value(builder, ir.Constant(_INT64, 0))
        for lanes in LANES:
            loop = builder.append_basic_block(f"labels{lanes}")
            step = builder.append_basic_block(f"chunk{lanes}")
            done = builder.append_basic_block(f"labels{lanes}.done")
            builder.branch(loop)
            builder.position_at_end(loop)
            label = builder.load(counter)
            end = builder.add(label, ir.Constant(_INT64, lanes))
            builder.cbranch(builder.icmp_signed("<=", end, self.width), step, done)
            builder.position_at_end(step)
            body(label, lanes)
            builder.store(end, counter)
            builder.branch(loop)
            builder.position_at_end(done)


def _sum_rows(place: _Place) -> None:
    builder = place.builder

    def chunk(label: Any, lanes: int) -> None:
        zeros = ir.Constant(ir.VectorType(place.real, lanes), [0.0] * lanes)
        total = cgutils.alloca_once(builder, zeros.type)
        builder.store(zeros, total)

        def entry(j: Any) -> None:
            row = builder.load(place.row(j, label, lanes), align=_UNALIGNED)
            product = builder.fmul(row, place.value(j, lanes))
            builder.store(builder.fadd(builder.load(total), product), total)

        place.entries(entry)
        builder.store(builder.load(total), place.chunk(label, lanes), align=_UNALIGNED)

    place.chunks(chunk)


def _add_to_rows(place: _Place) -> None:
    builder = place.builder

    def chunk(label: Any, lanes: int) -> None:
        gradient = builder.load(place.chunk(label, lanes), align=_UNALIGNED)

        def entry(j: Any) -> None:
            address = place.row(j, label, lanes)
            row = builder.load(address, align=_UNALIGNED)
            product = builder.fmul(gradient, place.value(j, lanes))
            builder.store(builder.fadd(row, product), address, align=_UNALIGNED)

        place.entries(entry)

    place.chunks(chunk)


def _intrinsic(write: Callable[[_Place], None]) -> Any:
    @intrinsic
    def vectorised(
        context: Any, indices: Any, values: Any, first: Any, last: Any, theta: Any, vector: Any
    ) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            write(_Place.of(context, builder, signature.args, arguments))
            return context.get_dummy_value()

        return types.void(indices, values, types.int64, types.int64, theta, vector), build

    return vectorised


INTRINSICS: dict[Callable[..., Any], Any] = {
    row_loops.sum_rows: _intrinsic(_sum_rows),
    row_loops.add_to_rows: _intrinsic(_add_to_rows),
}
