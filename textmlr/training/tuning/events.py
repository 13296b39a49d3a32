"""The events of a search, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textmlr.base.printable import plural
from textmlr.model.model import Model
from textmlr.training import training_events
from textmlr.training.tuning.folds import Level
from textmlr.training.tuning.space import Setting
from textmlr.training.tuning.trial import Trial


@dataclass(frozen=True, slots=True)
class ResumedSearch:
    """The journal has so many trials already; torn if its last line was not whole."""

    trials: int
    torn: bool


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase begins: the "default" is found and judged, "search", or the "final" training."""

    name: str


@dataclass(frozen=True, slots=True)
class Rung:
    """A rung of a round (from 1) begins: so many trials."""

    round: int
    level: Level
    trials: int


@dataclass(frozen=True, slots=True)
class TrialStart:
    """A trial begins."""

    number: int
    setting: Setting


Event = ResumedSearch | Phase | Rung | TrialStart | Trial | training_events.Event
Watch = Callable[[Event], None]


@dataclass(frozen=True, slots=True, eq=False)
class TuningResult:
    """The result of a search.

    model    of the best setting, trained on all documents
    best     its trial, on all documents that are not held out
    default  the trial of the setting that ``train`` takes by itself
    trials   all, in the order of their numbers
    judging  documents that judged, in all folds
    folds    1, or how many
    searched names of the options that were searched
    """

    model: Model
    best: Trial
    default: Trial
    trials: tuple[Trial, ...]
    judging: int
    folds: int
    searched: tuple[str, ...]

    def __repr__(self) -> str:
        trials = plural(len(self.trials), "trial")
        return (
            f"TuningResult of {trials}: number {self.best.number} is best\n"
            "look at: .model, .best, .default, .trials"
        )
