"""Arrow's types: which may hold texts, labels and weights, and columns of them as plain arrays.

Every type of Arrow's stands in TYPES.  Dictionaries, run-end encoded columns and extension types
are wrappers: the type within decides.  ``plain`` and ``coded`` take wrappers off.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

LabelKind = Literal["text", "whole", "real", "truth", "time"]


class Use(NamedTuple):
    """The uses that a column may have.

    text    each value is a document
    label   how a value becomes a name: "text": as it is; "whole", "real", "truth": as JSON writes
            it; "time": as ISO 8601 does; None: it is no label.  In memory (``Corpus.of``) only
            "text", "whole" and "truth" are labels
    weight  each value is a number
    """

    text: bool
    label: LabelKind | None
    weight: bool


_TEXT = Use(True, "text", False)
_WHOLE = Use(False, "whole", True)
_REAL = Use(False, "real", True)
_TIME = Use(False, "time", False)
_NO = Use(False, None, False)
# By the names of pyarrow.lib.Type_*; an older Arrow does not have all.
WRAPPED: Final = None  # the type within decides
TYPES: Final[dict[str, Use | None]] = {
    "NA": Use(False, "text", False),  # the label of every row is missing
    "BOOL": Use(False, "truth", False),
    "UINT8": _WHOLE,
    "UINT16": _WHOLE,
    "UINT32": _WHOLE,
    "UINT64": _WHOLE,
    "INT8": _WHOLE,
    "INT16": _WHOLE,
    "INT32": _WHOLE,
    "INT64": _WHOLE,
    "HALF_FLOAT": _REAL,
    "FLOAT": _REAL,
    "DOUBLE": _REAL,
    "DECIMAL32": _REAL,
    "DECIMAL64": _REAL,
    "DECIMAL128": _REAL,
    "DECIMAL256": _REAL,
    "STRING": _TEXT,
    "LARGE_STRING": _TEXT,
    "STRING_VIEW": _TEXT,
    "BINARY": _TEXT,
    "LARGE_BINARY": _TEXT,
    "BINARY_VIEW": _TEXT,
    "FIXED_SIZE_BINARY": _TEXT,
    "DATE32": _TIME,
    "DATE64": _TIME,
    "TIME32": _TIME,
    "TIME64": _TIME,
    "TIMESTAMP": _TIME,
    "DURATION": _NO,
    "INTERVAL_MONTHS": _NO,
    "INTERVAL_DAY_TIME": _NO,
    "INTERVAL_MONTH_DAY_NANO": _NO,
    "LIST": _NO,
    "LARGE_LIST": _NO,
    "LIST_VIEW": _NO,
    "LARGE_LIST_VIEW": _NO,
    "FIXED_SIZE_LIST": _NO,
    "STRUCT": _NO,
    "MAP": _NO,
    "SPARSE_UNION": _NO,
    "DENSE_UNION": _NO,
    "DICTIONARY": WRAPPED,
    "RUN_END_ENCODED": WRAPPED,
    "EXTENSION": WRAPPED,
}
# Arrow's own extension types whose stored type does not decide, as it does with all others.
EXTENSIONS: Final[dict[str, Use]] = {
    "arrow.uuid": Use(False, "text", False),
    "arrow.bool8": Use(False, "truth", False),
}
_UUID_DASHES = (8, 12, 16, 20)
_NO_FRACTION = re.compile(r"\.0+(?!\d)")  # a fraction of a second that is 0
_BY_ID = {
    getattr(pa.lib, f"Type_{name}"): use
    for name, use in TYPES.items()
    if hasattr(pa.lib, f"Type_{name}")
}


def is_list(kind: pa.DataType) -> bool:
    """Whether each value is a list, of whatever kind of Arrow's."""
    names = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")
    tests = (getattr(pa.types, f"is_{name}", None) for name in names)  # an older Arrow has fewer
    return any(test is not None and test(kind) for test in tests)


