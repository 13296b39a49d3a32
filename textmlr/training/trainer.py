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

    run        "trial" (part of the documents, to choose) or "final" (all of them)
    idf_power  of idf, that the run's steps are scaled by
    epoch      its figures
    held_out   (mean loss in nats, accuracy) on the held-out documents, None where not measured
    """

    run: str
    idf_power: float
    epoch: Epoch
    held_out: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run came to: its best epoch, and the held-out figures there.

    factor  what θ is multiplied by, to make the held-out loss least; the loss is with it
    """

    idf_power: float
    learning_rate: float
    epochs: int
    factor: float
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """θ and how it was found.

    theta         (V, L) float32, finite
    idf_power, factor, learning_rate, epochs   of the final run (the rate as halved, if it
                  diverged); θ is multiplied by the factor already, the best trial's
    loss, accuracy          of the final run's last epoch, before each document's own step
    held_out      documents held out, 0 for none
    judged        the run without them that is most like the final one: the best trial, or, where
                  trials saw only some of the documents, a twin of the final run
    trials        every run tried; the best has the least held-out loss
    halvings      times the final run's step diverged and was halved
    """

    theta: NDArray[np.float32]
    idf_power: float
    factor: float
    learning_rate: float
    epochs: int
    loss: float
    accuracy: float
    held_out: int
    judged: Trial | None
    trials: tuple[Trial, ...]
    halvings: int


Watch = Callable[[Progress], None]


def fit(
    objective: Objective,
    options: TrainingOptions,
    *,
    idf: NDArray[np.float64] | None = None,
    validation: Objective | None = None,
    threads: int = 1,
    watch: Watch | None = None,
    beside: Callable[[], object] | None = None,
    overwrite: bool = False,
) -> Fit:
    """Minimise the objective by SGD, stopping early.

    The step size falls to 0 over a run, so how far θ gets depends on how large the steps begin
    and on how many epochs they fall over.  Held-out documents choose the step size, and the
    power of idf it is scaled by for each feature (``TrainingOptions.idf_power``), in trial runs
    over the other documents (of many, over some drawn at random, see ``trial_documents``), one
    thread a run.  The final run, on all documents, has what the best trial had, its number of
    epochs too; where trials saw only some documents, a twin of it goes on meanwhile, without
    those held out, since the factor of θ depends on how many there are.  The number of threads
    changes no bit.

    idf         (V,) of each feature; None: all steps alike
    validation  documents that judge, None to hold some out
    beside      called once, by a thread of its own if there are two, while the final run goes on
    overwrite   scale the objective's features in place, where they are not needed any more
    Raises InputError where there is nothing to learn from.
    """
    check_labels(objective)
    options = options.decided()
    search = _Search(objective, validation, idf, options, watch)
    best = search.run(threads)
    everything = np.arange(len(objective.y))
    epochs = search.epochs if best is None else best.epochs
    power = search.powers[0] if best is None else best.idf_power
    rate = options.learning_rate or DEFAULT_LEARNING_RATE if best is None else best.learning_rate
    chosen = search.scaled(objective, power, threads, in_place=overwrite)
    final = SGD.start(chosen, everything, epochs, rate, options.seed, search.spare_theta())

    told: list[Epoch] = []
    judged = best

    def run_final() -> None:
        while final.done < final.epochs:
            told.append(final.epoch())
            search.tell(Progress("final", power, told[-1], None))

    def run_twin() -> None:
        nonlocal judged
        assert best is not None
        judged = search.twin(chosen, best)

    jobs: list[Callable[[], object]] = [run_final]
    if best is not None and search.sampled:
        jobs.append(run_twin)
    if beside is not None:
        jobs.append(beside)
    for _ in map_blocks(lambda job: job(), jobs, threads):
        pass
    theta, factor = final.theta, np.float32(1.0 if judged is None else judged.factor)
    if (scale := search.scale_of(power)) is not None:
        theta *= factor * scale[:, None]
    elif factor != 1:
        theta *= factor
    return Fit(
        theta, power, float(factor), final.learning_rate, epochs, told[-1].loss,
        told[-1].accuracy, 0 if search.judge is None else len(search.judge.y), judged,
        tuple(search.trials), sum(epoch.halved for epoch in told),
    )  # fmt: skip


