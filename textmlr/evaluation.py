"""How good answers are: probabilities against the true labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.errors import InputError

BINS = 15  # of the calibration error, Guo et al. 2017
MOST_CONFUSED = 10
# The least probability log loss reckons with, as scikit-learn's log_loss does: 36 nats.
LEAST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label: precision, recall and F1 (0 where undefined), its documents (support), and how
    often it was the answer (predicted)."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """``count`` documents of label ``true`` were taken for ``predicted``."""

    true: str
    predicted: str
    count: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over a labelled corpus.

    accuracy  share of documents whose likeliest label is theirs (ties: the first label)
    macro_f1  mean F1 of the labels that occur or are answered, as scikit-learn's "macro"
    log_loss  mean −ln P(y | x), nats, P no less than LEAST
    brier     mean of the sum over labels of (P − [label is y])², 0 to 2
    ece       expected calibration error: 15 equal bins (a, b] of the top probability, mean of
              |accuracy − mean probability| weighted by documents (Guo et al., ICML 2017, eq. 3)
    labels    a row a label, in order; confused  the commonest errors, commonest first
    """

    documents: int
    accuracy: float
    macro_f1: float
    log_loss: float
    brier: float
    ece: float
    labels: tuple[LabelFigures, ...]
    confused: tuple[Confusion, ...]

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return asdict(self)


def evaluate(
    labels: Sequence[str],
    y: NDArray[np.int32],
    probabilities: NDArray[np.float64],
    *,
    unknown: Sequence[str | None] | None = None,
) -> Evaluation:
    """Compare probabilities with true labels.

    labels         L names
    y              (n,) integers: the true label of each document, −1 for one not among labels,
                   which counts as wrong, with P = 0
    probabilities  (n, L), rows sum to 1
    unknown        (n,) names of the labels that are −1 in y; they get rows of their own
    Raises InputError for no documents, ValueError for arrays that do not fit or are no
    probabilities.
    """
    n, width = probabilities.shape
    if not n:
        raise InputError("no documents to evaluate", mend="give a corpus that is not empty")
    _check(labels, y, probabilities)
    names = list(labels)
    codes = y.astype(np.int64)
    if (y < 0).any():
        given = unknown if unknown is not None else [None] * n
        strangers = [given[i] or "(unknown)" for i in np.flatnonzero(y < 0).tolist()]
        extra = {name: width + i for i, name in enumerate(sorted(set(strangers)))}
        codes[y < 0] = [extra[name] for name in strangers]
        names += extra
    top = probabilities.argmax(axis=1)
    right = top == codes
    of_truth = np.where(y >= 0, probabilities[np.arange(n), np.maximum(y, 0)], 0.0)
    # Σ (P − [ℓ = y])² = Σ P² − 2 P(y) + 1
    squares = np.einsum("ij,ij->i", probabilities, probabilities, dtype=np.float64)
    rows = _rows(names, codes, top)
    present = [row for row in rows if row.support or row.predicted]
    return Evaluation(
        documents=n,
        accuracy=float(right.mean()),
        macro_f1=float(np.mean([row.f1 for row in present])),
        log_loss=float(-np.log(np.clip(of_truth.astype(np.float64), LEAST, 1.0)).mean()),
        brier=float((squares - 2.0 * of_truth + 1.0).mean()),
        ece=calibration_error(probabilities[np.arange(n), top], right),
        labels=rows,
        confused=_confused(names, codes, top),
    )


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error of top probabilities (n,) that were right or not."""
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, right - confidence.astype(np.float64), minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def _check(labels: Sequence[str], y: NDArray[np.int32], probabilities: NDArray[np.float64]) -> None:
    n, width = probabilities.shape
    if y.shape != (n,) or len(labels) != width:
        raise ValueError(f"{y.shape} codes of {len(labels)} labels for probabilities {n, width}")
    if y.max() >= width or y.min() < -1:
        raise ValueError("a label code is out of range")
    if not np.isfinite(probabilities).all() or (probabilities < 0).any():
        raise ValueError("probabilities are not finite or negative")
    if np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1).max() > 1e-3:
        raise ValueError("probabilities do not sum to 1")


def _rows(
    names: Sequence[str], codes: NDArray[np.int64], top: NDArray[np.int64]
) -> tuple[LabelFigures, ...]:
    support = np.bincount(codes, minlength=len(names))
    predicted = np.bincount(top, minlength=len(names))
    hits = np.bincount(codes[codes == top], minlength=len(names))
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    columns = (precision, recall, f1, support, predicted)
    figures = zip(names, *(column.tolist() for column in columns), strict=True)
    return tuple(LabelFigures(*row) for row in figures)


def _confused(
    names: Sequence[str], codes: NDArray[np.int64], top: NDArray[np.int64]
) -> tuple[Confusion, ...]:
    wrong = codes != top
    pairs, counts = np.unique(codes[wrong] * len(names) + top[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_CONFUSED]
    return tuple(
        Confusion(names[pair // len(names)], names[pair % len(names)], int(count))
        for pair, count in zip(pairs[order].tolist(), counts[order].tolist(), strict=True)
    )