def first_members(array: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """(members of each list (n,) int64, −1 for null; the first member of each list that has one).

    Raises pa.ArrowException for lists that Arrow cannot cut.
    """
    kind = array.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        # Casts of list views, and of slices, have been wrong in several releases of Arrow.
        array = pa.array(array.to_pylist(), pa.large_list(kind.value_type))
    counts = values_of(pc.list_value_length(array).cast(pa.int64()).fill_null(-1))
    return counts, pc.list_flatten(pc.list_slice(array, 0, 1))


def members_of(array: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """(members of each list (n,) int64, −1 for null; all members, in order).

    Raises pa.ArrowException for lists that Arrow cannot cut.
    """
    kind = array.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        # Casts of list views, and of slices, have been wrong in several releases of Arrow.
        array = pa.array(array.to_pylist(), pa.large_list(kind.value_type))
    counts = values_of(pc.list_value_length(array).cast(pa.int64()).fill_null(-1))
    return counts, pc.list_flatten(array)


def use_of(kind: pa.DataType) -> Use:
    """The uses of columns of this type; none if the type is not in TYPES."""
    if isinstance(kind, pa.BaseExtensionType):
        return EXTENSIONS.get(kind.extension_name) or use_of(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return use_of(kind.value_type)
    return _BY_ID.get(kind.id) or _NO


def plain(array: pa.Array) -> pa.Array:
    """The values without wrappers; views, which Arrow cannot take rows of, as large strings or
    binary, and binary of a fixed size as binary.

    Raises pa.ArrowException for a type that is no text, label or weight.
    """
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _of_extension(kind.extension_name, plain(array.storage))
    if pa.types.is_dictionary(kind):
        return plain(array.dictionary).take(array.indices)
    if pa.types.is_run_end_encoded(kind):
        return plain(array.values).take(pa.array(_runs(array)))
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        whole = pa.large_string() if pa.types.is_string_view(kind) else pa.large_binary()
        try:
            return array.cast(whole)
        except pa.ArrowNotImplementedError:  # before Arrow 18
            return pa.array(array.to_pylist(), whole)
    return array.cast(pa.binary()) if pa.types.is_fixed_size_binary(kind) else array


def coded(array: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """(codes (n,) int64, −1 where there is no value; a plain array of the values that they stand
    for, of which some may be alike, or occur in no row).

    Raises pa.ArrowException for a type that is no text, label or weight.
    """
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        codes, values = coded(array.storage)
        return codes, _of_extension(kind.extension_name, values)
    if pa.types.is_dictionary(kind):
        return _looked_up(_codes(array.indices), array.dictionary)
    if pa.types.is_run_end_encoded(kind):
        return _looked_up(_runs(array), array.values)
    array = plain(array)
    if pa.types.is_null(array.type):
        return np.full(len(array), -1, np.int64), pa.array([], pa.string())
    try:
        whole = array.dictionary_encode()
    except pa.ArrowNotImplementedError:  # decimals of few bits
        own = np.where(array.is_valid().to_numpy(zero_copy_only=False), np.arange(len(array)), -1)
        return own, array
    return _codes(whole.indices), whole.dictionary


def values_of(array: pa.Array) -> NDArray[Any]:
    """The values of an array of numbers without nulls, where they lie.

    Arrow's own to_numpy imports pandas if it is installed, which may take longer than all else.
    """
    dtype = array.type.to_pandas_dtype()
    data = array.buffers()[1]
    whole = np.zeros(0, dtype) if data is None else np.frombuffer(data, dtype)
    return whole[array.offset : array.offset + len(array)]


def _codes(indices: pa.Array) -> NDArray[np.int64]:
    """Indices into a dictionary, -1 for null."""
    # As signed numbers of 64 bits: -1 has to be among them.
    codes = indices.cast(pa.int64(), safe=False)
    own: NDArray[np.int64] = values_of(codes.fill_null(-1) if codes.null_count else codes)
    return own


def bytes_of(columns: pa.Array | pa.RecordBatch) -> int:
    """Bytes that they refer to; before Arrow 18 views cannot tell, and those they hold count."""
    try:
        return int(columns.nbytes)
    except pa.ArrowTypeError:
        return int(columns.get_total_buffer_size())


def _looked_up(outer: NDArray[np.int64], values: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """Codes into values, which may be wrapped again and hold nulls, as ``coded`` has them."""
    inner, distinct = coded(values)
    codes = np.append(inner, -1)[outer]  # -1 takes the last
    return codes, distinct


def _runs(array: pa.Array) -> NDArray[np.int64]:
    """The run that each value of a run-end encoded array is in, (n,) int64."""
    ends = array.run_ends.to_numpy(zero_copy_only=False).astype(np.int64)
    places = np.arange(array.offset, array.offset + len(array))
    return np.searchsorted(ends, places, "right").astype(np.int64, copy=False)


def _of_extension(name: str, storage: pa.Array) -> pa.Array:
    """The values that Arrow's own extension types mean; other types mean those they store."""
    if name == "arrow.bool8":
        return storage.cast(pa.bool_())
    if name != "arrow.uuid":
        return storage
    shown = [None if value is None else value.hex() for value in storage.to_pylist()]
    return pa.array([None if one is None else _dashed(one) for one in shown], pa.string())


def _dashed(digits: str) -> str:
    """A UUID as RFC 9562 writes it."""
    ends = (0, *_UUID_DASHES, len(digits))
    return "-".join(digits[ends[i] : ends[i + 1]] for i in range(len(ends) - 1))


def names_of(values: pa.Array) -> list[Any]:
    """The values of a plain array as Python's, by which labels are named; times as strings.

    Arrow writes times itself: Python's have no nanoseconds.
    """
    if use_of(values.type).label != "time":
        return list(values.to_pylist())
    shown = values.cast(pa.string())
    return [None if one is None else _NO_FRACTION.sub("", one) for one in shown.to_pylist()]
