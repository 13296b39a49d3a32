"""Columns of rows that hold objects: a column may be called by nested keys, as data.text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MISSING: Final[Any] = object()  # no such key
_DEEPEST, _MOST = 4, 200  # keys within each other that are listed, and how many of them


def reach(row: Any, name: str) -> Any:
    """The value that a row has under a name, MISSING if there is none.

    A key of that very name wins over nested keys.  In a list each member is looked into: that of a
    list of one is the value, and of several there is a list of values.

    >>> reach({"data": {"text": "a fox"}}, "data.text"), reach({"data.text": 3}, "data.text")
    ('a fox', 3)
    >>> reach({"labels": [{"name": "x"}]}, "labels.name")
    'x'
    >>> reach({"labels": [{"name": "x"}, {"name": "y"}]}, "labels.name")
    ['x', 'y']
    """
    if isinstance(row, list | tuple):
        values = [value for inner in row if (value := reach(inner, name)) is not MISSING]
        return MISSING if not values else values[0] if len(values) == 1 else values
    if not isinstance(row, Mapping):
        return MISSING
    if name in row:
        return row[name]
    at = name.find(".")
    while at >= 0:
        if name[:at] in row:
            value = reach(row[name[:at]], name[at + 1 :])
            if value is not MISSING:
                return value
        at = name.find(".", at + 1)
    return MISSING


def value_at(row: Any, name: str) -> Any:
    """The value that a row has under a name, None if it has none."""
    value = reach(row, name)
    return None if value is MISSING else value


def column_names(row: Mapping[Any, Any]) -> list[str]:
    """The columns of a row, in order: its keys; of an object, the keys within.

    >>> column_names({"id": 1, "data": {"text": "a fox", "meta": {"lang": "en"}}})
    ['id', 'data.text', 'data.meta.lang']
    """
    return list(dict.fromkeys([*_names(row, _DEEPEST)]))[: max(_MOST, len(row))]


def _names(row: Mapping[Any, Any], depth: int) -> list[str]:
    names: list[str] = []
    for key, value in row.items():
        if isinstance(value, Mapping) and value and depth > 1:
            names += [f"{key}.{name}" for name in _names(value, depth - 1)]
        else:
            names.append(str(key))
    return names
