"""Tables in memory, of whatever library, and the columns of them that are text, label and weight.

pandas, polars and Hugging Face datasets are known by their methods; none of them is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from textmlr.base.errors import InputError
from textmlr.corpus.chunks import ScanRequest
from textmlr.corpus.containers import column_of, dataset_column
from textmlr.corpus.formats.field_labels import no_truth, truth_of
from textmlr.corpus.formats.table_columns import (
    ColumnPlaces,
    check_apart,
    check_plain,
    column_place,
    label_columns,
    usual_column,
)
from textmlr.corpus.label_rule import LabelRule
from textmlr.corpus.nested_keys import column_names, value_at
from textmlr.corpus.taken_columns import LOOKED_AT, Taken, left_of, taken_of


@dataclass(frozen=True, slots=True)
class Frame:
    """A table in memory.

    name     what it is, for messages: "the DataFrame"
    columns  names of its columns
    take     gives the column of a number
    """

    name: str
    columns: list[str]
    take: Callable[[int], Any]

    def column(self, kind: str, wanted: str | None, usual: Sequence[Taken] = ()) -> Any:
        """The column of a kind ("text", "label" or "weight"), of the name that is wanted, or of one
        that a model was trained on (usual), or of a plain one.  Raises InputError, listing the
        columns there are, if there is none."""
        return self.take(self._place(kind, wanted or usual_column(kind, self.columns, usual)))

    def taken(self, request: ScanRequest) -> ColumnPlaces:
        """The places of texts, labels and weights; where the first two have no name, they are those
        of training, or have plain ones."""
        own, columns = request.options, self.columns
        text = own.text_column or usual_column("text", columns, request.usual)
        label = own.label_column or usual_column("label", columns, request.usual)
        several = label_columns(request, columns)
        if not several:
            check_plain(text, label, columns, self.name)
        labels = tuple(self._place("label", name) for name in several)
        own_text = self._place("text", text)
        own_label = None if several else self._place("label", label)
        for one in labels or (own_label,):
            check_apart(own_text, one, columns, self.name)
        weight = own.weight_column
        own_weight = None if weight is None else self._place("weight", weight)
        return ColumnPlaces(own_text, own_label, own_weight, labels=labels)

    def indicated(self, places: Sequence[int]) -> list[list[str]]:
        """The labels of each row, of columns that have one each.

        Raises InputError for a value that means neither yes nor no.
        """
        own: list[list[str]] = []
        for at in places:
            name = self.columns[at]
            column = column_of(self.take(at), "labels", name)
            values = column.to_pylist() if hasattr(column, "chunks") else list(column)
            own += [[] for _ in range(len(values) - len(own))]
            for row, value in enumerate(values):
                has = truth_of(value)
                if has is None:
                    problem, mend = no_truth(name, str(value))
                    raise InputError(problem, place=f"{self.name}, row {row}", mend=mend)
                if has:
                    own[row].append(name)
        return own

    def said(self, places: ColumnPlaces, rule: LabelRule) -> Taken:
        """What is taken of the table."""
        others = [at for at in range(len(self.columns)) if at not in places.needed]
        rows = zip(*(self._first(at) for at in others), strict=False)
        own = [self.columns[at] for at in others]
        left = left_of(own, (), rows)
        several = rule.separator, places.labels
        return taken_of("a table", self.columns, places.by_kind, left, *several)

    def _first(self, at: int) -> list[Any]:
        """The first values of a column."""
        values = islice(iter(self.take(at)), LOOKED_AT)
        return [value.as_py() if hasattr(value, "as_py") else value for value in values]

    def _place(self, kind: str, wanted: str | None) -> int:
        return column_place(kind, wanted, self.columns, self.name)

    def with_nested(self, names: Iterable[str | None]) -> Frame:
        """The same with columns that are called by nested keys, as data.text, if they are there."""
        frame = self
        for name in names:
            if name is None or name in frame.columns:
                continue
            at = name.find(".")
            while at >= 0 and name[:at] not in self.columns:
                at = name.find(".", at + 1)
            place = self.columns.index(name[:at]) if at >= 0 else 0
            inner = partial(self._inner, place, name[at + 1 :])
            if at < 0 or all(value is None for value in inner(LOOKED_AT)):
                continue
            frame = Frame(frame.name, [*frame.columns, name], _one_more(frame, inner))
        return frame

    def _inner(self, place: int, name: str, most: int | None = None) -> list[Any]:
        """The values under a name within the objects of a column, None where it is not there."""
        values = islice(iter(self.take(place)), most)
        return [value_at(one.as_py() if hasattr(one, "as_py") else one, name) for one in values]


def _one_more(frame: Frame, last: Callable[[], Any]) -> Callable[[int], Any]:
    return lambda i: frame.take(i) if i < len(frame.columns) else last()


def frame_of(data: Any) -> Frame | None:
    """Data as a table, None if they are none.

    data  DataFrame of pandas or polars, Arrow table or record batch, what streams those
          (__arrow_c_stream__), data set of Hugging Face's, dict of columns, list of dicts,
          NumPy array of records
    Raises InputError for what is nearly one: a data set of several parts, a frame that is not
    computed yet.
    """
    name = f"the {type(data).__name__}"
    if isinstance(data, Mapping):
        return _of_mapping(data, name)
    if isinstance(data, list | tuple) and data and isinstance(data[0], Mapping):
        return _of_rows(data)
    if isinstance(data, np.ndarray):
        fields = list(data.dtype.names or ())
        return Frame(name, fields, lambda i: data[fields[i]]) if fields else None
    if hasattr(data, "column_names") and hasattr(data, "with_format"):
        return _of_dataset(data, name)
    if hasattr(data, "iloc") and getattr(data, "ndim", 0) == 2:  # pandas
        return Frame(name, [str(one) for one in data.columns], lambda i: data.iloc[:, i])
    if hasattr(data, "get_column") and hasattr(data, "columns"):  # polars
        columns = list(data.columns)
        return Frame(name, columns, lambda i: data.get_column(columns[i]))
    if type(data).__name__ == "LazyFrame":
        raise InputError("the LazyFrame has no rows yet", mend="give data.collect()")
    return _of_arrow(data, name)


def _of_mapping(data: Mapping[Any, Any], name: str) -> Frame:
    columns = list(data)
    parts = [key for key in columns if hasattr(data[key], "column_names")]
    if parts:
        raise InputError(
            f"{name} has the parts {', '.join(map(str, parts))}",
            mend=f"give one of them, such as data[{parts[0]!r}]",
        )
    return Frame(name, [str(key) for key in columns], lambda i: data[columns[i]])


def _of_rows(rows: Sequence[Any]) -> Frame:
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            problem = f"row {number} is a {type(row).__name__}, and the first is a dict"
            raise InputError(problem, mend="make all rows dicts")
    keys = {str(key): key for key in rows[0]}
    columns = column_names(rows[0])

    def take(i: int) -> list[Any]:
        name = columns[i]
        if name in keys:
            return [row.get(keys[name]) for row in rows]
        return [value_at(row, name) for row in rows]

    return Frame("the rows", columns, take)


def _of_dataset(data: Any, name: str) -> Frame:
    columns = data.column_names
    if isinstance(columns, Mapping):
        return _of_mapping(data, name)
    if not columns:  # a stream whose columns are not known before its first row
        return _of_rows(list(data))
    return Frame(name, list(columns), lambda i: dataset_column(data, columns[i]))


def _of_arrow(data: Any, name: str) -> Frame | None:
    """The table of Arrow's, or of any library that streams one."""
    if not hasattr(data, "__arrow_c_stream__") and not hasattr(data, "__arrow_c_array__"):
        return None
    import pyarrow as pa

    if isinstance(data, pa.Array | pa.ChunkedArray):
        return None
    if hasattr(data, "ndim"):  # a Series: one column
        return None
    try:
        table = pa.table(data)
    except (pa.ArrowException, TypeError, ValueError):  # one column
        return None
    return Frame(name, list(table.column_names), table.column)
