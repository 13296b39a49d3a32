"""Checks of values: each raises InputError, which names the option, its value, the values that it
takes and one that makes sense."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from textmlr.base.errors import InputError
from textmlr.base.option_errors import refuse, shown

MOST_LISTED = 1_000_000  # labels or features in a list
MOST_THREADS = 1024
NAMED_LABELS = 20  # in a message


def number(value: float) -> str:
    """A bound of a range: 1e-9, 0.5, 1,000,000."""
    if 1 <= abs(value) < 1e15:
        return f"{value:,.15g}"
    return f"{value:g}".replace("e-0", "e-").replace("e+", "e")


def plain_value(value: Any) -> Any:
    """A number or truth value of NumPy's, or a tuple of them, as Python's own; others as they are.

    A file and a hash have Python's own alone, and NumPy's would overflow.
    """
    kind = type(value)
    if kind in (bool, int, float, str):
        return value
    if kind is tuple:
        return tuple(map(plain_value, value))
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if kind.__name__ in ("bool", "bool_") and hasattr(value, "dtype"):
        return bool(value)
    return value


def check_integer(option: str, value: Any, low: int, high: int, such_as: int) -> None:
    """A whole number from low to high."""
    wanted = f"a whole number from {low:,} to {high:,}"
    own = plain_value(value)
    if isinstance(own, bool) or not isinstance(own, int) or not low <= own <= high:
        raise refuse(option, value, wanted, str(such_as))


def check_real(
    option: str, value: Any, low: float, high: float, such_as: float, *, below: bool = False
) -> None:
    """A number from low to high, or below it."""
    wanted = f"a number from {number(low)} to {'just below ' if below else ''}{number(high)}"
    # An int of 400 digits is no float; NaN is in no range.
    own = plain_value(value)
    if isinstance(own, bool) or not isinstance(own, int | float):
        raise refuse(option, value, wanted, number(such_as))
    if not low <= own <= high or (below and own == high):
        raise refuse(option, value, wanted, number(such_as))


def check_share(option: str, value: Any) -> None:
    """A number of 0 to 1."""
    check_real(option, value, 0, 1, 0.5)


def check_listed(option: str, value: Any) -> None:
    """The number of labels or features in a list."""
    check_integer(option, value, 1, MOST_LISTED, 20)


def check_flag(option: str, value: Any) -> None:
    """True or False."""
    if not isinstance(plain_value(value), bool):
        raise refuse(option, value, "True or False")


def check_choice(option: str, value: Any, choices: tuple[object, ...]) -> None:
    """One of some values."""
    # The type is compared too: 1 is no True, and arrays compare element by element.
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise refuse(option, value, "one of " + ", ".join(map(repr, choices)))


# ------------------------------------------------------------- checks of arguments of functions
CORPUS_MEND = "make one: textmlr.read_corpus(path) or textmlr.Corpus.of(texts, labels)"
MODEL_MEND = "make one: textmlr.Model.load(path) or textmlr.train(corpus)"


def check_kind(
    name: str, value: Any, kind: type, mend: str | None = None, *, optional: bool = False
) -> None:
    """Raise InputError unless a value is of a class, or None if it is optional."""
    if isinstance(value, kind) or (optional and value is None):
        return
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    wanted = f"{article} {kind.__name__}" + (" or None" if optional else "")
    raise taken(name, value, wanted, mend)


def taken(name: str, value: object, wanted: str, mend: str | None = None) -> InputError:
    """The error of an argument of another kind than a function takes."""
    return InputError(
        f"{name} takes {wanted}, not {shown(value)} ({type(value).__name__})",
        mend=mend,
    )


def check_path(name: str, value: Any, *, optional: bool = False) -> None:
    """Raise InputError unless a value names a file; open files do not."""
    if isinstance(value, str) or (optional and value is None):
        return
    if isinstance(value, os.PathLike) and isinstance(os.fspath(value), str):
        return
    raise taken(name, value, "the path of a file", "give its name, a str or pathlib.Path")


def check_threads(value: Any) -> None:
    """Raise InputError unless a value is a number of threads, or None for one a processor."""
    if value is not None:
        check_integer("threads", value, 1, MOST_THREADS, 4)


def check_file(name: str, value: Any) -> None:
    """Raise InputError unless a value is a file opened for reading, or None."""
    if value is not None and (isinstance(value, type) or not callable(getattr(value, "read", 0))):
        raise taken(name, value, "a file opened for reading bytes, or None")


def check_callable(name: str, value: Any) -> None:
    """Raise InputError unless a value can be called, or is None."""
    if value is not None and not callable(value):
        raise taken(name, value, "a function or None")


def check_strings(name: str, value: Any, *, optional: bool = False) -> list[str] | None:
    """The strings of a list, tuple or other iterable; InputError for one string, and others."""
    if optional and value is None:
        return None
    wanted = "a list of strings" + (" or None" if optional else "")
    if not is_list(value):
        raise taken(name, value, wanted)
    found = list(value)
    for one in found:
        if not isinstance(one, str):
            raise taken(name, one, wanted)
    return found


def is_list(value: Any) -> bool:
    """Whether a value can be iterated over and is no text."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def check_text(name: str, value: Any) -> None:
    """Raise InputError unless a value is one document."""
    if not isinstance(value, str | bytes):
        raise taken(name, value, "one text, str or bytes")


# Endings of files of documents; a text hardly ever ends so.
_OF_FILES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".arrow", ".feather", ".txt", ".gz")


def one_text(text: str | bytes) -> list[str | bytes]:
    """A single text as the list of one.

    Raises InputError for the name of a file that is there: it would be answered as a text.
    """
    if isinstance(text, str) and text.endswith(_OF_FILES) and os.path.isfile(text):
        raise InputError(
            f"{shown(text)} is a file, and would be answered as a text",
            mend="evaluate and classify_files read files; for the name itself give bytes",
        )
    return [text]


def check_label(label: Any, labels: Sequence[str], place: str | None = None) -> None:
    """Raise InputError, which names the nearest of the labels or the first ones, unless a label is
    one of them;  place  the model's file."""
    if isinstance(label, str) and label in labels:
        return
    from textmlr.base.near_names import nearest_name

    near = nearest_name(label, labels) if isinstance(label, str) else None
    if near is not None:
        mend = f"did you mean {near}?"
    else:
        more = f" and {len(labels) - NAMED_LABELS:,} more" if len(labels) > NAMED_LABELS else ""
        mend = "the labels are " + ", ".join(labels[:NAMED_LABELS]) + more
    raise InputError(f"no label {shown(label)}", place=place, mend=mend)
