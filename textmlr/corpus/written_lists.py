"""Lists of labels that stand in one field of text, as JSON, Python or NumPy write them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

ENDS = {"[": "]", "(": ")", "{": "}"}
_EMPTY = frozenset({"[]", "()", "set()"})
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_ITEM = re.compile(rf"{_QUOTED}|[0-9]+")
# NumPy writes nothing but spaces between.
_STRINGS = re.compile(rf"\s*{_QUOTED}(?:(?:\s*,\s*|\s+){_QUOTED})*\s*,?\s*", re.DOTALL)
_NUMBERS = re.compile(r"\s*[0-9]+(?:(?:\s*,\s*|\s+)[0-9]+)*\s*,?\s*")
NEARLY_ALL = 0.9  # of the first labels that are not empty are lists, where a column holds lists


def listed_labels(field: str) -> list[str] | None:
    """The labels of the list that a field is, None if it is none.

    >>> listed_labels('["a", "b"]'), listed_labels("['a' 'b']"), listed_labels("('a',)")
    (['a', 'b'], ['a', 'b'], ['a'])
    >>> listed_labels("[3, 10]"), listed_labels("[]"), listed_labels("[a]"), listed_labels("a")
    (['3', '10'], [], None, None)
    """
    field = field.strip()
    if field in _EMPTY:
        return []
    if len(field) < 3 or ENDS.get(field[0]) != field[-1]:
        return None
    try:
        found = _names(json.loads(field))
    except (ValueError, RecursionError):
        found = None
    return _of_literal(field) if found is None else found


def _names(value: Any) -> list[str] | None:
    """The labels of a JSON list, null left out; None if it is none of strings and numbers."""
    if not isinstance(value, list):
        return None
    value = [one for one in value if one is not None]
    if not all(isinstance(one, str) or type(one) is int for one in value):
        return None
    return [str(one).strip() for one in value]


def _of_literal(field: str) -> list[str] | None:
    """The labels of a list, tuple or set of strings as Python or NumPy writes it."""
    inside = field[1:-1]
    if not (_STRINGS.fullmatch(inside) or (field[0] == "[" and _NUMBERS.fullmatch(inside))):
        return None
    try:
        return [str(ast.literal_eval(item)).strip() for item in _ITEM.findall(inside)]
    except (ValueError, SyntaxError):
        return None


def are_lists(fields: Sequence[str]) -> bool:
    """Whether labels are lists, by the first fields of a file.

    >>> are_lists(["['a']", "", "['a', 'b']"]), are_lists(["a", "['a', 'b']"])
    (True, False)
    """
    own = [field for field in map(str.strip, fields) if field]
    lists = sum(listed_labels(field) is not None for field in own)
    return lists > 0 and lists >= NEARLY_ALL * len(own)
