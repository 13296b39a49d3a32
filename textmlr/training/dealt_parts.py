"""Large corpora dealt into parts, which an epoch takes one after the other.

Each document falls to a part at random, so that a part is a sample of all; an epoch takes the parts
in an order drawn anew, and the documents of each in an order drawn anew.  So rows on disk are read
from first to last, part by part, and rows in memory lie close together while SGD visits them.  The
parts depend on the rows alone: the same bits from memory and disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.label_sets import Targets
from textmlr.model.heads import Head
from textmlr.training.objective import Objective

# Rows of more than WHOLE_NONZEROS non-zeros are visited in parts of about PART_NONZEROS, 32 MiB in
# memory: training holds no more than a part of a corpus of any size.
WHOLE_NONZEROS = 1 << 25
PART_NONZEROS = 1 << 22

_DEALT, _PARTS, _MARKS = (1 << 31) + 6, (1 << 31) + 7, (1 << 31) + 8  # kinds of random order


@dataclass(frozen=True, slots=True, eq=False)
class Dealing:
    """The part of each document.

    part   (n,) uint16 or uint32   of each document
    order  (n,) int32     the documents, part by part, ascending in each
    edges  (K + 1,) int64 part k has order[edges[k]:edges[k + 1]]
    """

    part: NDArray[np.unsignedinteger[Any]]
    order: NDArray[np.int32]
    edges: NDArray[np.int64]

    @classmethod
    def of(cls, documents: int, nonzeros: int, seed: int) -> Dealing:
        """Deal so many documents with so many entries in all."""
        parts = number_of_parts(nonzeros)
        rng = np.random.default_rng([seed, _DEALT])
        part = rng.integers(parts, size=documents, dtype=np.int32)
        sizes = np.bincount(part, minlength=parts)
        edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        small: NDArray[np.unsignedinteger[Any]] = part.astype(
            np.uint16 if parts <= 1 << 16 else np.uint32
        )
        del part
        return cls(small, np.argsort(small, kind="stable").astype(np.int32), edges)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def documents(self, part: int) -> NDArray[np.int32]:
        """The documents of a part, ascending."""
        return self.order[self.edges[part] : self.edges[part + 1]]


class DealtRows(Protocol):
    """Rows that come part by part."""

    @property
    def dealing(self) -> Dealing:
        """The part of each document."""

    def part(self, number: int) -> Objective:
        """The objective over the documents of one part, in memory of its own."""


class DealtObjective(DealtRows, Protocol):
    """An objective whose rows come part by part, such as those on disk.

    y, weights, labels, l2, unit_from, head  as in ``Objective``
    """

    @property
    def y(self) -> Targets: ...
    @property
    def weights(self) -> NDArray[np.float32]: ...
    @property
    def labels(self) -> int: ...
    @property
    def l2(self) -> float: ...
    @property
    def unit_from(self) -> int | None: ...
    @property
    def head(self) -> Head: ...
    @property
    def columns(self) -> int:
        """V."""

    @property
    def nonzeros(self) -> int:
        """Entries of f(x) of all documents."""

    @property
    def unit(self) -> float:
        """The unit of learning rates, see ``Objective.unit``."""

    def take(self, documents: NDArray[np.int64]) -> Objective:
        """The objective over some of the documents (numbers, ascending), in memory."""

    def in_order(
        self, documents: NDArray[np.int64]
    ) -> Iterator[tuple[Objective, NDArray[np.int64]]]:
        """See ``Objective.in_order``."""

    def documents_of(self) -> NDArray[np.int32]:
        """The number of documents that each column occurs in: (V,) int32."""

    def scaled(
        self, scale: NDArray[np.float32], threads: int = 1, *, in_place: bool = False
    ) -> DealtObjective:
        """This objective as one of w, where θ_f = scale_f·w_f; see ``Objective.scaled``."""


AnyObjective = Objective | DealtObjective


@dataclass(frozen=True, slots=True, eq=False)
class DealtMemory:
    """The rows of an objective in memory, part by part."""

    objective: Objective
    dealing: Dealing

    def part(self, number: int) -> Objective:
        """The objective over the documents of one part."""
        return self.objective.take(self.dealing.documents(number).astype(np.int64))


def dealt(objective: AnyObjective, seed: int) -> DealtRows | None:
    """The parts of an objective; None where it is small enough for one."""
    if not isinstance(objective, Objective):
        return objective
    if number_of_parts(objective.nonzeros) == 1:
        return None
    return DealtMemory(objective, Dealing.of(len(objective.y), objective.nonzeros, seed))


def number_of_parts(nonzeros: int) -> int:
    """The number of parts that rows with so many entries are dealt into; 1: they are not dealt."""
    return 1 if nonzeros <= WHOLE_NONZEROS else -(-nonzeros // PART_NONZEROS)


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One part's turn in an epoch.

    part    its number
    rows    (m,) int32  which of the part's documents to visit, each as often as it stands there
    before  visits of the epoch before this turn
    """

    part: int
    rows: NDArray[np.int32]
    before: int


