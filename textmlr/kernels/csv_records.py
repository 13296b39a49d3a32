"""Bytes of a CSV file to records and fields.

A file is seen twice, as in ``kernels.tsv_lines``: as bytes and, to search eight
at a time, as words.
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel

QUOTE, NEWLINE, RETURN, BACKSLASH = 34, 10, 13, 92
SPACE, TAB = 32, 9
NO_ESCAPE = -1
ONES = np.uint64(0x0101010101010101)
HIGHS = np.uint64(0x8080808080808080)

# Faults of a record.
GOOD, BINARY, COUNT, UNCLOSED, ESCAPED, JOINED = range(6)
_BEHIND = 255  # of a field, and none of its record: text behind its closing quote


@kernel
def _odd(text, words, at, byte):
    """Return the first place from ``at`` on of byte, of a line end or of a NUL byte; the end if
    there is none.

    A word with a byte 0 is recognised as in kernels.tsv_lines.find; a byte 0x01 before it may be
    taken for one, too, so that such a word is searched byte by byte.
    """
    pattern = np.uint64(byte) * ONES
    newlines = np.uint64(NEWLINE) * ONES
    while at < text.size:
        if at & 7 == 0:
            word = at >> 3
            while word < words.size:
                w = words[word]
                v = w ^ pattern
                u = w ^ newlines
                zero = ((v - ONES) & ~v) | ((u - ONES) & ~u) | ((w - ONES) & ~w)
                if zero & HIGHS != np.uint64(0):
                    break
                word += 1
            at = word << 3
            if at >= text.size:
                break
        found = text[at]
        if found == byte or found == NEWLINE or found == 0:  # noqa: SIM109, slower with in
            return at
        at += 1
    return text.size


@kernel
def _plain_end(text, words, at, delimiter):
    """Return the end of an unquoted field, and whether a NUL byte is in it."""
    nul = False
    at = _odd(text, words, at, delimiter)
    while at < text.size and text[at] == 0:
        nul = True
        at = _odd(text, words, at + 1, delimiter)
    return at, nul


@kernel
def _quoted_end(text, words, at):
    """Find the end of a quoted field whose opening quote is at ``at``: (place, newlines in
    it, whether it has doubled quotes, whether it has a NUL byte, whether it is closed).

    The place is the one behind the first quote that no quote follows.
    """
    newlines = 0
    doubled = nul = False
    i = _odd(text, words, at + 1, QUOTE)
    while i < text.size:
        byte = text[i]
        if byte == QUOTE:
            i += 1
            if i == text.size or text[i] != QUOTE:
                return i, newlines, doubled, nul, True
            doubled = True
        newlines += byte == NEWLINE
        nul |= byte == 0
        i = _odd(text, words, i + 1, QUOTE)
    return i, newlines, doubled, nul, False


@kernel
def _behind(text, closed, stop, newlines):
    """Return the fault of a quoted field that goes on behind its closing quote."""
    for i in range(closed, stop):
        if text[i] != SPACE and text[i] != TAB:
            return _BEHIND if newlines == 0 else JOINED
    return GOOD


@kernel
def _is_escaped(text, at, delimiter, escape):
    """Whether the escape is at ``at``, and stands before a byte that it takes the meaning from."""
    if text[at] != escape or at + 1 >= text.size:
        return False
    byte = text[at + 1]
    return byte in (QUOTE, escape, delimiter, NEWLINE, RETURN)


@kernel
def _escaped_field(text, start, final, delimiter, escape):
    """The same as _field, byte by byte, for a file with an escape."""
    newlines = 0
    wrong = GOOD
    quoted = start < text.size and text[start] == QUOTE
    inside = odd = quoted
    closed = within = 0
    i = start + 1 if quoted else start
    while i < text.size:
        byte = text[i]
        if _is_escaped(text, i, delimiter, escape):
            odd = True
            newlines += text[i + 1] == NEWLINE
            i += 2
            continue
        if inside and byte == QUOTE:
            if i + 1 < text.size and text[i + 1] == QUOTE:
                i += 1
            else:
                inside = False
                closed, within = i + 1, newlines
        elif not inside and byte in (delimiter, NEWLINE):
            break
        newlines += byte == NEWLINE
        if byte == 0:
            wrong = BINARY
        i += 1
    if i >= text.size and not final:
        return start, start, -1, 0, GOOD
    after = min(i, text.size)
    if inside:
        wrong = UNCLOSED
    stop = after
    last = after == text.size or text[after] == NEWLINE
    if last and stop > start and text[stop - 1] == RETURN:
        stop -= 1
    if wrong == GOOD and closed > 0:
        wrong = _behind(text, closed, stop, within)
    return -1 - start if odd else start, stop, after, newlines, wrong


@kernel
def _unquote(text, start, stop, delimiter, escape):
    """Write the value of a field with quotes or escapes over its beginning; return its end.

    An opening quote is left out.  A doubled quote is one, the quote that follows no other closes,
    and the bytes behind that are taken as they are.
    """
    out = start
    inside = text[start] == QUOTE
    i = start + 1 if inside else start
    while i < stop:
        byte = text[i]
        if _is_escaped(text, i, delimiter, escape) and i + 1 < stop:
            text[out] = text[i + 1]
            out += 1
            i += 2
            continue
        i += 1
        if inside and byte == QUOTE:
            if i < stop and text[i] == QUOTE:
                i += 1
            else:
                inside = False
                continue
        text[out] = byte
        out += 1
    return out


@kernel
def _unquote_all(text, starts, stops, delimiter, escape):
    """Leave out the quotes and escapes within the fields of a record."""
    for slot in range(starts.size):
        if starts[slot] < 0:
            starts[slot] = -1 - starts[slot]
            stops[slot] = _unquote(text, starts[slot], stops[slot], delimiter, escape)


@kernel
def _field(text, words, start, final, delimiter):
    """Read the field that begins at start: (start and stop of its value, the place of the
    delimiter or line end behind it, line ends in it, its fault).

    The place is -1 if the field may not be whole.  The start is -1 - start if there are quotes to
    leave out within it, see _unquote.
    """
    i = start
    wrong = GOOD
    newlines = 0
    odd = quoted = False
    if start < text.size and text[start] == QUOTE:
        i, newlines, odd, nul, quoted = _quoted_end(text, words, start)
        if nul:
            wrong = BINARY
        if not quoted:
            wrong = UNCLOSED
    after, nul = _plain_end(text, words, i, delimiter)
    if nul:
        wrong = BINARY
    if after == text.size and not final:
        return start, start, -1, 0, GOOD
    stop = after
    last = after == text.size or text[after] == NEWLINE
    if last and stop > i and text[stop - 1] == RETURN:
        stop -= 1
    if quoted and stop > i and wrong == GOOD:
        wrong = _behind(text, i, stop, newlines)
        if i - 2 > start and text[i - 2] == BACKSLASH:
            wrong = ESCAPED  # he said "\"yes\"", and the first quote within closes
    if quoted and (odd or stop > i):
        start = -1 - start
    elif quoted:
        start += 1
        stop -= 1
    return start, stop, after, newlines, wrong


@kernel
def _blank(text, at, final):
    """Return the place behind an empty line, ``at`` if there is none."""
    if text[at] == NEWLINE:
        return at + 1
    if text[at] == RETURN:
        if at + 1 == text.size and final:
            return at + 1
        if at + 1 < text.size and text[at + 1] == NEWLINE:
            return at + 2
    return at


class Records(NamedTuple):
    """Records of a table, R at most.

    starts, stops (R, W) int64  spans of the wanted fields, without quotes; there are no more than
                                line ends and 1.  Those of a bad record are all of it
    lines      (R,) int64       line ends before the record
    counts     (R,) int64       its fields
    status     (R,) uint8       GOOD; BINARY: a NUL byte in it; COUNT: not C fields; UNCLOSED: a
                                quote is open at the end of the file; ESCAPED: a quote that a
                                backslash stands before closes a field, which goes on; JOINED: a
                                field of several lines goes on behind its closing quote, as where
                                a quote was opened and the next row's closed it
    """

    starts: Any
    stops: Any
    lines: Any
    counts: Any
    status: Any


@kernel
def _is_empty(text, start, stop):
    """Whether a field holds nothing, or two quotes alone that are still to be left out."""
    if start >= 0:
        return start == stop
    begin = -1 - start
    return stop - begin == 2 and text[begin] == QUOTE and text[begin + 1] == QUOTE


@kernel
def records(text, words, final, delimiter, escape, slots, out, end):
    r"""Split text into records and their fields, as far as it holds whole records.

    RFC 4180: fields between delimiters, records between line ends (\n or \r\n); a field that
    begins with a quote ends at the next quote that is not doubled, and may hold both.  As in
    Python's csv module, other quotes mean themselves, what stands behind a closing quote on its
    line belongs to the field, and lines without a byte are no records.
    Empty fields behind the last column count as none.

    text       (bytes,) uint8   overwritten in fields with doubled quotes or escapes, which become
                                shorter
    words      (bytes // 8,) uint64   the same memory
    final      bool             the file ends with text
    delimiter  int64            a byte
    escape     int64            the byte that takes the meaning from a quote, delimiter, line end or
                                escape behind it; NO_ESCAPE
    slots      (C,) int64       of each column of the table: its place in starts, -1 if unwanted
    out        Records          written; after R records the rest is left
    end        (6,) int64       written: number of records, where the next begins, line ends there,
                                whether there was no room for more; good records with text behind
                                a closing quote, and the first of them
    """
    starts, stops, lines, counts, status = out
    size = text.size
    n = newlines = 0
    at = 0
    going_on, first = 0, -1
    while at < size and n < lines.size:
        behind = _blank(text, at, final)
        if behind > at:
            at = behind
            newlines += 1
            continue
        for slot in range(starts.shape[1]):
            starts[n, slot] = stops[n, slot] = at
        wrong = GOOD
        behind_quote = False
        column = filled = inner = 0
        after = at - 1
        while True:
            if escape == NO_ESCAPE:
                start, stop, after, found, bad = _field(text, words, after + 1, final, delimiter)
            else:
                start, stop, after, found, bad = _escaped_field(
                    text, after + 1, final, delimiter, escape
                )
            inner += found
            if bad == _BEHIND:
                behind_quote = True
            elif bad != GOOD:
                wrong = bad
            if after >= 0 and column < slots.size and slots[column] >= 0:
                starts[n, slots[column]] = start
                stops[n, slots[column]] = stop
            column += 1
            if not _is_empty(text, start, stop):
                filled = column
            if after < 0 or after == size or text[after] == NEWLINE:
                break
        if after < 0:
            break
        if column > slots.size:
            column = max(filled, slots.size)
        if wrong == GOOD and column != slots.size:
            wrong = COUNT
        if wrong == GOOD:
            _unquote_all(text, starts[n], stops[n], delimiter, escape)
        else:
            starts[n], stops[n] = at, after
        lines[n] = newlines
        counts[n] = column
        status[n] = wrong
        if behind_quote and wrong == GOOD:
            first = n if first < 0 else first
            going_on += 1
        n += 1
        newlines += inner + (after < size)
        at = min(after + 1, size)
    end[0], end[1], end[2] = n, at, newlines
    end[3] = n == lines.size and at < size
    end[4], end[5] = going_on, first
