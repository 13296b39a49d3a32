"""JSON lines: an object a document, its keys the columns, in their order."""

from __future__ import annotations

from typing import IO

import pyarrow as pa

from textmlr.export.predictions.arrow_values import encode_json, json_values


class JsonlWriter:
    """Writes lines of JSON: numbers, lists and objects as they are, times as ISO 8601, null for
    a missing value and for NaN, which JSON lacks.  Batches may differ in their columns."""

    def __init__(self, file: IO[bytes], place: str) -> None:
        self._file, self._place = file, place

    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows."""
        names = batch.schema.names
        columns = [
            json_values(column, name, self._place)
            for name, column in zip(names, batch.columns, strict=True)
        ]
        lines = [
            encode_json(dict(zip(names, row, strict=True)), "a document", self._place) + "\n"
            for row in zip(*columns, strict=True)
        ]
        self._file.write("".join(lines).encode())

    def close(self) -> None:
        """Do nothing: all rows are written already."""
