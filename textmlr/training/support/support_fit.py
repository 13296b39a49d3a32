"""From rows and labels to a sparse θ: sums of each label's rows, a few numbers for all labels, and
what SGD learns beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.base.training_options import TrainingOptions
from textmlr.kernels.support_steps import SupportTheta
from textmlr.model.postings import Postings
from textmlr.model.scoring import Mixed, base_rates
from textmlr.training.held_out import check_labels
from textmlr.training.objective import Objective
from textmlr.training.sgd.epoch import Epoch
from textmlr.training.sgd.trial_run import Progress, Watch
from textmlr.training.support.block_descent import BlockDescent
from textmlr.training.support.label_sums import LabelSums, most_labels
from textmlr.training.support.left_out import LeftOut, Scalars, fit_scalars

# The step size, in units of 1 / mean ‖f(x)‖².
LEARNING_RATE = 8.0
EPOCHS = 2
# Documents that take no step, so that they can judge; they are in the sums of their labels all the
# same, and are scored as if they were not.
MOST_JUDGES = 2_000
SHARES = np.array([0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7])


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures of documents that θ was not trained on, as ``TrialRun`` has them."""

    loss: float
    accuracy: float
    never_answered: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SupportFit:
    """A sparse θ and how it was found.

    postings, calibration   θ, and the share of the base rates
    scalars        of the sums, see ``Scalars``
    learning_rate, epochs   of SGD; 0 epochs: nothing was learnt beside the sums
    loss, accuracy of its last epoch, each document before its own step; without epochs None
    held_out       documents that judged;  judged  their figures, None where there were none
    """

    postings: Postings
    calibration: Mixed
    scalars: Scalars
    learning_rate: float
    epochs: int
    loss: float | None
    accuracy: float | None
    held_out: int
    judged: Judged | None


def fit_support(
    objective: Objective,
    options: TrainingOptions,
    *,
    bias: int | None,
    validation: Objective | None = None,
    threads: int = 1,
    watch: Watch | None = None,
    beside: Callable[[], object] | None = None,
) -> SupportFit:
    """Fit a sparse θ.

    score(x, ℓ) = bias_ℓ + Σ_f f(x)_f·θ_fℓ,   θ_fℓ = scale_ℓ·√S_fℓ + Δ_fℓ,

    S the sums of the rows of each label, Δ learnt by SGD where label and feature met.  In training
    a document is taken out of the sums of its own label in closed form; so its score is honest
    until Δ has seen it.  The number of threads changes no bit.

    bias        the column that is always 1, None: there is none
    validation  documents that judge, None to hold some out of the steps
    beside      called once, beside the fit where there are two threads
    Raises InputError where the labels are not two at least.
    """
    check_labels(objective)
    fit = _SupportTraining.of(objective, options, bias, validation, threads, watch)
    found: list[SupportFit] = []
    jobs = [lambda: found.append(fit.run()), *([beside] if beside else [])]
    for _ in map_blocks(lambda job: job(), jobs, threads):
        pass
    return found[0]


@dataclass(slots=True, eq=False)
class _SupportTraining:
    """The training of one sparse θ.

    judges  numbers of documents that take no step, or of those of ``judging``'s own rows
    """

    objective: Objective
    options: TrainingOptions
    sums: LabelSums
    scalars: Scalars
    descent: BlockDescent
    judging: BlockDescent
    judges: NDArray[np.int64]
    learners: NDArray[np.int64]
    watch: Watch | None

    @classmethod
    def of(
        cls,
        objective: Objective,
        options: TrainingOptions,
        bias: int | None,
        validation: Objective | None,
        threads: int,
        watch: Watch | None,
    ) -> _SupportTraining:
        """Before the first step."""
        sums = LabelSums.of(objective, bias, most_labels(objective.labels))
        left = LeftOut.of(objective, sums)
        scalars = fit_scalars(objective, sums, left, options.seed)
        theta = SupportTheta(
            frozen(sums.starts),
            frozen(sums.labels),
            sums.rooted(scalars.scales(sums)),
            scalars.bias(sums),
            np.empty(objective.labels),
        )
        shifts = left.shifts(scalars, sums, objective.codes)
        descent = BlockDescent(
            objective.features.arrays(),
            objective.codes,
            objective.weights,
            shifts,
            theta,
            threads,
        )
        learners = left.able
        if validation is None:
            judges, judging = _held_out(learners, options), descent
            learners = np.setdiff1d(learners, judges, assume_unique=True)
        else:
            judges = np.flatnonzero(validation.weights > 0)
            own = validation.codes, validation.weights, np.zeros(len(validation.y), np.float32)
            judging = BlockDescent(validation.features.arrays(), *own, theta, threads)
        own_watch = watch
        return cls(objective, options, sums, scalars, descent, judging, judges, learners, own_watch)

    def run(self) -> SupportFit:
        """Take all steps, and measure."""
        rate = self.options.learning_rate or LEARNING_RATE
        epochs = (self.options.epochs or EPOCHS) if len(self.learners) else 0
        rng = np.random.default_rng([self.options.seed, (1 << 31) + 21])
        size = rate * self.objective.unit
        figures = None
        for number in range(epochs):
            order = rng.permutation(self.learners)
            first, last = size * (1 - number / epochs), size * (1 - (number + 1) / epochs)
            own = self.descent.epoch(order, first, last)
            figures = own.loss / own.weight, own.right / own.weight
            self._tell(Epoch(number + 1, epochs, rate, *figures, 0, len(order)))
        share, judged = self._judged()
        theta, sums = self.descent.theta, self.sums
        postings = Postings(
            sums.starts,
            sums.labels,
            theta.weights,
            theta.bias,
            self.scalars.scales(sums),
            sums.sums,
        )
        return SupportFit(
            postings,
            Mixed(share=share),
            replace(self.scalars, share=share),
            rate,
            epochs,
            None if figures is None else figures[0],
            None if figures is None else figures[1],
            len(self.judges),
            judged,
        )

    def _tell(self, epoch: Epoch) -> None:
        if self.watch is not None:
            self.watch(Progress("final", 0.0, epoch, None))

    def _judged(self) -> tuple[float, Judged | None]:
        """(share of the base rates by which the documents that judge have the least loss, their
        figures with it)."""
        if not len(self.judges):
            return self.scalars.share, None
        judging = self.judging
        weights = judging.weights[self.judges].astype(np.float64)
        own = np.exp(-judging.losses(self.judges))
        rates = base_rates(self.sums.counts)[judging.y[self.judges]]
        losses = [
            float(np.average(-np.log((1 - share) * own + share * rates), weights=weights))
            for share in SHARES[1:]
        ]
        best = int(np.argmin(losses))
        figures = judging.figures(self.judges)
        accuracy = figures.right / figures.weight
        return float(SHARES[best + 1]), Judged(losses[best], accuracy)


def _held_out(able: NDArray[np.int64], options: TrainingOptions) -> NDArray[np.int64]:
    """Numbers of the documents that judge, ascending, drawn at random of those that can."""
    size = min(round(options.holdout * len(able)), MOST_JUDGES)
    rng = np.random.default_rng([options.seed, (1 << 31) + 22])
    return np.sort(rng.permutation(able)[:size])
