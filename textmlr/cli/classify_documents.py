"""textmlr classify without --corpus: answers to documents of their own, or to lines, on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from textmlr.cli.answers import (
    AnswerChoice,
    BlockWriter,
    FewWriter,
    JsonWriter,
    answers_writer,
    warn_of_namesake,
    warn_of_unread,
)
from textmlr.cli.document_file import (
    GivenDocument,
    refuse_corpora,
    shown_path,
    warn_of_corpora,
    warn_of_labelled_lines,
)
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.kernels.jit import run_plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textmlr.cli.answer_bars import BarWriter
    from textmlr.corpus.batch import Batch
    from textmlr.model.model import Model

# Plain Python answers documents of up to so many bytes: it takes about 10 µs a byte, where Numba
# takes 4 s to compile its kernels once, and 0.03 s to load kernels that are compiled (measured).
PLAIN_BYTES = 1 << 15


def classify_documents(
    model: str,
    documents: Sequence[GivenDocument],
    choice: AnswerChoice,
    threads: int | None,
    as_json: bool,
) -> None:
    """Answer documents."""
    if sum(len(document.text) for document in documents) <= PLAIN_BYTES:
        run_plain()
    from textmlr.corpus.in_memory import batches_of
    from textmlr.model.model import Model

    loaded = Model.load(model)
    refuse_corpora(documents, loaded.labels)
    batch = batches_of([document.text for document in documents])[0]
    names = (document.name for document in documents)
    _answer(model, loaded, batch, names, choice, threads, as_json)
    warn_of_corpora(documents)


def classify_lines(
    model: str,
    path: str,
    choice: AnswerChoice,
    threads: int | None,
    as_json: bool,
    *,
    reading: ReadingOptions,
) -> None:
    """Answer the lines of a file, each a document."""
    from textmlr.corpus.formats.lines import read_lines
    from textmlr.corpus.formats.mistaken_document import HEAD
    from textmlr.model.model import Model

    limited, encoding = reading.compression_limit, reading.encoding
    batch = read_lines(path, compression_limit=limited, encoding=encoding)
    names = (f"{shown_path(path)}:{line}" for line in range(1, len(batch) + 1))
    loaded = Model.load(model)
    _answer(model, loaded, batch, names, choice, threads, as_json)
    warn_of_labelled_lines(path, batch.text[:HEAD].tobytes(), loaded.labels)


def _is_no_utf8(document: tuple[str, bytes]) -> bool:
    """Whether a document's text is not UTF-8."""
    try:
        document[1].decode()
    except UnicodeDecodeError:
        return True
    return False


def _warn_of_encoding(name: str, text: bytes) -> None:
    """Say what the encoding of a document may be that is not UTF-8."""
    from textmlr.cli.warnings import warn
    from textmlr.corpus.notes import invalid_note

    warn(invalid_note(name, text))


def _prepared(
    loaded: Model,
    writer: BlockWriter | FewWriter | JsonWriter | BarWriter,
    few: int | None,
    batch: Batch,
    column: int | None,
    threads: int | None,
) -> Iterator[tuple[Any, NDArray[np.int64], int]]:
    """(what the writer shows, known, invalid) of each block;  few  see ``AnswerChoice.few``."""
    if few is None:
        from textmlr.model.answer_stream import map_answers

        assert not isinstance(writer, FewWriter)
        return map_answers(loaded, writer.prepare, [batch], threads)
    from textmlr.model.answer_stream import ranked_blocks

    assert not isinstance(writer, BlockWriter)
    return map(writer.prepare_ranked, ranked_blocks(loaded, [batch], threads, few, column))


def _answer(
    model: str,
    loaded: Model,
    batch: Batch,
    names: Iterable[str],
    choice: AnswerChoice,
    threads: int | None,
    as_json: bool,
) -> None:
    from textmlr.export.answer_lines import NO_LABEL, UNSURE

    column, sets = choice.column(loaded, model), choice.of_sets(loaded, model)
    if sets is not None:
        warn_of_namesake(loaded.labels, as_json, NO_LABEL)
    elif choice.min_probability is not None:
        warn_of_namesake(loaded.labels, as_json, UNSURE)
    few = choice.few(loaded)
    writer = answers_writer(
        loaded.labels, choice, column, as_json, len(batch), sets, is_few=few is not None
    )
    names = iter(names)
    first, unknown, invalid, seen = None, 0, 0, 0
    doubtful: list[tuple[str, bytes]] = []
    for text, known, bad in _prepared(loaded, writer, few, batch, column, threads):
        named = list(islice(names, len(known)))
        writer.show(named, text)
        strangers = (known == 0).nonzero()[0]
        if len(strangers) and first is None:
            first = named[strangers[0]]
        unknown += len(strangers)
        if bad and not doubtful:
            texts = (batch[seen + i] for i in range(len(named)))
            doubtful = list(islice(filter(_is_no_utf8, zip(named, texts, strict=True)), 1))
        seen += len(named)
        invalid += bad
    writer.finish()
    sys.stdout.flush()
    for one in doubtful:
        _warn_of_encoding(*one)
    rates, several = loaded.parts.answers_by_base, loaded.is_multilabel
    warn_of_unread(first, unknown, invalid, rates=rates, several=several)
