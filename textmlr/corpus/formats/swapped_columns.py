"""Text where the label should be, and the label where the text should be: recognised and refused.

Lines of text<TAB>label would be read as label<TAB>text; names of columns may be the wrong
way round.
"""

from __future__ import annotations

from textmlr.base.errors import FormatError
from textmlr.base.option_mentions import mention
from textmlr.corpus.batch import Batch
from textmlr.corpus.formats.plain_names import PLAIN, SEVERAL
from textmlr.corpus.formats.wide_lines import WideCheck

FEWEST = 8  # lines that say something
SAMPLE = 2000  # of them are looked at
ONCE = 0.9  # at least this share of the "labels" are different
AGAIN = 0.5  # at most this share of the "texts" are different
_LONGEST_NAME = 40  # characters
LINE = 1 << 16  # bytes of a line
_BEGINNING = 200  # bytes of a text that it is known by, beside its length


class OrderCheck:
    """Looks at the first lines of a file, and refuses it where nearly every label stands once and
    the texts are a few values.

    labelled  labels are asked for
    weighted  lines have weights
    mend      how to read a table with names; "": it has lines of text<TAB>label
    decided   enough was seen
    Corpora that have a label a document, such as headwords of a dictionary, have texts that differ,
    and longer ones than their labels.  What is decided does not depend on how lines come in parts.
    """

    def __init__(
        self, place: str, *, labelled: bool = True, weighted: bool = False, mend: str = ""
    ) -> None:
        self._place, self._own_mend = place, mend
        self._labelled = labelled
        self._wide = None if weighted or mend else WideCheck()
        self.decided = False
        self._seen = 0
        self._sizes = [0, 0]  # bytes of labels and of texts
        self._labels: set[bytes] = set()
        self._values: dict[tuple[bytes, int], int] = {}
        self._first: tuple[bytes, bytes] | None = None  # of the file, if that is a good line

    def add(self, names: Batch, texts: Batch, *, first: bool) -> None:
        """Look at the next good lines.  Raises FormatError where enough was seen.

        names  the labels as they stand in the lines;  first  the first of them begins the file
        """
        for i in range(min(len(texts), SAMPLE - self._seen)):
            size = int(texts.stops[i] - texts.starts[i])
            start = int(texts.starts[i])
            value = texts.text[start : start + min(size, _BEGINNING)].tobytes().strip()
            name = names[i].strip()
            if first and not self._seen and size <= _BEGINNING:
                self._first = name, value
            if self._wide is not None:
                line = texts.text[int(names.starts[i]) : int(texts.stops[i])]
                self._wide.add(line[:LINE].tobytes(), first=first and not self._seen)
            self._seen += 1
            self._labels.add(name)
            key = value, size if size > _BEGINNING else 0
            self._values[key] = self._values.get(key, 0) + 1
            self._sizes[0] += len(name)
            self._sizes[1] += size
        if self._seen == SAMPLE:
            self.end()

    def end(self) -> None:
        """Decide.  Raises FormatError where columns are swapped."""
        if self.decided:
            return
        self.decided = True
        if self._wide is not None:
            self._wide.check(self._place, labelled=self._labelled)
            self._wide = None
        n, labels, distinct = self._seen, len(self._labels), len(self._values)
        headed = self._first is not None and _kinds(self._first) == ("text", "label")
        distinct -= headed
        if n < (2 if headed else FEWEST) or self._sizes[0] <= self._sizes[1]:
            return
        if labels < ONCE * n - headed or distinct > max(AGAIN * n, 1):
            return
        values = "1 value" if distinct == 1 else f"{distinct:,} values"
        raise FormatError(
            f"{labels:,} of {n:,} labels stand once, and the texts are {values}: the columns look "
            f"swapped{'' if self._own_mend else ', text<TAB>label'}",
            place=self._place,
            mend=self._mend(headed),
        )

    def _mend(self, headed: bool) -> str:
        """How to read the file as it is."""
        if self._own_mend:
            return self._own_mend
        if headed:
            return f"read it by its line of names: {mention('format', 'csv')}"
        text, label = (one.decode("utf-8", "replace") for one in self._first or (b"", b""))
        alone = self._first is not None and self._values[self._first[1], 0] == 1
        if alone and label and 0 < len(text) <= _LONGEST_NAME and len(text.split()) <= 4:
            own = [mention("text_column", text)]  # not of plain names
            if self._labelled:
                own.append(mention("label_column", label))
            return f"read it by its line of names: {' '.join(own)}"
        words = [mention("header", False), mention("text_column", "1")]
        if self._labelled:
            words.append(mention("label_column", "2"))
        return f"say {' '.join(words)}, or write label<TAB>text"


def is_header(names: Batch, texts: Batch) -> bool:
    """Whether the first line is the names of two columns."""
    if max(int(one.stops[0] - one.starts[0]) for one in (names, texts)) > _LONGEST_NAME:
        return False
    return None not in _kinds((names[0], texts[0]))


def _kinds(line: tuple[bytes, bytes]) -> tuple[str | None, str | None]:
    """What two columns hold by the plain names in a line, text or label; None and None for other
    lines."""
    words = [raw.strip().lower().decode("utf-8", "replace") for raw in line]
    found = [
        next((kind for kind in ("text", "label") if word in (*PLAIN[kind], *SEVERAL[kind])), None)
        for word in words
    ]
    return (found[0], found[1]) if found[0] != found[1] else (None, None)
