"""Reliability: how often answers of about one probability are right; the calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.intervals import (
    Interval,
    wilson,
)

BINS = 15  # bins of the calibration error, Guo et al. 2017


@dataclass(frozen=True, slots=True)
class Bin:
    """Documents whose top probability is in (above, up_to], one of the bins of the ECE: their mean
    probability, the share that is right, and its 95 % interval (Wilson)."""

    above: float
    up_to: float
    documents: int
    probability: float
    accuracy: float
    interval: Interval


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """The bins of answers;  confidence, right  (n,)  top probability, and whether it is right."""
    bins = bin_of(confidence)
    return bins_of(
        np.bincount(bins, minlength=BINS),
        np.bincount(bins, confidence, minlength=BINS),
        np.bincount(bins[right], minlength=BINS),
    )


def bins_of(
    documents: NDArray[np.int64], sums: NDArray[Any], hits: NDArray[np.int64]
) -> tuple[Bin, ...]:
    """The bins that hold any;  documents, sums, hits  (BINS,) how many, the sum of their
    probabilities, and how many are right."""
    some = np.maximum(documents, 1)
    low, high = wilson(hits, some)
    columns = (documents, sums / some, hits / some, low, high)
    return tuple(
        Bin(i / BINS, (i + 1) / BINS, n, p, share, (a, b))
        for i, (n, p, share, a, b) in enumerate(zip(*(c.tolist() for c in columns), strict=True))
        if n
    )


def bin_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """The number of each probability's bin."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def chance_error(bins: Sequence[Bin]) -> float:
    """The calibration error to expect of answers that are exactly as sure as right: in each bin the
    mean of |share that is right − p| is about √(2p(1 − p)/(π·documents))."""
    counts = np.array([one.documents for one in bins], np.float64)
    p = np.array([one.probability for one in bins])
    gaps = np.sqrt(2 * p * (1 - p) * counts / np.pi)
    return float(gaps.sum() / max(counts.sum(), 1))


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error of answers;  confidence, right  as in reliability."""
    bins = bin_of(confidence)
    gaps = np.bincount(bins, right - confidence.astype(np.float64), minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))
