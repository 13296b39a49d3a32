"""Parquet: columns as they are, in row groups of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from textmlr.base.errors import InputError

# A row group is what a writer and a reader hold in memory.
MOST_ROWS = 1 << 17
MOST_BYTES = 1 << 25


def _is_held(table: pa.Table) -> bool:
    try:
        pq.write_table(table, BytesIO())
    except pa.ArrowNotImplementedError:
        return False
    return True


def _unheld(table: pa.Table, error: Exception) -> str:
    """The first column that Parquet cannot hold, and its type."""
    for field, column in zip(table.schema, table.columns, strict=True):
        if not _is_held(pa.table([column], schema=pa.schema([field]))):
            return f"column {field.name!r}, which is {field.type}"
    return str(error)


@cache
def _holds_fixed_lists() -> bool:
    """Whether Arrow can write lists of a fixed size where some are null: an older one refuses, or
    writes what it cannot read."""
    return _is_held(pa.table({"c": pa.array([[0], None, [1]], pa.list_(pa.int8(), 1))}))


def _own_field(field: pa.Field) -> pa.Field:
    """A column as Arrow can write it: lists of a fixed size may have to be lists, which they are
    in Parquet anyway."""
    if not pa.types.is_fixed_size_list(field.type) or _holds_fixed_lists():
        return field
    return field.with_type(pa.large_list(field.type.value_field))


def _own_column(column: pa.Array, field: pa.Field) -> pa.Array:
    """The values of a column in the type that ``_own_field`` gives it."""
    if column.type == field.type:
        return column
    null = column.is_null().to_numpy(zero_copy_only=False)
    ends = np.cumsum(np.where(null, 0, column.type.list_size), dtype=np.int64)
    members = column.flatten()  # of lists that are not null
    return pa.LargeListArray.from_arrays(
        np.append(0, ends), members, field.type, mask=pa.array(null)
    )


class ParquetWriter:
    """Writes a row group as soon as MOST_ROWS or MOST_BYTES have come together.

    waiting  batches not yet written
    """

    def __init__(self, file: IO[bytes], schema: pa.Schema, place: str = "") -> None:
        self._schema = pa.schema([_own_field(field) for field in schema], schema.metadata)
        self._place = place
        with self._refusing(self._schema.empty_table()):
            self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self.waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows, or hold them until they are enough for a row group."""
        columns = [_own_column(*each) for each in zip(batch.columns, self._schema, strict=True)]
        self.waiting.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= MOST_ROWS or self._bytes >= MOST_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the last rows, and the footer."""
        try:
            self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        self._rows = self._bytes = 0
        if waiting:
            table = pa.Table.from_batches(waiting, self._schema)
            with self._refusing(table):
                self._writer.write_table(table, row_group_size=table.num_rows)

    @contextmanager
    def _refusing(self, table: pa.Table) -> Iterator[None]:
        """Raise InputError where Arrow cannot write a table."""
        try:
            yield
        except pa.ArrowNotImplementedError as error:
            raise InputError(
                f"Parquet has no type for {_unheld(table, error)}",
                place=self._place,
                mend="leave the column out, or write .arrow",
            ) from error
