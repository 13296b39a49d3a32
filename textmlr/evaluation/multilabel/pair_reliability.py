"""Reliability of label sets: how often a label with about one probability is the document's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.multilabel.set_answers import SetAnswers, of_pairs
from textmlr.evaluation.reliability import BINS, Bin, bin_of, bins_of
from textmlr.model.scoring import row_blocks

# Nearly all pairs have hardly any probability, and are right about it: they would hide the others.
LIKELY = 0.05


def pair_reliability(answered: SetAnswers, least: float = 0.0) -> tuple[Bin, ...]:
    """The bins of all pairs of a document and a label that the model knows with P >= least: a pair
    is right where the document has the label."""
    p, sets, width = answered.probabilities, answered.sets, answered.probabilities.shape[1]
    pairs, sums = np.zeros(BINS, np.int64), np.zeros(BINS)
    for block in row_blocks(len(answered), width):
        own = p[block].ravel()
        own = own[own >= least] if least else own
        bins = bin_of(own)
        pairs += np.bincount(bins, minlength=BINS)
        sums += np.bincount(bins, own, BINS)
    known = sets.codes < width
    true = of_pairs(p, sets.rows[known], sets.codes[known])
    hits = np.bincount(bin_of(true[true >= least]), minlength=BINS)
    return bins_of(pairs, sums, hits)


def error_of(bins: Sequence[Bin]) -> float:
    """The calibration error: mean of |share that is right − mean probability| over pairs; 0 for
    none."""
    pairs = np.array([one.documents for one in bins], np.float64)
    gaps = np.array([abs(one.accuracy - one.probability) for one in bins])
    return _mean(gaps, pairs)


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float((values * weights).sum() / weights.sum()) if weights.sum() else 0.0
