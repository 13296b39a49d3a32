"""Documents that a command line names: files, standard input, and texts of --text."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import click

from textmlr.base.errors import InputError
from textmlr.base.limits import MOST_DOCUMENT
from textmlr.base.magic_bytes import begins_a_model, binary_kind
from textmlr.base.option_headings import READ
from textmlr.base.stdio import standard_input
from textmlr.cli.model_argument import typed_words
from textmlr.cli.verb import verb_option

if TYPE_CHECKING:
    from textmlr.corpus.formats.mistaken_document import Likeness

_PART = 1 << 20  # bytes that are read at once
MOST_SHOWN = 60  # characters of a text in its document's name
# How each verb takes a corpus in place of a document.
OF_A_CORPUS = {"classify": ("-o", "answers.csv"), "explain": ("--number", "1")}

# Endings of tables; one of several lines is no document, whatever its columns are called.
TABLES = {".csv", ".tsv", ".jsonl"}

text_option = verb_option(
    "--text",
    "texts",
    heading=READ,
    multiple=True,
    metavar="TEXT",
    help="TEXT itself is a document; may be given again.",
)


@dataclass(frozen=True)
class GivenDocument:
    """A document as it was given.

    name  for messages and headings
    path  of its file, "-" for standard input, None for a text of the command line
    """

    name: str
    path: str | None
    text: bytes


def given_documents(
    paths: Sequence[str], texts: Sequence[str], encoding: str | None = None
) -> list[GivenDocument]:
    """The documents of files and those of --text; standard input where neither is given.

    encoding  of files, where no byte order mark says it
    Raises UsageError where both are given, InputError for what cannot be read.
    """
    if texts:
        if paths:
            raise click.UsageError("give documents or --text TEXT, not both")
        return [_of_text(text) for text in texts]
    _check_missing(paths)
    return [
        GivenDocument(shown_path(path), path, read_document(path, encoding))
        for path in paths or ("-",)
    ]


def _of_text(text: str) -> GivenDocument:
    # What was no text in the command line is read as in a file.
    raw = text.encode("utf-8", "surrogateescape")
    name = " ".join(raw.decode("utf-8", "replace").split())
    name = name if len(name) <= MOST_SHOWN else name[: MOST_SHOWN - 1] + "…"
    return GivenDocument(f"“{name}”", None, raw)


def shown_path(path: str) -> str:
    """The name of a document's file in messages."""
    return "standard input" if path == "-" else path


def _check_missing(paths: Sequence[str]) -> None:
    """Raise InputError, with the mend --text, for a text in place of files."""
    missing = [path for path in paths if path != "-" and not os.path.lexists(path)]
    if not missing:
        return
    spaced = [path for path in missing if len(path.split()) > 1]
    if spaced or (len(missing) == len(paths) > 1):
        texts = spaced or [" ".join(paths)]
        options = [word for text in texts[:3] for word in ("--text", text)]
        mend = f"if that is the text itself: {_command(paths, options)}"
    else:
        mend = "name a readable file, or give the text itself with --text"
    raise InputError("no such file", place=(spaced or missing)[0], mend=mend)


def _command(paths: Sequence[str], options: Sequence[str]) -> str:
    """The running command without these documents and with other options."""
    verb = click.get_current_context().info_name or ""
    words = [word for word in typed_words() if word not in paths]
    return shlex.join(["textmlr", verb, *words, *options])


def _whole(file: BinaryIO, path: str, encoding: str | None) -> bytes:
    """All bytes of a file as UTF-8; a file without an end is refused."""
    parts: list[bytes] = []
    size = 0
    read: Callable[[int], bytes] = file.read
    from textmlr.corpus.text_encodings import BOM, DecodedReader, marked

    head = file.read(_PART)
    found = marked(head) or encoding
    if found is not None and not head.startswith(BOM):
        read, head = DecodedReader(head, file, found, shown_path(path)).read, b""
    while part := head or read(_PART):
        head = b""
        size += len(part)
        if b"\0" in part:  # it is refused, however long it is
            return b"".join([*parts, part])
        if size > MOST_DOCUMENT:
            raise InputError(
                f"a document of over {size:,} bytes; one may have {MOST_DOCUMENT:,}",
                place=shown_path(path),
                mend="make sure that it is text, and divide it",
            )
        parts.append(part)
    return b"".join(parts)


