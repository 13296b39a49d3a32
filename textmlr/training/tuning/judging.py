"""Judging a setting: trained on some documents, judged on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import label_counts
from textmlr.model.scoring import Bent
from textmlr.training.calibration import Scored, calibrate
from textmlr.training.label_calibration import LabelScales
from textmlr.training.objective import Objective
from textmlr.training.sgd.descent import SGD
from textmlr.training.sgd.runs import first_scores
from textmlr.training.sgd.set_calibration import thresholds_of
from textmlr.training.tuning.feature_cache import FeatureCache
from textmlr.training.tuning.folds import Level, folds_of, levels_of
from textmlr.training.tuning.space import Setting
from textmlr.training.tuning.trial import Figures


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
        self.cache = FeatureCache(corpus, validation, threads)
        self.folds = folds_of(corpus, validation is not None, training, cv)
        self.levels = levels_of(len(self.folds[0].training), len(self.folds))
        held = [len(fold.held) for fold in self.folds if fold.held is not None]
        self.judging = sum(held) if validation is None else len(validation)

    def figures(
        self, setting: Setting, level: Level, may_continue: Callable[[], bool]
    ) -> Figures | None:
        """The figures of a setting at a level.

        may_continue  asked after each epoch; None is returned if it says no
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
            own = part, judge, made.idf, setting.training
            scored = learn(*own, may_continue, made.bias)
            if scored is None:
                return None
            parts.append(scored)
        return figures_of(Scored.joined(parts), setting.training)


def without(objective: Objective, rare: NDArray[np.bool_]) -> Objective:
    """The objective without some features, its rows at length 1 again if they had that.

    min_df keeps a feature of one training document if a held-out document has it too, and drops it
    if none has: the kept ones would reveal the held-out documents.

    rare  (V,)   the features that too few training documents have
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
    may_continue: Callable[[], bool],
    bias: int | None = None,
) -> Scored | None:
    """The judge's documents, scored by a run over the objective, whose features are lost; None if
    may_continue says no.  The same as a trial of ``train`` with these options.

    bias  the column that is always 1, None for none
    """
    assert options.epochs is not None
    assert options.learning_rate is not None
    judge = judge.as_new(objective.documents_of())
    if idf is not None and options.idf_power:
        scale = (idf**options.idf_power).astype(np.float32)
        objective, judge = objective.scaled(scale, in_place=True), judge.scaled(scale)
    everything = np.arange(len(objective.y))
    first = first_scores(objective, options, bias)
    own = objective, everything, options.epochs, options.learning_rate, options
    run = SGD.start(*own, first=first)
    while run.done < run.epochs:
        run.epoch()
        if not may_continue():
            return None
    return Scored.of(judge, run.network)


def figures_of(scored: Scored, options: TrainingOptions) -> Figures:
    """The figures of scored documents, after calibration if the options ask for it."""
    if scored.head.has_sets:
        return set_figures(scored, options)
    y, weights, answers = scored.y, scored.weights, scored.head.answers(scored.scores)
    total = float(weights.sum(dtype=np.float64))
    if options.calibration is not False:
        loss = calibrate(scored)[1]
    else:
        loss = float(weights @ scored.head.losses(scored.scores, y)) / total
    labels = scored.scores.shape[1]
    right = scored.head.right(scored.scores, y)
    hits = np.bincount(answers[right], weights[right], labels)
    counts = label_counts(y, labels, weights) + np.bincount(answers, weights, labels)
    f1 = 2 * hits[counts > 0] / counts[counts > 0]
    return Figures(loss, scored.accuracy, float(f1.mean()))


def set_figures(scored: Scored, options: TrainingOptions) -> Figures:
    """``figures_of`` documents with sets of labels, which choose thresholds too."""
    loss = scored.loss
    if options.calibration is not False:
        common, loss = calibrate(scored)
        assert isinstance(common, Bent)
        scales = LabelScales.alike(common, scored.scores.shape[1])
        scored = replace(scored, scores=scales.calibrated(scored.scores, common))
    thresholds = thresholds_of(scored, options)
    assert thresholds.micro_f1 is not None
    assert thresholds.macro_f1 is not None
    return Figures(loss, scored.accuracy, thresholds.macro_f1, thresholds.micro_f1)
