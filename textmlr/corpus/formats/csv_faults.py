"""What is wrong with rows of a CSV file, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import FormatError, InputError
from textmlr.base.option_mentions import mention
from textmlr.corpus.chunks import SKIP, ScanRequest
from textmlr.corpus.formats.csv_rows import BAD_LABEL, NO_LABEL, NO_TRUTH, CsvRows
from textmlr.corpus.formats.csv_signs import joined_rows
from textmlr.corpus.formats.field_labels import truth_error, truths_of
from textmlr.corpus.formats.lines import BINARY, encoding_mend, quote
from textmlr.kernels import csv_records as kernels


def lost(rows: CsvRows, bad: NDArray[np.int64]) -> int:
    """How many rows are left out; of those that a quote joined, how many lines."""
    joined = bad[np.isin(rows.status[bad], (kernels.UNCLOSED, kernels.JOINED))]
    return len(bad) + sum(_lines_below(rows, row) for row in joined.tolist())


def _lines_below(rows: CsvRows, row: int) -> int:
    """The lines of a bad row beside its first."""
    text = rows.text[int(rows.starts[row, 0]) : int(rows.stops[row, 0])]
    return text.tobytes().rstrip(b"\r\n").count(b"\n")


def _has_backslash(rows: CsvRows, row: int) -> bool:
    """Whether a bad row has a quote behind a backslash, which no option says to be an escape."""
    text = rows.text[int(rows.starts[row, 0]) : int(rows.stops[row, 0])]
    return rows.escape == kernels.NO_ESCAPE and b'\\"' in text.tobytes()


def error(rows: CsvRows, request: ScanRequest, row: int) -> InputError:
    """The error of a row, counted from 0, by its status."""
    status, columns = int(rows.status[row]), rows.header.columns
    mend = f"fill it in, {SKIP}"

    def field(place: int | None) -> tuple[str, str]:
        assert place is not None
        starts, stops = rows.spans(place)
        return quote(rows.text, int(starts[row]), int(stops[row])), columns[place]

    if status == kernels.BINARY:
        problem, mend = BINARY[0], f"{BINARY[1]}, {SKIP}"
    elif status == kernels.ESCAPED or (status <= kernels.JOINED and _has_backslash(rows, row)):
        problem = "a quote that stands behind a backslash closes the field, as quotes do"
        mend = f"say {mention('csv_escape', chr(92))}, or write quotes within quotes twice"
    elif status == kernels.COUNT:
        count = int(rows.counts[row])
        fields = f"{count} field" + ("" if count == 1 else "s")
        named = "the first line names" if request.options.header else "the first row has"
        problem = f"{fields}, where {named} {len(columns)} columns"
        mend = f"put text that holds {_shown(rows.header.delimiter)} in double quotes, {SKIP}"
        if _has_space(rows, row):
            mend = (
                "a quote opens a field directly behind the delimiter: delete the space between "
                f"them, {SKIP}"
            )
    elif status in (kernels.UNCLOSED, kernels.JOINED):
        problem, mend = joined_rows(status == kernels.JOINED, _lines_below(rows, row))
    elif status == NO_LABEL:
        problem = f"empty label in column {field(rows.places.label)[1]!r}"
    elif status == NO_TRUTH:
        return _truth_error(rows, row)
    elif status == BAD_LABEL:
        problem = f"label {field(rows.places.label)[0]} is not UTF-8"
        mend = f"{encoding_mend(rows.text)}, {SKIP}"
    else:
        problem = f"weight {field(rows.places.weight)[0]} is not a finite number >= 0"
        mend = f"write a number such as 1 or 0.5, {SKIP}"
    line = rows.line + int(rows.lines[row]) + 1
    return FormatError(problem, place=rows.name, line=line, mend=mend)


def _truth_error(rows: CsvRows, row: int) -> InputError:
    """The error of a bad row whose first fault is a column of one label."""
    line = rows.line + int(rows.lines[row]) + 1
    for place in rows.places.labels:
        starts, stops = rows.spans(place)
        value = rows.text[int(starts[row]) : int(stops[row])].tobytes().decode("utf-8", "replace")
        if truths_of(np.zeros(1, np.int32), [value])[1].any():
            return truth_error(rows.name, rows.header.columns[place], value, line)
    raise AssertionError("no field is odd")


def _has_space(rows: CsvRows, row: int) -> bool:
    """Whether a bad row has a space between a delimiter and a quote."""
    text = rows.text[int(rows.starts[row, 0]) : int(rows.stops[row, 0])].tobytes()
    return f'{rows.header.delimiter} "'.encode() in text


def _shown(delimiter: str) -> str:
    return {",": "a comma", "\t": "a tab"}.get(delimiter, f"a {delimiter}")
