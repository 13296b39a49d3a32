"""Words by UAX #29, against Unicode's own test file, and the tables against the package regex."""

from __future__ import annotations

import gzip
import unicodedata
from pathlib import Path

import naive
import numpy as np
import pytest
import torture
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_features import kernel_tokens

from textmlr import Featurizer, FeaturizerOptions
from textmlr.features import unicode_tables
from textmlr.kernels import code_points as kinds

PLAIN = FeaturizerOptions(normalize=None, lowercase=False)
TEST = Path(__file__).parent / "unicode" / "WordBreakTest.txt.gz"
SKIPPED = "\u00ad\u200d\u200c\u2060"  # nothing begins with these
# Rules that join what is split here: punctuation but in Hebrew, and Katakana.
DEPARTURES = {"6.0", "7.0", "11.0", "12.0", "13.0"}
# Of a block of pictographs, those that are none are symbols, or no characters yet.
OTHERS = ("So", "Sm", "Sk", "Cn", "Ps", "Pe")


def words(text: str, options: FeaturizerOptions = PLAIN) -> list[str]:
    """The tokens of a text, as they stand in it."""
    return [piece.decode() for piece in kernel_tokens(text, options)[0]]


def unicode_lines() -> list[tuple[str, list[str], set[str]]]:
    """(text, segments, numbers of rules) of each line of Unicode's test."""
    found = []
    for line in gzip.decompress(TEST.read_bytes()).decode().splitlines():
        if line.startswith("#"):
            continue
        breaks, _, rules = line.partition("#")
        segments = [
            "".join(chr(int(code, 16)) for code in part.split("×"))
            for part in breaks.strip(" ÷").split("÷")
        ]
        found.append(("".join(segments), segments, set(rules.split())))
    return found


def is_word(text: str) -> bool:
    return any(c.isalnum() or c == "_" for c in text)


def test_unicodes_own_test() -> None:
    """Segments of its file are tokens, but for white space, and format characters at the ends."""
    same = 0
    for text, segments, rules in unicode_lines():
        if rules & DEPARTURES and set(text) & set(":.,Aa01\u3031"):
            continue
        if rules & {"13.1", "13.2"} and "\u3031" in text:
            continue  # nor does an underscore join Katakana
        if "3.3" in rules and any(is_word(part) and "\u200d" in part for part in segments):
            continue  # an emoji joins no word here
        stripped = [part.lstrip(" \r\n\v" + SKIPPED).rstrip("\u00ad\u2060") for part in segments]
        assert words(text) == [part for part in stripped if part], ascii(text)
        same += 1
    assert same > 1600


def test_departures() -> None:
    """What is measured to be no better as one word stays several; digits and letters are one."""
    assert words("don't 3.14 1,000 example.com a:b") == [
        *("don", "'", "t", "3", ".", "14", "1", ",", "000"),
        *("example", ".", "com", "a", ":", "b"),
    ]
    assert words("カタカナ") == [*"カタカナ"]
    assert words("a_b 3D x² CO₂ ½") == ["a_b", "3D", "x²", "CO₂", "½"]
    assert words("a\u202fb") == ["a", "b"]  # a space, as for \s


@pytest.mark.parametrize(
    "text",
    [
        "हिन्दी मराठी बाংলায় বাংলা తెలుగు தமிழ் ಕನ್ನಡ മലയാളം සිංහල ગુજરાતી ਪੰਜਾਬੀ ଓଡ଼ିଆ",
        "مُحَمَّدٌ رَسُولُ ٱللَّهِ می\u200cخواهم",
        "בְּרֵאשִׁית בָּרָא צה\"ל צה״ל ג'ירפה צ׳יפס",
        "cafe\u0301 A\u030angstro\u0308m e\u0323\u0301 nga\u0300y",
        "col·lecció in\u00adter\u00adna\u00adtio\u00adnal \u2060word",
        "ދިވެހި ߒߞߏ߲ 𞤢𞥄 ᮞᮥᮔ᮪ᮓ ꦗꦮ꧀",
        "क्\u200dष क्\u200cष",
    ],
)
def test_words_of_many_scripts_are_whole(text: str) -> None:
    assert [word.strip("\u2060") for word in text.split()] == words(text)
    names = Featurizer(FeaturizerOptions(ngrams=(1, 1), bias=False)).fit([text]).feature_names()
    composed = unicodedata.normalize("NFC", text).lower()
    assert set(names) == {w.replace("\u00ad", "").strip("\u2060") for w in composed.split()}


