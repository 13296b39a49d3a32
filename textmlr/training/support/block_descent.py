"""SGD over a sparse θ, block by block: documents of a block are scored with one θ, then take their
steps in order, so that the number of threads changes no bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import team
from textmlr.kernels import support_steps as kernels
from textmlr.kernels.support_steps import BlockErrors, SupportRoom, SupportTheta
from textmlr.training.dealt_parts import AnyObjective, DealtRows, dealt, turns
from textmlr.training.objective import Objective
from textmlr.training.run_state import State
from textmlr.training.support.left_out import room_of

# Documents of a block do not see each other's steps.  Of many labels few documents share one, and
# large blocks keep threads busy; of few labels small blocks are nearly one document after another.
BLOCKS = 16, 512
LABELS_A_DOCUMENT = 64
PIECE = 16  # documents that a thread scores before it takes more
# Steps of the bias are so much smaller than those of weights, since every document takes them.
BIAS_PACE = 0.1

_ORDER = (1 << 31) + 21  # a kind of random order
Run = Callable[[Callable[[int], object]], None]


@dataclass(frozen=True, slots=True)
class BlockFigures:
    """Sums over documents before their own steps: −ln softmax (nats), those right, weights."""

    loss: float = 0.0
    right: float = 0.0
    weight: float = 0.0

    def __add__(self, other: BlockFigures) -> BlockFigures:
        return BlockFigures(
            self.loss + other.loss, self.right + other.right, self.weight + other.weight
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """Rows in memory, some of which take their steps.

    shifts  (n, 2) of the rows;  order (m,) numbers of those that take steps
    before  steps of the epoch before these
    """

    rows: Objective
    shifts: NDArray[np.float32]
    order: NDArray[np.int64]
    before: int


@dataclass(slots=True, eq=False)
class BlockDescent:
    """A sparse θ on its way.

    objective  rows of documents, in memory or part by part
    shifts     (n, 2) what the own label of each document has more, see ``score_block``
    theta      weights and bias are moved
    threads    work on a block side by side
    seed       of the order of documents
    done, turn, figures   epochs that are over, parts of the next one that are, and their figures
    """

    objective: AnyObjective
    shifts: NDArray[np.float32]
    theta: SupportTheta
    threads: int
    seed: int
    done: int = 0
    turn: int = 0
    figures: BlockFigures = BlockFigures()
    size: int = 0
    _parts: DealtRows | None = None
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
            np.empty(self.size, np.float32),
        )
        self._parts = dealt(self.objective, self.seed)

    def epoch(
        self,
        documents: NDArray[np.int64],
        first: float,
        last: float,
        keep: Callable[[], None] | None = None,
    ) -> BlockFigures:
        """Take a step for each document, in random order, the size falling from first to last.

        keep  called between the parts of rows that come so, where the run may be stopped, and
              resumed from its ``state``
        """
        with team(self.threads) as run:
            for turn in self._turns(documents):
                moved = turn.before + np.arange(len(turn.order))
                paces = first + (last - first) * moved / len(documents)
                self.figures += self._pass(turn, paces, run)
                self.turn += 1
                del turn  # before the next part is read
                if keep is not None and self.figures.weight < self._weight_of(documents):
                    keep()
        figures = self.figures
        self.done, self.turn, self.figures = self.done + 1, 0, BlockFigures()
        return figures

    def losses(self, documents: NDArray[np.int64]) -> NDArray[np.float64]:
        """−ln softmax of the own label of documents, ascending: (d,) float64, nats."""
        losses, total = np.empty(len(documents)), self._total()
        own = _Turn(self.objective.take(documents), self.shifts[documents], documents, 0)
        numbers = np.arange(len(documents))
        with team(self.threads) as run:
            for at in range(0, len(documents), self.size):
                block = numbers[at : at + self.size]
                losses[block] = self._score(own, block, total, run).losses[: len(block)]
        return losses

    def state(self) -> State:
        """The state that ``restore`` resumes from, to the same bits: (JSON values, arrays)."""
        header = {"done": self.done, "turn": self.turn, "figures": asdict(self.figures)}
        return header, {"weights": self.theta.weights, "bias": self.theta.bias}

    def restore(self, state: State) -> None:
        """Resume from the state of another run like this one."""
        header, arrays = state
        self.done, self.turn = header["done"], header["turn"]
        self.figures = BlockFigures(**header["figures"])
        self.theta.weights[:], self.theta.bias[:] = arrays["weights"], arrays["bias"]

    def _turns(self, documents: NDArray[np.int64]) -> Iterator[_Turn]:
        """The rest of the epoch."""
        objective, parts = self.objective, self._parts
        if parts is None:
            assert isinstance(objective, Objective)
            rng = np.random.default_rng([self.seed, _ORDER, self.done])
            yield _Turn(objective, self.shifts, rng.permutation(documents), 0)
            return
        alike = np.broadcast_to(np.ones(1, np.float32), len(objective.y))
        own = parts.dealing, alike, documents, self.seed, self.done, self.turn
        for turn in turns(*own):
            numbers = parts.dealing.documents(turn.part)
            rows = parts.part(turn.part)
            yield _Turn(rows, self.shifts[numbers], turn.rows.astype(np.int64), turn.before)

    def _weight_of(self, documents: NDArray[np.int64]) -> float:
        return float(self.objective.weights[documents].sum(dtype=np.float64))

    def _pass(self, turn: _Turn, paces: NDArray[np.float64], run: Run) -> BlockFigures:
        weights, total, found = turn.rows.weights, self._total(), BlockFigures()
        sizes = (paces * weights[turn.order]).astype(np.float32)
        for at in range(0, len(turn.order), self.size):
            block = turn.order[at : at + self.size]
            errors = self._score(turn, block, total, run)
            own = weights[block].astype(np.float64)
            loss, right = own @ errors.losses[: len(block)], own @ errors.right[: len(block)]
            found += BlockFigures(float(loss), float(right), float(own.sum()))
            steps = sizes[at : at + len(block)]
            total = self._step(turn.rows, block, steps, total, run)
        return found

    def _total(self) -> float:
        """Σ exp(bias), anew."""
        powers: NDArray[np.float64] = np.exp(self.theta.bias.astype(np.float64))
        self.theta.powers[:] = powers
        return float(powers.sum())

    def _score(self, turn: _Turn, block: NDArray[np.int64], total: float, run: Run) -> BlockErrors:
        errors, rows = self._errors, turn.rows
        assert errors is not None
        arrays = rows.features.arrays(), frozen(rows.codes), frozen(turn.shifts), frozen(block)
        pieces = deque(range(0, len(block), PIECE))

        def score(thread: int) -> None:
            while True:
                try:
                    first = pieces.popleft()
                except IndexError:  # others have taken the rest
                    return
                last, room = min(first + PIECE, len(block)), self._rooms[thread]
                kernels.score_block(*arrays, first, last, self.theta, total, room, errors)

        run(score)
        return errors

    def _step(
        self,
        rows: Objective,
        block: NDArray[np.int64],
        steps: NDArray[np.float32],
        total: float,
        run: Run,
    ) -> float:
        errors, csr = self._errors, rows.features.arrays()
        own = frozen(block), frozen(steps), errors

        def step(thread: int) -> None:
            kernels.step_block(csr, *own, self.theta, thread, self.threads)

        run(step)
        return float(kernels.step_bias(*own, BIAS_PACE, self.theta, total))
