"""The columns of a table that are the text, the label and the weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textmlr.base.errors import FormatError
from textmlr.base.option_mentions import mention
from textmlr.corpus.chunks import ScanRequest
from textmlr.corpus.formats.annotated_tables import TableExport, table_export
from textmlr.corpus.formats.lines import quoted
from textmlr.corpus.formats.plain_names import PLAIN, SEVERAL
from textmlr.corpus.taken_columns import Taken


@dataclass(frozen=True, slots=True)
class ColumnPlaces:
    """Places of columns in a table; None for a column that is not read.

    export  the annotation tool's form that labels have, if they do
    labels  of columns that have a label each, in place of label
    """

    text: int
    label: int | None = None
    weight: int | None = None
    export: TableExport | None = None
    labels: tuple[int, ...] = ()

    @property
    def by_kind(self) -> dict[str, int]:
        """The place of each kind of column that is read."""
        own = {"text": self.text, "label": self.label, "weight": self.weight}
        return {kind: i for kind, i in own.items() if i is not None}

    @property
    def needed(self) -> list[int]:
        """Places of all columns that are read, ascending, each once."""
        return sorted({*self.by_kind.values(), *self.labels})


def find(
    request: ScanRequest, columns: Sequence[str], place: str, hint: str | None = None
) -> ColumnPlaces:
    """Find the columns that are the text, the label and the weight.

    columns  the names of the table's columns
    place    the file, for messages
    hint     another possible cause, for messages
    Raises InputError, listing the columns there are, if one is missing or could be several.
    """
    own = request.options
    text_column = own.text_column or usual_column("text", columns, request.usual)
    several = label_columns(request, columns) if request.labelled else ()
    label_column = own.label_column or usual_column("label", columns, request.usual)
    export = table_export(columns) if request.labelled and not several else None
    if export is not None and label_column in (None, export.label):
        label_column = export.label
    else:
        export = None
    if request.labelled and not several:
        check_plain(text_column, label_column, columns, place, hint)
    text = column_place("text", text_column, columns, place, hint)
    label = weight = None
    if request.labelled and not several:
        label = column_place("label", label_column, columns, place, hint)
    if own.has_weights:
        weight = column_place("weight", own.weight_column, columns, place, hint)
    one_each = "label_columns"
    labels = tuple(column_place("label", name, columns, place, hint, one_each) for name in several)
    for one in labels or (label,):
        check_apart(text, one, columns, place)
    return ColumnPlaces(text, label, weight, export, labels)


def label_columns(request: ScanRequest, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that have a label each: named, or as in training where the table has all."""
    own = request.options
    if own.label_columns or own.label_column or own.label_separator:
        return own.label_columns
    found = (one.label_columns for one in request.usual if one.label_columns)
    return next((names for names in found if {*names} <= {*columns}), ())


def usual_column(kind: str, columns: Sequence[str], usual: Sequence[Taken]) -> str | None:
    """The column of a kind that a model was trained on, if the table has one of that name.

    usual  what was read of the corpus of training
    """
    names = (getattr(one, kind) for one in usual)
    return next((name for name in names if name and columns.count(name) == 1), None)


def check_plain(
    text: str | None,
    label: str | None,
    columns: Sequence[str],
    place: str,
    hint: str | None = None,
) -> None:
    """Refuse a table where neither the text nor the label is named, or has a plain name.

    text, label  the names that are wanted, None for plain ones
    columns, place, hint  as in ``find``
    """
    plain = {_plain(name) for name in columns}
    known = {*PLAIN["text"], *PLAIN["label"], *SEVERAL["label"]}
    if text is label is None and columns and not plain & known:
        names = [f"for the {kind}, such as {_such(kind)}" for kind in ("text", "label")]
        raise FormatError(
            f"no column has a plain name {names[0]}, nor {names[1]}",
            place=place,
            mend=f"say which with {mention('text_column')} and {mention('label_column')}: "
            f"the columns are {listed(columns)}" + (f"; {hint}" if hint else ""),
        )


