"""Bytes of a CSV file to records and fields."""

from textmlr.jit import kernel

QUOTE, NEWLINE, RETURN = 34, 10, 13

# What is wrong with a record.
GOOD, BINARY, COUNT, UNCLOSED = range(4)


@kernel
def _plain_end(text, at, delimiter):
    """Return the end of what is not quoted, and whether a NUL byte is in it."""
    nul = False
    while at < text.size:
        byte = text[at]
        if byte == delimiter or byte == NEWLINE:  # noqa: SIM109, Numba is slower with in
            break
        nul |= byte == 0
        at += 1
    return at, nul


@kernel
def _quoted_end(text, at):
    """Return what follows a quoted field whose opening quote is at ``at``: (place, newlines in
    it, whether it has doubled quotes, whether it has a NUL byte, whether it is closed).

    The place is the one behind the first quote that no quote follows.
    """
    newlines = 0
    doubled = nul = False
    i = at + 1
    while i < text.size:
        byte = text[i]
        if byte == QUOTE:
            if i + 1 < text.size and text[i + 1] == QUOTE:
                doubled = True
                i += 2
                continue
            return i + 1, newlines, doubled, nul, True
        newlines += byte == NEWLINE
        nul |= byte == 0
        i += 1
    return i, newlines, doubled, nul, False


@kernel
def _unquote(text, start, stop):
    """Write what a field with quotes means over its beginning; return its end.

    The span begins with the opening quote.  A doubled quote is one, the quote that follows no
    other closes, and what stands behind that is taken as it is.
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
def records(text, begin, final, delimiter, slots, starts, stops, lines, counts, status, end):
    r"""Split text[begin:] into records and their fields, as far as it holds whole records.

    RFC 4180: fields between delimiters, records between line ends (\n or \r\n); a field that
    begins with a quote ends at the next quote that is not doubled, and may hold both.  As in
    Python's csv module, other quotes mean themselves, and lines without a byte are no records.

    text       (bytes,) uint8   overwritten in fields with doubled quotes, which become shorter
    begin      int64            where the first record begins
    final      bool             the file ends with text
    delimiter  int64            a byte
    slots      (C,) int64       of each column of the table: its place in starts, -1 if unwanted
    starts, stops (R, W) int64  written: spans of the wanted fields, without quotes; R is at least
                                the number of line ends and 1
    lines      (R,) int64       written: line ends between begin and the record
    counts     (R,) int64       written: its fields
    status     (R,) uint8       written: GOOD; BINARY: a NUL byte in it; COUNT: not C fields;
                                UNCLOSED: a quote is open at the end of the file
    end        (3,) int64       written: number of records, where the next begins, line ends there
    """
    size = text.size
    n = newlines = 0
    at = begin
    while at < size:
        if text[at] == NEWLINE:
            at += 1
            newlines += 1
            continue
        if text[at] == RETURN and at + 1 < size and text[at + 1] == NEWLINE:
            at += 2
            newlines += 1
            continue
        wrong = GOOD
        column = inner = 0
        for slot in range(starts.shape[1]):
            starts[n, slot] = stops[n, slot] = at
        i = at
        whole = True
        while True:
            start = i
            odd = quoted = False
            if i < size and text[i] == QUOTE:
                i, found, odd, nul, closed = _quoted_end(text, i)
                inner += found
                if nul:
                    wrong = BINARY
                if not closed:
                    wrong = UNCLOSED
                    whole = final
                quoted = True
            stop, nul = _plain_end(text, i, delimiter)
            if nul:
                wrong = BINARY
            if stop == size and not final:
                whole = False
            if not whole:
                break
            after = stop
            last = stop == size or text[stop] == NEWLINE
            if last and stop > i and text[stop - 1] == RETURN:
                stop -= 1
            if column < slots.size and slots[column] >= 0:
                slot = slots[column]
                if quoted and wrong != UNCLOSED:
                    if odd or stop > i:
                        start = -start - 1  # there is something to leave out within it
                    else:
                        start += 1
                        stop -= 1
                starts[n, slot] = start
                stops[n, slot] = stop
            column += 1
            i = after + 1
            if last:
                break
        if not whole:
            break
        for slot in range(starts.shape[1]):
            if starts[n, slot] < 0:
                starts[n, slot] = -starts[n, slot] - 1
                stops[n, slot] = _unquote(text, starts[n, slot], stops[n, slot])
        lines[n] = newlines
        counts[n] = column
        status[n] = COUNT if wrong == GOOD and column != slots.size else wrong
        n += 1
        newlines += inner + (after < size)
        at = after + 1 if after < size else size
    end[0] = n
    end[1] = at
    end[2] = newlines
