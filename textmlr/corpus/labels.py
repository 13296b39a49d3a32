"""Labels and weights in memory, as a Corpus has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.option_errors import shown
from textmlr.corpus.batch import ASCII_SPACE, Batch
from textmlr.corpus.containers import column_of, missing_in, refuse_type

_BREAKS = {"\t": "a tab", "\n": "a line break", "\r": "a line break", "\x00": "a NUL"}
_BREAK = re.compile("[\t\n\r\x00]")
Names = dict[str, tuple[int, Any]]  # name: (its number by occurrence, the first label of it)
LARGEST_WEIGHT = float(np.finfo(np.float32).max)


def code_labels(
    labels: Any, documents: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int32], list[str]]:
    """(codes (n,) int32, names sorted by code point) of labels.

    labels  str, bytes, int or bool, in anything ``corpus.containers`` takes; categories and
            dictionaries too.  The name of 3 is "3", that of True is "true"; ASCII whitespace
            around a str is no part of it, as in files
    documents  (n,) the number of each one's document, for messages; None: a label a document
    Raises InputError, naming the position, for a missing or empty label, one of another type,
    one with a tab or line break in it, and for two of different types with one name.
    """
    column = column_of(labels, "labels", "label")
    if not hasattr(column, "chunks"):
        return _sorted_codes(*_encode(column, documents))
    from textmlr.corpus.arrow_types import coded, names_of, use_of

    at = range(len(column)) if documents is None else documents.tolist()
    if (missing := missing_in(column)) is not None:
        raise _missing(at[missing], "null")
    if use_of(column.type).label in (None, "time"):
        raise refuse_type("labels", column.type, "text or whole numbers")
    names: Names = {}
    parts: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    first = 0
    for codes, distinct in map(coded, column.chunks):
        if len(codes) and codes.min() < 0:
            raise _missing(at[first + int((codes < 0).argmax())], "null")
        values = names_of(distinct)
        used, places = np.unique(codes, return_index=True)
        numbers = np.zeros(len(values), np.int64)
        for place, code in sorted(zip(places.tolist(), used.tolist(), strict=True)):
            numbers[code] = _enter(names, values[code], at[first + place])
        parts.append(numbers[codes])
        first += len(codes)
    return _sorted_codes(np.concatenate(parts), names)


def is_missing(label: Any) -> bool:
    """Whether a value means a missing one: None, NaN, or pandas' NA and NaT.

    pandas' NA has no truth value when it is compared, and is known by name.
    """
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, float | np.floating) and bool(label != label)


def plain_name(label: Any) -> str:
    """The name of a label that is text, a number or a truth value, as files would have it."""
    return str(label).lower() if isinstance(label, bool | np.bool_) else str(label)


def check_weights(weights: Any) -> NDArray[np.float32]:
    """Weights of documents, (n,) float32; InputError, naming the position, unless each is a
    finite number of at least 0."""
    column = column_of(weights, "weights", "weight")
    if hasattr(column, "chunks"):
        from textmlr.corpus.arrow_batch import numbers
        from textmlr.corpus.arrow_types import use_of

        if not use_of(column.type).weight:
            raise refuse_type("weights", column.type, "numbers")
        values = [number for chunk in column.chunks for number in numbers(chunk).tolist()]
    else:
        values = list(column)
    out = np.empty(len(values), np.float32)
    for position, value in enumerate(values):
        number = isinstance(value, int | float | np.integer | np.floating)
        if not number or isinstance(value, bool) or not 0 <= value <= LARGEST_WEIGHT:
            raise InputError(
                f"weight {position} is {shown(value):.40}, not a finite number >= 0",
                mend="give each document a weight such as 1 or 0.5",
            )
        out[position] = value
    return out


def _encode(labels: Any, documents: NDArray[np.int64] | None) -> tuple[NDArray[np.int64], Names]:
    names: Names = {}
    labels = labels if isinstance(labels, list) else list(labels)
    if set(map(type, labels)) == {str}:
        return _encode_strings(labels, documents)
    known: dict[tuple[type, Any], int] = {}
    codes = []
    numbered = (
        enumerate(labels) if documents is None else zip(documents.tolist(), labels, strict=True)
    )
    for position, label in numbered:
        try:
            code = known.get((type(label), label))
        except TypeError:  # a list, or the like
            raise _not_a_label(position, label) from None
        if code is None:
            code = known[(type(label), label)] = _enter(names, label, position)
        codes.append(code)
    return np.array(codes, np.int64), names


def _encode_strings(
    labels: list[str], documents: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], Names]:
    """``_encode``, of labels that are all text, with few steps of Python for each."""
    code_of = dict.fromkeys(labels)
    distinct = list(code_of)
    code_of = dict(zip(distinct, range(len(distinct)), strict=True))
    codes = np.fromiter(map(code_of.__getitem__, labels), np.int64, len(labels))
    first = np.empty(len(distinct), np.int64)
    first[codes[::-1]] = np.arange(len(labels))[::-1]
    at = first if documents is None else documents[first]
    names: Names = {}
    own = [_enter(names, label, i) for label, i in zip(distinct, at.tolist(), strict=True)]
    return np.array(own, np.int64)[codes], names


def _enter(names: Names, label: Any, position: int) -> int:
    """The number of a label, by the order of ``names``, which is added to."""
    name = _name_of(label, position)
    number, other = names.setdefault(name, (len(names), label))
    if other is not label and _kind(other) != _kind(label):
        raise InputError(
            f"label {position} is {label!r}, and another is {other!r}: both would be {name!r}",
            mend="make all labels of one type",
        )
    return number


def _kind(label: Any) -> str:
    if isinstance(label, str | bytes):
        return "text"
    return "truth" if isinstance(label, bool | np.bool_) else "number"


def _name_of(label: Any, position: int) -> str:
    if isinstance(label, bytes):
        try:
            label = label.decode()
        except UnicodeDecodeError:
            raise InputError(
                f"label {position}, {shown(label):.40}, is not UTF-8", mend="decode it"
            ) from None
    if isinstance(label, bool | np.bool_ | int | np.integer):
        return plain_name(label)
    if not isinstance(label, str):
        raise (
            _missing(position, shown(label)) if is_missing(label) else _not_a_label(position, label)
        )
    name = str(label.strip(ASCII_SPACE))
    if not name:
        raise InputError(f"label {position} is empty", mend="give each document a label")
    if found := _BREAK.search(name):
        called = _BREAKS[found[0]]
        raise InputError(f"label {position}, {name!r:.40}, has {called} in it", mend="rename it")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"label {position}, {name!r:.40}, has half a character in it", mend="rename it"
        ) from None
    return name


def _missing(position: int, what: str) -> InputError:
    return InputError(
        f"label {position} is missing ({what})", mend="fill or drop documents without a label"
    )


def _not_a_label(position: int, label: Any) -> InputError:
    return InputError(
        f"label {position} is {shown(label):.40} ({type(label).__name__}), not str, int or bool",
        mend="make labels whole numbers (which become floats where some are missing) or strings"
        if isinstance(label, float)
        else "make labels strings, such as str(label)",
    )


def _sorted_codes(codes: NDArray[np.int64], names: Names) -> tuple[NDArray[np.int32], list[str]]:
    """Codes into the order of occurrence as codes into sorted names."""
    order = sorted(names)
    rank = {name: number for number, name in enumerate(order)}
    ranks = np.array([rank[name] for name in names], np.int32)
    return (ranks[codes] if len(codes) else np.zeros(0, np.int32)), order


def distinct_labels(labels: Iterable[str] | None, batches: Sequence[Batch]) -> list[str] | None:
    """The labels, each once, sorted; InputError unless there is one str a document."""
    if labels is None:
        return None
    column = column_of(labels, "labels", "label")
    listed = column.to_pylist() if hasattr(column, "chunks") else list(column)
    documents = sum(map(len, batches))
    if len(listed) != documents:
        raise InputError(
            f"{len(listed)} labels for {documents} documents", mend="give one label a document"
        )
    for position, label in enumerate(listed):
        if not isinstance(label, str):
            raise InputError(
                f"label {position} is {shown(label):.40} ({type(label).__name__}), not str",
                mend="make labels strings, such as str(label)",
            )
    return sorted(set(listed))
