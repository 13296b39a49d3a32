"""Arrow's own files, as Feather's are, and streams: record batches are used where they lie."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pyarrow as pa

from textmlr.base.magic_bytes import ARROW
from textmlr.corpus.arrow_types import bytes_of
from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.chunks import Chunk, ScanRequest
from textmlr.corpus.formats.arrow_table import (
    MOST_LOOKED_AT,
    ArrowTable,
    arrow_refusals,
    checked,
    gathered,
    held,
)


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The rows of an Arrow file or stream; of a file only the columns that are needed.

    The file is not memory-mapped: if another program cuts it short meanwhile, touching what was
    mapped ends the process.

    Raises InputError unless it is a whole Arrow file, and as ArrowTable does.
    """
    size = None
    is_file = stream.head().startswith(ARROW)
    with arrow_refusals(stream.name, "Arrow"):
        if is_file or stream.kind is None:
            source = stream.random()
            size = source.size()
            reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        else:
            reader = pa.ipc.open_stream(stream.reader())
        table = ArrowTable.of(reader.schema, request, stream.name)
        needed = None if request.tables else table.needed
        if is_file:
            table = _with_left(table, source, reader)
        if is_file and needed is not None:
            options = pa.ipc.IpcReadOptions(included_fields=needed)
            reader, needed = pa.ipc.open_file(source, options=options), None
    first = 1
    batches = _batches(reader, needed, stream.name)
    if request.options.compression_limit and size is not None:
        batches = held(batches, size, stream.name)
    for batch in gathered(batches, request.chunk_bytes):
        rows = batch.num_rows
        if request.chunk_bytes is not None and rows:
            rows = max(1, int(rows * min(request.chunk_bytes / max(bytes_of(batch), 1), 1.0)))
        for begin in range(0, batch.num_rows, max(rows, 1)):
            part = batch.slice(begin, rows)
            yield table.chunk(part, first, request)
            first += part.num_rows


def _with_left(table: ArrowTable, source: Any, reader: pa.RecordBatchFileReader) -> ArrowTable:
    """The table, where the first rows of other fields of a file that is not large are looked at."""
    others = [one.top for one in table.doubtful]
    if not others or source.size() > MOST_LOOKED_AT or not reader.num_record_batches:
        return table
    options = pa.ipc.IpcReadOptions(included_fields=others)
    return table.with_left(checked(pa.ipc.open_file(source, options=options).get_batch(0)))


def _batches(
    reader: pa.RecordBatchFileReader | pa.RecordBatchStreamReader,
    needed: list[int] | None,
    name: str,
) -> Iterator[pa.RecordBatch]:
    """The file's batches, of the columns that are needed; None: all."""
    numbers: Iterator[int] = count()
    if isinstance(reader, pa.RecordBatchFileReader):
        with arrow_refusals(name, "Arrow"):
            numbers = iter(range(reader.num_record_batches))
    for number in numbers:
        with arrow_refusals(name, "Arrow"):
            try:
                if isinstance(reader, pa.RecordBatchFileReader):
                    batch = reader.get_batch(number)
                else:
                    batch = reader.read_next_batch()
            except StopIteration:
                return
            batch = checked(batch if needed is None else batch.select(needed))
        yield batch
