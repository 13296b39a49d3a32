"""Events of training, of which watchers are told as it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from textmlr.training.exact.penalty_path import Penalty
from textmlr.training.exact.solver import SolverStep
from textmlr.training.ngram_choice import Candidate
from textmlr.training.on_disk.stage_progress import Work
from textmlr.training.sgd.trial_run import Progress


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of training begins: "features", with the corpus read, or "fit", with the rows made.

    epochs    most epochs of "fit", 0 where the number is not known
    bytes     of θ during "fit", for all runs side by side
    several   whether documents have sets of labels: what is called accuracy in later events is the
              share of documents whose likeliest label is one of theirs, precision at 1
    sparse    whether θ has weights only where feature and label met
    """

    name: str
    documents: int
    labels: int
    columns: int = 0
    nonzeros: int = 0
    epochs: int = 0
    bytes: int = 0
    several: bool = False
    sparse: bool = False

    @property
    def right(self) -> str:
        """What the share of documents is called whose likeliest label is right."""
        return "P@1" if self.several else "accuracy"


Event: TypeAlias = Stage | Work | Candidate | Progress | SolverStep | Penalty
Watch: TypeAlias = Callable[[Event], None]
