"""CSV of RFC 4180, and the same with tabs: a line of names, then a line a document.

Only what needs quotes has them: a field that holds the delimiter, a quote or a line end, and an
empty text, which would be none otherwise.  A quote in quotes is doubled.  Lines end in \\n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from textmlr.base.errors import InputError
from textmlr.export.predictions.arrow_values import (
    decoded,
    encode_json,
    is_bytes,
    iso_times,
    json_values,
    text_of,
)

DELIMITERS = {"csv": ",", "tsv": "\t"}
_BYTES = pa.large_binary()  # text may be nearly UTF-8, and is copied as it is
_QUOTE, _END, _NOTHING = (pa.scalar(own, _BYTES) for own in (b'"', b"\n", b""))


class CsvWriter:
    """Writes fields between delimiters: times as ISO 8601; lists and structures as JSON."""

    def __init__(
        self, file: IO[bytes], schema: pa.Schema, place: str, delimiter: str = ","
    ) -> None:
        self._file, self._place, self._delimiter = file, place, delimiter
        self._names = schema.names
        self._header = True

    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows, before the first of them the names."""
        if self._header:
            names = [pa.array([name.encode()], _BYTES) for name in self._names]
            self._write([self._quoted(name) for name in names])
            self._header = False
        self._write(
            [
                self._field(column, name)
                for name, column in zip(self._names, batch.columns, strict=True)
            ]
        )

    def _write(self, fields: Sequence[pa.Array]) -> None:
        """Write lines of fields;  fields  a column each, as bytes, null for no value."""
        between = pa.scalar(self._delimiter.encode(), _BYTES)
        lines = pc.binary_join_element_wise(
            *fields, between, null_handling="replace", null_replacement=b""
        )
        ended = pc.binary_join_element_wise(lines, _END, _NOTHING)
        # The values of an array lie one after another: that is the text.
        _, offsets, text = ended.buffers()
        ends = pa.Array.from_buffers(pa.int64(), len(ended) + 1, [None, offsets])
        self._file.write(text.slice(ends[0].as_py(), ends[-1].as_py() - ends[0].as_py()))

    def _field(self, column: pa.Array, name: str) -> pa.Array:
        """A column as bytes, quoted where that is needed."""
        column = decoded(column)
        kind, types = column.type, pa.types
        if types.is_timestamp(kind):
            column = iso_times(column)
        elif is_bytes(kind):
            column = text_of(column, name, self._place)
        elif types.is_string_view(kind):
            column = column.cast(pa.large_string())
        elif types.is_nested(kind):
            values = json_values(column, name, self._place)
            what = f"column {name!r}"
            texts = [None if v is None else encode_json(v, what, self._place) for v in values]
            column = pa.array(texts, pa.large_string())
        kind = column.type
        if types.is_string(kind) or types.is_large_string(kind):
            return self._quoted(column.cast(_BYTES))
        try:
            return self._quoted(column.cast(pa.large_string()).cast(_BYTES))
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise InputError(
                f"column {name!r} holds {kind}, which is not written as text",
                place=self._place,
                mend="leave the column out, or write .arrow",
            ) from error

    def _quoted(self, column: pa.Array) -> pa.Array:
        needs = pc.equal(pc.binary_length(column), 0)
        for character in (self._delimiter, '"', "\n", "\r"):
            needs = pc.or_(needs, pc.match_substring(column, character))
        if not pc.any(needs).as_py():
            return column
        doubled = pc.replace_substring(column, '"', '""')
        inside = pc.binary_join_element_wise(_QUOTE, doubled, _QUOTE, _NOTHING)
        return pc.if_else(needs, inside, column)

    def close(self) -> None:
        """Do nothing: all rows are written already."""
