"""Trial runs where documents are few: all of them judge every trial, and its plans are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import map_blocks
from textmlr.base.training_options import DEFAULT_IDF_POWER, TrainingOptions
from textmlr.model.scoring import Calibration
from textmlr.training.calibration import Scored, calibrated
from textmlr.training.cross_fitting import Crossed
from textmlr.training.held_out import FEW_DOCUMENTS, FOLDS
from textmlr.training.sgd.epoch import Epoch
from textmlr.training.sgd.runs import Runs, finish
from textmlr.training.sgd.trial_run import WORSE, Progress, TrialRun, best_of

# The plans for few documents are the product of these powers of idf and these pairs of a learning
# rate and a number of epochs: many small steps, few large ones.  The runs of all are averaged.
FEW_POWERS = (0.0, 1.0, 2.0)
FEW_RUNS = ((4.0, 20), (16.0, 5))

Plan = tuple[float, float, int]


def plans_of(options: TrainingOptions, *, idf: bool) -> list[Plan]:
    """The plans to try on few documents: power of idf, learning rate, epochs.

    idf  whether there is one to take the power of
    """
    powers: Sequence[float] = FEW_POWERS if options.idf_power is None else (options.idf_power,)
    runs: Sequence[tuple[float, int]] = FEW_RUNS
    if options.learning_rate is not None:
        runs = [(options.learning_rate, max(epochs for _, epochs in FEW_RUNS))]
    if options.chosen_step == "adagrad":
        # Networks take long, and those trained at other powers forget more in updates.
        powers = (1.0, DEFAULT_IDF_POWER) if options.idf_power is None else powers
        rates, epochs = options.learning_rates, options.epochs_of(FEW_DOCUMENTS)
        rates = rates if options.learning_rate is None else (options.learning_rate,)
        runs = [(rate, epochs) for rate in rates]
    return [
        (power, rate, epochs if options.epochs is None else options.epochs)
        for power, (rate, epochs) in product(powers if idf else (0.0,), runs)
    ]


@dataclass(frozen=True, slots=True)
class JudgedEpoch:
    """A trial on few documents after one of its epochs.

    loss, accuracy  of the documents that judge, each scored by a run that never saw it; calibrated
    scored          these documents, with their scores as they were
    never_answered  labels, see ``Scored``
    """

    epochs: int
    calibration: Calibration
    loss: float
    accuracy: float
    scored: Scored
    never_answered: tuple[int, ...]


class CrossedTrials:
    """Trial runs on few documents, each over all parts but one, for each part.

    θ is the average of the trials' plans: the plan with the least loss is often the luckiest, and
    the average of all better than the best.

    rows    the documents in parts
    scored  those that judge, with their calibrated scores; None until trials have run
    """

    def __init__(self, runs: Runs, rows: Crossed) -> None:
        self.runs, self.rows = runs, rows
        self.scored: Scored | None = None

    @property
    def averaged(self) -> bool:
        """Whether θ is the average of the plans: it is not if units of hidden layers differ from
        run to run."""
        options = self.runs.options
        return bool(options.calibration) and not options.hidden

    def run(self, threads: int) -> tuple[TrialRun, list[TrialRun]]:
        """(the best trial, all trials), a thread each; where plans are averaged, the best has the
        average's figures and calibration."""
        plans = plans_of(self.runs.options, idf=self.runs.columns.idf is not None)
        both = list(map_blocks(self._try, plans, threads))
        trials = [trial for trial, _ in both]
        best = best_of(trials)
        if not self.averaged:
            own = next(judged for trial, judged in both if trial is best)
            self.scored = calibrated(own.scored, own.calibration, self.rows.counts)
            return best, trials
        calibration, scored = self._average([judged for _, judged in both])
        self.scored = scored
        average = replace(
            best,
            calibration=calibration,
            loss=scored.loss,
            accuracy=scored.accuracy,
            never_answered=scored.never_answered,
        )
        return average, trials

    def shares(self, trials: Sequence[TrialRun]) -> list[float]:
        """The factors of each trial's θ in the average, before its calibration; none where there
        is no average."""
        return shares_of([trial.calibration for trial in trials]) if self.averaged else []

    def other_plans(self, trials: Sequence[TrialRun]) -> NDArray[np.float32] | None:
        """The part of all plans but the best trial's in θ of the average, trained on all documents:
        (V, L), None where there is no other.  One after the other, so that no more than one more θ
        is in memory."""
        total: NDArray[np.float32] | None = None
        best = best_of(trials)
        for share, trial in zip(self.shares(trials), trials, strict=True):
            if trial is best:
                continue
            rows = self.runs.scaled(self.rows.rows, trial.idf_power)
            everything = np.arange(len(rows.y))
            run = self.runs.start(rows, everything, trial.epochs, trial.learning_rate)
            network = finish(run).network
            network.theta[:] *= np.float32(share)
            if (scale := self.runs.scale_of(trial.idf_power)) is not None:
                network.scale_rows(scale)
            total = np.zeros_like(network.theta) if total is None else total
            total += network.theta
            self.runs.end(run)
        return total

    def _try(self, plan: Plan) -> tuple[TrialRun, JudgedEpoch]:
        """One trial; the epoch that is best until the run was given up, or its last, as in
        ``trials.Search``."""
        judged, epoch = self._judge(plan)
        last, best, worse = judged[-1], judged[0], 0
        for one in judged:
            best = one if one.loss < best.loss else best
            worse = worse + 1 if one.loss > WORSE * best.loss else 0
            if worse >= (self.runs.options.patience or 0):
                last = best
                break
        self.runs.tell(Progress("trial", plan[0], epoch, (last.loss, last.accuracy)))
        trial = TrialRun(
            plan[0],
            epoch.learning_rate,
            last.epochs,
            last.calibration,
            last.loss,
            last.accuracy,
            last.never_answered,
        )
        return trial, last

    def _judge(self, plan: Plan) -> tuple[list[JudgedEpoch], Epoch]:
        """Runs over all parts but one, for each part: (every judged epoch, the figures of all their
        epochs in one).

        Without a number of epochs given, or with few (2·patience), a run is judged at its end
        alone.
        """
        power, rate, epochs = plan
        crossed, options = self.rows, self.runs.options
        assert options.patience is not None  # decided
        watched = options.epochs is not None and options.epochs > 2 * options.patience
        scaled = self.runs.scaled(crossed.rows, power)
        history: list[Epoch] = []
        scores: dict[int, NDArray[np.float32]] = {}
        size = crossed.repeats, len(scaled.y), scaled.labels
        for number, part in enumerate(crossed.parts):
            held = self.runs.scaled(crossed.held[number], power)
            run = self.runs.start(scaled, crossed.others(number), epochs, rate)
            while run.done < run.epochs:
                history.append(run.epoch())
                if run.done == run.epochs or watched:
                    kept = scores.setdefault(run.done, np.zeros(size, np.float32))
                    kept[number // FOLDS, part] = Scored.of(held, run.network).scores
            self.runs.end(run)
        judged = [self._judged(epoch, scores[epoch]) for epoch in sorted(scores)]
        return judged, _together(history)

    def _judged(self, epoch: int, scores: NDArray[np.float32]) -> JudgedEpoch:
        plain, calibration = self.rows.scored(scores), Calibration()
        scored = plain
        if self.runs.options.calibration:
            calibration, scored = self.rows.shrunk(
                plain, biased=self.runs.biased, lucky=not self.averaged
            )
        figures = scored.loss, scored.accuracy
        return JudgedEpoch(epoch, calibration, *figures, plain, scored.never_answered)

    def _average(self, judged: Sequence[JudgedEpoch]) -> tuple[Calibration, Scored]:
        """(the calibration of the average of several trials' scores, the documents that judge with
        their averaged scores calibrated)."""
        first = judged[0].scored
        scores = np.zeros(first.scores.shape)
        for share, one in zip(shares_of([one.calibration for one in judged]), judged, strict=True):
            scores += share * one.scored.scores
        together = replace(first, scores=scores.astype(np.float32))
        return self.rows.shrunk(together, biased=self.runs.biased)


def shares_of(calibrations: Sequence[Calibration]) -> list[float]:
    """The factors of the scores of each plan's run in the average: all plans have equal shares, and
    each is scaled by its own calibration."""
    return [calibration.factor / len(calibrations) for calibration in calibrations]


def _together(epochs: Sequence[Epoch]) -> Epoch:
    """One epoch that stands for those of several runs."""
    last = [epoch for epoch in epochs if epoch.number == epoch.epochs]
    return Epoch(
        last[0].epochs,
        last[0].epochs,
        min(epoch.learning_rate for epoch in last),
        float(np.mean([epoch.loss for epoch in last])),
        float(np.mean([epoch.accuracy for epoch in last])),
        sum(epoch.halved for epoch in epochs),
        sum(epoch.documents for epoch in epochs),
    )
