"""How an option is written once: as a field of a frozen dataclass, with its kind and its help.

The checks, the command line, the estimators of scikit-learn and the documentation read everything
else from the fields: to add an option, add a field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, field, fields
from typing import Any, NamedTuple, TypeVar

from textmlr.base.checks import (
    check_choice,
    check_flag,
    check_integer,
    check_real,
    plain_value,
)
from textmlr.base.option_errors import Sentence, refuse
from textmlr.base.option_headings import FURTHER, Heading

Stage = TypeVar("Stage", bound=type)
WIDTH = 96  # columns of documentation, without the indentation of a docstring


class Kind:
    """A kind of value.

    typed    the end of the help's sentence on the command line: ", such as 1-2."
    written  its beginning in Python: "'sgd', 'exact'. "
    instead  the command line's own sentence, where it says the opposite of the help
    """

    typed, written, instead = ".", "", ""

    def check(self, name: str, value: Any) -> None:
        """Raise InputError, which names the option, for a value that is not of the kind."""
        raise NotImplementedError

    def taken(self, name: str, value: Any) -> Any:
        """The value as the stage keeps it, which may have another form than the one given."""
        self.check(name, value)
        return value


class WholeNumber(Kind):
    """A whole number from low to high;  such_as  a value that makes sense."""

    def __init__(self, low: int, high: int, such_as: int) -> None:
        self._range = low, high, such_as

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        check_integer(name, value, *self._range)


class RealNumber(Kind):
    """A number from low to high, or below it;  such_as  a value that makes sense."""

    def __init__(self, low: float, high: float, such_as: float, *, below: bool = False) -> None:
        self._range, self._below = (low, high, such_as), below

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        check_real(name, value, *self._range, below=self._below)


class CountOrShare(Kind):
    """A whole number of documents from 1 on, or a share of all, a float from 0.0 to 1.0.

    such_as  a number and a share that make sense
    """

    def __init__(self, most: int, such_as: tuple[int, float]) -> None:
        self._most, (count, self._share) = most, such_as
        self.typed = f", such as {count}, or than such a share of all, such as {self._share}."

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        count = type(value) is int and 1 <= value <= self._most
        if not count and not (isinstance(value, float) and 0.0 <= value <= 1.0):
            wanted = "a number of documents, 1 or more, or a share of them, 0.0 to 1.0"
            raise refuse(name, value, wanted, str(self._share))


class Function(Kind):
    """A function, which Python callers alone can give."""

    written = "A function. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if not callable(value):
            raise refuse(name, value, "a function")


class Switch(Kind):
    """True or False."""

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        check_flag(name, value)


class Flag(Switch):
    """True or False, of which only the value that is not the default is typed.

    instead  what that value does, where the default is True
    """

    def __init__(self, instead: str = "") -> None:
        self.instead = instead


class OneOf(Kind):
    """One of some values; None is typed as none."""

    def __init__(self, *values: str | None) -> None:
        self.values = values
        self.written = f"{', '.join(map(repr, values))}. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        check_choice(name, value, self.values)


class OnlyFor(NamedTuple):
    """The only solver that knows an option, and what to do where another is asked for."""

    solver: str
    mend: Sentence


class Option(NamedTuple):
    """An option of a stage, whose name and default are those of its field.

    kind      of its values
    help      a sentence or two, for the command line and for Python
    more      further sentences, for --help-all and for Python
    heading   that it stands under in help
    unset     what a default of None or "auto" comes to
    alone     the same in a featurizer by itself, where that differs
    metavar   of the command line
    only      the only solver that knows it
    optional  whether it may be None as well
    searched  whether ``tune`` searches it
    """

    kind: Kind
    help: str
    more: str = ""
    heading: Heading = FURTHER
    unset: str | None = None
    alone: str | None = None
    metavar: str | None = None
    only: OnlyFor | None = None
    optional: bool = False
    searched: bool = False

    @property
    def python_only(self) -> bool:
        """Whether Python callers alone can give it, since no file can hold its values."""
        return isinstance(self.kind, Function)

    def taken(self, name: str, value: Any) -> Any:
        """The value as the stage keeps it.  Raises InputError, which names the option, for one
        that it does not take."""
        return None if value is None and self.optional else self.kind.taken(name, value)

    @property
    def usage(self) -> str:
        """The sentences for the first page of the command line."""
        said = self.kind.instead or self.help
        return " ".join(said.removesuffix(".").split()) + self.kind.typed

    @property
    def further(self) -> str:
        """The sentences for the page of the command line that has all."""
        return f"{self._only} {' '.join(self.more.split())}".strip()

    @property
    def _only(self) -> str:
        return "" if self.only is None else f"Only for solver {self.only.solver}."

    def documentation(self, default: Any, *, alone: bool | None = None) -> str:
        """The sentences for Python.

        alone  of a featurizer by itself, or (False) of training; None: both
        """
        text = f"{self.kind.written}{self.help.removesuffix('.')}. {self.further}".rstrip()
        if default is not None and default != "auto":
            return text
        if self.alone is None or alone is False:
            unset = self.unset
        elif alone:
            unset = self.alone
        else:
            unset = f"{self.unset}; in a featurizer by itself {self.alone}"
        return text if unset is None else f"{text} {default!r}: {unset}."


def option(
    default: Any,
    kind: Kind,
    help: str,
    more: str = "",
    *,
    heading: Heading = FURTHER,
    unset: str | None = None,
    alone: str | None = None,
    metavar: str | None = None,
    only: OnlyFor | None = None,
    searched: bool = False,
) -> Any:
    """A field of a dataclass of options; all but the default as Option has it."""
    own = Option(kind, help, more, heading, unset, alone, metavar, only, default is None, searched)
    return field(default=default, metadata={"option": own})


def options_of(stage: Any) -> Iterator[tuple[Field[Any], Option]]:
    """The fields of a dataclass of options, or of one of its values, and the option of each."""
    for one in fields(stage):
        if "option" in one.metadata:
            yield one, one.metadata["option"]


def option_named(stage: Any, name: str) -> Option:
    """The option of one field."""
    return next(own for one, own in options_of(stage) if one.name == name)


def check_options(stage: Any) -> None:
    """Raise InputError unless each option of a stage has a value that it takes; options keep
    their values in the form of their kind."""
    for one, own in options_of(stage):
        given = getattr(stage, one.name)
        kept = own.taken(one.name, plain_value(given))
        if kept is not given:
            object.__setattr__(stage, one.name, kept)


def documented(stage: Stage) -> Stage:
    """Give a dataclass a docstring that lists its options."""
    if stage.__doc__ is not None:  # python -OO has none
        rows = {one.name: own.documentation(one.default) for one, own in options_of(stage)}
        stage.__doc__ = stage.__doc__.rstrip() + "\n\n" + table(rows) + "\n"
    return stage


def table(rows: Mapping[str, str], indent: str = "    ") -> str:
    """Names and sentences for a docstring, the sentences wrapped beside their names."""
    width = max(map(len, rows)) + 2
    lines = []
    for name, text in rows.items():
        line = f"{name:<{width}}"
        for word in text.split():
            if len(line) + len(word) > WIDTH and line.strip():
                lines.append(indent + line.rstrip())
                line = " " * width
            line += word + " "
        lines.append(indent + line.rstrip())
    return "\n".join(lines)
