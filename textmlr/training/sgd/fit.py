"""From rows and labels to θ: hold out, choose step size and epochs, fit on everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import map_blocks
from textmlr.base.training_options import DEFAULT_IDF_POWER, DEFAULT_L2, TrainingOptions
from textmlr.model.scoring import Calibration, Shrunk
from textmlr.model.second_pass import SecondPass
from textmlr.training.calibration import Scored, calibrate_or_shrink
from textmlr.training.cross_fitting import rates_of
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.held_out import FOLDS, are_few, check_labels
from textmlr.training.objective import Objective
from textmlr.training.run_state import StateStore
from textmlr.training.sgd.crossed_trials import plans_of
from textmlr.training.sgd.descent import SGD, of_theta
from textmlr.training.sgd.runs import (
    NO_FACTS,
    ColumnFacts,
    Runs,
    idf_powers,
    learning_rates,
    middle_rate,
)
from textmlr.training.sgd.set_calibration import SetCalibration, thresholds_of
from textmlr.training.sgd.trial_run import Progress, TrialResults, TrialRun, Watch, best_of
from textmlr.training.sgd.trials import Search
from textmlr.training.thresholds import Thresholds

# The choice of n-grams holds out this share of the documents, and tries these learning rates.
CHOICE_HELD_OUT = 0.25
CHOICE_RATES = (2.0, 4.0)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """θ and how it was found.

    layers        θ, finite float32: (V, L), or with hidden layers (V, W1), (W1 + 1, W2), ...
    squares       of Adagrad, of each row of each layer the mean over its columns of the sums of
                  squared gradients, with respect to θ: (V,), (W1 + 1,), ... float32; else none
    idf_power, learning_rate, epochs   of the final run (the rate as halved, if it diverged)
    calibration   of its scores, that of the run ``judged``; its factor is in the last layer already
    loss, accuracy          of the final run's last epoch, before each document's own step
    held_out      documents held out, 0 for none
    folds         0, or the number of parts that all documents were held out in, to calibrate, or
                  where they are few to choose as well
    judged        the run without them that is most like the final one: the best trial, or, where
                  trials saw only some of the documents, a twin of the final run; with folds, the
                  figures of all parts
    trials        every run tried; the best has the least held-out loss
    halvings      times the final run's step diverged and was halved
    averaged      0, or how many runs θ is the average of: one of each trial's plan, where documents
                  are few and plans several
    thresholds, second   of labels, where documents have sets of them
    """

    layers: list[NDArray[np.float32]]
    squares: list[NDArray[np.float32]]
    idf_power: float
    calibration: Calibration
    learning_rate: float
    epochs: int
    loss: float
    accuracy: float
    held_out: int
    folds: int
    judged: TrialRun | None
    trials: tuple[TrialRun, ...]
    halvings: int
    averaged: int = 0
    thresholds: Thresholds | None = None
    second: SecondPass | None = None


def fit(
    objective: AnyObjective,
    options: TrainingOptions,
    *,
    columns: ColumnFacts = NO_FACTS,
    validation: Objective | None = None,
    threads: int = 1,
    watch: Watch | None = None,
    beside: Callable[[], object] | None = None,
    overwrite: bool = False,
    states: StateStore | None = None,
    known: TrialResults | None = None,
) -> Fit:
    """Minimise the objective by SGD, stopping early.

    The step size falls to 0 over a run, so how far θ gets depends on how large the steps begin
    and on how many epochs they fall over.  Held-out documents choose the step size, and the
    power of idf it is scaled by for each feature (``TrainingOptions.idf_power``), in trial runs
    over the other documents (of many, over some drawn at random, see ``trial_documents``), one
    thread a run.  The final run, on all documents, has the best trial's options, its number of
    epochs too; where trials saw only some documents, a twin of it runs beside it, without those
    held out, since the factor of θ depends on how many there are.  The number of threads changes
    no bit.  Fewer than FEW_DOCUMENTS all judge each trial, in FOLDS parts, each scored by a run
    over the others; runs of all plans are averaged, and the calibration shrinks towards the base
    rates.  Where documents have sets of labels, all of them are scored by runs over the others,
    in ``Search.folds``, to calibrate each label and to choose its threshold.

    validation  documents that judge, None to hold some out
    beside      called once, by a thread of its own if there are two, beside the final run
    overwrite   scale the objective's features in place, where they are not needed any more
    states      where the state of training is kept, and resumed from; None: nowhere
    known       results of ``probe`` on the same objective, if they last; None: nothing
    Raises InputError where the labels are not two at least.
    """
    runs = Runs(objective, options.decided(), columns, watch, states)
    return fit_runs(
        runs,
        validation=validation,
        threads=threads,
        beside=beside,
        overwrite=overwrite,
        known=known,
    )


def fit_runs(
    runs: Runs,
    *,
    validation: Objective | None,
    threads: int,
    beside: Callable[[], object] | None,
    overwrite: bool,
    known: TrialResults | None,
) -> Fit:
    """``fit`` by runs of another kind."""
    check_labels(runs.objective)
    search = Search(runs, validation, known=known)
    stage = _FinalStage.of(search, search.run(threads), threads, overwrite=overwrite)
    for _ in map_blocks(lambda job: job(), stage.jobs(beside), threads):
        pass
    best, final, trials = stage.best, stage.final, tuple(search.trials)
    judged = stage.judged()
    calibration = Calibration() if judged is None else judged.calibration
    layers, squares = stage.theta(calibration)
    folds = len(stage.folds)
    crossed = best is not None and search.crossed is not None
    return Fit(
        layers,
        squares,
        stage.power,
        calibration,
        final.learning_rate,
        final.epochs,
        final.history[-1].loss,
        final.history[-1].accuracy,
        sum(map(len, stage.folds)) or search.held_out,
        folds or (FOLDS if crossed else 0),
        judged,
        trials,
        sum(epoch.halved for epoch in final.history),
        len(stage.shares) if len(stage.shares) > 1 else 0,
        stage.thresholds(threads),
        None if stage.sets is None else stage.sets.second,
    )


@dataclass(slots=True, eq=False)
class _FinalStage:
    """The final run, and the runs beside it that calibrate it.

    best    trial, None without a judge
    power   of idf
    folds   parts of all documents to calibrate by, see ``Search.folds``
    shares  of each plan's θ in the average, see ``CrossedTrials.shares``
    chosen  the objective at the power's scale
    twin, scored, others  results of the runs beside it: of ``Search.twin``, of each of the folds
                          or of ``Search.judging``, of ``CrossedTrials.other_plans``
    sets    calibration and thresholds of labels, where documents have sets of them
    """

    search: Search
    best: TrialRun | None
    power: float
    folds: list[NDArray[np.int64]]
    shares: list[float]
    chosen: AnyObjective
    final: SGD
    twin: TrialRun | None = None
    scored: dict[int, Scored] = field(default_factory=dict)
    others: NDArray[np.float32] | None = None
    sets: SetCalibration | None = None

    @classmethod
    def of(
        cls, search: Search, best: TrialRun | None, threads: int, *, overwrite: bool
    ) -> _FinalStage:
        """The stage after the trials."""
        runs, options = search.runs, search.runs.options
        everything = np.arange(len(runs.objective.y), dtype=np.int32)
        if best is None:
            epochs, power = search.epochs, search.powers[0]
            rate, folds = middle_rate(options, runs.objective.head), []
        else:
            epochs, power, rate = best.epochs, best.idf_power, best.learning_rate
            folds = search.folds()
        shares: list[float] = []
        if best is not None and search.crossed is not None:
            shares = search.crossed.shares(search.trials)
        in_place = overwrite and not folds and not shares
        chosen = runs.scaled(runs.objective, power, threads, in_place=in_place)
        final = runs.start(chosen, everything, epochs, rate)
        runs.resume(final, "final")
        return cls(search, best, power, folds, shares, chosen, final)

    def jobs(self, beside: Callable[[], object] | None) -> list[Callable[[], object]]:
        """All runs, and a job beside them."""
        jobs: list[Callable[[], object]] = [self._run_final]
        sets = self.search.runs.objective.head.has_sets
        if self.best is not None and not self.folds and self.search.crossed is None:
            if sets:
                jobs.append(self._run_judges)
            elif self.search.sampled:
                jobs.append(self._run_twin)
        jobs += [partial(self._run_fold, number) for number in range(len(self.folds))]
        if self.shares:
            jobs.append(self._run_others)
        if beside is not None:
            jobs.append(beside)
        return jobs

    def judged(self) -> TrialRun | None:
        """The run without the documents that judge which is most like the final one."""
        if self.best is None or not self.scored:
            return self.twin or self.best
        parts = [self.scored.pop(number) for number in sorted(self.scored)]
        scored = parts[0].joined(parts)
        runs = self.search.runs
        rates, counts = rates_of(runs.objective)
        if runs.objective.head.has_sets:
            own = SetCalibration.of(scored, rates, counts, runs.options, biased=runs.biased)
            self.sets = own
            return replace(
                self.best,
                calibration=own.common,
                loss=own.loss,
                accuracy=scored.accuracy,
            )
        calibration, loss = calibrate_or_shrink(
            scored, rates, counts, biased=runs.biased, fit=runs.calibrated
        )
        return replace(
            self.best,
            calibration=calibration,
            loss=loss,
            accuracy=scored.accuracy,
            never_answered=scored.never_answered,
        )

    def thresholds(self, threads: int) -> Thresholds | None:
        """Of labels, after ``judged``; None where documents have one label each."""
        runs, crossed = self.search.runs, self.search.crossed
        if not runs.objective.head.has_sets:
            return None
        if self.sets is not None:
            return self.sets.thresholds
        if self.best is None or crossed is None:
            return Thresholds.unjudged(runs.objective.labels, runs.options)
        if crossed.scored is None:  # the trials are those of a run that was cut off
            crossed.run(threads)
        assert crossed.scored is not None
        return thresholds_of(crossed.scored, runs.options)

    def theta(
        self, calibration: Calibration
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """(layers of θ, with the calibration's factor in the last; squares), see ``Fit``."""
        search, runs = self.search, self.search.runs
        layers, squares = self.final.network.layers, self.final.row_squares()
        if (scale := runs.scale_of(self.power)) is not None:
            self.final.network.scale_rows(scale)
            squares = of_theta(squares, 0, scale)
        if self.shares:
            layers[0] *= np.float32(self.shares[search.trials.index(best_of(search.trials))])
            layers[0] += np.float32(0) if self.others is None else self.others
        factor = np.float32(calibration.factor)
        scales = None if self.sets is None else self.sets.scales
        if scales is not None:
            layers[-1] *= scales.factors.astype(np.float32)
            if runs.biased:
                self._bias()[:] += scales.offsets.astype(np.float32)
        elif factor != 1:
            layers[-1] *= factor
        if factor != 1:
            squares = of_theta(squares, -1, factor)
        if isinstance(calibration, Shrunk) and calibration.prior:
            offsets = calibration.offsets(rates_of(runs.objective)[1], runs.objective.head)
            self._bias()[:] += offsets.astype(np.float32)
        return layers, squares

    def _bias(self) -> NDArray[np.float32]:
        """The bias in the last layer: a view, (L,)."""
        runs = self.search.runs
        own = -1 if runs.options.hidden else runs.columns.bias
        assert own is not None
        return self.final.network.row(own)

    def _run_final(self) -> None:
        final, runs = self.final, self.search.runs
        while final.done < final.epochs:
            runs.tell(Progress("final", self.power, final.epoch(), None))
            if final.keep is not None:
                final.keep(final)

    def _run_twin(self) -> None:
        assert self.best is not None
        self.twin = self.search.twin(self.chosen, self.best)

    def _run_judges(self) -> None:
        assert self.best is not None
        self.scored[0] = self.search.judging(self.chosen, self.best)

    def _run_fold(self, number: int) -> None:
        assert self.best is not None
        self.scored[number] = self.search.fold(self.chosen, self.best, self.folds[number])

    def _run_others(self) -> None:
        assert self.search.crossed is not None
        self.others = self.search.crossed.other_plans(self.search.trials)


def probe(
    objective: Objective,
    options: TrainingOptions,
    *,
    columns: ColumnFacts = NO_FACTS,
    validation: Objective | None = None,
    threads: int = 1,
    kind: type[Runs] = Runs,
) -> TrialResults | None:
    """A few short trials, to estimate how well a model can answer from these rows; with few
    documents, the trials of ``fit``.

    For choosing between rows of the same documents; None where there is nothing to judge by.
    The parameters are as in ``fit``; more documents are held out than there.

    kind  of the runs
    """
    held, given = max(options.holdout, CHOICE_HELD_OUT), kind.decided(options)
    if options.chosen_solver == "exact":  # its minimum takes longer, and is no better an estimate
        options = TrainingOptions(class_weight=options.class_weight, seed=options.seed)
        objective = replace(objective, l2=DEFAULT_L2)
    options = replace(kind.decided(options.linear()), holdout=held)
    search = Search(kind(objective, options, columns), validation, sample=False)
    if not search.held_out:
        return None
    if search.crossed is not None:
        lasting = replace(options, holdout=given.holdout) == given
        best = search.cross(threads)
        return TrialResults(best, tuple(search.trials), lasting, search.crossed.scored)
    power = search.powers[0] if len(search.powers) == 1 else DEFAULT_IDF_POWER
    rates = CHOICE_RATES if options.learning_rate is None else (options.learning_rate,)
    if objective.head.has_sets:
        rates = (middle_rate(options, objective.head),)
    search.run_all([(power, rate) for rate in rates], threads)
    return TrialResults(best_of(search.trials), tuple(search.trials), False)


def most_epochs(
    objective: AnyObjective, idf: object, options: TrainingOptions, *, validated: bool = False
) -> int:
    """The number of epochs that ``fit`` reports, trials included, if none of them ends early.

    validated  whether documents of their own judge
    """
    if options.holdout and not validated and are_few(objective):
        # Each plan is reported once.
        own = plans_of(options.decided(), idf=idf is not None)
        return len(own) + max(epochs for _, _, epochs in own)
    trials = 0
    powers = 1 if idf is None else len(idf_powers(options, objective.head, choose=True))
    if options.holdout:
        rates = len(learning_rates(options.decided(), objective.head))
        trials = powers + rates - 1
    return (trials + 1) * options.epochs_of(len(objective.y))
