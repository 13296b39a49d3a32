"""Trial runs: how large the steps, and how much larger for rare features, by held-out documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import map_blocks
from textmlr.model.scoring import Calibration
from textmlr.training.calibration import Scored
from textmlr.training.cross_fitting import Crossed
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.held_out import FOLDS, are_few, hold_out, parts_of, sample_of
from textmlr.training.objective import Objective
from textmlr.training.sgd.crossed_trials import CrossedTrials
from textmlr.training.sgd.runs import Runs, finish, idf_powers, learning_rates, middle_rate
from textmlr.training.sgd.trial_run import WORSE, Progress, TrialResults, TrialRun, best_of

# A trial visits documents until this many non-zeros have been seen, or products of a non-zero and a
# label, or, with hidden layers, of a non-zero and a unit of the first layer.
TRIAL_NONZEROS = 1 << 23
TRIAL_PRODUCTS = 1 << 27
HIDDEN_PRODUCTS = 1 << 29
# Fewer held-out documents than this are too few to calibrate by: all documents are held out then,
# in FOLDS parts, and each part is scored by a run over the others.
ENOUGH_HELD_OUT = 500
# Sets of labels: in how many parts all documents are held out, by the products of an entry, a label
# and an epoch of a run over all; and how many scores may be kept.  By held-out documents 5 parts
# are .5 % of the loss better than 2, and 10 as good as 5.
SET_FOLDS = ((1 << 29, 5), (1 << 31, 3), (1 << 62, 2))
MOST_SCORES = 1 << 25
# A run over all documents takes more steps than a trial over some, and so needs smaller ones: the
# smallest is taken whose trial's loss is above the best by no more than this times the share
# of the documents that the trials did not see.
LENT = 0.05


class Search:
    """Trial runs, judged on held-out documents.

    judge   over those documents, None if there are none
    crossed trials on few documents, all of which judge; there is no judge then
    sampled whether a trial sees only some of the others
    powers  of idf to choose from; the first where there is nothing to choose by
    epochs  of a trial
    trials  so far
    scored  of sets of labels, the documents that judge as trials over all others scored them at
            their end, by power and rate
    """

    def __init__(
        self,
        runs: Runs,
        validation: Objective | None = None,
        *,
        sample: bool = True,
        known: TrialResults | None = None,
    ) -> None:
        """known  results of the same trials before, None: none"""
        self.runs, self._known = runs, known
        objective, options = runs.objective, runs.options
        self._rows: Objective | None = None  # rows of trials; _judge: the judge as new to them
        self._judge: Objective | None = None
        self._scaled: dict[float, tuple[Objective, Objective]] = {}
        self._part = np.arange(len(objective.y))
        self.judge = validation
        self._held = False  # whether the judge's documents are the objective's
        self.trials: list[TrialRun] = []
        self.scored: dict[tuple[float, float], Scored] = {}
        self.crossed: CrossedTrials | None = None
        if validation is None and options.holdout and are_few(objective):
            crossed, sample = Crossed.of(objective, options.seed), False
            self.crossed = None if crossed is None else CrossedTrials(runs, crossed)
        elif validation is None and options.holdout:
            held = hold_out(objective, options.holdout, options.seed)
            if held is not None:
                self._part = np.delete(self._part, held)
                self.judge, self._held = objective.take(held), True
        self.epochs = options.epochs_of(len(objective.y))
        self._rest = self._part.astype(np.int32)  # there may be many
        if sample:
            products = TRIAL_PRODUCTS // runs.width
            if options.hidden:
                products = HIDDEN_PRODUCTS // options.hidden[0]
            most = trial_documents(objective, self.epochs, products)
            self._part = sample_of(self._part, most, options.seed)
        self.sampled = len(self._part) < len(self._rest)
        self.powers: tuple[float, ...] = (0.0,)
        if runs.columns.idf is not None:
            self.powers = idf_powers(options, objective.head, choose=self.held_out > 0)

    @property
    def held_out(self) -> int:
        """The number of documents that judge."""
        if self.crossed is not None:
            return self.crossed.rows.judging
        return 0 if self.judge is None else len(self.judge.y)

    def folds(self) -> list[NDArray[np.int64]]:
        """All documents in parts, where those held out are too few to calibrate by; none elsewhere.

        Sets of labels are held out whole wherever that can be, since rare labels have most of their
        documents elsewhere: in fewer parts where a run takes long.
        """
        options, objective = self.runs.options, self.runs.objective
        if not self._held or not options.calibration:
            return []
        if objective.head.has_sets:
            if len(objective.y) * objective.labels > MOST_SCORES:
                return []
            work = objective.nonzeros * objective.labels * self.epochs
            number = next(number for most, number in SET_FOLDS if work <= most)
            return parts_of(objective, number, options.seed)
        if self.held_out >= ENOUGH_HELD_OUT:
            return []
        return parts_of(objective, FOLDS, options.seed)

    def fold(self, chosen: AnyObjective, best: TrialRun, held: NDArray[np.int64]) -> Scored:
        """The documents ``held``, as a run over the others of ``chosen`` scores them."""
        objective, everything = self.runs.objective, np.arange(len(chosen.y))
        rows = objective.take(held)
        rows = rows.as_new(objective.documents_of() - rows.documents_of())
        others = np.setdiff1d(everything, held, assume_unique=True)
        run = finish(self.runs.start(chosen, others, best.epochs, best.learning_rate))
        scored = self.runs.scored(self.runs.scaled(rows, best.idf_power), run)
        self.runs.end(run)
        return scored

    def run(self, threads: int) -> TrialRun | None:
        """The best of all trials, None without a judge."""
        if not self.held_out:
            return None
        if self._known is not None and self.crossed is not None:
            self.trials = list(self._known.trials)
            self.crossed.scored = self._known.scored
            return self._known.best
        states = self.runs.states
        if states is None:
            return self._best(threads)

        def find() -> dict[str, Any]:
            best = self._best(threads)
            return {"best": asdict(best), "trials": [asdict(trial) for trial in self.trials]}

        found = states.once("trials", find)
        self.trials = [TrialRun.of(trial) for trial in found["trials"]]
        return TrialRun.of(found["best"])

    def _best(self, threads: int) -> TrialRun:
        """First each power at the middle rate, then the best of them at the others; on few
        documents all pairs."""
        if self.crossed is not None:
            return self.cross(threads)
        options, head = self.runs.options, self.runs.objective.head
        rates, middle = learning_rates(options, head), middle_rate(options, head)
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
        found = min(near, key=lambda trial: trial.learning_rate) if self.sampled else best
        plan = found.idf_power, found.learning_rate
        self.scored = {own: scored for own, scored in self.scored.items() if own == plan}
        return found

    def cross(self, threads: int) -> TrialRun:
        """The best of all trials on few documents."""
        assert self.crossed is not None
        best, trials = self.crossed.run(threads)
        self.trials += trials
        return best

    def run_all(self, plans: Sequence[tuple[float, float]], threads: int) -> None:
        """Try pairs of a power and a learning rate, a thread each."""
        assert self.judge is not None
        if self._rows is None:
            self._rows = self.runs.objective.take(self._part)
            self._judge = self.judge
            if self._held:
                self._judge = self.judge.as_new(self._rows.documents_of())
        rows, judge = self._rows, self._judge
        assert judge is not None
        for power in {power for power, _ in plans} - self._scaled.keys():
            self._scaled[power] = self.runs.scaled(rows, power), self.runs.scaled(judge, power)
        documents = np.arange(len(self._part))

        def run(plan: tuple[float, float]) -> TrialRun:
            return self._try(*self._scaled[plan[0]], documents, *plan)

        self.trials += map_blocks(run, plans, threads)

    def twin(self, chosen: AnyObjective, best: TrialRun) -> TrialRun:
        """A run like the final one over ``chosen``, all documents at the best trial's scale, but
        without the held-out ones."""
        assert self.judge is not None
        power, rate = best.idf_power, best.learning_rate
        judge = self.judge
        if self._held:
            judge = judge.as_new(chosen.documents_of() - judge.documents_of())
        judge = self.runs.scaled(judge, power)
        own = chosen, judge, self._rest, power, rate, best.epochs
        states = self.runs.states
        if states is None:
            return self._try(*own)
        return TrialRun.of(states.once("twin", lambda: asdict(self._try(*own, name="twin"))))

    def judging(self, chosen: AnyObjective, best: TrialRun) -> Scored:
        """The documents that judge, as a run like the final one scores them that never saw them."""
        assert self.judge is not None
        plan, judge = (best.idf_power, best.learning_rate), self.judge
        if self.runs.options.calibration and not self.sampled and best.epochs == self.epochs:
            if plan not in self.scored:  # the trials are those of a run that was cut off
                rows = chosen.take(self._part)
                own = judge.as_new(rows.documents_of()) if self._held else judge
                own = self.runs.scaled(own, best.idf_power)
                self._try(rows, own, np.arange(len(self._part)), *plan)
            if plan in self.scored:
                return self.scored[plan]
        if self._held:
            judge = judge.as_new(chosen.documents_of() - judge.documents_of())
        run = self.runs.start(chosen, self._rest, best.epochs, best.learning_rate)
        scored = self.runs.scored(self.runs.scaled(judge, best.idf_power), finish(run))
        self.runs.end(run)
        return scored

    def _try(
        self,
        objective: AnyObjective,
        judge: Objective,
        documents: NDArray[np.integer[Any]],
        power: float,
        rate: float,
        epochs: int | None = None,
        name: str | None = None,
    ) -> TrialRun:
        """One run: its last epoch, or its best if it was given up.

        While steps are large the held-out loss goes up and down, and falls when they fall to 0,
        so the end of the run counts; but after ``patience`` epochs in a row that were WORSE than
        the best, the run has overfitted for good.  A run of few epochs (2·patience) is judged at
        its end alone: judging takes about as long as an epoch.

        name  of the run's state; None: it is not kept
        """
        options = self.runs.options
        assert options.patience is not None  # decided
        epochs = self.epochs if epochs is None else epochs
        run = self.runs.start(objective, documents, epochs, rate)
        best: TrialRun | None = None
        worse = 0

        def so_far() -> dict[str, Any]:
            return {"best": None if best is None else asdict(best), "worse": worse}

        if name is not None and (kept := self.runs.resume(run, name, so_far)):
            best = None if kept["best"] is None else TrialRun.of(kept["best"])
            worse = kept["worse"]
        while run.done < run.epochs:
            epoch = run.epoch()
            if epoch.halved:  # it restarted
                best, worse = None, 0
            if run.done < run.epochs <= 2 * options.patience:
                self.runs.tell(Progress("trial", power, epoch, None))
                if run.keep is not None:
                    run.keep(run)
                continue
            loss, accuracy = judge.evaluate(run.network)
            calibration, never = Calibration(), tuple[int, ...]()
            if options.calibration:
                scored = self.runs.scored(judge, run)
                if judge.head.has_sets and not self.sampled and run.done == run.epochs:
                    self.scored[power, rate] = scored
                calibration, loss = self.runs.calibrated(scored)
                never = scored.never_answered
            self.runs.tell(Progress("trial", power, epoch, (loss, accuracy)))
            own = power, run.learning_rate, run.done
            last = TrialRun(*own, calibration, loss, accuracy, never)
            if best is None or loss < best.loss:
                best = last
            worse = worse + 1 if loss > WORSE * best.loss else 0
            if worse >= options.patience:
                last = best
                break
            if run.keep is not None and run.done < run.epochs:
                run.keep(run)
        run.keep = None
        self.runs.end(run)
        return last


def trial_documents(objective: AnyObjective, epochs: int, most: int) -> int:
    """The most documents that a trial run of so many epochs visits in each.

    most   non-zeros to visit in all, TRIAL_NONZEROS if that is fewer
    """
    n = len(objective.y)
    visits = min(TRIAL_NONZEROS, most)
    return max(1, min(n, n * visits // (epochs * max(objective.nonzeros, 1))))
