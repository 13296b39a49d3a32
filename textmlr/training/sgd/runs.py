"""The runs over one corpus's rows: their options, their memory, their scale and their states."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.label_sets import label_counts
from textmlr.model.heads import Head
from textmlr.model.scoring import Calibration, base_scores
from textmlr.training.calibration import Scored, calibrate
from textmlr.training.dealt_parts import AnyObjective, DealtObjective
from textmlr.training.objective import Objective
from textmlr.training.run_state import Json, State, StateStore
from textmlr.training.sgd.descent import SGD, FirstScores
from textmlr.training.sgd.trial_run import Progress, Watch

OwnKind = TypeVar("OwnKind", Objective, DealtObjective, AnyObjective)


class ColumnFacts(NamedTuple):
    """Facts about the columns of the rows that SGD uses.

    idf   (V,) float64 of each feature; None: all steps alike
    bias  the column that is always 1, None for none
    """

    idf: NDArray[np.float64] | None = None
    bias: int | None = None


NO_FACTS = ColumnFacts()
# The rates and the power of idf for sets of labels: each label has few documents, and larger steps
# reach further.  By held-out documents of reuters90, debtags and netflix-genres, powers 0.5 and 2
# are worse by 2 % of the loss or more, and so is rate 2.
SET_RATES = (4.0, 8.0, 16.0)
SET_POWERS = (1.0,)


def learning_rates(options: TrainingOptions, head: Head) -> tuple[float, ...]:
    """The learning rates to try, ascending."""
    if options.learning_rate is not None:
        return (options.learning_rate,)
    if head.has_sets and options.chosen_step == "plain":
        return SET_RATES
    return options.learning_rates


def middle_rate(options: TrainingOptions, head: Head) -> float:
    """The learning rate that is tried first, and taken where there is nothing to choose by."""
    rates = learning_rates(options, head)
    return rates[(len(rates) - 1) // 2]


def idf_powers(options: TrainingOptions, head: Head, *, choose: bool) -> tuple[float, ...]:
    """The powers of idf to try, one where there is nothing to choose by."""
    if head.has_sets and options.idf_power is None:
        return SET_POWERS
    return options.idf_powers(choose=choose)


def first_scores(
    objective: AnyObjective, options: TrainingOptions, bias: int | None
) -> FirstScores | None:
    """The log odds of the base rates, which labels of few documents take long to reach by steps;
    None for the softmax, where all start alike, and without a bias.

    bias  the column that is always 1
    """
    row = -1 if options.hidden else bias
    if not objective.head.has_sets or row is None:
        return None
    counts = label_counts(objective.y, objective.labels, objective.weights)
    total = float(objective.weights.sum(dtype=np.float64))
    return FirstScores(row, base_scores(counts, objective.head, total))


class Runs:
    """Starts runs and ends them; threads may share one.

    objective  over all documents
    options    decided
    states     where the state of runs is kept; None: nowhere
    """

    def __init__(
        self,
        objective: AnyObjective,
        options: TrainingOptions,
        columns: ColumnFacts = NO_FACTS,
        watch: Watch | None = None,
        states: StateStore | None = None,
    ) -> None:
        self.objective, self.options, self.states = objective, options, states
        self.columns = columns
        self._watch, self._lock = watch, Lock()
        self._spare: list[SGD] = []
        self.first = first_scores(objective, options, columns.bias)

    @staticmethod
    def decided(options: TrainingOptions) -> TrainingOptions:
        """The options of runs, their defaults decided."""
        return options.decided()

    @property
    def biased(self) -> bool:
        """Whether the last layer has a bias; those above the first have one always."""
        return self.columns.bias is not None or bool(self.options.hidden)

    @property
    def width(self) -> int:
        """Weights that a run reads for a non-zero of f(x), about."""
        return self.objective.labels

    def tell(self, progress: Progress) -> None:
        """Call watch, one thread at a time."""
        if self._watch is not None:
            with self._lock:
                self._watch(progress)

    def scale_of(self, power: float) -> NDArray[np.float32] | None:
        """d of ``TrainingOptions.idf_power``: (V,) float32, None if all are 1."""
        if self.columns.idf is None or not power:
            return None
        scale: NDArray[np.float32] = (self.columns.idf**power).astype(np.float32)
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
        return SGD.start(objective, documents, epochs, rate, self.options, spare, self.first)

    def end(self, run: SGD) -> None:
        """Free the memory of a run that is no longer needed."""
        self._spare.append(run)

    def scored(self, objective: Objective, run: SGD) -> Scored:
        """The documents of an objective, as a run scores them."""
        return Scored.of(objective, run.network)

    def calibrated(self, scored: Scored) -> tuple[Calibration, float]:
        """``calibrate``."""
        return calibrate(scored, biased=self.biased)

    def resume(self, run: SGD, name: str, more: Callable[[], Json] = dict) -> Json:
        """Resume a run from its kept state, and keep its state from now on; ``more`` as it was
        kept with it, {} where there was no state.

        more  gives what to keep beside the state (JSON)
        """
        states = self.states
        if states is None:
            return {}
        state = states.load(name)

        def keep(run: SGD) -> None:
            def own() -> State:
                header, arrays = run.state()
                return header | {"more": more()}, arrays

            states.save(name, own, ended=run.done == run.epochs)

        run.keep = keep
        if state is None:
            return {}
        run.restore(state)
        kept: Json = state[0]["more"]
        return kept


def finish(run: SGD) -> SGD:
    """Run the rest of a run's epochs."""
    while run.done < run.epochs:
        run.epoch()
    return run
