"""UTF-8 bytes to code points, their lower case and their kind, and back."""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel

# Kinds of code point; textmlr/features/unicode_tables.py fills the tables with them, and
# ``tokens`` says what they mean.  Those up to CHARACTER are never part of the token before them;
# those from WORD on are parts of words.
SPACE, SYMBOL, CHARACTER, EMOJI, FLAG = 0, 1, 2, 3, 4
MARK, JOINER, FORMAT, KEYCAP, TONE = 5, 6, 7, 8, 9
MID_LETTER, APOSTROPHE, QUOTE = 10, 11, 12
WORD, HEBREW, NUMBER = 13, 14, 15
REPLACEMENT = 0xFFFD
SELECTORS = 0xE0000  # tags and variation selectors, far from all other code points


class Text(NamedTuple):
    """Text, and the tables it is read with.

    utf8   (bytes,) uint8
    lower  (c,) uint32   lower case of each code point below c
    kind   (k,) uint8    their kinds, and those of k - c code points from SELECTORS on
    dropped (s,) uint64  hashes of tokens that are left out; (0,): none.  Else s is a power of two,
                         the slot of a hash is its remainder by s or the next that is free, 0 is a
                         free slot, and there is one at least
    """

    utf8: Any
    lower: Any
    kind: Any
    dropped: Any


@kernel
def _decode(text, i, stop):
    """Read one code point of more than one byte: (code point, bytes, invalid).

    Ill-formed input gives U+FFFD for each maximal subpart, as Python's decoder does
    (The Unicode Standard, section 3.9, "U+FFFD Substitution of Maximal Subparts").
    """
    b0 = np.int64(text[i])
    if b0 < 0xC2 or b0 > 0xF4:
        return REPLACEMENT, 1, 1
    if i + 1 >= stop:
        return REPLACEMENT, 1, 1
    b1 = np.int64(text[i + 1])
    low, high = 0x80, 0xBF
    if b0 == 0xE0:
        low = 0xA0  # no overlong forms
    elif b0 == 0xED:
        high = 0x9F  # no surrogates
    elif b0 == 0xF0:
        low = 0x90
    elif b0 == 0xF4:
        high = 0x8F  # nothing past U+10FFFF
    if b1 < low or b1 > high:
        return REPLACEMENT, 1, 1
    if b0 < 0xE0:
        return ((b0 & 0x1F) << 6) | (b1 & 0x3F), 2, 0
    if i + 2 >= stop or (text[i + 2] & 0xC0) != 0x80:
        return REPLACEMENT, 2, 1
    b2 = np.int64(text[i + 2])
    if b0 < 0xF0:
        return ((b0 & 0x0F) << 12) | ((b1 & 0x3F) << 6) | (b2 & 0x3F), 3, 0
    if i + 3 >= stop or (text[i + 3] & 0xC0) != 0x80:
        return REPLACEMENT, 3, 1
    b3 = np.int64(text[i + 3])
    code = ((b0 & 0x07) << 18) | ((b1 & 0x3F) << 12) | ((b2 & 0x3F) << 6) | (b3 & 0x3F)
    return code, 4, 0


@kernel
def _classify(code, lower, kind):
    """Lower case and kind of a code point; what the tables do not have is a SYMBOL."""
    if code < lower.size:
        return np.int64(lower[code]), np.int64(kind[code])
    at = code - SELECTORS + lower.size
    if code < SELECTORS or at >= kind.size:
        return code, SYMBOL
    return code, np.int64(kind[at])


@kernel
def _read(text, i, stop):
    """Read the code point at utf8[i]: (its lower case, its kind, its bytes, whether they are
    invalid)."""
    utf8, lower, kind, _ = text
    if utf8[i] < 0x80:
        return np.int64(lower[utf8[i]]), np.int64(kind[utf8[i]]), 1, 0
    code, step, invalid = _decode(utf8, i, stop)
    c, k = _classify(code, lower, kind)
    return c, k, step, invalid


@kernel
def _put(out, at, byte):
    """Write a byte if there is room; the position advances all the same, so that a call with
    too small a buffer returns how much room it needs."""
    if at < out.size:
        out[at] = byte
    return at + 1


@kernel
def _put_code(out, at, c):
    """Write a code point as UTF-8."""
    if c < 0x80:
        return _put(out, at, c)
    if c < 0x800:
        at = _put(out, at, 0xC0 | (c >> 6))
    else:
        if c < 0x10000:
            at = _put(out, at, 0xE0 | (c >> 12))
        else:
            at = _put(out, at, 0xF0 | (c >> 18))
            at = _put(out, at, 0x80 | ((c >> 12) & 0x3F))
        at = _put(out, at, 0x80 | ((c >> 6) & 0x3F))
    return _put(out, at, 0x80 | (c & 0x3F))


@kernel
def _put_lower(text, begin, end, out, at):
    """Write the lower case of a token, utf8[begin:end], as UTF-8."""
    i = begin
    while i < end:
        c, k, step, _ = _read(text, i, end)
        i += step
        if k != FORMAT:
            at = _put_code(out, at, c)
    return at
