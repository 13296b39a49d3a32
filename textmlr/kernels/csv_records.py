"""Bytes of a CSV file to records and fields.

A file is seen twice, as in ``kernels.tsv_lines``: as bytes and, to search eight
at a time, as words.
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel

QUOTE, NEWLINE, RETURN = 34, 10, 13
ONES = np.uint64(0x0101010101010101)
HIGHS = np.uint64(0x8080808080808080)

# Faults of a record.
GOOD, BINARY, COUNT, UNCLOSED = range(4)


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
def _unquote(text, start, stop):
    """Write the value of a field with quotes over its beginning; return its end.

    The span begins with the opening quote.  A doubled quote is one, the quote that follows no
    other closes, and the bytes behind that are taken as they are.
    """
    out = start
    inside = True
    i = start + 1
    while i < stop:
        byte = text[i]
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
                                line ends and 1
    lines      (R,) int64       line ends before the record
    counts     (R,) int64       its fields
    status     (R,) uint8       GOOD; BINARY: a NUL byte in it; COUNT: not C fields; UNCLOSED: a
                                quote is open at the end of the file
    """

    starts: Any
    stops: Any
    lines: Any
    counts: Any
    status: Any


@kernel
def records(text, words, final, delimiter, slots, out, end):
    r"""Split text into records and their fields, as far as it holds whole records.

    RFC 4180: fields between delimiters, records between line ends (\n or \r\n); a field that
    begins with a quote ends at the next quote that is not doubled, and may hold both.  As in
    Python's csv module, other quotes mean themselves, and lines without a byte are no records.

    text       (bytes,) uint8   overwritten in fields with doubled quotes, which become shorter
    words      (bytes // 8,) uint64   the same memory
    final      bool             the file ends with text
    delimiter  int64            a byte
    slots      (C,) int64       of each column of the table: its place in starts, -1 if unwanted
    out        Records          written; after R records the rest is left
    end        (4,) int64       written: number of records, where the next begins, line ends there,
                                whether there was no room for more
    """
    starts, stops, lines, counts, status = out
    size = text.size
    n = newlines = 0
    at = 0
    while at < size and n < lines.size:
        behind = _blank(text, at, final)
        if behind > at:
            at = behind
            newlines += 1
            continue
        for slot in range(starts.shape[1]):
            starts[n, slot] = stops[n, slot] = at
        wrong = GOOD
        column = inner = 0
        after = at - 1
        while True:
            start, stop, after, found, bad = _field(text, words, after + 1, final, delimiter)
            inner += found
            if bad != GOOD:
                wrong = bad
            if after >= 0 and column < slots.size and slots[column] >= 0:
                starts[n, slots[column]] = start
                stops[n, slots[column]] = stop
            column += 1
            if after < 0 or after == size or text[after] == NEWLINE:
                break
        if after < 0:
            break
        for slot in range(starts.shape[1]):
            if starts[n, slot] < 0:
                starts[n, slot] = -1 - starts[n, slot]
                stops[n, slot] = _unquote(text, starts[n, slot], stops[n, slot])
        lines[n] = newlines
        counts[n] = column
        status[n] = COUNT if wrong == GOOD and column != slots.size else wrong
        n += 1
        newlines += inner + (after < size)
        at = min(after + 1, size)
    end[0] = n
    end[1] = at
    end[2] = newlines
    end[3] = n == lines.size and at < size
