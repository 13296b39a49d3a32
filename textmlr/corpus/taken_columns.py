"""Taken: what was read of a file as text and label, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from textmlr.base.printable import plain, plural

# Shapes whose columns have names: the sentence names these alone.
TABLES = ("CSV", "JSON", "JSON lines", "Parquet", "Arrow", "a table")
# Lines of other programs.  A file's name and first bytes may say nothing of the first two.
FASTTEXT, MALLET, VW = "fastText's lines", "MALLET's lines", "Vowpal Wabbit's lines"
MOST_LEFT = 8
MOST_TOLD = 3  # kinds of file in a message
LOOKED_AT = 20  # rows
LEAST_WORDS = 3.0  # on average, of what looks like text
LEAST_LETTERS = 10.0  # of that which is written without spaces
LEAST_DISTINCT = 0.5  # of its values
# Names of columns of text that are taken only where they are named.
ALSO_TEXT = frozenset(
    "text document content sentence review comment message title description summary abstract "
    "subject headline heading question answer body caption note notes comments remarks post tweet "
    "article paragraph utterance query response prompt completion feedback details transcript "
    "reply".split()
)
ANSWERS = ("accept", "reject", "ignore")  # Prodigy's


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file is, and what of it was read.

    shape   "CSV", "lines of label<TAB>text", "a Label Studio export"
    text, label, weight  names of the columns that were read, or their numbers from 1; a text of ""
            is no column
    left    columns that look like text too, and were left
    separator      what stands between the labels of one field, if something does
    label_columns  names of the columns that have a label each

    >>> Taken("CSV", "title", "class", left=("description",)).sentence(4)
    'text: column title, label: column class (4 labels)'
    >>> Taken("lines of label<TAB>text").sentence(2)
    'read as lines of label<TAB>text (2 labels)'
    >>> Taken("a Label Studio export", "data.text", "choices").sentence()
    'read as a Label Studio export: text data.text, label choices'
    >>> Taken("CSV", "title", "genres", separator="|").sentence(9)
    'text: column title, label: column genres, with | between labels (9 labels)'
    >>> Taken("CSV", "title", label_columns=("scifi", "comedy")).sentence(2)
    'text: column title, labels: columns scifi and comedy (2 labels)'
    """

    shape: str
    text: str = ""
    label: str | None = None
    weight: str | None = None
    left: tuple[str, ...] = ()
    separator: str | None = None
    label_columns: tuple[str, ...] = ()

    def sentence(self, labels: int | None = None) -> str:
        """What was taken, in one sentence.

        labels  how many there are
        """
        count = "" if labels is None else f" ({plural(labels, 'label')})"
        own = {"text": self.text or None, "label": self.label, "weight": self.weight}
        columns = {kind: named(column) for kind, column in own.items() if column is not None}
        sign = "tab" if self.separator == "\t" else self.separator
        apart = "" if sign is None else f", with {sign} between labels"
        if self.label_columns:
            apart = f", labels: columns {several_named(self.label_columns)}"
        count = apart + count
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

    def left_sentence(self) -> str | None:
        """Which columns look like text too, and how to take one of them; None if there are none.

        >>> Taken("CSV", "title", "class", left=("description",)).left_sentence()
        'left: column description looks like text too; --text-column description takes it'
        """
        if not self.left:
            return None
        columns = several_named(self.left)
        if len(self.left) > 1:
            return (
                f"left: columns {columns} look like text too; --text-column NAME takes one of them"
            )
        return f"left: column {columns} looks like text too; --text-column {columns} takes it"


def named(column: str) -> str:
    """A column's name as messages have it: in quotes unless it is one plain word or a number."""
    bare = column.replace(".", "").replace("-", "_").replace("[]", "")
    return plain(column) if bare.isidentifier() or bare.isdigit() else repr(column)


def several_named(columns: Sequence[str]) -> str:
    """Columns by name, a few of them.

    >>> several_named(["a", "b", "c d"]), several_named(["a"])
    ("a, b and 'c d'", 'a')
    """
    shown = [named(column) for column in columns[:MOST_TOLD]]
    more = len(columns) - len(shown)
    last = f"{more:,} more" if more else shown.pop() if len(shown) > 1 else ""
    return ", ".join(shown) + (f" and {last}" if last else "")


