"""Weights where label and feature met, as a run of SGD takes those of a linear model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.kernels import met_rows as kernels
from textmlr.kernels import support_sums
from textmlr.kernels.csr_rows import Csr
from textmlr.kernels.met_rows import MetRows, StepRoom
from textmlr.model.parameters import Network
from textmlr.model.postings import Postings
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.support.label_sums import codes_of


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """Where label and feature met in some documents: see ``MetRows``.

    starts (V + 1,) int64, labels (m,) int32   rows that are not wide
    wide   (V,) int32, met (H, L) float32   those that are
    many   L
    """

    starts: NDArray[np.int64]
    labels: NDArray[np.int32]
    wide: NDArray[np.int32]
    met: NDArray[np.float32]
    many: int

    @classmethod
    def of(cls, objective: AnyObjective, documents: NDArray[np.int64], bias: int | None) -> Met:
        """Of some documents of an objective, those of positive weight;  bias  the column that is
        always 1, which meets every label, None: there is none."""
        labels = objective.labels
        order = documents[np.argsort(codes_of(objective)[documents], kind="stable")]
        order = order[objective.weights[order] > 0]
        sizes = np.zeros(objective.columns, np.int64)
        last = np.full(objective.columns, -1, np.int32)
        for rows, own in objective.in_order(order):
            arrays = rows.features.arrays()
            support_sums.count_pairs(arrays, frozen(rows.codes), frozen(own), last, sizes)
        is_wide = (kernels.WIDE * sizes >= labels) & (sizes > 0)
        if bias is not None:
            is_wide[bias] = True
        wide = np.full(objective.columns, -1, np.int32)
        wide[is_wide] = np.arange(np.count_nonzero(is_wide), dtype=np.int32)
        sizes[is_wide] = 0
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        numbers = np.empty(int(starts[-1]), np.int32)
        met = np.zeros((np.count_nonzero(is_wide), labels), np.float32)
        place = starts[:-1].copy()
        for rows, own in objective.in_order(order):
            y, places = frozen(rows.codes), frozen(own)
            where = frozen(wide), frozen(starts), place, numbers, met
            kernels.list_met(rows.features.arrays(), y, places, *where)
        if bias is not None:
            met[wide[bias]] = 1
        return cls(starts, numbers, wide, met, labels)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Where label and feature met, of each feature: (V,)."""
        sizes = np.diff(self.starts)
        sizes[self.wide >= 0] = np.count_nonzero(self.met, axis=1)
        return sizes

    def zeros(self) -> MetWeights:
        """Weights that are all 0."""
        size = len(self.labels) + self.met.size
        return MetWeights(
            np.zeros((size, 1), np.float32),
            np.zeros((0, self.many), np.float32),
            np.array([0, self.many], np.int64),
            self,
        )


@dataclass(frozen=True, slots=True, eq=False)
class MetWeights(Network):
    """The parameters of a linear model whose weights stand only where label and feature met.

    theta  (H·L + m, 1) float32   wide rows, then the weights of entries
    """

    entries: Met

    @property
    def dense(self) -> NDArray[np.float32]:
        """Wide rows: a view, (H, L)."""
        met = self.entries.met
        return self.theta[: met.size, 0].reshape(met.shape)

    @property
    def narrow(self) -> NDArray[np.float32]:
        """Weights of entries: a view, (m,)."""
        return self.theta[len(self.theta) - len(self.entries.labels) :, 0]

    def rows(self) -> MetRows:
        """As kernels take them."""
        own = self.entries
        return MetRows(
            frozen(own.starts),
            frozen(own.labels),
            self.narrow,
            frozen(own.wide),
            self.dense,
            frozen(own.met),
            frozen(np.asarray(own.met.all(axis=1), np.uint8)),
        )

    def step_room(self, rows: Csr) -> StepRoom:
        """Scratch for such rows of f(x)."""
        many, longest = self.entries.many, int(np.diff(rows.indptr).max(initial=1))
        sums, errors, moves = np.empty((3, many), np.float32)
        listed, wides = np.empty(many, np.int32), np.empty(longest, np.int32)
        return StepRoom(sums, errors, moves, listed, wides, np.empty(longest, np.float32))

    def initialise(self, rng: np.random.Generator) -> None:
        """Make all weights 0."""
        self.clear()

    def scores(self, rows: Csr, out: NDArray[np.float32]) -> None:
        """Write score(x, ℓ) of rows to out, (n, L)."""
        kernels.scores(rows, self.rows(), self.step_room(rows), out)

    def scale_rows(self, scale: NDArray[np.float32]) -> None:
        """Multiply each row of θ by its factor: (V,)."""
        own = self.entries
        self.dense[:] *= scale[own.wide >= 0, None]
        self.narrow[:] *= np.repeat(scale, np.diff(own.starts))

    def row(self, number: int) -> NDArray[np.float32]:
        """A wide row, such as the bias: a view, (L,)."""
        own: NDArray[np.float32] = self.dense[self.entries.wide[number]]
        return own

    def postings(self, bias: int | None) -> Postings:
        """θ as a model has it: no sums, and the bias by itself;  bias  its column, None: 0."""
        own = self.entries
        sizes, met = own.sizes, own.met > 0
        offsets = np.zeros(own.many, np.float32)
        if bias is not None:
            offsets[:] = self.row(bias)
            sizes[bias], met[own.wide[bias]] = 0, False
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        labels, weights = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
        place = np.ones(len(labels), np.bool_)
        rows, columns = np.nonzero(met)
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(met.sum(axis=1))])
        features = np.flatnonzero(own.wide >= 0)
        at = np.arange(len(rows)) - before[rows] + starts[features[rows]]
        labels[at], weights[at], place[at] = columns, self.dense[met], False
        labels[place], weights[place] = own.labels, self.narrow
        return Postings(starts, labels, weights, offsets, np.zeros(own.many, np.float32))
