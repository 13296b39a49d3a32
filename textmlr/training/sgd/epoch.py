"""One epoch of a run of SGD: its figures, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass

from textmlr.model.parameters import Network


@dataclass(frozen=True, slots=True)
class Epoch:
    """One finished epoch of one run.

    number         from 1
    epochs         how many the run's schedule has
    learning_rate  the run's, in units of 1 / mean ‖f(x)‖², as halved so far
    loss           mean loss of each document before its own step (nats, no penalty)
    accuracy       share of documents right before their own step
    halved         times the run diverged in this epoch and restarted with half the step
    documents      documents visited
    """

    number: int
    epochs: int
    learning_rate: float
    loss: float
    accuracy: float
    halved: int
    documents: int


@dataclass(frozen=True, slots=True, eq=False)
class WarmStart:
    """The end of another run, from which a run starts; it stays as it is.

    weights, squares  see ``SGD``
    """

    weights: Network
    squares: Network


@dataclass(slots=True)
class Unfinished:
    """The progress of an epoch.

    turn     turns that are done
    loss, correct   sums over their ``visits``
    halved   times the run restarted since the epoch began
    """

    turn: int = 0
    loss: float = 0.0
    correct: float = 0.0
    visits: int = 0
    halved: int = 0
