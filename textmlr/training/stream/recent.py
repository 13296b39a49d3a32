"""The latest documents of a stream, and their figures."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.label_sets import LabelSets, Targets

RECENT = 4096  # documents whose predictions are kept


class StreamFigures(NamedTuple):
    """Figures of documents, each predicted before it was trained on.

    weight of the documents;  accuracy, of sets of labels the share of documents that have the
    likeliest;  loss, mean −log P(y | x) (nats); 0 without documents
    """

    documents: int
    weight: float
    accuracy: float
    loss: float


def figures_of(documents: int, weight: float, loss: float, right: float) -> StreamFigures:
    """Means of sums: loss (nats) and right are summed by weight; 0 where nothing has weight."""
    return StreamFigures(documents, weight, right / (weight or 1.0), loss / (weight or 1.0))


@dataclass(slots=True, eq=False)
class Recent:
    """The predictions of the latest documents, that of number n at n modulo RECENT.

    scores (RECENT, W) float32, weights (RECENT,) float32
    y (RECENT,) int32; of sets (RECENT, W) uint8, 1 where a document has a label
    losses, log_z (RECENT,) float64 (nats), right (RECENT,) uint8;  log_z of sets is 0
    """

    scores: NDArray[np.float32]
    y: NDArray[np.int32] | NDArray[np.uint8]
    weights: NDArray[np.float32]
    losses: NDArray[np.float64]
    log_z: NDArray[np.float64]
    right: NDArray[np.uint8]

    @classmethod
    def of(cls, width: int, *, sets: bool) -> Recent:
        """Begin without documents, which have sets of labels or one each; W is the width."""
        return cls(
            np.zeros((RECENT, width), np.float32),
            np.zeros((RECENT, width), np.uint8) if sets else np.zeros(RECENT, np.int32),
            np.zeros(RECENT, np.float32),
            np.zeros(RECENT),
            np.zeros(RECENT),
            np.zeros(RECENT, np.uint8),
        )

    def add(self, before: int, predictions: tuple[NDArray[Any] | LabelSets, ...]) -> None:
        """Write the predictions of documents, after so many before them, in the fields' order."""
        n = len(predictions[0])
        latest = slice(max(0, n - RECENT), n)
        places = (before + np.arange(n)[latest]) % RECENT
        for field, own in zip(fields(self), predictions, strict=True):
            last = own[latest]
            array = getattr(self, field.name)
            array[places] = last.indicator(array.shape[1]) if isinstance(last, LabelSets) else last

    def widen(self, width: int) -> None:
        """Make room for scores of so many columns, and for sets of as many labels."""
        for name in ("scores", "y"):
            array = getattr(self, name)
            if array.ndim == 2:
                wider = np.zeros((RECENT, width), array.dtype)
                wider[:, : array.shape[1]] = array
                setattr(self, name, wider)

    def targets(self, rows: NDArray[np.int64], labels: int) -> Targets:
        """The labels of some of the documents, of so many that there are."""
        own = self.y[rows]
        if own.ndim == 1:
            return own.astype(np.int32, copy=False)
        at, codes = np.nonzero(own[:, :labels])
        return LabelSets.of_pairs(at, codes, len(rows))

    def figures(self, documents: int) -> StreamFigures:
        """The figures of these, the latest of so many documents."""
        n = min(documents, RECENT)
        weights = self.weights[:n].astype(np.float64)
        loss, right = float(weights @ self.losses[:n]), float(weights @ self.right[:n])
        return figures_of(n, float(weights.sum()), loss, right)
