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
    f1_of,
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
    micro, _ = f1_of(histogram, np.full(1, cut))
    values = np.full(labels, np.clip(cut, TINY, 1.0))
    return Thresholds(values, False, micro, None)


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
