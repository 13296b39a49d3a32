"""The result of an exact solver: θ and the proof of how near the minimum it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.model.parameters import Network


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """θ, and its certificate, which holds for the float32 numbers given here.

    theta          (V, L) float32, finite
    value          the objective at theta (nats), its sums in float64
    gradient_norm  ‖∇‖₂ at theta; of the least-norm subgradient where there is an L1 term
    gap            proved upper bound on value − minimum (nats); infinite where none is known
    iterations     of the solver's outermost loop
    converged      whether the bound that was asked for is met
    """

    theta: NDArray[np.float32]
    value: float
    gradient_norm: float
    gap: float
    iterations: int
    converged: bool

    @property
    def network(self) -> Network:
        """θ as a list of layers, of one."""
        return Network.of([self.theta])
