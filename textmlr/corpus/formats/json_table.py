"""JSON objects as a table of Arrow's: their keys are its columns."""

from __future__ import annotations

import json
from typing import Any

from textmlr.base.errors import FormatError
from textmlr.corpus.formats.json_rows import SURROGATE

_MOST_NESTED = 32  # lists and objects within each other, in a column of Arrow's


def table_of(objects: list[dict[str, Any]]) -> Any:
    """The objects' keys as columns, in order of occurrence; null where an object lacks one.

    A column of several types, or of deeply nested values, is written as JSON.
    """
    import pyarrow as pa

    names = list(dict.fromkeys(name for found in objects for name in found))
    arrays = []
    for name in names:
        values = [found.get(name) for found in objects]
        try:
            if any(map(_is_deep, values)):
                raise pa.ArrowInvalid("nested deeply")
            arrays.append(pa.array(values))
        except (
            pa.ArrowInvalid,
            pa.ArrowTypeError,
            pa.ArrowNotImplementedError,
            OverflowError,
            UnicodeEncodeError,
        ):
            arrays.append(pa.array([_as_json(value) for value in values], pa.string()))
    return pa.RecordBatch.from_arrays(arrays, [SURROGATE.sub("\ufffd", name) for name in names])


def _is_deep(value: Any) -> bool:
    """Whether lists and objects are nested too deeply for Arrow, which recurs."""
    level = [value]
    for _ in range(_MOST_NESTED):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _as_json(value: Any) -> str | None:
    if value is None:
        return None
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise FormatError(
            "a value is nested too deeply to be written again", mend="write it as a string"
        ) from None
    return SURROGATE.sub("\ufffd", text)
