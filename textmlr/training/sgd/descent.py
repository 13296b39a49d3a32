"""The solver: stochastic gradient descent over an Objective, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.label_sets import arrays_of
from textmlr.features.csr_features import Features
from textmlr.kernels import sgd as kernels
from textmlr.kernels.layers import Layers
from textmlr.model.parameters import LINEAR, Network
from textmlr.training.dealt_parts import AnyObjective, DealtRows, Turn, dealt, drawn_order, turns
from textmlr.training.objective import Objective
from textmlr.training.run_state import State
from textmlr.training.sgd.epoch import Epoch, Unfinished, WarmStart

# A step that overshoots multiplies the loss; noise alone moves it less than this.  The first
# epoch is allowed more: its loss, too, is that before each document's step, and while most of θ
# is 0 a large step is often wrong before it is right.
FIRST_RISE = 3.0
RISE = 1.5
RISE_NATS = 0.01
# A rise is noise (of few documents, or of dropout), not due to the step, if halving the step so
# many times in a row changed the epoch's loss by less than this share of it.
IN_VAIN = 3
ALIKE = 0.02
MAX_HALVINGS = 1100  # halvings of a run's step: from the largest float64 to nothing


class FirstScores(NamedTuple):
    """The scores of all documents before the first step.

    row     of the last layer, which is always on;  scores (L,) float32
    """

    row: int
    scores: NDArray[np.float32]


@dataclass(slots=True, eq=False)
class SGD:
    """A run of stochastic gradient descent.

    Each epoch visits n documents in an order drawn anew from the seed: without weights every
    document once; with weights document i w_i·n/Σw times on average (rounded at random), which
    has the same mean as a step w_i times as long, and never overshoots.  The step size falls
    linearly from learning_rate / mean ‖f(x)‖², or its root where steps are divided (Adagrad), to 0
    over ``epochs``.

    weights    scale   θ is scale·weights
    squares    of Adagrad, each weight's sum of squared gradients; None: steps are not divided
    last_loss  mean loss of the last epoch
    before     the run that it continues, None: it starts from nothing
    first      the scores that it starts from, None: 0
    history    its epochs so far
    keep       called with the run between the parts of an epoch, where it can be stopped, and
               resumed from its ``state``; the caller of ``epoch`` calls it between epochs
    halvings   so far
    rises      by epoch: its loss when it last rose, and how often in a row halving changed nothing

    A run whose loss is not finite, or has risen, has diverged: it restarts with half the step, as
    if the step had been so from the start.
    """

    objective: AnyObjective
    documents: NDArray[np.integer[Any]]
    epochs: int
    learning_rate: float
    options: TrainingOptions
    weights: Network
    squares: Network | None
    last_loss: float
    done: int = 0
    scale: float = 1.0
    before: WarmStart | None = None
    first: FirstScores | None = None
    keep: Callable[[SGD], None] | None = None
    unfinished: Unfinished = field(default_factory=Unfinished)
    history: list[Epoch] = field(default_factory=list)
    _parts: DealtRows | None = None
    halvings: int = 0
    rises: dict[int, tuple[float, int]] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        objective: AnyObjective,
        documents: NDArray[np.integer[Any]],
        epochs: int,
        learning_rate: float,
        options: TrainingOptions,
        spare: SGD | None = None,
        first: FirstScores | None = None,
    ) -> SGD:
        """A run over some of the objective's documents.

        options  decided
        spare    an ended run of an objective as wide, whose memory may be used
        first    scores to start from; None: from 0
        """
        if spare is not None:
            weights, squares = spare.weights, spare.squares
        else:
            widths = (*options.hidden, objective.labels)
            size = objective.columns, widths, options.activation or LINEAR
            weights = Network.zeros(*size)
            squares = Network.zeros(*size) if options.step == "adagrad" else None
        run = cls(objective, documents, epochs, learning_rate, options, weights, squares, np.inf)
        run.first = first
        run._begin()
        return run

    @classmethod
    def resume(
        cls,
        objective: Objective,
        before: WarmStart,
        epochs: int,
        learning_rate: float,
        options: TrainingOptions,
    ) -> SGD:
        """A run over all documents of the objective, from where another ended."""
        weights, squares = before.weights.copy(), before.squares.copy()
        everything = np.arange(len(objective.y))
        run = cls(
            objective,
            everything,
            epochs,
            learning_rate,
            options,
            weights,
            squares,
            np.inf,
            before=before,
        )
        run._begin()
        return run

    @property
    def network(self) -> Network:
        """θ; further epochs write to the same memory."""
        if self.scale != 1.0:
            for layer in (self.weights.theta, self.weights.upper):
                layer *= np.float32(self.scale)
            self.scale = 1.0
        return self.weights

    def row_squares(self) -> list[NDArray[np.float32]]:
        """The mean of ``squares`` over the columns of each row of each layer; none where steps are
        not divided."""
        if self.squares is None:
            return []
        return [
            layer.mean(axis=1, dtype=np.float64).astype(np.float32) for layer in self.squares.layers
        ]

    def epoch(self) -> Epoch:
        """Run the next epoch.  Raises ArithmeticError if no step is small enough."""
        while self.halvings < MAX_HALVINGS:
            unit = self.objective.unit if self.squares is None else self.objective.unit**0.5
            first, last = (
                self.learning_rate * unit * (1 - done / self.epochs)
                for done in (self.done, self.done + 1)
            )
            halved = self.unfinished.halved
            if first * self.objective.l2 < 1:
                loss, accuracy, visits = self._visit(first, last)
                rise = RISE if self.done else FIRST_RISE
                fine = np.isfinite(loss) and (
                    loss <= rise * self.last_loss + RISE_NATS or self._rose_in_vain(loss)
                )
                # An epoch's loss is that of the steps before it, and none follows the last.
                if fine and (self.done + 1 < self.epochs or self.weights.is_finite):
                    self.done += 1
                    self.unfinished = Unfinished()
                    if self.before is None:
                        self.last_loss = loss
                    epoch = Epoch(
                        self.done, self.epochs, self.learning_rate, loss, accuracy, halved, visits
                    )
                    self.history.append(epoch)
                    return epoch
            self.learning_rate /= 2
            self.halvings += 1
            self._begin()
            self.unfinished = Unfinished(halved=halved + 1)
        raise ArithmeticError(f"loss is not finite after {MAX_HALVINGS} halvings of the step")

    def state(self) -> State:
        """The state that ``restore`` resumes from, to the same bits: (JSON values, arrays)."""
        arrays = {"theta": self.weights.theta, "upper": self.weights.upper}
        if self.squares is not None:
            arrays |= {"squares": self.squares.theta, "upper_squares": self.squares.upper}
        header = {
            "done": self.done,
            "scale": self.scale,
            "learning_rate": self.learning_rate,
            "last_loss": self.last_loss,
            "unfinished": asdict(self.unfinished),
            "told": [asdict(epoch) for epoch in self.history],
            "halvings": self.halvings,
            "rises": {str(epoch): list(rise) for epoch, rise in self.rises.items()},
        }
        return header, arrays

    def restore(self, state: State) -> None:
        """Resume from the state of another run like this one."""
        header, arrays = state
        self.weights.theta[:], self.weights.upper[:] = arrays["theta"], arrays["upper"]
        if self.squares is not None:
            self.squares.theta[:] = arrays["squares"]
            self.squares.upper[:] = arrays["upper_squares"]
        self.done, self.scale = header["done"], header["scale"]
        self.learning_rate, self.last_loss = header["learning_rate"], header["last_loss"]
        self.unfinished = Unfinished(**header["unfinished"])
        self.history = [Epoch(**epoch) for epoch in header["told"]]
        self.halvings = header["halvings"]
        self.rises = {int(epoch): tuple(rise) for epoch, rise in header["rises"].items()}

    def _rose_in_vain(self, loss: float) -> bool:
        """Whether smaller steps are no help against a rise to this loss."""
        before, vain = self.rises.get(self.done, (np.inf, 0))
        vain = vain + 1 if abs(loss - before) < ALIKE * loss else 0
        self.rises[self.done] = loss, vain
        return vain >= IN_VAIN

    def _visit(self, first: float, last: float) -> tuple[float, float, int]:
        """One pass with the step falling from first to last: (loss, accuracy, visits)."""
        so_far, visits = self.unfinished, len(self.documents)
        for rows, turn in self._turns():
            if len(turn.rows):
                begin, end = (
                    first + (last - first) * at / visits
                    for at in (turn.before, turn.before + len(turn.rows))
                )
                loss, correct = self._learn(rows, turn, begin, end)
                so_far.loss += loss
                so_far.correct += correct
            so_far.visits += len(turn.rows)
            so_far.turn += 1
            del rows  # before the next part is read
            if self.keep is not None and so_far.visits < visits:
                self.keep(self)
        return so_far.loss / so_far.visits, so_far.correct / so_far.visits, so_far.visits

    def _turns(self) -> Iterator[tuple[Objective, Turn]]:
        """The rest of the epoch: the rows of each part, and which of them to visit."""
        objective, epoch, turn = self.objective, self.done, self.unfinished.turn
        if self._parts is None:
            self._parts = dealt(objective, self.options.seed)
        if self._parts is None:
            assert isinstance(objective, Objective)
            yield objective, Turn(0, self._order(), 0)
            return
        dealing, seed = self._parts.dealing, self.options.seed
        for own in turns(dealing, objective.weights, self.documents, seed, epoch, turn):
            yield self._parts.part(own.part), own

    def _learn(self, rows: Objective, turn: Turn, first: float, last: float) -> tuple[float, float]:
        """Visit documents of some rows, the step falling from first to last: (sum of losses,
        documents that were right)."""
        weights, options = self.weights, self.options
        features = self._thinned(rows.features, turn.part)
        totals = np.empty(3, np.float64)
        theta, upper = weights.theta, weights.upper
        squares = kernels.Squares(
            np.zeros((0, theta.shape[1]), np.float32), np.zeros((0, upper.shape[1]), np.float32)
        )
        if self.squares is not None:
            squares = kernels.Squares(self.squares.theta, self.squares.upper)
        dropout, seed = float(options.dropout or 0.0), self._dropping() + turn.before
        rows.head.epoch(
            features.arrays(),
            arrays_of(rows.y),
            frozen(turn.rows),
            kernels.Steps(first, last, float(rows.l2), self.scale, dropout, seed),
            Layers(theta, upper, frozen(weights.shape)),
            squares,
            weights.frozen_room(training=True),
            totals,
        )
        loss, correct, self.scale = totals.tolist()
        return loss, correct

    def _begin(self) -> None:
        if self.before is not None:
            self.weights.fill(self.before.weights)
            if self.squares is not None:
                self.squares.fill(self.before.squares)
        else:
            self.weights.initialise(np.random.default_rng([self.options.seed, (1 << 31) + 4]))
            if self.squares is not None:
                self.squares.clear()
        self.scale = 1.0
        self.done = 0
        # A run from another may begin with any loss, and end with almost none, where noise
        # multiplies it.
        fresh = self.before is None
        start = np.zeros((1, self.objective.labels), np.float32)
        if self.first is not None:
            start[0] = self.first.scores
            self.weights.layers[-1][self.first.row] = self.first.scores
        head = self.objective.head
        usual = (head.probabilities(start) * start).sum()  # of the scores of a document's labels
        self.last_loss = float(head.log_z(start)[0] - usual) if fresh else np.inf

    def _dropping(self, part: int = 0) -> int:
        """The seed of dropout in the next epoch."""
        own = [part] if part else []
        rng = np.random.default_rng([self.options.seed, (1 << 31) + 5, self.done, *own])
        return int(rng.integers(1 << 62))

    def _thinned(self, features: Features, part: int) -> Features:
        """f(x) without the features that the next epoch drops."""
        drop = self.options.input_dropout
        if not drop:
            return features
        indptr, indices = np.empty_like(features.indptr), np.empty_like(features.indices)
        values = np.empty_like(features.values)
        kernels.thin(
            frozen(features.indptr),
            frozen(features.indices),
            frozen(features.values),
            drop,
            self._dropping(part),
            indptr,
            indices,
            values,
        )
        return replace(features, indptr=indptr, indices=indices, values=values)

    def _order(self) -> NDArray[np.int32]:
        """The documents of the next epoch, in random order."""
        rng = np.random.default_rng([self.options.seed, self.done])
        weights = self.objective.weights[self.documents]
        return self.documents[drawn_order(weights, rng)].astype(np.int32)


def of_theta(
    squares: list[NDArray[np.float32]], layer: int, scale: NDArray[np.float32] | np.float32
) -> list[NDArray[np.float32]]:
    """Squared gradients of w, as those of θ = scale·w in one layer."""
    if not squares:
        return squares
    found = list(squares)
    found[layer] = (squares[layer] / np.square(scale)).astype(np.float32)
    return found
