"""From rows and labels to θ: hold out, choose step size and epochs, fit on everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from textmlr.errors import InputError
from textmlr.options import DEFAULT_LEARNING_RATE, LEARNING_RATES, TrainingOptions
from textmlr.parallel import map_blocks
from textmlr.training.objective import Objective
from textmlr.training.sgd import SGD, Epoch

# Fewer held-out documents than this say nothing about when to stop.
LEAST_HELD_OUT = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """An epoch of training has ended.

    run       "trial" (part of the documents, to choose) or "final" (all of them)
    epoch     its figures
    held_out  (mean loss in nats, accuracy) on the held-out documents, None without
    """

    run: str
    epoch: Epoch
    held_out: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What one learning rate came to: its best epoch, and the held-out figures there."""

    learning_rate: float
    epochs: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """θ and how it was found.

    theta         (V, L) float32, finite
    learning_rate, epochs   of the final run (as halved, if it diverged)
    loss, accuracy          of the final run's last epoch, before each document's own step
    held_out      documents held out, 0 for none
    trials        every learning rate tried; the chosen one has the least held-out loss
    halvings      times the final run's step diverged and was halved
    """

    theta: NDArray[np.float32]
    learning_rate: float
    epochs: int
    loss: float
    accuracy: float
    held_out: int
    trials: tuple[Trial, ...]
    halvings: int

    @property
    def chosen(self) -> Trial | None:
        """The best trial, None without held-out documents."""
        return min(self.trials, key=lambda trial: trial.loss, default=None)


Watch = Callable[[Progress], None]


def fit(
    objective: Objective,
    options: TrainingOptions,
    *,
    validation: Objective | None = None,
    threads: int = 1,
    watch: Watch | None = None,
) -> Fit:
    """Minimise the objective by SGD, stopping early.

    The step size falls to 0 over a run, so how far θ gets depends on how large the steps begin
    and on how many epochs they fall over.  Held-out documents choose both: one trial run a
    learning rate, over all but the held-out documents (or, with ``validation``, over all,
    judged on those given), one thread a run; the final run then has the best trial's learning
    rate, and falls to 0 over the epochs at which that trial was best, on all documents.  The
    number of threads changes no bit.

    Raises InputError where there is nothing to learn from.
    """
    _check(objective)
    everything = np.arange(len(objective.y))
    lock = Lock()

    def tell(progress: Progress) -> None:
        if watch is not None:
            with lock:
                watch(progress)

    part = everything
    if validation is None and options.holdout:
        held = hold_out(objective, options.holdout, options.seed)
        if held is not None:
            part = np.setdiff1d(everything, held, assume_unique=True)
            validation = objective.take(held)
    trials: list[Trial] = []
    rate, epochs = options.learning_rate or DEFAULT_LEARNING_RATE, options.epochs
    if validation is not None:
        judge = validation
        rates = LEARNING_RATES if options.learning_rate is None else (options.learning_rate,)

        def run(rate: float) -> Trial:
            patient = rate == min(rates)
            run = SGD.start(objective, part, options.epochs, rate, options.seed)
            return _try(run, judge, options, patient, tell)

        trials = list(map_blocks(run, rates, threads))
        best = min(trials, key=lambda trial: trial.loss)
        rate, epochs = best.learning_rate, best.epochs
    final = SGD.start(objective, everything, epochs, rate, options.seed)
    halvings = 0
    for _ in range(epochs):
        last = final.epoch()
        halvings += last.halved
        tell(Progress("final", last, None))
    return Fit(
        final.theta, final.learning_rate, epochs, last.loss, last.accuracy,
        0 if validation is None else len(validation.y), tuple(trials), halvings,
    )  # fmt: skip


def _check(objective: Objective) -> None:
    if len(np.unique(objective.y[objective.weights > 0])) < 2:
        raise InputError(
            "every document of positive weight has the same label",
            mend="give documents of two labels at least",
        )


def _try(
    run: SGD, validation: Objective, options: TrainingOptions, patient: bool, tell: Watch
) -> Trial:
    """One learning rate, until the held-out loss has not improved for ``patience`` epochs.

    A step that diverges ends the trial too, unless patient: smaller ones are tried anyway.
    """
    best: Trial | None = None
    while run.done < options.epochs:
        epoch = run.epoch()
        loss, accuracy = validation.evaluate(run.theta)
        tell(Progress("trial", epoch, (loss, accuracy)))
        if best is None or loss < best.loss:
            best = Trial(run.learning_rate, run.done, loss, accuracy)
        if run.done - best.epochs >= options.patience or (epoch.halved and not patient):
            break
    assert best is not None
    return best


def hold_out(objective: Objective, share: float, seed: int) -> NDArray[np.int64] | None:
    """Numbers, ascending, of ``share`` of each label's documents, drawn at random.

    Every label keeps at least one document.  None where fewer than LEAST_HELD_OUT would be
    held out, or none of positive weight.
    """
    rng = np.random.default_rng([seed, 1 << 31])
    n = len(objective.y)
    # Documents by label, in random order within each: the first of each label's are held out.
    by_label = np.lexsort((rng.random(n), objective.y))
    sizes = np.bincount(objective.y, minlength=objective.labels)
    rank = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # Rounded at random, else labels of few documents would never be held out, or always.
    quota = np.floor(share * sizes + rng.random(len(sizes))).astype(np.int64)
    quota = np.minimum(quota, np.maximum(sizes - 1, 0))
    held = np.sort(by_label[rank < quota[objective.y[by_label]]])
    if len(held) < LEAST_HELD_OUT or not objective.weights[held].any():
        return None
    return held