class _Search:
    """Trial runs, judged on held-out documents.

    judge   over those documents, None if there are none
    sampled whether a trial sees only some of the others
    powers  of idf to choose from; the first where there is nothing to choose by
    epochs  of a trial
    trials  made so far
    """

    def __init__(
        self,
        objective: Objective,
        validation: Objective | None,
        idf: NDArray[np.float64] | None,
        options: TrainingOptions,
        watch: Watch | None,
    ) -> None:
        self._objective, self._idf, self._options, self._watch = objective, idf, options, watch
        self._lock = Lock()
        self._spare: list[NDArray[np.float32]] = []
        self._part = np.arange(len(objective.y))
        self.judge = validation
        self.trials: list[Trial] = []
        if validation is None and options.holdout:
            held = hold_out(objective, options.holdout, options.seed)
            if held is not None:
                self._part = np.setdiff1d(self._part, held, assume_unique=True)
                self.judge = objective.take(held)
        self.epochs = options.epochs_of(len(objective.y))
        self._rest = self._part
        self._part = _sample(self._part, trial_documents(objective, self.epochs), options.seed)
        self.sampled = len(self._part) < len(self._rest)
        self.powers: tuple[float, ...] = (0.0,)
        if idf is not None:
            self.powers = options.idf_powers(choose=self.judge is not None)

    def tell(self, progress: Progress) -> None:
        """Call watch, one thread at a time."""
        if self._watch is not None:
            with self._lock:
                self._watch(progress)

    def scale_of(self, power: float) -> NDArray[np.float32] | None:
        """d of ``TrainingOptions.idf_power``: (V,) float32, None if all are 1."""
        if self._idf is None or not power:
            return None
        scale: NDArray[np.float32] = (self._idf**power).astype(np.float32)
        return scale

    def scaled(
        self, objective: Objective, power: float, threads: int = 1, *, in_place: bool = False
    ) -> Objective:
        """An objective of this corpus's features, at a power's scale."""
        scale = self.scale_of(power)
        if scale is None:
            return objective
        return objective.scaled(scale, threads, in_place=in_place)

    def spare_theta(self) -> NDArray[np.float32] | None:
        """Memory of an ended run.  Fresh memory is slow: the system clears it page by page."""
        try:
            return self._spare.pop()
        except IndexError:
            return None

    def run(self, threads: int) -> Trial | None:
        """The best of all trials, None without a judge.

        First each power at the middle rate, then the best of them at the others.
        """
        if self.judge is None:
            return None
        rows = self._objective.take(self._part)
        given = self._options.learning_rate
        rates = LEARNING_RATES if given is None else (given,)
        scaled = {p: (self.scaled(rows, p), self.scaled(self.judge, p)) for p in self.powers}

        def run(plan: tuple[float, float]) -> Trial:
            return self._try(*scaled[plan[0]], np.arange(len(rows.y)), *plan)

        middle = rates[len(rates) // 2]
        self.trials += map_blocks(run, [(power, middle) for power in self.powers], threads)
        best = _best(self.trials)
        # A rate that diverged was halved, perhaps to one that would be tried anyway; no larger
        # one need be tried then.
        diverged = best.learning_rate < middle
        others = [
            (best.idf_power, rate) for rate in rates
            if rate < best.learning_rate or (rate > middle and not diverged)
        ]  # fmt: skip
        self.trials += map_blocks(run, others, threads)
        return _best(self.trials)

    def twin(self, chosen: Objective, best: Trial) -> Trial:
        """A run like the final one over ``chosen``, all documents at the best trial's scale, but
        without the held-out ones."""
        assert self.judge is not None
        power, rate = best.idf_power, best.learning_rate
        judge = self.scaled(self.judge, power)
        return self._try(chosen, judge, self._rest, power, rate, best.epochs)

    def _try(
        self,
        objective: Objective,
        judge: Objective,
        documents: NDArray[np.int64],
        power: float,
        rate: float,
        epochs: int | None = None,
    ) -> Trial:
        """One run: its last epoch, or its best if it was given up.

        While steps are large the held-out loss goes up and down, and falls when they fall to 0,
        so what counts is the end of the run; but after ``patience`` epochs on end that were
        WORSE than the best, the run has learnt too much, and will not come back.  A run of few
        epochs (2·patience) is judged at its end alone: that takes about as long as an epoch.
        """
        options = self._options
        assert options.patience is not None  # decided
        epochs = self.epochs if epochs is None else epochs
        run = SGD.start(objective, documents, epochs, rate, options.seed, self.spare_theta())
        best: Trial | None = None
        worse = 0
        while run.done < run.epochs:
            epoch = run.epoch()
            if epoch.halved:  # it began anew
                best, worse = None, 0
            if run.done < run.epochs <= 2 * options.patience:
                self.tell(Progress("trial", power, epoch, None))
                continue
            loss, accuracy = judge.evaluate(run.theta)
            factor = 1.0
            if options.calibration:
                factor, loss = judge.temper(run.theta)
            self.tell(Progress("trial", power, epoch, (loss, accuracy)))
            last = Trial(power, run.learning_rate, run.done, factor, loss, accuracy)
            if best is None or loss < best.loss:
                best = last
            worse = worse + 1 if loss > WORSE * best.loss else 0
            if worse >= options.patience:
                last = best
                break
        self._spare.append(run.weights)
        return last


def trial_documents(objective: Objective, epochs: int) -> int:
    """How many documents a trial run of so many epochs visits at most in each."""
    n = len(objective.y)
    visits = min(TRIAL_NONZEROS, TRIAL_PRODUCTS // objective.labels)
    return max(1, min(n, n * visits // (epochs * max(len(objective.features.indices), 1))))


def most_epochs(objective: Objective, idf: object, options: TrainingOptions) -> int:
    """How many epochs ``fit`` will run, trials included, if none of them ends early."""
    trials = 0
    if options.holdout:
        rates = 1 if options.learning_rate is not None else len(LEARNING_RATES)
        powers = 1 if idf is None else len(options.idf_powers(choose=True))
        trials = powers + rates - 1
    return (trials + 1) * options.epochs_of(len(objective.y))


def _sample(documents: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """At most so many of the documents, ascending, drawn at random."""
    if len(documents) <= most:
        return documents
    rng = np.random.default_rng([seed, (1 << 31) + 1])
    return np.sort(rng.choice(documents, most, replace=False))


def _best(trials: Sequence[Trial]) -> Trial:
    return min(trials, key=lambda trial: trial.loss)


def check_labels(objective: Objective) -> None:
    """Raise InputError unless two labels have documents of positive weight."""
    if np.count_nonzero(np.bincount(objective.y[objective.weights > 0])) < 2:
        raise InputError(
            "every document of positive weight has the same label",
            mend="give documents of two labels at least",
        )


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
