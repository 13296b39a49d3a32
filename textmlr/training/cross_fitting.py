"""Cross-fitting where documents are few: each is held out once or more, and all of them judge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.label_sets import all_known, joined_targets, label_counts
from textmlr.model.scoring import Calibration, base_rates
from textmlr.training.calibration import Scored, shrink
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.held_out import FEW_DOCUMENTS, FOLDS, parts_of, shuffled_parts
from textmlr.training.objective import Objective

# Documents so few that they are held out more than once take no more time than FEW_DOCUMENTS.
MOST_REPEATS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """Few documents in FOLDS parts, each to be scored by a run over the others; in other parts
    again where they are very few.

    rows     over the documents that count, in memory
    parts    all parts of one time, then those of the next: numbers of rows, ascending
    held     the documents of each part, as new to a model that has seen the others only
    repeats  how many times
    judges   (repeats, n) documents that judge: those whose labels all occur in other parts.  A
             run that never saw a label cannot answer it, and that says nothing of a run that did
    rates    (L,) those of all of them, see ``rates_of``
    counts   (L,) the same where each counts 1, whatever its weight: a run leans towards these
             early in training, even where weights are balanced
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
        """The parts of few documents; None where no document could judge.

        Each of the first parts has as many documents of a label as the others, so that labels are
        as frequent as in the rows of its run.  New documents need not have these shares: the next
        parts are drawn whatever the labels, and so in turn.
        """
        rows = objective.take(np.flatnonzero(objective.weights > 0))
        n, repeats = len(rows.y), repeats_of(len(rows.y))
        parts: list[NDArray[np.int64]] = []
        judges = np.zeros((repeats, n), np.bool_)
        everything = label_counts(rows.y, rows.labels)
        for repeat in range(repeats):
            if repeat % 2:
                own = shuffled_parts(n, FOLDS, seed, repeat)
            else:
                own = parts_of(rows, FOLDS, seed + repeat)
            for part in own:
                own_y = rows.y[part]
                others = everything - label_counts(own_y, rows.labels)
                judges[repeat, part] = all_known(own_y, others > 0)
            parts += own
        rates, counts = rates_of(rows)
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
        y = joined_targets([self.rows.y] * self.repeats)[chosen]
        weights = np.tile(self.rows.weights, self.repeats)[chosen]
        own = scores.reshape(-1, self.rows.labels)[chosen]
        return Scored(own, y, weights, self.rows.head)


def rates_of(rows: AnyObjective) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(the base rates of documents, those where each that counts counts 1): (L,) both.

    One more of each label is counted (Laplace): few documents say little of the rates, too.  Of
    label sets ``base_rates`` counts half a document more on either side.
    """
    counts = label_counts(rows.y[rows.weights > 0], rows.labels)
    weights = label_counts(rows.y, rows.labels, rows.weights)
    if rows.head.has_sets:
        documents = float(np.count_nonzero(rows.weights > 0))
        total = float(rows.weights.sum(dtype=np.float64))
        return base_rates(weights, total), base_rates(counts, documents)
    return base_rates(weights + 1.0), base_rates(counts + 1.0)


def repeats_of(documents: int) -> int:
    """The number of times that so few documents are held out, in other parts each time."""
    return max(1, min(MOST_REPEATS, FEW_DOCUMENTS // documents))
