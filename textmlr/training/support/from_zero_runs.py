"""Runs of SGD over weights that stand only where label and feature met, from 0."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.training_options import TrainingOptions
from textmlr.kernels import met_rows as kernels
from textmlr.kernels.sgd import Steps
from textmlr.model.scoring import Calibration
from textmlr.training.calibration import Scored
from textmlr.training.dealt_parts import AnyObjective, Turn
from textmlr.training.objective import Objective
from textmlr.training.run_state import StateStore
from textmlr.training.sgd.descent import SGD
from textmlr.training.sgd.runs import NO_FACTS, ColumnFacts, Runs
from textmlr.training.sgd.trial_run import Watch
from textmlr.training.support.from_zero_calibration import SumsScored, calibrate_sums
from textmlr.training.support.from_zero_weights import Met, MetWeights

# Trials may see more documents than those of a dense θ, since a document takes less time.
FASTER = 8


class ZeroSGD(SGD):
    """``SGD`` over ``MetWeights``."""

    __slots__ = ()

    def _learn(self, rows: Objective, turn: Turn, first: float, last: float) -> tuple[float, float]:
        assert isinstance(self.weights, MetWeights)
        totals, arrays = np.empty(3, np.float64), rows.features.arrays()
        kernels.epoch(
            arrays,
            frozen(rows.codes),
            frozen(turn.rows),
            Steps(first, last, float(rows.l2), self.scale, 0.0, 0),
            self.weights.rows(),
            self.weights.step_room(arrays),
            totals,
        )
        loss, correct, self.scale = totals.tolist()
        return loss, correct


class ZeroRuns(Runs):
    """Runs over ``MetWeights``, of documents in memory."""

    def __init__(
        self,
        objective: AnyObjective,
        options: TrainingOptions,
        columns: ColumnFacts = NO_FACTS,
        watch: Watch | None = None,
        states: StateStore | None = None,
    ) -> None:
        super().__init__(objective, options, columns, watch, states)
        self._met: list[tuple[Any, Any, Met]] = []
        self._found = Lock()

    @staticmethod
    def decided(options: TrainingOptions) -> TrainingOptions:
        """Those of a dense θ, but for its form."""
        return replace(options, theta=None).decided()

    @property
    def width(self) -> int:
        """See ``Runs.width``."""
        return max(1, self.objective.labels // FASTER)

    def met(self, objective: AnyObjective, documents: NDArray[np.integer[Any]]) -> Met:
        """Where label and feature met in some documents of an objective."""
        with self._found:
            for y, known, met in self._met:
                if y is objective.y and np.array_equal(known, documents):
                    return met
            own = Met.of(objective, documents.astype(np.int64), self.columns.bias)
            # All documents, and those of trials.
            self._met = [*self._met[-1:], (objective.y, documents, own)]
            return own

    def start(
        self, objective: AnyObjective, documents: NDArray[np.integer[Any]], epochs: int, rate: float
    ) -> SGD:
        """A run, from 0."""
        weights = self.met(objective, documents).zeros()
        own = objective, documents, epochs, rate, self.options, weights, None, np.inf
        run = ZeroSGD(*own)
        run._begin()
        return run

    def end(self, run: SGD) -> None:
        """Nothing of a run is used again: others have entries elsewhere."""

    def scored(self, objective: Objective, run: SGD) -> Scored:
        """The documents of an objective, with what the bias has in their scores."""
        return SumsScored.at(Scored.of(objective, run.network), self._bias(run))

    def calibrated(self, scored: Scored) -> tuple[Calibration, float]:
        """``calibrate_sums``."""
        assert isinstance(scored, SumsScored)
        return calibrate_sums(scored)

    def _bias(self, run: SGD) -> NDArray[np.float32]:
        if self.columns.bias is None:
            return np.zeros(self.objective.labels, np.float32)
        return run.network.row(self.columns.bias)
