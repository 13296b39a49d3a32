"""textmlr train --stream: learning from documents as they come, and what is shown of it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from textmlr.base.errors import InputError
from textmlr.base.printable import plain, plural, to_json
from textmlr.base.threads import awaited
from textmlr.cli.arguments import check_output
from textmlr.cli.progress import Compiling, Display
from textmlr.cli.stage_options import Stages
from textmlr.cli.tables import fit_rows, ngram_rows, show_rows, size_of
from textmlr.cli.warnings import warn, warn_of_invalid
from textmlr.corpus.reading import scan
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.sources import sources_of
from textmlr.training.stream.checkpoints import Checkpoint, Checkpoints, checkpoint_of, every
from textmlr.training.stream.inputs import ResumedInput, parts_of
from textmlr.training.stream.recent import StreamFigures
from textmlr.training.stream.run import TICK, Event, Run
from textmlr.training.stream.stream_options import check_options
from textmlr.training.stream.stream_trainer import StreamTrainer

if TYPE_CHECKING:
    from rich.progress import Progress

    from textmlr.model.record import Record

EVERY = "5m"
MOST_PASSED = 5  # inputs of which it is said how far they were read before
LINE_SECONDS = 10.0  # between lines, where there is no terminal
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


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
    """Learn from documents as they come, until they end or a signal says so.

    Exits with 128 and its number after a signal.
    """
    checkpoints = Checkpoints(output, *every(checkpoint_every or EVERY))
    check_options(*stages)
    check_output(output, corpora)
    trainer = _trainer(output, stages, resume=resume)
    if resume and not quiet:
        seen = plural(trainer.documents, "document") + _and_skipped(trainer.skipped)
        told = "documents of a file that are among them are not learnt again"
        click.echo(f"Going on after {seen}; {told}", err=True)
    began, before = time.monotonic(), trainer.documents
    compiling = Compiling(quiet=quiet)
    parts = parts_of(
        sources_of(corpora),
        lambda source: scan([source], reading, tables=False, live=True),
        trainer.marks,
        resumed=resume,
    )
    with Stopping() as stopping, StreamProgress(quiet=quiet) as progress:
        run = Run(trainer, checkpoints, progress.watch, stopping.asked, threads)
        try:
            run.learn(awaited(parts, TICK))
        except InputError:
            if checkpoints.last is not None:
                kept = plural(checkpoints.last.documents, "document")
                click.echo(f"What came before is kept: {kept}, to go on with --resume", err=True)
            raise
        except KeyboardInterrupt:  # the second signal: what is not kept is lost
            if checkpoints.last is not None:
                kept = plural(checkpoints.last.documents, "document")
                click.echo(f"{kept} were kept, to go on with --resume", err=True)
            raise
    _warn(run, stopped=bool(stopping.number))
    if checkpoints.last is not None:
        summary = {
            "model": output,
            "checkpoint": {"file": checkpoint_of(output), "bytes": checkpoints.last.state},
            "stopped": stopping.name,
            "documents_now": trainer.documents - before,
            "documents": trainer.documents,
            "labels": len(trainer.labels),
            "features": 1 << (trainer.featurizer_options.hash_bits or 0),
            "featurizer": asdict(trainer.featurizer_options),
            "bytes": checkpoints.last.model,
            "seconds": round(time.monotonic() - began, 3),
            "compile_seconds": round(compiling.seconds, 3),
            **checkpoints.record.as_json(),
        }
        if as_json:
            click.echo(to_json(summary))
        elif not quiet:
            _show(summary, checkpoints.record)
    if stopping.number:
        raise click.exceptions.Exit(128 + stopping.number)


def _trainer(output: str, stages: Stages, *, resume: bool) -> StreamTrainer:
    """A new trainer, or the one that the checkpoint has."""
    if not resume:
        return StreamTrainer(*stages)
    trainer = StreamTrainer.resume(checkpoint_of(output))
    trainer.check_same(*stages)
    return trainer


class Stopping:
    """Ctrl-C, SIGTERM and SIGHUP, as something to ask for between documents; the second one is
    obeyed at once, as ever.  Those that are ignored (nohup) stay so."""

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[signal.Signals, Any] = {}

    @property
    def name(self) -> str | None:
        """SIGINT, SIGTERM, SIGHUP or None."""
        return signal.Signals(self.number).name if self.number else None

    def asked(self) -> bool:
        """Whether one came."""
        return bool(self.number)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # others get no signals
            for one in SIGNALS:
                if signal.getsignal(one) != signal.SIG_IGN:
                    self._before[one] = signal.signal(one, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before = {}


class StreamProgress(Display):
    """A live line to a terminal; to anything else a line whenever the documents have doubled, or
    some seconds have gone by."""

    def __init__(self, *, quiet: bool) -> None:
        self._bar = _bar() if sys.stderr.isatty() and not quiet else None
        super().__init__(self._bar)
        self._quiet = quiet
        self._told = self._documents = self._passed = 0
        self._at = time.monotonic()

    def watch(self, event: Event) -> None:
        """Show how it goes on."""
        if isinstance(event, ResumedInput):
            self._opened(event)
            return
        if isinstance(event, Checkpoint):
            kept = f"kept {plural(event.documents, 'document')} in {event.seconds:.1f} s"
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], kept=kept)
            elif not self._quiet:
                print(kept, file=sys.stderr, flush=True)
            return
        if self._quiet or event.documents == self._documents:
            return
        self._documents = event.documents
        figures = f"{_figures(event.so_far)}; last {_figures(event.lately)}"
        rate = event.documents / max(event.seconds, 1e-9)
        more = f"{plural(event.labels, 'label')}, {rate:,.0f} documents/s"
        more += _and_skipped(event.skipped, " skipped")
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], figures=figures, more=more)
            return
        now = time.monotonic()
        if event.documents >= 2 * self._told or now - self._at >= LINE_SECONDS:
            self._told, self._at = event.documents, now
            print(f"{figures}; {more}", file=sys.stderr, flush=True)

    def _opened(self, event: ResumedInput) -> None:
        """Say what of an input is known, and what follows from that."""
        name = plain(event.name)
        if event.before is None:
            told = f"{name}: whether its documents were learnt before cannot be told"
            self._say(f"{told}; all are taken as new")
        elif event.passed:
            self._passed += 1
            if self._passed <= MOST_PASSED:
                had = plural(event.passed, "document")
                self._say(f"{name}: going on behind {had} that were learnt before")
        else:
            had = plural(event.before, "document")
            told = f"{name}: it does not begin with the {had} that were learnt from it before"
            warn(f"{told}; all its documents are taken as new")

    def _say(self, text: str) -> None:
        if not self._quiet:
            click.echo(text, err=True)


def _figures(figures: StreamFigures) -> str:
    return (
        f"{plural(figures.documents, 'document')}: accuracy {figures.accuracy:.3f} "
        f"loss {figures.loss:.3f}"
    )


def _and_skipped(skipped: int, how: str = "") -> str:
    return f" and {plural(skipped, 'bad line')}{how}" if skipped else ""


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}\n{task.fields[more]}\n{task.fields[kept]}"),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task("stream", total=None, figures="waiting for documents", more="", kept="")
    return bar


def _warn(run: Run, *, stopped: bool) -> None:
    """Say what of the stream was left out or replaced, and what there is no model of."""
    trainer = run.trainer
    for note in run.read.notes:
        warn(plain(note))
    if trainer.skipped:
        first = f" (first: {run.read.skipped_examples[0]})" if run.read.skipped_examples else ""
        warn(f"skipped {plural(trainer.skipped, 'bad line')}{first}")
    warn_of_invalid(trainer.invalid)
    if stopped:
        return
    if not trainer.documents:
        first = f"; the first: {run.read.skipped_examples[0]}" if run.read.skipped_examples else ""
        raise InputError(
            f"all {trainer.skipped:,} lines are bad{first}", mend="give documents that can be read"
        )
    if len(trainer.labels) < 2:
        raise InputError(
            f"the stream has had one label, {plain(trainer.labels[0])!r}, and there is no model",
            mend="go on with documents of another (--resume)",
        )


def _show(summary: dict[str, Any], record: Record) -> None:
    """What the stream came to."""
    seconds = f"{summary['seconds']:.1f}"
    if summary["compile_seconds"]:
        seconds += f", of which compiling kernels {summary['compile_seconds']:.1f}"
    checkpoint, model = summary["checkpoint"], plain(summary["model"])
    now = summary["documents_now"]
    documents = f"{summary['documents']:,}"
    if now < summary["documents"]:
        documents += f", {now:,} of them now"
    rows = [
        ("documents", documents),
        ("labels", f"{summary['labels']:,}"),
        ("seconds", seconds),
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
    click.secho(f"{stopped}{'learnt' if stopped else 'Learnt'} {model}", bold=True)
    show_rows(rows)
    click.echo("To go on with what is new: the same command with --resume")
