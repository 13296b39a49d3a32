"""The progress of training on a stream, on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from textmlr.base.printable import plain, plural
from textmlr.cli.warnings import warn
from textmlr.training.stream.checkpoints import Checkpoint
from textmlr.training.stream.inputs import ResumedInput
from textmlr.training.stream.recent import StreamFigures
from textmlr.training.stream.run import Event
from textmlr.training.training_progress import Display

if TYPE_CHECKING:
    from rich.progress import Progress

MOST_PASSED = 5  # inputs that are reported with how far they were read before


LINE_SECONDS = 10.0  # between lines, where there is no terminal


class StreamProgress(Display):
    """A live line in a terminal; elsewhere a line whenever the documents have doubled, or some
    seconds have passed."""

    def __init__(self, *, quiet: bool) -> None:
        self._bar = _bar() if sys.stderr.isatty() and not quiet else None
        super().__init__(self._bar)
        self._quiet = quiet
        self._told = self._documents = self._passed = 0
        self._at = time.monotonic()

    def watch(self, event: Event) -> None:
        """Show an event of the run."""
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
        right = "precision at 1" if event.multilabel else "accuracy"
        figures = f"{_figures(event.so_far, right)}; last {_figures(event.lately, right)}"
        rate = event.documents / max(event.seconds, 1e-9)
        more = f"{plural(event.labels, 'label')}, {rate:,.0f} documents/s"
        more += and_skipped(event.skipped, " skipped")
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], figures=figures, more=more)
            return
        now = time.monotonic()
        if event.documents >= 2 * self._told or now - self._at >= LINE_SECONDS:
            self._told, self._at = event.documents, now
            print(f"{figures}; {more}", file=sys.stderr, flush=True)

    def _opened(self, event: ResumedInput) -> None:
        """Say how far an input was read before."""
        name = plain(event.name)
        if event.before is None:
            known = f"{name}: whether its documents were trained on before is not known"
            self._say(f"{known}; all are taken as new")
        elif event.passed:
            self._passed += 1
            if self._passed <= MOST_PASSED:
                had = plural(event.passed, "document")
                self._say(f"{name}: resuming after {had} that were trained on before")
        else:
            had = plural(event.before, "document")
            changed = f"{name}: it does not begin with the {had} of it that were trained on before"
            warn(f"{changed}; all its documents are taken as new")

    def _say(self, text: str) -> None:
        if not self._quiet:
            click.echo(text, err=True)


def _figures(figures: StreamFigures, right: str) -> str:
    return (
        f"{plural(figures.documents, 'document')}: {right} {figures.accuracy:.3f} "
        f"loss {figures.loss:.3f}"
    )


def and_skipped(skipped: int, how: str = "") -> str:
    """The end of a sentence that counts bad lines; nothing where there are none."""
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
