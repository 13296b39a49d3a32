"""The options of a search for better options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from textmlr.base.checks import check_real
from textmlr.base.durations import LONGEST, SHORTEST
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.option_headings import HELD_OUT, SEARCH
from textmlr.base.options import Kind, OneOf, WholeNumber, check_options, documented, option

Metric = Literal["log-loss", "accuracy", "micro-f1", "macro-f1"]
MOST_TRIALS = 1_000_000
MOST_FOLDS = 1_000
# With fewer held-out documents than this, the best of hundreds of settings is the luckiest rather
# than the best, and folds judge.
FEW_JUDGES = 2_000
TUNING_FOLDS = 5


class TimeLimit(Kind):
    """Seconds, or None for no limit."""

    typed = ", such as 90s, 5m or 1h."
    written = "Seconds, None for no limit. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if value is not None:
            check_real(name, value, SHORTEST, LONGEST, 300)


@documented
@dataclass(frozen=True, slots=True)
class TuningOptions:
    """How long settings of the other options are searched, and what judges them.

    >>> TuningOptions(seconds=60, metric="accuracy").trials is None
    True
    """

    seconds: float | None = option(
        300.0,
        TimeLimit(),
        "Time for the search and for training with the best options.",
        heading=SEARCH,
        metavar="TIME",
    )
    trials: int | None = option(
        None,
        WholeNumber(1, MOST_TRIALS, 100),
        "End the search after this many trials.",
        "A trial is a setting on some of the documents or on all.",
        heading=SEARCH,
        unset="no limit",
    )
    metric: Metric = option(
        "log-loss",
        OneOf(*get_args(Metric)),
        "Which figure on held-out documents is to be best.",
        "Where documents have several labels, accuracy is how often the likeliest is right, and F1 "
        "that of the labels at or above their thresholds; micro-f1 is for these alone.",
        heading=SEARCH,
    )
    cv: int | None = option(
        None,
        WholeNumber(1, MOST_FOLDS, TUNING_FOLDS),
        "Hold out each of so many parts of the corpus in turn; with 1, one part only.",
        "Each part has as many of each label.",
        heading=HELD_OUT,
        unset=f"{TUNING_FOLDS}; 1 with a validation corpus, or if {FEW_JUDGES:,} or more are held "
        "out",
        metavar="PARTS",
    )

    def __post_init__(self) -> None:
        if self.seconds is None and self.trials is None:
            raise OptionError(
                "seconds",
                Sentence("{seconds} and {trials} set no limit", {"seconds": None, "trials": None}),
                Sentence("limit one of them"),
            )
        check_options(self)
