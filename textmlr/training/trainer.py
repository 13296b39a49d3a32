"""From rows and labels to θ: hold out, choose step size and epochs, fit on everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from textmlr.errors import InputError
from textmlr.options import (
    DEFAULT_LEARNING_RATE,
    LEARNING_RATES,
    MOST_HELD_OUT,
    TRIAL_NONZEROS,
    TRIAL_PRODUCTS,
    TRIAL_VISITS,
    TrainingOptions,
)
from textmlr.parallel import map_blocks
from textmlr.training.objective import Objective
from textmlr.training.sgd import SGD, Epoch

# Fewer held-out documents than this say nothing about when to stop.
LEAST_HELD_OUT = 20
# Held-out loss by which an epoch is worse than the best, beyond the noise of large steps.
WORSE = 1.1


@dataclass(frozen=True, slots=True)
class Progress:
    """An epoch of training has ended.

    run       "trial" (part of the documents, to choose) or "final" (all of them)
    variant   number of the objective it runs on
    epoch     its figures
    held_out  (mean loss in nats, accuracy) on the held-out documents, None without
    """

    run: str
    variant: int
    epoch: Epoch
    held_out: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run came to: its best epoch, and the held-out figures there.

    variant  number of the objective it ran on
    """

    variant: int
    learning_rate: float
    epochs: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """θ and how it was found.

    variant       number of the objective chosen
    theta         (V, L) float32, finite
    learning_rate, epochs   of the final run (as halved, if it diverged)
    loss, accuracy          of the final run's last epoch, before each document's own step
    held_out      documents held out, 0 for none
    trials        every run tried; the chosen one has the least held-out loss
    halvings      times the final run's step diverged and was halved
    """

    variant: int
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
        return _best(self.trials) if self.trials else None


Watch = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """The same documents and labels, with features made in one of several ways.

    objective   over all documents
    validation  over those that judge, None to hold some out
    """

    objective: Objective
    validation: Objective | None = None


def fit(
    variants: Sequence[Variant],
    options: TrainingOptions,
    *,
    threads: int = 1,
    watch: Watch | None = None,
    beside: Callable[[], object] | None = None,
) -> Fit:
    """Minimise one of the objectives by SGD, stopping early.

    The step size falls to 0 over a run, so how far θ gets depends on how large the steps begin
    and on how many epochs they fall over.  Held-out documents choose both, and the variant, in
    trial runs over all but those documents (or over all, judged on those of ``validation``; of
    many, over some drawn at random, see ``trial_documents``), one thread a run: first each
    variant at the largest learning rate, then the best of them at the others.  The final run, on
    all documents, has the best trial's variant and learning rate; if that trial was best before
    its end, it has the same share of its epochs.  The number of threads changes no bit.

    beside   called once, by a thread of its own if there are two, while the final run goes on
    Raises InputError where there is nothing to learn from.
    """
    first = variants[0].objective
    _check(first)
    everything = np.arange(len(first.y))
    lock = Lock()

    def tell(progress: Progress) -> None:
        if watch is not None:
            with lock:
                watch(progress)

    part, judges = everything, [variant.validation for variant in variants]
    if judges[0] is None and options.holdout:
        held = hold_out(first, options.holdout, options.seed)
        if held is not None:
            part = np.setdiff1d(everything, held, assume_unique=True)
            judges = [variant.objective.take(held) for variant in variants]
    part = _sample(part, trial_documents(first), options.seed)
    epochs = options.epochs_of(len(part), TRIAL_VISITS)

    # Fresh memory is slow (the system clears it page by page), so runs hand theirs on.
    spare: list[NDArray[np.float32]] = []

    def run(plan: tuple[int, float]) -> Trial:
        variant, rate = plan
        judge = judges[variant]
        assert judge is not None
        theta = spare.pop() if spare else None
        run = SGD.start(variants[variant].objective, part, epochs, rate, options.seed, theta)
        trial = _try(run, judge, options, variant, tell)
        spare.append(run.weights)
        return trial

    trials: list[Trial] = []
    best = Trial(0, options.learning_rate or DEFAULT_LEARNING_RATE, epochs, 0.0, 0.0)
    if judges[0] is not None:
        rates = LEARNING_RATES if options.learning_rate is None else (options.learning_rate,)
        plans = [(variant, max(rates)) for variant in range(len(variants))]
        trials = list(map_blocks(run, plans, threads))
        best = _best(trials)
        # A rate that diverged was halved, perhaps to one that would be tried anyway.
        others = [(best.variant, rate) for rate in rates if rate < best.learning_rate]
        trials += map_blocks(run, others, threads)
        best = _best(trials)
    whole = options.epochs_of(len(everything))
    share = max(1, round(whole * best.epochs / epochs))
    chosen = variants[best.variant].objective
    theta = spare.pop() if spare else None
    spare.clear()
    final = SGD.start(chosen, everything, share, best.learning_rate, options.seed, theta)

    told: list[Epoch] = []

    def run_final() -> None:
        while final.done < final.epochs:
            told.append(final.epoch())
            tell(Progress("final", best.variant, told[-1], None))

    jobs: list[Callable[[], object]] = [run_final] + ([beside] if beside else [])
    for _ in map_blocks(lambda job: job(), jobs, threads):
        pass
    return Fit(
        best.variant, final.theta, final.learning_rate, share, told[-1].loss, told[-1].accuracy,
        0 if judges[0] is None else len(judges[0].y), tuple(trials),
        sum(epoch.halved for epoch in told),
    )  # fmt: skip


