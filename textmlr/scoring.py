"""Scores, log z and probabilities of rows, for training and Model alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.arrays import frozen
from textmlr.features import Features
from textmlr.kernels import linear as kernels
from textmlr.network import Network

# Scores of one block of documents: 2^20 of them are 4 MB, and 8 MB as probabilities.
BLOCK_SCORES = 1 << 20


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes probabilities fit what is seen of unseen documents.

    The scores of a document are multiplied by factor·(max(σ, least)/spread)^exponent, where σ is
    their standard deviation over labels.  The exponent is never above 0: how widely scores lie
    apart tells less of how sure to be than they themselves say.  What is multiplied is one number
    a document, so that shares of features in a score stay exact.

    factor    of all documents, the inverse of a temperature (Guo et al., ICML 2017)
    exponent  −1 to 0
    spread    geometric mean of σ over the documents it was fitted on
    least     σ that one document in twenty of these was below
    """

    factor: float = 1.0
    exponent: float = 0.0
    spread: float = 1.0
    least: float = 1.0

    @classmethod
    def of(cls, values: dict[str, Any]) -> Calibration:
        """From what became of one in JSON."""
        return Shrunk(**values) if "prior" in values else cls(**values)

    def absorbed(self) -> Calibration:
        """The same for scores that are multiplied by the factor already."""
        return Calibration(1.0, self.exponent, self.factor * self.spread, self.factor * self.least)

    def array(self) -> NDArray[np.float64]:
        """What kernels multiply by, besides the factor: (3,) float64, or (0,) for nothing."""
        if not self.exponent:
            return np.zeros(0)
        return np.array([self.exponent, self.spread, self.least])

    def multiplier(self, scores: NDArray[np.float64]) -> float:
        """t(x), by which kernels multiply a document's scores;  scores (L,), those before it."""
        if not self.exponent:
            return 1.0
        return float((max(float(scores.std()), self.least) / self.spread) ** self.exponent)


@dataclass(frozen=True, slots=True)
class Shrunk(Calibration):
    """A calibration that also shrinks towards the base rates, where documents are few.

    prior·log base rate of each label is added to scores that are multiplied by the factor, which is
    near 0 where documents tell nothing of their labels.  It is a number a label: the bias takes it
    up, and shares of features in a score stay exact.
    """

    prior: float = 0.0

    def offsets(self, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is added to scores: (L,) float64, nats, their mean 0;  rates  (L,), those of
        ``base_rates``."""
        logs = np.log(rates)
        offsets: NDArray[np.float64] = self.prior * (logs - logs.mean())
        return offsets


def base_rates(documents: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """P(Y=ℓ) of a document that nothing is known of: (L,) float64, their sum 1.

    documents  (L,) of each label, or the sum of their weights

    One more of each is counted (Laplace), so that no label is impossible.
    """
    counts: NDArray[np.float64] = np.asarray(documents, np.float64) + 1
    rates: NDArray[np.float64] = counts / counts.sum()
    return rates


def row_blocks(documents: int, labels: int) -> Iterator[slice]:
    """Slices of documents whose scores fit in one block; cut by the data alone."""
    step = max(1, BLOCK_SCORES // labels)
    for first in range(0, documents, step):
        yield slice(first, min(first + step, documents))


def score(features: Features, network: Network, rows: slice | None = None) -> NDArray[np.float32]:
    """Unnormalised log-probabilities score(x, ℓ) of rows: (n, L) float32, nats."""
    rows = rows or slice(0, len(features))
    out = np.empty((rows.stop - rows.start, network.labels), np.float32)
    kernels.scores(
        frozen(features.indptr[rows.start : rows.stop + 1]),
        frozen(features.indices), frozen(features.values), *network.arrays(),
        *network.frozen_room(), out,
    )  # fmt: skip
    return out


def spreads(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """The standard deviation over labels of each row: (n,) float64."""
    out = np.empty(len(scores), np.float64)
    kernels.spreads(frozen(scores), out)
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
