"""JSON lines: an object a line, whose keys are the columns.

Objects may have different keys; blank lines between them are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import FormatError, InputError
from textmlr.corpus.batch import ASCII_SPACE, Batch
from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.chunks import SKIP, Chunk, ScanRequest, check_bad
from textmlr.corpus.formats.json_columns import columns_of, pays
from textmlr.corpus.formats.lines import BINARY, Lines, blocks_of, quote, quoted
from textmlr.corpus.formats.table_columns import find, listed
from textmlr.corpus.labels import LARGEST_WEIGHT
from textmlr.corpus.taken_columns import Taken
from textmlr.corpus.text_encodings import BOM

_decoder: Any = json.JSONDecoder()  # typeshed does not know its scan_once
_scan = _decoder.scan_once
_SURROGATE = re.compile("[\ud800-\udfff]")
PART_BYTES = 1 << 20  # bytes of lines that are read at once
_MOST_NESTED = 32  # lists and objects within each other, in a column of Arrow's
_MEND = f'write an object such as {{"label": ..., "text": ...}}, {SKIP}'


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The objects of a file, one a line.  The columns are found in the first object.

    A label may be a string, or a number or boolean, whose name is as JSON writes it.
    Raises InputError naming file and line: if the file is empty, and for a line that is no JSON
    object or lacks text, label or weight.
    """
    begin = stream.head().removeprefix(BOM).lstrip()
    if begin.startswith(b"[") or re.match(rb"\{\s*\n", begin):
        raise FormatError(
            "one JSON value over many lines, not an object a line",
            place=stream.name,
            mend="write a line an object, as jq -c '.[]' does with an array",
        )
    keys: _Keys | None = None
    for lines in blocks_of(stream, request.chunk_bytes):
        if keys is None:
            keys = _Keys.of(lines, request)
        # Without any object there are no documents, whatever the keys are.
        own = keys or _Keys("", "" if request.labelled else None, None)
        quick = not request.tables and pays(lines)
        for part in _parts(lines):
            yield (own.quick_chunk(part) if quick else None) or own.chunk(part, request)


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


