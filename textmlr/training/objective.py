"""The objective of training, for any solver: mean loss + (λ/2)‖θ‖² over CSR rows and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import BLOCK_ENTRIES, frozen
from textmlr.base.threads import map_blocks
from textmlr.corpus.label_sets import LabelSets, Targets, label_counts
from textmlr.features.csr_features import Features
from textmlr.kernels import csr_rows
from textmlr.kernels import linear as kernels
from textmlr.model.heads import SOFTMAX, Head
from textmlr.model.parameters import Network
from textmlr.model.scoring import row_blocks, score


@dataclass(frozen=True, eq=False)
class Objective:
    """Weighted mean of −log P(y_i | x_i; θ), plus (l2/2)·‖θ‖².

    A solver sees no more than this: no text, no label names.

    features  f(x) of n documents
    y         (n,) int32   label codes below labels; label sets, if the head takes these
    weights   (n,) float32 >= 0, not all 0
    labels    L
    l2        λ; the bias row is penalised like the others
    unit_from rows have length 1 over the columns from this one on, which are those of documents
              seen before; None: they have no such length
    head      how scores become a loss
    """

    features: Features
    y: Targets
    weights: NDArray[np.float32]
    labels: int
    l2: float = 0.0
    unit_from: int | None = None
    head: Head = SOFTMAX

    @property
    def columns(self) -> int:
        """V."""
        return self.features.columns

    @property
    def nonzeros(self) -> int:
        """Entries of f(x) of all documents."""
        return len(self.features.indices)

    @property
    def codes(self) -> NDArray[np.int32]:
        """y of documents of one label each: (n,)."""
        assert not isinstance(self.y, LabelSets)
        return self.y.astype(np.int32, copy=False)

    @property
    def label_weights(self) -> NDArray[np.float64]:
        """(L,) sums of the weights of the documents of each label."""
        return label_counts(self.y, self.labels, self.weights)

    @property
    def total_weight(self) -> float:
        """Sum of the weights."""
        return float(self.weights.sum(dtype=np.float64))

    def mean_square_length(self) -> float:
        """Weighted mean of ‖f(x)‖²: an SGD step much above its inverse overshoots."""
        squares = np.empty(len(self.y), np.float64)
        kernels.square_lengths(frozen(self.features.indptr), frozen(self.features.values), squares)
        return float((squares * self.weights).sum()) / self.total_weight

    @cached_property
    def unit(self) -> float:
        """The unit of learning rates, 1 / mean ‖f(x)‖²; any will do where all rows are empty."""
        return 1.0 / (self.mean_square_length() or 1.0)

    def value(self, network: Network) -> float:
        """The objective at θ, in nats; the penalty is on the weights of every layer."""
        square = sum(float(np.square(w, dtype=np.float64).sum()) for w in network.layers)
        return self.evaluate(network)[0] + 0.5 * self.l2 * square

    def evaluate(self, network: Network) -> tuple[float, float]:
        """(mean loss without the penalty, in nats; accuracy) at θ, both weighted."""
        loss = correct = 0.0
        for rows in row_blocks(len(self.y), self.labels):
            scores = score(self.features, network, rows)
            y, weights = self.y[rows], self.weights[rows]
            loss += self.head.loss(scores, y, weights)
            correct += float(weights[self.head.right(scores, y)].sum(dtype=np.float64))
        return loss / self.total_weight, correct / self.total_weight

    def gradient(self, theta: NDArray[np.float32]) -> NDArray[np.float64]:
        """The gradient of ``value`` at theta of a linear model: (V, L) float64."""
        out = np.zeros(theta.shape, np.float64)
        for rows in row_blocks(len(self.y), self.labels):
            scores = score(self.features, Network.of([theta]), rows)
            part = replace(self.features, indptr=self.features.indptr[rows.start : rows.stop + 1])
            self.head.add_gradient(part, scores, self.y[rows], self.weights[rows], out)
        return out / self.total_weight + self.l2 * theta

    def scaled(
        self, scale: NDArray[np.float32], threads: int = 1, *, in_place: bool = False
    ) -> Objective:
        """This objective as one of w, where θ_f = scale_f·w_f: its features are scale_f·f(x)_f.

        scale     (V,) float32;  the penalty is (l2/2)·‖w‖²
        in_place  write them over this objective's, which is lost
        """
        features = self.features
        values = features.values if in_place else np.empty_like(features.values)

        def run(first: int) -> None:
            part = slice(first, first + BLOCK_ENTRIES)
            kernels.scale_columns(
                frozen(features.indices[part]),
                frozen(features.values[part]),
                frozen(scale),
                values[part],
            )

        for _ in map_blocks(run, range(0, len(values), BLOCK_ENTRIES), threads):
            pass
        return replace(self, features=replace(features, values=values), unit_from=None)

    def take(self, documents: NDArray[np.int64]) -> Objective:
        """This objective over some of the documents (numbers, ascending)."""
        features = self.features
        size = int(np.diff(features.indptr)[documents].sum())
        indptr, indices = np.empty(len(documents) + 1, np.int64), np.empty(size, np.int32)
        values = np.empty(size, np.float32)
        kernels.take(
            frozen(features.indptr),
            frozen(features.indices),
            frozen(features.values),
            frozen(documents),
            indptr,
            indices,
            values,
        )
        chosen = Features(indptr, indices, values, features.columns)
        y, weights = self.y[documents], self.weights[documents]
        return replace(self, features=chosen, y=y, weights=weights)

    def in_order(
        self, documents: NDArray[np.int64]
    ) -> Iterator[tuple[Objective, NDArray[np.int64]]]:
        """Rows of documents (numbers, in any order), as many at a time as memory holds: (rows, the
        place of each of the next documents among them); here all at once."""
        yield self, documents

    def documents_of(self) -> NDArray[np.int32]:
        """The number of documents that each column occurs in: (V,) int32."""
        counts = np.zeros(self.features.columns, np.int32)
        csr_rows.document_frequency(frozen(self.features.indices), counts)
        return counts

    def as_new(self, seen: NDArray[np.int32]) -> Objective:
        """This objective, its documents as new to a featurizer that saw other columns only.

        A featurizer leaves out unseen features, and gives the rest length 1.  A row with features
        of no other document is shorter on the rest: a model that is calibrated on such rows is too
        sure on new ones.

        seen  (V,) int32   documents that each column was seen in, 0: not seen
        """
        if self.unit_from is None:
            return self
        rows = self.features
        indptr, indices = np.empty_like(rows.indptr), np.empty_like(rows.indices)
        values = np.empty_like(rows.values)
        kernels.keep_seen(
            frozen(rows.indptr),
            frozen(rows.indices),
            frozen(rows.values),
            frozen(seen),
            self.unit_from,
            indptr,
            indices,
            values,
        )
        end = int(indptr[-1])
        kept = Features(indptr, indices[:end], values[:end], rows.columns)
        return replace(self, features=kept)
