"""Figures of answers with several labels a document, and the cuts that make labels of scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]  # (n, L) P of each label, or a score without bounds
Truth = NDArray[np.bool_]  # (n, L)
LEAST = 1e-15  # P is clipped to [LEAST, 1 − LEAST]
SEEN, BINS = 0.05, 15  # of the calibration error


def best_cut(
    scores: NDArray[np.float64], truth: NDArray[np.bool_], least: float = -np.inf
) -> float | None:
    """The cut, midway between two scores and at least ``least``, at which F1 of these answers is
    highest; None if it is 0 at all of them.

    scores, truth  (n,)
    """
    order = np.argsort(-scores, kind="stable")
    falling = np.append(scores[order], scores.min() - 1)
    cuts = (falling[:-1] + falling[1:]) / 2
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + truth.sum())
    f1[(falling[:-1] == falling[1:]) | (cuts < least)] = 0  # equal scores are on one side of a cut
    best = int(f1.argmax())
    return float(cuts[best]) if f1[best] > 0 else None


def cuts_of(scores: Scores, truth: Truth, least: float) -> tuple[float, NDArray[np.float64]]:
    """The cut best for micro-F1, and that best for each label's F1, or the former: (L,)."""
    common = common_cut(scores, truth)
    own = [best_cut(scores[:, code], truth[:, code], least) for code in range(truth.shape[1])]
    return common, np.array([common if cut is None else cut for cut in own])


def common_cut(scores: Scores, truth: Truth) -> float:
    """The cut best for micro-F1."""
    cut = best_cut(scores.ravel(), truth.ravel())
    return 0.5 if cut is None else cut


def f1_of(given: Truth, truth: Truth) -> tuple[float, float]:
    """(micro, macro) F1 of the labels given; a label that no document has or is given counts 0."""
    hits = (given & truth).sum(axis=0)
    both = given.sum(axis=0) + truth.sum(axis=0)
    micro = 2 * hits.sum() / max(both.sum(), 1)
    return float(micro), float((2 * hits / np.maximum(both, 1)).mean())


def precision_at(scores: Scores, truth: Truth, k: int) -> float:
    likeliest = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float(np.take_along_axis(truth, likeliest, axis=1).mean())


def log_loss(shares: Scores, truth: Truth) -> float:
    """Mean over documents of the sum over labels of binary cross-entropy (nats)."""
    shares = shares.clip(LEAST, 1 - LEAST)
    return float(-np.log(np.where(truth, shares, 1 - shares)).sum(axis=1).mean())


def calibration_error(shares: Scores, truth: Truth) -> float:
    """Of all pairs with P of at least SEEN, in bins (a, b] of equal width."""
    seen = shares >= SEEN
    p, so = shares[seen].clip(0, 1), truth[seen]
    bins = np.ceil(p * BINS).astype(np.int64)
    gaps = np.bincount(bins, p) - np.bincount(bins, so)
    return float(np.abs(gaps).sum() / max(len(p), 1))
