"""The record of a sparse θ: how its weights were found where label and feature met."""

from __future__ import annotations

from textmlr.model.calibration_record import CalibrationRecord
from textmlr.model.record_schema import (
    NAME,
    NOT_NEGATIVE,
    POSITIVE,
    REAL,
    WHOLE,
    Part,
    needed,
    optional,
    part,
)


@part
class SupportRecord(Part):
    """A sparse θ, and the numbers that its labels share: see ``training.support``.

    weights   where label and feature met
    attraction, prior, norm_power   of the sums of each label's rows
    idf_power   of the weights of features; where SGD started from zero, of its steps: no sums then,
                and attraction, prior and norm_power are 0
    cap         share of labels: features that meet more have no weights
    calibration   of the scores, and the share of the base rates, before θ took up the factor
    crowded   features that have no weights for want of memory
    learning_rate, epochs, loss, accuracy   of what SGD learnt beside the sums
    """

    solver: str = needed(NAME)
    weights: int = needed(WHOLE)
    attraction: float = needed(NOT_NEGATIVE)
    prior: float = needed(NOT_NEGATIVE)
    norm_power: float = needed(NOT_NEGATIVE)
    idf_power: float = needed(NOT_NEGATIVE)
    cap: float = needed(POSITIVE)
    calibration: CalibrationRecord = needed(CalibrationRecord)
    learning_rate: float = needed(POSITIVE)
    epochs: int = needed(WHOLE)
    loss: float | None = optional(REAL, nullable=True)
    accuracy: float | None = optional(REAL, nullable=True)
    crowded: int | None = optional(WHOLE)