def turns(
    dealing: Dealing,
    weights: NDArray[np.float32],
    documents: NDArray[np.integer[Any]],
    seed: int,
    epoch: int,
    first: int = 0,
) -> Iterator[Turn]:
    """The turns of an epoch from the ``first`` on, as many visits in all as documents.

    weights    (n,) of all documents: where they differ, document i is visited w_i·m/Σw times on
               average (systematic resampling), else each once
    documents  (m,) those to visit
    """
    member = np.zeros(len(dealing.part), bool)
    member[documents] = True
    order = np.random.default_rng([seed, epoch, _PARTS]).permutation(len(dealing))
    parts = [dealing.documents(number) for number in range(len(dealing))]
    own = weights[documents]
    alike = bool((own == own[0]).all())
    if alike:
        sizes = np.array([np.count_nonzero(member[numbers]) for numbers in parts])
        marks = np.zeros(0)
        bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes[order])])
        begins = bounds
    else:
        sums = np.array(
            [weights[numbers[member[numbers]]].sum(dtype=np.float64) for numbers in parts]
        )
        begins = np.concatenate([np.zeros(1), np.cumsum(sums[order])])
        rng = np.random.default_rng([seed, epoch, _MARKS])
        marks = (np.arange(len(documents)) + rng.random()) * (begins[-1] / len(documents))
        bounds = np.searchsorted(marks, begins)
        bounds[-1] = len(marks)  # rounding may put a mark past the end
    for place in range(first, len(dealing)):
        part = int(order[place])
        numbers = parts[part]
        rows = np.flatnonzero(member[numbers])
        if not alike and len(rows):
            edges = begins[place] + np.cumsum(weights[numbers[rows]], dtype=np.float64)
            drawn = np.searchsorted(edges, marks[bounds[place] : bounds[place + 1]], side="right")
            last = int(np.flatnonzero(weights[numbers[rows]])[-1]) if len(drawn) else 0
            rows = rows[np.minimum(drawn, last)]
        shuffled = np.random.default_rng([seed, epoch, part]).permutation(rows)
        yield Turn(part, shuffled.astype(np.int32), int(bounds[place]))


def drawn_order(weights: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int64]:
    """The places of documents in the order of an epoch, random: each once, or with weights w_i·n/Σw
    times on average, rounded at random (systematic resampling)."""
    n = len(weights)
    if (weights == weights[0]).all():
        return rng.permutation(n)
    edges = np.cumsum(weights, dtype=np.float64)
    marks = (np.arange(n) + rng.random()) * (edges[-1] / n)
    last = int(np.flatnonzero(weights)[-1])  # rounding may put a mark past the end
    return rng.permutation(np.minimum(np.searchsorted(edges, marks, side="right"), last))
