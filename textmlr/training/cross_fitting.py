"""Trial runs where documents are few: each is held out once, and all of them judge every trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from textmlr.options import FEW_RATES, FOLDS, LEARNING_RATES, TrainingOptions
from textmlr.parallel import map_blocks
from textmlr.scoring import Calibration, base_rates
from textmlr.training.calibration import Scored, shrink
from textmlr.training.heldout import judging, parts_of
from textmlr.training.objective import Objective
from textmlr.training.sgd import SGD, Epoch
from textmlr.training.stored import AnyObjective


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """Few documents in parts, each to be scored by a run over the others.

    rows    over the documents that count, in memory
    parts   of them, numbers, ascending
    judges  (n,) those that judge, see ``judging``
    rates   (L,) ``base_rates`` of all of them
    """

    rows: Objective
    parts: list[NDArray[np.int64]]
    judges: NDArray[np.bool_]
    rates: NDArray[np.float64]

    @classmethod
    def of(cls, objective: AnyObjective, seed: int) -> Crossed | None:
        """Of an objective over few documents; None where no document could judge."""
        rows = objective.take(np.flatnonzero(objective.weights > 0))
        rates = base_rates(np.bincount(rows.y, rows.weights, rows.labels))
        judges = judging(rows.y)
        return cls(rows, parts_of(rows, FOLDS, seed), judges, rates) if judges.any() else None

    def held_out(self, number: int) -> Objective:
        """The documents of a part, as new to who has seen the others only."""
        held = self.rows.take(self.parts[number])
        return held.as_new(self.rows.documents_of() - held.documents_of())

    def others(self, number: int) -> NDArray[np.int64]:
        """Documents that are not in a part."""
        return np.setdiff1d(np.arange(len(self.rows.y)), self.parts[number], assume_unique=True)


def rates_of(options: TrainingOptions) -> tuple[float, ...]:
    """Learning rates that are tried on few documents."""
    if options.learning_rate is not None:
        return (options.learning_rate,)
    rates = options.learning_rates
    return FEW_RATES if rates == LEARNING_RATES else rates


def plans_of(options: TrainingOptions, powers: tuple[float, ...]) -> list[tuple[float, float]]:
    """Pairs of a power of idf and a learning rate to be tried."""
    return list(product(powers, rates_of(options)))


@dataclass(frozen=True, slots=True)
class Judged:
    """A trial on few documents after one of its epochs.

    loss, accuracy  of the documents that judge, each scored by a run that never saw it; calibrated
    """

    epochs: int
    calibration: Calibration
    loss: float
    accuracy: float


def try_out(
    crossed: Crossed,
    scale: NDArray[np.float32] | None,
    start: Callable[[Objective, NDArray[np.int64]], SGD],
    end: Callable[[SGD], None],
    options: TrainingOptions,
    *,
    biased: bool,
) -> tuple[list[Judged], Epoch]:
    """Runs over all parts but one, for each part: (what came of each epoch that is judged, figures
    of all their epochs in one).

    scale   (V,) of the features, None for 1
    start   a run over some of the rows;  end  called with it when its memory is free again
    options decided; a run of few epochs (2·patience) is judged at its end alone
    biased  see ``shrink``
    """
    rows, patience = crossed.rows, options.patience
    assert patience is not None
    scaled = rows if scale is None else rows.scaled(scale)
    told: list[Epoch] = []
    scores: dict[int, NDArray[np.float32]] = {}
    for number, part in enumerate(crossed.parts):
        held = crossed.held_out(number)
        held = held if scale is None else held.scaled(scale)
        run = start(scaled, crossed.others(number))
        while run.done < run.epochs:
            epoch = run.epoch()
            told.append(epoch)
            if run.done == run.epochs or run.epochs > 2 * patience:
                kept = scores.setdefault(run.done, np.zeros((len(rows.y), rows.labels), np.float32))
                kept[part] = Scored.of(held, run.network).scores
        end(run)
    judged = []
    for epochs in sorted(scores):
        scored = Scored(scores[epochs], rows.y, rows.weights).of_documents(crossed.judges)
        calibration = Calibration()
        if options.calibration:
            calibration, scored = shrink(scored, crossed.rates, biased=biased)
        judged.append(Judged(epochs, calibration, scored.loss, scored.accuracy))
    last = [epoch for epoch in told if epoch.number == epoch.epochs]
    together = Epoch(
        last[0].epochs, last[0].epochs, min(epoch.learning_rate for epoch in last),
        float(np.mean([epoch.loss for epoch in last])),
        float(np.mean([epoch.accuracy for epoch in last])),
        sum(epoch.halved for epoch in told), sum(epoch.documents for epoch in told),
    )  # fmt: skip
    return judged, together
