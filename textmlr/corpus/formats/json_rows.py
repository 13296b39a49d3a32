"""The rows of JSON: where each has text, labels and weight, and what is wrong with one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textmlr.base.errors import FormatError
from textmlr.base.option_mentions import mention
from textmlr.corpus.batch import ASCII_SPACE
from textmlr.corpus.chunks import SKIP, ScanRequest
from textmlr.corpus.formats.annotated_rows import Export, Row
from textmlr.corpus.formats.annotation_exports import export_of, wanted_export
from textmlr.corpus.formats.field_labels import no_truth, truth_of
from textmlr.corpus.formats.json_values import MEND, is_columns, lists_in
from textmlr.corpus.formats.lines import quoted
from textmlr.corpus.formats.plain_names import PLAIN
from textmlr.corpus.formats.table_columns import (
    ColumnPlaces,
    column_place,
    find,
    listed,
    usual_column,
)
from textmlr.corpus.label_rule import LabelRule
from textmlr.corpus.labels import LARGEST_WEIGHT
from textmlr.corpus.nested_keys import MISSING, column_names, reach, value_at
from textmlr.corpus.taken_columns import Taken, left_of, looks_like_text

SURROGATE = re.compile("[\ud800-\udfff]")


class RowError(Exception):
    """A row cannot be used: the problem in words."""

    def __init__(self, problem: str, mend: str = MEND) -> None:
        super().__init__(problem)
        self.mend = mend


@dataclass(frozen=True, slots=True)
class JsonColumns:
    """The columns of text, labels and weight, and reading by them.

    export   the annotation tool's form whose labels these are, None for a plain column
    taken    what is told of them
    literal  they are keys of the rows themselves: no nested ones
    rule     how labels are taken
    labels   columns that have a label each, in place of label
    """

    text: str
    label: str | None
    weight: str | None
    export: Export | None
    taken: Taken
    literal: bool
    rule: LabelRule
    labels: tuple[str, ...]

    @classmethod
    def of(cls, rows: Sequence[Row], request: ScanRequest, name: str, shape: str) -> JsonColumns:
        """Find the columns in the first rows, of which there is one at least.

        shape  "JSON" or "JSON lines"
        Raises InputError if they are not there.
        """
        own = request.options
        columns = column_names(rows[0])
        usual = [
            name
            for one in request.usual
            for name in (one.text, one.label, *one.label_columns)
            if name
        ]
        # The first row may lack a named key that others have.
        for wanted in [*own.columns.values(), *own.label_columns, *usual]:
            if wanted and wanted not in columns and _occurs(rows, wanted):
                columns.append(wanted)
        export = None
        if not own.label_columns:
            export = wanted_export(rows, own.label_column, request.usual)
        if export is None:
            places = find(request, columns, name, "they are those of the first row")
            text = columns[places.text]
        else:
            text, places = _in_export(export, rows, columns, request, name)
            shape = export.shape
        label = None if places.label is None else columns[places.label]
        if export is not None and request.labelled:
            label = export.label
        weight = None if places.weight is None else columns[places.weight]
        labels = tuple(columns[place] for place in places.labels)
        taken = {columns.index(one) for one in (text, label, weight, *labels) if one in columns}
        values = ([value_at(row, column) for column in columns] for row in rows)
        left = left_of(columns, taken, values)
        literal = all(one is None or one in rows[0] for one in (text, label, weight))
        rule = request.columns_rule if labels else request.rule(label)
        said = Taken(shape, text, label, weight, left, rule.separator, labels)
        return cls(text, label, weight, export, said, literal, rule, labels)

    def text_of(self, row: Row) -> bytes:
        """The text of a row.  Raises RowError."""
        text = row.get(self.text)
        if not isinstance(text, str):
            text = self._value(row, self.text, "text")
            if isinstance(text, list) and len(text) == 1:
                text = text[0]
            if not isinstance(text, str):
                mend = _within("text", self.text, text) or MEND
                raise RowError(f"the text in {self.text!r} is {_kind(text)}, not a string", mend)
        try:
            return text.encode()
        except UnicodeEncodeError:
            return SURROGATE.sub("\ufffd", text).encode()

    def lacks_text(self, row: Row) -> bool:
        """Whether a row has no text, or null."""
        text = reach(row, self.text)
        return text is None or text is MISSING

    def labels_of(self, row: Row) -> list[str] | None:
        """The labels of a row, each once; None where nobody has labelled it, or it has none though
        documents must have one.  Raises RowError."""
        rule = self.rule
        if self.label is None:
            return [name for name in self.labels if self._has(row, name)] or rule.none
        if self.export is not None:
            found = self.export.labels(row, rule.multilabel)
            given = [label for label in found or () if label not in (None, "")]
        else:
            found = value = self._value(row, self.label, "label")
            given = value if isinstance(value, list) else [value]
            if isinstance(value, str) and not rule.is_plain:
                given = list(rule.labels_in(SURROGATE.sub("\ufffd", value)))
                if not given and not rule.has_sets:
                    raise RowError(f"empty label in {self.label!r}", f"fill it in, {SKIP}")
        if found is None:
            return None
        return (
            list(dict.fromkeys(self._name(one, listed=found is given) for one in given))
            or rule.none
        )

    def _has(self, row: Row, name: str) -> bool:
        """Whether the column of one label says that a row has it."""
        value = self._value(row, name, "label")
        has = truth_of(value)
        if has is None:
            problem, mend = no_truth(name, str(value))
            raise RowError(problem, f"{mend}, {SKIP}")
        return has

    def _name(self, label: Any, *, listed: bool) -> str:
        """The name of a label, of a list of them or alone."""
        if isinstance(label, str):
            label = SURROGATE.sub("\ufffd", label).strip(ASCII_SPACE)
        elif isinstance(label, bool | int) or (isinstance(label, float) and math.isfinite(label)):
            label = json.dumps(label)
        else:
            mend = _within("label", self.label, label) or f"give one label a document, {SKIP}"
            what = _kind(label)
            if isinstance(label, list):
                what = "a list of lists, as spans are"
                if self.rule.multilabel is not False:
                    mend = f"write each document's labels in one list, {SKIP}"
            raise RowError(f"the label in {self.label!r} is {what}, not a name", mend)
        if not label:
            leave = "leave it out of the list" if listed else "fill it in"
            raise RowError(f"empty label in {self.label!r}", f"{leave}, {SKIP}")
        return str(label)

    def weight_of(self, row: Row) -> float:
        """The weight of a row.  Raises RowError."""
        assert self.weight is not None
        weight = self._value(row, self.weight, "weight")
        mend = f"write a number such as 1 or 0.5, {SKIP}"
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise RowError(f"the weight in {self.weight!r} is {_kind(weight)}, not a number", mend)
        if not 0 <= weight <= LARGEST_WEIGHT:
            raise RowError(f"weight {quoted(str(weight))} is not a finite number >= 0", mend)
        return abs(float(weight))  # not -0.0

    def _value(self, row: Row, name: str, kind: str) -> Any:
        value = reach(row, name)
        if value is None or value is MISSING:
            what = f"{name!r} is null"
            if value is MISSING:
                names = column_names(row)
                what = f"no key {name!r}, only {listed(names)}" if row else "the object is empty"
            raise RowError(f"no {kind}: {what}", f"fill it in, {SKIP}")
        return value


def holds_rows(request: ScanRequest, found: Any) -> bool:
    """Whether an object that is alone in its file holds rows, and is none itself."""
    if not isinstance(found, dict) or export_of([found], request.options.label_column):
        return False
    wanted = request.options.text_column
    names = [wanted] if wanted else [key for key in found if key.casefold() in PLAIN["text"]]
    if any(isinstance(reach(found, name), str) for name in names):
        return False
    return bool(lists_in(found)) or is_columns(found)


def _in_export(
    export: Export, rows: Sequence[Row], columns: list[str], request: ScanRequest, name: str
) -> tuple[str, ColumnPlaces]:
    """The text of an export, and the places of its columns; its label is no column."""
    if export.refusal is not None and request.labelled:
        problem, mend = export.refusal
        raise FormatError(problem, place=name, mend=mend)
    own = request.options
    wanted = own.text_column or usual_column("text", columns, request.usual)
    if wanted is not None:
        text = column_place("text", wanted, columns, name)
    else:
        text = columns.index(_text_in(export, rows, columns, name))
    weight = None
    if own.has_weights:
        weight = column_place("weight", own.weight_column, columns, name)
    return columns[text], ColumnPlaces(text, None, weight)


def _text_in(export: Export, rows: Sequence[Row], columns: list[str], name: str) -> str:
    """The column of an export's text: the only one of strings, or the one with a plain name."""
    found = [
        one for one in export.text if any(isinstance(reach(row, one), str) for row in rows[:20])
    ]
    if len(found) > 1:
        bare = [one.rsplit(".", 1)[-1].casefold() for one in found]
        for best in ([PLAIN["text"][0]], PLAIN["text"]):
            plain = [one for one, last in zip(found, bare, strict=True) if last in best]
            if len(plain) == 1:
                found = plain
                break
    if len(found) > 1:
        own = {one: [reach(row, one) for row in rows[:20]] for one in found}
        read = [
            one
            for one, values in own.items()
            if looks_like_text([value for value in values if isinstance(value, str)])
        ]
        found = read if len(read) == 1 else found
    if len(found) != 1:
        shown = f"could be any of {listed(found)}" if found else "is in no column with a plain name"
        mend = f"say which with {mention('text_column')}"
        raise FormatError(
            f"{export.shape}, whose text {shown}",
            place=name,
            mend=mend if found else f"{mend}: the columns are {listed(columns)}",
        )
    if found[0] not in columns:
        columns.append(found[0])
    return found[0]


def _occurs(rows: Sequence[Row], name: str) -> bool:
    return any(reach(row, name) is not MISSING for row in rows)


def _within(kind: str, name: str | None, value: Any) -> str | None:
    """The mend of a column that holds objects: a key within it; None of any other value."""
    if not isinstance(value, dict) or not value:
        return None
    plain = [key for key in value if key.casefold() in PLAIN[kind]]
    key = (plain or list(value))[0]
    return f"name a key within it: {mention(f'{kind}_column', f'{name}.{key}')}"


def _kind(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        str: "a string",
        type(None): "null",
    }
    return names[type(value)]
