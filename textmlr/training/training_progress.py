"""The progress of training, on stderr or in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from textmlr.base.logs import LOGGER
from textmlr.base.printable import size_of
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.taken_columns import sentences
from textmlr.training.exact.penalty_path import Penalty
from textmlr.training.exact.solver import SolverStep
from textmlr.training.ngram_choice import Candidate
from textmlr.training.on_disk.stage_progress import Work
from textmlr.training.sgd.trial_run import Progress as Epochs
from textmlr.training.stage_lines import (
    METHODS,
    StageLines,
    candidate_line,
    epoch_line,
    figures_line,
    stage_line,
)
from textmlr.training.training_events import Event, Stage

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.progress import Progress


E = TypeVar("E")


def is_notebook() -> bool:
    """Whether a notebook shows what is displayed."""
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def is_shown(*, quiet: bool) -> bool:
    """Whether progress can be drawn, and is wanted.

    rich draws in a notebook by ipywidgets; without them it would warn, and show nothing.
    """
    if quiet or not is_notebook():
        return not quiet and sys.stderr.isatty()
    return find_spec("ipywidgets") is not None


def console() -> Console:
    """The place of progress."""
    from rich.console import Console

    return Console(stderr=not is_notebook())


def say(line: str) -> None:
    """A line on stderr."""
    print(line, file=sys.stderr, flush=True)


def tell_notes(notes: Iterable[str], *, verbose: bool) -> None:
    """Log what a user should know of a training or an update; show it too where verbose."""
    for note in notes:
        LOGGER.warning("%s", note)
        if verbose:
            say(f"Warning: {note}")


def tell_taken(corpus: Corpus, *, verbose: bool, labels: bool = True) -> None:
    """Log what was read of a corpus's files or table; show it too where verbose."""
    for sentence in sentences(corpus.taken, len(corpus.labels) if labels else None):
        LOGGER.info("%s", sentence)
        if verbose:
            say(sentence)


def both(show: Callable[[E], None], watch: Callable[[E], None] | None) -> Callable[[E], None]:
    """A watcher that shows events, and hands them on to another if there is one."""
    if watch is None:
        return show

    def tell(event: E) -> None:
        show(event)
        watch(event)

    return tell


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
    """A progress bar in a terminal or a notebook, elsewhere a line for each stage."""

    def __init__(self, *, quiet: bool) -> None:
        self.most_epochs = 0
        # rich takes as long to import as a small corpus takes to read.
        self.bar = _bar() if is_shown(quiet=quiet) else None
        super().__init__(self.bar)
        self._lines = StageLines(say) if self.bar is None and not quiet else None
        self._epochs = 0
        self._visited = 0
        self._began = 0.0
        self._right = Stage("features", 0, 0).right

    def reading(self) -> None:
        """Show that the corpus is being read."""
        self._update("reading the corpus")

    def watch(self, event: Event) -> None:
        """Show an event of training."""
        if self._lines is not None:
            self._lines.watch(event)
        if self.bar is None:
            return
        if isinstance(event, Stage):
            self.most_epochs, self._right = event.epochs, event.right
            self._began = time.perf_counter()
            self._update(stage_line(event))
        elif isinstance(event, Work):
            done = size_of(event.done) + (f" of {size_of(event.total)}" if event.total else "")
            self._update(event.what, done)
        elif isinstance(event, Candidate):
            self._update(candidate_line(event, self._right))
        elif isinstance(event, SolverStep):
            self._update(f"{METHODS[event.method]} {event.number}", f"gap {event.gap:.2g}")
        elif isinstance(event, Penalty):
            figures = f"held-out {figures_line(event.loss, event.accuracy, self._right)}"
            self._update(f"λ = {event.l2:.3g}", figures)
        else:
            self._epoch(event)

    def _epoch(self, event: Epochs) -> None:
        epoch = event.epoch
        self._visited += epoch.documents
        rate = self._visited / max(time.perf_counter() - self._began, 1e-9)
        run, _, figures = epoch_line(event, self._right).partition(": ")
        if event.held_out is not None:
            figures += f"; held-out {figures_line(*event.held_out, self._right)}"
        self._epochs += 1
        if event.run != "trial":  # by now it is known how many epochs there will be
            self.most_epochs = self._epochs + epoch.epochs - epoch.number
        self._update(run, f"{figures}; {rate:,.0f} documents a second")

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


def _bar() -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        BarColumn(bar_width=16),
        TimeElapsedColumn(),
        TextColumn("{task.description}\n{task.fields[figures]}"),
        console=console(),
        transient=True,
    )
    bar.add_task("reading", total=None, figures="")
    return bar
