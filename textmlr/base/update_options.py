"""The options of an update of a model."""

from __future__ import annotations

from dataclasses import dataclass

from textmlr.base.option_headings import HELD_OUT
from textmlr.base.options import RealNumber, WholeNumber, check_options, documented, option
from textmlr.base.training_options import MOST_SEED


@documented
@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """How a model is updated with further documents.

    The update itself trains on all of them; documents are held out only to compare answers.
    """

    holdout: float = option(
        0.1,
        RealNumber(0, 1, 0.1, below=True),
        "Hold out this share of each label's new documents, to compare answers before and after.",
        "At most 5,000 are held out in all.  With 0, nothing is compared.",
        heading=HELD_OUT,
        metavar="SHARE",
    )
    seed: int = option(
        1,
        WholeNumber(0, MOST_SEED, 1),
        "Seed of the choice of held-out documents; the same seed holds out the same.",
        heading=HELD_OUT,
    )

    def __post_init__(self) -> None:
        check_options(self)
