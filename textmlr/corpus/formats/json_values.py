"""JSON values that follow one another in a file, or in arrays: streamed, whatever its lines.

A file may be one array of objects, on one line or many; objects one after another, printed over
several lines each; or one object that holds the array, as {"data": [...]}.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from textmlr.base import limits
from textmlr.base.errors import FormatError, InputError
from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.chunks import SKIP
from textmlr.corpus.formats.annotated_rows import listed
from textmlr.corpus.formats.lines import BINARY, quoted
from textmlr.corpus.refusals import too_long

_decoder: Any = json.JSONDecoder()  # typeshed does not know its scan_once
scan = _decoder.scan_once
PART_BYTES = 1 << 20  # of a file that are read at once
# So much of an object is looked at before it is taken for one that holds the rows.
LARGEST_ROW = 1 << 23
MEND = f'write an object such as {{"label": ..., "text": ...}}, {SKIP}'
_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}"]', re.DOTALL)
_WORD = re.compile(r"[^,\]}\s]*")
_ROWS = re.compile(r"\[[ \t\n\r]*\{")
_MORE_ROWS = re.compile(r'\s*,\s*"[^"\\]*"\s*:\s*\[\s*\{')
MANY_DIGITS = "an integer of more digits than can be read"


class JsonValue(NamedTuple):
    """A value of a file.

    found      the value, or its InputError
    row, line  its number among the values, and the line it begins in, from 1
    """

    found: Any
    row: int
    line: int


def reason_of(error: Exception, start: int = 0) -> str:
    """Why Python's json refuses a value that begins at a place, in words."""
    if isinstance(error, json.JSONDecodeError):
        what = error.msg.removesuffix(" at").removesuffix(" starting")
        return f"{what} at character {error.pos - start + 1:,}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, StopIteration):
        return f"Expecting value at character {error.value - start + 1:,}"
    return MANY_DIGITS


def not_json(error: Exception, beginning: str, start: int = 0) -> str:
    """What is wrong with a value that is no JSON.

    beginning  of it, quoted

    >>> not_json(RecursionError(), "'[[[[[[...'")
    "not JSON: '[[[[[[...' is nested too deeply"
    """
    if isinstance(error, RecursionError):
        return f"not JSON: {beginning} is nested too deeply"
    return f"not JSON: {reason_of(error, start)} of {beginning}"


