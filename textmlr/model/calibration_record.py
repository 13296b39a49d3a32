"""What a model's record says of calibration and thresholds."""

from __future__ import annotations

from textmlr.model.record_schema import FLAG, NAME, POSITIVE, REAL, Part, needed, optional, part


@part
class CalibrationRecord(Part):
    """A calibration of scores: see ``model.scoring.Calibration``."""

    factor: float = needed(POSITIVE)
    exponent: float = needed(REAL)
    spread: float | None = optional(POSITIVE)
    least: float | None = optional(POSITIVE)
    prior: float | None = optional(REAL)
    offset: float | None = optional(REAL)
    low: float | None = optional(POSITIVE)
    middle: float | None = optional(POSITIVE)
    high: float | None = optional(POSITIVE)


@part
class ThresholdsRecord(Part):
    """How the thresholds of labels were chosen: see ``training.thresholds``.

    second_pass  whether the model has one over labels
    """

    maximise: str = needed(NAME)
    by_label: bool = needed(FLAG)
    micro_f1: float | None = needed(REAL, nullable=True)
    macro_f1: float | None = needed(REAL, nullable=True)
    second_pass: bool | None = optional(FLAG)
