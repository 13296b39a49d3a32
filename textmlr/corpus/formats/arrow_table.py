"""Tables of Arrow's columns → chunks: what Parquet and Arrow files have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from textmlr.base.errors import FormatError, InputError
from textmlr.corpus.arrow_batch import as_strings, batch_of, encoded, merged, numbers
from textmlr.corpus.arrow_types import bytes_of, names_of, plain, use_of
from textmlr.corpus.chunks import SKIP, Chunk, ScanRequest, check_bad
from textmlr.corpus.decompression import check_ratio
from textmlr.corpus.formats.lines import quoted
from textmlr.corpus.formats.table_columns import ColumnPlaces, find
from textmlr.corpus.labels import LARGEST_WEIGHT
from textmlr.corpus.taken_columns import taken_of

SMALL = 1 << 20  # bytes of a batch that is put together with the next


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """The columns of a file, known before its rows are read.

    classes  names of the labels 0, 1, … of a data set of Hugging Face's, None of any other
    shape    "Arrow" or "Parquet"
    """

    name: str
    columns: list[str]
    places: ColumnPlaces
    classes: list[str] | None = None
    shape: str = "Arrow"

    @classmethod
    def of(
        cls, schema: pa.Schema, request: ScanRequest, name: str, shape: str = "Arrow"
    ) -> ArrowTable:
        """Find the columns.  Raises InputError if one is missing or holds something else."""
        columns = list(schema.names)
        places = find(request, columns, name)
        uses = {kind: use_of(schema.field(at).type) for kind, at in places.by_kind.items()}
        for kind, wanted in (("text", "text"), ("label", "labels"), ("weight", "numbers")):
            if kind in uses and not getattr(uses[kind], kind):
                at = places.by_kind[kind]
                if kind == "text" and request.nulls and pa.types.is_null(schema.field(at).type):
                    continue
                _refuse_type(name, columns[at], schema.field(at).type, wanted)
        classes = None
        if places.label is not None and pa.types.is_integer(schema.field(places.label).type):
            classes = _class_names(schema.metadata or {}, columns[places.label])
        return cls(name, columns, places, classes, shape)

    def chunk(self, rows: pa.RecordBatch, first: int, request: ScanRequest) -> Chunk:
        """The documents of some rows.

        rows   all columns, or those of places.needed, in the file's order
        first  number of the first, from 1
        Raises InputError for a bad row, unless bad rows are skipped.
        """
        at = {place: i for i, place in enumerate(self.places.needed)}
        if rows.num_columns == len(self.columns):
            at = {place: place for place in at}
        problems = _Problems(self, rows, at, first)
        with arrow_refusals(self.name, "a table"):
            text = plain(rows.column(at[self.places.text]))
            if pa.types.is_null(text.type):  # no row has a text
                text = text.cast(pa.large_string())
        missing: NDArray[np.bool_] | None = None
        if text.null_count and request.nulls:
            missing = text.is_null().to_numpy(zero_copy_only=False)
        elif text.null_count:
            problems.add(text.is_null(), "text")
        codes: NDArray[np.int32] | None = None
        names: list[str | None] = []
        if self.places.label is not None:
            with arrow_refusals(self.name, "a table"):
                codes, names = encoded(rows.column(at[self.places.label]))
            if self.classes is not None:
                names = [self._class_name(name) for name in names]
            problems.add(codes < 0, "label")
            empty = np.array([not name for name in names] + [False])
            if empty.any():
                problems.add((codes >= 0) & empty[codes], "label")
        weights: NDArray[np.float32] | None = None
        if self.places.weight is not None:
            weights = self._weights(rows.column(at[self.places.weight]))
            problems.add(~(weights >= 0) | ~np.isfinite(weights), "weight")
        bad = np.flatnonzero(problems.kinds)
        examples = check_bad(bad, problems.error, request.options.skip_bad_lines)
        if len(bad):
            good = problems.kinds == 0
            first += int(good.argmax())
            rows, text = _filtered(rows, good), text.filter(pa.array(good))
            codes = None if codes is None else codes[good]
            missing = None if missing is None else missing[good]
            weights = None if weights is None else weights[good]
        labels = None if codes is None else merged(codes, names)
        table = partial(_readable, rows)
        taken = taken_of(self.shape, self.columns, self.places.by_kind)
        return Chunk(
            self.name,
            first,
            batch_of(text),
            labels,
            weights,
            table,
            len(bad),
            examples,
            taken=taken,
            missing=missing,
        )

    def _class_name(self, number: str | None) -> str | None:
        """The name of a numbered label; of -1, which means that there is none, None."""
        assert self.classes is not None
        known = number is not None and 0 <= int(number) < len(self.classes)
        return self.classes[int(number or 0)] if known else None

    def _weights(self, column: pa.Array) -> NDArray[np.float32]:
        with arrow_refusals(self.name, "a table"):
            values = numbers(column)
        values = np.where(np.abs(values) > LARGEST_WEIGHT, np.nan, values)
        weights: NDArray[np.float32] = np.abs(values).astype(np.float32)  # not -0.0
        weights[values < 0] = np.nan
        return weights


class _Problems:
    """The first problem of each row of a batch."""

    def __init__(
        self, table: ArrowTable, rows: pa.RecordBatch, at: dict[int, int], first: int
    ) -> None:
        self.table, self.rows, self.at, self.first = table, rows, at, first
        self.kinds: NDArray[np.uint8] = np.zeros(rows.num_rows, np.uint8)
        self._names: list[str] = []

    def add(self, wrong: Any, kind: str) -> None:
        """Note that rows are wrong in a column, unless they are already;  wrong  (n,) bool."""
        if isinstance(wrong, pa.Array):
            wrong = wrong.to_numpy(zero_copy_only=False)
        self._names.append(kind)
        self.kinds[wrong & (self.kinds == 0)] = len(self._names)

    def error(self, row: int) -> InputError:
        """The error of a row that is wrong."""
        kind = self._names[self.kinds[row] - 1]
        place = getattr(self.table.places, kind)
        with arrow_refusals(self.table.name, "a table"):
            (value,) = names_of(plain(self.rows.column(self.at[place]).slice(row, 1)))
        return row_error(self.table.name, self.first + row, kind, self.table.columns[place], value)


def row_error(name: str, row: int, kind: str, column: str, value: Any) -> InputError:
    """The error of a value of a table; kind is "text", "label" or "weight"."""
    mend = f"fill it in, {SKIP}"
    if value is None:
        problem = f"no {kind}: column {column!r} is null"
    elif kind == "weight":
        problem = f"weight {quoted(str(value))} is not a finite number >= 0"
        mend = f"write a number such as 1 or 0.5, {SKIP}"
    elif isinstance(value, str | bytes) and not value.strip():
        problem = f"empty {kind} in column {column!r}"
    elif isinstance(value, bytes):
        problem = f"{kind} {quoted(value.decode('utf-8', 'surrogateescape'))} is not UTF-8"
        mend = f"convert it to UTF-8, {SKIP}"
    else:
        problem = f"{kind} {quoted(str(value))} has no name"
        mend = f"give one label a document, {SKIP}"
    return FormatError(problem, place=f"{name}, row {row:,}", mend=mend)


def held(batches: Iterator[pa.RecordBatch], size: int, name: str) -> Iterator[pa.RecordBatch]:
    """Pass batches on; refuse more than a file of so many bytes may hold.

    Columns of codes into a dictionary are not counted: every batch has the whole dictionary.
    """
    made = 0
    for batch in batches:
        made += sum(bytes_of(one) for one in batch.columns if not pa.types.is_dictionary(one.type))
        check_ratio(name, size, made)
        yield batch


def gathered(
    batches: Iterator[pa.RecordBatch], chunk_bytes: int | None
) -> Iterator[pa.RecordBatch]:
    """Batches; small ones are put together, since many of them are slow to work on."""
    least = SMALL if chunk_bytes is None else min(chunk_bytes, SMALL)
    pile: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        pile.append(batch)
        size += bytes_of(batch)
        if size >= least:
            yield from _together(pile)
            pile, size = [], 0
    yield from _together(pile)


def _together(pile: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    if len(pile) < 2:
        return pile
    try:
        together: list[pa.RecordBatch] = pa.Table.from_batches(pile).combine_chunks().to_batches()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return pile  # dictionaries that are too large, or of a kind, to become one
    return together


def checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, with its offsets, codes and strings checked: later readers trust them.

    Raises pa.ArrowInvalid.
    """
    batch.validate(full=True)
    return batch


