"""From rows and labels to a sparse θ: sums of each label's rows, a few numbers for all labels, and
what SGD learns beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.base.training_options import TrainingOptions
from textmlr.kernels.support_steps import SupportTheta
from textmlr.model.postings import Postings
from textmlr.model.scoring import Mixed, base_rates
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.held_out import check_labels
from textmlr.training.objective import Objective
from textmlr.training.run_state import State, StateStore
from textmlr.training.sgd.epoch import Epoch
from textmlr.training.sgd.trial_run import Progress, TrialRun, Watch
from textmlr.training.support.block_descent import BlockDescent
from textmlr.training.support.label_sums import NARROW, WIDE, LabelSums, codes_of, most_labels
from textmlr.training.support.left_out import LeftOut, Scalars, fit_scalars
from textmlr.training.support.share_calibration import Judges
from textmlr.training.thresholds import Thresholds

# The step size, in units of 1 / mean ‖f(x)‖².
LEARNING_RATE = 16.0
EPOCHS = 2
# Documents that take no step, so that they can judge; they are in the sums of their labels all the
# same, and are scored as if they were not.
MOST_JUDGES = 2_000


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures of documents that θ was not trained on, as ``TrialRun`` has them."""

    loss: float
    accuracy: float
    never_answered: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SupportFit:
    """A sparse θ and how it was found.

    postings, calibration   θ, and its calibration
    fitted         the calibration before θ took up its factor
    scalars        of the sums, see ``Scalars``
    learning_rate, epochs   of SGD; 0 epochs: nothing was learnt beside the sums
    loss, accuracy of its last epoch, each document before its own step; without epochs None
    held_out       documents that judged;  judged  their figures, None where there were none
    folds, trials, idf_power   of a θ that starts from zero, see ``sgd.fit.Fit``; it has no sums
    thresholds     of labels, where documents have sets of them
    """

    postings: Postings
    calibration: Mixed
    fitted: Mixed
    scalars: Scalars
    learning_rate: float
    epochs: int
    loss: float | None
    accuracy: float | None
    held_out: int
    judged: Judged | None
    folds: int = 0
    trials: tuple[TrialRun, ...] = ()
    idf_power: float | None = None
    thresholds: Thresholds | None = None


def fit_support(
    objective: AnyObjective,
    options: TrainingOptions,
    *,
    bias: int | None,
    validation: Objective | None = None,
    threads: int = 1,
    watch: Watch | None = None,
    beside: Callable[[], object] | None = None,
    states: StateStore | None = None,
) -> SupportFit:
    """Fit a sparse θ.

    score(x, ℓ) = bias_ℓ + Σ_f f(x)_f·θ_fℓ,   θ_fℓ = scale_ℓ·√S_fℓ + Δ_fℓ,

    S the sums of the rows of each label, Δ learnt by SGD where label and feature met.  In training
    a document is taken out of the sums of its own label in closed form; so its score is honest
    until Δ has seen it.  The number of threads changes no bit.

    bias        the column that is always 1, None: there is none
    validation  documents that judge, None to hold some out of the steps
    beside      called once, beside the fit where there are two threads
    states      where the state of training is kept, and resumed from; None: nowhere
    Raises InputError where the labels are not two at least.
    """
    check_labels(objective)

    def trained(most: int, epochs: int) -> SupportFit:
        own = objective, options, bias, validation, threads, watch
        return _SupportTraining.of(*own, most).run(epochs, states if epochs else None)

    def better() -> SupportFit:
        """With steps, or by the sums alone, whose rows are then longer: the held-out documents
        choose, unless it is said how many epochs there are."""
        labels, alone = objective.labels, None
        if options.epochs is None:
            alone = trained(most_labels(labels, WIDE), 0).judged
        learnt = trained(most_labels(labels, NARROW), options.epochs or EPOCHS)
        if alone is None or learnt.judged is None or learnt.judged.loss <= alone.loss:
            return learnt
        del learnt
        return trained(most_labels(labels, WIDE), 0)

    found: list[SupportFit] = []
    jobs = [lambda: found.append(better()), *([beside] if beside else [])]
    for _ in map_blocks(lambda job: job(), jobs, threads):
        pass
    return found[0]


