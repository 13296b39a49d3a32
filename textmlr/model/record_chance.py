"""What chance gives on the documents that training held out: figures to hold a model's against."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from textmlr.model.record import Record


class HeldOutChance(NamedTuple):
    """Figures of answers that are alike for all documents.

    accuracy  of the commonest label;  log_loss  of the labels' shares, nats, of sets of labels the
              sum over labels
    """

    accuracy: float
    log_loss: float


def held_out_chance(record: Record) -> HeldOutChance | None:
    """The figures by the labels of training, of which the held-out documents are a fair share.

    None where these are others: of a validation file, or before an update.
    """
    held, weights = record.held_out, record.label_weights()
    if held is None or not held.documents or held.origin != "corpus" or record.updates:
        return None
    if not len(weights):
        return None
    if record.thresholds is not None and record.documents:
        own = np.clip(weights[weights > 0] / record.documents, 0, 1)
        p = np.concatenate([own, 1 - own])
        p = p[p > 0]
        return HeldOutChance(float(own.max()), -float((p * np.log(p)).sum()))
    shares = weights[weights > 0] / weights.sum()
    return HeldOutChance(float(shares.max()), float(-(shares * np.log(shares)).sum()))
