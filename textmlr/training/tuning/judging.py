"""Judging a setting: learnt from some documents, judged on others, over features that are kept."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.training_options import TrainingOptions
from textmlr.base.tuning_options import FEW_JUDGES, TUNING_FOLDS
from textmlr.corpus.corpus import Corpus
from textmlr.features.csr_features import Features
from textmlr.training.calibration import Scored, calibrate
from textmlr.training.held_out import hold_out
from textmlr.training.objective import Objective
from textmlr.training.rows import Rows, document_weights
from textmlr.training.sgd.epochs import SGD
from textmlr.training.tuning.space import Setting
from textmlr.training.tuning.trial import Figures

# Of the features of settings, kept for the next trials that have the same.
CACHE_BYTES = 1 << 30
# Documents that a rung has at least: which settings are good for fewer says little.
LEAST_RUNG = 2_000
SHARES = (1 / 9, 1 / 3, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Features of one setting.

    objective  over all documents of the corpus
    judge      over those of a validation corpus, None if there is none
    idf        (V,) float64 of each feature
    counts     (V,) int32   documents of the corpus that each is in
    min_df     in fewer of them none is
    seconds    that they took
    """

    objective: Objective
    judge: Objective | None
    idf: NDArray[np.float64] | None
    counts: NDArray[np.int32]
    min_df: int
    seconds: float

    @property
    def bytes(self) -> int:
        """Memory that they take."""
        rows = [one.features for one in (self.objective, self.judge) if one is not None]
        arrays = [array for one in rows for array in (one.indptr, one.indices, one.values)]
        return sum(array.nbytes for array in arrays)


class Cache:
    """Features of the settings that were asked for last; threads may share one.

    They are made of all documents, those held out too; a fold leaves out what it would not have
    made of its own (see ``without``).
    """

    def __init__(self, corpus: Corpus, validation: Corpus | None, threads: int) -> None:
        self._corpus, self._validation, self._threads = corpus, validation, threads
        self._made: OrderedDict[FeaturizerOptions, Made] = OrderedDict()
        self._lock, self._making = Lock(), Lock()

    def get(self, setting: Setting) -> Made:
        """The features of a setting, made if they are not there, by one thread at a time: it
        has several for it, and much memory."""
        found = self._find(setting.featurizer)
        if found is not None:
            return found
        with self._making:
            found = self._find(setting.featurizer)
            if found is not None:
                return found
            made = self._make(setting)
            with self._lock:
                self._made[setting.featurizer] = made
                while len(self._made) > 1 and self.bytes > CACHE_BYTES:
                    self._made.popitem(last=False)
            return made

    def seconds(self, featurizer: FeaturizerOptions) -> float:
        """How long the features took to make, 0 where they are not there."""
        with self._lock:
            return self._made[featurizer].seconds if featurizer in self._made else 0.0

    @property
    def bytes(self) -> int:
        """Memory of all features."""
        return sum(made.bytes for made in self._made.values())

    def _find(self, featurizer: FeaturizerOptions) -> Made | None:
        with self._lock:
            if featurizer in self._made:
                self._made.move_to_end(featurizer)
            return self._made.get(featurizer)

    def _make(self, setting: Setting) -> Made:
        began = time.perf_counter()
        rows = Rows.of(self._corpus, setting.featurizer, setting.training, self._threads)
        judge = None
        if self._validation is not None:
            judge = rows.judge(self._validation, setting.training, self._threads)
        counts, least = rows.objective.documents_of(), setting.featurizer.min_df or 1
        if setting.featurizer.min_df is None and setting.featurizer.max_features is None:
            # Many features decide min_df by themselves.
            own = counts[int(setting.featurizer.bias) :]
            least = int(own.min(initial=len(self._corpus)))
        seconds = time.perf_counter() - began
        return Made(rows.in_memory, judge, rows.idf, counts, least, seconds)


