"""Formats: which module reads a file, by --format, by its name's ending or by its first bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TypeAlias

from textmlr.base.errors import FormatError
from textmlr.base.magic_bytes import ARROW, PARQUET
from textmlr.base.option_mentions import mention
from textmlr.corpus.byte_streams import HEAD, Stream
from textmlr.corpus.chunks import Chunk, ScanRequest
from textmlr.corpus.decompression import ending_of
from textmlr.corpus.formats.csv_header import csv_option, is_csv, names_usual
from textmlr.corpus.formats.usual_lines import is_fasttext, usual_mallet, usual_prefix
from textmlr.corpus.reading_options import LABEL_PREFIX
from textmlr.corpus.taken_columns import FASTTEXT, MALLET, VW
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
    "fasttext": FASTTEXT,
    "mallet": MALLET,
    "vw": VW,
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
    ".mallet": "mallet",
    ".vw": "vw",
}
COLUMNAR = ("parquet", "arrow")  # a file's size says little of its text's
_MAGICS = {PARQUET: "parquet", ARROW: "arrow"}
_CONTINUATION = b"\xff\xff\xff\xff"  # begins each message of an Arrow stream; its length follows
# An object on many lines, an array of them, or spaCy's pairs of a text and an object.
_JSON = re.compile(
    rb'\{\s*\n\s*"|\[\s*\{\s*"|\[\s*(?:\[\s*)?"(?:[^"\\]|\\.)*"\s*,\s*\{\s*"', re.DOTALL
)
_LONGEST_SCHEMA = 1 << 24


def reader_of(stream: Stream, request: ScanRequest) -> Reader:
    """The reader of a stream.

    Raises InputError if the first bytes show another format than is wanted, and for options that
    the format has no use for.
    """
    own = request.options
    wanted = "json" if own.format == "jsonl" else own.format
    shown = _shown(stream.head(), own.label_prefix)
    found = _found(stream, request, wanted, shown)
    if wanted is not None and shown not in (None, wanted) and not _may_differ(wanted, shown):
        raise FormatError(
            f"the file is {NAMES[shown]}, not {NAMES[wanted]}",
            place=stream.name,
            mend=f"say {mention('format', shown)}, or leave {mention('format')} out",
        )
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
    if found in COLUMNAR:
        _check_table(stream, found, shown, request)
    else:
        check_marks(stream.head(), stream.name)
    _check_options(found, request, stream.name)
    reader: Reader = import_module(f"textmlr.corpus.formats.{MODULES.get(found, found)}").chunks
    return reader


def _found(stream: Stream, request: ScanRequest, wanted: str | None, shown: str | None) -> str:
    """The format: the one that is wanted, that the first bytes show, that the name's ending or an
    option says, or that the first lines look like."""
    if wanted is not None:
        return wanted
    own, named = request.options, named_format(stream.path)
    if named == "tsv" and shown == "fasttext" and b"\t" in stream.head().split(b"\n", 1)[0]:
        shown = None  # labels that begin so, and a tab behind
    if shown is not None:
        return shown
    option = csv_option(request)
    if named in ("tsv", None) and option is not None:
        return "csv"
    if named in ("tsv", None) and names_usual(stream.head(), request):
        return "csv"
    if named == "tsv" and own.named_columns:
        return "csv"  # with tabs: lines of label<TAB>text have no columns to name
    prefix = own.label_prefix or usual_prefix(stream.head(), request.usual)
    if named is None and prefix is not None:
        return "fasttext"
    if named is None and usual_mallet(stream.head(), request.usual):
        return "mallet"
    return named or _guessed(stream.head(), request)


def _check_table(stream: Stream, found: str, shown: str | None, request: ScanRequest) -> None:
    """Raise FormatError for what is no table of Parquet or Arrow, or cannot be read as it comes."""
    if not stream.head():
        raise FormatError("the file is empty", place=stream.name, mend="write the table again")
    if shown != found:
        wanted = request.options.format
        why = f"as {mention('format')} says" if wanted else "though its name ends so"
        raise FormatError(
            f"not {NAMES[found]} data, {why}",
            place=stream.name,
            mend=f"say what it is with {mention('format')}, or write the file again",
        )
    if request.live and stream.path == "-":
        raise FormatError(
            f"{NAMES[found]} cannot be read as it comes: all of it has to be there",
            place=stream.name,
            mend="name the file in place of -, or send lines",
        )


def _check_options(found: str, request: ScanRequest, place: str) -> None:
    """Raise FormatError for an option that a format has no use for."""
    option = csv_option(request) if found != "csv" else None
    if option is None and request.options.label_prefix is not None and found != "fasttext":
        option = "label_prefix"
    if option is not None:
        value = False if option == "header" else None
        raise FormatError(
            f"{NAMES[found]} {'have' if 'lines' in NAMES[found] else 'has'} no use for "
            f"{mention(option, value)}",
            place=place,
            mend="leave it out",
        )


def _may_differ(wanted: str, shown: str | None) -> bool:
    """Whether lines that look like another format may still be read as they are."""
    return shown in ("json", "fasttext") and wanted in ("tsv", "lines", "csv", "mallet", "vw")


def named_format(path: str) -> str | None:
    """The format that the ending of a name says, without that of a compression."""
    ending = ending_of(path)
    name = (path[: -len(ending)] if ending else path).lower()
    return next((_ENDINGS[end] for end in _ENDINGS if name.endswith(end)), None)


def _shown(head: bytes, prefix: str | None) -> str | None:
    """The format that the first bytes show beyond doubt;  prefix  of labels in fastText's lines."""
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
    return "fasttext" if first.startswith((prefix or LABEL_PREFIX).encode()) else None


def _guessed(head: bytes, request: ScanRequest) -> str:
    """The format of lines, where neither name nor first bytes say enough."""
    if is_fasttext(head):
        return "fasttext"
    if is_csv(head, request):
        return "csv"
    from textmlr.corpus.formats.vw import looks_like_vw  # few files come here

    if looks_like_vw(head):
        return "vw"
    return "tsv" if request.labelled else "lines"
