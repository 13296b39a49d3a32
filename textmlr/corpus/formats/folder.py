"""Folders: DIR/<label>/.../<document>, a file a document.

Every folder in DIR is a label, and every file below it, at any depth, a document of that label.
Names are sorted by code point; those that begin with a dot are left out.  Files may be compressed.
Links to files are followed, and a label's folder may be a link.
If no labels are asked for, every file below DIR is a document.
A folder that holds a data set of Hugging Face's is read as ``dataset_folder`` says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import FormatError, InputError
from textmlr.base.option_mentions import mention
from textmlr.base.printable import plain
from textmlr.corpus.batch import ASCII_SPACE, Batch
from textmlr.corpus.byte_streams import Invalid
from textmlr.corpus.chunks import SKIP, Chunk, ScanRequest, check_bad
from textmlr.corpus.formats import dataset_folder
from textmlr.corpus.formats.dataset_folder import dataset_in
from textmlr.corpus.formats.lines import BINARY
from textmlr.corpus.refusals import refusals
from textmlr.corpus.sources import is_url, opened
from textmlr.corpus.taken_columns import Taken
from textmlr.corpus.text_encodings import BOM, check_marks


@dataclass(slots=True)
class _Pile:
    """Documents read so far, not yet a chunk."""

    first: int
    texts: list[bytes]
    paths: list[str]
    labels: list[str]
    size: int
    errors: list[InputError]
    invalid: Invalid | None = None


def is_folder(source: str) -> bool:
    """Whether a source is a folder, or a split of a data set in one."""
    if source == "-" or is_url(source):
        return False
    return os.path.isdir(source) or (not os.path.lexists(source) and dataset_in(source) is not None)


def chunks(path: str, request: ScanRequest) -> Iterator[Chunk]:
    """The documents below a folder.

    Raises InputError for a folder without documents, files where folders are expected, a label
    that is not UTF-8, and a file that cannot be read or holds a NUL byte.
    """
    found = dataset_in(path)
    if found is not None:
        yield from dataset_folder.chunks(found, request)
        return
    own = request.options
    given = [*own.named_columns, *(["weighted"] if own.weighted else [])]
    given += ["label_separator"] if own.label_separator else []
    for option in given:
        raise FormatError(
            f"a folder of files has no place for {mention(option)}",
            place=path,
            mend="leave it out",
        )
    number = 1
    pile = _Pile(number, [], [], [], 0, [])
    for label, file in _documents(path, request.labelled):
        _read(pile, label, file, request)
        number += 1
        if request.chunk_bytes is not None and pile.size >= request.chunk_bytes:
            yield _chunk(path, pile, request)
            pile = _Pile(number, [], [], [], 0, [])
    if number == 1:
        raise FormatError("no documents in the folder", place=path, mend="write a file a document")
    if pile.texts or pile.errors:
        yield _chunk(path, pile, request)


def documents(path: str) -> Iterator[str]:
    """The files of a folder's documents, in order.  Raises InputError as ``chunks`` does."""
    found = dataset_in(path)
    if found is not None:
        yield from found.files
        return
    for _, file in _documents(path, True):
        yield file


def _documents(path: str, labelled: bool) -> Iterator[tuple[str, str]]:
    """(label, path) of each document, in order."""
    if not labelled:
        for file in _files(path):
            yield "", file
        return
    entries = _entries(path)
    folders = [entry for entry in entries if entry.is_dir()]
    if len(folders) < len(entries):
        files = [entry.name for entry in entries if not entry.is_dir()]
        shown = plain(files[0])
        ending = os.path.splitext(files[0])[1]
        pattern = os.path.join(path, "*" + (ending if ending.isprintable() else ""))
        raise FormatError(
            f"holds files ({shown}{', ...' if len(files) > 1 else ''}), not only a folder a label",
            place=path,
            mend=f"move them into folders named by label, or name the files: '{pattern}'",
        )
    for folder in folders:
        try:
            folder.name.encode()
        except UnicodeEncodeError:
            raise FormatError(
                "a folder's name is not UTF-8, and cannot be a label",
                place=os.fsencode(folder.path).decode("utf-8", "replace"),
                mend="rename it",
            ) from None
        label = folder.name.strip(ASCII_SPACE)
        if not label:
            raise FormatError(
                "a folder's name is blank, and cannot be a label",
                place=path,
                mend=f"rename {folder.name!r}",
            )
        for file in _files(folder.path):
            yield label, file


