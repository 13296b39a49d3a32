"""A corpus that is given as one document, or as lines of text: it is recognised by its first
lines."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from textmlr.base.option_mentions import Mention
from textmlr.corpus.reading_options import LABEL_PREFIX

LOOKED_AT = 1 << 16  # bytes
HEAD = LOOKED_AT + 1  # bytes of a text that are enough: the last says that it is cut
MOST_LINES = 200
MOST_ROWS = 20
FEWEST = 2  # lines or rows: one may be anything
MOST = 0.8  # of the lines begin with a label
ALIKE = 0.9  # of the rows have as many fields as the line of names
LONGEST_NAME = 40  # characters of a column's name
# Of lines that begin with what may be labels, which the model does not have:
FEWEST_LABELLED = 8
LONGEST_LABEL = 60  # characters
T = TypeVar("T", str, bytes)
_JOINED = ("|", ";", ",")  # between several labels of one field
_JOINED_BYTES = tuple(one.encode() for one in _JOINED)
_PREFIX = re.compile(rb"__[A-Za-z]+__(?=\S)")  # of fastText's labels, and the like
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")


class Likeness(NamedTuple):
    """How a text is a corpus.

    clause   in words
    format   one of reading_options.FORMATS
    options  further ones of reading that it needs, with their values
    """

    clause: str
    format: str
    options: tuple[Mention, ...] = ()


def corpus_in(text: bytes, labels: Collection[str]) -> Likeness | None:
    """How a text is a corpus, None for a document.

    labels  of the model, which documents do not begin with line after line
    A genuine document is None at all events; many a corpus with labels of its own is None, too.

    >>> corpus_in(b"scifi\\ta robot\\nwestern\\ta horse\\n", ["scifi", "western"]).clause
    '2 of 2 lines begin with a label of the model and a tab'
    >>> corpus_in(b"text,label\\na robot,scifi\\na horse,western\\n", ["scifi"]).clause
    'a table with a column text'
    >>> corpus_in(b'[{"text": "a robot"}, {"text": "a horse"}]', ["scifi"]).clause
    'a JSON array with a column text'
    """
    head, lines = _head(text)
    if head.lstrip().startswith(b"["):
        return _array(head)
    if len(lines) < FEWEST:
        return None
    return (
        _mostly_labelled(lines, labels)
        or _fasttext(lines)
        or _json(lines)
        or _table(head)
        or _column_of_labels(head, labels)
    )


def likely_corpus_in(text: bytes) -> Likeness | None:
    """How a text looks like a corpus whose labels the model does not have;
    a genuine document may look so too.

    >>> likely_corpus_in(b"spam\\tbuy it now\\nham\\tsee you at noon\\n" * 4).clause
    '8 of 8 lines begin with one of 2 labels and a tab'
    """
    head, lines = _head(text)
    if len(lines) < FEWEST_LABELLED:
        return None
    if all(map(_is_object, lines[:MOST_ROWS])):
        return Likeness("JSON lines", "jsonl")
    parts = [line.partition(b"\t") for line in lines]
    names = {name for name, tab, rest in parts if tab and len(rest.split()) > 1}
    found = sum(name in names and bool(tab) for name, tab, _ in parts)
    if _are_few(names, found) and found >= ALIKE * len(lines):
        clause = f"{found} of {len(lines)} lines begin with one of {len(names)} labels and a tab"
        return Likeness(clause, "tsv")
    for rows in _delimited(head):
        for column in range(len(rows[0])):
            values = [row[column] for row in rows if len(row) > column]
            others = [row[:column] + row[column + 1 :] for row in rows if len(row) > column]
            words = sum(max(len(one.split()) for one in rest) > 3 for rest in others if rest)
            if _are_few({*values}, len(values)) and words >= ALIKE * len(rows):
                clause = f"a table, whose column {column + 1} has {len({*values})} values"
                return Likeness(clause, "csv", _columns(rows, column))
    return None


def _head(text: bytes) -> tuple[bytes, list[bytes]]:
    """The beginning of a text, and its lines that are not blank."""
    head = text[:LOOKED_AT]
    if len(text) > LOOKED_AT:
        head = head[: head.rfind(b"\n") + 1] or head  # the last line is cut
    return head, [line for line in head.splitlines() if line.strip()][:MOST_LINES]


def _columns(rows: list[list[str]], labels: int) -> tuple[Mention, ...]:
    """The options of a table without plain names whose labels are in a column."""
    first, *below = rows
    size = {
        place: sum(len(row[place]) for row in below if len(row) > place)
        for place in range(len(first))
        if place != labels
    }
    text = max(size, key=size.__getitem__)
    if any(row[labels] == first[labels] for row in below if len(row) > labels):
        return ("header", False), ("text_column", str(text + 1))
    return (("text_column", first[text]),)


def _mostly_labelled(lines: Sequence[bytes], labels: Collection[str]) -> Likeness | None:
    """How many lines begin with one of these labels, a tab and words; None unless most do."""
    known = {label.encode() for label in labels}
    parts = [line.partition(b"\t") for line in lines]
    found = sum(
        _are_labels(label, known, _JOINED_BYTES) and _LETTER.search(text) is not None
        for label, _, text in parts
    )
    if found < max(FEWEST, MOST * len(lines)):
        return None
    clause = f"{found} of {len(lines)} lines begin with a label of the model and a tab"
    return Likeness(clause, "tsv")


def _are_labels(text: T, known: Collection[T], joined: Sequence[T]) -> bool:
    """Whether a field is one of the labels, or several with a separator between."""
    if text in known:
        return True
    separator = next((one for one in joined if one in text), None)
    return separator is not None and all(own in known for own in text.split(separator))


def _are_few(names: Collection[bytes] | Collection[str], found: int) -> bool:
    """Whether values may be the labels of so many documents: they repeat, and are short."""
    short = all(0 < len(name) <= LONGEST_LABEL for name in names)
    return short and found >= FEWEST_LABELLED and 2 <= len(names) <= found / 2


def _fasttext(lines: list[bytes]) -> Likeness | None:
    prefix = _PREFIX.match(lines[0])
    if prefix is None or not all(line.startswith(prefix[0]) for line in lines):
        return None
    name = prefix[0].decode()
    options = () if name == LABEL_PREFIX else (("label_prefix", name),)
    return Likeness(f"lines that begin with {name}", "fasttext", options)


def _json(lines: list[bytes]) -> Likeness | None:
    if not lines[0].startswith(b"{"):
        return None
    column = None
    for line in lines[:MOST_ROWS]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
        column = _text_key(row)
        if column is None:
            return None
    options = (("text_column", column),) if column and "." in column else ()
    return Likeness(f"JSON lines with a column {column}", "jsonl", options)


def _is_object(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _array(head: bytes) -> Likeness | None:
    """How it is an array of objects with text."""
    text = head.decode("utf-8-sig", "replace")
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    column, rows = None, 0
    while rows < MOST_ROWS:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        try:
            row, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):  # the end, or where it is cut
            break
        column = _text_key(row)
        if column is None:
            return None
        rows += 1
    return Likeness(f"a JSON array with a column {column}", "json") if rows >= FEWEST else None


def _text_key(row: Any) -> str | None:
    """The key of an object's text, which may lie in an object within it: data.text."""
    if not isinstance(row, dict):
        return None
    within = [(key, list(one)) for key, one in row.items() if isinstance(one, dict)]
    nested = (f"{key}.{name}" for key, keys in within if (name := _text_column(keys)))
    return _text_column(list(row)) or next(nested, None)


