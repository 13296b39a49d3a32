"""SGD over a sparse θ, block by block: documents of a block are scored with one θ, then take their
steps in order, so that the number of threads changes no bit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.kernels import support_steps as kernels
from textmlr.kernels.csr_rows import Csr
from textmlr.kernels.support_steps import BlockErrors, SupportRoom, SupportTheta
from textmlr.training.support.left_out import room_of

# Documents of a block do not see each other's steps.  Of many labels few documents share one, and
# large blocks keep threads busy; of few labels small blocks are nearly one document after another.
BLOCKS = 16, 512
LABELS_A_DOCUMENT = 64
# Steps of the bias are so much smaller than those of weights, since every document takes them.
BIAS_PACE = 0.1


@dataclass(frozen=True, slots=True)
class BlockFigures:
    """Sums over documents before their own steps: −ln softmax (nats), those right, weights."""

    loss: float
    right: float
    weight: float


@dataclass(slots=True, eq=False)
class BlockDescent:
    """A sparse θ on its way.

    rows    f(x) of documents, with their labels y, weights and (n,) shifts of the own score
    theta   weights and bias are moved
    threads work on a block side by side
    """

    rows: Csr
    y: NDArray[np.int32]
    weights: NDArray[np.float32]
    shifts: NDArray[np.float32]
    theta: SupportTheta
    threads: int
    size: int = 0
    _rooms: list[SupportRoom] = field(default_factory=list)
    _errors: BlockErrors | None = None

    def __post_init__(self) -> None:
        labels = len(self.theta.bias)
        self.size = int(np.clip(labels // LABELS_A_DOCUMENT, *BLOCKS))
        self._rooms = [room_of(labels) for _ in range(self.threads)]
        most = min(int(1 / kernels.LEAST_ERROR) + 1, labels)
        self._errors = BlockErrors(
            np.empty(self.size, np.int64),
            np.empty((self.size, most), np.int32),
            np.empty((self.size, most), np.float32),
            np.empty(self.size, np.float64),
            np.empty(self.size, np.uint8),
        )

    def epoch(self, order: NDArray[np.int64], first: float, last: float) -> BlockFigures:
        """Take a step for each document, in this order, whose size falls from first to last."""
        paces = np.linspace(first, last, len(order) + 1)[:-1]
        sizes = (paces * self.weights[order]).astype(np.float32)
        return self._pass(order, sizes)

    def figures(self, documents: NDArray[np.int64]) -> BlockFigures:
        """The figures of documents, without steps."""
        return self._pass(documents, None)

    def losses(self, documents: NDArray[np.int64]) -> NDArray[np.float64]:
        """−ln softmax of the own label of documents: (d,) float64, nats."""
        losses = np.empty(len(documents))
        total = self._total()
        for at in range(0, len(documents), self.size):
            own = documents[at : at + self.size]
            losses[at : at + len(own)] = self._score(own, total).losses[: len(own)]
        return losses

    def _pass(self, order: NDArray[np.int64], sizes: NDArray[np.float32] | None) -> BlockFigures:
        total, loss, right = self._total(), 0.0, 0.0
        for at in range(0, len(order), self.size):
            documents = order[at : at + self.size]
            errors = self._score(documents, total)
            weights = self.weights[documents].astype(np.float64)
            loss += float(weights @ errors.losses[: len(documents)])
            right += float(weights @ errors.right[: len(documents)])
            if sizes is not None:
                total = self._step(documents, sizes[at : at + len(documents)], errors, total)
        return BlockFigures(loss, right, float(self.weights[order].sum(dtype=np.float64)))

    def _total(self) -> float:
        """Σ exp(bias), anew."""
        powers: NDArray[np.float64] = np.exp(self.theta.bias.astype(np.float64))
        self.theta.powers[:] = powers
        return float(powers.sum())

    def _score(self, documents: NDArray[np.int64], total: float) -> BlockErrors:
        errors = self._errors
        assert errors is not None
        ends = np.linspace(0, len(documents), self.threads + 1).astype(int)

        def run(part: int) -> None:
            kernels.score_block(
                self.rows,
                frozen(self.y),
                frozen(self.shifts),
                frozen(documents),
                int(ends[part]),
                int(ends[part + 1]),
                self.theta,
                total,
                self._rooms[part],
                errors,
            )

        for _ in map_blocks(run, range(self.threads), self.threads):
            pass
        return errors

    def _step(
        self,
        documents: NDArray[np.int64],
        sizes: NDArray[np.float32],
        errors: BlockErrors,
        total: float,
    ) -> float:
        own = frozen(documents), frozen(sizes), errors, self.theta

        def run(part: int) -> None:
            kernels.step_block(self.rows, *own, part, self.threads)

        for _ in map_blocks(run, range(self.threads), self.threads):
            pass
        return float(kernels.step_bias(*own[:3], BIAS_PACE, self.theta, total))
