"""Lines of text<TAB>label, which would be read as label<TAB>text: recognised and refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import FormatError
from textmlr.base.option_mentions import mention
from textmlr.corpus.batch import Batch
from textmlr.corpus.formats.plain_names import PLAIN

FEWEST = 8  # lines that say something
_SAMPLE = 2000  # of them are looked at
_ONCE = 0.9  # at least this share of the "labels" are different
_LONGEST_NAME = 20  # bytes
_AGAIN = 0.5  # at most this share of the "texts" are different


def check_order(
    place: str, names: Batch, codes: NDArray[np.int32], texts: Batch, *, first: bool
) -> None:
    """Raise FormatError where nearly every label stands once, and the texts are a few values.

    names   (n,) the labels as they stand in the lines;  codes  (n,) int32   which are equal
    texts   (n,) documents;  first  they begin the file
    Corpora that have a label a document, such as headwords of a dictionary, have texts that differ,
    and longer ones than their labels.
    """
    n = min(len(texts), _SAMPLE)
    sizes = [(one.stops - one.starts)[:n] for one in (names, texts)]
    if n < 2 or sizes[0].sum() <= sizes[1].sum():
        return
    headed = first and _names_of(names, texts) == ("text", "label")
    labels = len(np.unique(codes[:n]))
    if (n < FEWEST and not headed) or labels < _ONCE * n - headed:
        return
    values = [texts[i].strip() for i in range(n)]
    distinct = len({*values})
    if distinct - headed > max(_AGAIN * n, 1):
        return
    raise FormatError(
        f"{labels:,} of {n:,} labels stand once, and the texts are {distinct - headed:,} values: "
        "the columns look swapped, text<TAB>label",
        place=place,
        mend=_mend(names, values, headed=headed, first=first),
    )


def _mend(names: Batch, values: list[bytes], *, headed: bool, first: bool) -> str:
    """How to read the file as it is."""
    if headed:
        return f"read it by its line of names: {mention('format', 'csv')}"
    if first and values.count(values[0]) == 1 and len(set(values)) < len(values):
        # A line of names, though not of plain ones.
        text, label = (one.decode("utf-8", "replace").strip() for one in (names[0], values[0]))
        if 0 < len(text) <= 40 and len(text.split()) <= 4:
            return (
                f"read it by its line of names: {mention('text_column', text)} "
                f"{mention('label_column', label)}"
            )
    words = mention("header", False), mention("text_column", "1"), mention("label_column", "2")
    return f"say {' '.join(words)}, or write label<TAB>text"


def is_header(names: Batch, texts: Batch) -> bool:
    """Whether the first line is the names of two columns."""
    return None not in _names_of(names, texts)


def _names_of(names: Batch, texts: Batch) -> tuple[str | None, str | None]:
    """What two columns hold by the plain names in the first line, text or label; None and None for
    other lines."""
    found: list[str | None] = []
    for batch in (names, texts):
        if batch.stops[0] - batch.starts[0] > _LONGEST_NAME:
            return None, None
        word = batch[0].strip().lower().decode("utf-8", "replace")
        found.append(next((kind for kind in ("text", "label") if word in PLAIN[kind]), None))
    return (found[0], found[1]) if found[0] != found[1] else (None, None)
