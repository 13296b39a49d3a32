"""Parquet: columns as they are, in row groups of bounded size."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

# A row group is what a writer and a reader hold in memory.
MOST_ROWS = 1 << 17
MOST_BYTES = 1 << 25


class ParquetWriter:
    """Writes a row group as soon as MOST_ROWS or MOST_BYTES have come together.

    waiting  batches not yet written
    """

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(file, schema, compression="zstd")
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
