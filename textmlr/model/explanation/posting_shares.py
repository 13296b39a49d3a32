"""Shares of features in a score by a θ that has weights only where label and feature met.

score(x, ℓ) = bias_ℓ + t(x)·Σ_f θ[f, ℓ]·f(x)_f, where t(x) is the calibration's one number a
document, and a share π of the base rates r is mixed in,

    P(ℓ | x) = (1 − π)·exp(score − log z) + π·r_ℓ

so that the score that counts is score + m_ℓ, where m_ℓ = ln((1 − π) + π·r_ℓ·exp(log z − score)) is
the share of the base rates.  All shares are exact, and cost the postings of its features.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from textmlr.model.answering import Answers
from textmlr.model.explanation.feature_shares import FeatureShares, Reals
from textmlr.model.postings import Postings
from textmlr.model.scoring import Calibration, Mixed, base_rates

ENTRIES = 1 << 20  # of postings, taken at a time


def posting_shares(
    postings: Postings,
    numbers: NDArray[np.integer],
    columns: NDArray[np.int32],
    values: Reals,
    answers: Answers,
    calibration: Calibration,
    documents: Reals,
    wanted: Reals,
) -> FeatureShares:
    """The shares of the features of one document.

    numbers (m,)      the rows of θ of its features, the bias's not among them
    columns, values   as FeatureShares has them
    answers           of the model, to this document
    calibration       of the model
    documents (L,)    of training, or (0,): not known
    wanted (L, 2)     see ``contributions``; its first column is 1 for the label, 0 for others
    """
    if not answers.known[0]:
        none = np.zeros((len(values), 2))
        base = answers.scores[0].astype(np.float64)
        return FeatureShares(columns, values, none[:, 0], none, base @ wanted, False, base)
    bias, sums = postings.bias.astype(np.float64), np.zeros(len(postings.bias))
    shares, weights = np.zeros((len(values), 2)), np.zeros(len(values))
    centroid = 0.0
    for feature, entries in _entries(postings, numbers):
        labels, own = postings.labels[entries], postings.weights[entries].astype(np.float64)
        of_label, size = wanted[labels], len(values)
        sums += np.bincount(labels, own * values[feature], minlength=len(sums))
        for side in range(2):
            amounts = own * values[feature] * of_label[:, side]
            shares[:, side] += np.bincount(feature, amounts, minlength=size)
        weights += np.bincount(feature, own * of_label[:, 0], minlength=size)
        if postings.sums is not None:
            roots = np.sqrt(postings.sums[entries].astype(np.float64))
            alike = postings.scales[labels] * roots * values[feature]
            if postings.row_scales is not None:
                alike *= postings.row_scales[numbers[feature]]
            centroid += float(alike @ of_label[:, 0])
    factor = float(calibration.multipliers(sums)[0])
    scores = whole = bias + factor * sums
    mixed = None
    share = calibration.share if isinstance(calibration, Mixed) else 0.0
    if share:
        rates = base_rates(documents)
        whole = _mixed(scores, float(answers.log_z[0]), share, rates)
        score, margin = ((whole - scores) @ wanted).tolist()
        mixed = score, margin
    told = None if postings.sums is None else factor * centroid
    shares *= factor
    return FeatureShares(
        columns, values, weights, shares, bias @ wanted, True, whole, mixed=mixed, centroid=told
    )


def _mixed(scores: Reals, log_z: float, share: float, rates: Reals) -> Reals:
    """The scores that count: ln((1 − π)·exp(score) + π·r·z)."""
    with np.errstate(divide="ignore"):
        mixed: Reals = np.logaddexp(np.log(1 - share) + scores, np.log(share * rates) + log_z)
    return mixed


def _entries(
    postings: Postings, numbers: NDArray[np.integer]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(which of the rows, which entry) of each posting of some rows, a part at a time."""
    starts, stops = postings.starts[numbers], postings.starts[np.asarray(numbers, np.int64) + 1]
    ends = np.cumsum(stops - starts)
    first = 0
    while first < len(ends):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + ENTRIES, side="right")))
        sizes = (stops - starts)[first:last]
        feature = np.repeat(np.arange(first, last), sizes)
        within = np.arange(len(feature)) + done - np.repeat(ends[first:last] - sizes, sizes)
        yield feature, starts[feature] + within
        first = last
