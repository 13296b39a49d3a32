"""Curves: precision against recall of each label, and figures of models of fewer documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import strata
from textmlr.evaluation.evaluation import judge
from textmlr.evaluation.intervals import Interval
from textmlr.evaluation.labelled_answers import LabelledAnswers, answer
from textmlr.evaluation.multilabel.multilabel_evaluation import judge_sets
from textmlr.evaluation.multilabel.set_answers import answer_sets
from textmlr.model.model import Model
from textmlr.training.corpus_training import train_corpus

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
# A model of fewer documents a label does not show how more of them help.
LEAST_A_LABEL = 2


@dataclass(frozen=True, slots=True, eq=False)
class LabelCurve:
    """A label is given to all documents with P(label | x) >= t: precision and recall as t falls.

    thresholds, precision, recall  (k,) one for each P that occurs, t descending
    average_precision              Σ (R_i − R_{i−1}) P_i, as scikit-learn has it
    best_f1, best_threshold        the highest F1, and the highest t that gives it
    """

    label: str
    documents: int
    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average_precision: float
    best_f1: float
    best_threshold: float


def label_curves(answered: LabelledAnswers) -> list[LabelCurve]:
    """The curve of each label that occurs and that the model knows."""
    width = answered.probabilities.shape[1]
    support = np.bincount(answered.codes, minlength=width)[:width]
    curves = []
    for code in np.flatnonzero(support).tolist():
        p = answered.probabilities[:, code]
        order = np.argsort(-p, kind="stable")
        descending = p[order]
        last = np.append(np.flatnonzero(np.diff(descending)), len(p) - 1)
        hits = np.cumsum(answered.codes[order] == code)[last]
        precision, recall = hits / (last + 1), hits / support[code]
        f1 = 2 * hits / (last + 1 + support[code])
        best = int(f1.argmax())
        curves.append(
            LabelCurve(
                answered.names[code],
                int(support[code]),
                descending[last],
                precision,
                recall,
                float((np.diff(recall, prepend=0.0) * precision).sum()),
                float(f1[best]),
                float(descending[last][best]),
            )
        )
    return curves


@dataclass(frozen=True, slots=True)
class Point:
    """A model trained on so many documents, judged on the test documents; intervals of 95 %.

    unseen  labels of the training corpus that none of these documents has
    """

    documents: int
    unseen: int
    accuracy: float
    accuracy_interval: Interval
    log_loss: float
    log_loss_interval: Interval

    @property
    def answers(self) -> float:
        """How good the answers are."""
        return self.accuracy

    @property
    def answers_interval(self) -> Interval:
        return self.accuracy_interval


@dataclass(frozen=True, slots=True)
class SetPoint:
    """As Point, of a model of several labels a document."""

    documents: int
    unseen: int
    micro_f1: float
    micro_f1_interval: Interval
    log_loss: float
    log_loss_interval: Interval

    @property
    def answers(self) -> float:
        """How good the answers are."""
        return self.micro_f1

    @property
    def answers_interval(self) -> Interval:
        return self.micro_f1_interval


CurvePoint = Point | SetPoint


def learning_curve(
    model: Model,
    training: Corpus,
    test: Corpus,
    *,
    threads: int | None = None,
    watch: Callable[[int], None] | None = None,
) -> list[CurvePoint]:
    """Train on 1/16, 1/8, 1/4, 1/2 and all of a corpus, with a model's options, and judge each.

    Each part holds the one before.  Parts with fewer than LEAST_A_LABEL documents a label, on
    average, are left out.
    watch  called with the number of documents before each training
    Raises InputError where the model's record lacks its options, or a corpus cannot train a model.
    """
    options = _options(model)
    order = stratified_order(strata(training.y), options.seed)
    points: list[CurvePoint] = []
    for share in SHARES:
        size = round(share * len(training))
        if size < LEAST_A_LABEL * len(training.labels) and share < 1:
            continue
        if watch is not None:
            watch(size)
        part = training.subset(np.sort(order[:size]))
        small = train_corpus(part, model.featurizer.options, options, threads=threads)
        points.append(_point(small, size, len(training.labels), test, threads))
    return points


def _point(
    model: Model, documents: int, labels: int, test: Corpus, threads: int | None
) -> CurvePoint:
    """The figures of a model of so many documents;  labels  of the whole training corpus."""
    unseen = labels - len(model.labels)
    if model.is_multilabel:
        own = judge_sets(answer_sets(model, test, threads=threads), threads=threads)
        f1, loss = (own.f1.micro, own.intervals.micro_f1), (own.log_loss, own.intervals.log_loss)
        return SetPoint(documents, unseen, *f1, *loss)
    figures = judge(answer(model, test, threads=threads), threads=threads)
    right, loss = (
        (figures.accuracy, figures.intervals.accuracy),
        (figures.log_loss, figures.intervals.log_loss),
    )
    return Point(documents, unseen, *right, *loss)


def stratified_order(y: NDArray[np.integer[Any]], seed: int) -> NDArray[np.int64]:
    """An order of documents in which every beginning has the labels in about their proportions.

    Document k of a label's n, shuffled, goes to place (k + u)/n, u uniform on [0, 1); the first of
    each label comes before all others.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(y))
    by_label = shuffled[np.argsort(y[shuffled], kind="stable")]
    counts = np.bincount(y)
    counts = counts[counts > 0]
    ranks = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = (ranks + rng.random(len(y))) / np.repeat(counts, counts)
    places[ranks == 0] -= 2
    order: NDArray[np.int64] = by_label[np.argsort(places, kind="stable")]
    return order


def _options(model: Model) -> TrainingOptions:
    try:
        if not model.record.options:
            raise KeyError("no options")
        return TrainingOptions.of(model.record.options)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"the model does not say with what options it was trained ({error})",
            mend="train it anew, or leave out the learning curve",
        ) from error