def _delimited(head: bytes) -> list[list[list[str]]]:
    """The first rows of a text as a table, for each delimiter with which it is one."""
    import csv  # late: few documents have so many delimiters

    from textmlr.corpus.formats.csv_header import DELIMITERS

    tables = []
    lines = head.decode("utf-8-sig", "replace").splitlines()
    for delimiter in DELIMITERS:
        if len(lines) < FEWEST or delimiter not in lines[0]:
            continue
        try:
            rows = list(islice((row for row in csv.reader(lines, delimiter=delimiter) if row), 51))
        except csv.Error:
            continue
        alike = sum(len(row) == len(rows[0]) for row in rows) if rows else 0
        if rows and len(rows[0]) > 1 and alike >= max(FEWEST, ALIKE * len(rows)):
            tables.append(rows)
    return tables


def _table(head: bytes) -> Likeness | None:
    """How it is a table that names a column of text."""
    for names, *below in _delimited(head):
        column = _text_column(names) if all(0 < len(n) <= LONGEST_NAME for n in names) else None
        if column is not None and len(below) >= FEWEST:
            return Likeness(f"a table with a column {column}", "csv")
    return None


def _column_of_labels(head: bytes, labels: Collection[str]) -> Likeness | None:
    """How it is a table without plain names, whose rows have labels of the model and words."""
    known = {label for label in labels if len(label) > 1 or not label.isdigit()}
    for rows in _delimited(head):
        for column in range(len(rows[0])):
            rest = [
                row
                for row in rows
                if len(row) > column and _are_labels(row[column].strip(), labels, _JOINED)
            ]
            words = sum(any(len(one.split()) > 3 for one in row) for row in rest)
            named = len(rest) >= MOST_ROWS or any(
                _are_labels(row[column].strip(), known, _JOINED) for row in rest
            )
            if named and words >= max(FEWEST, MOST * len(rows)):
                clause = f"column {column + 1} of {words} rows has labels of the model"
                return Likeness(clause, "csv", _columns(rows, column))
    return None


def _text_column(names: list[str]) -> str | None:
    from textmlr.corpus.formats.plain_names import PLAIN

    return next((name for name in names if name.strip().casefold() in PLAIN["text"]), None)
