"""Arrow's columns as Batches, labels and weights, used where they lie; and the way back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.corpus.arrow_types import coded, names_of, plain, values_of
from textmlr.corpus.batch import ASCII_SPACE, Batch
from textmlr.corpus.label_sets import LabelSets
from textmlr.kernels import text_spans


def batch_of(array: pa.Array) -> Batch:
    """The documents of an array that ``arrow_types`` calls text, in its own buffers.

    Views, dictionaries and the like are copied into such an array first.  Nulls are empty texts.
    Raises InputError where offsets are not within the text: Arrow itself checks only the first and
    the last.
    """
    array = plain(array)
    kind = array.type
    if len(array) == 0:
        none: NDArray[np.int64] = np.zeros(0, np.int64)
        return Batch(np.zeros(0, np.uint8), none, none)
    small = pa.types.is_string(kind) or pa.types.is_binary(kind)
    _, offsets, data = array.buffers()
    width = np.int32 if small else np.int64
    ends = np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1]
    ends64 = ends.astype(np.int64, copy=False)
    text = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    starts, stops = ends64[:-1], ends64[1:]
    if ends64[0] < 0 or ends64[-1] > text.size or (stops < starts).any():
        raise InputError(
            "the Arrow array is damaged: its offsets are not within its text",
            mend="make it again; its validate(full=True) says where",
        )
    if array.null_count:  # spans of nulls may hold anything
        stops = np.where(array.is_valid().to_numpy(zero_copy_only=False), stops, starts)
    return Batch(text, starts, stops)


def encoded(array: pa.Array) -> tuple[NDArray[np.int32], list[str | None]]:
    """A column that ``arrow_types`` calls labels, as (codes (n,) int32, names); -1 where there is
    none.

    Strings are stripped of ASCII whitespace; numbers, booleans and dates are named as in JSON or
    ISO 8601.  A value without such a name (NaN, infinity, bytes that are not UTF-8) is None there.
    A name may occur several times, or not at all in the column.
    """
    codes, values = coded(array)
    return codes.astype(np.int32), [name_of(value) for value in names_of(values)]


def name_of(value: Any) -> str | None:
    """The name of a label, None if it has none."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, str):
        return value.strip(ASCII_SPACE)
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, float):  # NaN and infinities
        return None
    if value is None or value != value or isinstance(value, list | dict | tuple):
        return None
    return str(value)


def merged(
    codes: NDArray[np.int32], names: list[str | None]
) -> tuple[NDArray[np.int32], list[str]]:
    """Turn codes >= 0 into names, none of them None, into codes of the distinct names that occur,
    in order of first occurrence in the list."""
    present = np.bincount(codes, minlength=len(names)) > 0
    code_of: dict[str, int] = {}
    renumbered = np.zeros(max(len(names), 1), np.int32)
    for old in np.flatnonzero(present).tolist():
        name = names[old]
        assert name is not None
        renumbered[old] = code_of.setdefault(name, len(code_of))
    return renumbered[codes], list(code_of)


def numbers(array: pa.Array) -> NDArray[np.float64]:
    """A column that ``arrow_types`` calls weights, (n,) float64; NaN where there is none."""
    values = plain(array).cast(pa.float64(), safe=False)
    own: NDArray[np.float64] = values_of(values.fill_null(np.nan) if values.null_count else values)
    return own


def strings_of(batch: Batch) -> pa.Array:
    """The documents as an array of strings; bytes that are not UTF-8 are U+FFFD."""
    n = len(batch)
    ends = np.zeros(n + 1, np.int64)
    np.cumsum(batch.stops - batch.starts, out=ends[1:])
    text = np.empty(int(ends[-1]), np.uint8)
    text_spans.gather(frozen(batch.text), frozen(batch.starts), frozen(batch.stops), text)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(text)]
    return as_strings(pa.Array.from_buffers(pa.large_binary(), n, buffers))


def as_strings(array: pa.Array) -> pa.Array:
    """Binary as strings; bytes that are not UTF-8 are U+FFFD.  Other types stay as they are."""
    if not (pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)):
        return array
    strings = pa.string() if pa.types.is_binary(array.type) else pa.large_string()
    try:
        return array.cast(strings)
    except pa.ArrowInvalid:
        values = [
            None if value is None else value.decode("utf-8", "replace")
            for value in array.to_pylist()
        ]
        return pa.array(values, strings)


def labels_of(codes: NDArray[np.integer[Any]], names: Sequence[str | None]) -> pa.Array:
    """Labels as an array of strings."""
    return pc.take(pa.array(names, pa.string()), pa.array(codes))


def lists_of(y: LabelSets, names: list[str]) -> pa.Array:
    """Label sets as an array of lists of strings."""
    return pa.LargeListArray.from_arrays(pa.array(y.offsets), labels_of(y.codes, names))


def record_batch(columns: dict[str, Any]) -> pa.RecordBatch:
    """A table of named arrays, Arrow's or NumPy's, of one length."""
    arrays = [
        pa.array(array) if isinstance(array, np.ndarray) else array for array in columns.values()
    ]
    return pa.RecordBatch.from_arrays(arrays, list(columns))