@dataclass(slots=True, eq=False)
class _SupportTraining:
    """The training of one sparse θ.

    judges    documents that take no step;  learners  numbers of those that do
    """

    objective: AnyObjective
    options: TrainingOptions
    sums: LabelSums
    scalars: Scalars
    descent: BlockDescent
    judges: Judges
    learners: NDArray[np.int64]
    watch: Watch | None

    @classmethod
    def of(
        cls,
        objective: AnyObjective,
        options: TrainingOptions,
        bias: int | None,
        validation: Objective | None,
        threads: int,
        watch: Watch | None,
        most: int,
    ) -> _SupportTraining:
        """Before the first step;  most  labels that a feature with weights meets."""
        sums = LabelSums.of(objective, bias, most)
        left = LeftOut.of(objective, sums)
        scalars = fit_scalars(objective, sums, left, options.seed)
        theta = SupportTheta(
            frozen(sums.starts),
            frozen(sums.labels),
            sums.rooted(scalars.scales(sums)),
            scalars.bias(sums),
            np.empty(objective.labels),
        )
        shifts, learners = left.shifts(scalars, sums, codes_of(objective)), left.able
        descent = BlockDescent(objective, shifts.sum(axis=1), theta, threads, options.seed)
        if validation is None:
            documents = _held_out(learners, options)
            learners = np.setdiff1d(learners, documents, assume_unique=True)
            judging, shifts = objective.take(documents), shifts[documents]
        else:
            judging = validation.take(np.flatnonzero(validation.weights > 0))
            shifts = np.zeros((len(judging.y), 2), np.float32)
        judges = Judges(
            judging.features.arrays(),
            judging.codes,
            shifts,
            np.arange(len(judging.y)),
            judging.weights.astype(np.float64),
            base_rates(sums.counts)[judging.codes],
        )
        return cls(objective, options, sums, scalars, descent, judges, learners, watch)

    def run(self, epochs: int, states: StateStore | None) -> SupportFit:
        """Take the steps of so many epochs, and measure;  states  as in ``fit_support``."""
        rate = self.options.learning_rate or LEARNING_RATE
        epochs = epochs if len(self.learners) else 0
        told = self._descend(epochs, rate, states)
        figures = told[-1] if told else None
        calibration, judged = self._judged()
        theta, sums, factor = self.descent.theta, self.sums, np.float32(calibration.factor)
        theta.weights[:] *= factor
        postings = Postings(
            sums.starts,
            sums.labels,
            theta.weights,
            theta.bias,
            self.scalars.scales(sums) * factor,
            sums.sums,
        )
        return SupportFit(
            postings,
            calibration.absorbed(),
            calibration,
            self.scalars,
            rate,
            epochs,
            None if figures is None else figures[0],
            None if figures is None else figures[1],
            len(self.judges.documents),
            judged,
        )

    def _descend(
        self, epochs: int, rate: float, states: StateStore | None
    ) -> list[tuple[float, float]]:
        """Take the steps; return (loss, accuracy) of each epoch."""
        descent, told = self.descent, list[tuple[float, float]]()

        def keep() -> None:
            if states is not None:
                states.save("final", state, ended=descent.done == epochs)

        def state() -> State:
            header, arrays = descent.state()
            return header | {"told": told}, arrays

        before = None if states is None or not epochs else states.load("final")
        if before is not None:
            descent.restore(before)
            told += [(loss, accuracy) for loss, accuracy in before[0]["told"]]
            del before
        size = rate * self.objective.unit if epochs else 0.0
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
        judges = self.judges
        if not len(judges.documents):
            return Mixed(share=self.scalars.share), None
        tempered = self.options.calibration is not False
        calibration, loss, accuracy = judges.calibrate(self.descent.theta, tempered=tempered)
        return calibration, Judged(loss, accuracy)


def _held_out(able: NDArray[np.int64], options: TrainingOptions) -> NDArray[np.int64]:
    """Numbers of the documents that judge, ascending, drawn at random of those that can."""
    size = min(round(options.holdout * len(able)), MOST_JUDGES)
    rng = np.random.default_rng([options.seed, (1 << 31) + 22])
    return np.sort(rng.permutation(able)[:size])
