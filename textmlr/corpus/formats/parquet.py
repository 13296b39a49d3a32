"""Parquet files, streamed: only the columns that are needed, some rows of a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.chunks import Chunk, ScanRequest
from textmlr.corpus.decompression import FREE_BYTES, MOST_RATIO, check_ratio
from textmlr.corpus.formats.arrow_table import (
    MOST_LOOKED_AT,
    ArrowTable,
    arrow_refusals,
    checked,
    gathered,
    held,
)
from textmlr.corpus.sources import is_url
from textmlr.corpus.taken_columns import LOOKED_AT

WHOLE_BYTES = 1 << 24  # bytes of a chunk, where all of the file is wanted: larger ones gain nothing


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The rows of a Parquet file.

    Raises InputError unless it is a whole Parquet file, and as ArrowTable does.
    """
    with arrow_refusals(stream.name, "Parquet"):
        source = stream.random()
        file = pq.ParquetFile(source, pre_buffer=is_url(stream.path))
        size = source.size()
        if request.options.compression_limit:
            check_ratio(stream.name, size, _uncompressed(file.metadata))
        table = ArrowTable.of(file.schema_arrow, request, stream.name, "Parquet")
        table = _with_left(table, file)
        fields = file.schema_arrow.names
        needed = [fields[i] for i in table.needed]
        # A name does not say which of two columns with that name is meant.
        columns = None if request.tables or len({*fields}) < len(fields) else needed
        place = table.places.label
        if columns is not None and place is not None and not table.columns[place].path:
            kind = table.columns[place].kind
            if pa.types.is_string(kind) or pa.types.is_large_string(kind):
                # Label codes are in the file already.
                file = pq.ParquetFile(
                    source,
                    read_dictionary=[table.columns[place].name],
                    pre_buffer=is_url(stream.path),
                )
        rows = _rows(file.metadata, needed, request.chunk_bytes or WHOLE_BYTES)
        if request.options.compression_limit:
            rows = max(1, min(rows, _most_at_once(size) // _largest_repeated(file.metadata)))
        batches = _batches(file.iter_batches(rows, columns=columns), stream.name)
        if request.options.compression_limit:
            batches = held(batches, size, stream.name)
    first = 1
    for batch in gathered(batches, request.chunk_bytes):
        if columns is not None:  # in the file's order, whatever the order of the batch's
            batch = batch.select(columns)
        yield table.chunk(batch, first, request)
        first += batch.num_rows


def _with_left(table: ArrowTable, file: pq.ParquetFile) -> ArrowTable:
    """The table, where the first rows of other fields are looked at, unless they are large."""
    others = [one.name for one in table.doubtful]
    if not others or not file.metadata.num_row_groups:
        return table
    group = file.metadata.row_group(0)
    pages = [group.column(i) for i in range(group.num_columns)]
    size = sum(one.total_uncompressed_size for one in pages if one.path_in_schema in others)
    if size > MOST_LOOKED_AT or len({*others}) < len(others):
        return table
    rows = next(file.iter_batches(LOOKED_AT, row_groups=[0], columns=others), None)
    return table if rows is None else table.with_left(checked(rows))


def _batches(batches: Iterator[pa.RecordBatch], name: str) -> Iterator[pa.RecordBatch]:
    while True:
        with arrow_refusals(name, "Parquet"):
            batch = next(batches, None)
            if batch is None:
                return
            checked(batch)
        yield batch


def _uncompressed(metadata: Any) -> int:
    """Bytes of all pages, decompressed."""
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    return sum(max(group.total_byte_size, 0) for group in groups)


def _most_at_once(size: int) -> int:
    """The most bytes that rows read at once may take, in a file of so many bytes: how much a
    dictionary enlarges them is not known before."""
    return 8 * max(FREE_BYTES, MOST_RATIO * size)


def _largest_repeated(metadata: Any) -> int:
    """An upper bound on the bytes of a value that many rows may share: one in a dictionary."""
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    chunks = (group.column(i) for group in groups for i in range(group.num_columns))
    sizes = (one.total_uncompressed_size for one in chunks if one.has_dictionary_page)
    return max(1, max(sizes, default=1))


def _rows(metadata: Any, columns: list[str], chunk_bytes: int) -> int:
    """The number of rows that hold about chunk_bytes of these columns."""
    size = 0
    for group in range(metadata.num_row_groups):
        described = metadata.row_group(group)
        for i in range(described.num_columns):
            column = described.column(i)
            if _top(column.path_in_schema, columns):
                size += column.total_uncompressed_size
    each = size / max(metadata.num_rows, 1)
    return max(1, min(int(chunk_bytes / max(each, 1.0)), 1 << 20))


def _top(path: str, columns: list[str]) -> bool:
    """Whether a column of pages is one of these, or lies in it."""
    return path in columns or any(path.startswith(f"{name}.") for name in columns)
