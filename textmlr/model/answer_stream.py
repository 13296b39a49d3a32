"""A model's answers to any number of documents, block after block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import textmlr
from textmlr.base.checks import check_kind, check_threads, is_list, one_text, taken
from textmlr.base.errors import InputError
from textmlr.base.threads import chosen_threads, machine_memory, map_blocks
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.in_memory import batches_of
from textmlr.model.answering import Answers
from textmlr.model.ranked_answers import RankedAnswers

T = TypeVar("T")
Real = TypeVar("Real", np.float32, np.float64)
# Probabilities of a block of documents: of very many labels there are few documents to one.
BLOCK_ANSWERS = 1 << 23


def answer_blocks(
    model: textmlr.Model, batches: Iterable[Batch], threads: int | None = None
) -> Iterator[Answers]:
    """Answers for each block of documents, in order."""
    return map_answers(model, lambda answers: answers, batches, threads)


def map_answers(
    model: textmlr.Model,
    function: Callable[[Answers], T],
    batches: Iterable[Batch],
    threads: int | None = None,
) -> Iterator[T]:
    """function(answers) for each block of documents, in order; it is called in the thread that
    found the answers, while other threads answer the next blocks.

    Batches are drawn as they are needed: not all need be in memory.
    """
    if not callable(function):
        raise taken("function", function, "a function of Answers")
    if not is_list(batches):
        raise taken("batches", batches, "an iterable of Batch")
    check_threads(threads)

    def blocks() -> Iterator[Batch]:
        for batch in batches:
            check_kind("batches", batch, Batch, "read them by textmlr.corpus.reading.scan")
            yield from blocks_of([batch], most=max(1, BLOCK_ANSWERS // len(model.labels)))

    def run(block: Batch) -> T:
        return function(model._answerer.answer(block))

    return map_blocks(run, blocks(), chosen_threads(threads))


def ranked_blocks(
    model: textmlr.Model,
    batches: Iterable[Batch],
    threads: int | None,
    k: int,
    codes: NDArray[np.integer[Any]] | int | None = None,
) -> Iterator[RankedAnswers]:
    """The k likeliest labels of each document, block after block, in order; see
    ``Answerer.ranked``.

    k      more than there are labels is all of them
    codes  (N,) the labels of all documents, in order, for P and rank of each; a number is the
           label of all
    """
    check_threads(threads)
    answerer, k = model._answerer, min(k, len(model.labels))

    def own_codes(first: int, last: int) -> NDArray[np.integer[Any]] | None:
        if isinstance(codes, int):
            return np.full(last - first, codes)
        return None if codes is None else codes[first:last]

    def blocks() -> Iterator[tuple[Batch, NDArray[np.integer[Any]] | None]]:
        first = 0
        most = max(1, BLOCK_ANSWERS // answerer.width(k))
        for batch in batches:
            check_kind("batches", batch, Batch, "read them by textmlr.corpus.reading.scan")
            for block in blocks_of([batch], most=most):
                last = first + len(block)
                yield block, own_codes(first, last)
                first = last

    def run(work: tuple[Batch, NDArray[np.integer[Any]] | None]) -> RankedAnswers:
        return answerer.ranked(work[0], k, work[1])

    return map_blocks(run, blocks(), chosen_threads(threads))


def ranked_texts(
    model: textmlr.Model, texts: Any, k: int, threads: int | None
) -> Iterator[RankedAnswers]:
    """``ranked_blocks`` of texts."""
    check_threads(threads)
    single = isinstance(texts, str | bytes)
    batches = _batches(one_text(texts) if single else texts, model)
    return ranked_blocks(model, batches, threads, k)


def stacked(
    model: textmlr.Model,
    texts: Any,
    threads: int | None,
    part: Callable[[Answers], NDArray[Real]],
) -> NDArray[Real]:
    """part(answers) of all documents, as one array; of a single text, its row alone.

    Raises InputError where the array would not fit in memory.
    """
    check_threads(threads)
    single = isinstance(texts, str | bytes)
    batches = _batches(one_text(texts) if single else texts, model)
    documents = sum(map(len, batches))
    parts: list[NDArray[Real]] = []
    for rows in map_answers(model, part, batches, threads):
        if not parts:
            _check_memory(documents, rows)
        parts.append(rows)
    rows = np.concatenate(parts) if parts else part(Answers.room(0, len(model.labels)))
    return rows[0] if single else rows


def normalizers(model: textmlr.Model, texts: Any, threads: int | None) -> Any:
    """log z of each text: (n,) float64; of a single text a float."""
    if not model.parts.is_sparse:
        return stacked(model, texts, threads, lambda answers: answers.log_z)
    parts = [ranked.log_z for ranked in ranked_texts(model, texts, 0, threads)]
    rows = np.concatenate([np.zeros(0), *parts])
    return rows[0] if isinstance(texts, str | bytes) else rows


def _check_memory(documents: int, rows: NDArray[Any]) -> None:
    """Refuse the rows of all documents where they do not fit;  rows  those of the first ones."""
    needed = 2 * documents * rows[0].nbytes  # joining them holds them twice
    available = machine_memory()
    if needed > available:
        raise InputError(
            f"{documents:,} documents × {rows.size // len(rows):,} labels need "
            f"{needed / 2**30:.1f} GiB, and this machine has {available / 2**30:.1f} GiB",
            mend="ask for the likeliest labels: model.classify(texts, top=5)",
            guide="limits",
        )


def _batches(texts: Any, model: textmlr.Model) -> list[Batch]:
    if type(texts) is list and texts and isinstance(texts[0], str | bytes):
        return batches_of(texts)
    from textmlr.corpus.given_data import texts_of  # late: it reads files, frames and tables

    return texts_of(texts, usual=model.record.taken)
