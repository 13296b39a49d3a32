"""Taken: what was read of a file as text and label, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textmlr.base.printable import plain, plural

# Shapes whose columns have names: the sentence names these alone.
TABLES = ("CSV", "JSON", "JSON lines", "Parquet", "Arrow", "a table")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file is, and what of it was read.

    shape   "CSV", "lines of label<TAB>text", "a Label Studio export"
    text, label, weight  names of the columns that were read, or their numbers from 1; a text of ""
            is no column
    left    columns that look like text too, and were left

    >>> Taken("CSV", "title", "class", left=("description",)).sentence(4)
    'text: column title, label: column class (4 labels)'
    >>> Taken("lines of label<TAB>text").sentence(2)
    'read as lines of label<TAB>text (2 labels)'
    >>> Taken("a Label Studio export", "data.text", "choices").sentence()
    'read as a Label Studio export: text data.text, label choices'
    """

    shape: str
    text: str = ""
    label: str | None = None
    weight: str | None = None
    left: tuple[str, ...] = ()

    def sentence(self, labels: int | None = None) -> str:
        """What was taken, in one sentence.

        labels  how many there are
        """
        count = "" if labels is None else f" ({plural(labels, 'label')})"
        own = {"text": self.text or None, "label": self.label, "weight": self.weight}
        columns = {kind: named(column) for kind, column in own.items() if column is not None}
        if not columns:
            return f"read as {self.shape}{count}"
        word = "column " if self.shape in TABLES else ""
        colon = ": " if word else " "
        parts = [
            f"{kind}{colon}{word}{column}{count if kind == 'label' else ''}"
            for kind, column in columns.items()
        ]
        said = ", ".join(parts) + ("" if self.label is not None else count)
        return said if word else f"read as {self.shape}: {said}"


def named(column: str) -> str:
    """A column's name as messages have it: in quotes unless it is one plain word or a number."""
    bare = column.replace(".", "").replace("-", "_").replace("[]", "")
    return plain(column) if bare.isidentifier() or bare.isdigit() else repr(column)


def distinct(taken: Iterable[Taken | None]) -> list[Taken]:
    """What was taken of several files, each once, in order."""
    return list(dict.fromkeys(one for one in taken if one is not None))


def taken_of(
    shape: str,
    columns: Sequence[str],
    places: dict[str, int],
    left: Iterable[str] = (),
) -> Taken:
    """What is taken of a table.

    columns  the names of all of them
    places   of those that are read, by "text", "label" and "weight"
    """
    own = {kind: columns[at] for kind, at in places.items()}
    return Taken(shape, own["text"], own.get("label"), own.get("weight"), tuple(left))
