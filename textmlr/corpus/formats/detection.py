"""Formats: which module reads a file, by --format, by its name's ending or by its first bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TypeAlias

from textmlr.base.errors import FormatError
from textmlr.base.option_mentions import mention
from textmlr.corpus.byte_streams import HEAD, Stream
from textmlr.corpus.chunks import Chunk, ScanRequest
from textmlr.corpus.decompression import ending_of
from textmlr.corpus.formats.csv import DELIMITERS, parse_header, suits
from textmlr.corpus.text_encodings import BOM, check_marks

Reader: TypeAlias = Callable[[Stream, ScanRequest], Iterator[Chunk]]

# Each of reading_options.FORMATS is a module of this folder, whose ``chunks`` is its Reader; JSON
# has two names, and MODULES says where it is.
NAMES = {
    "tsv": "lines of label<TAB>text",
    "csv": "CSV",
    "json": "JSON",
    "parquet": "Parquet",
    "arrow": "Arrow",
    "fasttext": "fastText's lines",
    "lines": "plain lines",
}
MODULES = {"json": "json_objects"}
_ENDINGS = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".ft": "fasttext",
    ".fasttext": "fasttext",
}
COLUMNAR = ("parquet", "arrow")  # a file's size says little of its text's
_MAGICS = {b"PAR1": "parquet", b"ARROW1": "arrow"}
_CONTINUATION = b"\xff\xff\xff\xff"  # begins each message of an Arrow stream; its length follows
_JSON = re.compile(rb'\{\s*\n\s*"|\[\s*\{\s*"')  # an object on many lines, or an array of them
_LONGEST_SCHEMA = 1 << 24


def reader_of(stream: Stream, request: ScanRequest) -> Reader:
    """The reader of a stream.

    Raises InputError if the first bytes show another format than is wanted.
    """
    wanted = "json" if request.options.format == "jsonl" else request.options.format
    shown = _shown(stream.head())
    named = wanted or named_format(stream.path)
    if named == "tsv" and shown == "fasttext" and b"\t" in stream.head().split(b"\n", 1)[0]:
        shown = None  # labels that begin so, and a tab behind
    if wanted is None and named == "tsv" and request.options.named_columns:
        named = "csv"  # with tabs: lines of label<TAB>text have no columns to name
    found = shown or named or _guessed(stream.head(), request)
    if wanted is not None and shown not in (None, wanted) and not _may_differ(wanted, shown):
        raise FormatError(
            f"the file is {NAMES[shown]}, not {NAMES[wanted]}",
            place=stream.name,
            mend=f"say {mention('format', shown)}, or leave {mention('format')} out",
        )
    if wanted is not None:
        found = wanted
    if wanted is None and stream.path.endswith(".spacy"):
        raise FormatError(
            "spaCy's binary DocBin, which spaCy alone reads",
            place=stream.name,
            mend="write the text and cats of its docs as JSON lines, as "
            "json.dumps({'text': doc.text, 'cats': doc.cats}) does",
        )
    if found == "lines" and request.labelled:
        raise FormatError(
            "plain lines have no labels",
            place=stream.name,
            mend=f"write label<TAB>text, or say what the file is with {mention('format')}",
        )
    if found not in COLUMNAR:
        check_marks(stream.head(), stream.name)
    if found in ("parquet", "arrow") and not stream.head():
        raise FormatError("the file is empty", place=stream.name, mend="write the table again")
    if found in ("parquet", "arrow") and shown != found:
        why = f"as {mention('format')} says" if wanted else "though its name ends so"
        raise FormatError(
            f"not {NAMES[found]} data, {why}",
            place=stream.name,
            mend=f"say what it is with {mention('format')}, or write the file again",
        )
    if found in ("parquet", "arrow") and request.live and stream.path == "-":
        raise FormatError(
            f"{NAMES[found]} cannot be read as it comes: all of it has to be there",
            place=stream.name,
            mend="name the file in place of -, or send lines",
        )
    reader: Reader = import_module(f"textmlr.corpus.formats.{MODULES.get(found, found)}").chunks
    return reader


def _may_differ(wanted: str, shown: str | None) -> bool:
    """Whether lines that look like another format may still be read as they are."""
    return shown in ("json", "fasttext") and wanted in ("tsv", "lines", "csv")


def named_format(path: str) -> str | None:
    """The format that the ending of a name says, without that of a compression."""
    ending = ending_of(path)
    name = (path[: -len(ending)] if ending else path).lower()
    return next((_ENDINGS[end] for end in _ENDINGS if name.endswith(end)), None)


def _shown(head: bytes) -> str | None:
    """The format that the first bytes show beyond doubt."""
    for magic, found in _MAGICS.items():
        if head.startswith(magic):
            return found
    if head.startswith(_CONTINUATION):  # next in a stream is the length of its schema, padded to 8
        size = int.from_bytes(head[4:8], "little")
        if len(head) > 8 and size % 8 == 0 and 0 < size < _LONGEST_SCHEMA:
            return "arrow"
    first = head.removeprefix(BOM).lstrip()
    if _JSON.match(first):
        return "json"
    if first.startswith(b"{"):
        line = first.split(b"\n", 1)[0]
        try:
            whole = isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):  # cut, no JSON, or nested too deeply
            cut = len(line) == len(first) and len(head) >= HEAD
            whole = cut and first[1:].lstrip().startswith(b'"')
        return "json" if whole else None
    return "fasttext" if first.startswith(b"__label__") else None


def _guessed(head: bytes, request: ScanRequest) -> str:
    """The format of lines, where neither name nor first bytes say enough."""
    for delimiter in DELIMITERS:
        header = parse_header(head, delimiter)
        # label<TAB>text may be a line of names, or the first document of a file without one.
        if delimiter == "\t" and not request.options.named_columns:
            continue
        if header is not None and len(header.columns) > 1 and suits(header.columns, request):
            return "csv"
    return "tsv" if request.labelled else "lines"
