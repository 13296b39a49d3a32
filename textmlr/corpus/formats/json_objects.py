"""JSON: objects whose keys are the columns, an object a line, in an array, or one after another.

Objects may have different keys; blank lines between them are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from textmlr.base.errors import FormatError, InputError
from textmlr.corpus.batch import joined_texts
from textmlr.corpus.byte_streams import HEAD, Stream
from textmlr.corpus.chunks import SKIP, Chunk, ScanRequest, check_bad
from textmlr.corpus.formats.annotation_exports import LOOKED_AT, rows_in
from textmlr.corpus.formats.json_columns import columns_of, pays
from textmlr.corpus.formats.json_rows import JsonColumns, RowError, holds_rows
from textmlr.corpus.formats.json_table import table_of
from textmlr.corpus.formats.json_values import (
    MANY_DIGITS,
    MEND,
    PART_BYTES,
    JsonValues,
    not_json,
    scan,
)
from textmlr.corpus.formats.lines import BINARY, Lines, blocks_of, quote, quoted
from textmlr.corpus.label_rule import LabelRule
from textmlr.corpus.labels import LARGEST_WEIGHT
from textmlr.corpus.text_encodings import BOM


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The objects of a file.  The columns are found in the first.

    A label may be a string, a list of them, or a number or boolean, whose name is as JSON writes
    it.  Exports of annotation tools are known by their keys: see ``annotation_exports``.
    Raises InputError naming file and line: if the file is empty, and for what is no JSON object or
    lacks text, label or weight.
    """
    if _is_lines(stream.head(), request):
        yield from _of_lines(stream, request)
    else:
        yield from _of_values(stream, request)


def _is_lines(head: bytes, request: ScanRequest) -> bool:
    """Whether a file is a value a line; empty files and those that are no JSON are, too."""
    begin = head.removeprefix(BOM).lstrip()
    if not begin.startswith((b"{", b"[")):
        return True
    line, end, rest = begin.partition(b"\n")
    text = line.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not end and len(head) >= HEAD:  # it is cut: one of many, or all there is
            return begin.startswith(b"{") and not _holds_list(begin)
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            return text[error.pos] not in "{["
        return begin.startswith(b"{") and any(map(_is_whole, rest.split(b"\n")))  # but the first
    alone = not rest.strip() and len(head) < HEAD
    if isinstance(found, list):
        return not alone and len(rows_in(found)) == 1 and isinstance(rows_in(found)[0], dict)
    return not alone or not holds_rows(request, found)


def _is_whole(line: bytes) -> bool:
    """Whether a line is an object."""
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _holds_list(begin: bytes) -> bool:
    """Whether an object begins as one that holds the rows: with a list of objects."""
    at = begin.find(b"[")
    key = begin[1:at].strip()
    return 0 < at < 80 and key.count(b'"') == 2 and begin[at + 1 :].lstrip().startswith(b"{")


def chunk_of_rows(rows: list[dict[str, Any]], request: ScanRequest, name: str) -> Chunk:
    """The documents of rows that are in memory, as a file of them would give them.

    Raises InputError as ``chunks`` does.
    """
    own = JsonColumns.of(rows, request, name, "a table")
    values = ((row, number, None) for number, row in enumerate(rows, 1))
    return _chunk(own, values, request, name, 1, by_row=True)


