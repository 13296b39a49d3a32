"""What a model would reach that looks at no document: figures to hold a model's against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.true_labels import LEAST_PROBABILITY, TrueLabels
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


def chance(answered: TrueLabels) -> Chance:
    """The figures that chance gives on the documents of answers."""
    names = answered.names
    documents = np.bincount(answered.codes, minlength=len(names))
    source, rates = chance_rates(answered)
    best = int(rates.argmax())
    losses = answered.head.log_losses(
        np.broadcast_to(rates, (len(names), len(rates))), np.arange(len(names)), LEAST_PROBABILITY
    )
    of_label = documents / documents.sum()
    return Chance(names[best], float(of_label[best]), float(of_label @ losses), source)


def chance_rates(
    answered: TrueLabels,
) -> tuple[Literal["training", "test"], NDArray[np.float64]]:
    """(the documents that are counted, the share of each label in them: of the model's labels, or
    of all names where the test's are counted)."""
    known = answered.trained_on
    if known is not None and len(known) == answered.width and known.sum() > 0:
        return "training", base_rates(known)
    documents = np.bincount(answered.codes, minlength=len(answered.names))
    return "test", documents / documents.sum()
