"""Trial runs where documents are few: each is held out once, and all of them judge every trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import DEFAULT_IDF_POWER, TrainingOptions
from textmlr.model.scoring import Calibration, base_rates
from textmlr.training.calibration import Scored, shrink
from textmlr.training.held_out import FEW_DOCUMENTS, FOLDS, parts_of, shuffled_parts
from textmlr.training.objective import Objective
from textmlr.training.on_disk.disk_objective import AnyObjective
from textmlr.training.sgd.epochs import SGD, Epoch

# The plans for few documents are the product of these powers of idf and these pairs of a learning
# rate and a number of epochs: many small steps, few large ones.  The runs of all are averaged.
FEW_POWERS = (0.0, 1.0, 2.0)
FEW_RUNS = ((4.0, 20), (16.0, 5))
# Documents so few that they are held out more than once take no more time than FEW_DOCUMENTS.
MOST_REPEATS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """Few documents in FOLDS parts, each to be scored by a run over the others; in other parts
    again where they are very few.

    rows     over the documents that count, in memory
    parts    all parts of one time, then those of the next: numbers of rows, ascending
    held     the documents of each part, as new to who has seen the others only
    repeats  how many times
    judges   (repeats, n) documents that judge: those whose label others than their part have.  Who
             never saw a label cannot tell it, and that says nothing of who did
    rates    (L,) ``base_rates`` of all of them, and one more of each label
    counts   (L,) the same where each counts 1, whatever it weighs: what a run leans towards while
             it has learnt little, even where weights are balanced
    """

    rows: Objective
    parts: list[NDArray[np.int64]]
    held: list[Objective]
    repeats: int
    judges: NDArray[np.bool_]
    rates: NDArray[np.float64]
    counts: NDArray[np.float64]

    @classmethod
    def of(cls, objective: AnyObjective, seed: int) -> Crossed | None:
        """Of an objective over few documents; None where no document could judge.

        The first parts have of each label as many documents as the others, so that their labels
        are as frequent as those that a run has learnt from, which those of new documents need not
        be: the next parts are drawn whatever the labels, and so in turn.
        """
        rows = objective.take(np.flatnonzero(objective.weights > 0))
        n, repeats = len(rows.y), repeats_of(len(rows.y))
        parts: list[NDArray[np.int64]] = []
        judges = np.zeros((repeats, n), np.bool_)
        everything = np.bincount(rows.y, minlength=rows.labels)
        for repeat in range(repeats):
            if repeat % 2:
                own = shuffled_parts(n, FOLDS, seed, repeat)
            else:
                own = parts_of(rows, FOLDS, seed + repeat)
            for part in own:
                others = everything - np.bincount(rows.y[part], minlength=rows.labels)
                judges[repeat, part] = others[rows.y[part]] > 0
            parts += own
        # One more of each is counted (Laplace): few documents tell little of the rates, too.
        rates = base_rates(np.bincount(rows.y, rows.weights, rows.labels) + 1.0)
        counts = base_rates(everything + 1.0)
        if not judges.any():
            return None
        seen, held = rows.documents_of(), [rows.take(part) for part in parts]
        held = [part.as_new(seen - part.documents_of()) for part in held]
        return cls(rows, parts, held, repeats, judges, rates, counts)

    @property
    def judging(self) -> int:
        """Documents that judge, each counted once."""
        return int(self.judges.any(axis=0).sum())

    def others(self, number: int) -> NDArray[np.int64]:
        """Documents that are not in a part."""
        return np.setdiff1d(np.arange(len(self.rows.y)), self.parts[number], assume_unique=True)

    def shrunk(
        self, scored: Scored, *, biased: bool, lucky: bool = True
    ) -> tuple[Calibration, Scored]:
        """``shrink`` of documents that judge."""
        return shrink(
            scored, self.rates, self.counts, biased=biased, repeats=self.repeats, lucky=lucky
        )

    def scored(self, scores: NDArray[np.float32]) -> Scored:
        """The documents that judge;  scores (repeats, n, L)."""
        chosen = self.judges.ravel()
        y = np.tile(self.rows.y, self.repeats)[chosen]
        weights = np.tile(self.rows.weights, self.repeats)[chosen]
        own = scores.reshape(-1, self.rows.labels)[chosen]
        return Scored(own, y, weights, self.rows.head)


def repeats_of(documents: int) -> int:
    """How many times so few documents are held out, in other parts each time."""
    return max(1, min(MOST_REPEATS, FEW_DOCUMENTS // documents))


Plan = tuple[float, float, int]


def plans_of(options: TrainingOptions, *, idf: bool) -> list[Plan]:
    """What is tried on few documents: power of idf, learning rate, epochs.

    idf  whether there is one to take the power of
    """
    powers: Sequence[float] = FEW_POWERS if options.idf_power is None else (options.idf_power,)
    runs: Sequence[tuple[float, int]] = FEW_RUNS
    if options.learning_rate is not None:
        runs = [(options.learning_rate, max(epochs for _, epochs in FEW_RUNS))]
    if options.chosen_step == "adagrad":
        # Networks take long, and those learnt at other powers forget more in updates.
        powers = (1.0, DEFAULT_IDF_POWER) if options.idf_power is None else powers
        rates, epochs = options.learning_rates, options.epochs_of(FEW_DOCUMENTS)
        rates = rates if options.learning_rate is None else (options.learning_rate,)
        runs = [(rate, epochs) for rate in rates]
    return [
        (power, rate, epochs if options.epochs is None else options.epochs)
        for power, (rate, epochs) in product(powers if idf else (0.0,), runs)
    ]


@dataclass(frozen=True, slots=True)
class Judged:
    """A trial on few documents after one of its epochs.

    loss, accuracy  of the documents that judge, each scored by a run that never saw it; calibrated
    scored          these documents, with their scores as they were
    """

    epochs: int
    calibration: Calibration
    loss: float
    accuracy: float
    scored: Scored


def parts_of_plans(calibrations: Sequence[Calibration]) -> list[float]:
    """What the scores of each plan's run are multiplied by in the average: all plans have equal
    shares, and each is as loud as its own calibration has it.

    Of few documents the plan with the least loss is often the luckiest, and the average of all
    better than the best."""
    return [calibration.factor / len(calibrations) for calibration in calibrations]


def average(
    crossed: Crossed, judged: Sequence[Judged], *, biased: bool
) -> tuple[Calibration, Scored]:
    """(the calibration of the average of several trials' scores, the documents that judge with
    their averaged scores calibrated)."""
    parts = parts_of_plans([one.calibration for one in judged])
    first = judged[0].scored
    scores = np.zeros(first.scores.shape)
    for part, one in zip(parts, judged, strict=True):
        scores += part * one.scored.scores
    together = replace(first, scores=scores.astype(np.float32))
    return crossed.shrunk(together, biased=biased)


def try_out(
    crossed: Crossed,
    scale: NDArray[np.float32] | None,
    start: Callable[[Objective, NDArray[np.int64]], SGD],
    end: Callable[[SGD], None],
    options: TrainingOptions,
    *,
    biased: bool,
    lucky: bool,
) -> tuple[list[Judged], Epoch]:
    """Runs over all parts but one, for each part: (what came of each epoch that is judged, figures
    of all their epochs in one).

    scale   (V,) of the features, None for 1
    start   a run over some of the rows;  end  called with it when its memory is free again
    options decided; with no number of epochs given, or few (2·patience), a run is judged at its
            end alone
    biased, lucky  see ``shrink``
    """
    rows, patience = crossed.rows, options.patience
    assert patience is not None
    watched = options.epochs is not None and options.epochs > 2 * patience
    scaled = rows if scale is None else rows.scaled(scale)
    told: list[Epoch] = []
    scores: dict[int, NDArray[np.float32]] = {}
    size = crossed.repeats, len(rows.y), rows.labels
    for number, part in enumerate(crossed.parts):
        held = crossed.held[number]
        held = held if scale is None else held.scaled(scale)
        run = start(scaled, crossed.others(number))
        while run.done < run.epochs:
            epoch = run.epoch()
            told.append(epoch)
            if run.done == run.epochs or watched:
                kept = scores.setdefault(run.done, np.zeros(size, np.float32))
                kept[number // FOLDS, part] = Scored.of(held, run.network).scores
        end(run)
    judged = []
    for epochs in sorted(scores):
        plain, calibration = crossed.scored(scores[epochs]), Calibration()
        scored = plain
        if options.calibration:
            calibration, scored = crossed.shrunk(plain, biased=biased, lucky=lucky)
        judged.append(Judged(epochs, calibration, scored.loss, scored.accuracy, plain))
    last = [epoch for epoch in told if epoch.number == epoch.epochs]
    together = Epoch(
        last[0].epochs,
        last[0].epochs,
        min(epoch.learning_rate for epoch in last),
        float(np.mean([epoch.loss for epoch in last])),
        float(np.mean([epoch.accuracy for epoch in last])),
        sum(epoch.halved for epoch in told),
        sum(epoch.documents for epoch in told),
    )
    return judged, together
