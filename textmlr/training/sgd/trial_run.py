"""A trial run's result, and what training reports of its runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from textmlr.model.scoring import Calibration
from textmlr.training.calibration import Scored
from textmlr.training.sgd.epoch import Epoch

# Held-out loss by which an epoch is worse than the best, beyond the noise of large steps.
WORSE = 1.1


@dataclass(frozen=True, slots=True)
class Progress:
    """An epoch of training has ended.

    run        "trial" (part of the documents, to choose), "final" (all of them) or "update"
    idf_power  power of idf that the run's steps are scaled by
    epoch      its figures
    held_out   (mean loss in nats, accuracy) on the held-out documents, None where not measured
    """

    run: str
    idf_power: float
    epoch: Epoch
    held_out: tuple[float, float] | None


Watch = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class TrialRun:
    """One run's best epoch, and the held-out figures there.

    calibration     of θ, that makes the held-out loss least; the loss is with it
    never_answered  labels, see ``calibration.Scored``
    """

    idf_power: float
    learning_rate: float
    epochs: int
    calibration: Calibration
    loss: float
    accuracy: float
    never_answered: tuple[int, ...] = ()

    @classmethod
    def of(cls, values: dict[str, Any]) -> TrialRun:
        """The run of these JSON values."""
        own = {"calibration": Calibration.of(values["calibration"])}
        never = tuple(values.get("never_answered", ()))  # states of older versions have none
        return cls(**(values | own | {"never_answered": never}))


@dataclass(frozen=True, slots=True)
class TrialResults:
    """The trials over some rows.

    best     as training takes it;  trials  all of them
    lasting  whether training with these rows would try the same again
    scored   of few documents, those that judge, see ``CrossedTrials``
    """

    best: TrialRun
    trials: tuple[TrialRun, ...]
    lasting: bool
    scored: Scored | None = None


def best_of(trials: Sequence[TrialRun]) -> TrialRun:
    """The trial with the least held-out loss."""
    return min(trials, key=lambda trial: trial.loss)
