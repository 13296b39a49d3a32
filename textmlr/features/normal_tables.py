"""Tables of the normal forms for ``kernels.normal_form``, derived from the running Python's own
Unicode."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.featurizer_options import Form
from textmlr.base.locks import ForkLock
from textmlr.features.canonical_text import DOT, Reading
from textmlr.kernels.normal_form import (
    CHANGES,
    IS_MARK,
    JOINS,
    PAIR_SHIFT,
    SECOND,
    TAIL_COUNT,
    TAILS,
    VOWEL_COUNT,
    VOWELS,
)

# Past plane 2 no character has a class, a decomposition or a lower case (a test asserts that).
LIMIT = 0x30000
PIECE = 1 << 8  # code points that are tried at a time
COMPOSED: tuple[Form | None, ...] = ("nfc", "nfkc")
# Parts without combining classes, nor characters that compose from two: Han and Hangul.
_PLAIN = (range(0x3400, 0xA000), range(0xAC00, 0xF900), range(0x20000, LIMIT))

_lock = ForkLock()
NormalTables = tuple[NDArray[np.uint16], NDArray[np.uint64]]
_made: dict[Reading, NormalTables] = {}


def normal_tables(reading: Reading) -> NormalTables:
    """(classes, pairs) of a NormalForm, made once."""
    with _lock:  # else threads that begin together would each make them
        if reading not in _made:
            _made[reading] = _make(reading)
        return _made[reading]


def are_made(reading: Reading) -> bool:
    """Whether ``normal_tables`` of this are there already."""
    return reading in _made


def _make(reading: Reading) -> NormalTables:
    classes = np.zeros(LIMIT, np.uint16)
    everything = np.arange(LIMIT, dtype=np.uint32)
    everything[0xD800:0xE000] = 0  # surrogates
    text = everything.tobytes().decode("utf-32-le")
    for start, piece in _pieces(text):
        ranks = np.fromiter(map(unicodedata.combining, piece), np.uint16, len(piece))
        ranks[ranks > 0] |= IS_MARK | JOINS
        classes[start : start + len(piece)] |= ranks
    first: list[int] = []
    second: list[int] = []
    if reading.form in COMPOSED:
        first, second, whole, rank = map(list, _pairs(text))
        classes[whole] |= np.array(rank, np.uint16)
        classes[VOWELS : VOWELS + VOWEL_COUNT] |= SECOND | JOINS
        classes[TAILS + 1 : TAILS + TAIL_COUNT] |= SECOND | JOINS
    if reading.lowercase:  # ``canonical_text.lowered``
        first.append(ord("i"))
        second.append(ord(DOT))
    classes[second] |= SECOND | JOINS
    pairs = (np.array(first, np.uint64) << np.uint64(PAIR_SHIFT)) | np.array(second, np.uint64)
    codes, firsts = _changed(text, reading)
    joins = (firsts < 0) | (classes[firsts] & JOINS > 0)
    classes[codes] |= np.where(joins, CHANGES | JOINS, CHANGES).astype(np.uint16)
    return frozen(classes), frozen(np.unique(pairs))


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """(first code point, characters) of pieces of all that is not plain."""
    for first in range(0, LIMIT, PIECE):
        if not any(first in part for part in _PLAIN):
            yield first, text[first : first + PIECE]


def _changed(text: str, reading: Reading) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(code points that do not stay, the first of what each becomes, −1 for none)."""
    codes: list[int] = []
    firsts: list[int] = []
    for first in range(0, LIMIT, PIECE):
        piece = text[first : first + PIECE]
        if reading.canonical(piece) != piece:
            parts = reading.canonical("\n".join(piece)).split("\n")
            if first == 0:  # the line feed itself
                parts[10:12] = ["\n"]
            pairs = zip(piece, parts, strict=True)
            own = [(i, part) for i, (c, part) in enumerate(pairs, first) if part != c]
            codes += [i for i, _ in own]
            firsts += [ord(part[0]) if part else -1 for _, part in own]
    return np.array(codes, np.int64), np.array(firsts, np.int64)


def _pairs(text: str) -> tuple[list[int], list[int], list[int], list[int]]:
    """(first, second, what they compose to, the class of the last mark of that) of primary
    composites, but for Hangul."""
    found: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])
    for _, piece in _pieces(text):
        if unicodedata.normalize("NFD", piece) == piece:
            continue
        for c in piece:
            apart = unicodedata.decomposition(c).split()
            if len(apart) == 2 and apart[0][0] != "<" and unicodedata.normalize("NFC", c) == c:
                last = unicodedata.combining(unicodedata.normalize("NFD", c)[-1])
                own = int(apart[0], 16), int(apart[1], 16), ord(c), last
                for values, value in zip(found, own, strict=True):
                    values.append(value)
    return found
