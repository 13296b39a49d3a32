r"""CSV: a line of column names, then a row a document.

RFC 4180, as Python's csv module reads it: fields may be quoted, quoted fields may hold delimiters,
quotes (doubled) and line ends.  The delimiter is a comma, a tab, ; or |: the one with which the
first line makes the columns.  UTF-8; lines end in \n or \r\n.  A lone \r is text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base import limits
from textmlr.base.arrays import frozen
from textmlr.base.errors import FormatError, InputError
from textmlr.corpus.batch import Batch
from textmlr.corpus.byte_streams import HEAD, Stream
from textmlr.corpus.chunks import SKIP, Chunk, ScanRequest, check_bad, used
from textmlr.corpus.formats.lines import BINARY, intern, quote
from textmlr.corpus.formats.table_columns import ColumnPlaces, find
from textmlr.corpus.formats.tsv import read_weights
from textmlr.corpus.refusals import too_long
from textmlr.corpus.taken_columns import taken_of
from textmlr.corpus.text_encodings import BOM
from textmlr.kernels import csv_records as kernels
from textmlr.kernels import tsv_lines as lines_kernels

DELIMITERS = ",\t;|"  # a tie goes to the first
# Status of a row: kernels.csv_records's first, then these.
NO_LABEL, BAD_LABEL, BAD_WEIGHT = range(10, 13)
FEW_COLUMNS = 3  # text, label and weight: their spans are small beside the text
MOST_FIELDS = 1 << 22  # fields in a block of more columns: a table may have very many
_HINT = "a CSV file begins with a line of column names"


@dataclass(frozen=True, slots=True)
class Header:
    """The line of column names.

    columns    the names
    delimiter  between them
    size       bytes of the line, a mark and blank lines before it, and its line end
    lines      line ends in these
    """

    columns: list[str]
    delimiter: str
    size: int
    lines: int


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows of a block.

    line, row      line ends and rows of the file before the block
    slots          of each column: its place in starts, -1 if it is not there
    starts, stops  (n, W) int64   spans of fields
    lines, counts  (n,) int64     line ends of the block before each row; its fields
    status         (n,) uint8
    """

    name: str
    header: Header
    places: ColumnPlaces
    line: int
    row: int
    text: NDArray[np.uint8]
    slots: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    lines: NDArray[np.int64]
    counts: NDArray[np.int64]
    status: NDArray[np.uint8]

    def spans(self, column: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Spans of one column, two times (n,) int64."""
        slot = int(self.slots[column])
        own = (np.ascontiguousarray(side[:, slot]) for side in (self.starts, self.stops))
        starts, stops = (frozen(side) for side in own)
        return starts, stops


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The rows of a CSV file.  Chunk.first counts rows below the line of names.

    Raises InputError for a file without rows, columns that are not there, and for the first row
    that has another number of fields, a NUL byte, no label, a label that is not UTF-8 or a bad
    weight, or a quote that is never closed, naming its line.
    """
    header = header_of(stream, request)
    places = find(request, header.columns, stream.name, _HINT)
    wanted = range(len(header.columns)) if request.tables else places.needed
    slots = np.full(len(header.columns), -1, np.int64)
    slots[list(wanted)] = np.arange(len(wanted))
    any_rows = False
    for rows in _blocks(stream, request.chunk_bytes, header, places, slots):
        any_rows = True
        yield _chunk(rows, request)
    if not any_rows:
        raise FormatError(
            "nothing below the line of column names",
            place=stream.name,
            mend="write a row a document",
        )


def header_of(stream: Stream, request: ScanRequest) -> Header:
    """The column names; the delimiter is the one that gives the wanted columns, or the most."""
    head = stream.head()
    if head in (b"", BOM):
        raise FormatError("the file is empty", place=stream.name, mend="write one document a line")
    if b"\n" not in head and b"\r" in head.rstrip(b"\r"):
        raise FormatError(
            "its lines end in carriage returns alone",
            place=stream.name,
            mend="convert them, as tr '\\r' '\\n' does",
        )
    found = [header for delimiter in DELIMITERS if (header := parse_header(head, delimiter))]
    if not found:
        problem = f"the first line is longer than {HEAD:,} bytes"
        raise FormatError(problem, place=stream.name, mend=_HINT)
    if b"\0" in head[: found[0].size]:
        problem, mend = BINARY
        raise FormatError(problem, place=stream.name, line=1, mend=mend)
    return max(found, key=lambda header: (suits(header.columns, request), len(header.columns)))


def suits(columns: list[str], request: ScanRequest) -> bool:
    """Whether the wanted columns are among these."""
    try:
        find(request, columns, place="")
    except InputError:
        return False
    return True


def parse_header(head: bytes, delimiter: str) -> Header | None:
    """The first line that is not blank; None if head does not hold all of it."""
    begin = len(BOM) if head.startswith(BOM) else 0
    ends = begin
    lines = 0

    def each() -> Iterator[str]:
        nonlocal ends, lines
        for line in head[begin:].split(b"\n"):
            ends += len(line) + 1
            lines += 1
            yield line.removesuffix(b"\r").decode("utf-8", "replace") + "\n"

    reader = csv.reader(each(), delimiter=delimiter)
    try:
        columns = next((row for row in reader if row), None)
    except csv.Error:
        return None
    if columns is None or (ends > len(head) and len(head) >= HEAD):
        return None
    return Header(columns, delimiter, min(ends, len(head)), lines)


def _blocks(
    stream: Stream,
    chunk_bytes: int | None,
    header: Header,
    places: ColumnPlaces,
    slots: NDArray[np.int64],
) -> Iterator[_Rows]:
    """The rows, in blocks of about chunk_bytes; None: in one."""
    line, row = header.lines, 0
    left = header.size
    while left:
        left -= len(stream.read(left))
    rest, final, full, n = bytearray(), False, 0, 1
    while full or not final:
        if full:
            text = np.frombuffer(rest, np.uint8)
        elif chunk_bytes is None:
            text, final = stream.rest("line"), True
        else:
            # Where no row is whole yet, the text is doubled.
            block = stream.read(chunk_bytes if n else max(chunk_bytes, len(rest)))
            rest += block
            final = not block
            text = np.frombuffer(rest, np.uint8)
        if not text.size:
            return
        stream.check_text(text, line + 1)
        end = np.zeros(4, np.int64)
        rows = _parse(stream.name, header, places, line, row, text, final, slots, end)
        n, at, newlines, full = end.tolist()
        line, row = line + newlines, row + n
        if full or not final:
            rest = bytearray(text[at:].data)
        if n:
            if text.size > limits.MOST_DOCUMENT:
                _check_lengths(rows)
            yield rows
        if not full and len(rest) > limits.MOST_DOCUMENT:
            raise too_long(stream.name, line + 1, "a row", len(rest))


def _check_lengths(rows: _Rows) -> None:
    """Raise InputError for a field that is longer than any may be."""
    sizes = (rows.stops - rows.starts).max(axis=1)
    longest = int(sizes.argmax())
    if sizes[longest] > limits.MOST_DOCUMENT:
        line = rows.line + int(rows.lines[longest]) + 1
        raise too_long(rows.name, line, "a field", int(sizes[longest]))


def _parse(
    name: str,
    header: Header,
    places: ColumnPlaces,
    line: int,
    row: int,
    text: NDArray[np.uint8],
    final: bool,
    slots: NDArray[np.int64],
    end: NDArray[np.int64],
) -> _Rows:
    wide = int(slots.max()) + 1
    most = lines_kernels.count(frozen(text), kernels.NEWLINE, 0) + 1
    if wide > FEW_COLUMNS:
        most = min(most, MOST_FIELDS // wide + 1)
    starts, stops = np.empty((most, wide), np.int64), np.empty((most, wide), np.int64)
    lines, counts = np.empty(most, np.int64), np.empty(most, np.int64)
    status = np.empty(most, np.uint8)
    words = frozen(text)[: text.size & ~7].view(np.uint64)
    kernels.records(
        text,
        words,
        final,
        ord(header.delimiter),
        frozen(slots),
        kernels.Records(starts, stops, lines, counts, status),
        end,
    )
    n = int(end[0])
    return _Rows(
        name,
        header,
        places,
        line,
        row,
        text,
        slots,
        starts[:n],
        stops[:n],
        lines[:n],
        counts[:n],
        status[:n],
    )


def _chunk(rows: _Rows, request: ScanRequest) -> Chunk:
    text, places, status = frozen(rows.text), rows.places, rows.status
    weights: NDArray[np.float32] | None = None
    if places.weight is not None:
        starts, stops = rows.spans(places.weight)
        own = (status != kernels.GOOD).astype(np.uint8)
        weights = read_weights(text, starts - 1, stops, own)
        status[(status == kernels.GOOD) & (own != kernels.GOOD)] = BAD_WEIGHT
    codes: NDArray[np.int32] | None = None
    names: list[Any] = []
    if places.label is not None:
        own = (status != kernels.GOOD).astype(np.uint8)
        codes, names = intern(text, *rows.spans(places.label), own)
        for wrong, kind in (
            ([name is None for name in names], BAD_LABEL),
            ([name == "" for name in names], NO_LABEL),
        ):
            if any(wrong):
                status[(codes >= 0) & np.array(wrong)[codes]] = kind
    bad = np.flatnonzero(status)
    examples = check_bad(bad, partial(_error, rows), request.options.skip_bad_lines)
    starts, stops = rows.spans(places.text)
    first = rows.row + 1
    good: NDArray[np.bool_] | None = None
    if len(bad):
        good = status == kernels.GOOD
        first += int(good.argmax())
        starts, stops = frozen(starts[good]), frozen(stops[good])
        codes = None if codes is None else codes[good]
        weights = None if weights is None else weights[good]
    table = partial(_table, rows, good)
    labels = None if codes is None else used(codes, names)
    batch = Batch(text, starts, stops)
    taken = taken_of("CSV", rows.header.columns, places.by_kind)
    return Chunk(rows.name, first, batch, labels, weights, table, len(bad), examples, taken=taken)


def _table(rows: _Rows, good: NDArray[np.bool_] | None) -> Any:
    """The columns that were read, as strings."""
    import pyarrow as pa

    from textmlr.corpus.arrow_batch import strings_of

    arrays, names = [], []
    for column, name in enumerate(rows.header.columns):
        if rows.slots[column] >= 0:
            starts, stops = rows.spans(column)
            if good is not None:
                starts, stops = starts[good], stops[good]
            arrays.append(strings_of(Batch(rows.text, starts, stops)))
            names.append(name)
    return pa.RecordBatch.from_arrays(arrays, names)


def _error(rows: _Rows, row: int) -> InputError:
    """The error of a row, counted from 0, by its status."""
    status, columns = int(rows.status[row]), rows.header.columns
    mend = f"fill it in, {SKIP}"

    def field(place: int | None) -> tuple[str, str]:
        assert place is not None
        starts, stops = rows.spans(place)
        return quote(rows.text, int(starts[row]), int(stops[row])), columns[place]

    if status == kernels.BINARY:
        problem, mend = BINARY
    elif status == kernels.COUNT:
        count = int(rows.counts[row])
        fields = f"{count} field" + ("" if count == 1 else "s")
        problem = f"{fields}, where the first line names {len(columns)} columns"
        mend = f"put text that holds {_shown(rows.header.delimiter)} in double quotes, {SKIP}"
    elif status == kernels.UNCLOSED:
        problem = "a double quote opened in this row is never closed"
        mend = "close it, or write quotes within quotes twice"
    elif status == NO_LABEL:
        problem = f"empty label in column {field(rows.places.label)[1]!r}"
    elif status == BAD_LABEL:
        problem = f"label {field(rows.places.label)[0]} is not UTF-8"
        mend = f"convert the file to UTF-8, {SKIP}"
    else:
        problem = f"weight {field(rows.places.weight)[0]} is not a finite number >= 0"
        mend = f"write a number such as 1 or 0.5, {SKIP}"
    line = rows.line + int(rows.lines[row]) + 1
    return FormatError(problem, place=rows.name, line=line, mend=mend)


def _shown(delimiter: str) -> str:
    return {",": "a comma", "\t": "a tab"}.get(delimiter, f"a {delimiter}")
