"""Weights where label and feature met, as a run of SGD takes those of a linear model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.kernels import met_rows as kernels
from textmlr.kernels import support_sums
from textmlr.kernels.csr_rows import Csr
from textmlr.kernels.met_rows import MetRows
from textmlr.model.parameters import Network
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.support.label_sums import codes_of


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """Where label and feature met in some documents: rows of entries, see ``MetRows``.

    starts (V + 1,) int64, labels (m,) int32, met (m,) float32;  many  L
    """

    starts: NDArray[np.int64]
    labels: NDArray[np.int32]
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
        if bias is not None:
            sizes[bias] = labels
        sizes[kernels.WIDE * sizes >= labels] = labels
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        numbers, met = np.empty(int(starts[-1]), np.int32), np.zeros(int(starts[-1]), np.float32)
        place = starts[:-1].copy()
        for rows, own in objective.in_order(order):
            y, places = frozen(rows.codes), frozen(own)
            arrays = rows.features.arrays()
            kernels.list_met(arrays, y, places, labels, frozen(starts), place, numbers, met)
        if bias is not None:
            met[starts[bias] : starts[bias + 1]] = 1
        return cls(starts, numbers, met, labels)

    def zeros(self) -> MetWeights:
        """Weights that are all 0."""
        return MetWeights(
            np.zeros((len(self.labels), 1), np.float32),
            np.zeros((0, self.many), np.float32),
            np.array([0, self.many], np.int64),
            self,
        )


@dataclass(frozen=True, slots=True, eq=False)
class MetWeights(Network):
    """The parameters of a linear model whose weights stand only where label and feature met.

    theta  (m, 1) float32   the weight of each entry of ``entries``
    """

    entries: Met

    def rows(self) -> MetRows:
        """As kernels take them."""
        own = self.entries
        return MetRows(frozen(own.starts), frozen(own.labels), frozen(own.met), self.theta[:, 0])

    def initialise(self, rng: np.random.Generator) -> None:
        """Make all weights 0."""
        self.clear()

    def scores(self, rows: Csr, out: NDArray[np.float32]) -> None:
        """Write score(x, ℓ) of rows to out, (n, L)."""
        kernels.scores(rows, self.rows(), out)

    def scale_rows(self, scale: NDArray[np.float32]) -> None:
        """Multiply each row of θ by its factor: (V,)."""
        self.theta[:, 0] *= np.repeat(scale, np.diff(self.entries.starts))

    def row(self, number: int) -> NDArray[np.float32]:
        """The weights of a row, which is as long as there are labels: a view, (L,)."""
        own = self.entries
        assert own.starts[number + 1] - own.starts[number] == own.many
        return self.theta[own.starts[number] : own.starts[number + 1], 0]
