"""What a model's record says of calibration and thresholds."""

from __future__ import annotations

from typing import get_args

from textmlr.base.training_options import Maximise
from textmlr.model.record_schema import FLAG, POSITIVE, REAL, Part, Value, needed, optional, part

_MAXIMISED = get_args(Maximise)
_AIM = Value(f"one of {', '.join(_MAXIMISED)}", lambda value: value in _MAXIMISED)
_SHARE = Value("a number from 0 to 1", lambda value: REAL.fits(value) and 0 <= value <= 1)


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
    share: float | None = optional(_SHARE)


@part
class ThresholdsRecord(Part):
    """How the thresholds of labels were chosen: see ``training.thresholds``.

    second_pass  whether the model has one over labels
    """

    maximise: str = needed(_AIM)
    by_label: bool = needed(FLAG)
    micro_f1: float | None = needed(_SHARE, nullable=True)
    macro_f1: float | None = needed(_SHARE, nullable=True)
    second_pass: bool | None = optional(FLAG)
