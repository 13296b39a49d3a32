"""The dense, obviously right version of every kernel: plain, short and slow.

Tests hold the kernels against these; nothing here is shared with them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from textmlr import FeaturizerOptions

# --- text

Document = str | bytes
Row = dict[str, float]

# Names (beginnings of) of the letters of scripts written without spaces between words.
SPACELESS = (
    "AHOM ",
    "BOPOMOFO ",
    "CJK COMPATIBILITY IDEOGRAPH",
    "CJK UNIFIED IDEOGRAPH",
    "HALFWIDTH KATAK",
    "HANGZHOU NUMERAL",
    "HENTAIGANA ",
    "HIRAGANA ",
    "IDEOGRAPHIC CLOSING",
    "IDEOGRAPHIC ITERATION",
    "IDEOGRAPHIC NUMBER ZERO",
    "KATAKANA",
    "KHITAN ",
    "KHMER ",
    "LAO ",
    "MASU MARK",
    "MYANMAR ",
    "NEW TAI LUE ",
    "NUSHU ",
    "OLD CHINESE ITERATION",
    "TAI LE ",
    "TAI THAM ",
    "TAI VIET ",
    "TANGUT ",
    "THAI ",
    "TIBETAN ",
    "VERTICAL IDEOGRAPHIC ITERATION",
    "VERTICAL KANA REPEAT",
)


def is_spaceless(character: str) -> bool:
    """A letter (not a decimal digit) of a script written without spaces."""
    if not re.match(r"\w", character) or character.isdecimal():
        return False
    # Older Pythons have no names for Tangut ideographs.
    tangut = "\U00017000" <= character <= "\U000187ff" or "\U00018d00" <= character <= "\U00018d7f"
    return tangut or unicodedata.name(character, "").startswith(SPACELESS)


def is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def character_class(wanted: Callable[[str], bool]) -> str:
    """All wanted code points, as the inside of a regular expression's [...]."""
    everything = "".join(c if wanted(c) else "\n" for c in map(chr, range(0x110000)))
    runs = re.findall(r"[^\n]+", everything)
    return "".join(f"{run[0]}-{run[-1]}" for run in runs)


# What code points are to UAX #29, a letter each: L letter, H letter of Hebrew, N digit,
# E connector, F format character, X mark, K mark of a keycap, Z joiner of emoji, J joiner of
# letters, P emoji, R half of a flag, C character of a script without spaces, S space, O other
# symbol.  Punctuation that may be inside a word: : between letters, ' after one of Hebrew, "
# between two of Hebrew.
BY_CATEGORY = {"L": "L", "Nl": "L", "No": "L", "Nd": "N", "Pc": "E", "M": "X", "Cf": "F", "Z": "S"}
# By themselves, and by ranges of code points.
SINGLE = {
    **dict.fromkeys("··՟״‧", ":"),
    **{c: c for c in "'\""},
    **dict.fromkeys("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u200b", "S"),
    "\u200c": "J",
    "\u200d": "Z",
    "\u20e3": "K",
}
RANGES = {
    "X": "FF9E-FF9F 1F3FB-1F3FF E0020-E007F",
    "R": "1F1E6-1F1FF",
    "P": "A9 AE 203C 2049 2122 2139 2190-21FF 2300-23FF 25A0-2775 2794-27BF 2900-297F "
    "2B00-2BFF 3030 303D 3297 3299 1F000-1F0FF 1F10D-1F10F 1F12F 1F16C-1F171 1F17E-1F17F 1F18E "
    "1F191-1F1E5 1F200-1F3FA 1F400-1FAFF 1FC00-1FFFD",
    "N": "600-605 66B 6DD 890-891 8E2 110BD 110CD",
    "L": "B8 2C2-2C5 2D2-2D7 2DE-2DF 2E5-2EB 2ED 2EF-2FF 55A-55C 55E 58A 5F3 70F 24B6-24E9 "
    "A708-A716 A720-A721 A789-A78A AB5B 1F130-1F149 1F150-1F169 1F170-1F189",
}
MARKS = "[XKZJF]*"


@cache
def word_break(c: str, split_scripts: bool) -> str:
    """The letter of a code point."""
    if c in SINGLE:
        return SINGLE[c]
    for letter, ranges in RANGES.items():
        for part in ranges.split():
            low, _, high = part.partition("-")
            if int(low, 16) <= ord(c) <= int(high or low, 16):
                return letter
    if split_scripts and is_spaceless(c):
        return "C"
    category = unicodedata.category(c)
    found = BY_CATEGORY.get(category) or BY_CATEGORY.get(category[0], "O")
    return "H" if found == "L" and unicodedata.name(c, "").startswith("HEBREW") else found


