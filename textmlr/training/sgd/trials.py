"""Trial runs: how large the steps, and how much larger for rare features, by held-out documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import map_blocks
from textmlr.base.training_options import TrainingOptions
from textmlr.model.scoring import Calibration
from textmlr.training.calibration import Scored, calibrate
from textmlr.training.held_out import FOLDS, are_few, hold_out, parts_of, sample_of
from textmlr.training.objective import Objective
from textmlr.training.on_disk.disk_objective import AnyObjective, StoredObjective
from textmlr.training.sgd.cross_fitting import (
    Crossed,
    Judged,
    Plan,
    average,
    parts_of_plans,
    plans_of,
    try_out,
)
from textmlr.training.sgd.epochs import SGD, Epoch
from textmlr.training.sgd.training_state import Checkpoints, follow

# A trial visits documents until this many non-zeros have been seen, or products of a non-zero and a
# label, or, with hidden layers, of a non-zero and a unit of the first layer.
TRIAL_NONZEROS = 1 << 23
TRIAL_PRODUCTS = 1 << 27
HIDDEN_PRODUCTS = 1 << 29
# Fewer held-out documents than this are too few to calibrate by: all documents are held out then,
# in FOLDS parts, and each part is scored by a run over the others.
ENOUGH_HELD_OUT = 500
# Held-out loss by which an epoch is worse than the best, beyond the noise of large steps.
WORSE = 1.1
# A run over all documents takes more steps than a trial over some, and so needs them less large:
# the smallest is taken whose trial's loss is above the best by no more than this times the share
# of the documents that the trials did not see.
LENT = 0.05


@dataclass(frozen=True, slots=True)
class Progress:
    """An epoch of training has ended.

    run        "trial" (part of the documents, to choose), "final" (all of them) or "update"
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

    @classmethod
    def of(cls, values: dict[str, Any]) -> Trial:
        """From what became of a trial in JSON."""
        return cls(**(values | {"calibration": Calibration.of(values["calibration"])}))


@dataclass(frozen=True, slots=True)
class Tried:
    """What trials over some rows came to.

    best     as training takes it;  trials  all of them
    lasting  whether training with these rows would try the same again
    """

    best: Trial
    trials: tuple[Trial, ...]
    lasting: bool


OwnKind = TypeVar("OwnKind", Objective, StoredObjective, AnyObjective)
Watch = Callable[[Progress], None]


