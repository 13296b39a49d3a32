"""What a model would reach that looks at no document, where documents have label sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.multilabel.set_answers import SetAnswers
from textmlr.evaluation.true_labels import LEAST_PROBABILITY
from textmlr.model.scoring import base_rates


@dataclass(frozen=True, slots=True)
class SetChance:
    """Figures of answers that are alike for all documents.

    labels          the answer to all: the commonest, so many that their micro-F1 is highest
    micro_f1        of this answer
    precision_at_1  share of the documents that have the commonest label
    log_loss        mean over documents of the sum over labels of their cross-entropy, nats, where P
                    is the share of documents that have the label
    source          the documents whose labels are counted: "training", or "test" where the model
                    does not say what it was trained on
    """

    labels: tuple[str, ...]
    micro_f1: float
    precision_at_1: float
    log_loss: float
    source: Literal["training", "test"]


def set_chance(answered: SetAnswers) -> SetChance:
    """The figures that chance gives on the documents of answers."""
    n, width = answered.probabilities.shape
    own = np.bincount(answered.sets.codes, minlength=len(answered.names)).astype(np.float64)
    known, documents = answered.trained_on, answered.trained_documents
    source: Literal["training", "test"] = "test"
    counts = own[:width]
    if known is not None and documents > 0:
        source, counts = "training", known
    else:
        documents = float(n)
    order = np.argsort(-counts, kind="stable")
    best = order[: 1 + int(_f1(counts[order], documents, float(counts.sum())).argmax())]
    rates = np.zeros(len(own))
    rates[:width] = base_rates(counts, documents) if source == "training" else counts / documents
    return SetChance(
        tuple(answered.names[label] for label in best.tolist()),
        float(_f1(own[best], n, float(own.sum()))[-1]),
        float(own[order[0]] / n),
        _log_loss(own / n, rates),
        source,
    )


def _f1(counts: NDArray[np.float64], documents: float, labels: float) -> NDArray[np.float64]:
    """Micro-F1 where all documents get the first 1, 2, … of labels.

    counts  documents of each;  documents  of all;  labels  of all documents
    """
    answers = documents * np.arange(1, len(counts) + 1)
    f1: NDArray[np.float64] = 2 * np.cumsum(counts) / (answers + labels)
    return f1


def _log_loss(shares: NDArray[np.float64], rates: NDArray[np.float64]) -> float:
    """Σ −share·ln P − (1 − share)·ln(1 − P), a P no less than LEAST_PROBABILITY nor nearer to 1."""
    has = -np.log(np.clip(rates, LEAST_PROBABILITY, 1.0))
    lacks = -np.log(np.clip(1 - rates, LEAST_PROBABILITY, 1.0))
    return float((shares * has + (1 - shares) * lacks).sum())
