"""textmlr classify --corpus: a corpus's own columns and a model's predictions, to a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.printable import plain, to_json
from textmlr.cli.taken_rows import said_rows, tables_said, taken_json
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.training.training_progress import Display

if TYPE_CHECKING:
    from textmlr.corpus.chunks import Chunk
    from textmlr.export.predictions.prediction_columns import ColumnChoice
    from textmlr.export.predictions.prediction_file import PredictionFile
    from textmlr.export.predictions.prediction_stream import Tally
    from textmlr.model.model import Model

MOST_SHOWN = 10  # labels in the summary


class PredictionsProgress(Display):
    """The number of documents that are done, on stderr, if it is a terminal.

    documents  how many there are, None where that is not known
    """

    def __init__(self, documents: int | None, *, shown: bool) -> None:
        self._bar = _bar(documents) if shown else None
        self._began = time.perf_counter()
        super().__init__(self._bar)

    def watch(self, tally: Tally) -> None:
        """Show the documents that are done."""
        if self._bar is not None:
            rate = tally.documents / max(time.perf_counter() - self._began, 1e-9)
            figures = f"{tally.documents:,} documents, {rate:,.0f}/s"
            self._bar.update(
                self._bar.task_ids[0],
                completed=tally.documents,
                figures=figures,
                file=plain(tally.file),
            )


def _bar(documents: int | None) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    known = [TimeRemainingColumn(), TextColumn("left,")] if documents else []
    bar = Progress(
        BarColumn(bar_width=16),
        TimeElapsedColumn(),
        *known,
        TextColumn("{task.fields[figures]}"),
        TextColumn("{task.fields[file]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task("classifying", total=documents or None, figures="reading", file="")
    return bar


def classify_corpus(
    model: Model,
    chunks: Iterable[Chunk],
    output: PredictionFile,
    wanted: ColumnChoice,
    *,
    paths: Sequence[str],
    reading: ReadingOptions,
    threads: int | None,
    as_json: bool,
    quiet: bool = False,
) -> None:
    """Write the predictions, and print a summary.

    paths    where the chunks come from
    reading  how they were read
    """
    from textmlr.cli.answers import warn_of_unread
    from textmlr.cli.warnings import warn_of, warn_of_skipped
    from textmlr.corpus.notes import ReadingNotes
    from textmlr.export.predictions.corpus_size import documents_of
    from textmlr.export.predictions.file_answers import counts_of, label_counts
    from textmlr.export.predictions.prediction_stream import write_predictions

    notes = ReadingNotes()
    shown = not quiet and sys.stderr.isatty() and not (output.path == "-" and sys.stdout.isatty())
    documents = documents_of(paths) if shown else None
    began = time.perf_counter()
    with PredictionsProgress(documents, shown=shown) as progress:
        tally = write_predictions(
            model, notes.watch(chunks), output, wanted, threads=threads, watch=progress.watch
        )
    seconds = time.perf_counter() - began
    warn_of_skipped([notes])
    warn_of(row_notes(tally.missing, notes.skipped))
    rates, several = model.parts.answers_by_base, model.is_multilabel
    first = tally.first_unknown
    warn_of_unread(first, tally.unknown, tally.invalid, rates=rates, several=several)
    counts = None if wanted.label is not None else label_counts(model, tally)
    if as_json:
        summary = counts_of(model, output, wanted, tally, notes)
        taken = taken_json(notes.taken)
        click.echo(to_json({**summary, "taken": taken, "seconds": round(seconds, 3)}))
    elif not quiet:
        said = tables_said(notes.taken, model.record.taken, reading, lines=True)
        _show(output, wanted, tally, counts, seconds, said, is_multilabel=model.is_multilabel)


def row_notes(missing: int, skipped: int) -> list[str]:
    """Which rows have no answer, and which are not there."""
    notes = []
    if missing:
        have = "document has" if missing == 1 else "documents have"
        notes.append(f"{missing:,} {have} no text (null): the answer is null")
    if skipped:
        notes.append("lines that are skipped have no row in the output")
    return notes


def _show(
    output: PredictionFile,
    wanted: ColumnChoice,
    tally: Tally,
    counts: dict[str, int] | None,
    seconds: float,
    said: Sequence[str],
    *,
    is_multilabel: bool,
) -> None:
    """A summary, on stderr, since stdout may get the predictions."""
    from textmlr.base.printable import plural
    from textmlr.cli.terminal import show_rows
    from textmlr.export.answer_lines import NO_LABEL, UNSURE

    where = "standard output" if output.path == "-" else output.path
    click.secho(f"Wrote {plain(where)}", bold=True, err=True)
    rate = tally.documents / max(seconds, 1e-9)
    rows = [
        *said_rows(said),
        ("documents", f"{tally.documents:,} in {seconds:.1f} s, {rate:,.0f} a second"),
        ("appended", plain(_listed(tally.columns))),
    ]
    if counts is not None:
        shown = {plain(label): number for label, number in list(counts.items())[:MOST_SHOWN]}
        for place, (label, number) in enumerate(shown.items()):
            row = f"{number:>{len(f'{tally.documents:,}')},}  {_percent(number, tally)}  {label}"
            rows.append(("" if place else "predicted", row))
        if len(counts) > MOST_SHOWN:
            rows.append(("", f"… and {plural(len(counts) - MOST_SHOWN, 'label')} more"))
    if is_multilabel:
        rows.append((NO_LABEL, f"{tally.unsure:,}  {_percent(tally.unsure, tally)}"))
    elif wanted.min_probability is not None:
        rows.append(
            (
                UNSURE,
                f"{tally.unsure:,}  {_percent(tally.unsure, tally)}  "
                f"no label has {100 * wanted.min_probability:g} %",
            )
        )
    show_rows(rows, err=True)


def _percent(number: int, tally: Tally) -> str:
    return f"{100 * number / tally.documents:5.1f} %"


def _listed(columns: list[str]) -> str:
    return ", ".join(columns[:6]) + (f" and {len(columns) - 6} more" if len(columns) > 6 else "")
