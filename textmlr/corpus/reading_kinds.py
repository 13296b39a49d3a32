"""The kinds of values that options of reading take."""

from __future__ import annotations

import codecs
from typing import Any

from textmlr.base.option_errors import OptionError, Sentence, literal, refuse, shown
from textmlr.base.options import Kind

# Of bytes that are no text of a file: names of hosts, strings of Python, and one that refuses all.
_NO_TEXT = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape")
_COMMON = "utf_8 utf_16 utf_32 cp1252 latin_1 cp1251 gb18030 shift_jis big5 euc_kr koi8_r".split()
_NAMED = {"tab": "\t", "\\t": "\t"}
_BREAKS = ("\n", "\r", "\0")
_NOT_WITHIN = ("\t", *_BREAKS)  # fields of labels have none of these


class Column(Kind):
    """The name of a column, or its number from 1."""

    written = "A name, or a number from 1. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        number = isinstance(value, int) and not isinstance(value, bool) and value > 0
        if not number and (not isinstance(value, str) or not value):
            raise refuse(name, value, "the name or number of a column", "'text' or '2'")

    def taken(self, name: str, value: Any) -> str:
        """The name; of a number, as it is typed."""
        self.check(name, value)
        return str(value)


class Columns(Kind):
    """Names of columns, or their numbers from 1."""

    written = "Names or numbers from 1, in a list or with commas between. "
    typed = ", such as billing,urgent."

    def taken(self, name: str, value: Any) -> tuple[str, ...]:
        """The names, each once, in order.  Raises InputError for others."""
        such_as = "'billing,urgent'"
        if isinstance(value, str):
            value = [one.strip() for one in value.split(",")] if value else []
        if not isinstance(value, list | tuple):
            raise refuse(name, value, "a list of columns", such_as)
        column = Column()
        for one in value:
            if isinstance(one, str) and not one:
                raise refuse(name, ",".join(map(str, value)), "a list of columns", such_as)
            column.check(name, one)
        columns = tuple(map(str, value))
        again = next((one for at, one in enumerate(columns) if one in columns[:at]), None)
        if again is not None:
            problem = Sentence(f"{{{name}:name}} has {literal(shown(again))} twice")
            raise OptionError(name, problem, Sentence("name it once"))
        return columns


class Encoding(Kind):
    """The name of an encoding that Python knows."""

    written = "A name that Python knows, such as 'cp1252'. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if not isinstance(value, str):
            raise refuse(name, value, "the name of an encoding", "'cp1252'")
        try:
            found = codecs.lookup(value)
            known = found.name not in _NO_TEXT and found.incrementaldecoder is not None
            "".encode(value)  # refuses those of bytes to bytes
        except (LookupError, ValueError, TypeError):
            known = False
        if not known:
            problem = Sentence(f"{{{name}}} is not one that Python has for text", {name: value})
            raise OptionError(name, problem, Sentence(_nearest(value)))


def _nearest(name: str) -> str:
    from difflib import get_close_matches
    from encodings.aliases import aliases

    plain = name.casefold().replace("-", "_").replace(" ", "_")
    codecs_of_text = {codec for codec in aliases.values() if _is_text(codec)}
    known = {alias for alias, codec in aliases.items() if codec in codecs_of_text}
    for names in (_COMMON, sorted(known | codecs_of_text)):
        if found := get_close_matches(plain, names, 1, 0.75):
            return f"did you mean {found[0].replace('_', '-')}?"
    return "give one such as cp1252, latin-1, utf-16 or shift-jis"


def _is_text(codec: str) -> bool:
    try:
        "".encode(codec)
    except LookupError:
        return False
    return True


class Character(Kind):
    """One character of ASCII; "tab" for a tab."""

    written = "One character. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if not isinstance(value, str) or len(character(value)) != 1 or not value.isascii():
            mend = None
            if isinstance(value, str) and value.isascii() and len(value) > 1:
                mend = Sentence("give one such as ';', and put it in the place of this in the file")
            problem = Sentence(f"{{{name}}} is not one character of ASCII", {name: value})
            raise OptionError(name, problem, mend or Sentence("give one such as ';'"))
        if character(value) in ('"', *_BREAKS):
            raise refuse(name, value, "a character other than a quote or line end", "';'")


def character(value: str) -> str:
    r"""The character that a value means: tab and \t are a tab."""
    return _NAMED.get(value, value)


class Prefix(Kind):
    """The beginning of a word."""

    written = "The beginning of a word. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if not isinstance(value, str) or not value or value.split() != [value] or "\0" in value:
            raise refuse(name, value, "the beginning of a word, without spaces", "'__label__'")


class Separator(Kind):
    """What stands between the labels of one field: a character or several; "tab" for a tab."""

    written = "A character, or several. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if isinstance(value, str) and value == "\t":
            return
        odd = not isinstance(value, str) or not value or any(sign in value for sign in _NOT_WITHIN)
        if odd or not value.isprintable():
            raise refuse(name, value, "a sign between labels", "'|'")