@cache
def unicode_pattern() -> re.Pattern[str]:
    """What a token is in the letters of its code points, D being the digit of a keycap."""
    m = MARKS
    letter = f"L{m}(?::{m}(?=[LH]))?"
    hebrew = f"H{m}(?:\"{m}(?=H)|[:']{m}(?=[LH]))?"
    part = f"(?:{letter}|{hebrew}|[NE]{m})"
    joined = f"(?:(?<=Z)P{m})*"
    return re.compile(
        f"(?P<word>{part}*H{m}'{m}(?![LHXKZJF])|{part}+)|(?P<character>C{m})"
        f"|(?P<symbol>(?:R{m}R{m}|DX?K{m}|[OPXK:'\"]{m}){joined}|R{m})"
    )


@cache
def runs_pattern(split_scripts: bool) -> re.Pattern[str]:
    r"""Tokens by runs of \w."""
    if not split_scripts:
        return re.compile(r"(?P<word>\w+)|(?P<symbol>[^\w\s])")
    spaceless, marks = character_class(is_spaceless), character_class(is_mark)
    return re.compile(
        rf"(?P<character>[{spaceless}][{marks}]*)|(?P<word>[^\W{spaceless}]+)|(?P<symbol>[^\w\s])"
    )


def decode(document: Document) -> str:
    if isinstance(document, bytes):
        return document.decode("utf-8", "replace")
    return re.sub("[\ud800-\udfff]", "\ufffd", document)


def prepared(text: str, options: FeaturizerOptions) -> str:
    """The text as it is read: without accents, and in a normal form."""
    if options.strip_accents:
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in apart if not unicodedata.combining(c))
    if options.normalize is None:
        return text
    form = options.normalize.upper()
    text = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    if options.lowercase:
        text = without_dots(lower(text, options))
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


def without_dots(text: str) -> str:
    """Text without the dots above an i, which has one."""
    kept, dotless = "", False
    for c in text:
        rank = unicodedata.combining(c)
        if not (dotless and c == "\u0307"):
            kept += c
        dotless = c == "i" or (dotless and rank not in (0, 230))
    return kept


def lower(text: str, options: FeaturizerOptions | None = None) -> str:
    """Lower case, code point by code point."""
    if options and options.normalize:
        text = text.replace("İ", "i").replace("ς", "σ")
    return "".join([low if len(low := c.lower()) == 1 else c for c in text])


def found_tokens(text: str, options: FeaturizerOptions) -> Iterator[tuple[str, list[int]]]:
    """(kind, characters) of all tokens of a text, whatever the options ask for.

    A token lacks the format characters in it.
    """
    if options.token_pattern is not None:
        for match in runs_pattern(options.split_scripts).finditer(text):
            yield str(match.lastgroup), [*range(*match.span())]
        return
    breaks = "".join([word_break(c, options.split_scripts) for c in text])
    for match in re.finditer("[0-9](?=\ufe0f?\u20e3)", text):
        breaks = breaks[: match.start()] + "D" + breaks[match.end() :]
    for match in unicode_pattern().finditer(breaks):
        yield str(match.lastgroup), [i for i in range(*match.span()) if breaks[i] != "F"]


def length(token: str, options: FeaturizerOptions) -> int:
    """Characters of a word; a mark is none."""
    if options.token_pattern is not None:
        return len(token)
    return sum(word_break(c, options.split_scripts) not in MARKS for c in token)


def placed_tokens(text: str, options: FeaturizerOptions) -> list[tuple[str, list[int]]]:
    """(token, its characters) of each token of a prepared text."""
    found = []
    for kind, places in found_tokens(text, options):
        token = "".join([text[i] for i in places])
        if (
            kind == "character"
            or (kind == "word" and length(token, options) >= options.min_token_length)
            or (kind == "symbol" and options.punctuation)
        ):
            # As long as before: lower case is of each code point.
            found.append((lower(token, options) if options.lowercase else token, places))
    return found


def tokens(document: Document, options: FeaturizerOptions) -> list[str]:
    text = prepared(decode(document), options)
    return [token for token, _ in placed_tokens(text, options)]


def grams(tokens: Sequence[str], options: FeaturizerOptions) -> list[str]:
    """Names of all n-grams: word n-grams by their last token, then character n-grams."""
    names = []
    if options.word_range is not None:
        low, high = options.word_range
        for end in range(1, len(tokens) + 1):
            for n in range(low, min(high, end) + 1):
                names.append(" ".join(tokens[end - n : end]))
    if options.char_range is not None:
        low, high = options.char_range
        for token in tokens:
            padded = f" {token} "
            for end in range(1, len(padded) + 1):
                for n in range(min(low, len(padded)), min(high, end) + 1):
                    names.append("char:" + padded[end - n : end])
    return names