def _filtered(rows: pa.RecordBatch, good: NDArray[np.bool_]) -> pa.RecordBatch:
    """Some of the rows; columns whose rows Arrow cannot choose (views, run ends) become plain."""
    chosen, arrays = pa.array(good), []
    for column in rows.columns:
        try:
            arrays.append(column.filter(chosen))
        except pa.ArrowNotImplementedError:
            arrays.append(plain(column).filter(chosen))
    return pa.RecordBatch.from_arrays(arrays, rows.schema.names)


@contextmanager
def arrow_refusals(name: str, kind: str) -> Iterator[None]:
    """Turn Arrow's errors into InputErrors that name the file."""
    try:
        yield
    except InputError:
        raise
    except MemoryError:  # a few bytes may declare a buffer of any size
        raise FormatError(
            f"cannot be read as {kind}: it asks for more memory than there is",
            place=name,
            mend="write or copy the file again",
        ) from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last of names
        reason = str(error).splitlines()[0].rstrip(". ") if str(error) else type(error).__name__
        reason = "".join(  # it may quote the file
            c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason
        )
        raise FormatError(
            f"cannot be read as {kind}: {reason}", place=name, mend="write or copy the file again"
        ) from None


def _readable(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows; text that is binary in the file as strings."""
    arrays = [as_strings(column) for column in rows.columns]
    return pa.RecordBatch.from_arrays(arrays, rows.schema.names)


def _class_names(metadata: dict[bytes, bytes], column: str) -> list[str] | None:
    """Names that Hugging Face's datasets library keeps in a schema for numbered labels."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    whole = isinstance(names, list) and all(isinstance(name, str) and name for name in names)
    return names if whole else None


def _refuse_type(name: str, column: str, kind: pa.DataType, wanted: str) -> None:
    raise FormatError(
        f"column {column!r} holds {kind}, not {wanted}",
        place=name,
        mend=f"name another column, or write {wanted} into it",
    )
