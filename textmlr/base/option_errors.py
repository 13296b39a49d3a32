"""Errors of options: what is wrong is said once, and every place spells the options its own way.

Python writes learning_rate=-1.0, the command line --learning-rate -1, a file of options
learning-rate = -1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from textmlr.base.errors import InputError

_MENTION = re.compile(r"\{(\w+)(:name)?\}")
_BRACE = re.compile(r"\{(?=\w)")


def shown(value: object) -> str:
    """The beginning of a value in a message, whatever it is."""
    if isinstance(value, int) and value.bit_length() > 200:  # Python refuses to write long ones
        return "a number of hundreds of digits"
    try:
        text = repr(value)
    except Exception as error:  # in the __repr__ of a class of others
        text = f"a {type(value).__name__} ({type(error).__name__})"
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def literal(text: str) -> str:
    """Text of a user's for a Sentence, in which nothing stands for an option."""
    return _BRACE.sub("{ ", text)


class Spelling(Protocol):
    """How a place writes options."""

    def name(self, option: str) -> str:
        """An option alone."""

    def setting(self, option: str, value: object) -> str:
        """An option with a value."""


class PythonSpelling:
    """learning_rate=-1.0."""

    def name(self, option: str) -> str:
        """An option alone."""
        return option

    def setting(self, option: str, value: object) -> str:
        """An option with a value."""
        return f"{option}={shown(value)}"


class Sentence(NamedTuple):
    """A sentence about options: {epochs} stands for the option with its value, {epochs:name} for
    the option alone.

    >>> Sentence("leave out {l1:name}, or give {solver}", {"solver": "exact"}).spelled()
    "leave out l1, or give solver='exact'"
    """

    text: str
    values: Mapping[str, object] = MappingProxyType({})

    def spelled(self, spelling: Spelling | None = None) -> str:
        """The sentence as a place spells it, Python by default."""
        own = spelling or PythonSpelling()

        def mention(found: re.Match[str]) -> str:
            if found[2]:
                return own.name(found[1])
            return own.setting(found[1], self.values[found[1]])

        return _MENTION.sub(mention, self.text)


class OptionError(InputError):
    """A value that an option does not take, or options that exclude each other.

    option     what it is about first, by its name in Python
    sentences  what is wrong, and what to do about it or None
    place      the files that it is about, if it is about some
    """

    def __init__(
        self,
        option: str,
        problem: Sentence,
        mend: Sentence | None = None,
        *,
        place: str | None = None,
        guide: str | None = None,
    ) -> None:
        self.option, self.sentences = option, (problem, mend)
        super().__init__(problem.spelled(), place=place, mend=mend and mend.spelled(), guide=guide)

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        """Other processes get the words alone: values may be anything."""
        return _in_words, (self.problem, self.place, self.line, self.mend, self.guide)

    def but(self, **changed: Any) -> InputError:
        """The same error in other words, which no longer change with the place."""
        return _in_words(self.problem, self.place, self.line, self.mend, self.guide).but(**changed)

    def spelled(self, spelling: Spelling, place: str | None = None) -> InputError:
        """The same error as a place spells it;  place  a file of options."""
        problem, mend = self.sentences
        return InputError(
            problem.spelled(spelling),
            place=self.place or place,
            mend=mend and mend.spelled(spelling),
            guide=self.guide,
        )


def _in_words(
    problem: str, place: str | None, line: int | None, mend: str | None, guide: str | None
) -> InputError:
    return InputError(problem, place=place, line=line, mend=mend, guide=guide)


def refuse(option: str, value: object, wanted: str, such_as: str | None = None) -> InputError:
    """The error of a value that an option does not take;  such_as  a value that makes sense."""
    mend = None if such_as is None else f"give one such as {such_as}"
    if not option.isidentifier():
        return InputError(f"{option}={shown(value)} is not {wanted}", mend=mend)
    problem = Sentence(f"{{{option}}} is not {wanted}", {option: value})
    return OptionError(option, problem, Sentence(mend) if mend else None)
