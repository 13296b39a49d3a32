"""Predictions over a corpus, written chunk by chunk in constant memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.corpus.batch import Batch
from textmlr.export.predictions.joined_columns import Block, JoinedColumns
from textmlr.export.predictions.prediction_columns import ColumnChoice, PredictionColumns
from textmlr.export.predictions.prediction_file import DELIMITED, PredictionFile, opened
from textmlr.export.predictions.set_columns import SetColumns, separator_of
from textmlr.model.answer_stream import map_answers, ranked_blocks
from textmlr.model.label_choice import LabelChoice

if TYPE_CHECKING:
    from textmlr.corpus.chunks import Chunk
    from textmlr.model.model import Model


@dataclass(slots=True)
class Tally:
    """Counts of the predictions so far.

    per_label      (L,) int64  documents that have each label as their answer
    unsure         documents that have none
    missing        documents without text, whose answers are null
    unknown        documents without a known feature
    first_unknown  the place of the first of them
    invalid        pieces of invalid UTF-8 read as U+FFFD
    columns        the names of the appended columns
    file           the file being read
    """

    per_label: NDArray[np.int64]
    columns: list[str]
    documents: int = 0
    unsure: int = 0
    missing: int = 0
    unknown: int = 0
    first_unknown: str | None = None
    invalid: int = 0
    file: str = ""

    def add(self, block: Block) -> None:
        """Count a block."""
        own = block.predictions
        if len(own.unknown) and self.first_unknown is None:
            number = block.first + int(own.unknown[0])
            self.first_unknown = f"{block.name}, document {number:,}"
        self.file = block.name
        self.documents += len(own)
        self.per_label += own.per_label
        self.unsure += own.unsure
        self.missing += own.missing
        self.unknown += len(own.unknown)
        self.invalid += own.invalid


Watch = Callable[[Tally], None]


def predict(
    model: Model,
    chunks: Iterable[Chunk],
    appended: PredictionColumns,
    *,
    threads: int | None = None,
) -> Iterator[Block]:
    """A model's predictions for each document, block after block, in order.

    Chunks are drawn as threads need them, and freed after their last block; the number of threads
    changes no bit.
    """
    under_way: deque[Chunk] = deque()

    def batches() -> Iterator[Batch]:
        for chunk in chunks:
            if len(chunk.batch):
                under_way.append(chunk)
                yield chunk.batch

    row = 0
    few = appended.few
    if few is None:
        predicted = map_answers(model, appended.of, batches(), threads)
    else:
        blocks = ranked_blocks(model, batches(), threads, few, appended.column)
        predicted = map(appended.of_ranked, blocks)
    for own in predicted:
        chunk = under_way[0]
        if chunk.missing is not None:
            own = own.without(chunk.missing[row : row + len(own)])
        yield Block(chunk.name, chunk.first + row, chunk.table.slice(row, len(own)), own)
        row += len(own)
        if row == len(chunk.batch):
            under_way.popleft()
            row = 0


def write_predictions(
    model: Model,
    chunks: Iterable[Chunk],
    output: PredictionFile,
    wanted: ColumnChoice | None = None,
    *,
    threads: int | None = None,
    watch: Watch | None = None,
) -> Tally:
    """Write a corpus's columns and a model's predictions to a file, whole or not at all.

    watch  called with the counts so far, block after block
    Raises InputError for a corpus without documents, for columns that have the names of
    predictions or differ from file to file, and for a file that cannot be written.
    """
    wanted = wanted or ColumnChoice()
    appended = PredictionColumns(model.labels, wanted, _set_columns(model, output, wanted))
    tally = Tally(np.zeros(len(model.labels), np.int64), [f.name for f in appended.fields])
    blocks = predict(model, chunks, appended, threads=threads)
    first = next(blocks, None)
    if first is None:
        raise InputError("the corpus has no documents", mend="give at least one")
    columns = JoinedColumns(first, appended, each_its_own=output.format == "jsonl")
    with opened(output, columns.schema) as writer:
        block: Block | None = first
        while block is not None:
            if block.name != tally.file:
                _refuse_itself(block.name, output.path)
            writer.write(columns.joined(block))
            tally.add(block)
            if watch is not None:
                watch(tally)
            block = next(blocks, None)
    return tally


def _set_columns(model: Model, output: PredictionFile, wanted: ColumnChoice) -> SetColumns | None:
    """The columns of sets of a multi-label model, joined where the format has no lists."""
    thresholds = model.parts.thresholds
    if thresholds is None:
        if wanted.at_least_one:
            problem = "at_least_one: each document has one label by this model"
            raise InputError(problem, mend="leave it out")
        return None
    choice = LabelChoice(thresholds, wanted.min_probability or 0.0, wanted.at_least_one)
    joined = output.format in DELIMITED and wanted.label is None
    separator = separator_of(model.record.taken) if joined else None
    return SetColumns(model.labels, choice, separator, output.path)


def _refuse_itself(name: str, output: str) -> None:
    if os.path.exists(name) and os.path.exists(output) and os.path.samefile(name, output):
        raise InputError("is the corpus itself", place=output, mend="write to another file")
