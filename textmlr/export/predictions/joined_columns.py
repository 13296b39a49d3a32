"""The columns of a corpus joined with the predictions, the same in every block."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from textmlr.base.errors import InputError
from textmlr.export.predictions.prediction_columns import PredictionColumns, Predictions

MEND = "give files of the same columns, or write .jsonl, where each document has its own"


class Block(NamedTuple):
    """Some documents of one file: their own columns and the predictions.

    first  the number of the first of them in its file, from 1
    """

    name: str
    first: int
    own: pa.RecordBatch
    predictions: Predictions


class JoinedColumns:
    """Gives every block the columns of the first.

    first         block
    each_its_own  whether every block keeps its own columns instead
    schema        of the first block and the predictions
    Raises InputError where columns have the names of predictions.
    """

    def __init__(self, first: Block, appended: PredictionColumns, *, each_its_own: bool) -> None:
        self._appended, self._free = appended, each_its_own
        self._name = first.name
        self._own = first.own.schema
        self.schema = appended.schema(self._own, first.name)

    def joined(self, block: Block) -> pa.RecordBatch:
        """A block's own columns and its predictions.

        A column without values fits any type, and whole numbers fit among others.  Keys of JSON
        objects may be missing.
        Raises InputError, naming file and column, for columns that are not those of the first
        block.
        """
        own = block.own
        if self._free and own.schema != self._own:
            self._own = own.schema
            self.schema = self._appended.schema(self._own, block.name)
        columns = own.columns if own.schema.equals(self._own) else self._alike(block)
        return pa.RecordBatch.from_arrays([*columns, *block.predictions.arrays], schema=self.schema)

    def _alike(self, block: Block) -> list[pa.Array]:
        theirs = block.own.schema
        if (new := next((n for n in theirs.names if n not in self._own.names), None)) is not None:
            raise InputError(
                f"has a column {new!r}, and {self._before(block)} none", place=block.name, mend=MEND
            )
        return [self._column(block, field) for field in self._own]

    def _column(self, block: Block, field: pa.Field) -> pa.Array:
        if field.name not in block.own.schema.names:
            if block.name == self._name:
                return pa.nulls(len(block.predictions), field.type)
            raise InputError(
                f"has no column {field.name!r}, and {self._before(block)} one",
                place=block.name,
                mend=MEND,
            )
        column = block.own.column(field.name)
        if column.type == field.type:
            return column
        if column.null_count == len(column):
            return pa.nulls(len(column), field.type)
        if pa.types.is_integer(column.type) and pa.types.is_float64(field.type):
            try:
                return column.cast(field.type)
            except pa.ArrowInvalid:
                pass  # too large to be exact: refused below
        raise InputError(
            f"column {field.name!r} is {column.type}, and {field.type} in {self._name}"
            if block.name != self._name
            else f"column {field.name!r} is {column.type} from document {block.first:,} on, and "
            f"{field.type} before",
            place=block.name,
            mend=MEND,
        )

    def _before(self, block: Block) -> str:
        return f"{self._name} has" if block.name != self._name else "its first documents have"
