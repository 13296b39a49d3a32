"""A corpus that is given as one document: it is recognised by its first lines."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from itertools import islice

LOOKED_AT = 1 << 16  # bytes
MOST_LINES = 200
MOST_ROWS = 20
FEWEST = 2  # lines or rows: one may be anything
MOST = 0.8  # of the lines begin with a label
ALIKE = 0.9  # of the rows have as many fields as the line of names
LONGEST_NAME = 40  # characters of a column's name
DELIMITERS = ",\t;|"
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")


def corpus_in(text: bytes, labels: Collection[str]) -> str | None:
    """The clause that says how a text is a corpus, None for a document.

    labels  of the model, which documents do not begin with line after line
    A genuine document is None at all events; many a corpus with labels of its own is None, too.

    >>> corpus_in(b"scifi\\ta robot\\nwestern\\ta horse\\n", ["scifi", "western"])
    '2 of 2 lines begin with a label of the model and a tab'
    >>> corpus_in(b"text,label\\na robot,scifi\\na horse,western\\n", ["scifi"])
    'a table with a column text'
    """
    head = text[:LOOKED_AT]
    if len(text) > LOOKED_AT:
        head = head[: head.rfind(b"\n") + 1]  # the last line is cut
    lines = [line for line in head.splitlines() if line.strip()][:MOST_LINES]
    if len(lines) < FEWEST:
        return None
    return (
        mostly_labelled(lines, labels) or _fasttext(lines) or _json(lines) or _table(head, lines[0])
    )


def mostly_labelled(lines: Sequence[bytes], labels: Collection[str]) -> str | None:
    """The clause that says how many lines begin with one of these labels, a tab and words; None
    unless most do."""
    if len(lines) < FEWEST or not any(b"\t" in line for line in lines):
        return None
    known = {label.encode() for label in labels}
    parts = [line.partition(b"\t") for line in lines]
    found = sum(label in known and _LETTER.search(text) is not None for label, _, text in parts)
    if found < max(FEWEST, MOST * len(lines)):
        return None
    return f"{found} of {len(lines)} lines begin with a label of the model and a tab"


def _fasttext(lines: list[bytes]) -> str | None:
    all_begin = all(line.startswith(b"__label__") for line in lines)
    return "lines that begin with __label__" if all_begin else None


def _json(lines: list[bytes]) -> str | None:
    if not lines[0].startswith(b"{"):
        return None
    column = None
    for line in lines[:MOST_ROWS]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
        column = _text_column(list(row)) if isinstance(row, dict) else None
        if column is None:
            return None
    return f"JSON lines with a column {column}"


def _table(head: bytes, first: bytes) -> str | None:
    if not any(delimiter.encode() in first for delimiter in DELIMITERS):
        return None
    import csv  # late, as table_columns is: few documents begin with a line of names

    for delimiter in DELIMITERS:
        if delimiter.encode() not in first:
            continue
        rows = csv.reader(head.decode("utf-8-sig", "replace").splitlines(), delimiter=delimiter)
        try:
            found = list(islice((row for row in rows if row), MOST_ROWS + 1))
        except csv.Error:
            continue
        names, below = found[0], found[1:]
        column = _text_column(names) if all(0 < len(n) <= LONGEST_NAME for n in names) else None
        alike = sum(len(row) == len(names) for row in below)
        if column is not None and len(names) > 1 and alike >= max(FEWEST, ALIKE * len(below)):
            return f"a table with a column {column}"
    return None


def _text_column(names: list[str]) -> str | None:
    from textmlr.corpus.formats.table_columns import PLAIN

    return next((name for name in names if name.strip().casefold() in PLAIN["text"]), None)
