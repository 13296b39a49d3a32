r"""CSV: a line of column names, then a row a document.

RFC 4180, as Python's csv module reads it: fields may be quoted, quoted fields may hold delimiters,
quotes (doubled, or behind an escape that is named) and line ends.  Lines end in \n or \r\n.  A lone
\r is text.  ``csv_header`` reads the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base import limits
from textmlr.base.arrays import frozen
from textmlr.base.errors import FormatError
from textmlr.base.option_mentions import mention
from textmlr.corpus.batch import Batch
from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.chunks import Chunk, ScanRequest, check_bad
from textmlr.corpus.formats.csv_faults import error, lost
from textmlr.corpus.formats.csv_header import Header, header_of, rows_in
from textmlr.corpus.formats.csv_rows import BAD_LABEL, BAD_WEIGHT, NO_LABEL, NO_TRUTH, CsvRows
from textmlr.corpus.formats.csv_signs import Signs
from textmlr.corpus.formats.field_labels import FieldLabels, indicated, truths_of
from textmlr.corpus.formats.swapped_columns import OrderCheck
from textmlr.corpus.formats.table_columns import ColumnPlaces
from textmlr.corpus.formats.tsv import read_weights
from textmlr.corpus.label_rule import ReadLabels
from textmlr.corpus.reading_kinds import character
from textmlr.corpus.refusals import too_long
from textmlr.corpus.taken_columns import Taken, left_of, taken_of
from textmlr.corpus.written_lists import are_lists
from textmlr.kernels import csv_records as kernels
from textmlr.kernels import tsv_lines as lines_kernels

FEW_COLUMNS = 3  # text, label and weight: their spans are small beside the text
MOST_FIELDS = 1 << 22  # fields in a block of more columns: a table may have very many


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The rows of a CSV file.  Chunk.first counts rows below the line of names.

    Raises InputError for a file without rows, columns that are not there, and for the first row
    that has another number of fields, a NUL byte, no label, a label that is not UTF-8 or a bad
    weight, or a quote that is never closed or closed by that of another row, naming its line; and
    where the columns of text and label look swapped, unless both are named.
    """
    header, places = header_of(stream, request)
    wanted = range(len(header.columns)) if request.tables else places.needed
    slots = np.full(len(header.columns), -1, np.int64)
    slots[list(wanted)] = np.arange(len(wanted))
    any_rows = False
    own = request.options.csv_escape
    escape = kernels.NO_ESCAPE if own is None else ord(character(own))
    looked = rows_in(stream.head(), header, request)
    columns = header.columns  # of one name have numbers
    told = [one if columns.count(one) == 1 else f"{i + 1}" for i, one in enumerate(columns)]
    left = left_of(told, places.needed, looked)
    shape = places.export.shape if places.export else "CSV"
    if places.label is not None and places.export is None:
        own_labels = [row[places.label] for row in looked if len(row) > places.label]
        request = replace(request, lists=are_lists(own_labels))
    rule = request.rule(None if places.label is None else columns[places.label])
    several = rule.separator, places.labels
    taken = taken_of(shape, columns, places.by_kind, left, *several)
    order, signs = _order(stream.name, header, places, request), _signs(stream.name, header, places)
    held: list[Chunk] = []  # until the order of columns is clear; the last tells of all
    for rows in _blocks(stream, request.chunk_bytes, header, places, slots, escape):
        any_rows = True
        held.append(_chunk(rows, request, taken))
        _look(rows, order, signs)
        if request.live:
            yield replace(held.pop(), told=signs.told)
        elif order is None or order.decided:
            yield from held[:-1]
            del held[:-1]
    if order is not None and not request.live:
        order.end()
    if held:
        held[-1] = replace(held[-1], told=signs.told)
    yield from held
    if not any_rows:
        raise FormatError(
            "nothing below the line of column names",
            place=stream.name,
            mend="write a row a document",
        )


def _signs(name: str, header: Header, places: ColumnPlaces) -> Signs:
    own = [places.text] if places.label is None else [places.text, places.label]
    return Signs(name, [(header.columns[place], place == 0) for place in own])


def _order(
    name: str, header: Header, places: ColumnPlaces, request: ScanRequest
) -> OrderCheck | None:
    """What looks whether text and label are swapped, which nobody does who names both."""
    own, label = request.options, places.label
    if label is None or places.export is not None or (own.text_column and own.label_column):
        return None
    columns = header.columns
    text, label_name = (
        columns[at] if columns.count(columns[at]) == 1 else str(at + 1)
        for at in (label, places.text)
    )
    mend = f"say {mention('text_column', text)} {mention('label_column', label_name)}"
    return OrderCheck(name, mend=mend)


def _look(rows: CsvRows, order: OrderCheck | None, signs: Signs) -> None:
    """Look at rows of which the good ones are known."""
    n, first = rows.behind
    if n:
        signs.add_quotes(n, rows.line + int(rows.lines[first]) + 1)
    text, places, good = frozen(rows.text), rows.places, rows.status == kernels.GOOD
    spans = [rows.spans(at) for at in (places.text, places.label) if at is not None]
    if rows.header.named:
        signs.add(text, spans, good, rows.line + rows.lines + 1)
    if order is not None and not order.decided:
        texts, names = (Batch(text, frozen(a[good]), frozen(b[good])) for a, b in spans)
        order.add(names, texts, first=False)


