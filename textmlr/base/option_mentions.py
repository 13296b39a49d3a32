"""Options of reading that a message mentions: the command line writes --format csv, Python
reading=ReadingOptions(format='csv').

A mention stands in the text of an error between two control characters, which nothing that is
quoted from a file has; whoever shows the error spells it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

_BEGIN, _END = "\x0e", "\x0f"
_RUN = re.compile(f"{_BEGIN}[^{_END}]*{_END}(?: {_BEGIN}[^{_END}]*{_END})*")
_COLUMNS = {"text_column": "text", "label_column": "label", "weight_column": "weights"}
# An option and its value, None for the option alone.
Mention: TypeAlias = tuple[str, str | bool | None]
Spelled: TypeAlias = Callable[[Sequence[Mention]], str]


def mention(option: str, value: str | bool | None = None) -> str:
    """The mark of an option, with a value or alone, for the text of an error.

    >>> spelled(f"say {mention('format', 'csv')}", in_python)
    "say reading=ReadingOptions(format='csv')"
    """
    return f"{_BEGIN}{json.dumps([option, value])}{_END}"


def mentions_options(text: str) -> bool:
    """Whether options are mentioned."""
    return _BEGIN in text


def spelled(text: str, spelling: Spelled) -> str:
    """A text with its mentions spelled; those with only a space between are spelled together."""
    if not mentions_options(text):
        return text

    def together(found: re.Match[str]) -> str:
        marks = found[0].removeprefix(_BEGIN).removesuffix(_END).split(f"{_END} {_BEGIN}")
        return spelling([tuple(json.loads(mark)) for mark in marks])

    return _RUN.sub(together, text)


def in_python(mentions: Sequence[Mention]) -> str:
    """The arguments of Python's functions: reading=ReadingOptions(header=False), text='2'."""
    columns, others = [], []
    for option, value in mentions:
        if option in _COLUMNS:
            columns.append(f"{_COLUMNS[option]}={_value(value, repr('…'))}")
        else:
            others.append(f"{option}={_value(value, '…')}")
    whole = [f"reading=ReadingOptions({', '.join(others)})"] if others else []
    return ", ".join(whole + columns)


def _value(value: str | bool | None, unknown: str) -> str:
    return unknown if value is None else repr(value)
