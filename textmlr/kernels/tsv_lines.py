"""Bytes of a TSV file to lines, fields and label codes.

A file is seen twice: as bytes (``text``) and, for searching eight at a time, as ``words``, the
same memory viewed as uint64 (its last, incomplete word left out).
"""

import numpy as np

from textmlr.kernels.hashing import FNV_OFFSET, _fnv
from textmlr.kernels.jit import kernel

TAB, NEWLINE, RETURN, SPACE = 9, 10, 13, 32

# Faults of a line.
GOOD, BINARY, BLANK, NO_TAB, NO_LABEL, NO_SECOND_TAB, BAD_WEIGHT, BAD_LABEL = range(8)

ONES = np.uint64(0x0101010101010101)
HIGHS = np.uint64(0x8080808080808080)
U32 = np.uint64(32)


@kernel
def find(text, words, byte, start, stop):
    """Return the first place of byte in text[start:stop], stop if it is not there.

    text (bytes,) uint8, words (bytes // 8,) uint64 on the same memory
    A word with a byte 0 is recognised by (w - 0x01...) & ~w & 0x80... != 0
    (Warren, Hacker's Delight, 2nd ed., 6-1).
    """
    i = start
    while i < stop and i & 7:
        if text[i] == byte:
            return i
        i += 1
    if i == stop:
        return stop
    pattern = np.uint64(byte) * ONES
    word = i >> 3
    last = stop >> 3
    while word < last:
        w = words[word] ^ pattern
        if (w - ONES) & ~w & HIGHS != np.uint64(0):
            break
        word += 1
    i = word << 3
    while i < stop:
        if text[i] == byte:
            return i
        i += 1
    return stop


@kernel
def count(text, byte, start):
    """Return how often byte occurs in text[start:];  text (bytes,) uint8."""
    total = 0
    for i in range(start, text.size):
        total += text[i] == byte
    return total


@kernel
def split(text, words, first, starts, stops):
    r"""Write the span of each line of text[first:], without its \n and one \r before that.

    text, words  as in find
    starts, stops (n,) int64   written; n is the number of lines, the last with or without \n
    """
    at = first
    for line in range(starts.size):
        stop = find(text, words, NEWLINE, at, text.size)
        starts[line] = at
        stops[line] = stop - 1 if stop > at and text[stop - 1] == RETURN else stop
        at = stop + 1


@kernel
def _strip(text, start, stop):
    """The span without the ASCII whitespace around it, as bytes.strip() has it."""
    while start < stop and (text[start] == SPACE or TAB <= text[start] <= RETURN):
        start += 1
    while start < stop and (text[stop - 1] == SPACE or TAB <= text[stop - 1] <= RETURN):
        stop -= 1
    return start, stop


@kernel
def check(text, words, starts, stops, weighted, tabs, lasts, status):
    """Find the tabs of each line, and its fault.

    text, words    as in find
    starts, stops  (n,) int64   spans of lines
    weighted       bool         label<TAB>weight<TAB>text, not label<TAB>text
    tabs   (n,) int64   written: place of the first tab, the stop if there is none
    lasts  (n,) int64   written: place of the tab before the text; may be the array tabs itself
                        if not weighted
    status (n,) uint8   written: GOOD, BINARY, BLANK, NO_TAB, NO_LABEL or NO_SECOND_TAB
    """
    for line in range(starts.size):
        start = starts[line]
        stop = stops[line]
        tab = find(text, words, TAB, start, stop)
        last = tab
        if weighted and tab < stop:
            last = find(text, words, TAB, tab + 1, stop)
        tabs[line] = tab
        lasts[line] = last
        name, name_stop = _strip(text, start, tab)
        if find(text, words, 0, start, stop) < stop:
            status[line] = BINARY
        elif tab == stop:
            status[line] = BLANK if name == name_stop else NO_TAB
        elif name == name_stop:
            status[line] = NO_LABEL
        elif last == stop:
            status[line] = NO_SECOND_TAB
        else:
            status[line] = GOOD


@kernel
def intern(text, starts, tabs, status, slots, label_starts, label_stops, codes):
    """Number the distinct labels of good lines in order of first occurrence; return how many.

    Equal means equal bytes after stripping.  Open addressing, linear probing (Knuth, TAOCP 3,
    6.4, algorithm L) under FNV-1a (Fowler, Noll and Vo) with its halves folded together.

    text          (bytes,) uint8
    starts, tabs  (n,) int64   the label of line i is text[starts[i]:tabs[i]], stripped
    status        (n,) uint8   lines other than GOOD have no label
    slots         (s,) int32   all 0 on entry; s a power of two > 2n; code + 1 of a used slot
    label_starts, label_stops  (n,) int64   the first written: span of each label
    codes         (n,) int32   written: the code of each line, -1 where status is not GOOD
    """
    mask = np.int64(slots.size - 1)
    found = 0
    for line in range(starts.size):
        if status[line] != GOOD:
            codes[line] = -1
            continue
        start, stop = _strip(text, starts[line], tabs[line])
        h = FNV_OFFSET
        for i in range(start, stop):
            h = _fnv(h, np.uint64(text[i]))
        slot = np.int64((h ^ (h >> U32)) & np.uint64(mask))
        while True:
            code = slots[slot] - 1
            if code < 0:
                slots[slot] = found + 1
                label_starts[found] = start
                label_stops[found] = stop
                codes[line] = found
                found += 1
                break
            first = label_starts[code]
            same = label_stops[code] - first == stop - start
            i = 0
            while same and i < stop - start:
                same = text[first + i] == text[start + i]
                i += 1
            if same:
                codes[line] = code
                break
            slot = (slot + 1) & mask
    return found
