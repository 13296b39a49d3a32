"""Rows of a table with three columns or more and tabs between, which would be read as
label<TAB>text: recognised and refused."""

from __future__ import annotations

from textmlr.base.errors import FormatError
from textmlr.base.option_mentions import mention
from textmlr.corpus.formats.plain_names import PLAIN, SEVERAL

FEWEST_FIELDS = 3
FEWEST = 8  # lines without plain names that say something
_ALIKE = 0.9  # at least this share of the lines have as many fields as most
_ONCE = 0.9  # at least this share of the "labels" are different
_AGAIN = 0.5  # at most this share of another column's values are different
_MOST_FIELDS = 100  # what is behind is one
_LONGEST_NAME = 40  # characters
_MOST_WORDS = 4  # of a name
_BEGINNING = 200  # bytes of a field that it is known by


class WideCheck:
    """Looks at the first lines of a file, and refuses it where they are rows of such a table: the
    first has plain names for text and label, or nearly every "label" stands once while another
    column has few values.

    Lines of label<TAB>text whose texts hold tabs have labels that stand again, and lines of words
    and what they mean have no column of few values.
    """

    def __init__(self) -> None:
        self._rows: list[list[bytes]] = []
        self._sizes: list[int] = []  # bytes of all values of a column
        self._first: list[bytes] = []  # of the file, if that is a good line

    def add(self, line: bytes, *, first: bool) -> None:
        """Look at the next good line;  first  it begins the file."""
        fields = [field.strip() for field in line.split(b"\t", _MOST_FIELDS)]
        if first:
            self._first = fields
        self._sizes += [0] * (len(fields) - len(self._sizes))
        for place, field in enumerate(fields):
            self._sizes[place] += len(field)
        self._rows.append([field[:_BEGINNING] for field in fields])

    def check(self, place: str, *, labelled: bool) -> None:
        """Raise FormatError where the lines are such rows.

        place     the file, for messages
        labelled  labels are asked for
        """
        n = len(self._rows)
        if n < 2:
            return
        widths = [len(row) for row in self._rows]
        wide = max(set(widths), key=widths.count)
        alike = widths.count(wide) >= _ALIKE * n and wide >= FEWEST_FIELDS
        names = self._names()
        if self._plain(names) and sum(width >= len(names) for width in widths) >= _ALIKE * n:
            shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
            raise FormatError(
                f"the first line has names of {len(names)} columns ({shown}): the file is a table "
                "with tabs, not label<TAB>text",
                place=place,
                mend=f"read it by its line of names: {mention('format', 'csv')}",
            )
        found = self._found(wide) if alike and n >= FEWEST else None
        if found is not None:
            label, text, distinct = found
            once = len({row[0] for row in self._rows})
            raise FormatError(
                f"{once:,} of {n:,} labels stand once, and column {label + 1} of {wide} has "
                f"{distinct:,} values: the file looks like a table with tabs, not label<TAB>text",
                place=place,
                mend=self._mend(label, text, labelled=labelled),
            )

    def _names(self) -> list[str]:
        """The fields of the first line, if they may be names of columns."""
        names = [field.decode("utf-8", "replace") for field in self._first]
        right = len(names) >= FEWEST_FIELDS and len({*names}) == len(names)
        return names if right and all(map(_is_name, names)) else []

    def _plain(self, names: list[str]) -> bool:
        """Whether there are plain names for text and label among names."""
        words = {name.casefold() for name in names}
        return all(words & {*PLAIN[kind], *SEVERAL[kind]} for kind in ("text", "label"))

    def _found(self, wide: int) -> tuple[int, int, int] | None:
        """Places of the label and the text, and how many values that label has; None where the
        first column may be the label as well as any."""
        rows = [row for row in self._rows if len(row) == wide]
        if len({row[0] for row in rows}) < _ONCE * len(rows):
            return None
        values = {place: {row[place] for row in rows} for place in range(1, wide)}
        several = {at: own for at, own in values.items() if len(own) > 1 and any(own)}
        headed = bool(self._names())
        few = {at for at, own in several.items() if len(own) - headed <= _AGAIN * len(rows)}
        if not few:
            return None
        text = max(range(wide), key=self._sizes.__getitem__)
        label = min(few - {text}, key=lambda at: len(values[at]), default=None)
        if label is None:
            return None
        return label, text, len(values[label]) - self._alone(label)

    def _alone(self, place: int) -> bool:
        """Whether the first line may be names: what it has in a column of few values is not one of
        them."""
        names = self._names()
        if not names or any(name[:1].isdigit() for name in names):
            return False
        return sum(len(row) > place and row[place] == self._first[place] for row in self._rows) == 1

    def _mend(self, label: int, text: int, *, labelled: bool) -> str:
        """How to read the file as it is."""
        if self._alone(label):
            names = self._names()
            own = [mention("text_column", names[text])]
            if labelled:
                own.append(mention("label_column", names[label]))
            return f"read it by its line of names: {' '.join(own)}"
        words = [mention("format", "csv"), mention("header", False)]
        if labelled:
            words.append(mention("label_column", str(label + 1)))
        words.append(mention("text_column", str(text + 1)))
        return f"say {' '.join(words)}"


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_NAME and len(name.split()) <= _MOST_WORDS