def counts(documents: Sequence[Document], options: FeaturizerOptions) -> list[Counter[str]]:
    """name → count of each document, in order of first occurrence; without the bias."""
    return [Counter(grams(tokens(document, options), options)) for document in documents]


def document_frequency(counted: Sequence[Counter[str]]) -> Counter[str]:
    return Counter(name for count in counted for name in count)


def feature_names(counted: Sequence[Counter[str]], options: FeaturizerOptions) -> list[str]:
    """The columns: the bias, then by descending document frequency, ties as they occurred."""
    common = document_frequency(counted).most_common()  # stable, so that ties stay in order
    kept = [name for name, df in common if df >= (options.min_df or 1)][: options.max_features]
    return ["(bias)"] * options.bias + kept


def term_frequency(count: int, options: FeaturizerOptions) -> float:
    return {"binary": 1, "raw": count, "log": 1 + math.log(count)}[options.term_frequency]


def idf(df: int, documents: int) -> float:
    return math.log((1 + documents) / (1 + df)) + 1


def weights(documents: Sequence[Document], options: FeaturizerOptions) -> list[Row]:
    """name → weight of each document, fitted on the same documents (with a vocabulary)."""
    counted = counts(documents, options)
    df = document_frequency(counted)
    names = set(feature_names(counted, options))
    rows = []
    for count in counted:
        row = {name: term_frequency(count[name], options) for name in count if name in names}
        if options.idf is not False:
            row = {name: w * idf(df[name], len(documents)) for name, w in row.items()}
        if options.norm == "l2":
            length = math.sqrt(math.fsum(w * w for w in row.values()))
            row = {name: w / length for name, w in row.items()}
        if options.bias:
            row["(bias)"] = 1.0
        rows.append(row)
    return rows


# --- explanation


class Placed(str):
    """A token, and where each of its characters comes from: (start, stop) in the original."""

    places: list[tuple[int, int]]


@cache
def second_characters() -> set[str]:
    """Those that may compose with one before them."""
    pairs = [unicodedata.normalize("NFD", chr(c)) for c in range(0x20000)]
    jamo = {chr(c) for c in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    return jamo.union(*(pair[1:] for pair in pairs))


def aligned(text: str, options: FeaturizerOptions) -> list[tuple[str, int, int]]:
    """(character of the prepared text, start, stop) of the characters that it stands for."""
    parts: list[str] = []
    composes = second_characters() if options.normalize in ("nfc", "nfkc") else ()
    for c in text:
        first = prepared(c, options)[:1]
        joins = not first or unicodedata.combining(first) or first in composes
        if joins and parts:
            parts[-1] += c
        else:
            parts.append(c)
    found, at = [], 0
    for part in parts:
        made = prepared(part, options)
        end = at + len(part)
        if lower(made, options) == lower(part, options):
            found += [(c, at + i, at + i + 1) for i, c in enumerate(made)]
        else:
            found += [(c, at, end) for c in made]
        at = end
    assert "".join(c for c, _, _ in found) == prepared(text, options)
    return found


def token_spans(document: Document, options: FeaturizerOptions) -> list[tuple[Placed, int, int]]:
    """(token, start, stop) of each token, characters of the decoded document."""
    found = aligned(decode(document), options)
    text = "".join(c for c, _, _ in found)
    spans = []
    for name, characters in placed_tokens(text, options):
        token = Placed(name)
        token.places = [found[i][1:] for i in characters]
        spans.append((token, token.places[0][0], token.places[-1][1]))
    return spans


def gram_spans(
    spans: Sequence[tuple[Placed, int, int]], options: FeaturizerOptions
) -> list[tuple[str, int, int, int, int]]:
    """(name, first token, last token, start, stop) of each n-gram, in the order of ``grams``."""
    found = []
    if options.word_range is not None:
        low, high = options.word_range
        for last in range(len(spans)):
            for first in range(last - low + 1, max(last - high, -1), -1):
                if first >= 0:
                    name = " ".join(token for token, _, _ in spans[first : last + 1])
                    found.append((name, first, last, spans[first][1], spans[last][2]))
    if options.char_range is not None:
        low, high = options.char_range
        for number, (token, _, _) in enumerate(spans):
            padded = list(zip(token, token.places, strict=True))
            padded = [(" ", token.places[0]), *padded, (" ", token.places[-1])]
            for end in range(1, len(padded) + 1):
                for n in range(min(low, len(padded)), min(high, end) + 1):
                    own = padded[end - n : end]
                    name = "char:" + "".join(c for c, _ in own)
                    found.append((name, number, number, own[0][1][0], own[-1][1][1]))
    return found
