"""Columns of JSON lines, read by Arrow where it certainly reads them as Python's json does.

Arrow reads a block of short lines several times as fast, and passes over keys that are not wanted.
A block that it refuses, or may read otherwise, is left to ``formats.json_objects``, which also
names the line that is bad.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from textmlr.corpus.formats.lines import Lines

# Importing Arrow (65 ms) pays for so many lines; each LINE_BYTES count as one more.
MANY_LINES, LINE_BYTES = 40_000, 2_500
FEW_BYTES = 1 << 16  # a smaller block is not worth a call
# Python's json refuses integers of 4,300 digits (640 if so set) and what is nested a thousand deep.
LONG_NUMBER, SAMPLED = 320, 512
MOST_BRACKETS = 500
# Arrow takes Inf and -NaN for numbers, where Python takes Infinity, -Infinity and NaN alone.
_NO_NUMBER = re.compile(rb"(?:Inf|-NaN)(?=[\s,\]}])")


def pays(lines: Lines) -> bool:
    """Whether there are enough lines to pay for Arrow's import, or a call."""
    size = int(lines.stops[-1] - lines.starts[0])
    many = len(lines) + size // LINE_BYTES >= MANY_LINES or "pyarrow.json" in sys.modules
    return many and size >= FEW_BYTES


def columns_of(lines: Lines, names: Sequence[str], label: str | None, kind: type) -> Any:
    """A pyarrow Table of the columns, a row for each line that is not blank; None: not by Arrow.

    names  the keys that are wanted: of text, then label and weight
    label  the key of the label, None if it is not wanted;  kind  of its values: str, int or bool
    """
    full = np.flatnonzero(lines.stops > lines.starts)
    if not len(full):
        return None
    starts, stops = lines.starts[full], lines.stops[full]
    # If each line is one object, and there are as many rows as lines, each row has its own line.
    objects = (lines.text[starts] == ord("{")) & (lines.text[stops - 1] == ord("}"))
    if not objects.all() or len({*names}) < len(names) or "\ufffd" in "".join(names):
        return None
    data = lines.text[starts[0] : stops[-1]].tobytes()
    if _is_odd(data, len(full)):
        return None
    import pyarrow as pa
    from pyarrow import json

    types = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
    texts = {names[0]: pa.large_string()} | ({} if label is None else {label: types[kind]})
    try:
        schema = pa.schema([(name, texts.get(name, pa.float64())) for name in names])
        options = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        whole = json.ReadOptions(use_threads=False, block_size=len(data) + 1)
        table = json.read_json(pa.BufferReader(data), whole, options)
        table.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeEncodeError):
        return None
    if table.num_rows != len(full) or any(column.null_count for column in table.columns):
        return None
    return table


def _is_odd(data: bytes, lines: int) -> bool:
    """Whether Python might refuse values of keys that are not wanted."""
    brackets = data.count(b"[") + data.count(b"{")
    if brackets - lines > MOST_BRACKETS and any(
        line.count(b"[") + line.count(b"{") > MOST_BRACKETS for line in data.split(b"\n")
    ):
        return True
    if any(_is_value(data, found.start()) for found in _NO_NUMBER.finditer(data)):
        return True
    # A sample falls into each long number, with half of the digits on one side.
    digits = (SAMPLED * found.start() for found in re.finditer(rb"[0-9]", data[::SAMPLED]))
    return any(
        data[at : at + LONG_NUMBER].isdigit()
        or data[max(at - LONG_NUMBER + 1, 0) : at + 1].isdigit()
        for at in digits
    )


def _is_value(data: bytes, at: int) -> bool:
    """Whether a value may begin at a place, not part of a string."""
    before = data[max(at - 16, 0) : at].rstrip(b"- \t\r")
    return not before or before.endswith((b":", b",", b"["))
