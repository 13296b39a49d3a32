"""From rows and labels to θ: hold out, choose step size and epochs, fit on everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from textmlr.errors import InputError
from textmlr.options import (
    CHOICE_HELD_OUT,
    CHOICE_RATES,
    DEFAULT_IDF_POWER,
    DEFAULT_L2,
    DEFAULT_LEARNING_RATE,
    ENOUGH_HELD_OUT,
    FOLDS,
    LEARNING_RATES,
    MOST_HELD_OUT,
    TRIAL_NONZEROS,
    TRIAL_PRODUCTS,
    TrainingOptions,
)
from textmlr.parallel import map_blocks
from textmlr.scoring import Calibration
from textmlr.training.calibration import Scored, calibrate
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

    calibration  of θ, that makes the held-out loss least; the loss is with it
    """

    idf_power: float
    learning_rate: float
    epochs: int
    calibration: Calibration
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """θ and how it was found.

    theta         (V, L) float32, finite
    idf_power, learning_rate, epochs   of the final run (the rate as halved, if it diverged)
    calibration   of its scores, that of the run ``judged``; its factor is in θ already
    loss, accuracy          of the final run's last epoch, before each document's own step
    held_out      documents held out, 0 for none
    folds         0, or the number of parts that all documents were held out in, to calibrate
    judged        the run without them that is most like the final one: the best trial, or, where
                  trials saw only some of the documents, a twin of the final run; with folds, the
                  figures of all parts
    trials        every run tried; the best has the least held-out loss
    halvings      times the final run's step diverged and was halved
    """

    theta: NDArray[np.float32]
    idf_power: float
    calibration: Calibration
    learning_rate: float
    epochs: int
    loss: float
    accuracy: float
    held_out: int
    folds: int
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
    folds = [] if best is None else search.folds()
    in_place = overwrite and not folds
    chosen = search.scaled(objective, power, threads, in_place=in_place)
    final = SGD.start(chosen, everything, epochs, rate, options.seed, search.spare_theta())

    told: list[Epoch] = []
    judged = best
    parts: dict[int, Scored] = {}

    def run_final() -> None:
        while final.done < final.epochs:
            told.append(final.epoch())
            search.tell(Progress("final", power, told[-1], None))

    def run_twin() -> None:
        nonlocal judged
        assert best is not None
        judged = search.twin(chosen, best)

    def run_fold(number: int) -> None:
        assert best is not None
        parts[number] = search.fold(chosen, best, folds[number])

    jobs: list[Callable[[], object]] = [run_final]
    if best is not None and search.sampled and not folds:
        jobs.append(run_twin)
    jobs += [partial(run_fold, number) for number in range(len(folds))]
    if beside is not None:
        jobs.append(beside)
    for _ in map_blocks(lambda job: job(), jobs, threads):
        pass
    if best is not None and folds:
        scored = Scored.joined([parts[number] for number in range(len(folds))])
        calibration, loss = calibrate(scored)
        judged = replace(best, calibration=calibration, loss=loss, accuracy=scored.accuracy)
    calibration = Calibration() if judged is None else judged.calibration
    theta, factor = final.theta, np.float32(calibration.factor)
    if (scale := search.scale_of(power)) is not None:
        theta *= factor * scale[:, None]
    elif factor != 1:
        theta *= factor
    return Fit(
        theta, power, calibration, final.learning_rate, epochs, told[-1].loss,
        told[-1].accuracy, sum(map(len, folds)) or search.held_out, len(folds), judged,
        tuple(search.trials), sum(epoch.halved for epoch in told),
    )  # fmt: skip


