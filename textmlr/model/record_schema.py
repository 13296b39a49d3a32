"""Typed JSON objects of a record: read with checks, and written back as they were read.

A part is a dataclass whose fields say which JSON values they take.  Keys may be absent, as they
were in records of older versions, and stay so; other keys, which a newer version may write, are
let through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields, replace
from typing import Any, TypeAlias, TypeVar, dataclass_transform

from textmlr.base.limits import MOST_COUNT
from textmlr.base.ngram_lengths import MAX_NGRAM

Json: TypeAlias = dict[str, Any]
P = TypeVar("P", bound="Part")


class WrongRecordError(Exception):
    """The fault of a record, in words."""


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value that is no part.

    wanted     in words
    fits       whether a value is that
    is_tuple   a list, that a part holds as a tuple
    """

    wanted: str
    fits: Callable[[Any], bool]
    is_tuple: bool = False


Kind: TypeAlias = "Value | type[Part] | Callable[[Json], type[Part]]"


def needed(kind: Kind, key: str | None = None, *, nullable: bool = False) -> Any:
    """A field whose key must be there;  key  in JSON, None: the field's name."""
    return field(metadata={"kind": kind, "key": key, "needed": True, "nullable": nullable})


def optional(kind: Kind, *, nullable: bool = False) -> Any:
    """A field whose key may be absent: it is None then.

    nullable  null may stand for the value, and is written where a new part has none
    """
    return field(default=None, metadata={"kind": kind, "nullable": nullable})


def several(kind: Kind, *, is_needed: bool = False, is_written: bool = True) -> Any:
    """A field that is a list of parts of one kind, () where it is absent.

    is_written  a new part writes it though it is empty
    """
    metadata = {"kind": kind, "several": True, "needed": is_needed, "nullable": is_written}
    return field(metadata=metadata) if is_needed else field(default=(), metadata=metadata)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def part(own: type[P]) -> type[P]:
    """Make a class a kind of part: a frozen dataclass, made by keywords.

    Its methods stand once, in Part.  ``dataclass`` would write and compile them for each kind,
    which takes a twentieth of a command's start.
    """
    return dataclass(init=False, repr=False, eq=False)(own)


@part
class Part:
    """An object of a record.

    keys   of the JSON it was read from, in order; None where it is made anew
    other  values of keys that this version does not know
    """

    keys: tuple[str, ...] | None = field(default=None, compare=False)
    other: Json = field(default_factory=dict)

    def __init__(self, **values: Any) -> None:
        for one in fields(self):
            if one.name in values:
                value = values.pop(one.name)
            elif one.default_factory is not MISSING:
                value = one.default_factory()
            elif one.default is not MISSING:
                value = one.default
            else:
                raise TypeError(f"{type(self).__name__} needs {one.name}")
            object.__setattr__(self, one.name, value)
        if values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    @classmethod
    def read(cls: type[P], values: Any, at: str) -> P:
        """The part of JSON values.

        at  where they stand, for WrongRecordError: raised for what no version writes
        """
        if not isinstance(values, dict):
            raise WrongRecordError(f"{at} is {_shown(values)}, not an object")
        known, own = {}, json_fields(cls)
        for key, one in own.items():
            if key in values:
                known[one.name] = _read(values[key], one, f"{at}.{key}")
            elif one.metadata.get("needed"):
                raise WrongRecordError(f"{at}.{key} is missing")
        other = {key: value for key, value in values.items() if key not in own}
        part = cls(**known, keys=tuple(values), other=other)
        part.check(at)
        return part

    def __eq__(self, other: object) -> bool:
        names = [one.name for one in fields(self) if one.compare]
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in names
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.as_json()})"

    def check(self, at: str) -> None:
        """Raise WrongRecordError where values do not fit together."""

    def as_json(self) -> Json:
        """JSON values, to the same bytes as they were read from."""
        own = json_fields(type(self))
        read = self.keys or ()
        fresh = [key for key in own if key not in read and self._stands(own[key])]
        return {
            key: _json(getattr(self, own[key].name)) if key in own else self.other[key]
            for key in (*read, *fresh)
        }

    def _stands(self, one: Field[Any]) -> bool:
        """Whether a key that was not read is written."""
        if one.metadata.get("needed") or getattr(self, one.name) not in (None, ()):
            return True
        return self.keys is None and bool(one.metadata.get("nullable"))

    def without(self: P, *keys: str) -> P:
        """This part, with these keys not written while they have no value."""
        return replace(self, keys=tuple(key for key in self.as_json() if key not in keys))


