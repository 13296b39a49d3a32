"""A model's answers to the documents of files, written beside their columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from textmlr.base.checks import MODEL_MEND, check_kind, check_path, check_threads
from textmlr.base.limits import MANY_LABELS
from textmlr.base.whole_files import check_writable
from textmlr.corpus.notes import ReadingNotes
from textmlr.corpus.reading import scan
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.sources import sources_of
from textmlr.export.predictions.prediction_columns import ColumnChoice
from textmlr.export.predictions.prediction_file import PredictionFile
from textmlr.export.predictions.prediction_stream import Tally, write_predictions
from textmlr.model.model import Model

Path = str | PathLike[str]


def classify_files(
    model: Model,
    paths: Path | Sequence[Path],
    output: Path,
    choice: tuple[str, int | None, float | None, str | None, bool, bool],
    reading: ReadingOptions | None = None,
    *,
    threads: int | None = None,
) -> dict[str, Any]:
    """Write answers to a file; return counts, as JSON values.  See ``Model.classify_files``.

    choice  the arguments of ColumnChoice
    """
    check_kind("model", model, Model, MODEL_MEND)
    check_path("output", output)
    check_kind("reading", reading, ReadingOptions, optional=True)
    check_threads(threads)
    written = PredictionFile.of(os.fspath(output))
    wanted = ColumnChoice(*choice)
    options = (reading or ReadingOptions()).for_model(model.is_multilabel)
    usual = model.record.taken
    chunks = scan(paths, options, labelled=False, usual=usual, nulls=True)
    if written.path != "-":
        check_writable(written.path, sources_of(paths))
    notes = ReadingNotes()
    tally = write_predictions(model, notes.watch(chunks), written, wanted, threads=threads)
    return counts_of(model, written, wanted, tally, notes)


def counts_of(
    model: Model,
    output: PredictionFile,
    wanted: ColumnChoice,
    tally: Tally,
    notes: ReadingNotes,
) -> dict[str, Any]:
    """The counts of predictions that were written."""
    predicted = None if wanted.label is not None else label_counts(model, tally)
    unsure = None if wanted.min_probability is None else tally.unsure
    none = {"without_labels": tally.unsure} if model.is_multilabel else {"unsure": unsure}
    return {
        "output": output.path,
        "documents": tally.documents,
        "columns": tally.columns,
        "predicted": predicted,
        **none,
        "missing": tally.missing,
        "unknown": tally.unknown,
        "invalid_utf8": tally.invalid,
        "skipped": notes.skipped,
    }


def label_counts(model: Model, tally: Tally) -> dict[str, int]:
    """The number of documents that each label is the answer for, or one of it, most first; of more
    than MANY_LABELS those alone that are an answer."""
    counts = tally.per_label
    order = np.argsort(-counts, kind="stable")
    if len(model.labels) > MANY_LABELS:
        order = order[counts[order] > 0]
    return {model.labels[i]: int(counts[i]) for i in order.tolist()}
