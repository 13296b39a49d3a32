"""Scores, log z and probabilities of rows, for training and Model alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from textmlr.arrays import frozen
from textmlr.features import Features
from textmlr.kernels import linear as kernels

# Scores of one block of documents: 2^20 of them are 4 MB, and 8 MB as probabilities.
BLOCK_SCORES = 1 << 20


def row_blocks(documents: int, labels: int) -> Iterator[slice]:
    """Slices of documents whose scores fit in one block; cut by the data alone."""
    step = max(1, BLOCK_SCORES // labels)
    for first in range(0, documents, step):
        yield slice(first, min(first + step, documents))


def score(
    features: Features, theta: NDArray[np.float32], rows: slice | None = None
) -> NDArray[np.float32]:
    """Unnormalised log-probabilities θᵀf(x, ℓ) of rows: (n, L) float32, nats."""
    rows = rows or slice(0, len(features))
    out = np.empty((rows.stop - rows.start, theta.shape[1]), np.float32)
    kernels.scores(
        frozen(features.indptr[rows.start : rows.stop + 1]),
        frozen(features.indices), frozen(features.values), frozen(theta), out,
    )  # fmt: skip
    return out


def log_normalizer(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """log z(x; θ) of each row: (n,) float64, nats."""
    out = np.empty(len(scores), np.float64)
    kernels.log_normalizer(frozen(scores), out)
    return out


def probabilities(scores: NDArray[np.float32], log_z: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(Y=ℓ | x; θ): (n, L) float64, rows sum to 1."""
    out = np.empty(scores.shape, np.float64)
    kernels.probabilities(frozen(scores), frozen(log_z), out)
    return out
