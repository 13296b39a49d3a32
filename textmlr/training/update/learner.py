"""Training on more documents: from θ and the curvature of the old ones to the next θ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textmlr.training.exact.solver import SolverStep
from textmlr.training.objective import Objective
from textmlr.training.sgd.trial_run import Progress

Layers = list[NDArray[np.float32]]
Watch = Callable[[SolverStep | Progress], None]


@dataclass(frozen=True, slots=True, eq=False)
class UpdatedLayers:
    """θ after an update.

    layers   float32: (V, L), or with hidden layers (V, W1), (W1 + 1, W2), ..., (W + 1, L)
    squares  of networks, of each row of each layer the mean of the sums of squared gradients, with
             respect to θ, see ``sgd.fit.Fit``: (V,), (W1 + 1,), ...; else none
    """

    layers: Layers
    squares: list[NDArray[np.float32]]


class Learner(Protocol):
    """A kind of model that can be updated; it stays as it is."""

    def learn(self, documents: Objective, threads: int, watch: Watch) -> UpdatedLayers:
        """θ after the documents; the number of threads changes no bit."""
