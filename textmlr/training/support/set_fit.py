"""From rows and sets of labels to a sparse θ of sigmoids, learnt by SGD from zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import TrainingOptions
from textmlr.kernels.support_sets import SetTheta
from textmlr.model.postings import Postings
from textmlr.model.scoring import Mixed, base_scores
from textmlr.training.held_out import check_labels, hold_out
from textmlr.training.objective import Objective
from textmlr.training.sgd.epoch import Epoch
from textmlr.training.sgd.runs import ColumnFacts
from textmlr.training.sgd.trial_run import Progress, Watch
from textmlr.training.support.found_support import SupportFit
from textmlr.training.support.label_sums import most_labels
from textmlr.training.support.left_out import Scalars
from textmlr.training.support.set_descent import SetDescent, SetFigures, empty_theta
from textmlr.training.support.set_judges import SetJudges, SetTuning
from textmlr.training.support.share_calibration import Judged
from textmlr.training.support.support_choice import SupportChoice
from textmlr.training.thresholds import Thresholds

# The step size that is tried first, in units of 1 / mean ‖f(x)‖², and the least and the greatest
# one; the power of idf by which steps of features are scaled; and the epochs.
RATE, LEAST_RATE, MOST_RATE = 8.0, 2.0, 128.0
POWER = 1.0
SET_EPOCHS = 2
# Features that meet a larger share of the labels have no weights.
SET_CAP = 0.01
# From zero nothing is known of labels by sums.
NO_SUMS = Scalars(0.0, 0.0, 0.0, 0.0, float("nan"))


def fit_sets(
    objective: Objective,
    options: TrainingOptions,
    *,
    columns: ColumnFacts,
    validation: Objective | None = None,
    watch: Watch | None = None,
) -> SupportFit:
    """Fit a sparse θ of sigmoids.

    score(x, ℓ) = bias_ℓ + Σ_f f(x)_f·θ_fℓ where label and feature met.  θ begins with 0, and the
    bias with the log odds of the base rates.  Held-out documents choose the step size, calibrate,
    and choose thresholds; then θ is learnt anew from all documents.

    columns     facts about the columns of the rows
    validation  documents that judge, None to hold some out
    Raises InputError where no document has a label, ArithmeticError where θ does not stay finite.
    """
    check_labels(objective)
    return _SetTraining.of(objective, options, columns, watch).run(validation)


@dataclass(slots=True, eq=False)
class _SetTraining:
    """The training of one sparse θ of sigmoids.

    objective  its features times ``scale``, (V,); None: times 1
    base       (L,) scores before anything is learnt
    """

    objective: Objective
    options: TrainingOptions
    scale: NDArray[np.float32] | None
    bias: int | None
    base: NDArray[np.float32]
    watch: Watch | None

    @classmethod
    def of(
        cls,
        objective: Objective,
        options: TrainingOptions,
        columns: ColumnFacts,
        watch: Watch | None,
    ) -> _SetTraining:
        """Before anything is learnt."""
        counts = objective.label_weights
        base = base_scores(counts, objective.head, objective.total_weight)
        scale = None if columns.idf is None else (columns.idf**POWER).astype(np.float32)
        scaled = objective if scale is None else objective.scaled(scale)
        return cls(scaled, options, scale, columns.bias, base, watch)

    def run(self, validation: Objective | None) -> SupportFit:
        """Try, choose, and learn from all documents."""
        objective, options = self.objective, self.options
        everything = np.flatnonzero(objective.weights > 0)
        epochs = options.epochs or SET_EPOCHS
        tuning, rate = None, options.learning_rate or RATE
        judging, held, learners = objective, None, everything
        if validation is not None:
            judging = validation if self.scale is None else validation.scaled(self.scale)
            held = np.flatnonzero(validation.weights > 0)
        elif options.holdout:
            held = hold_out(objective, options.holdout, options.seed)
            if held is not None:
                learners = np.setdiff1d(everything, held, assume_unique=True)
        if held is not None:
            shuffled = np.random.default_rng([options.seed, (1 << 31) + 25]).permutation(held)

            def tried(rate: float) -> SetTuning:
                theta, _ = self._learnt("trial", learners, rate, epochs)
                return SetJudges.of(judging, shuffled, theta).tune(options)

            tuning, rate = best_rate(tried, options.learning_rate)
        theta, figures = self._learnt("final", everything, rate, epochs)
        return self._fit(theta, figures, tuning, rate)

    def _learnt(
        self, run: str, documents: NDArray[np.int64], rate: float, epochs: int
    ) -> tuple[SetTheta, list[SetFigures]]:
        """(θ after the steps of some documents, figures of each epoch)."""
        labels = self.objective.labels
        most = most_labels(labels, SET_CAP)
        theta = empty_theta(self.objective, documents, self.bias, most, self.base)
        descent = SetDescent(self.objective, documents, theta, self.options.seed)
        size, told = rate * self.objective.unit, list[SetFigures]()
        for done in range(epochs):
            told.append(descent.epoch(size * (1 - done / epochs), size * (1 - (done + 1) / epochs)))
            if self.watch is not None:
                own = told[-1].loss, told[-1].accuracy
                epoch = Epoch(done + 1, epochs, rate, *own, 0, len(documents))
                self.watch(Progress(run, POWER, epoch, None))
        return theta, told

    def _fit(
        self,
        theta: SetTheta,
        figures: list[SetFigures],
        tuning: SetTuning | None,
        rate: float,
    ) -> SupportFit:
        """θ with its calibration, which the bias and the weights take up."""
        weights, bias = theta.weights, theta.bias.astype(np.float64)
        if self.scale is not None:
            weights *= np.repeat(self.scale, np.diff(theta.starts))
        fitted, labels = Mixed(), len(bias)
        thresholds = Thresholds.unjudged(labels, self.options)
        if tuning is not None:
            fitted, thresholds = tuning.calibration, tuning.thresholds
            weights *= np.float32(fitted.factor)
            bias += tuning.offset
            if (scales := tuning.scales) is not None:
                weights *= scales.factors.astype(np.float32)[theta.labels]
                bias = bias * scales.factors + scales.offsets
        return SupportFit(
            Postings(
                theta.starts,
                theta.labels,
                weights,
                bias.astype(np.float32),
                np.zeros(labels, np.float32),
            ),
            fitted.absorbed(),
            fitted,
            NO_SUMS,
            SupportChoice(POWER, SET_CAP, len(figures)),
            rate,
            len(figures),
            figures[-1].loss if figures else None,
            figures[-1].accuracy if figures else None,
            0 if tuning is None else tuning.documents,
            None
            if tuning is None
            else Judged(tuning.loss, tuning.accuracy, thresholds.never_answered),
            thresholds=thresholds,
        )


def best_rate(tried: Callable[[float], SetTuning], given: float | None) -> tuple[SetTuning, float]:
    """(the result of the best step size, that size): from RATE it is doubled, or else halved, as
    long as the loss falls;  given  the only one to try."""
    rate = given or RATE
    best = tried(rate)
    if given is not None:
        return best, rate
    for times in (2.0, 0.5):
        while LEAST_RATE <= (own := rate * times) <= MOST_RATE:
            found = tried(own)
            if found.loss >= best.loss:
                break
            best, rate = found, own
        if rate != RATE:
            break
    return best, rate
