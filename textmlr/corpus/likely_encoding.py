"""The encoding that bytes which are no UTF-8 are likely in: a guess for messages, never applied.

Each encoding is tried with the letters that each of its languages has beside a to z: the likely one
is that in which the letters of the text are those of one language, and written as words are (no
capital within a word, no letters of two scripts in one).  Two-byte encodings are told apart by the
rows of their tables that common characters stand in.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from textmlr.corpus.text_encodings import SEVERAL

MOST = 1 << 18  # bytes
_MOST_LETTERS = 3000  # characters that are looked at
_LEAST = 0.75  # share of them that must be as expected
_MOSTLY = 0.9  # pieces of UTF-8 that are whole, in a file that is UTF-8 but for some damage
_BY_ACCIDENT = 0.1  # lines that are UTF-8 to one that is not, at most
_MANY_LETTERS = 30  # of an alphabet
_RARE, _CAPITAL = 0.3, 0.1  # what a letter says less that is the rarest, or a capital
_LATIN = "\u0250"  # its letters are before this
_WIDEST = 4  # bytes of a character
_PRIOR = 0.15  # of a single letter
_PAIRED = 0.6  # bytes beside another, in two-byte encodings and scripts other than Latin
_SIGNS = frozenset("’‘“”„‚«»‹›–—…•€£°§№·¿¡")
_WESTERN = (
    "éèêëàâæçîïôœùûüÿ",
    "äöüß",
    "áéíóúüñ",
    "ãõáéíóúâêôçà",
    "àèéìòù",
    "åäöæøé",
    "áðéíóúýþæö",
    "éëïóöüèáàâêô",
)
_CENTRAL = (
    "ąćęłńóśźż",
    "áčďéěíňóřšťúůýžľĺŕôä",
    "áéíóöőúüű",
    "ăâîşţșț",
    "čćđšž",
)
# Letters of other scripts, the common ones first.
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґўђјљњћџѓќѕ"
_GREEK = "αοιετσνηυρπκμλςωάίήόύέώδγχθφβξζψϊϋΐΰ"
_HEBREW = "יוהלארתבמשנעםדחקפכגטצןסזךץף"
_ARABIC = "المينورتبةعدسفهكقأحجشطصىخإذضئغءثؤظآ،؟ـپچژگی"
_THAI = "กขคฆงจฉชซญดตถทธนบปผฝพฟภมยรลวศษสหอฮะัาำิีึืุูเแโใไ่้๊๋์ๆ"
# In the order in which the first of equals is taken.
_LANGUAGES = (
    ("cp1252", _WESTERN),
    ("cp1250", _CENTRAL),
    ("cp1254", ("çğıöşüâîİ",)),
    ("cp1257", ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")),
    ("cp1251", (_CYRILLIC,)),
    ("cp1253", (_GREEK,)),
    ("cp1255", (_HEBREW,)),
    ("cp1256", (_ARABIC,)),
    ("cp874", (_THAI,)),
    ("koi8-r", (_CYRILLIC,)),
    ("koi8-u", (_CYRILLIC,)),
    ("iso8859-2", _CENTRAL),
    ("iso8859-5", (_CYRILLIC,)),
    ("iso8859-6", (_ARABIC,)),
    ("iso8859-7", (_GREEK,)),
    ("iso8859-9", ("çğıöşüâîİ",)),
    ("iso8859-15", _WESTERN),
    ("cp866", (_CYRILLIC,)),
    ("cp850", _WESTERN),
    ("cp852", _CENTRAL),
    ("mac-roman", _WESTERN),
    ("mac-cyrillic", (_CYRILLIC,)),
)
# Rows of two-byte tables (first bytes) where common characters stand; KS X 1001, GB 2312, JIS X
# 0208 and Big5.
_HANGUL = range(0xB0, 0xC9)
_KANA = (0xA4, 0xA5)
_HIGH = re.compile(rb"[\x80-\xff]+")


def likely_encoding(sample: bytes) -> str | None:
    """The encoding that text which is no UTF-8 is likely in, None if nothing speaks for one.

    >>> likely_encoding("Die Straße nach Köln war für Fußgänger gesperrt".encode("latin-1"))
    'cp1252'
    """
    sample = sample[:MOST]
    if _is_mostly_utf8(sample):
        return None
    runs = _HIGH.findall(sample)
    high = sum(map(len, runs))
    if sum(len(run) for run in runs if len(run) > 1) >= _PAIRED * high:
        found = _two_byte(sample, runs, high)
        if found is not None:
            return found
    best, likely = _LEAST, None
    for encoding, languages in _LANGUAGES:
        share = _share(sample, encoding, languages)
        if likely is not None:  # a few letters say little against the commoner encoding
            share -= _PRIOR / high**0.5
        if share > best + 1e-9:
            best, likely = share, encoding
    return likely or _by_library(sample)


def lines_of(sample: bytes) -> tuple[bool, bytes]:
    """Lines that are no UTF-8, and whether there are others beside them, with several characters
    beyond ASCII and too many to be UTF-8 by accident: (whether there are, the former)."""
    good, bad = 0, []
    for line in sample[:MOST].split(b"\n"):
        if line.isascii():
            continue
        try:
            good += sum(character > "\x7f" for character in line.decode()) >= SEVERAL
        except UnicodeDecodeError:
            bad.append(line)
    return good > _BY_ACCIDENT * len(bad), b"\n".join(bad)


def _is_mostly_utf8(sample: bytes) -> bool:
    """Whether most of the characters beyond ASCII are whole: the file is damaged."""
    text = sample.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    whole = sum(character > "\x7f" for character in text) - bad
    return whole >= _MOSTLY / (1 - _MOSTLY) * bad


def _share(sample: bytes, encoding: str, languages: tuple[str, ...]) -> float:
    """How much of the text beyond ASCII is as in one of these languages: at most 1."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    counts: Counter[str] = Counter()
    penalty = total = 0
    before = "\n"
    for character in text:
        if character > "\x7f":
            total += 1
            counts[character] += 1
            penalty += _is_odd(before, character)
            if total == _MOST_LETTERS:
                break
        elif before > "\x7f" and character.isupper() and before.islower():
            penalty += 1  # as in éT
        before = character
    if not total:
        return 0.0
    signs = sum(n for character, n in counts.items() if character in _SIGNS)
    own = max(
        sum(_weight(character, letters) * n for character, n in counts.items())
        for letters in languages
    )
    if not own and signs < total:
        return 0.0
    return (own + signs - penalty) / total


