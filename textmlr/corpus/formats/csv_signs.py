"""Signs that rows of a CSV file are not what was meant: text behind closing quotes, the line of
names again, byte order marks within the file.  Such rows are read, and a note says so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.chunks import SKIP
from textmlr.corpus.text_encodings import BOM

_QUOTE, _NAMES, _MARK = range(3)
_SENTENCES = (
    (
        "text behind a closing quote, which is taken as part of the field",
        "write quotes within quotes twice",
    ),
    ("the line of column names again, which is read as a document", "delete it"),
    ("a byte order mark within the file, which is read as text", "delete it"),
)


class Signs:
    """Counts the signs, block by block.

    place  the file, for messages
    names  of the columns of label and text, each with whether it is the first column
    """

    def __init__(self, place: str, names: list[tuple[str, bool]]) -> None:
        self._place = place
        self._names = [(name.encode(), first) for name, first in names]
        self._counts = [0] * len(_SENTENCES)
        self._lines = [0] * len(_SENTENCES)

    def _count(self, sign: int, n: int, line: int) -> None:
        if n and not self._counts[sign]:
            self._lines[sign] = line
        self._counts[sign] += n

    def add_quotes(self, n: int, line: int) -> None:
        """Count n rows with text behind a closing quote, the first of which is at a line."""
        self._count(_QUOTE, n, line)

    def add(
        self,
        text: NDArray[np.uint8],
        spans: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
        good: NDArray[np.bool_],
        lines: NDArray[np.int64],
    ) -> None:
        """Look at rows.

        spans  of each of the columns
        good   (n,) bool   rows that are not left out
        lines  (n,) int64  of the rows, from 1
        """
        mark = np.zeros(len(good), np.bool_)
        names = good.copy()
        for (name, first), (starts, stops) in zip(self._names, spans, strict=True):
            if first:
                mark = good & _begins(text, starts, stops, BOM)
                starts = starts + len(BOM) * mark
            names &= stops - starts == len(name)
            names &= _begins(text, starts, stops, name)
        if len(self._names) < 2:  # a document may be one word
            names[:] = False
        for sign, rows in ((_NAMES, names), (_MARK, mark & ~names)):
            n = int(rows.sum())
            self._count(sign, n, int(lines[rows.argmax()]) if n else 0)

    @property
    def told(self) -> str:
        """A sentence on each sign that was seen, a line each."""
        return "\n".join(
            f"{self._place}, line {line:,}: {what}{f' ({n:,} such rows)' if n > 1 else ''}; {mend}"
            for n, line, (what, mend) in zip(self._counts, self._lines, _SENTENCES, strict=True)
            if n
        )


def joined_rows(closed: bool, n: int) -> tuple[str, str]:
    """Problem and mend of a row that a quote joins with n lines below it.

    closed  a quote of another row closes it
    """
    lines = f"{n:,} {'line below belongs' if n == 1 else 'lines below belong'} to the row"
    if closed:
        return (
            f"a double quote opened in this row is closed in another, before more text: {lines}",
            f"close it in its row, write quotes within quotes twice, {SKIP}, which loses them all",
        )
    within, loses = (f", and {lines}", ", which loses them all") if n else ("", "")
    return (
        f"a double quote opened in this row is never closed{within}",
        f"close it, write quotes within quotes twice, {SKIP}{loses}",
    )


def _begins(
    text: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64], words: bytes
) -> NDArray[np.bool_]:
    """Whether spans begin with words, (n,) bool."""
    found: NDArray[np.bool_] = stops - starts >= len(words)
    for i, byte in enumerate(words):
        rows = np.flatnonzero(found)
        if not len(rows):
            break
        found[rows] = text[starts[rows] + i] == byte
    return found
