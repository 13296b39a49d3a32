"""Reliability: how often answers of about one probability are right; the calibration error."""

from __future__ import annotations

from dataclasses import dataclass

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
    bins = _bins(confidence)
    documents = np.bincount(bins, minlength=BINS)
    hits = np.bincount(bins[right], minlength=BINS)
    some = np.maximum(documents, 1)
    mean = np.bincount(bins, confidence, minlength=BINS) / some
    low, high = wilson(hits, some)
    return tuple(
        Bin(i / BINS, (i + 1) / BINS, n, p, share, (a, b))
        for i, (n, p, share, a, b) in enumerate(
            zip(*(c.tolist() for c in (documents, mean, hits / some, low, high)), strict=True)
        )
        if n
    )


def _bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error of answers;  confidence, right  as in reliability."""
    bins = _bins(confidence)
    gaps = np.bincount(bins, right - confidence.astype(np.float64), minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))
