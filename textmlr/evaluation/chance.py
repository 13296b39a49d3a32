"""What a model would reach that looks at no document: figures to hold a model's against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from textmlr.evaluation.labelled_answers import LEAST_PROBABILITY, LabelledAnswers
from textmlr.model.scoring import base_rates


@dataclass(frozen=True, slots=True)
class Chance:
    """Figures of answers that are alike for all documents.

    label     the commonest label, the answer to all
    accuracy  share of the documents that have it
    log_loss  mean −ln P(y), nats, where P is the labels' base rates
    source    the documents whose labels are counted for both: "training", or "test" where the
              model does not say what it was trained on
    """

    label: str
    accuracy: float
    log_loss: float
    source: Literal["training", "test"]


def chance(answered: LabelledAnswers) -> Chance:
    """The figures that chance gives on the documents of answers."""
    names, width = answered.names, answered.probabilities.shape[1]
    documents = np.bincount(answered.codes, minlength=len(names))
    known = answered.trained_on
    source: Literal["training", "test"] = "test"
    if known is not None and len(known) == width and known.sum() > 0:
        source, rates = "training", base_rates(known)
    else:
        rates = documents / documents.sum()
    best = int(rates.argmax())
    losses = answered.head.log_losses(
        np.broadcast_to(rates, (len(names), len(rates))), np.arange(len(names)), LEAST_PROBABILITY
    )
    of_label = documents / documents.sum()
    return Chance(names[best], float(of_label[best]), float(of_label @ losses), source)
