"""The dense, obviously right version of every kernel: plain, short and slow.

Tests hold the kernels against these; nothing here is shared with them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
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


@cache
def token_pattern(split_scripts: bool) -> re.Pattern[str]:
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


def tokens(document: Document, options: FeaturizerOptions) -> list[str]:
    text = prepared(decode(document), options)
    if options.lowercase:
        text = lower(text, options)
    found = []
    for match in token_pattern(options.split_scripts).finditer(text):
        token = match.group()
        if (
            match.lastgroup == "character"
            or (match.lastgroup == "word" and len(token) >= options.min_token_length)
            or (match.lastgroup == "symbol" and options.punctuation)
        ):
            found.append(token)
    return found


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
    for c in text:
        first = prepared(c, options)[:1]
        joins = not first or unicodedata.combining(first) or first in second_characters()
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
    if options.lowercase:
        text = lower(text, options)  # as long as before, code point by code point
    spans = []
    for match in token_pattern(options.split_scripts).finditer(text):
        if (
            match.lastgroup == "character"
            or (match.lastgroup == "word" and len(match.group()) >= options.min_token_length)
            or (match.lastgroup == "symbol" and options.punctuation)
        ):
            token = Placed(match.group())
            token.places = [(i, j) for _, i, j in found[match.start() : match.end()]]
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
