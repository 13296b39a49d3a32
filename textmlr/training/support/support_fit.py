"""From rows and labels to a sparse θ: sums of each label's rows, a few numbers for all labels, and
what SGD learns beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import TrainingOptions
from textmlr.model.postings import Postings
from textmlr.model.scoring import Mixed
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.held_out import check_labels
from textmlr.training.objective import Objective
from textmlr.training.run_state import State, StateStore
from textmlr.training.sgd.epoch import Epoch
from textmlr.training.sgd.trial_run import Progress, Watch
from textmlr.training.support.block_descent import BlockDescent
from textmlr.training.support.closed_form import ClosedForm, row_scales_of
from textmlr.training.support.found_support import SupportFit
from textmlr.training.support.label_sums import LabelSums, most_labels
from textmlr.training.support.share_calibration import Judged, Judges
from textmlr.training.support.support_choice import SupportChoice

# The step size, in units of 1 / mean ‖f(x)‖².
LEARNING_RATE = 16.0
# Documents that take no step, so that they can judge; they are in the sums of their labels all the
# same, and are scored as if they were not.
MOST_JUDGES = 2_000


def fit_support(
    objective: AnyObjective,
    options: TrainingOptions,
    *,
    bias: int | None,
    frequencies: NDArray[np.integer],
    choice: SupportChoice | None = None,
    validation: Objective | None = None,
    threads: int = 1,
    watch: Watch | None = None,
    states: StateStore | None = None,
    room: int | None = None,
) -> SupportFit:
    """Fit a sparse θ.

    score(x, ℓ) = bias_ℓ + t(x)·Σ_f f(x)_f·θ_fℓ,   θ_fℓ = g_f·scale_ℓ·√S_fℓ + Δ_fℓ,

    S the sums of the rows of each label, g a power of idf, Δ learnt by SGD where label and feature
    met, t a power of the highest of a document's sums.  In training a document is taken out of the
    sums of its own label in closed form; so its score is honest until Δ has seen it.  The number of
    threads changes no bit.

    bias        the column that is always 1, None: there is none
    frequencies (V,) documents that have each column
    choice      None: the usual
    validation  documents that judge, None to hold some out of the steps
    states      where the state of training is kept, and resumed from; None: nowhere
    room        weights at most: features that meet most labels have none.  None: no limit
    Raises InputError where the labels are not two at least.
    """
    check_labels(objective)
    choice = choice or SupportChoice()
    if options.epochs is not None:
        choice = replace(choice, epochs=options.epochs)

    scales = row_scales_of(frequencies, len(objective.y), choice.idf_power, bias)
    most = most_labels(objective.labels, choice.cap)
    sums = LabelSums.of(objective, bias, most, scales, room)
    own = objective, options, choice, sums, validation, threads, watch
    return _SupportTraining.of(*own).run(states)


@dataclass(slots=True, eq=False)
class _SupportTraining:
    """The training of one sparse θ.

    judges    documents that take no step;  learners  numbers of those that do
    """

    objective: AnyObjective
    options: TrainingOptions
    choice: SupportChoice
    form: ClosedForm
    descent: BlockDescent | None
    judges: Judges
    learners: NDArray[np.int64]
    watch: Watch | None

    @classmethod
    def of(
        cls,
        objective: AnyObjective,
        options: TrainingOptions,
        choice: SupportChoice,
        sums: LabelSums,
        validation: Objective | None,
        threads: int,
        watch: Watch | None,
    ) -> _SupportTraining:
        """Before the first step."""
        form = ClosedForm.of(objective, sums, options.seed)
        learners = form.able
        if validation is None:
            documents = _held_out(form.fair, options)
            learners = np.setdiff1d(learners, documents, assume_unique=True)
            judges = form.judges(objective, documents)
        else:
            judges = form.strangers(validation)
        descent = None
        if choice.epochs and len(learners):
            descent = BlockDescent(objective, form.shifts, form.theta, threads, options.seed)
        return cls(objective, options, choice, form, descent, judges, learners, watch)

    def run(self, states: StateStore | None) -> SupportFit:
        """Take the steps, and measure;  states  as in ``fit_support``."""
        rate = self.options.learning_rate or LEARNING_RATE
        epochs = self.choice.epochs if self.descent is not None else 0
        fitted, judged = self._judged()
        told: list[tuple[float, float]] = []
        if self.descent is not None:
            self.form.tempered(fitted)
            self.judges.shifts[:, 0] *= np.float32(fitted.factor)
            told = self._descend(self.descent, epochs, rate, states)
            first = fitted.factor
            after, judged = self._judged()
            spread, least = after.spread / first, after.least / first
            fitted = replace(after, factor=first * after.factor, spread=spread, least=least)
            self.form.theta.weights[:] *= np.float32(after.factor)
        else:
            self.form.theta.weights[:] *= np.float32(fitted.factor)
        loss, accuracy = told[-1] if told else (None, None)
        return SupportFit(
            self._postings(fitted),
            fitted.absorbed(),
            fitted,
            self.form.scalars,
            self.choice,
            rate,
            epochs,
            loss,
            accuracy,
            len(self.judges),
            judged,
            crowded=self.form.sums.crowded,
        )

    def _postings(self, fitted: Mixed) -> Postings:
        sums, theta = self.form.sums, self.form.theta
        return Postings(
            sums.starts,
            sums.labels,
            theta.weights,
            theta.bias,
            self.form.scalars.scales(sums) * np.float32(fitted.factor),
            sums.sums,
            sums.row_scales,
        )

    def _descend(
        self, descent: BlockDescent, epochs: int, rate: float, states: StateStore | None
    ) -> list[tuple[float, float]]:
        """Take the steps; return (loss, accuracy) of each epoch."""
        told: list[tuple[float, float]] = []

        def keep() -> None:
            if states is not None:
                states.save("final", state, ended=descent.done == epochs)

        def state() -> State:
            header, arrays = descent.state()
            return header | {"told": told}, arrays

        before = None if states is None else states.load("final")
        if before is not None:
            descent.restore(before)
            told += [(loss, accuracy) for loss, accuracy in before[0]["told"]]
            del before
        size = rate * self.objective.unit
        while descent.done < epochs:
            first, last = (size * (1 - done / epochs) for done in (descent.done, descent.done + 1))
            own = descent.epoch(self.learners, first, last, keep)
            told.append((own.loss / own.weight, own.right / own.weight))
            self._tell(Epoch(descent.done, epochs, rate, *told[-1], 0, len(self.learners)))
            keep()
        return told

    def _tell(self, epoch: Epoch) -> None:
        if self.watch is not None:
            self.watch(Progress("final", 0.0, epoch, None))

    def _judged(self) -> tuple[Mixed, Judged | None]:
        """(calibration by the documents that judge, their figures with it)."""
        if not len(self.judges):
            return Mixed(share=self.form.scalars.share), None
        tempered = self.options.calibration is not False
        return self.judges.calibrate(self.form.theta, tempered=tempered)


def _held_out(able: NDArray[np.int64], options: TrainingOptions) -> NDArray[np.int64]:
    """Numbers of the documents that judge, ascending, drawn at random of those that can."""
    size = min(round(options.holdout * len(able)), MOST_JUDGES)
    rng = np.random.default_rng([options.seed, (1 << 31) + 22])
    return np.sort(rng.permutation(able)[:size])