def _such(kind: str) -> str:
    return " or ".join(PLAIN[kind][:2])


def check_apart(text: int, label: int | None, columns: Sequence[str], place: str) -> None:
    """Refuse one column for both the text and the label."""
    if label == text:
        raise FormatError(
            f"column {columns[text]!r} cannot be both the text and the label",
            place=place,
            mend=f"name two of the columns there are: {listed(columns)}",
        )


def listed(columns: Sequence[str]) -> str:
    """The names of columns, quoted unless they are plain words; a line or two at most."""
    shown = [name if name.replace(".", "").isidentifier() else repr(name) for name in columns[:20]]
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    return ", ".join(shown) + more


def column_place(
    kind: str,
    wanted: str | None,
    columns: Sequence[str],
    place: str,
    hint: str | None = None,
    option: str | None = None,
) -> int:
    """The place of one column.

    kind    "text", "label" or "weight"
    wanted  its name; None: it has a plain name
    columns, place, hint  as in ``find``
    option  that names it; None: that of its kind
    Raises InputError, listing the columns there are, if it is missing or could be several.
    """
    named_by = option or f"{kind}_column"
    option = mention(named_by)
    if not columns:
        raise FormatError("has no columns", place=place, mend="give a table with a column of text")
    if wanted is not None:
        return _named_place(named_by, wanted, columns, place)
    plain = [_plain(name) for name in columns]
    best = PLAIN[kind][0]
    if plain.count(best) == 1:
        return plain.index(best)
    found = [i for i, name in enumerate(plain) if name in PLAIN[kind]]
    found = found or [i for i, name in enumerate(plain) if name in SEVERAL[kind]]
    if len(found) == 1:
        return found[0]
    if found:
        names = [columns[i] for i in found]
        problem = f"the {kind} could be any of {listed(names)}"
        mend = f"say which with {option}"
        if len({*map(_plain, names)}) < len(names):  # a name would not say which
            problem = f"the {kind} could be any of columns {_numbered(found, columns)}"
            mend = _renamed(named_by, found)
        raise FormatError(problem, place=place, mend=mend)
    raise FormatError(
        f"no column has a plain name for the {kind}, such as {_such(kind)}"
        if kind != "weight"
        else "no column is called weight",
        place=place,
        mend=f"say which with {option}: the columns are {listed(columns)}"
        + (f"; {hint}" if hint else ""),
    )


def _plain(name: str) -> str:
    return name.strip().casefold()


def _named_place(option: str, wanted: str, columns: Sequence[str], place: str) -> int:
    """The place of the column of a name; where none is called so, of a number, from 1."""
    found = [i for i, name in enumerate(columns) if name == wanted]
    if not found:
        found = [i for i, name in enumerate(columns) if _plain(name) == _plain(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        both = "both" if len(found) == 2 else "all"
        raise FormatError(
            f"columns {_numbered(found, columns)} are {both} called {wanted!r}",
            place=place,
            mend=_renamed(option, found),
        )
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 9 else None
    if number is not None and 1 <= number <= len(columns):
        return number - 1
    count = f"there are {len(columns)} columns" if len(columns) > 1 else "there is one column"
    mend = f"the columns are {listed(columns)}"
    if number is not None:
        mend = f"{count}: {listed(columns)}"
    raise FormatError(f"no column {quoted(wanted)}", place=place, mend=mend)


def _numbered(places: Sequence[int], columns: Sequence[str]) -> str:
    """Columns by number and name: 1 (text) and 3 (text)."""
    shown = [f"{i + 1} ({listed([columns[i]])})" for i in places[:5]]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _renamed(option: str, places: Sequence[int]) -> str:
    """The mend of columns that are called alike."""
    shown = " or ".join(mention(option, str(i + 1)) for i in places[:3])
    return f"rename them, or say which by number: {shown}"
