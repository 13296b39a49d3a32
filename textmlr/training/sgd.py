"""The solver: stochastic gradient descent over an Objective, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.arrays import frozen, is_finite
from textmlr.kernels import sgd as kernels
from textmlr.training.objective import Objective

# A step that overshoots multiplies the loss; noise alone moves it less than this.  The first
# epoch is allowed more: its loss, too, is that before each document's step, and while most of θ
# is 0 a large step is often wrong before it is right.
FIRST_RISE = 3.0
RISE = 1.5
RISE_NATS = 0.01
MAX_HALVINGS = 1100  # from the largest float64 to nothing


@dataclass(frozen=True, slots=True)
class Epoch:
    """One finished epoch of one run.

    number         from 1
    epochs         how many the run's schedule has
    learning_rate  the run's, in units of 1 / mean ‖f(x)‖², as halved so far
    loss           mean loss of each document before its own step (nats, no penalty)
    accuracy       share of documents right before their own step
    halved         times the run diverged in this epoch and began anew with half the step
    documents      documents visited
    """

    number: int
    epochs: int
    learning_rate: float
    loss: float
    accuracy: float
    halved: int
    documents: int


@dataclass(slots=True, eq=False)
class SGD:
    """A run of stochastic gradient descent.

    Each epoch visits n documents in an order drawn anew from the seed: without weights every
    document once; with weights document i w_i·n/Σw times on average (rounded at random), which
    has the same mean as a step w_i times as long, and never overshoots.  The step size falls
    linearly from learning_rate / mean ‖f(x)‖² to 0 over ``epochs``.

    weights    (V, L) float32, scale   θ is scale·weights
    last_loss  mean loss of the last epoch

    A run whose loss is not finite, or has risen, has diverged: it begins anew, from θ = 0, with
    half the step, as if it had been so from the start.
    """

    objective: Objective
    documents: NDArray[np.int64]
    epochs: int
    learning_rate: float
    seed: int
    weights: NDArray[np.float32]
    last_loss: float
    done: int = 0
    scale: float = 1.0

    @classmethod
    def start(
        cls,
        objective: Objective,
        documents: NDArray[np.int64],
        epochs: int,
        learning_rate: float,
        seed: int,
        theta: NDArray[np.float32] | None = None,
    ) -> SGD:
        """A run over some of the objective's documents, from θ = 0, whose loss is log L.

        theta  (V, L) float32   memory to use, such as an ended run's; overwritten
        """
        if theta is None:
            theta = np.zeros((objective.features.columns, objective.labels), np.float32)
        else:
            theta.fill(0)
        loss = float(np.log(objective.labels))
        return cls(objective, documents, epochs, learning_rate, seed, theta, loss)

    @property
    def theta(self) -> NDArray[np.float32]:
        """θ (V, L); further epochs go on in the same memory."""
        if self.scale != 1.0:
            self.weights *= np.float32(self.scale)
            self.scale = 1.0
        return self.weights

    def epoch(self) -> Epoch:
        """Run the next epoch.  Raises ArithmeticError if no step is small enough."""
        for halved in range(MAX_HALVINGS):
            first, last = (
                self.learning_rate * self.objective.unit * (1 - done / self.epochs)
                for done in (self.done, self.done + 1)
            )
            if first * self.objective.l2 < 1:
                loss, accuracy, visits = self._visit(first, last)
                rise = RISE if self.done else FIRST_RISE
                fine = np.isfinite(loss) and loss <= rise * self.last_loss + RISE_NATS
                # An epoch's loss tells of the steps before it, and none follows the last.
                if fine and (self.done + 1 < self.epochs or is_finite(self.weights)):
                    self.done += 1
                    self.last_loss = loss
                    return Epoch(
                        self.done, self.epochs, self.learning_rate, loss, accuracy, halved, visits
                    )
            self._restart()
        raise ArithmeticError(f"loss is not finite after {MAX_HALVINGS} halvings of the step")

    def _visit(self, first: float, last: float) -> tuple[float, float, int]:
        """One pass with the step falling from first to last: (loss, accuracy, visits)."""
        objective, features = self.objective, self.objective.features
        order = self._order()
        totals = np.empty(3, np.float64)
        kernels.epoch(
            frozen(features.indptr), frozen(features.indices), frozen(features.values),
            frozen(objective.y), frozen(order), first, last, float(objective.l2),
            self.scale, self.weights, np.empty(objective.labels, np.float32), totals,
        )  # fmt: skip
        loss, correct, self.scale = totals.tolist()
        return loss / len(order), correct / len(order), len(order)

    def _restart(self) -> None:
        self.weights.fill(0)
        self.scale = 1.0
        self.learning_rate /= 2
        self.done = 0
        self.last_loss = float(np.log(self.objective.labels))

    def _order(self) -> NDArray[np.int32]:
        """The documents of the next epoch, in random order."""
        rng = np.random.default_rng([self.seed, self.done])
        weights = self.objective.weights[self.documents]
        n = len(weights)
        if (weights == weights[0]).all():
            return self.documents[rng.permutation(n)].astype(np.int32)
        # Systematic resampling: each document floor or ceiling of its share.
        edges = np.cumsum(weights, dtype=np.float64)
        marks = (np.arange(n) + rng.random()) * (edges[-1] / n)
        last = int(np.flatnonzero(weights)[-1])  # rounding may put a mark past the end
        drawn = np.minimum(np.searchsorted(edges, marks, side="right"), last)
        return self.documents[rng.permutation(drawn)].astype(np.int32)