class _Keys:
    """The keys of text, label and weight, and reading by them."""

    def __init__(self, text: str, label: str | None, weight: str | None) -> None:
        self.text, self.label, self.weight = text, label, weight
        self.taken = Taken("JSON lines", text, label, weight)

    @classmethod
    def of(cls, lines: Lines, request: ScanRequest) -> _Keys | None:
        """Find the columns in the first object; None if there is none.

        Raises InputError if the columns are not there, and unless bad lines are skipped for one
        before the first object.
        """
        columns: list[str] = []
        for line in range(len(lines)):
            found = _object(lines, line)
            if isinstance(found, dict):
                columns = list(found)
                break
            if found is not None and not request.options.skip_bad_lines:
                raise found
        if not columns:
            return None
        # The first object may lack a named key that others have.
        given = [name for name in request.options.columns.values() if name]
        columns += [name for name in given if name not in columns and _occurs(lines, name)]
        places = find(request, columns, lines.name, "they are those of the first line")
        names = [
            None if i is None else columns[i] for i in (places.text, places.label, places.weight)
        ]
        assert names[0] is not None
        return cls(names[0], names[1], names[2])

    def quick_chunk(self, lines: Lines) -> Chunk | None:
        """The same as ``chunk``, without a table; None where Arrow does not read the lines."""
        kind = self._label_kind(lines)
        names = [name for name in (self.text, self.label, self.weight) if name is not None]
        table = kind and columns_of(lines, names, self.label, kind)
        if not table:
            return None
        from textmlr.corpus.arrow_batch import batch_of, encoded, merged
        from textmlr.corpus.arrow_types import values_of

        own = weights = None
        if self.label is not None:
            codes, labels = encoded(table.column(self.label).chunk(0))
            if not all(labels):
                return None
            own = merged(codes, labels)
        if self.weight is not None:
            values = values_of(table.column(self.weight).chunk(0))
            # A whole number just above the largest may have been rounded to it.
            if not ((values >= 0) & (values < LARGEST_WEIGHT)).all():
                return None
            weights = np.abs(values).astype(np.float32)  # not -0.0
        first = lines.first + int((lines.stops > lines.starts).argmax())
        batch = batch_of(table.column(self.text).chunk(0))
        return Chunk(lines.name, first, batch, own, weights, partial(_table, []), taken=self.taken)

    def _label_kind(self, lines: Lines) -> type | None:
        """The type of the first object's label, None where Arrow's could be named otherwise."""
        if self.label is None:
            return str
        first = int((lines.stops > lines.starts).argmax())
        found = _parsed(lines.text.data[lines.starts[first] : lines.stops[first]]) or {}
        kind = type(found.get(self.label))
        return kind if kind in (str, int, bool) else None

    def chunk(self, lines: Lines, request: ScanRequest) -> Chunk:
        """The documents of some lines.  Raises InputError for a bad one, unless it is skipped."""
        texts: list[bytes] = []
        codes: list[int] = []
        weights: list[float] = []
        objects: list[dict[str, Any]] = []
        numbers: list[int] = []
        errors: dict[int, InputError] = {}
        code_of: dict[str, int] = {}
        spans = zip(lines.starts.tolist(), lines.stops.tolist(), strict=True)
        for line, (start, stop) in enumerate(spans):
            found: dict[str, Any] | InputError | None = _parsed(lines.text.data[start:stop])
            if found is None:
                found = _object(lines, line)
            if found is None:
                continue
            if isinstance(found, dict):
                try:
                    text = self._text(found)
                    label = self._label(found) if self.label is not None else ""
                    weight = self._weight(found) if self.weight is not None else 1.0
                except _ValueError as bad:
                    found = _error(lines, line, str(bad), bad.mend)
            if isinstance(found, InputError):
                errors[line] = found
                if not request.options.skip_bad_lines:
                    break
                continue
            texts.append(text)
            codes.append(code_of.setdefault(label, len(code_of)))
            weights.append(weight)
            numbers.append(line)
            if request.tables:
                objects.append(found)
        bad_lines = np.array(sorted(errors), np.int64)
        examples = check_bad(bad_lines, errors.__getitem__, request.options.skip_bad_lines)
        own = None
        if self.label is not None:
            own = np.array(codes, np.int32), list(code_of)
        return Chunk(
            lines.name,
            lines.first + (numbers[0] if numbers else 0),
            _joined(texts),
            own,
            np.array(weights, np.float32) if self.weight is not None else None,
            partial(_table, objects),
            len(errors),
            examples,
            taken=self.taken,
        )

    def _text(self, found: dict[str, Any]) -> bytes:
        text = _value(found, self.text, "text")
        if not isinstance(text, str):
            raise _ValueError(f"the text in {self.text!r} is {_kind(text)}, not a string")
        try:
            return text.encode()
        except UnicodeEncodeError:
            return _SURROGATE.sub("\ufffd", text).encode()

    def _label(self, found: dict[str, Any]) -> str:
        assert self.label is not None
        label = _value(found, self.label, "label")
        if isinstance(label, str):
            label = _SURROGATE.sub("\ufffd", label).strip(ASCII_SPACE)
        elif isinstance(label, bool | int | float) and label == label:
            label = json.dumps(label)
        else:
            raise _ValueError(
                f"the label in {self.label!r} is {_kind(label)}, not a name",
                f"give one label a document, {SKIP}",
            )
        if not label:
            raise _ValueError(f"empty label in {self.label!r}", f"fill it in, {SKIP}")
        return label

    def _weight(self, found: dict[str, Any]) -> float:
        assert self.weight is not None
        weight = _value(found, self.weight, "weight")
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise _ValueError(
                f"the weight in {self.weight!r} is {_kind(weight)}, not a number",
                f"write a number such as 1 or 0.5, {SKIP}",
            )
        if not 0 <= weight <= LARGEST_WEIGHT:
            raise _ValueError(
                f"weight {quoted(str(weight))} is not a finite number >= 0",
                f"write a number such as 1 or 0.5, {SKIP}",
            )
        return abs(float(weight))  # not -0.0


