"""The documents that ``textmlr explain`` is asked about: whole, or out of a larger file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

import click

from textmlr.base.errors import InputError
from textmlr.base.limits import MOST_COUNT
from textmlr.base.option_errors import refuse
from textmlr.base.option_headings import READ
from textmlr.base.printable import plain
from textmlr.base.stdio import standard_input
from textmlr.cli.document_file import (
    GivenDocument,
    given_documents,
    refuse_corpora,
    shown_path,
    text_option,
    warn_of_corpora,
    warn_of_labelled_lines,
)
from textmlr.cli.shared_options import refuse_without_corpora
from textmlr.cli.stage_options import one_value
from textmlr.cli.taken_rows import tables_said
from textmlr.cli.value_types import Checked
from textmlr.cli.verb import verb_option
from textmlr.cli.warnings import warn
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.taken_columns import Taken

if TYPE_CHECKING:
    from textmlr.corpus.label_sets import Targets

_LOOKED_AT = 1 << 16  # bytes of a corpus
MOST_BYTES = 1 << 24  # every word of a document becomes an object


def _check_number(number: object) -> None:
    if not isinstance(number, int) or not 1 <= number <= MOST_COUNT:
        raise refuse("numbers", number, "the number of a document, counted from 1", "1")


@dataclass(frozen=True)
class DocumentSource:
    """Where documents come from, besides arguments.

    numbers  of lines or of the corpora's documents, from 1
    """

    texts: tuple[str, ...]
    lines: str | None
    corpora: tuple[str, ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class AskedDocument:
    """A document to explain.

    name   for headings
    path   of the file it is all of, None for a part of one and for a text of the command line
    label  its own, in a corpus; with a multi-label model its labels
    head   the beginning of the file of lines that it is one of
    is_known  whether the model has its label
    """

    name: str
    path: str | None
    text: bytes
    label: str | tuple[str, ...] | None = None
    head: bytes | None = None
    is_known: bool = False


source_options = one_value(
    "source",
    [field.name for field in fields(DocumentSource)],
    DocumentSource,
    [
        text_option,
        verb_option(
            "--lines",
            heading=READ,
            metavar="FILE",
            help="With --number: documents are lines of FILE (- is stdin).",
        ),
        verb_option(
            "--corpus",
            "corpora",
            heading=READ,
            multiple=True,
            metavar="CORPUS",
            help="With --number: documents are those of a corpus; it needs no labels.",
        ),
        verb_option(
            "--number",
            "numbers",
            heading=READ,
            multiple=True,
            type=Checked(_check_number),
            metavar="N",
            help="The document's number, counted from 1; may be given again.",
        ),
    ],
)


def asked_documents(
    documents: Sequence[str],
    source: DocumentSource,
    reading: ReadingOptions,
    usual: Sequence[Taken] = (),
) -> list[AskedDocument]:
    """The documents of arguments and options, in their order.

    usual  what was read of the corpus that the model was trained on
    Raises UsageError for options that do not go together, InputError for what cannot be read, is
    empty or too long.
    """
    _check(documents, source)
    if source.lines is not None:
        asked = _of_lines(source.lines, source.numbers, reading)
    elif source.corpora:
        asked = _of_corpora(source.corpora, source.numbers, reading, usual)
    else:
        given = given_documents(documents, source.texts, reading.encoding)
        asked = [AskedDocument(one.name, one.path, one.text) for one in given]
    for one in asked:
        if not one.text.strip():
            raise InputError("is empty", place=one.name, mend="give a document with words")
        if len(one.text) > MOST_BYTES:
            raise InputError(
                f"has {len(one.text):,} bytes, and at most {MOST_BYTES:,} are explained",
                place=one.name,
                mend="explain a part of it",
            )
    return asked


def refuse_corpora_in(asked: Sequence[AskedDocument], labels: Sequence[str]) -> None:
    """Raise InputError for the first file that is a corpus, of a model with these labels."""
    refuse_corpora(_whole(asked), labels)


def warn_of_corpora_in(
    asked: Sequence[AskedDocument], lines: str | None, labels: Sequence[str]
) -> None:
    """Warn of files, and of a file of lines, that look like corpora."""
    warn_of_corpora(_whole(asked))
    head = asked[0].head
    if lines is None or head is None or warn_of_labelled_lines(lines, head, labels):
        return
    for one in asked:
        label, tab, _ = one.text.partition(b"\t")
        if tab and label.decode("utf-8", "replace") in labels:
            warn(
                f"{one.name} begins with a label and a tab, and was explained with them; "
                f"--corpus {shown_path(lines)} --number N reads the text alone"
            )


def _whole(asked: Sequence[AskedDocument]) -> list[GivenDocument]:
    return [GivenDocument(one.name, one.path, one.text) for one in asked if one.path is not None]


def _check(documents: Sequence[str], source: DocumentSource) -> None:
    given = {
        "documents": bool(documents),
        "--text": bool(source.texts),
        "--lines FILE": source.lines is not None,
        "--corpus CORPUS": bool(source.corpora),
    }
    several = [name for name, is_given in given.items() if is_given]
    if len(several) > 1:
        raise click.UsageError(f"{' and '.join(several)} exclude each other: give one of them")
    of_many = source.lines is not None or bool(source.corpora)
    if of_many and not source.numbers:
        raise click.UsageError(
            f"{several[0]} needs --number N, the number of the document to explain, from 1"
        )
    if source.numbers and not of_many:
        raise click.UsageError(
            "--number is for --lines FILE or --corpus CORPUS: a DOC is one document, whole"
        )
    if not source.corpora:
        refuse_without_corpora(ReadingOptions)


def _of_lines(path: str, numbers: Sequence[int], reading: ReadingOptions) -> list[AskedDocument]:
    from textmlr.corpus.formats.lines import read_lines
    from textmlr.corpus.formats.mistaken_document import HEAD

    limited, encoding = reading.compression_limit, reading.encoding
    batch = read_lines(path, compression_limit=limited, encoding=encoding)
    _check_numbers(numbers, len(batch), shown_path(path), "line")
    name = shown_path(path)
    head = batch.text[:HEAD].tobytes()
    return [
        AskedDocument(f"{name}:{number}", None, batch[number - 1], head=head) for number in numbers
    ]


def _of_corpora(
    paths: Sequence[str],
    numbers: Sequence[int],
    reading: ReadingOptions,
    usual: Sequence[Taken],
) -> list[AskedDocument]:
    """Documents of corpora, with their labels where they have any."""
    from textmlr.corpus.notes import ReadingNotes
    from textmlr.corpus.reading import scan

    stdin = BytesIO(standard_input().read()) if "-" in paths else None
    labelled = _are_labelled(paths, reading, usual, stdin)
    name = ", ".join(shown_path(path) for path in paths)
    found: dict[int, AskedDocument] = {}
    notes, first = ReadingNotes(), 0
    # Rows whose text is null count, and are refused only where they are asked for.
    chunks = scan(
        paths, reading, labelled=labelled, tables=False, stdin=stdin, usual=usual, nulls=True
    )
    for chunk in notes.watch(chunks):
        for number in numbers:
            row = number - 1 - first
            if 0 <= row < len(chunk):
                label = None if chunk.labels is None else _label(*chunk.labels, row)
                text = chunk.batch[row].decode("utf-8", "replace").encode()
                place = f"{name}, document {number:,}"
                found[number] = AskedDocument(place, None, text, label)
        first += len(chunk)
        if first >= max(numbers):
            break
    _check_numbers(numbers, first, name, "document")
    for sentence in tables_said(notes.taken, usual, reading):
        click.echo(plain(sentence), err=True)
    return [found[number] for number in numbers]


def _label(codes: Targets, names: Sequence[str], row: int) -> str | tuple[str, ...]:
    """The label of a document, or its set of labels."""
    from textmlr.corpus.label_sets import LabelSets

    if isinstance(codes, LabelSets):
        return tuple(names[code] for code in codes[row].tolist())
    return names[int(codes[row])]


def _are_labelled(
    paths: Sequence[str],
    reading: ReadingOptions,
    usual: Sequence[Taken],
    stdin: BinaryIO | None,
) -> bool:
    """Whether corpora have labels that can be read: explaining needs none."""
    from textmlr.corpus.reading import scan

    try:
        chunks = scan(
            paths,
            reading,
            tables=False,
            chunk_bytes=_LOOKED_AT,
            stdin=stdin,
            usual=usual,
            nulls=True,
        )
        return not next(chunks).unlabelled  # which would not count
    except InputError:
        if reading.label_column is not None or reading.label_columns:
            raise
        return False
    finally:
        if stdin is not None:
            stdin.seek(0)


def _check_numbers(numbers: Sequence[int], size: int, place: str, what: str) -> None:
    for number in numbers:
        if number > size:
            raise InputError(
                f"has {size:,} {what}{'' if size == 1 else 's'}, and none of number {number:,}",
                place=place,
                mend=f"give --number from 1 to {size:,}",
            )
