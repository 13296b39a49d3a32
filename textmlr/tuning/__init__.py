"""Settings of options searched in a given time, judged on held-out documents."""

from textmlr.tuning.journal import Journal
from textmlr.tuning.search import Event, Phase, Resumed, Rung, Started, Tuned, tune
from textmlr.tuning.space import Setting
from textmlr.tuning.trial import Figures, Trial

__all__ = [
    "Event",
    "Figures",
    "Journal",
    "Phase",
    "Resumed",
    "Rung",
    "Setting",
    "Started",
    "Trial",
    "Tuned",
    "tune",
]
