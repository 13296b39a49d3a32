"""The options of an update of a model."""

from __future__ import annotations

from dataclasses import dataclass

from textmlr.base.checks import check_integer, check_real
from textmlr.base.training_options import MOST_SEED


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """How a model is updated by further documents; what is learnt has nothing to choose.

    holdout  share of each label's documents (at most MOST_HELD_OUT in all) that a first run goes
             without, to compare answers on before and after; 0: nothing is compared.  The update
             itself is learnt from all
    seed     of the choice of those held out
    """

    holdout: float = 0.1
    seed: int = 1

    def __post_init__(self) -> None:
        check_real("holdout", self.holdout, 0, 1, 0.1, below=True)
        check_integer("seed", self.seed, 0, MOST_SEED, 1)
