"""Which documents a normal form changes: Unicode's quick check, made exact by the composing pairs.

A character that is in the form by itself may still compose with the starter before it, or stand
after a mark of a higher class.  Text without either is in the form.
Source: Unicode Standard Annex #15, sections 1.2 and 9; The Unicode Standard, section 3.11, D117.
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.code_points import _decode
from textmlr.kernels.jit import kernel

# Of a code point: its combining class, or a starter's: that of the last of its decomposition.
CLASS = 0xFF
CHANGES = 1 << 8  # it is another character in the form
IS_MARK = 1 << 9  # its class is not 0
SECOND = 1 << 10  # some character before it composes with it
JOINS = 1 << 11  # it, or the first of what it becomes, is a mark or second
MATTERS = CHANGES | IS_MARK | SECOND
PAGE, PAGES = 64, 1024  # code points; pages of those below 0x10000
PAIR_SHIFT = 21  # bits of a code point
# Bytes that are in no UTF-8: between documents, and for a piece of invalid UTF-8.
SEPARATOR, INVALID = 0xFE, 0xFF
# Hangul: The Unicode Standard, section 3.12.
SYLLABLES, LEADS, VOWELS, TAILS = 0xAC00, 0x1100, 0x1161, 0x11A7
LEAD_COUNT, VOWEL_COUNT, TAIL_COUNT = 19, 21, 28
SYLLABLE_COUNT = LEAD_COUNT * VOWEL_COUNT * TAIL_COUNT


class NormalForm(NamedTuple):
    """A normal form.

    lower    (c,) uint32   the character that each code point is read as
    classes  (d,) uint16   CLASS, CHANGES, IS_MARK, SECOND and JOINS of those; past its end: none
    pairs    (p,) uint64   first << PAIR_SHIFT | second of those that compose, ascending, but for
                           Hangul
    pages    (PAGES,) uint8   of each PAGE code points: 0 where none is read as one that MATTERS,
                              which the first two bytes of a character are enough to see
    """

    lower: Any
    classes: Any
    pairs: Any
    pages: Any


@kernel
def _composes(first, second, pairs):
    """Whether two characters compose."""
    if LEADS <= first < LEADS + LEAD_COUNT:
        return VOWELS <= second < VOWELS + VOWEL_COUNT
    if SYLLABLES <= first < SYLLABLES + SYLLABLE_COUNT:
        open_syllable = (first - SYLLABLES) % TAIL_COUNT == 0
        return open_syllable and TAILS < second < TAILS + TAIL_COUNT
    key = np.uint64((first << PAIR_SHIFT) | second)
    at = np.searchsorted(pairs, key)
    return at < pairs.size and pairs[at] == key


@kernel
def _plain(utf8, i, stop, pages):
    """Bytes of the character at utf8[i], of more than one, if its page is plain; else 0."""
    b0 = np.int64(utf8[i])
    if b0 < 0xC2 or b0 >= 0xF0 or i + 2 > stop or utf8[i + 1] & 0xC0 != 0x80:
        return 0
    if b0 < 0xE0:
        return 0 if pages[b0 & 0x1F] else 2
    if i + 3 > stop or utf8[i + 2] & 0xC0 != 0x80:
        return 0
    return 0 if pages[((b0 & 0x0F) << 6) | (np.int64(utf8[i + 1]) & 0x3F)] else 3


@kernel
def _class_of(utf8, i, stop, form):
    """(the character at utf8[i] as it is read, what is known of it, its bytes)."""
    code, step, _ = np.int64(utf8[i]), 1, 0
    if code >= 0x80:
        code, step, _ = _decode(utf8, i, stop)
    if code < form.lower.size:
        code = np.int64(form.lower[code])
    return code, np.int64(form.classes[code]) if code < form.classes.size else 0, step


@kernel
def _meets(utf8, starter, stop, code, rank, form):
    """Whether a second character composes with the starter before it, or may."""
    first, kind, _ = _class_of(utf8, starter, stop, form)
    return 0 < rank < kind & CLASS or _composes(first, code, form.pairs)


@kernel
def _changes(utf8, i, stop, form):
    """Whether utf8[i:stop] is another text in the form.

    Said of some that are not: where a mark that composes with some letter stands behind a letter
    with a mark of a higher class.
    """
    starter, before = -1, 0  # where the last one begins; the class of the mark behind it
    while i < stop:
        if utf8[i] < 0x80:
            while i + 8 <= stop and utf8[i + 1] < 0x80:
                some = utf8[i] | utf8[i + 2] | utf8[i + 3]
                more = utf8[i + 4] | utf8[i + 5] | utf8[i + 6] | utf8[i + 7]
                if (some | more) >= 0x80:
                    break
                i += 8
            while i < stop and utf8[i] < 0x80:
                i += 1
            starter, before = i - 1, 0
            continue
        step = _plain(utf8, i, stop, form.pages)
        if step:
            starter, before = i, 0
            i += step
            continue
        code, kind, step = _class_of(utf8, i, stop, form)
        if kind & CHANGES:
            return True
        rank = kind & CLASS if kind & IS_MARK else 0
        if before > rank > 0:
            return True
        # Nothing stands between that keeps them apart.
        near = before == 0 or before < rank
        meets = kind & SECOND and near and starter >= 0
        if meets and _meets(utf8, starter, stop, code, rank, form):
            return True
        before = rank
        if rank == 0:
            starter = i
        i += step
    return False


@kernel
def changes(utf8, starts, stops, form, out):
    """Write whether the form changes each document; return how many it does.

    utf8          (bytes,) uint8
    starts, stops (n,) int64     the documents, utf8[starts[i]:stops[i]]
    form          NormalForm
    out           (n,) uint8     overwritten: 1 for those that it changes
    """
    count = 0
    for i in range(starts.size):
        out[i] = _changes(utf8, starts[i], stops[i], form)
        count += out[i]
    return count


@kernel
def next_begin(utf8, at, classes):
    """The first byte from ``at`` on that begins a character that has nothing to do with those
    before it, or the text's end.

    utf8     (bytes,) uint8    at least four bytes lie before ``at``
    classes  (d,) uint16       see NormalForm
    """
    while at < utf8.size:
        inside = 0  # bytes that may belong to a character that begins before
        while inside < 3 and at + inside < utf8.size and utf8[at + inside] & 0xC0 == 0x80:
            inside += 1
        at += inside
        if at == utf8.size or utf8[at] < 0x80:
            break
        code, step, _ = _decode(utf8, at, utf8.size)
        if code >= classes.size or classes[code] & JOINS == 0:
            break
        at += step
    return at


@kernel
def take_apart(utf8, starts, stops, chosen, out):
    """Write the chosen documents, a SEPARATOR behind each.

    utf8          (bytes,) uint8, of which SEPARATOR becomes INVALID
    starts, stops (n,) int64   documents of it
    chosen        (n,) uint8   not 0: chosen
    out           (bytes of the chosen + their number,) uint8   overwritten
    """
    at = 0
    for i in range(starts.size):
        if chosen[i]:
            for j in range(starts[i], stops[i]):
                out[at] = utf8[j] if utf8[j] != SEPARATOR else INVALID
                at += 1
            out[at] = SEPARATOR
            at += 1


@kernel
def put_together(utf8, starts, stops, chosen, made, out, ends):
    """Write documents one after the other, those that are not chosen from utf8, the others from
    ``made``, where each has a SEPARATOR behind it.

    utf8          (bytes,) uint8
    starts, stops (n,) int64   documents of it
    chosen        (n,) uint8
    made          (more bytes,) uint8
    out           (bytes of all,) uint8   overwritten
    ends          (n,) int64              overwritten: where each ends in it
    """
    at = own = 0
    for i in range(starts.size):
        if chosen[i]:
            while made[own] != SEPARATOR:
                out[at] = made[own]
                at += 1
                own += 1
            own += 1
        else:
            size = stops[i] - starts[i]
            out[at : at + size] = utf8[starts[i] : stops[i]]
            at += size
        ends[i] = at
