"""textmlr train --stream: training on documents as they come."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.compiling import COMPILING
from textmlr.base.errors import InputError
from textmlr.base.printable import plain, plural, size_of
from textmlr.base.threads import awaited
from textmlr.cli.config_file import given_config
from textmlr.cli.shared_options import check_output
from textmlr.cli.stage_options import Stages
from textmlr.cli.stop_signals import Stopping
from textmlr.cli.stream_progress import StreamProgress, and_skipped
from textmlr.cli.taken_rows import taken_rows
from textmlr.cli.terminal import print_summary, show_rows, shown_seconds
from textmlr.cli.training_summary import fit_rows, ngram_rows
from textmlr.cli.warnings import warn, warn_of_invalid
from textmlr.corpus.reading import scan
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.sources import sources_of
from textmlr.training.stream.checkpoints import Checkpoints, checkpoint_of, every
from textmlr.training.stream.inputs import parts_of
from textmlr.training.stream.run import TICK, Run
from textmlr.training.stream.stream_options import check_options
from textmlr.training.stream.stream_trainer import StreamTrainer

if TYPE_CHECKING:
    from textmlr.model.record import Record

EVERY = "5m"


def stream(
    corpora: Sequence[str],
    output: str,
    stages: Stages,
    reading: ReadingOptions,
    resume: bool,
    checkpoint_every: str | None,
    *,
    threads: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train on documents as they come, until they end or a signal stops it.

    Exits with 128 and its number after a signal.
    """
    checkpoints = Checkpoints(output, *every(checkpoint_every or EVERY))
    check_options(*stages)
    check_output(output, corpora)
    trainer = _trainer(output, stages, reading, resume=resume)
    told = reading.multilabel is not None
    reading, usual = reading.for_model(trainer.multilabel), tuple(trainer.taken)
    if resume and not quiet:
        seen = plural(trainer.documents, "document") + and_skipped(trainer.skipped)
        click.echo(f"Resuming after {seen}; those that a file has again are passed over", err=True)
    began, before = time.monotonic(), trainer.documents
    parts = parts_of(
        sources_of(corpora),
        lambda source: scan([source], reading, tables=False, live=True, usual=usual),
        trainer.marks,
        resumed=resume,
    )
    with Stopping() as stopping, StreamProgress(quiet=quiet) as progress:
        run = Run(trainer, checkpoints, progress.watch, stopping.asked, threads)
        try:
            run.learn(awaited(parts, TICK))
        except (InputError, KeyboardInterrupt):  # a second signal stops at once
            if checkpoints.last is not None:
                kept = plural(checkpoints.last.documents, "document")
                click.echo(f"{kept} kept; --resume resumes from there", err=True)
            raise
    if checkpoints.last is None:
        _warn(run, told=told)
    if not stopping.number:
        _check_made(run)
    if checkpoints.last is not None:
        summary = _summary(trainer, checkpoints, before, time.monotonic() - began)
        summary |= {"stopped": stopping.name, **checkpoints.record.as_json()}
        summary["config"] = given_config(click.get_current_context())
        show = partial(_show, record=checkpoints.record)
        print_summary(summary, show, quiet=quiet, as_json=as_json)
        _warn(run, told=told)
    if stopping.number:
        raise click.exceptions.Exit(128 + stopping.number)


def _summary(
    trainer: StreamTrainer,
    checkpoints: Checkpoints,
    before: int,
    seconds: float,
) -> dict[str, Any]:
    """The result of the run (JSON values);  before  documents before it."""
    assert checkpoints.last is not None
    return {
        "model": checkpoints.path,
        "checkpoint": {
            "file": checkpoint_of(checkpoints.path),
            "bytes": checkpoints.last.state,
        },
        "stopped": None,
        "documents_now": trainer.documents - before,
        "documents": trainer.documents,
        "labels": len(trainer.labels),
        "features": 1 << (trainer.featurizer_options.hash_bits or 0),
        "featurizer": trainer.featurizer_options.as_json(),
        "bytes": checkpoints.last.model,
        "seconds": round(seconds, 3),
        "compile_seconds": round(COMPILING.seconds, 3),
    }


def _trainer(
    output: str, stages: Stages, reading: ReadingOptions, *, resume: bool
) -> StreamTrainer:
    """A new trainer, or the one that the checkpoint has.

    A stream cannot look ahead for documents with several labels: that is said, or it has one each.
    """
    wanted = reading.multilabel
    if not resume:
        several = reading.label_separator is not None or bool(reading.label_columns)
        return StreamTrainer(*stages, multilabel=several if wanted is None else wanted)
    trainer = StreamTrainer.resume(checkpoint_of(output))
    trainer.check_same(*stages)
    if wanted not in (None, trainer.multilabel):
        raise InputError(
            f"the stream was started with --{'' if trainer.multilabel else 'no-'}multilabel",
            mend="give the same options to resume, or leave out --resume",
        )
    return trainer


def _warn(run: Run, *, told: bool) -> None:
    """Say what was left out of the stream or replaced.

    told  the options say how many labels a document has
    """
    from textmlr.corpus.alike_labels import alike_notes
    from textmlr.training.training_notes import featurizer_notes

    trainer = run.trainer
    own = [*featurizer_notes(trainer.featurizer_options), *alike_notes(trainer.labels)]
    if run.read.took_firsts and not told:
        own.append("a stream cannot look ahead: started with --multilabel, it learns all labels")
    for note in [*run.read.notes, *own]:
        warn(plain(note))
    if trainer.skipped:
        first = f" (first: {run.read.skipped_examples[0]})" if run.read.skipped_examples else ""
        warn(f"skipped {plural(trainer.skipped, 'bad line')}{first}")
    warn_of_invalid(trainer.invalid)


def _check_made(run: Run) -> None:
    """Raise InputError if the stream made no model."""
    trainer = run.trainer
    if not trainer.documents:
        first = f"; the first: {run.read.skipped_examples[0]}" if run.read.skipped_examples else ""
        raise InputError(
            f"all {trainer.skipped:,} lines are bad{first}", mend="give documents that can be read"
        )
    if len(trainer.labels) < 2:
        have = f"one label, {plain(trainer.labels[0])!r}" if trainer.labels else "no label"
        raise InputError(
            f"all documents so far have {have}: no model was made",
            mend="resume with documents of another (--resume)",
        )


def _show(summary: dict[str, Any], record: Record) -> None:
    """The summary for a terminal."""
    checkpoint, model = summary["checkpoint"], plain(summary["model"])
    now = summary["documents_now"]
    documents = f"{summary['documents']:,}"
    if now < summary["documents"]:
        documents += f", {now:,} of them now"
    rows = [
        ("documents", documents),
        ("labels", f"{summary['labels']:,}"),
        ("seconds", shown_seconds(summary)),
        ("checkpoint", f"{plain(checkpoint['file'])}, {size_of(checkpoint['bytes'])}"),
    ]
    if record.stream is not None:
        columns = f"{record.stream.columns:,} of {summary['features']:,} columns in use"
        rows[2:2] = [
            ("features", columns),
            *ngram_rows(summary["featurizer"], record),
            *fit_rows(record),
            ("file size", size_of(summary["bytes"])),
        ]
    stopped = f"Stopped by {summary['stopped']}: " if summary["stopped"] else ""
    click.secho(f"{stopped}{'trained' if stopped else 'Trained'} {model}", bold=True)
    show_rows([*taken_rows(record.taken, summary["labels"]), *rows])
    click.echo("To train on new documents later: the same command with --resume")
