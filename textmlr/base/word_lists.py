"""Lists of words that options take: a list in Python, or a file with a word a line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from textmlr.base.checks import is_list
from textmlr.base.errors import InputError
from textmlr.base.ngram_lengths import CHAR_PREFIX
from textmlr.base.option_errors import OptionError, Sentence, literal, refuse, shown
from textmlr.base.options import Kind

MOST_BYTES = 1 << 28  # of a file of words


class StopWords(Kind):
    """Single words: a list or set of them, or a file."""

    written = "A list or set of words, or a file with one a line. "
    typed = "; FILE has a word a line."

    def taken(self, name: str, value: Any) -> tuple[str, ...]:
        """The words, each once, in order.  Raises InputError for others, and for several words in
        place of one."""
        words = []
        for line, one in _entries(name, value, "a list of words, or a file of them"):
            word = one.strip()
            if len(word.split()) > 1:
                mend = "write a word a line" if line else "give each word by itself"
                raise _wrong(name, value, line, f"{shown(word)} is several words", mend)
            if word:
                words.append(word)
        if not words:
            raise _empty(name, value, "a word a line")
        return tuple(dict.fromkeys(words))


class Terms(Kind):
    """Features by name: a list, a dict with their columns, or a file."""

    written = (
        "A list of names of features, a dict of names and columns, or a file with a name a line. "
    )
    typed = "; FILE has a feature a line, such as a word, two words, or char:abcd."

    def taken(self, name: str, value: Any) -> tuple[str, ...]:
        """The names in the order of their columns.  Raises InputError for others, and for one that
        stands twice."""
        wanted = "a list of names of features, or a file of them"
        if isinstance(value, Mapping):
            value = _by_column(name, value)
        first: dict[str, int] = {}
        for line, one in _entries(name, value, wanted):
            term = one if one.startswith(CHAR_PREFIX) else " ".join(one.split(" ")).strip()
            if "\t" in term or "\n" in term:
                mend = "give names alone"
                raise _wrong(name, value, line, f"{shown(term)} has a tab or a line break", mend)
            if term in first:
                again = f" (line {first[term]})" if line else ""
                problem = f"{shown(term)} stands twice{again}"
                raise _wrong(name, value, line, problem, "leave one of them out")
            if term:
                first[term] = line
        if not first:
            raise _empty(name, value, "a feature a line")
        return tuple(first)


def _by_column(name: str, columns: Mapping[Any, Any]) -> list[Any]:
    """The names in the order of their columns, which are 0 to n − 1, or 1 to n beside a bias."""
    wanted = list(columns.values())
    whole = all(isinstance(one, int) or hasattr(one, "__index__") for one in wanted)
    numbers = sorted(int(one) for one in wanted) if whole else []
    first = numbers[0] if numbers else 0
    if not whole or first not in (0, 1) or numbers != list(range(first, first + len(wanted))):
        raise OptionError(
            name,
            Sentence(f"the columns of {{{name}:name}} are not 0, 1, 2, … without a gap"),
            Sentence("number them so, or give a list"),
        )
    return sorted(columns, key=lambda term: int(columns[term]))


def _entries(name: str, value: Any, wanted: str) -> Iterator[tuple[int, str]]:
    """(line of the file, or 0; what stands there)."""
    if isinstance(value, str | os.PathLike):
        yield from enumerate(_lines(name, value), 1)
        return
    if not is_list(value) or isinstance(value, Mapping):
        raise refuse(name, value, wanted)
    listed: Iterable[Any] = sorted(value, key=str) if isinstance(value, Set) else value
    for one in listed:
        if not isinstance(one, str):
            problem = f"{{{name}:name}} has {literal(shown(one))} in it, which is not text"
            raise OptionError(name, Sentence(problem), Sentence("give a list of str"))
        yield 0, one


def _lines(name: str, path: str | os.PathLike[str]) -> list[str]:
    """The lines of a file.  Raises InputError where it cannot be read, or is not UTF-8."""
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a path with a null byte
        why = getattr(error, "strerror", None) or str(error)
        problem = Sentence(f"{{{name}}} is not a file that can be read ({why})", {name: str(path)})
        mend = Sentence("name a file with one a line")
        raise OptionError(name, problem, mend) from None
    if len(data) > MOST_BYTES:
        raise InputError("is too large for a list of words", place=str(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not UTF-8 (byte {error.start + 1:,})",
            place=str(path),
            line=data.count(b"\n", 0, error.start) + 1,
            mend="save the list as UTF-8",
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _wrong(name: str, value: Any, line: int, problem: str, mend: str) -> InputError:
    if line:
        return InputError(problem, place=os.fspath(value), line=line, mend=mend)
    return OptionError(name, Sentence(f"{{{name}:name}}: {literal(problem)}"), Sentence(mend))


def _empty(name: str, value: Any, wanted: str) -> InputError:
    if isinstance(value, str | os.PathLike):
        mend = f"write {wanted}, or leave it out"
        return InputError("has no words", place=os.fspath(value), mend=mend)
    problem = Sentence(f"{{{name}:name}} has no words")
    return OptionError(name, problem, Sentence(f"leave out {{{name}:name}}"))