@dataclass(frozen=True, slots=True)
class Level:
    """How much a trial is given: so many documents to learn from, of each of so many folds.

    share  of what the highest level has
    """

    documents: int
    folds: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Documents to learn from, in random order, and those held out, ascending; held is None where
    a validation corpus judges."""

    learnt: NDArray[np.int64]
    held: NDArray[np.int64] | None

    def part(self, documents: int) -> NDArray[np.int64]:
        """The first so many documents to learn from, ascending."""
        return np.sort(self.learnt[:documents])


class Judge:
    """Judges settings of one corpus.

    folds    each judges once
    levels   of trials, the lowest first: one fold and the SHARES of its documents, if these are
             LEAST_RUNG; then all folds
    judging  documents that judge, in all folds
    """

    def __init__(
        self,
        corpus: Corpus,
        validation: Corpus | None,
        training: TrainingOptions,
        cv: int | None,
        threads: int,
    ) -> None:
        """Raises InputError where there is nothing to judge by."""
        self.cache = Cache(corpus, validation, threads)
        self.folds = folds_of(corpus, validation is not None, training, cv)
        self.levels = levels_of(len(self.folds[0].learnt), len(self.folds))
        held = [len(fold.held) for fold in self.folds if fold.held is not None]
        self.judging = sum(held) if validation is None else len(validation)

    def figures(self, setting: Setting, level: Level, go_on: Callable[[], bool]) -> Figures | None:
        """What a setting comes to at a level.

        go_on  asked after each epoch; None is returned if it says no
        Raises ArithmeticError if no step is small enough, InputError if there is no memory.
        """
        made, l2 = self.cache.get(setting), setting.training.l2
        assert l2 is not None
        parts = []
        for fold in self.folds[: level.folds]:
            objective = replace(made.objective, l2=l2)
            judge = made.judge if fold.held is None else objective.take(fold.held)
            assert judge is not None
            part = objective.take(fold.part(level.documents))
            if fold.held is not None and made.min_df > 1:
                part = without(part, made.counts - judge.documents_of() < made.min_df)
            scored = learn(part, judge, made.idf, setting.training, go_on)
            if scored is None:
                return None
            parts.append(scored)
        return figures_of(Scored.joined(parts), setting.training)


def without(objective: Objective, rare: NDArray[np.bool_]) -> Objective:
    """The same objective without some features, its rows at length 1 again if they had that.

    min_df keeps a feature of one document to learn from if a held-out document has it too, and
    drops it if none has: what is kept would tell what the held-out documents are about.

    rare  (V,)   the features that too few of the documents to learn from have
    """
    if objective.unit_from is not None:
        return objective.as_new((~rare).astype(np.int32))
    rows = objective.features
    kept = ~rare[rows.indices]
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    features = replace(
        rows, indptr=before[rows.indptr], indices=rows.indices[kept], values=rows.values[kept]
    )
    return replace(objective, features=features)


def learn(
    objective: Objective,
    judge: Objective,
    idf: NDArray[np.float64] | None,
    options: TrainingOptions,
    go_on: Callable[[], bool],
) -> Scored | None:
    """A judge's documents, as a run over an objective's scores them; the objective's features are
    lost.  None if go_on says no.  The same as a trial of ``train`` with these options."""
    assert options.epochs is not None
    assert options.learning_rate is not None
    judge = judge.as_new(objective.documents_of())
    if idf is not None and options.idf_power:
        scale = (idf**options.idf_power).astype(np.float32)
        objective, judge = objective.scaled(scale, in_place=True), judge.scaled(scale)
    everything = np.arange(len(objective.y))
    run = SGD.start(objective, everything, options.epochs, options.learning_rate, options)
    while run.done < run.epochs:
        run.epoch()
        if not go_on():
            return None
    return Scored.of(judge, run.network)


def figures_of(scored: Scored, options: TrainingOptions) -> Figures:
    """The figures of scored documents, after calibration if the options ask for it."""
    y, weights, answers = scored.y, scored.weights, scored.head.answers(scored.scores)
    total = float(weights.sum(dtype=np.float64))
    if options.calibration is not False:
        loss = calibrate(scored)[1]
    else:
        loss = float(weights @ scored.head.losses(scored.scores, y)) / total
    labels = scored.scores.shape[1]
    hits = np.bincount(y[answers == y], weights[answers == y], labels)
    counts = np.bincount(y, weights, labels) + np.bincount(answers, weights, labels)
    f1 = 2 * hits[counts > 0] / counts[counts > 0]
    return Figures(loss, scored.accuracy, float(f1.mean()))


def levels_of(documents: int, folds: int) -> list[Level]:
    """The levels of trials where a fold has so many documents to learn from."""
    shares = [share for share in SHARES if share == 1 or share * documents >= LEAST_RUNG]
    levels = [Level(round(share * documents), 1, share / folds) for share in shares]
    return levels if folds == 1 else [*levels, Level(documents, folds, 1.0)]


def folds_of(
    corpus: Corpus, validated: bool, training: TrainingOptions, cv: int | None
) -> list[Fold]:
    """How the documents are parted, see ``TuningOptions.cv``.

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
        raise InputError(
            f"too few of {n:,} documents would be held out to judge by",
            place=", ".join(corpus.names) or None,
            mend="give --cv 5 (or another number of folds), or --validation FILE",
        )
    numbers = stratified(corpus.y, len(corpus.labels), cv, training.seed)
    parts = [np.flatnonzero(numbers == fold) for fold in range(cv)]
    if not all(weights[part].any() for part in parts):
        raise InputError(
            f"one of {cv} folds of {n:,} documents has none of positive weight",
            place=", ".join(corpus.names) or None,
            mend="ask for fewer folds (--cv)",
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
    rows = Features(np.zeros(len(corpus) + 1, np.int64), *none, 1)  # no one looks at them
    objective = Objective(rows, corpus.y, weights, len(corpus.labels))
    return hold_out(objective, training.holdout, training.seed)


def stratified(y: NDArray[np.int32], labels: int, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each document, (n,) int64, at random; each label has nearly as many documents
    in one as in another, and so have the folds."""
    rng = np.random.default_rng([seed, (1 << 31) + 3])
    by_label = np.lexsort((rng.random(len(y)), y))
    numbers = np.empty(len(y), np.int64)
    numbers[by_label] = np.arange(len(y)) % folds
    return numbers


def _fold(learnt: NDArray[np.int64], held: NDArray[np.int64] | None, seed: int) -> Fold:
    rng = np.random.default_rng([seed, (1 << 31) + 4])
    return Fold(rng.permutation(learnt), held)