class JsonValues:
    """The values of a stream.

    holds_rows  whether an object that is alone in its file is no row, but holds them
    """

    def __init__(self, stream: Stream, size: int, holds_rows: Callable[[Any], bool]) -> None:
        self.stream, self.name = stream, stream.name
        self._size, self._holds_rows = min(size, PART_BYTES), holds_rows
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines_read = 0
        self._text, self._at, self._end = "", 0, False
        self._line, self._counted = 1, 0  # the line of a place in the text
        self._row = 0
        self._in_array = self._after_value = self._within = False

    def blocks(self) -> Iterator[list[JsonValue]]:
        """The values, some at a time."""
        self._fill()
        self._text = self._text.removeprefix("\ufeff")
        self._enter()
        while True:
            found = []
            while (value := self._next()) is not None:
                found.append(value)
            if found:
                yield found
            if self._end:
                break
            self._fill()
        if self._in_array:
            raise self._broken("the array is not closed: the file ends within it")
        if not self._row:
            raise FormatError("no rows in it", place=self.name, mend="write an object a document")

    def _fill(self) -> None:
        """Read on."""
        left = len(self._text) - self._at
        if left > limits.MOST_DOCUMENT:
            raise too_long(self.name, self._line_of(self._at), "a row", left)
        self._line_of(self._at)
        raw = self.stream.read(max(self._size, left))
        self._end = not raw
        before = self._decoder.getstate()[0]  # the beginning of a character
        self._text = self._text[self._at :] + self._decoder.decode(raw, not raw)
        self._at = self._counted = 0
        whole = before + raw
        whole = whole[: len(whole) - len(self._decoder.getstate()[0])]
        self.stream.check_text(np.frombuffer(whole, np.uint8), self._lines_read + 1)
        self._lines_read += whole.count(b"\n")

    def _line_of(self, at: int) -> int:
        """The line of a place, which is not before those asked for so far."""
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._line

    def _skip(self) -> str:
        """Pass over space: the next character, none at the end of the text."""
        self._at = self._past_space(self._at)
        return self._text[self._at : self._at + 1]

    def _next(self) -> JsonValue | None:
        """The next value, None if it is not all there."""
        while character := self._skip():
            if self._in_array and character == "]":
                self._in_array = self._after_value = False
                self._at += 1
                if self._within:
                    self._leave()
                    return None
            elif self._in_array and self._after_value:
                if character != ",":
                    raise self._broken("no comma between two rows of the array")
                self._after_value = False
                self._at += 1
            elif not self._in_array and character == "[":
                self._in_array = True
                self._at += 1
            else:
                return self._value()
        return None

    def _value(self) -> JsonValue | None:
        start = self._at
        found: Any
        try:
            found, end = scan(self._text, start)
        except (ValueError, StopIteration, RecursionError) as error:
            reached = self._extent(start)
            if reached is None:
                if self._end:
                    raise self._broken(f"not JSON: {reason_of(error, start)}", start) from None
                return None
            found, end = self._error(start, error), reached
        if end == len(self._text) and not self._end and self._text[end - 1] not in '"]}':
            return None  # a number may go on
        self._row += 1
        value = JsonValue(found, self._row, self._line_of(start))
        self._at, self._after_value = end, self._in_array
        return value

    def _extent(self, start: int) -> int | None:
        """Where a value that is not JSON ends, by its brackets; None if that is not there yet."""
        if self._text[start] not in '[{"':
            found = _WORD.match(self._text, start)
            end = max(found.end() if found else 0, start + 1)
            return end if end < len(self._text) or self._end else None
        depth = 0
        for token in _TOKEN.finditer(self._text, start):
            sign = token[0]
            if sign == '"':
                return None
            depth += (sign in "[{") - (sign in "]}")
            if depth == 0:
                return token.end()
        return None

    def _error(self, start: int, error: Exception) -> InputError:
        """The error of a value that ends where its brackets say."""
        problem = not_json(error, self._quote(start), start)
        mend = MEND
        if isinstance(error, ValueError) and not isinstance(error, json.JSONDecodeError):
            problem, mend = MANY_DIGITS, f"write it as a string, {SKIP}"
        return FormatError(
            problem,
            place=f"{self.name}, row {self._row + 1:,}",
            line=self._line_of(start),
            mend=mend,
        )

    def _quote(self, start: int) -> str:
        return quoted(self._text[start : start + 40])

    def _broken(self, problem: str, start: int | None = None) -> InputError:
        """The error of a file that cannot be read further."""
        start = self._at if start is None else start
        shown = self._text[start : start + 40]
        if "\0" in self._text[start : start + PART_BYTES]:
            problem, mend = BINARY
        else:
            problem += f" in {quoted(shown)}" if shown else ""
            mend = "write the file again, as json.dump does"
        return FormatError(problem, place=self.name, line=self._line_of(start), mend=mend)

    def _enter(self) -> None:
        """Go into the array of rows of an object that holds them, if the file is one."""
        while self._skip() == "{":
            try:
                found, end = scan(self._text, self._at)
            except (ValueError, StopIteration, RecursionError):
                if not self._end and len(self._text) < LARGEST_ROW:
                    self._fill()
                    continue
                self._descend(self._at)
                return
            if not self._end and not self._text[end:].strip(" \t\n\r"):
                self._fill()  # whether anything follows
                continue
            if not self._text[end:].strip(" \t\n\r") and self._holds_rows(found):
                self._check_one(found)
                self._descend(self._at)
            return

    def _check_one(self, found: dict[str, Any]) -> None:
        """Raise InputError for an object that holds several lists of rows, or columns."""
        names = lists_in(found)
        if len(names) == 1:
            return
        if names:
            raise FormatError(
                f"one object that holds several lists: {listed(names)}",
                place=self.name,
                mend=f"write the one that holds the documents, as jq .{names[0]} does",
            )
        columns = [name for name, value in found.items() if isinstance(value, list | dict)]
        raise FormatError(
            f"one object of columns ({listed(columns)}), not rows",
            place=self.name,
            mend="write rows, as df.to_json(path, orient='records', lines=True) does",
        )

    def _descend(self, at: int) -> bool:
        """Go on behind the [ of the first list of objects in the object at a place, if it is there;
        False if there is none."""
        at = self._past_space(at + 1)
        while self._text[at : at + 1] == '"':
            try:
                at = self._past_space(scan(self._text, at)[1])
                at = self._past_space(at + 1)  # the colon
                if _ROWS.match(self._text, at):
                    self._at, self._in_array, self._within = at + 1, True, True
                    return True
                if self._text[at : at + 1] == "{" and self._descend(at):
                    return True
                at = self._past_space(scan(self._text, at)[1])
            except (ValueError, StopIteration, RecursionError):
                return False
            at = self._past_space(at + (self._text[at : at + 1] == ","))
        return False

    def _past_space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _leave(self) -> None:
        """Pass over what follows the array in the object that holds it."""
        if _MORE_ROWS.match(self._text, self._at):
            raise self._broken("a second list of objects in the object that holds the rows")
        while not self._end:
            self._at = len(self._text)
            self._fill()
        self._at = len(self._text)


def lists_in(found: Any, depth: int = 3) -> list[str]:
    """The names of the lists of objects in an object, dots between those of nested keys."""
    names = []
    for key, value in found.items() if isinstance(found, dict) else ():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            names.append(key)
        elif depth > 1:
            names += [f"{key}.{name}" for name in lists_in(value, depth - 1)]
    return names


def is_columns(found: dict[str, Any]) -> bool:
    """Whether an object holds columns: two lists, or objects, of as many plain values each; or
    names of columns and their data."""
    if found.keys() == {"columns", "index", "data"}:
        return True
    sizes = [len(value) for value in found.values() if isinstance(value, list | dict)]
    if len(sizes) < 2 or len(sizes) < len(found) or len({*sizes}) > 1:
        return False
    inner = [
        v
        for value in found.values()
        for v in (value.values() if isinstance(value, dict) else value)
    ]
    return bool(inner) and not any(isinstance(v, list | dict) for v in inner)
