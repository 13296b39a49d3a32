"""Tables of code points for the tokenizer, derived from the running Python's own Unicode.

``kind`` follows the property Word_Break of UAX #29 (Unicode 17), or ``\\w`` and ``\\s`` of
``re``; ``lower`` follows ``str.lower`` for one code point at a time.  A table cannot hold two cases
of ``str.lower``: here U+0130 (I with a dot), whose lower case is two code points, stays as it is,
and a capital sigma becomes U+03C3 even at the end of a word.

Most of Word_Break is in general categories.  The rest is listed here, where it departs from them:
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.locks import ForkLock
from textmlr.kernels import code_points as kinds
from textmlr.kernels.code_points import SELECTORS

# Past plane 3 Unicode has no letters, only tags, variation selectors and private use
# (a test asserts that for the running Python).
LIMIT = 0x40000
SELECTOR_COUNT = 0x200

PIECE = 64  # code points
Tables = tuple[NDArray[np.uint32], NDArray[np.uint8]]

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


# Letters by UAX #29 that are none by category: modifier symbols, Armenian and Hebrew punctuation
# inside words, circled and squared letters.
LETTERS = (
    *((0xB8, 0xB8), (0x2C2, 0x2C5), (0x2D2, 0x2D7), (0x2DE, 0x2DF), (0x2E5, 0x2EB), (0x2ED, 0x2ED)),
    *((0x2EF, 0x2FF), (0x55A, 0x55C), (0x55E, 0x55E), (0x58A, 0x58A), (0x5F3, 0x5F3)),
    *((0x70F, 0x70F), (0x24B6, 0x24E9), (0xA708, 0xA716), (0xA720, 0xA721), (0xA789, 0xA78A)),
    *((0xAB5B, 0xAB5B), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)),
)
# Digits by UAX #29 that are none by category: signs that stand before, or between, Arabic ones.
NUMBERS = (
    *((0x600, 0x605), (0x66B, 0x66B), (0x6DD, 0x6DD), (0x890, 0x891), (0x8E2, 0x8E2)),
    *((0x110BD, 0x110BD), (0x110CD, 0x110CD)),
)
HEBREW = ((0x5D0, 0x5EA), (0x5EF, 0x5F2), (0xFB1D, 0xFB4F))  # its letters are those of category L
# Marks that are none by category: halfwidth sound marks, skin tones of emoji, tags.
MARKS = ((0xFF9E, 0xFF9F), (0x1F3FB, 0x1F3FF), (0xE0020, 0xE007F))
# Blocks that hold all of Extended_Pictographic, and other symbols, which nothing joins in practice.
EMOJI = (
    *((0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122)),
    *((0x2139, 0x2139), (0x2190, 0x21FF), (0x2300, 0x23FF), (0x25A0, 0x2775)),
    *((0x2794, 0x27BF), (0x2900, 0x297F), (0x2B00, 0x2BFF), (0x3030, 0x3030), (0x303D, 0x303D)),
    *((0x3297, 0x3297), (0x3299, 0x3299), (0x1F000, 0x1F0FF), (0x1F10D, 0x1F10F)),
    *((0x1F12F, 0x1F12F), (0x1F16C, 0x1F171), (0x1F17E, 0x1F17F), (0x1F18E, 0x1F18E)),
    *((0x1F191, 0x1F1E5), (0x1F200, 0x1F3FA), (0x1F400, 0x1FAFF), (0x1FC00, 0x1FFFD)),
)
FLAGS = ((0x1F1E6, 0x1F1FF),)  # Regional_Indicator: two are a flag
# Punctuation inside words: MidLetter, but for the colon; and in Hebrew the apostrophe (geresh) and
# the quotation mark (gershayim).  The others of UAX #29 (don't, 3.14, 1,000, example.com, a:b) were
# measured, and make models no better: such words are rare, and their parts say as much.
MID_LETTER, APOSTROPHE, QUOTE = "\u00b7\u0387\u055f\u05f4\u2027", "'", '"'
ZERO_WIDTH_SPACE, JOINERS, KEYCAP = 0x200B, (0x200C, 0x200D), 0x20E3

# Kind by general category; for what is not here SYMBOL.
BY_CATEGORY = {
    **dict.fromkeys(("Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "No"), kinds.WORD),
    **dict.fromkeys(("Mn", "Mc", "Me"), kinds.MARK),
    **dict.fromkeys(("Zs", "Zl", "Zp"), kinds.SPACE),
    "Nd": kinds.NUMBER,
    "Pc": kinds.NUMBER,  # like a digit it is part of a word, but no letter
    "Cf": kinds.FORMAT,
}
OF_RUNS = {  # of \\w
    **BY_CATEGORY,
    **dict.fromkeys(("Mn", "Mc", "Me"), kinds.TONE),
    **dict.fromkeys(("Pc", "Cf"), kinds.SYMBOL),
}
SPACES = (*range(0x09, 0x0E), *range(0x1C, 0x20), 0x85)  # of category Cc

_lock = ForkLock()


def tables(options: FeaturizerOptions, ascii_only: bool) -> Tables:
    """(lower, kind) as ``kernels.code_points.Text`` has them: of code points below LIMIT and from
    SELECTORS on, or below 128 if ascii_only.

    lower  the code point itself unless lowercase
    kind   CHARACTER only with split_scripts
    """
    with _lock:  # else threads that begin together would each make them
        lower = _lower(options.lowercase, ascii_only)
        return lower, _kinds(options.split_scripts, options.token_pattern is not None, ascii_only)


def frozen_tables(options: FeaturizerOptions, ascii_only: bool) -> Tables:
    """``tables`` of a featurizer's options, as kernels take them.

    In a normal form more is in lower case: see ``canonical_text.small``.
    """
    lower, kind = tables(options, ascii_only)
    if options.lowercase and options.normalize is not None and not ascii_only:
        lower = _smaller()
    return frozen(lower), frozen(kind)


@lru_cache(maxsize=1)
def _smaller() -> NDArray[np.uint32]:
    lower = _lower(True, False).copy()
    lower[0x130], lower[ord("ς")] = ord("i"), ord("σ")
    return lower


@lru_cache(maxsize=4)
def _lower(lowercase: bool, ascii_only: bool) -> NDArray[np.uint32]:
    own = np.arange(128 if ascii_only else LIMIT, dtype=np.uint32)
    if not lowercase:
        return own
    # str.lower is one to one, and free of context, without these two.
    plain = _text(own).replace("\u0130", "\0").replace("\u03a3", "\u03c3")
    lowered = plain.lower().encode("utf-32-le", "surrogatepass")
    lower = np.frombuffer(lowered, np.uint32).copy()
    if not ascii_only:
        lower[0x130] = 0x130
    return lower


@lru_cache(maxsize=4)
def _kinds(split_scripts: bool, runs: bool, ascii_only: bool) -> NDArray[np.uint8]:
    """The kind of each code point, with runs by ``\\w``."""
    near = np.arange(128 if ascii_only else LIMIT, dtype=np.uint32)
    far = np.arange(SELECTORS, SELECTORS + (0 if ascii_only else SELECTOR_COUNT), dtype=np.uint32)
    kind = _by_category(_text(np.concatenate([near, far])), OF_RUNS if runs else BY_CATEGORY)
    if split_scripts and not ascii_only:
        for first, last in SPACELESS:
            block = kind[first : last + 1]
            block[block == kinds.WORD] = kinds.CHARACTER
    kind[[code for code in SPACES if code < len(kind)]] = kinds.SPACE
    if runs:
        kind[kind == kinds.NUMBER] = kinds.WORD
        kind[ord("_")] = kinds.WORD
        return kind
    if not ascii_only:
        _depart(kind)
    kind[ord(APOSTROPHE)], kind[ord(QUOTE)] = kinds.APOSTROPHE, kinds.QUOTE
    return kind


def _depart(kind: NDArray[np.uint8]) -> None:
    """Write the kinds that are not those of general categories."""
    for ranges, own in (
        (LETTERS, kinds.WORD),
        (NUMBERS, kinds.NUMBER),
        (EMOJI, kinds.EMOJI),
        (FLAGS, kinds.FLAG),
        (MARKS, kinds.MARK),
    ):
        for first, last in ranges:
            at = first if first < LIMIT else first - SELECTORS + LIMIT
            kind[at : at + last - first + 1] = own
    for first, last in HEBREW:
        block = kind[first : last + 1]
        block[block == kinds.WORD] = kinds.HEBREW
    kind[[ord(sign) for sign in MID_LETTER]] = kinds.MID_LETTER
    kind[ZERO_WIDTH_SPACE] = kinds.SPACE
    kind[list(JOINERS)] = kinds.JOINER
    kind[KEYCAP] = kinds.KEYCAP


def _by_category(text: str, kind_of: dict[str, int]) -> NDArray[np.uint8]:
    """The kind of each character of text by its general category."""
    kind = np.full(len(text), kinds.SYMBOL, np.uint8)
    mixed = []
    for first in range(0, len(text), PIECE):
        piece = text[first : first + PIECE]
        if piece.isalpha():
            kind[first : first + PIECE] = kind_of["Lo"]
        # Most code points are no characters; a piece of these is all escapes.
        elif first >= LIMIT or len(repr(piece)) < PIECE * (6 if first < 0x10000 else 10):
            mixed.append(first)
    categories = [map(unicodedata.category, text[first : first + PIECE]) for first in mixed]
    codes = np.frombuffer("".join(chain(*categories)).encode(), np.uint16)
    known = np.full(1 << 16, kinds.SYMBOL, np.uint8)
    for category, own in kind_of.items():
        known[np.frombuffer(category.encode(), np.uint16)] = own
    kind[(np.array(mixed)[:, None] + np.arange(PIECE)).reshape(-1)] = known[codes]
    return kind


def _text(own: NDArray[np.uint32]) -> str:
    return own.tobytes().decode("utf-32-le", "surrogatepass")