def _blocks(
    stream: Stream,
    chunk_bytes: int | None,
    header: Header,
    places: ColumnPlaces,
    slots: NDArray[np.int64],
    escape: int,
) -> Iterator[CsvRows]:
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
        end = np.zeros(6, np.int64)
        made = _parse(header.delimiter, escape, text, final, slots, end)
        n, at, newlines, full, behind, first = end.tolist()
        rows = CsvRows(
            stream.name, header, places, line, row, escape, (behind, first), text, slots, *made
        )
        line, row = line + newlines, row + n
        if full or not final:
            rest = bytearray(text[at:].data)
        if n:
            if text.size > limits.MOST_DOCUMENT:
                _check_lengths(rows)
            yield rows
        if not full and len(rest) > limits.MOST_DOCUMENT:
            raise too_long(stream.name, line + 1, "a row", len(rest))


def _check_lengths(rows: CsvRows) -> None:
    """Raise InputError for a field that is longer than any may be."""
    sizes = (rows.stops - rows.starts).max(axis=1)
    longest = int(sizes.argmax())
    if sizes[longest] > limits.MOST_DOCUMENT:
        line = rows.line + int(rows.lines[longest]) + 1
        raise too_long(rows.name, line, "a field", int(sizes[longest]))


def _parse(
    delimiter: str,
    escape: int,
    text: NDArray[np.uint8],
    final: bool,
    slots: NDArray[np.int64],
    end: NDArray[np.int64],
) -> tuple[NDArray[Any], ...]:
    """Spans, lines, counts and status of records, as in kernels.csv_records;  end  is written."""
    wide = int(slots.max()) + 1
    most = lines_kernels.count(frozen(text), kernels.NEWLINE, 0) + 1
    if wide > FEW_COLUMNS:
        most = min(most, MOST_FIELDS // wide + 1)
    starts, stops = np.empty((most, wide), np.int64), np.empty((most, wide), np.int64)
    lines, counts = np.empty(most, np.int64), np.empty(most, np.int64)
    status = np.empty(most, np.uint8)
    words = frozen(text)[: text.size & ~7].view(np.uint64)
    out = kernels.Records(starts, stops, lines, counts, status)
    kernels.records(text, words, final, ord(delimiter), escape, frozen(slots), out, end)
    return tuple(array[: int(end[0])] for array in out)


def _chunk(rows: CsvRows, request: ScanRequest, taken: Taken) -> Chunk:
    text, places, status = frozen(rows.text), rows.places, rows.status
    weights: NDArray[np.float32] | None = None
    if places.weight is not None:
        starts, stops = rows.spans(places.weight)
        own = (status != kernels.GOOD).astype(np.uint8)
        weights = read_weights(text, starts - 1, stops, own)
        status[(status == kernels.GOOD) & (own != kernels.GOOD)] = BAD_WEIGHT
    labels, unlabelled = _labels(rows, request)
    left = np.zeros(len(status), np.bool_) if unlabelled is None else unlabelled
    bad = np.flatnonzero((status != kernels.GOOD) & ~left)
    examples = check_bad(bad, partial(error, rows, request), request.options.skip_bad_lines)
    starts, stops = rows.spans(places.text)
    first = rows.row + 1
    good: NDArray[np.bool_] | None = None
    if len(bad) or left.any():
        good = status == kernels.GOOD
        first += int(good.argmax())
        starts, stops = frozen(starts[good]), frozen(stops[good])
        weights = None if weights is None else weights[good]
    read = None if labels is None else labels.read(good)
    return Chunk(
        rows.name,
        first,
        Batch(text, starts, stops),
        read and (read.y, read.names),
        weights,
        partial(_table, rows, good),
        lost(rows, bad),
        examples,
        0 if read is None else read.several,
        taken=taken,
        unlabelled=int(left.sum()),
        firsts=read and read.firsts,
    )


def _labels(
    rows: CsvRows, request: ScanRequest
) -> tuple[FieldLabels | ReadLabels | None, NDArray[np.bool_] | None]:
    """(the labels of rows; which rows nobody has labelled: in an annotation tool's table).

    The status of rows becomes NO_LABEL, BAD_LABEL or NO_TRUTH where that is so.
    """
    places, status = rows.places, rows.status
    if places.labels:
        has = []
        for place in places.labels:
            yes, odd = truths_of(*rows.interned(place))
            status[(status == kernels.GOOD) & odd] = NO_TRUTH
            has.append(yes)
        names = [rows.header.columns[place] for place in places.labels]
        return indicated(request.columns_rule, has, names), None
    if places.label is None:
        return None, None
    codes, fields = rows.interned(places.label)
    status[(codes >= 0) & np.array([one is None for one in fields] + [False])[codes]] = BAD_LABEL
    export, rule = places.export, request.rule(rows.header.columns[places.label])
    found = FieldLabels.of(rule, codes, fields, export and export.labels_of)
    without = (status == kernels.GOOD) & found.without()
    if rule.has_sets and (export is None or rule.multilabel):
        return found, None
    status[without] = NO_LABEL
    return found, None if export is None else without


def _table(rows: CsvRows, good: NDArray[np.bool_] | None) -> Any:
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
