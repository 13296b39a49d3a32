"""Tables of Arrow's columns → chunks: what Parquet and Arrow files have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from textmlr.base.errors import FormatError, InputError
from textmlr.corpus.arrow_batch import as_strings, batch_of, name_of, numbers
from textmlr.corpus.arrow_columns import ArrowColumn, class_names, columns_of
from textmlr.corpus.arrow_types import bytes_of, is_list, members_of, names_of, plain, use_of
from textmlr.corpus.chunks import SKIP, Chunk, ScanRequest, check_bad
from textmlr.corpus.decompression import check_ratio
from textmlr.corpus.formats.arrow_labels import ArrowLabels, truths
from textmlr.corpus.formats.field_labels import indicated, truth_error
from textmlr.corpus.formats.lines import quoted
from textmlr.corpus.formats.table_columns import ColumnPlaces, find
from textmlr.corpus.label_rule import ReadLabels
from textmlr.corpus.labels import LARGEST_WEIGHT
from textmlr.corpus.plain_arrays import usual
from textmlr.corpus.taken_columns import LOOKED_AT, Taken, left_of, taken_of

SMALL = 1 << 20  # bytes of a batch that is put together with the next
MOST_LOOKED_AT = 1 << 24  # bytes of a file that are read to see what else in it looks like text


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """The columns of a file, known before its rows are read.

    columns  all of them, those within structs too
    places   of those that are read
    classes  names of the labels 0, 1, … of a data set of Hugging Face's, None of any other
    taken    what is told of them
    """

    name: str
    columns: list[ArrowColumn]
    places: ColumnPlaces
    classes: list[str] | None
    taken: Taken

    @classmethod
    def of(
        cls, schema: pa.Schema, request: ScanRequest, name: str, shape: str = "Arrow"
    ) -> ArrowTable:
        """Find the columns.  Raises InputError if one is missing or holds something else.

        shape  what the file is, in words
        """
        columns = columns_of(schema)
        names = [column.name for column in columns]
        places = find(request, names, name)
        wanted = {"text": "text", "label": "labels", "weight": "numbers"}
        used_places = [*places.by_kind.items(), *(("label", place) for place in places.labels)]
        for kind, place in used_places:
            column = columns[place]
            own = column.kind
            if kind == "text" and request.nulls and pa.types.is_null(own):
                continue  # no row has a text
            if place == places.label and is_list(own):
                own = own.value_type
            if not getattr(use_of(own), kind):
                _refuse_type(name, column.name, column.kind, wanted[kind])
        classes = None
        if places.label is not None:
            own = columns[places.label].kind
            if pa.types.is_integer(own.value_type if is_list(own) else own):
                classes = class_names(schema.metadata, request.features, columns[places.label])
        texts = [one.name for one in columns if use_of(one.kind).text]
        used = {names[i] for i in places.needed}
        left = left_of(texts, [i for i, one in enumerate(texts) if one in used], ())
        rule = request.rule(names[places.label] if places.label is not None else None)
        own = taken_of(shape, names, places.by_kind, left, rule.separator, places.labels)
        return cls(name, columns, places, classes, own)

    @property
    def needed(self) -> list[int]:
        """The numbers of the file's fields that are read, ascending."""
        return sorted({self.columns[place].top for place in self.places.needed})

    @property
    def doubtful(self) -> list[ArrowColumn]:
        """The fields of text that are not read, and whose names do not say that they are text."""
        used = {self.columns[i].name for i in self.places.needed} | {*self.taken.left}
        return [
            one
            for one in self.columns
            if not one.path
            and one.name not in used
            and not one.name.startswith("__")  # __index_level_0__ is a frame's own
            and use_of(one.kind).text
        ]

    def with_left(self, first: pa.RecordBatch) -> ArrowTable:
        """The same, where the first rows of the doubtful fields have been looked at."""
        with arrow_refusals(self.name, "a table"):
            few = [as_strings(plain(one.slice(0, LOOKED_AT))).to_pylist() for one in first.columns]
        found = left_of(first.schema.names, (), zip(*few, strict=True))
        left = tuple(dict.fromkeys([*self.taken.left, *found]))
        return replace(self, taken=replace(self.taken, left=left))

    def _column(self, rows: pa.RecordBatch, place: int) -> pa.Array:
        """A column of some rows, which are of all fields or of those that are needed."""
        column = self.columns[place]
        whole = rows.num_columns > self.columns[-1].top
        with arrow_refusals(self.name, "a table"):
            at = column.top if whole else self.needed.index(column.top)
            return column.values(rows.column(at))

    def chunk(self, rows: pa.RecordBatch, first: int, request: ScanRequest) -> Chunk:
        """The documents of some rows.

        rows   all columns, or those of places.needed, in the file's order
        first  number of the first, from 1
        Raises InputError for a bad row, unless bad rows are skipped.
        """
        own = {place: self._column(rows, place) for place in self.places.needed}
        problems = _Problems(self, own, len(rows), first)
        with arrow_refusals(self.name, "a table"):
            text = plain(own[self.places.text])
            if pa.types.is_null(text.type):
                text = text.cast(pa.large_string())
        missing: NDArray[np.bool_] | None = None
        if text.null_count and request.nulls:
            missing = text.is_null().to_numpy(zero_copy_only=False)
        elif text.null_count:
            problems.add(text.is_null(), "text", self.places.text)
        labels = self._labels(own, request, problems)
        weights: NDArray[np.float32] | None = None
        if self.places.weight is not None:
            weights = self._weights(own[self.places.weight])
            problems.add(~(weights >= 0) | ~np.isfinite(weights), "weight", self.places.weight)
        bad = np.flatnonzero(problems.kinds)
        examples = check_bad(bad, problems.error, request.options.skip_bad_lines)
        good = problems.kinds == 0
        unlabelled = 0
        if isinstance(labels, ArrowLabels) and labels.without.any():
            unlabelled = int((good & labels.without).sum())
            good &= ~labels.without
        if not good.all():
            first += int(good.argmax())
            rows, text = _filtered(rows, good), text.filter(pa.array(good))
            missing = None if missing is None else missing[good]
            weights = None if weights is None else weights[good]
        read = None if labels is None else labels.read(good)
        return Chunk(
            self.name,
            first,
            batch_of(text),
            read and (read.y, read.names),
            weights,
            partial(_readable, rows),
            len(bad),
            examples,
            read.several if read else 0,
            taken=self.taken,
            unlabelled=unlabelled,
            missing=missing,
            firsts=read and read.firsts,
        )

    def _labels(
        self, columns: dict[int, pa.Array], request: ScanRequest, problems: _Problems
    ) -> ArrowLabels | ReadLabels | None:
        """The labels of some rows, whose faults are noted."""
        place = self.places.label
        if place is not None:
            with arrow_refusals(self.name, "a table"):
                rule = request.rule(self.columns[place].name)
                labels = ArrowLabels.of(columns[place], rule, self.classes)
            problems.add(labels.wrong, "label", place)
            return labels
        if not self.places.labels:
            return None
        has = []
        for at in self.places.labels:
            with arrow_refusals(self.name, "a table"):
                yes, odd = truths(columns[at])
            problems.add(odd, "truth", at)
            has.append(yes)
        names = [self.columns[at].name for at in self.places.labels]
        return indicated(request.columns_rule, has, names)

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
        self, table: ArrowTable, columns: dict[int, pa.Array], rows: int, first: int
    ) -> None:
        self.table, self.columns, self.first = table, columns, first
        self.kinds: NDArray[np.uint16] = np.zeros(rows, np.uint16)
        self._faults: list[tuple[str, int]] = []

    def add(self, wrong: Any, kind: str, place: int) -> None:
        """Note that rows are wrong in the column of a place, unless they are already.

        wrong  (n,) bool;  kind  as in ``row_error``
        """
        if isinstance(wrong, pa.Array):
            wrong = wrong.to_numpy(zero_copy_only=False)
        self._faults.append((kind, place))
        self.kinds[wrong & (self.kinds == 0)] = len(self._faults)

    def error(self, row: int) -> InputError:
        """The error of a row that is wrong."""
        kind, place = self._faults[self.kinds[row] - 1]
        column = self.columns[place].slice(row, 1)
        with arrow_refusals(self.table.name, "a table"):
            if is_list(column.type):
                _, column = members_of(column)
            values = names_of(plain(column))
        name = self.table.columns[place].name
        value = next((one for one in values if not name_of(one)), values[0] if values else None)
        return row_error(self.table.name, self.first + row, kind, name, value)


def row_error(name: str, row: int, kind: str, column: str, value: Any) -> InputError:
    """The error of a value of a table; kind is "text", "label", "weight", or "truth" in the column
    of one label."""
    mend = f"fill it in, {SKIP}"
    if kind == "truth":
        return truth_error(f"{name}, row {row:,}", column, "null" if value is None else str(value))
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
            arrays.append(usual(column).filter(chosen))
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
    """The rows, of types that can be written; text that is binary in the file as strings."""
    arrays = [as_strings(usual(column)) for column in rows.columns]
    return pa.RecordBatch.from_arrays(arrays, rows.schema.names)


def _refuse_type(name: str, column: str, kind: pa.DataType, wanted: str) -> None:
    raise FormatError(
        f"column {column!r} holds {kind}, not {wanted}",
        place=name,
        mend=f"name another column, or write {wanted} into it",
    )
