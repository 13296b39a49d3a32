"""A line for each stage of training, for pipes and logs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from textmlr.base.logs import LOGGER
from textmlr.base.ngram_lengths import show_ngrams
from textmlr.base.printable import plural, size_of
from textmlr.training.exact.penalty_path import Penalty
from textmlr.training.exact.solver import SolverStep
from textmlr.training.ngram_choice import Candidate
from textmlr.training.on_disk.stage_progress import Work
from textmlr.training.sgd.trial_run import Progress
from textmlr.training.training_events import Event, Stage, Watch

SECONDS_A_LINE = 60.0  # of a stage that takes long
RUNS = {"trial": "trial", "final": "all documents", "update": "new documents"}
METHODS = {
    "dual": "dual coordinate ascent, epoch",
    "newton": "Newton, step",
    "proximal": "proximal Newton, round",
    "labels": "labels done",
}


def stage_line(stage: Stage) -> str:
    """What a stage begins with."""
    if stage.name == "features":
        documents, labels = plural(stage.documents, "document"), plural(stage.labels, "label")
        return f"reading the words of {documents} of {labels}"
    if stage.sparse:
        return (
            f"{stage.columns:,} features and {plural(stage.labels, 'label')}: weights where they "
            f"met, in at most {size_of(stage.bytes)} of memory"
        )
    text = f"{stage.columns:,} features, which take {size_of(stage.bytes)} of memory"
    return text + ("; choosing the step size" if stage.epochs else "")


def figures_line(loss: float, accuracy: float | None, right: str) -> str:
    """A loss and an accuracy, which is called ``Stage.right``;  None: nobody asked."""
    return f"log loss {loss:.3f}" + ("" if accuracy is None else f", {right} {accuracy:.3f}")


def candidate_line(tried: Candidate, right: str) -> str:
    """The figures of n-grams that were tried."""
    name = show_ngrams(tried.ngrams, tried.char_ngrams)
    return f"tried {name}: held-out {figures_line(tried.loss, tried.accuracy, right)}"


def epoch_line(event: Progress, right: str) -> str:
    """The figures of an epoch."""
    epoch = event.epoch
    step = f"step {epoch.learning_rate:g}"
    if event.idf_power:
        step += f"·idf^{event.idf_power:g}"
    return f"{RUNS[event.run]}, {step}, epoch {epoch.number} of {epoch.epochs}: " + figures_line(
        epoch.loss, epoch.accuracy, right
    )


class StageLines:
    """Says a line when a stage begins, and one a minute while it lasts.

    say  is called with each line
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._stage = ""
        self._at = 0.0
        self._right = Stage("features", 0, 0).right

    def watch(self, event: Event) -> None:
        """An event of training, told if it is a stage's first or the last line is old."""
        if isinstance(event, Stage):
            self._right = event.right
            self._tell(event.name, stage_line(event))
        elif isinstance(event, Candidate):
            self._tell(
                f"n-grams {event.ngrams} {event.char_ngrams}", candidate_line(event, self._right)
            )
        elif isinstance(event, Work):
            total = f" of {size_of(event.total)}" if event.total else ""
            self._tell(event.what, event.what, f": {size_of(event.done)}{total}")
        elif isinstance(event, SolverStep):
            figures = f", {METHODS[event.method]} {event.number}: gap {event.gap:.2g}"
            self._tell("exact", "looking for the minimum", figures)
        elif isinstance(event, Penalty):
            figures = f"held-out {figures_line(event.loss, event.accuracy, self._right)}"
            self._later(f"tried the penalty λ = {event.l2:.3g}: {figures}")
        elif event.run == "trial":
            self._later(epoch_line(event, self._right))
        else:
            line = epoch_line(event, self._right)
            self._tell(event.run, f"training on {RUNS[event.run]}", f", {line}")

    def _tell(self, stage: str, line: str, later: str = "") -> None:
        """Say the line if the stage is a new one, line and ``later`` if the last line is old."""
        if stage != self._stage:
            self._stage, self._at = stage, time.monotonic()
            self._say(line)
        else:
            self._later(line + later)

    def _later(self, line: str) -> None:
        now = time.monotonic()
        if now - self._at >= SECONDS_A_LINE:
            self._at = now
            self._say(line)


def logged(watch: Watch | None) -> Watch:
    """A watcher that also logs a line a stage, where somebody listens to the log."""
    watches = [] if watch is None else [watch]
    if LOGGER.isEnabledFor(logging.INFO):
        watches.append(StageLines(LOGGER.info).watch)

    def tell(event: Event) -> None:
        for one in watches:
            one(event)

    return tell