def json_fields(part: type[Part]) -> dict[str, Field[Any]]:
    """The fields of a part by their keys in JSON, in order."""
    own = [one for one in fields(part) if "kind" in one.metadata]
    return {one.metadata.get("key") or one.name: one for one in own}


def _is_list(one: Field[Any]) -> bool:
    return bool(one.metadata.get("several"))


def _read(value: Any, one: Field[Any], at: str) -> Any:
    kind = one.metadata["kind"]
    if _is_list(one):
        return _read_several(value, kind, at)
    if isinstance(kind, Value):
        if value is None and one.metadata.get("nullable"):
            return None
        if not kind.fits(value):
            null = " or null" if one.metadata.get("nullable") else ""
            raise WrongRecordError(f"{at} is {_shown(value)}, not {kind.wanted}{null}")
        return tuple(value) if kind.is_tuple and value is not None else value
    if value is None and one.metadata.get("nullable"):
        return None
    return _part_of(kind, value).read(value, at)


def _read_several(value: Any, kind: Any, at: str) -> tuple[Part, ...]:
    if not isinstance(value, list):
        raise WrongRecordError(f"{at} is {_shown(value)}, not a list")
    own = _part_of(kind, value[0]) if value else Part
    return tuple(own.read(one, f"{at}.{number}") for number, one in enumerate(value))


def _part_of(kind: Any, value: Any) -> type[Part]:
    """The kind itself, or the one that it chooses by the values."""
    if isinstance(kind, type):
        return kind
    chosen: type[Part] = kind(value if isinstance(value, dict) else {})
    return chosen


def _json(value: Any) -> Any:
    if isinstance(value, Part):
        return value.as_json()
    if isinstance(value, tuple):
        # Numbers of a million labels, say, are written as they are.
        plain = bool(value) and isinstance(value[0], int | float | str)
        return list(value) if plain else [_json(one) for one in value]
    return value


def _shown(value: Any) -> str:
    """The beginning of a value, or its kind where that would be long."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= MOST_COUNT:
        return "a huge number"
    return f"{value!r:.40}"


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < MOST_COUNT


def _real(value: Any) -> bool:
    """A number that is a finite float, though it may be written as a whole one."""
    if type(value) is int:
        return abs(value) < MOST_COUNT
    return type(value) is float and math.isfinite(value)


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _counts(value: Any) -> bool:
    # Without a step of Python for each: there may be a million.
    whole = isinstance(value, list) and set(map(type, value)) == {int} and min(value) >= 0
    return whole and 0 < sum(value) < MOST_COUNT


def _weights(value: Any) -> bool:
    numbers = isinstance(value, list) and all(_real(one) and one >= 0 for one in value)
    return numbers and any(value)


def _range(value: Any) -> bool:
    pair = isinstance(value, list | tuple) and len(value) == 2
    return value is None or (pair and all(type(n) is int and 1 <= n <= MAX_NGRAM for n in value))


def _pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_whole, value))


WHOLE = Value("a whole number of at least 0", _whole)
REAL = Value("a finite number", _real)
POSITIVE = Value("a finite number above 0", lambda value: _real(value) and value > 0)
NOT_NEGATIVE = Value("a finite number of at least 0", lambda value: _real(value) and value >= 0)
FLAG = Value("true or false", lambda value: isinstance(value, bool))
NAME = Value("a string", lambda value: isinstance(value, str))
NAMES = Value("a list of strings", _names, is_tuple=True)
COUNTS = Value("a list of whole numbers of at least 0, of which one is more", _counts, True)
WEIGHTS = Value("a list of finite numbers of at least 0, of which one is more", _weights, True)
RANGE = Value(f"null or a pair of whole numbers from 1 to {MAX_NGRAM}", _range, is_tuple=True)
PAIR = Value("two whole numbers of at least 0", _pair, is_tuple=True)
LIST = Value("a list", lambda value: isinstance(value, list))
OBJECT = Value("an object", lambda value: isinstance(value, dict))
ANYTHING = Value("anything", lambda value: True)