def _entries(path: str) -> list[os.DirEntry[str]]:
    """The entries of a folder, sorted, without hidden ones."""
    with refusals(path), os.scandir(path) as found:
        entries = [entry for entry in found if not entry.name.startswith(".")]
    return sorted(entries, key=lambda entry: entry.name)


def _files(path: str) -> Iterator[str]:
    """Files below a folder, sorted within each.

    Links to files are followed.  Raises InputError for a link to a folder, which may bring the same
    documents again and again, and for pipes and devices, which may have no end.
    """
    for entry in _entries(path):
        if entry.is_dir():
            if entry.is_symlink():
                raise FormatError(
                    "a link to a folder, which is followed only in place of a label's",
                    place=entry.path,
                    mend="put the folder there, or leave it out",
                )
            yield from _files(entry.path)
        elif entry.is_file() or not os.path.exists(entry.path):
            yield entry.path
        else:
            raise FormatError("neither a file nor a folder", place=entry.path, mend="leave it out")


def _read(pile: _Pile, label: str, file: str, request: ScanRequest) -> None:
    """Add one document, or its error."""
    limited, encoding = request.options.compression_limit, request.options.encoding
    with opened(file, limited=limited, encoding=encoding) as stream:
        whole = stream.rest("document")
        stream.check_text(whole, 1)
        pile.invalid = pile.invalid or stream.invalid
        text = whole.tobytes().removeprefix(BOM)
        check_marks(text, file)
    if b"\0" in text:
        problem, mend = BINARY
        error = FormatError(problem, place=file, mend=f"{mend}, {SKIP}")
        if not request.options.skip_bad_lines:
            raise error
        pile.errors.append(error)
        return
    pile.texts.append(text)
    pile.paths.append(file)
    pile.labels.append(label)
    pile.size += len(text)


def _chunk(path: str, pile: _Pile, request: ScanRequest) -> Chunk:
    stops: NDArray[np.int64] = np.cumsum([0, *map(len, pile.texts)], dtype=np.int64)
    batch = Batch(np.frombuffer(b"".join(pile.texts), np.uint8), stops[:-1], stops[1:])
    labels = None
    if request.labelled:
        code_of: dict[str, int] = {}
        codes = [code_of.setdefault(label, len(code_of)) for label in pile.labels]
        labels = np.array(codes, np.int32), list(code_of)
    bad = np.arange(len(pile.errors))
    examples = check_bad(bad, pile.errors.__getitem__, request.options.skip_bad_lines)
    table = partial(_table, batch, pile.paths, pile.labels if request.labelled else None)
    shape = "a folder a label, a file a document" if request.labelled else "a file a document"
    return Chunk(
        path,
        pile.first,
        batch,
        labels,
        None,
        table,
        len(bad),
        examples,
        taken=Taken(shape),
        invalid=pile.invalid,
    )


def _table(batch: Batch, paths: list[str], labels: list[str] | None) -> Any:
    import pyarrow as pa

    from textmlr.corpus.arrow_batch import record_batch, strings_of

    shown = [os.fsencode(path).decode("utf-8", "replace") for path in paths]
    columns: dict[str, Any] = {"path": pa.array(shown, pa.string())}
    if labels is not None:
        columns["label"] = pa.array(labels, pa.string())
    return record_batch(columns | {"text": strings_of(batch)})