def _of_lines(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The chunks of a file of a value a line."""
    rows: JsonColumns | None = None
    for lines in blocks_of(stream, request.chunk_bytes):
        if rows is None:
            found = _first(_values_in(lines), request)
            rows = JsonColumns.of(found, request, lines.name, "JSON lines") if found else None
        quick = rows is not None and not request.tables and pays(lines)
        for part in _parts(lines):
            chunk = _quick_chunk(rows, part) if quick and rows else None
            yield chunk or _chunk(rows, _values_in(part), request, lines.name, part.first)


def _of_values(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The chunks of a file of values, whatever its lines."""
    rows: JsonColumns | None = None
    reader = JsonValues(stream, request.chunk_bytes or PART_BYTES, partial(holds_rows, request))
    for values in reader.blocks():
        if rows is None:
            found = _first(values, request)
            rows = JsonColumns.of(found, request, stream.name, "JSON") if found else None
        yield _chunk(rows, values, request, stream.name, values[0].row, by_row=True)


def _first(
    values: Iterable[tuple[Any, int, int | None]], request: ScanRequest
) -> list[dict[str, Any]]:
    """The first rows of a file, by which its columns are known.

    Raises InputError for what is no object before them, unless bad lines are skipped.
    """
    found: list[dict[str, Any]] = []
    for value, _, _ in values:
        if isinstance(value, InputError) and not found and not request.options.skip_bad_lines:
            raise value
        found += [row for row in rows_in(value) if isinstance(row, dict) and row]
        if len(found) >= LOOKED_AT:
            break
    return found


def _parts(lines: Lines) -> Iterator[Lines]:
    """The lines, about PART_BYTES of them at a time."""
    first = 0
    while first < len(lines):
        end = int(np.searchsorted(lines.stops, lines.starts[first] + PART_BYTES, "right"))
        own = slice(first, max(end, first + 1))
        yield replace(
            lines, first=lines.first + first, starts=lines.starts[own], stops=lines.stops[own]
        )
        first = own.stop


def _quick_chunk(rows: JsonColumns, lines: Lines) -> Chunk | None:
    """The same as ``_chunk``, without a table; None where Arrow does not read the lines."""
    if rows.export is not None or not rows.literal or not rows.rule.is_plain or rows.labels:
        return None
    kind = _label_kind(rows, lines)
    names = [name for name in (rows.text, rows.label, rows.weight) if name is not None]
    table = kind and columns_of(lines, names, rows.label, kind)
    if not table:
        return None
    from textmlr.corpus.arrow_batch import batch_of, encoded, merged
    from textmlr.corpus.arrow_types import values_of

    own = weights = None
    if rows.label is not None:
        codes, labels = encoded(table.column(rows.label).chunk(0))
        if not all(labels):
            return None
        own = merged(codes, labels)
    if rows.weight is not None:
        values = values_of(table.column(rows.weight).chunk(0))
        # A whole number just above the largest may have been rounded to it.
        if not ((values >= 0) & (values < LARGEST_WEIGHT)).all():
            return None
        weights = np.abs(values).astype(np.float32)  # not -0.0
    first = lines.first + int((lines.stops > lines.starts).argmax())
    batch = batch_of(table.column(rows.text).chunk(0))
    return Chunk(lines.name, first, batch, own, weights, partial(table_of, []), taken=rows.taken)


def _label_kind(rows: JsonColumns, lines: Lines) -> type | None:
    """The type of the first object's label, None where Arrow's could be named otherwise."""
    if rows.label is None:
        return str
    first = int((lines.stops > lines.starts).argmax())
    found = _parsed(lines.text.data[lines.starts[first] : lines.stops[first]]) or {}
    kind = type(found.get(rows.label))
    return kind if kind in (str, int, bool) else None


def _chunk(
    rows: JsonColumns | None,
    values: Iterable[tuple[Any, int, int | None]],
    request: ScanRequest,
    name: str,
    first: int,
    by_row: bool = False,
) -> Chunk:
    """The documents of some values.  Raises InputError for a bad one, unless it is skipped.

    rows    None: no object has been found so far
    by_row  they are numbered by row, not by line
    """
    pile = _Pile(rows, request)
    pile.add(values, name, by_row)
    bad = np.arange(len(pile.errors))
    examples = check_bad(bad, pile.errors.__getitem__, request.options.skip_bad_lines)
    weighted = rows is not None and rows.weight is not None
    read = None
    if request.labelled:
        rule = LabelRule(request.options.multilabel) if rows is None else rows.rule
        sizes, codes = np.array(pile.sizes, np.int64), np.array(pile.codes, np.int32)
        read = rule.taken(sizes, codes, list(pile.code_of))
    return Chunk(
        name,
        pile.numbers[0] if pile.numbers else first,
        joined_texts(pile.texts),
        read and (read.y, read.names),
        np.array(pile.weights, np.float32) if weighted else None,
        partial(table_of, pile.objects),
        len(pile.errors),
        examples,
        read.several if read else 0,
        taken=None if rows is None else rows.taken,
        unlabelled=pile.unlabelled,
        missing=np.array(pile.missing, np.bool_) if any(pile.missing) else None,
        firsts=read and read.firsts,
    )


class _Pile:
    """Documents read so far, not yet a chunk."""

    def __init__(self, rows: JsonColumns | None, request: ScanRequest) -> None:
        self.rows, self.request = rows, request
        self.texts: list[bytes] = []
        self.codes: list[int] = []  # of labels, those of a row after each other
        self.sizes: list[int] = []  # labels of each row
        self.weights: list[float] = []
        self.objects: list[dict[str, Any]] = []
        self.numbers: list[int] = []
        self.code_of: dict[str, int] = {}
        self.errors: list[InputError] = []
        self.missing: list[bool] = []
        self.unlabelled = 0
        self._known: dict[str, list[int]] = {}  # codes of labels that are strings, as they stand

    def add(self, values: Iterable[tuple[Any, int, int | None]], name: str, by_row: bool) -> None:
        """Add the rows of values, and the errors of bad ones: of one, unless they are skipped."""
        skip = self.request.options.skip_bad_lines
        for found, number, line in values:
            if self.errors and not skip:
                return
            if isinstance(found, InputError):
                self.errors.append(found)
                continue
            one = type(found) is dict and "paragraphs" not in found
            for row in (found,) if one else rows_in(found):
                try:
                    self._add(row, number)
                except RowError as bad:
                    place = f"{name}, row {number:,}" if by_row else name
                    self.errors.append(FormatError(str(bad), place=place, line=line, mend=bad.mend))
                    break

    def _add(self, row: Any, number: int) -> None:
        rows = self.rows
        if not isinstance(row, dict):
            raise RowError(f"not an object: {_shown(row)}")
        if rows is None:
            raise RowError("the object is empty")
        codes: list[int] | None = []
        missing = self.request.nulls and rows.lacks_text(row)
        if rows.export is None:
            text = b"" if missing else rows.text_of(row)
            if rows.labels:
                codes = self._codes(rows.labels_of(row))
            elif rows.label is not None:
                label = row.get(rows.label)
                codes = self._known.get(label) if type(label) is str else None
                if codes is None:
                    codes = self._codes(rows.labels_of(row))
                if codes is not None and type(label) is str:
                    self._known[label] = codes
        else:  # what nobody has labelled may lack a text
            codes = self._codes(rows.labels_of(row)) if rows.label is not None else []
            text = b"" if missing or codes is None else rows.text_of(row)
        if codes is None:
            self.unlabelled += 1
            return
        if rows.weight is not None:
            self.weights.append(rows.weight_of(row))
        self.codes += codes
        self.sizes.append(len(codes))
        self.texts.append(text)
        if self.request.nulls:
            self.missing.append(missing)
        self.numbers.append(number)
        if self.request.tables:
            self.objects.append(row)

    def _codes(self, labels: list[str] | None) -> list[int] | None:
        """The codes of a row's labels; None if it is left out."""
        if labels is None:
            return None
        return [self.code_of.setdefault(label, len(self.code_of)) for label in labels]


def _shown(value: Any) -> str:
    try:
        return quoted(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return "a list of lists"


def _values_in(lines: Lines) -> Iterator[tuple[Any, int, int | None]]:
    """The values of lines, as JsonValue has them, an InputError in place of a bad one; blank lines
    are left out."""
    spans = zip(lines.starts.tolist(), lines.stops.tolist(), strict=True)
    for line, (start, stop) in enumerate(spans):
        found: Any = _parsed(lines.text.data[start:stop])
        if found is None:
            found = _object(lines, line)
        if found is not None:
            yield found, lines.first + line, lines.first + line


def _parsed(raw: memoryview) -> dict[str, Any] | None:
    """The object of a line; None if it is no object, or odd in any way.  Quick, for most lines."""
    try:
        text = str(raw, "utf-8")
        found, end = scan(text, 0)
    except (ValueError, StopIteration, RecursionError):
        return None
    return found if end == len(text) and isinstance(found, dict) else None


def _object(lines: Lines, line: int) -> Any:
    """The object of a line, counted from 0, or a list that holds one; None if the line is blank;
    the error if it is bad."""
    start, stop = int(lines.starts[line]), int(lines.stops[line])
    raw = lines.text[start:stop].tobytes()
    try:
        text = raw.decode("utf-8", "replace")
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        if not raw.strip():
            return None
        if b"\0" in raw:
            return _error(lines, line, *BINARY)
        shown = quote(lines.text, start, stop)
        return _error(lines, line, not_json(error, shown))
    except ValueError:  # an integer of thousands of digits
        return _error(lines, line, MANY_DIGITS, f"write it as a string, {SKIP}")
    if not isinstance(found, dict) and rows_in(found) == [found]:
        return _error(lines, line, f"not an object: {quote(lines.text, start, stop)}")
    return found


def _error(lines: Lines, line: int, problem: str, mend: str = MEND) -> InputError:
    return FormatError(problem, place=lines.name, line=lines.first + line, mend=mend)
