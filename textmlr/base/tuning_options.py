"""The options of a search for better options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from textmlr.base.checks import check_choice, check_integer, check_real
from textmlr.base.durations import LONGEST, SHORTEST
from textmlr.base.errors import InputError

Metric = Literal["log-loss", "accuracy", "macro-f1"]
MOST_TRIALS = 1_000_000
MOST_FOLDS = 1_000
# Where fewer documents than this are held out, the best of hundreds of settings is the luckiest
# rather than the best, and folds judge.
FEW_JUDGES = 2_000
TUNING_FOLDS = 5


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """How long, and by what, settings of the other options are searched.

    seconds  time to take in all, the training of the model with the best setting in it; None: no
             limit but that of trials
    trials   judgements at most, each of a setting at a rung; None: no limit but that of time
    metric   what a setting is judged by on held-out documents
    cv       number of folds, each held out once; 1: one part is held out, as train does.  None: 1
             with a validation corpus, or where FEW_JUDGES are held out, else TUNING_FOLDS

    >>> TuningOptions(seconds=60, metric="accuracy").trials is None
    True
    """

    seconds: float | None = 300.0
    trials: int | None = None
    metric: Metric = "log-loss"
    cv: int | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None:
            check_real("seconds", self.seconds, SHORTEST, LONGEST, 300)
        if self.trials is not None:
            check_integer("trials", self.trials, 1, MOST_TRIALS, 100)
        if self.seconds is None and self.trials is None:
            raise InputError("seconds and trials are both None", mend="limit one of them")
        check_choice("metric", self.metric, get_args(Metric))
        if self.cv is not None:
            check_integer("cv", self.cv, 1, MOST_FOLDS, TUNING_FOLDS)
