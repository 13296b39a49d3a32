"""Tables of the normal forms for ``kernels.normal_form``, derived from the running Python's own
Unicode."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

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
PIECE = 256  # code points that are tried at a time
COMPOSED: tuple[Form | None, ...] = ("nfc", "nfkc")
# All but Han and Hangul: there are no marks among these, and what decomposes needs no pairs.
_FEW = [*range(0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x20000)]

_lock = ForkLock()
Tables = tuple[NDArray[np.uint16], NDArray[np.uint64]]


def normal_tables(reading: Reading) -> Tables:
    """(classes, pairs) of a NormalForm."""
    with _lock:  # else threads that begin together would each make them
        return _made(reading)


def are_made(reading: Reading) -> bool:
    """Whether ``normal_tables`` of this are there already."""
    return reading in _known


_known: set[Reading] = set()


@lru_cache(maxsize=8)
def _made(reading: Reading) -> Tables:
    classes = np.zeros(LIMIT, np.uint16)
    everything = np.arange(LIMIT, dtype=np.uint32)
    everything[0xD800:0xE000] = 0  # surrogates
    text = everything.tobytes().decode("utf-32-le")
    ranks = np.zeros(LIMIT, np.uint8)
    ranks[_FEW] = np.fromiter(map(unicodedata.combining, map(chr, _FEW)), np.uint8)
    classes |= ranks
    classes[ranks > 0] |= IS_MARK | JOINS
    first: list[int] = []
    second: list[int] = []
    if reading.form in COMPOSED:
        first, second, whole, rank = map(list, _pairs())
        classes[whole] |= np.array(rank, np.uint16)
        classes[VOWELS : VOWELS + VOWEL_COUNT] |= SECOND | JOINS
        classes[TAILS + 1 : TAILS + TAIL_COUNT] |= SECOND | JOINS
    if reading.lowercase:  # ``canonical_text.lowered``
        first.append(ord("i"))
        second.append(ord(DOT))
    classes[second] |= SECOND | JOINS
    pairs = (np.array(first, np.uint64) << np.uint64(PAIR_SHIFT)) | np.array(second, np.uint64)
    for c, becomes in _changed(text, reading):
        joins = not becomes or classes[ord(becomes[0])] & JOINS
        classes[c] |= CHANGES | (JOINS if joins else 0)
    _known.add(reading)
    return frozen(classes), frozen(np.unique(pairs))


def _changed(text: str, reading: Reading) -> list[tuple[int, str]]:
    """(code point, what it becomes) of all that do not stay."""
    found: list[tuple[int, str]] = []
    for first in range(0, LIMIT, PIECE):
        piece = text[first : first + PIECE]
        if reading.canonical(piece) != piece:
            parts = reading.canonical("\n".join(piece)).split("\n")
            if first == 0:  # the line feed itself
                parts[10:12] = ["\n"]
            pairs = zip(piece, parts, strict=True)
            found += [(first + i, part) for i, (c, part) in enumerate(pairs) if part != c]
    return found


@lru_cache(maxsize=1)
def _pairs() -> tuple[list[int], list[int], list[int], list[int]]:
    """(first, second, what they compose to, the class of the last mark of that) of primary
    composites, but for Hangul."""
    found: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])
    for c in _FEW:
        apart = unicodedata.decomposition(chr(c)).split()
        if (
            len(apart) == 2
            and apart[0][0] != "<"
            and unicodedata.normalize("NFC", chr(c)) == chr(c)
        ):
            last = unicodedata.normalize("NFD", chr(c))[-1]
            own = int(apart[0], 16), int(apart[1], 16), c, unicodedata.combining(last)
            for values, value in zip(found, own, strict=True):
                values.append(value)
    return found


def _stays(character: str) -> bool:
    return unicodedata.normalize("NFC", character) == character
