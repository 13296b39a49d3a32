"""One threshold of all labels, where these are many, by documents with the labels they touch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.label_sets import LabelSets
from textmlr.training.label_calibration import BINS, LOWEST, WIDTH, Reals, ScoreHistogram
from textmlr.training.thresholds import (
    GRID,
    MACRO_FLOOR,
    TINY,
    Thresholds,
    by_costs,
    expected_cuts,
    log_odds,
)


class TouchedScores(NamedTuple):
    """Scores of documents.

    starts (d + 1,), labels (t,), scores (t,), own (t,) uint8   of the labels they touch, and
           whether each is one of the document's
    bias   (L,) the scores of the others;  sets, weights   of the documents
    """

    starts: NDArray[np.int64]
    labels: NDArray[np.int32]
    scores: Reals
    own: NDArray[np.uint8]
    bias: Reals
    sets: LabelSets
    weights: Reals


def common_threshold(given: TouchedScores, options: TrainingOptions) -> Thresholds:
    """The threshold with which documents do best, by what ``maximise`` says."""
    histogram, labels = _histogram(given), len(given.bias)
    costs = by_costs(options)
    if costs is not None:
        cut = costs
    elif options.maximise == "samples-f1":
        cut = _samples_cut(given)
    else:
        floor = MACRO_FLOOR if options.maximise == "macro-f1" else TINY
        cut = max(float(expected_cuts(histogram)[0]), floor)
    cut = float(np.clip(cut, TINY, 1.0))
    return Thresholds(np.full(labels, cut), False, *_f1_at(given, cut))


def _f1_at(given: TouchedScores, cut: float) -> tuple[float, float]:
    """(micro-F1, macro-F1) at a cut of all labels; one that neither occurs nor answers counts 0."""
    many, least = len(given.bias), log_odds(np.full(1, cut))[0]
    weights = np.repeat(given.weights, np.diff(given.starts))
    above, own = given.scores >= least, given.own != 0
    rows, codes = given.sets.rows, given.sets.codes
    positives = np.bincount(codes, given.weights[rows], many)
    touched = np.bincount(given.labels[own], weights[own], many)
    flat = given.bias >= least  # these answer wherever they are not touched
    answers = np.bincount(given.labels[above], weights[above], many)
    answers += flat * (given.weights.sum() - np.bincount(given.labels, weights, many))
    hits = np.bincount(given.labels[above & own], weights[above & own], many)
    hits += flat * (positives - touched)
    asked = answers + positives
    each = 2 * hits / np.maximum(asked, TINY)
    return float(2 * hits.sum() / max(asked.sum(), TINY)), float(each.mean())


def _histogram(given: TouchedScores) -> ScoreHistogram:
    """All labels in one row."""
    sizes = np.diff(given.starts)
    own_weights = given.weights * (len(sizes) / given.weights.sum())
    weights = np.repeat(own_weights, sizes)
    counts = np.asarray(np.bincount(_bins(given.scores), weights, BINS), np.float64)
    at_bias = _bins(given.bias)
    counts += own_weights.sum() * np.bincount(at_bias, minlength=BINS)
    counts -= np.bincount(at_bias[given.labels], weights, BINS)
    touched = given.own != 0
    found = np.bincount(_bins(given.scores[touched]), weights[touched], BINS)
    rows, width = given.sets.rows, len(given.bias)
    pairs = np.repeat(np.arange(len(sizes)), sizes)[touched] * width + given.labels[touched]
    missed = ~np.isin(rows * width + given.sets.codes, pairs)
    codes = given.sets.codes[missed]
    found = found + np.bincount(at_bias[codes], own_weights[rows[missed]], BINS)
    positives = np.asarray(found, np.float64)
    return ScoreHistogram(np.maximum(counts, 0.0)[None], positives[None])


def _bins(scores: Reals) -> NDArray[np.int64]:
    own: NDArray[np.int64] = np.clip((scores - LOWEST) / WIDTH, 0, BINS - 1).astype(np.int64)
    return own


def _samples_cut(given: TouchedScores) -> float:
    """The cut with the greatest mean F1 of documents; it is 1 for one that has no label and gets
    none."""
    cuts = (np.arange(GRID) + 1) / (GRID + 1)
    documents = len(given.weights)
    likely = np.flatnonzero(given.scores >= log_odds(cuts[:1])[0])
    rows = np.repeat(np.arange(documents), np.diff(given.starts))
    flat, asked = given.bias[given.labels], given.sets.sizes
    means = []
    for least in log_odds(cuts):
        own = likely[given.scores[likely] >= least]
        answers = np.bincount(rows[own], minlength=documents) + int((given.bias >= least).sum())
        answers -= np.bincount(rows[flat >= least], minlength=documents)
        hits = np.bincount(rows[own], given.own[own], documents)
        size = answers + asked
        each = np.where(size, 2 * hits / np.maximum(size, 1), 1.0)
        means.append(float(each @ given.weights))
    return float(cuts[int(np.argmax(means))])