def trial_documents(objective: Objective) -> int:
    """How many documents a trial run visits at most in an epoch."""
    n = len(objective.y)
    most = min(TRIAL_NONZEROS, TRIAL_PRODUCTS // objective.labels)
    return max(1, min(n, n * most // max(len(objective.features.indices), 1)))


def most_epochs(variants: int, objective: Objective, options: TrainingOptions) -> int:
    """How many epochs ``fit`` will run, trials included, if none of them ends early."""
    trials = 0
    if options.holdout:
        rates = 1 if options.learning_rate is not None else len(LEARNING_RATES)
        visited = trial_documents(objective)
        trials = (variants + rates - 1) * options.epochs_of(visited, TRIAL_VISITS)
    return trials + options.epochs_of(len(objective.y))


def _sample(documents: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """At most so many of the documents, ascending, drawn at random."""
    if len(documents) <= most:
        return documents
    rng = np.random.default_rng([seed, (1 << 31) + 1])
    return np.sort(rng.choice(documents, most, replace=False))


def _best(trials: Sequence[Trial]) -> Trial:
    return min(trials, key=lambda trial: trial.loss)


def _check(objective: Objective) -> None:
    if len(np.unique(objective.y[objective.weights > 0])) < 2:
        raise InputError(
            "every document of positive weight has the same label",
            mend="give documents of two labels at least",
        )


def _try(
    run: SGD, validation: Objective, options: TrainingOptions, variant: int, tell: Watch
) -> Trial:
    """One run: its last epoch, or its best if it was given up.

    While steps are large the held-out loss goes up and down, and falls when they fall to 0, so
    what counts is the end of the run; but after ``patience`` epochs on end that were WORSE than
    the best, the run has learnt too much, and will not come back.  A run of few epochs
    (2·patience) is judged at its end alone, since that takes about as long as an epoch.
    """
    best: Trial | None = None
    worse = 0
    while run.done < run.epochs:
        epoch = run.epoch()
        if epoch.halved:  # it began anew
            best, worse = None, 0
        if run.done < run.epochs <= 2 * options.patience:
            tell(Progress("trial", variant, epoch, None))
            continue
        loss, accuracy = validation.evaluate(run.theta)
        tell(Progress("trial", variant, epoch, (loss, accuracy)))
        last = Trial(variant, run.learning_rate, run.done, loss, accuracy)
        if best is None or loss < best.loss:
            best = last
        worse = worse + 1 if loss > WORSE * best.loss else 0
        if worse >= options.patience:
            return best
    return last


def hold_out(objective: Objective, share: float, seed: int) -> NDArray[np.int64] | None:
    """Numbers, ascending, of ``share`` of each label's documents, drawn at random.

    Of many documents, the share that MOST_HELD_OUT are.
    Every label keeps at least one document.  None where fewer than LEAST_HELD_OUT would be
    held out, or none of positive weight would be on one side.
    """
    rng = np.random.default_rng([seed, 1 << 31])
    n = len(objective.y)
    # Documents by label, in random order within each: the first of each label's are held out.
    by_label = np.lexsort((rng.random(n), objective.y))
    sizes = np.bincount(objective.y, minlength=objective.labels)
    rank = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # Rounded at random, else labels of few documents would never be held out, or always.
    share = min(share, MOST_HELD_OUT / n)
    quota = np.floor(share * sizes + rng.random(len(sizes))).astype(np.int64)
    quota = np.minimum(quota, np.maximum(sizes - 1, 0))
    held = np.sort(by_label[rank < quota[objective.y[by_label]]])
    weighs = objective.weights > 0
    if len(held) < LEAST_HELD_OUT or weighs[held].sum() in (0, weighs.sum()):
        return None
    return held
