"""Parquet: columns as they are, in row groups of bounded size."""

from __future__ import annotations

from io import BytesIO
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from textmlr.base.errors import InputError

# A row group is what a writer and a reader hold in memory.
MOST_ROWS = 1 << 17
MOST_BYTES = 1 << 25


def _unheld(schema: pa.Schema) -> str:
    """The first column that Parquet cannot hold, and its type."""
    for field in schema:
        try:
            pq.ParquetWriter(BytesIO(), pa.schema([field])).close()
        except pa.ArrowNotImplementedError:
            return f"column {field.name!r}, which is {field.type}"
    return "a column"


class ParquetWriter:
    """Writes a row group as soon as MOST_ROWS or MOST_BYTES have come together.

    waiting  batches not yet written
    """

    def __init__(self, file: IO[bytes], schema: pa.Schema, place: str = "") -> None:
        self._schema = schema
        try:
            self._writer = pq.ParquetWriter(file, schema, compression="zstd")
        except pa.ArrowNotImplementedError as error:
            raise InputError(
                f"Parquet has no type for {_unheld(schema)}",
                place=place,
                mend="leave the column out, or write .arrow",
            ) from error
        self.waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows, or hold them until they are enough for a row group."""
        self.waiting.append(batch)
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
            self._writer.write_table(table, row_group_size=table.num_rows)
