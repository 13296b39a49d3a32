"""Dense, obviously right twins of kernels/touched_labels.py, ranked_documents.py and ranking.py."""

from __future__ import annotations

import math

import numpy as np


def dense(starts, labels, weights, many):
    """θ, (R, L) float64, without the bias."""
    out = np.zeros((len(starts) - 1, many))
    for row in range(len(starts) - 1):
        for at in range(starts[row], starts[row + 1]):
            out[row, labels[at]] = weights[at]
    return out


def multiplier(sums, calibration):
    """By what sums are multiplied: a power of the highest, which is no less than ``least``."""
    c = calibration
    return (max(*sums, c.least) / c.spread) ** c.exponent


def base_rates(weights):
    """Share of each label in training; a label without any counts as half a document."""
    own = [weight if weight > 0 else 0.5 for weight in weights]
    total = math.fsum(own)
    return [weight / total for weight in own]


def probabilities(scores, rates, share):
    """(1 − share)·softmax of one document's scores + share·rates, summed label by label."""
    top = max(scores)
    z = math.fsum(math.exp(score - top) for score in scores)
    return [
        (1 - share) * math.exp(score - top) / z + share * rate
        for score, rate in zip(scores, rates, strict=True)
    ]


def ranked(p):
    """Numbers of labels, the likeliest first; of those as likely the first."""
    order = np.lexsort((np.arange(len(p)), -np.asarray(p, float)))
    return order.tolist()


def best(p, k):
    """The k likeliest labels and P of each."""
    order = ranked(p)[:k]
    return order, [p[label] for label in order]


def rank(p, truth):
    """How many labels are likelier than one, or as likely and before it."""
    if not 0 <= truth < len(p):
        return len(p)
    p, own = np.asarray(p, float), p[truth]
    return int((p > own).sum() + (p[:truth] == own).sum())