class Search:
    """Trial runs, judged on held-out documents.

    judge   over those documents, None if there are none
    crossed where documents are few, they in parts that are each held out; there is no judge then
    sampled whether a trial sees only some of the others
    powers  of idf to choose from; the first where there is nothing to choose by
    epochs  of a trial
    trials  made so far
    tried   what came of the same trials before, None: nothing
    """

    def __init__(
        self,
        objective: AnyObjective,
        validation: Objective | None,
        idf: NDArray[np.float64] | None,
        options: TrainingOptions,
        watch: Watch | None,
        *,
        sample: bool = True,
        biased: bool = True,
        checkpoints: Checkpoints | None = None,
        tried: Tried | None = None,
    ) -> None:
        self._checkpoints, self._tried = checkpoints, tried
        self._objective, self._idf, self._options, self._watch = objective, idf, options, watch
        self._lock = Lock()
        self._spare: list[SGD] = []
        self._rows: Objective | None = None  # of trials, and the judge as new to them
        self._judge: Objective | None = None
        self._scaled: dict[float, tuple[Objective, Objective]] = {}
        self._part = np.arange(len(objective.y))
        self.judge = validation
        self._held = False  # whether the judge's documents are the objective's
        self.trials: list[Trial] = []
        self.crossed: Crossed | None = None
        # Layers above the first have a bias always.
        self._biased = biased or bool(options.hidden)
        if validation is None and options.holdout and are_few(objective):
            self.crossed, sample = Crossed.of(objective, options.seed), False
        elif validation is None and options.holdout:
            held = hold_out(objective, options.holdout, options.seed)
            if held is not None:
                self._part = np.delete(self._part, held)
                self.judge, self._held = objective.take(held), True
        self.epochs = options.epochs_of(len(objective.y))
        self._rest = self._part.astype(np.int32)  # there may be many
        if sample:
            products = TRIAL_PRODUCTS // objective.labels
            if options.hidden:
                products = HIDDEN_PRODUCTS // options.hidden[0]
            most = trial_documents(objective, self.epochs, products)
            self._part = sample_of(self._part, most, options.seed)
        self.sampled = len(self._part) < len(self._rest)
        self.powers: tuple[float, ...] = (0.0,)
        if idf is not None:
            self.powers = options.idf_powers(choose=self.held_out > 0)

    @property
    def held_out(self) -> int:
        """How many documents judge."""
        if self.crossed is not None:
            return self.crossed.judging
        return 0 if self.judge is None else len(self.judge.y)

    def folds(self) -> list[NDArray[np.int64]]:
        """All documents in FOLDS parts, where those held out are too few to calibrate by; none
        elsewhere."""
        calibrated = self._held and self._options.calibration
        if not calibrated or self.held_out >= ENOUGH_HELD_OUT:
            return []
        return parts_of(self._objective, FOLDS, self._options.seed)

    def fold(self, chosen: AnyObjective, best: Trial, held: NDArray[np.int64]) -> Scored:
        """The documents ``held``, as a run over the others of ``chosen`` scores them."""
        objective, everything = self._objective, np.arange(len(chosen.y))
        rows = objective.take(held)
        rows = rows.as_new(objective.documents_of() - rows.documents_of())
        others = np.setdiff1d(everything, held, assume_unique=True)
        run = self.start(chosen, others, best.epochs, best.learning_rate)
        while run.done < run.epochs:
            run.epoch()
        scored = Scored.of(self.scaled(rows, best.idf_power), run.network)
        self._spare.append(run)
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
        self, objective: OwnKind, power: float, threads: int = 1, *, in_place: bool = False
    ) -> OwnKind:
        """An objective of this corpus's features, at a power's scale."""
        scale = self.scale_of(power)
        if scale is None:
            return objective
        scaled: OwnKind = objective.scaled(scale, threads, in_place=in_place)
        return scaled

    def start(
        self, objective: AnyObjective, documents: NDArray[np.integer[Any]], epochs: int, rate: float
    ) -> SGD:
        """A run, in the memory of an ended one if there is one.  Fresh memory is slow: the system
        clears it page by page."""
        try:
            spare = self._spare.pop()
        except IndexError:
            spare = None
        return SGD.start(objective, documents, epochs, rate, self._options, spare)

    def run(self, threads: int) -> Trial | None:
        """The best of all trials, None without a judge."""
        if not self.held_out:
            return None
        if self._tried is not None and self.crossed is not None:
            self.trials = list(self._tried.trials)
            return self._tried.best
        if self._checkpoints is None:
            return self._best(threads)

        def find() -> dict[str, Any]:
            best = self._best(threads)
            return {"best": asdict(best), "trials": [asdict(trial) for trial in self.trials]}

        found = self._checkpoints.once("trials", find)
        self.trials = [Trial.of(trial) for trial in found["trials"]]
        return Trial.of(found["best"])

    def _best(self, threads: int) -> Trial:
        """First each power at the middle rate, then the best of them at the others; on few
        documents all pairs."""
        if self.crossed is not None:
            return self.cross(threads)
        given = self._options.learning_rate
        rates = self._options.learning_rates if given is None else (given,)
        middle = self._options.middle_rate if given is None else given
        self.run_all([(power, middle) for power in self.powers], threads)
        best = best_of(self.trials)
        # A rate that diverged was halved, perhaps to one that would be tried anyway; no larger
        # one need be tried then.
        diverged = best.learning_rate < middle
        others = [
            (best.idf_power, rate)
            for rate in rates
            if rate < best.learning_rate or (rate > middle and not diverged)
        ]
        self.run_all(others, threads)
        best = best_of(self.trials)
        self._rows, self._judge, self._scaled = None, None, {}  # a third of all rows, and more
        unseen = 1 - len(self._part) / len(self._rest)
        near = [
            trial
            for trial in self.trials
            if trial.idf_power == best.idf_power and trial.loss <= (1 + LENT * unseen) * best.loss
        ]
        return min(near, key=lambda trial: trial.learning_rate) if self.sampled else best

    def cross(self, threads: int) -> Trial:
        """The best of all trials on few documents, a thread each; where they are averaged, with
        the average's figures and calibration."""
        plans = plans_of(self._options, idf=self._idf is not None)
        both = list(map_blocks(self._try_crossed, plans, threads))
        self.trials += [trial for trial, _ in both]
        best = best_of(self.trials)
        if not self.averaged:
            return best
        assert self.crossed is not None
        calibration, scored = average(
            self.crossed, [judged for _, judged in both], biased=self._biased
        )
        return replace(best, calibration=calibration, loss=scored.loss, accuracy=scored.accuracy)

    @property
    def averaged(self) -> bool:
        """Whether θ is the average of the trials' plans: of few documents, but not where units of
        hidden layers differ from run to run."""
        options = self._options
        return self.crossed is not None and bool(options.calibration) and not options.hidden

    def parts(self) -> list[float]:
        """What θ of each trial's plan is multiplied by in the average, before its calibration; none
        where there is no average."""
        if not self.averaged:
            return []
        return parts_of_plans([trial.calibration for trial in self.trials])

    def other_plans(self) -> NDArray[np.float32]:
        """What all plans but the best trial's add to θ of the average, learnt from all documents:
        (V, L).  One after the other, so that no more than one more θ is in memory."""
        assert self.crossed is not None
        total = np.zeros((self._objective.columns, self._objective.labels), np.float32)
        best = best_of(self.trials)
        for part, trial in zip(self.parts(), self.trials, strict=True):
            if trial is best:
                continue
            rows = self.scaled(self.crossed.rows, trial.idf_power)
            run = self.start(rows, np.arange(len(rows.y)), trial.epochs, trial.learning_rate)
            while run.done < run.epochs:
                run.epoch()
            theta = run.network.theta
            theta *= np.float32(part)
            if (scale := self.scale_of(trial.idf_power)) is not None:
                theta *= scale[:, None]
            total += theta
            self._spare.append(run)
        return total

    def _try_crossed(self, plan: Plan) -> tuple[Trial, Judged]:
        """One trial on few documents; the epoch that is best until the run was given up, or its
        last, as in ``_try``."""
        assert self.crossed is not None
        power, rate, epochs = plan

        def start(rows: Objective, documents: NDArray[np.int64]) -> SGD:
            return self.start(rows, documents, epochs, rate)

        judged, epoch = try_out(
            self.crossed,
            self.scale_of(power),
            start,
            self._spare.append,
            self._options,
            biased=self._biased,
            lucky=not self.averaged,
        )
        last, best, worse = judged[-1], judged[0], 0
        for one in judged:
            best = one if one.loss < best.loss else best
            worse = worse + 1 if one.loss > WORSE * best.loss else 0
            if worse >= (self._options.patience or 0):
                last = best
                break
        self.tell(Progress("trial", power, epoch, (last.loss, last.accuracy)))
        trial = Trial(
            power, epoch.learning_rate, last.epochs, last.calibration, last.loss, last.accuracy
        )
        return trial, last

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

    def twin(self, chosen: AnyObjective, best: Trial) -> Trial:
        """A run like the final one over ``chosen``, all documents at the best trial's scale, but
        without the held-out ones."""
        assert self.judge is not None
        power, rate = best.idf_power, best.learning_rate
        judge = self.judge
        if self._held:
            judge = judge.as_new(chosen.documents_of() - judge.documents_of())
        judge = self.scaled(judge, power)
        kept = self._checkpoints
        if kept is None:
            return self._try(chosen, judge, self._rest, power, rate, best.epochs)

        def find() -> dict[str, Any]:
            return asdict(self._try(chosen, judge, self._rest, power, rate, best.epochs, kept))

        return Trial.of(kept.once("twin", find))

    def _try(
        self,
        objective: AnyObjective,
        judge: Objective,
        documents: NDArray[np.integer[Any]],
        power: float,
        rate: float,
        epochs: int | None = None,
        checkpoints: Checkpoints | None = None,
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
        run = self.start(objective, documents, epochs, rate)
        best: Trial | None = None
        worse = 0

        def so_far() -> dict[str, Any]:
            return {"best": None if best is None else asdict(best), "worse": worse}

        if kept := follow(run, "twin", checkpoints, so_far):
            best = None if kept["best"] is None else Trial.of(kept["best"])
            worse = kept["worse"]
        while run.done < run.epochs:
            epoch = run.epoch()
            if epoch.halved:  # it began anew
                best, worse = None, 0
            if run.done < run.epochs <= 2 * options.patience:
                self.tell(Progress("trial", power, epoch, None))
                if run.keep is not None:
                    run.keep(run)
                continue
            loss, accuracy = judge.evaluate(run.network)
            calibration = Calibration()
            if options.calibration:
                calibration, loss = calibrate(Scored.of(judge, run.network))
            self.tell(Progress("trial", power, epoch, (loss, accuracy)))
            last = Trial(power, run.learning_rate, run.done, calibration, loss, accuracy)
            if best is None or loss < best.loss:
                best = last
            worse = worse + 1 if loss > WORSE * best.loss else 0
            if worse >= options.patience:
                last = best
                break
            if run.keep is not None and run.done < run.epochs:
                run.keep(run)
        run.keep = None
        self._spare.append(run)
        return last


def trial_documents(objective: AnyObjective, epochs: int, most: int) -> int:
    """How many documents a trial run of so many epochs visits at most in each.

    most   non-zeros to visit in all, TRIAL_NONZEROS if that is fewer
    """
    n = len(objective.y)
    visits = min(TRIAL_NONZEROS, most)
    return max(1, min(n, n * visits // (epochs * max(objective.nonzeros, 1))))


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial with the least held-out loss."""
    return min(trials, key=lambda trial: trial.loss)
