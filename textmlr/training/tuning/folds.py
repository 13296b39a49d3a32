"""The documents of a trial: folds of the corpus, and levels of how many documents of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.training_options import TrainingOptions
from textmlr.base.tuning_options import FEW_JUDGES, TUNING_FOLDS
from textmlr.corpus.corpus import Corpus, files_of
from textmlr.corpus.label_sets import Targets, strata
from textmlr.features.csr_features import Features
from textmlr.model.heads import usual_head
from textmlr.training.held_out import hold_out
from textmlr.training.objective import Objective
from textmlr.training.rows import document_weights

# Least documents of a rung: good settings for fewer may not be good for all.
LEAST_RUNG = 2_000
SHARES = (1 / 9, 1 / 3, 1.0)


@dataclass(frozen=True, slots=True)
class Level:
    """The share of documents that a trial gets: so many training documents, of so many folds.

    share  of the documents × folds of the highest level
    """

    documents: int
    folds: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Training documents, in random order, and those held out, ascending; held is None where a
    validation corpus judges."""

    training: NDArray[np.int64]
    held: NDArray[np.int64] | None

    def part(self, documents: int) -> NDArray[np.int64]:
        """The first so many training documents, ascending."""
        return np.sort(self.training[:documents])


def levels_of(documents: int, folds: int) -> list[Level]:
    """The levels of trials where a fold has so many training documents."""
    shares = [share for share in SHARES if share == 1 or share * documents >= LEAST_RUNG]
    levels = [Level(round(share * documents), 1, share / folds) for share in shares]
    return levels if folds == 1 else [*levels, Level(documents, folds, 1.0)]


def folds_of(
    corpus: Corpus, validated: bool, training: TrainingOptions, cv: int | None
) -> list[Fold]:
    """The folds of a corpus, see ``TuningOptions.cv``.

    Raises InputError where too few would judge.
    """
    n = len(corpus)
    weights = document_weights(corpus, training.class_weight)
    if validated:
        return [_fold(np.arange(n), None, training.seed)]
    held = None
    if cv is None or cv == 1:
        held = _held_out(corpus, weights, training)
        if cv is None and (held is None or len(held) < FEW_JUDGES):
            cv, held = TUNING_FOLDS, None
    if held is not None:
        return [_fold(np.setdiff1d(np.arange(n), held, assume_unique=True), held, training.seed)]
    if cv is None or cv == 1:
        raise OptionError(
            "cv",
            Sentence(f"too few of {n:,} documents would be held out to judge by"),
            Sentence("give {cv} (or another number), or {validation:name}", {"cv": TUNING_FOLDS}),
            place=files_of(corpus),
        )
    numbers = stratified(corpus.y, len(corpus.labels), cv, training.seed)
    parts = [np.flatnonzero(numbers == fold) for fold in range(cv)]
    if not all(weights[part].any() for part in parts):
        raise OptionError(
            "cv",
            Sentence(f"one of {cv} folds of {n:,} documents has none of positive weight"),
            Sentence("ask for fewer folds ({cv:name})"),
            place=files_of(corpus),
        )
    return [
        _fold(np.flatnonzero(numbers != i), part, training.seed) for i, part in enumerate(parts)
    ]


def _held_out(
    corpus: Corpus, weights: NDArray[np.float32], training: TrainingOptions
) -> NDArray[np.int64] | None:
    """The documents that ``train`` would hold out, None for too few."""
    if not training.holdout:
        return None
    none = np.zeros(0, np.int32), np.zeros(0, np.float32)
    rows = Features(np.zeros(len(corpus) + 1, np.int64), *none, 1)  # never read
    head = usual_head(corpus.is_multilabel)
    objective = Objective(rows, corpus.y, weights, len(corpus.labels), head=head)
    return hold_out(objective, training.holdout, training.seed)


def stratified(y: Targets, labels: int, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each document, (n,) int64, at random: the folds have nearly equal numbers of
    documents, and of each label; a document of several labels counts for the rarest of them."""
    rng = np.random.default_rng([seed, (1 << 31) + 3])
    by_label = np.lexsort((rng.random(len(y)), strata(y)))
    numbers = np.empty(len(y), np.int64)
    numbers[by_label] = np.arange(len(y)) % folds
    return numbers


def _fold(training: NDArray[np.int64], held: NDArray[np.int64] | None, seed: int) -> Fold:
    rng = np.random.default_rng([seed, (1 << 31) + 4])
    return Fold(rng.permutation(training), held)