class _ValueError(Exception):
    """A value cannot be used: the problem in words."""

    def __init__(self, problem: str, mend: str = _MEND) -> None:
        super().__init__(problem)
        self.mend = mend


def _value(found: dict[str, Any], key: str, kind: str) -> Any:
    value = found.get(key)
    if value is None:
        what = f"{key!r} is null"
        if key not in found:
            what = f"no key {key!r}, only {listed(list(found))}" if found else "the object is empty"
        raise _ValueError(f"no {kind}: {what}", f"fill it in, {SKIP}")
    return value


def _kind(value: Any) -> str:
    if value != value:
        return "NaN"
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        str: "a string",
    }
    return names[type(value)]


def _parsed(raw: memoryview) -> dict[str, Any] | None:
    """The object of a line; None if it is no object, or odd in any way.  Quick, for most lines."""
    try:
        text = str(raw, "utf-8")
        found, end = _scan(text, 0)
    except (ValueError, StopIteration, RecursionError):
        return None
    return found if end == len(text) and isinstance(found, dict) else None


def _object(lines: Lines, line: int) -> dict[str, Any] | InputError | None:
    """The object of a line, counted from 0; None if it is blank; the error if it is bad."""
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
        reason = "it is nested too deeply"
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg} at character {error.pos + 1:,}"
        return _error(lines, line, f"not JSON: {reason} of {quote(lines.text, start, stop)}")
    except ValueError as error:  # an integer of thousands of digits
        return _error(lines, line, f"not JSON that can be read: {error}")
    if not isinstance(found, dict):
        return _error(lines, line, f"not an object: {quote(lines.text, start, stop)}")
    return found


def _error(lines: Lines, line: int, problem: str, mend: str = _MEND) -> InputError:
    return FormatError(problem, place=lines.name, line=lines.first + line, mend=mend)


def _occurs(lines: Lines, key: str) -> bool:
    """Whether any object of a block has a key."""
    objects = (_object(lines, line) for line in range(len(lines)))
    return any(isinstance(found, dict) and key in found for found in objects)


def _joined(texts: list[bytes]) -> Batch:
    """Texts in one buffer."""
    stops: NDArray[np.int64] = np.cumsum(
        np.fromiter(map(len, texts), np.int64, len(texts)), dtype=np.int64
    )
    starts = np.concatenate([np.zeros(1, np.int64), stops[:-1]]) if texts else stops
    return Batch(np.frombuffer(b"".join(texts), np.uint8), starts, stops)


def _table(objects: list[dict[str, Any]]) -> Any:
    """The objects' keys as columns, in order of occurrence; null where an object lacks one.

    A column of several types, or of deeply nested values, is written as JSON.
    """
    import pyarrow as pa

    names = list(dict.fromkeys(name for found in objects for name in found))
    arrays = []
    for name in names:
        values = [found.get(name) for found in objects]
        try:
            if any(map(_is_deep, values)):
                raise pa.ArrowInvalid("nested deeply")
            arrays.append(pa.array(values))
        except (
            pa.ArrowInvalid,
            pa.ArrowTypeError,
            pa.ArrowNotImplementedError,
            OverflowError,
            UnicodeEncodeError,
        ):
            arrays.append(pa.array([_as_json(value) for value in values], pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names)


def _is_deep(value: Any) -> bool:
    """Whether lists and objects are nested too deeply for Arrow, which recurs."""
    level = [value]
    for _ in range(_MOST_NESTED):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _as_json(value: Any) -> str | None:
    if value is None:
        return None
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise FormatError(
            "a value is nested too deeply to be written again", mend="write it as a string"
        ) from None
    return _SURROGATE.sub("\ufffd", text)
