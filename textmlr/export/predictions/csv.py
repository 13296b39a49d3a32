"""CSV of RFC 4180: a line of names, then a line a document."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
from pyarrow import csv

from textmlr.export.predictions.arrow_values import (
    decoded,
    encode_json,
    iso_times,
    json_values,
    text_of,
)


class CsvWriter:
    """Writes CSV: text in quotes, so that it may hold commas, quotes and line ends, and empty text
    differs from none; times as ISO 8601; lists and structures as JSON."""

    def __init__(self, file: IO[bytes], schema: pa.Schema, place: str) -> None:
        self._file, self._place = file, place
        self._names = schema.names
        self._header = True

    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows, before the first of them the names."""
        columns = [
            self._column(column, name)
            for name, column in zip(self._names, batch.columns, strict=True)
        ]
        rows = pa.RecordBatch.from_arrays(columns, self._names)
        buffer = pa.BufferOutputStream()
        csv.write_csv(rows, buffer, csv.WriteOptions(include_header=self._header))
        self._header = False
        self._file.write(buffer.getvalue())

    def _column(self, column: pa.Array, name: str) -> pa.Array:
        column = decoded(column)
        kind, types = column.type, pa.types
        if types.is_timestamp(kind):
            return iso_times(column)
        if types.is_binary(kind) or types.is_large_binary(kind):
            return text_of(column, name, self._place)
        if types.is_string_view(kind):
            return column.cast(pa.large_string())
        if types.is_nested(kind):
            values = json_values(column, name, self._place)
            what = f"column {name!r}"
            texts = [None if v is None else encode_json(v, what, self._place) for v in values]
            return pa.array(texts, pa.large_string())
        return column

    def close(self) -> None:
        """Do nothing: all rows are written already."""
