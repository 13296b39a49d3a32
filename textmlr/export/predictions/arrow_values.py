"""Values of Arrow columns as text and as JSON."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmlr.base.errors import InputError
from textmlr.corpus.arrow_types import plain


def decoded(column: pa.Array) -> pa.Array:
    """A column of a dictionary, or of an extension type, as a column of its values."""
    if isinstance(column.type, pa.BaseExtensionType):
        return plain(column)
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def iso_times(column: pa.Array) -> pa.Array:
    """Timestamps as ISO 8601: 2026-01-31T12:00:00.000, in UTC and with a Z if they have a zone."""
    kind = column.type
    form = "%Y-%m-%dT%H:%M:%S"
    if kind.tz is not None:
        # Through integers, since Arrow counts from UTC: no data base of zones is needed.
        column, form = column.cast(pa.int64()).cast(pa.timestamp(kind.unit)), form + "Z"
    return pc.strftime(column, format=form)


def text_of(column: pa.Array, name: str, place: str) -> pa.Array:
    """Bytes as text.  Raises InputError, naming the column, where they are not UTF-8."""
    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise InputError(
            f"column {name!r} holds bytes that are not text",
            place=place,
            mend="write .parquet, which can hold them",
        ) from error


def is_bytes(kind: pa.DataType) -> bool:
    """Whether values are bytes, of whatever size."""
    types = pa.types
    return bool(
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    )


def json_values(column: pa.Array, name: str, place: str) -> list[Any]:
    """The values of a column as the json module takes them; NaN and infinities become None.

    Raises InputError for bytes that are not UTF-8.
    """
    column = decoded(column)
    kind = column.type
    types = pa.types
    if types.is_timestamp(kind):
        column = iso_times(column)
    elif is_bytes(kind):
        column = text_of(column, name, place)
    elif types.is_floating(kind):
        # Arrow's functions take no halves, and an older Arrow gives them as NumPy's numbers.
        column = column.cast(pa.float32()) if types.is_float16(kind) else column
        column = pc.if_else(pc.is_finite(column), column, None)
    try:
        values: list[Any] = column.to_pylist(maps_as_pydicts="strict")
    except UnicodeDecodeError:  # text that is nearly UTF-8, read as U+FFFD everywhere
        whole = column.cast(pa.large_binary()).to_pylist()
        values = [None if one is None else one.decode("utf-8", "replace") for one in whole]
    return values


def encode_json(value: Any, name: str, place: str) -> str:
    """One value as JSON.

    Dates and times are ISO 8601, decimal numbers strings.  Raises InputError for a value that JSON
    cannot hold.
    """
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} holds what JSON cannot: {error}",
            place=place,
            mend="write .parquet, which can hold it",
        ) from error


def _other(value: Any) -> str | float:
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, np.floating):  # a half within a list, as older Arrows have it
        return float(value)
    raise TypeError(f"a {type(value).__name__}")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_other)
