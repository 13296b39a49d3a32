"""Arrow IPC, which is Feather version 2: columns as they are, batch by batch."""

from __future__ import annotations

from typing import IO

import pyarrow as pa


class ArrowWriter:
    """Writes batches as they come.

    Dictionary columns are written as their values: a file has one dictionary a column, and chunks
    of a corpus may have several.
    """

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        plain = [
            f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in schema
        ]
        self._schema = pa.schema(plain, metadata=schema.metadata)
        self._writer = pa.ipc.new_file(file, self._schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows."""
        columns = [
            column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
            for column in batch.columns
        ]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()
