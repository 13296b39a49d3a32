"""The progress of training, on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from textmlr.cli.terminal import size_of
from textmlr.cli.training_summary import show_ngrams
from textmlr.cli.warnings import warn
from textmlr.kernels.jit import watch_compiling
from textmlr.training.exact.penalty_path import Penalty
from textmlr.training.exact.solver import SolverStep
from textmlr.training.ngram_choice import Candidate
from textmlr.training.on_disk.stage_progress import Work
from textmlr.training.sgd.trial_run import Progress as Epochs
from textmlr.training.training_events import Event, Stage

if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import Progress


RUNS = {"trial": "trial", "final": "all documents", "update": "new documents"}
STEPS_A_LINE = 10
WORK_A_LINE = 1 << 28  # bytes of text
METHODS = {
    "dual": "dual coordinate ascent, epoch",
    "newton": "Newton, step",
    "proximal": "proximal Newton, round",
}


class Compiling:
    """Says once that kernels are being compiled, and counts the seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self.seconds = 0.0
        self._told = quiet
        watch_compiling(self._compiling)

    def _compiling(self, kernel: str, seconds: float) -> None:
        if not seconds and not self._told:
            self._told = True
            text = "Compiling the kernels; later runs load them, where they can be kept…"
            click.echo(click.style(text, dim=True), err=True)
        self.seconds += seconds


class Display:
    """A display of rich that a terminal shows while a block runs, or none."""

    def __init__(self, shown: Progress | Live | None) -> None:
        self._shown = shown

    def __enter__(self) -> Self:
        if self._shown is not None:
            self._shown.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shown is not None:
            self._shown.stop()

    def end(self) -> None:
        """Show nothing more, so that what is printed now has lines of its own."""
        if self._shown is not None:
            self._shown.stop()


class TrainingProgress(Display):
    """A progress bar in a terminal, elsewhere a line for each epoch of the final run."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.most_epochs = 0
        # rich takes as long to import as a small corpus takes to read.
        self.bar = _bar() if sys.stderr.isatty() and not quiet else None
        super().__init__(self.bar)
        self.compiling = Compiling(quiet=quiet)
        self._epochs = 0
        self._told = ("", 0)
        self._visited = 0
        self._began = 0.0

    def reading(self) -> None:
        """Show that the corpus is being read."""
        self._update("reading the corpus")

    def watch(self, event: Event) -> None:
        """Show an event of training."""
        if isinstance(event, Stage):
            self._stage(event)
        elif isinstance(event, Work):
            self._work(event)
        elif isinstance(event, Candidate):
            self._say(
                f"tried {show_ngrams(event.ngrams, event.char_ngrams)}: held-out loss "
                f"{event.loss:.3f} accuracy {event.accuracy:.3f}"
            )
        elif isinstance(event, SolverStep):
            self._step(event)
        elif isinstance(event, Penalty):
            line = f"λ = {event.l2:.3g}"
            self._line(line, f"held-out loss {event.loss:.3f} accuracy {event.accuracy:.3f}")
        else:
            self._epoch(event)

    def _work(self, work: Work) -> None:
        """A bar shows each event; lines come at every tenth of the work."""
        done = size_of(work.done) + (f" of {size_of(work.total)}" if work.total else "")
        self._update(work.what, done)
        part = work.done // max(WORK_A_LINE, work.total // 10)
        if (work.what, part) != self._told:
            self._told = work.what, part
            self._line(work.what, done)

    def _step(self, step: SolverStep) -> None:
        """A bar shows each step; lines show few, since most take only milliseconds."""
        line, figures = f"{METHODS[step.method]} {step.number}", f"gap {step.gap:.2g}"
        self._update(line, figures)
        if step.number % STEPS_A_LINE == 0 or step.method == "proximal":
            self._line(line, figures)

    def _line(self, line: str, figures: str) -> None:
        self._update(line, figures)
        if self.bar is None and not self.quiet:
            print(f"{line}: {figures}", file=sys.stderr, flush=True)

    def _epoch(self, event: Epochs) -> None:
        epoch = event.epoch
        self._visited += epoch.documents
        rate = self._visited / max(time.perf_counter() - self._began, 1e-9)
        figures = f"loss {epoch.loss:.3f} accuracy {epoch.accuracy:.3f}"
        if event.held_out is not None:
            loss, accuracy = event.held_out
            figures += f", held-out loss {loss:.3f} accuracy {accuracy:.3f}"
        run = RUNS[event.run]
        step = f"step {epoch.learning_rate:g}"
        if event.idf_power:
            step += f"·idf^{event.idf_power:g}"
        line = f"{run}, {step}, epoch {epoch.number}/{epoch.epochs}"
        figures += f", {rate:,.0f} documents/s"
        self._epochs += 1
        if event.run != "trial":  # by now it is known how many epochs there will be
            self.most_epochs = self._epochs + epoch.epochs - epoch.number
        self._line(line, figures)
        if epoch.halved and event.run != "trial":
            warn(
                f"the step diverged in epoch {epoch.number}; it was halved {epoch.halved}× "
                f"to {epoch.learning_rate:g} and the epoch run again"
            )

    def _update(self, description: str, figures: str = "") -> None:
        """Set the words of the bar, and its length by the epochs."""
        if self.bar is not None:
            self.bar.update(
                self.bar.task_ids[0],
                description=description,
                figures=figures,
                completed=self._epochs,
                total=self.most_epochs or None,
            )

    def _stage(self, stage: Stage) -> None:
        if stage.name == "features":
            text = f"tokenising {stage.documents:,} documents of {stage.labels:,} labels"
        else:
            text = f"{stage.columns:,} features, {stage.nonzeros:,} non-zeros"
            text += f", θ in {size_of(stage.bytes)}"
            text += "; trying step sizes" if stage.epochs else ""
            self.most_epochs = stage.epochs
            self._began = time.perf_counter()
        self._say(text)

    def _say(self, text: str) -> None:
        self._update(text)
        if self.bar is None and not self.quiet:
            print(text, file=sys.stderr, flush=True)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        BarColumn(bar_width=16),
        TimeElapsedColumn(),
        TextColumn("{task.description}\n{task.fields[figures]}"),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task("reading", total=None, figures="")
    return bar
