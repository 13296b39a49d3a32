"""Reading corpora: ``scan`` streams the documents of files, ``read_corpus`` keeps them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import (
    check_file,
    check_flag,
    check_integer,
    check_kind,
    check_strings,
    taken,
)
from textmlr.base.limits import MOST_COUNT
from textmlr.corpus.chunks import CHUNK_BYTES, Chunk, ScanRequest, settled
from textmlr.corpus.corpus import Corpus, check_corpus
from textmlr.corpus.formats import folder
from textmlr.corpus.formats.detection import reader_of
from textmlr.corpus.label_sets import LabelSets, Targets, joined_targets, label_counts
from textmlr.corpus.notes import ReadingNotes
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.sources import Paths, name_of, opened, sources_of
from textmlr.corpus.taken_columns import Taken


def scan(
    paths: Paths,
    options: ReadingOptions | None = None,
    *,
    labelled: bool = True,
    tables: bool = True,
    live: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
    stdin: BinaryIO | None = None,
    usual: Sequence[Taken] = (),
    nulls: bool = False,
) -> Iterator[Chunk]:
    """The documents of files, some at a time and in order, in memory that does not grow.

    paths, options, stdin  as in read_corpus
    labelled     False: documents need no labels, Chunk.labels is None, and a file of lines that
                 says nothing of its form is a document a line
    tables       Chunk.table will be asked for: all columns are read, not only those needed
    live         documents are given as soon as they are there, even single lines that a slow writer
                 sends to a pipe; Parquet and Arrow cannot be, from standard input
    chunk_bytes  about as much of a file, or of its text, is a chunk
    usual        as in read_corpus
    nulls        rows of a table whose text is null are documents without text: Chunk.missing
    Raises InputError as read_corpus does, when the chunk is reached where the fault is.

    >>> from textmlr.corpus.reading import scan
    >>> for chunk in scan(["data/genres-test.tsv"]):
    ...     print(chunk.first, len(chunk), chunk.table.column_names)
    1 144 ['label', 'text']
    """
    own = _checked(options, stdin)
    for name, flag in (
        ("labelled", labelled),
        ("tables", tables),
        ("live", live),
        ("nulls", nulls),
    ):
        check_flag(name, flag)
    check_integer("chunk_bytes", chunk_bytes, 0, MOST_COUNT, 1 << 22)
    known = _checked_usual(usual)
    request = ScanRequest(own, labelled, max(chunk_bytes, 1), tables, live, known, nulls)
    for source in sources_of(paths):
        yield from _chunks(source, request, stdin)


def read_corpus(
    paths: Paths,
    options: ReadingOptions | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    weights: str | None = None,
    stdin: BinaryIO | None = None,
    usual: Sequence[Taken] = (),
) -> Corpus:
    """Read labelled documents of files as one corpus.

    paths    a file, a folder of a folder a label, a pattern such as 'part-*.csv', a URL, or a list
             of these; "-" is standard input.  Decompressed if names end in .gz, .zst, .bz2 or .xz
             (standard input and URLs: if the first bytes say so)
    options  how they are read; None: as ReadingOptions() says
    text, label, weights  names of a table's columns, as text_column, label_column and
             weight_column of the options; None: text and label have plain names, and there are no
             weights
    stdin    read for "-" in place of the process's own
    usual    what a model was trained on (model.record.taken): columns that are not named are those,
             where a file has them
    Raises InputError naming file and line: for a file that cannot be read, decompressed or is
    empty, for columns that are not there, for the first bad line, and if every line would be
    skipped.

    >>> from textmlr import read_corpus
    >>> corpus = read_corpus("data/genres-test.tsv")
    >>> len(corpus), corpus.labels[:3]
    (144, ['adventure', 'comedy', 'crime'])
    >>> corpus.text(0)[:30]
    'The steppe beyond Orenburg had'
    """
    own = _checked(options, stdin).with_columns(text=text, label=label, weights=weights)
    request = ScanRequest(own, chunk_bytes=None, usual=_checked_usual(usual))
    sources = sources_of(paths)
    chunks: list[Chunk] = []
    file_of: list[int] = []
    for number, source in enumerate(sources):
        for chunk in _chunks(source, request, stdin):
            chunks.append(chunk)
            file_of.append(number)
    names = [name_of(source) for source in sources]
    return joined(chunks, file_of, names, own.has_weights)


def _checked(options: Any, stdin: Any) -> ReadingOptions:
    check_kind("options", options, ReadingOptions, optional=True)
    check_file("stdin", stdin)
    return options or ReadingOptions()


def _checked_usual(usual: Any) -> tuple[Taken, ...]:
    if isinstance(usual, list | tuple) and all(isinstance(one, Taken) for one in usual):
        return tuple(usual)
    raise taken("usual", usual, "a list of Taken", "give model.record.taken")


def recode(corpus: Corpus, labels: Sequence[str]) -> tuple[Targets, dict[str, int]]:
    """The labels of a corpus as codes into another list, a model's: (codes, unknown).

    codes    (n,) int32   -1 where the label is not in labels; or sets without such labels
    unknown  number of documents of each label that is not in labels, by code point
    """
    check_corpus("corpus", corpus)
    if labels is corpus.labels:  # as in training, where there may be very many
        return corpus.y, {}
    code_of = {label: code for code, label in enumerate(check_strings("labels", labels) or [])}
    codes = np.array([code_of.get(label, -1) for label in corpus.labels], np.int32)
    counts = label_counts(corpus.y, len(corpus.labels)).astype(np.int64).tolist()
    pairs = zip(corpus.labels, counts, strict=True)
    unknown = {label: n for label, n in pairs if label not in code_of}
    y = corpus.y
    return (y.recoded(codes) if isinstance(y, LabelSets) else codes[y]), unknown


def _chunks(source: str, request: ScanRequest, stdin: BinaryIO | None) -> Iterator[Chunk]:
    """The documents of a source, with as many labels each as the options say, if they say it."""
    multilabel = request.options.multilabel
    for chunk in _read(source, request, stdin):
        yield chunk if multilabel is None else chunk.settled(multilabel)


def _read(source: str, request: ScanRequest, stdin: BinaryIO | None) -> Iterator[Chunk]:
    if folder.is_folder(source):
        yield from folder.chunks(source, request)
        return
    limited, encoding = request.options.compression_limit, request.options.encoding
    with opened(source, stdin, limited=limited, live=request.live, encoding=encoding) as stream:
        told = False
        for chunk in reader_of(stream, request)(stream, request):
            if stream.invalid is not None and not told:
                told, chunk = True, replace(chunk, invalid=stream.invalid)
            yield chunk


def joined(chunks: list[Chunk], file_of: list[int], names: list[str], weighted: bool) -> Corpus:
    """One corpus of all chunks.

    file_of  number of each chunk's file in names
    Raises InputError where there is no document.
    """
    undecided = any(chunk.firsts is not None for chunk in chunks)
    chunks = settled(chunks)
    labels, places = _numbered([chunk.labels[1] for chunk in chunks if chunk.labels])
    notes = ReadingNotes()
    for chunk in chunks:
        notes.add(chunk)
    notes.check_documents(names)
    targets: list[Targets] = []
    weights = []
    for chunk, new in zip(chunks, places, strict=True):
        assert chunk.labels is not None
        own, _ = chunk.labels
        targets.append(own.recoded(new) if isinstance(own, LabelSets) else new[own])
        if chunk.weights is not None:
            weights.append(chunk.weights)
    y = joined_targets(targets)
    if undecided and isinstance(y, LabelSets):
        notes.chose_sets(y)
    return Corpus(
        batches=[chunk.batch for chunk in chunks],
        y=y,
        labels=labels,
        weights=np.concatenate(weights) if weighted else None,
        names=names,
        skipped=notes.skipped,
        skipped_examples=notes.skipped_examples,
        file_of=file_of,
        notes=notes.notes,
        taken=notes.taken,
    )


def _numbered(names: list[list[str]]) -> tuple[list[str], list[NDArray[np.int32]]]:
    """(all names, sorted; the place of each name of each list among them).

    names  lists of distinct names
    """
    if len(names) == 1:  # by one sort, without a look-up of each of perhaps a million
        (own,) = names
        order = sorted(range(len(own)), key=own.__getitem__)
        places = np.zeros(max(len(own), 1), np.int32)
        places[order] = np.arange(len(own))
        return [own[i] for i in order], [places]
    labels = sorted({name for own in names for name in own})
    code_of = {label: code for code, label in enumerate(labels)}
    return labels, [np.array([code_of[name] for name in own] or [0], np.int32) for own in names]