def read_document(path: str, encoding: str | None = None) -> bytes:
    """The text of a file or standard input as UTF-8, without a byte order mark.

    encoding  of its text, where no byte order mark says it
    """
    try:
        if path == "-":
            file = standard_input()
            if file.isatty():
                click.echo("Type or paste a document, then Ctrl-D:", err=True)
            text = _whole(file, path, encoding)
        else:
            with open(path, "rb") as file:
                text = _whole(file, path, encoding)
    except IsADirectoryError as error:
        mend = f"name the files in it, or take all of it as a corpus: {_as_corpus(path)}"
        raise InputError("is a directory", place=path, mend=mend) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(reason, place=shown_path(path), mend="name a readable file") from error
    from textmlr.corpus.text_encodings import BOM, check_marks

    check_marks(text, shown_path(path))
    _check_text(text, path)
    return text.removeprefix(BOM)


def _check_text(text: bytes, path: str) -> None:
    """Raise InputError for binary data."""
    if begins_a_model(text):
        raise InputError("is a model, not a document", place=shown_path(path), mend="give text")
    if (kind := binary_kind(text)) is not None:
        mend = "give plain text"
        if kind.startswith(("a table", "data")):
            mend += f", or take it as a corpus: {_as_corpus(path)}"
        raise InputError(f"is {kind}, not text", place=shown_path(path), mend=mend)
    if (nul := text.find(b"\0")) >= 0:
        raise InputError(
            f"is not text (NUL at byte {nul:,})", place=shown_path(path), mend="give plain text"
        )


def _as_corpus(path: str, found: Likeness | None = None) -> str:
    """The running command with a corpus in place of a document."""
    verb = click.get_current_context().info_name or ""
    words = [*_how_read(path, found), *OF_A_CORPUS.get(verb, ())]
    return _command([path], ["--corpus", path, *words])


def _how_read(path: str, found: Likeness | None) -> list[str]:
    """The options with which a file is read as what it looks like."""
    if found is None:
        return []
    from textmlr.corpus.formats.detection import named_format

    # What begins so is known by its first bytes.
    known = found.format in ("fasttext", "jsonl", "json") and "label_prefix" not in {
        option for option, _ in found.options
    }
    named = known or named_format(path) is not None
    words = [] if named else ["--format", found.format]
    for option, value in found.options:
        name = option.replace("_", "-")
        words += [f"--no-{name}"] if value is False else [f"--{name}", str(value)]
    return words


def refuse_corpora(documents: Sequence[GivenDocument], labels: Sequence[str]) -> None:
    """Raise InputError for the first of these that is a corpus, of a model with these labels."""
    for document in _of_files(documents):
        from textmlr.corpus.formats.mistaken_document import corpus_in

        found = corpus_in(document.text, frozenset(labels))
        ending = os.path.splitext(str(document.path))[1].lower()
        clause = None if found is None else found.clause
        if found is None and ending in TABLES:  # of columns that nobody would guess
            clause = f"its name ends in {ending}"
        if clause is not None:
            problem = f"is a corpus, not one document ({clause})"
            mend = f"take it as one: {_as_corpus(str(document.path), found)}"
            raise InputError(problem, place=document.name, mend=mend)


def warn_of_corpora(documents: Sequence[GivenDocument]) -> None:
    """Warn of documents that look like corpora with labels that the model does not have."""
    from textmlr.cli.warnings import warn

    for document in _of_files(documents):
        from textmlr.corpus.formats.mistaken_document import likely_corpus_in

        if (found := likely_corpus_in(document.text)) is not None:
            warn(
                f"{document.name} looks like a corpus ({found.clause}), and was taken as one "
                f"document; as a corpus: {_as_corpus(str(document.path), found)}"
            )


def warn_of_labelled_lines(path: str, head: bytes, labels: Sequence[str]) -> bool:
    """Warn of a file of lines that is a corpus: each was taken with all that is in it.

    head    the beginning of the file
    labels  of the model
    """
    from textmlr.cli.warnings import warn
    from textmlr.corpus.formats.mistaken_document import corpus_in, likely_corpus_in

    found, are = corpus_in(head, frozenset(labels)), "are"
    if found is None:
        found, are = likely_corpus_in(head), "look like"
    if found is None:
        return False
    verb = click.get_current_context().info_name or ""
    options = shlex.join([*_how_read(path, found), *OF_A_CORPUS.get(verb, ())])
    warn(
        f"the lines {are} a corpus ({found.clause}), and each was taken whole; "
        f"--corpus {shlex.quote(path)} {options} reads the text alone"
    )
    return True


def _of_files(documents: Sequence[GivenDocument]) -> Iterator[GivenDocument]:
    """Those that are files of several lines, or may be a JSON array."""
    for document in documents:
        text = document.text.strip()
        if document.path is not None and (b"\n" in text or text.startswith(b"[")):
            yield document
