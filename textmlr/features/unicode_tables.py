"""Tables of code points for the tokenizer, derived from the running Python's own Unicode.

``kind`` follows ``\\w`` and ``\\s`` of ``re``, ``lower`` follows ``str.lower`` for one code point
at a time.  A table cannot hold two cases of ``str.lower``: here U+0130 (I with a dot), whose lower
case is two code points, stays as it is, and a capital sigma becomes U+03C3 even at the end of a
word.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.locks import ForkLock
from textmlr.kernels.code_points import CHARACTER, MARK, SPACE, SYMBOL, WORD

# Past plane 3 Unicode has no letters, only tags, variation selectors and private use
# (a test asserts that for the running Python).
LIMIT = 0x40000

PIECE = 64  # code points
Tables = tuple[NDArray[np.uint32], NDArray[np.uint8], NDArray[np.uint64]]
NONE_DROPPED = np.zeros(0, np.uint64)

# Scripts written without spaces between words: those that Unicode's line breaking (UAX #14)
# classes SA (South East Asian) or ID (ideographs, Kana), by block.
SPACELESS = (
    (0x0E00, 0x0E7F),  # Thai
    (0x0E80, 0x0EFF),  # Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x3005, 0x3007),  # ideographic iteration mark, zero
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3031, 0x3035),  # Kana repeat marks
    (0x3038, 0x303C),  # Hangzhou numerals, masu mark
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3100, 0x312F),  # Bopomofo
    (0x31A0, 0x31BF),  # Bopomofo extended
    (0x31F0, 0x31FF),  # Katakana phonetic extensions
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAADF),  # Myanmar extended A, Tai Viet
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF66, 0xFF9F),  # halfwidth Katakana
    (0x11700, 0x1174F),  # Ahom
    (0x16FE0, 0x16FFF),  # iteration marks of Tangut, Nushu and Han
    (0x17000, 0x18D8F),  # Tangut, Khitan
    (0x1AFF0, 0x1B2FF),  # Kana supplements, Nushu
    (0x20000, 0x3FFFF),  # Han, planes 2 and 3
)


_lock = ForkLock()


def tables(
    lowercase: bool, split_scripts: bool, ascii_only: bool
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """(lower, kind) for code points below LIMIT, or below 128 if ascii_only.

    lower  (c,) uint32  the code point itself unless lowercase
    kind   (c,) uint8   SPACE, WORD, SYMBOL, CHARACTER (only with split_scripts) or MARK
    """
    with _lock:  # else threads that begin together would each make them
        return _tables(lowercase, split_scripts, ascii_only)


def frozen_tables(options: FeaturizerOptions, ascii_only: bool) -> Tables:
    """``tables`` of a featurizer's options and the hashes of tokens that it leaves out, as kernels
    take them: all of ``kernels.code_points.Text`` but the text.

    In a normal form more is in lower case: see ``canonical_text.small``.
    """
    lower, kind = tables(options.lowercase, options.split_scripts, ascii_only)
    if options.lowercase and options.normalize is not None and not ascii_only:
        lower = _smaller(options.split_scripts)
    return frozen(lower), frozen(kind), frozen(NONE_DROPPED)


@lru_cache(maxsize=1)
def _smaller(split_scripts: bool) -> NDArray[np.uint32]:
    lower = tables(True, split_scripts, False)[0].copy()
    lower[0x130], lower[ord("ς")] = ord("i"), ord("σ")
    return lower


@lru_cache(maxsize=4)
def _tables(
    lowercase: bool, split_scripts: bool, ascii_only: bool
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    limit = 128 if ascii_only else LIMIT
    code_points = np.arange(limit, dtype=np.uint32)
    everything = code_points.tobytes().decode("utf-32-le", "surrogatepass")
    kind = np.full(limit, SYMBOL, np.uint8)
    for match in re.finditer(r"\w+", everything):
        kind[match.start() : match.end()] = WORD
    for match in re.finditer(r"\s+", everything):
        kind[match.start() : match.end()] = SPACE
    if split_scripts and not ascii_only:
        is_digit = np.zeros(limit, bool)
        for match in re.finditer(r"\d+", everything):
            is_digit[match.start() : match.end()] = True
        for first, last in SPACELESS:
            block = kind[first : last + 1]
            block[(block == WORD) & ~is_digit[first : last + 1]] = CHARACTER
        kind[_marks(everything, kind)] = MARK
    lower = code_points
    if lowercase:
        # str.lower is one to one, and free of context, without these two.
        plain = everything.replace("\u0130", "\0").replace("\u03a3", "\u03c3")
        lowered = plain.lower().encode("utf-32-le", "surrogatepass")
        lower = np.frombuffer(lowered, np.uint32).copy()
        if not ascii_only:
            lower[0x130] = 0x130
    return lower, kind


def _marks(everything: str, kind: NDArray[np.uint8]) -> list[int]:
    """Code points of category M among the SYMBOLs below 0x20000; marks beyond are all variation
    selectors."""
    marks = []
    for first in range(0, 0x20000, PIECE):
        piece = everything[first : first + PIECE]
        # Most symbols are code points without a character; a piece of these is all escapes.
        if len(repr(piece)) < PIECE * len(f"\\u{first:04x}" if first < 0x10000 else "\\U00010000"):
            symbols = np.flatnonzero(kind[first : first + PIECE] == SYMBOL).tolist()
            marks += [first + c for c in symbols if unicodedata.category(piece[c])[0] == "M"]
    return marks