@pytest.mark.parametrize(
    "whole",
    [
        *("กำลัง ใจดี ที่นี่".split()),
        *("ສະບາຍດີ ຂອບໃຈ".split()),
        *("សួស្តី ភាសាខ្មែរ".split()),
        *("မင်္ဂလာပါ မြန်မာ".split()),
        *("བོད་ཡིག ᦺᦑᦟᦹᧉ".split()),
        "か\u3099き\u3099 ﾊﾟﾋﾞ",
    ],
)
def test_scripts_without_spaces(whole: str) -> None:
    """One token a character, with all its marks."""
    for text in whole.split():
        found = words(text)
        assert "".join(found) == text
        for token in found:
            # Halfwidth sound marks are marks to UAX #29, if not by category.
            assert all(naive.is_mark(c) or c in "\uff9e\uff9f" for c in token[1:])
        bases = [c for c in text if not naive.is_mark(c) and c not in "\uff9e\uff9f"]
        assert [token[0] for token in found] == bases


SIGNS = [chr(c) for c in (*range(0x1F600, 0x1F650), *range(0x2600, 0x2605), 0x2764, 0x1F9D1)]
FLAG = [chr(c) for c in range(0x1F1E6, 0x1F200)]
ZWJ, VS16, KEYCAP = "\u200d", "\ufe0f", "\u20e3"
SEQUENCES = st.one_of(
    st.sampled_from(SIGNS),
    st.tuples(st.sampled_from(SIGNS), st.sampled_from(["", VS16, "\U0001f3fd"])).map("".join),
    st.lists(st.sampled_from([*SIGNS, SIGNS[0] + VS16]), min_size=2).map(ZWJ.join),
    st.tuples(st.sampled_from(FLAG), st.sampled_from(FLAG)).map("".join),
    st.tuples(st.sampled_from("0123456789#*"), st.sampled_from(["", VS16])).map(
        lambda pair: "".join(pair) + KEYCAP
    ),
    st.sampled_from(["gbeng", "gbsct", "gbwls"]).map(
        lambda tags: "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in tags) + "\U000e007f"
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(SEQUENCES | st.sampled_from(["ab", "é", "字", "7"]), max_size=8))
def test_each_emoji_sequence_is_a_token(parts: list[str]) -> None:
    """Whatever stands beside it; only letters and digits join one another."""
    text = "".join(parts)
    wanted: list[str] = []
    for part in parts:
        joins = wanted and part in ("ab", "é", "7") and wanted[-1][-1] in "abé7"
        wanted[-1:] = [wanted[-1] + part] if joins else [*wanted[-1:], part]
    assert words(text) == wanted


def regex_kinds() -> NDArray[np.str_]:
    """For each code point that the table has, what the package regex says that it is to UAX #29;
    empty where its Unicode is of another version, by general category."""
    regex = pytest.importorskip("regex")
    everything = [chr(c) for c in range(unicode_tables.LIMIT)]
    found = np.full(len(everything), "Other", "<U20")
    text = "".join(c if not 0xD800 <= ord(c) < 0xE000 else "\ue000" for c in everything)
    for name in WORD_BREAKS:
        for match in regex.finditer(rf"\p{{WB={name}}}+", text):
            found[match.start() : match.end()] = name
    for category in ("L", "M", "Mn", "N", "Nd", "No", "P", "Pc", "S", "Cf", "Z", "Cn"):
        own = np.zeros(len(text), bool)
        for match in regex.finditer(rf"\p{{{category}}}+", text):
            own[match.start() : match.end()] = True
        ours = np.array([unicodedata.category(c).startswith(category) for c in text])
        found[own != ours] = ""
    return found


# What a code point of each Word_Break is here; of the rest, those that cannot join anything.
WORD_BREAKS = {
    "ALetter": {kinds.WORD},
    "Hebrew_Letter": {kinds.HEBREW},
    "Numeric": {kinds.NUMBER},
    "ExtendNumLet": {kinds.NUMBER},
    "Extend": {kinds.MARK, kinds.JOINER, kinds.KEYCAP},
    "ZWJ": {kinds.JOINER},
    "Format": {kinds.FORMAT},
    "Regional_Indicator": {kinds.FLAG},
    "Katakana": {kinds.CHARACTER},
    "Single_Quote": {kinds.APOSTROPHE},
    "Double_Quote": {kinds.QUOTE},
    "MidLetter": {kinds.MID_LETTER},
    "MidNum": {kinds.SYMBOL},
    "MidNumLet": {kinds.SYMBOL},
    "WSegSpace": {kinds.SPACE},
    "CR": {kinds.SPACE},
    "LF": {kinds.SPACE},
    "Newline": {kinds.SPACE},
}
NO_LETTERS = {"No": kinds.WORD, "So": kinds.SYMBOL, "Sk": kinds.SYMBOL, "Pd": kinds.SYMBOL}


def test_tables_are_those_of_the_package_regex() -> None:
    told = regex_kinds()
    _, kind = unicode_tables.tables(PLAIN, ascii_only=False)
    for code in np.flatnonzero(told != "").tolist():
        c, own, name = chr(code), int(kind[code]), str(told[code])
        where = f"U+{code:04X} {unicodedata.name(c, '')}: {name}, {own}"
        if c in ":\ufe13\ufe55\uff1a":
            assert own == kinds.SYMBOL, where  # not between letters
        elif c == "\u202f":
            assert own == kinds.SPACE, where
        elif name == "ALetter" and code == 0x2139:
            assert own == kinds.EMOJI, where
        elif naive.is_spaceless(c) and own == kinds.CHARACTER:
            # Tibetan, Bopomofo and a digit of New Tai Lue too.
            assert name in ("ALetter", "Katakana", "Other") or code == 0x19DA, where
        elif name in ("Katakana", "ALetter") and own in (kinds.SYMBOL, kinds.EMOJI):
            assert unicodedata.category(c)[0] == "S" or c == "\u30a0", where  # ㌀, 🅰
        elif name != "Other":
            assert own in WORD_BREAKS[name], where
        elif unicodedata.category(c)[0] in "LN":  # x², CO₂: a word goes on
            assert own in (kinds.WORD, kinds.CHARACTER, kinds.EMOJI), where
        else:
            assert own in (kinds.SYMBOL, kinds.EMOJI, kinds.SPACE), where


def test_pictographs_are_those_of_the_package_regex() -> None:
    regex = pytest.importorskip("regex")
    _, kind = unicode_tables.tables(PLAIN, ascii_only=False)
    every = [c for c in range(unicode_tables.LIMIT) if not 0xD800 <= c < 0xE000]
    known = {c for c in every if regex.match(r"\p{Extended_Pictographic}", chr(c))}
    ours = set(np.flatnonzero(kind == kinds.EMOJI).tolist())
    assert len(known) > 1000
    assert known - ours <= {0x24C2}  # Ⓜ, which is a letter
    assert all(unicodedata.category(chr(c)) in OTHERS for c in ours - known)


LEFT_OUT = ("Po", "Pi", "Pf", "No")


def test_sentences_as_the_package_regex_cuts_them() -> None:
    """Without the punctuation and the scripts that are cut in other places here."""
    regex = pytest.importorskip("regex")
    boundary = regex.compile(r"(?V1w)\b")
    compared = 0
    for name, sentence in torture.SENTENCES.items():
        if any(naive.is_spaceless(c) for c in sentence):
            continue
        text = "".join(c if unicodedata.category(c) not in LEFT_OUT else " " for c in sentence)
        parts = [part.strip() for part in boundary.split(text)]
        wanted = [part for part in parts if any(map(str.isalnum, part))]
        found = [word for word in words(text) if any(map(str.isalnum, word))]
        assert found == wanted, name
        compared += len(found)
    assert compared > 500
