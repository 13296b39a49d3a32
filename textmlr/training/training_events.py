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
    """

    name: str
    documents: int
    labels: int
    columns: int = 0
    nonzeros: int = 0
    epochs: int = 0
    bytes: int = 0


Event: TypeAlias = Stage | Work | Candidate | Progress | SolverStep | Penalty
Watch: TypeAlias = Callable[[Event], None]