def _weight(character: str, letters: str) -> float:
    """How much a character speaks for a language: common letters more than rare ones."""
    lower = character.lower()
    if lower not in letters:
        return 0.0
    rank = min(letters.index(lower) / _MANY_LETTERS, 1) if lower > _LATIN else 0.0
    return 1 - _RARE * rank - (0.0 if character == lower else _CAPITAL)


def _is_odd(before: str, character: str) -> bool:
    """Whether a character is not as words are written, behind another."""
    if unicodedata.category(character)[0] == "C":
        return True
    if not (before.isalpha() and character.isalpha()):
        return False
    if before.islower() and character.isupper():
        return True
    return (character < _LATIN) != (before < _LATIN)


def _two_byte(sample: bytes, runs: list[bytes], high: int) -> str | None:
    """The two-byte encoding that a text is in; None if it is in none."""
    pairs = Counter(run[i] for run in runs if len(run) % 2 == 0 for i in range(0, len(run), 2))
    total = sum(pairs.values()) or 1
    for encoding in ("euc-jp", "shift-jis", "cp949", "gb18030", "big5"):
        text = _decoded(sample, encoding)
        if text is None:
            continue
        wide = [character for character in text if character > "\u2fff"]
        if len(wide) < 0.3 * high:
            continue
        kana = sum("\u3040" <= character <= "\u30ff" for character in wide)
        if encoding == "shift-jis":
            hiragana = sum("\u3040" <= character < "\u30a0" for character in wide)
            fits = hiragana >= 0.2 * len(wide)
        elif encoding == "euc-jp":
            fits = sum(pairs[row] for row in _KANA) >= 0.2 * total
        elif encoding == "cp949":
            fits = sum(pairs[row] for row in _HANGUL) >= 0.85 * total
        elif encoding == "gb18030":
            fits = _decoded(sample, "gb2312") is not None or _decoded(sample, "big5") is None
            fits = fits and kana < 0.1 * len(wide)
        else:
            fits = kana < 0.1 * len(wide)
        if fits:
            return encoding
    return None


def _decoded(sample: bytes, encoding: str) -> str | None:
    """The text, the end of which may be cut; None if it is not in this encoding."""
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError as error:
        if len(sample) < MOST or error.start < len(sample) - _WIDEST:
            return None
        return sample[: error.start].decode(encoding)


def _by_library(sample: bytes) -> str | None:
    """What charset-normalizer says, where it is installed."""
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return None
    best = from_bytes(sample).best()
    return None if best is None or best.encoding in ("utf_8", "ascii") else str(best.encoding)