def probe(
    objective: Objective,
    options: TrainingOptions,
    *,
    idf: NDArray[np.float64] | None = None,
    validation: Objective | None = None,
    threads: int = 1,
) -> Trial | None:
    """How well rows can be learnt from, about: the best of a few short trials.

    For choosing between rows of the same documents; None where there is nothing to judge by.
    The parameters are as in ``fit``; more documents are held out than there.
    """
    held = max(options.holdout, CHOICE_HELD_OUT)
    if options.chosen_solver == "exact":  # whose minimum takes longer to find, and tells no more
        options = TrainingOptions(class_weight=options.class_weight, seed=options.seed)
        objective = replace(objective, l2=DEFAULT_L2)
    options = replace(options.decided(), holdout=held)
    search = _Search(objective, validation, idf, options, None, sample=False)
    if search.judge is None:
        return None
    power = search.powers[0] if len(search.powers) == 1 else DEFAULT_IDF_POWER
    rates = CHOICE_RATES if options.learning_rate is None else (options.learning_rate,)
    search.run_all([(power, rate) for rate in rates], threads)
    return _best(search.trials)


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
        *,
        sample: bool = True,
    ) -> None:
        self._objective, self._idf, self._options, self._watch = objective, idf, options, watch
        self._lock = Lock()
        self._spare: list[NDArray[np.float32]] = []
        self._rows: Objective | None = None  # of trials, and the judge as new to them
        self._judge: Objective | None = None
        self._scaled: dict[float, tuple[Objective, Objective]] = {}
        self._part = np.arange(len(objective.y))
        self.judge = validation
        self._held = False  # whether the judge's documents are the objective's
        self.trials: list[Trial] = []
        if validation is None and options.holdout:
            held = hold_out(objective, options.holdout, options.seed)
            if held is not None:
                self._part = np.setdiff1d(self._part, held, assume_unique=True)
                self.judge, self._held = objective.take(held), True
        self.epochs = options.epochs_of(len(objective.y))
        self._rest = self._part
        if sample:
            most = trial_documents(objective, self.epochs)
            self._part = _sample(self._part, most, options.seed)
        self.sampled = len(self._part) < len(self._rest)
        self.powers: tuple[float, ...] = (0.0,)
        if idf is not None:
            self.powers = options.idf_powers(choose=self.judge is not None)

    @property
    def held_out(self) -> int:
        """How many documents judge."""
        return 0 if self.judge is None else len(self.judge.y)

    def folds(self) -> list[NDArray[np.int64]]:
        """All documents in FOLDS parts, where those held out are too few to calibrate by: numbers,
        ascending, each label spread over all parts.  None elsewhere."""
        calibrated = self._held and self._options.calibration
        if not calibrated or self.held_out >= ENOUGH_HELD_OUT:
            return []
        y = self._objective.y
        rng = np.random.default_rng([self._options.seed, (1 << 31) + 3])
        by_label = np.lexsort((rng.random(len(y)), y))
        parts = [np.sort(by_label[part::FOLDS]) for part in range(FOLDS)]
        weights = self._objective.weights
        return [part for part in parts if 0 < weights[part].sum() < weights.sum()]

    def fold(self, chosen: Objective, best: Trial, held: NDArray[np.int64]) -> Scored:
        """The documents ``held``, as a run over the others of ``chosen`` scores them."""
        objective, everything = self._objective, np.arange(len(chosen.y))
        rows = objective.take(held)
        rows = rows.as_new(objective.documents_of() - rows.documents_of())
        others = np.setdiff1d(everything, held, assume_unique=True)
        seed, rate = self._options.seed, best.learning_rate
        run = SGD.start(chosen, others, best.epochs, rate, seed, self.spare_theta())
        while run.done < run.epochs:
            run.epoch()
        scored = Scored.of(self.scaled(rows, best.idf_power), run.theta)
        self._spare.append(run.weights)
        return scored

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
        given = self._options.learning_rate
        rates = LEARNING_RATES if given is None else (given,)
        middle = rates[len(rates) // 2]
        self.run_all([(power, middle) for power in self.powers], threads)
        best = _best(self.trials)
        # A rate that diverged was halved, perhaps to one that would be tried anyway; no larger
        # one need be tried then.
        diverged = best.learning_rate < middle
        others = [
            (best.idf_power, rate) for rate in rates
            if rate < best.learning_rate or (rate > middle and not diverged)
        ]  # fmt: skip
        self.run_all(others, threads)
        return _best(self.trials)

    def run_all(self, plans: Sequence[tuple[float, float]], threads: int) -> None:
        """Try pairs of a power and a learning rate, a thread each."""
        assert self.judge is not None
        if self._rows is None:
            self._rows = self._objective.take(self._part)
            self._judge = self.judge
            if self._held:
                self._judge = self.judge.as_new(self._rows.documents_of())
        rows, judge = self._rows, self._judge
        assert judge is not None
        for power in {power for power, _ in plans} - self._scaled.keys():
            self._scaled[power] = self.scaled(rows, power), self.scaled(judge, power)
        documents = np.arange(len(self._part))

        def run(plan: tuple[float, float]) -> Trial:
            return self._try(*self._scaled[plan[0]], documents, *plan)

        self.trials += map_blocks(run, plans, threads)

    def twin(self, chosen: Objective, best: Trial) -> Trial:
        """A run like the final one over ``chosen``, all documents at the best trial's scale, but
        without the held-out ones."""
        assert self.judge is not None
        power, rate = best.idf_power, best.learning_rate
        judge = self.judge
        if self._held:
            judge = judge.as_new(chosen.documents_of() - judge.documents_of())
        judge = self.scaled(judge, power)
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
            calibration = Calibration()
            if options.calibration:
                calibration, loss = calibrate(Scored.of(judge, run.theta))
            self.tell(Progress("trial", power, epoch, (loss, accuracy)))
            last = Trial(power, run.learning_rate, run.done, calibration, loss, accuracy)
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