def taken_of(
    shape: str,
    columns: Sequence[str],
    places: dict[str, int],
    left: Iterable[str] = (),
    separator: str | None = None,
    labels: Sequence[int] = (),
) -> Taken:
    """What is taken of a table.

    columns  the names of all of them
    places   of those that are read, by "text", "label" and "weight"
    labels   places of columns that have a label each
    """
    own = {kind: columns[at] for kind, at in places.items()}
    several = tuple(columns[at] for at in labels)
    taken = own["text"], own.get("label"), own.get("weight"), tuple(left), separator, several
    return Taken(shape, *taken)


def together(first: Iterable[Taken], more: Iterable[Taken]) -> tuple[Taken, ...]:
    """What was taken of two corpora, each once."""
    return tuple(dict.fromkeys([*first, *more]))


def sentences(taken: Sequence[Taken], labels: int | None = None) -> list[str]:
    """What was taken of a corpus, a sentence a kind of file, and what was left of it.

    labels  how many there are

    >>> sentences([Taken("CSV", "title", "class"), Taken("JSON lines", "t", "l")], 4)
    ['text: column title, label: column class', 'text: column t, label: column l']
    """
    once = list(dict.fromkeys(replace(one, left=()).sentence() for one in taken))
    if len(once) == 1:
        once = [replace(taken[0], left=()).sentence(labels)]
    more = len(once) - MOST_TOLD
    once = once[:MOST_TOLD] + ([f"and {more:,} more"] if more > 0 else [])
    left = (one.left_sentence() for one in taken)
    return once + list(dict.fromkeys(one for one in left if one is not None))[:1]


def left_of(
    columns: Sequence[str], used: Iterable[int], rows: Iterable[Sequence[Any]]
) -> tuple[str, ...]:
    """The names of columns that look like text, by their names or their values.

    columns  of a table
    used     places of those that are read
    rows     some of the table's, whose fields are str where they may be text

    >>> left_of(["id", "class", "title", "words"], [1, 2], [["1", "a", "b", "the words of it"]])
    ('words',)
    """
    others = [place for place in range(len(columns)) if place not in set(used)]
    if not others:
        return ()
    seen = list(islice(rows, LOOKED_AT))
    found = []
    for place in others:
        values = [row[place] for row in seen if place < len(row) and row[place] is not None]
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) < len(values) or (seen and not texts):
            continue  # of another type, or empty
        named_so = columns[place].strip().casefold() in ALSO_TEXT and not _are_codes(texts)
        if named_so or looks_like_text(texts):
            found.append(columns[place])
    return tuple(found[:MOST_LEFT])


def _are_codes(values: Sequence[str]) -> bool:
    """Whether values are single words that recur, such as Prodigy's accept and reject."""
    if not values or any(len(value.split()) > 1 for value in values):
        return False
    return {*values} <= {*ANSWERS} or len({*values}) < LEAST_DISTINCT * len(values)


def looks_like_text(values: Sequence[str]) -> bool:
    """Whether values are text for people to read, not names, numbers, addresses or dates.

    >>> looks_like_text(["the courier rang twice", "it broke after a week"])
    True
    >>> looks_like_text(["2024-05-01 10:00:00 UTC +00", "2024-05-02 11:30:00 UTC +00"])
    False
    """
    values = [value for value in values if value.strip()]
    if not values or len(set(values)) < LEAST_DISTINCT * len(values):
        return False
    words = [sum(any(map(str.isalpha, word)) for word in value.split()) for value in values]
    if sum(words) / len(values) >= LEAST_WORDS:
        letters = sum(map(str.isalpha, "".join(values)))
        return letters >= 0.5 * sum(len("".join(value.split())) for value in values)
    # Chinese, Japanese, Thai and others have no spaces between words.
    wide = [sum(c.isalpha() and c > "\u0e00" for c in value) for value in values]
    return sum(wide) / len(values) >= LEAST_LETTERS
