"""The likelihood of documents' labels, as the exact solver needs it.

One label a document makes a softmax, sets of labels make independent sigmoids.  Either has losses
and a Hessian by scores, and a dual with a p for each document and label.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.features.csr_features import Features
from textmlr.kernels import csr_products, dual_ascent, sigmoid_ascent, softmax

Array = NDArray[np.float64]
SLIP = 1e-3  # share of all other labels in the first p


class Likelihood(ABC):
    """The labels of n documents, and P of them given scores (n, L).

    labels      L
    rows, codes (m,) both   each document and label that go together
    wanted      the labels as kernels take them
    least, most   bounds of p in the dual
    """

    least: ClassVar[float] = dual_ascent.FLOOR
    most: ClassVar[float] = 1.0
    start: ClassVar[Callable[..., Any]]
    epoch: ClassVar[Callable[..., Any]]
    _losses: ClassVar[Callable[..., Any]]
    _divergences: ClassVar[Callable[..., Any]]
    _curve: ClassVar[Callable[..., Any]]

    def __init__(
        self, labels: int, rows: NDArray[np.int64], codes: NDArray[np.int32], wanted: NDArray[Any]
    ) -> None:
        self.labels, self.rows, self.codes = labels, rows, codes
        self.wanted = frozen(wanted)

    def add(self, amounts: Array, out: Array) -> None:
        """out[i, l] += amounts_i for each label l of document i."""
        out[self.rows, self.codes] += amounts[self.rows]

    def losses(self, scores: Array, weights: Array, p: Array) -> float:
        """Write P(l | x_i) to p; the weighted sum of the losses, in nats."""
        return float(self._losses(frozen(scores), self.wanted, frozen(weights), p))

    def divergences(self, scores: Array, p: Array, shares: Array, gaps: Array) -> float:
        """Write share_i·KL(p_i ‖ P(· | x_i)) to gaps; the sum of the losses, each times share_i."""
        return float(
            self._divergences(frozen(scores), self.wanted, frozen(p), frozen(shares), gaps)
        )

    def curve(self, scores: Array, p: Array, weights: Array) -> Array:
        """The Hessian of the weighted losses by scores, at p, times a direction: (n, L)."""
        out = np.empty_like(p)
        self._curve(frozen(scores), frozen(p), frozen(weights), out)
        return out

    @abstractmethod
    def first_guess(self) -> Array:
        """p to begin at: nearly sure of each document's own labels, so that θ(p) is nearly 0."""

    @abstractmethod
    def normalised(self, p: Array) -> Array:
        """Probabilities near p, whose numbers may be a little off; it is overwritten."""

    @abstractmethod
    def logs(self, p: Array) -> Array:
        """The state of the dual's ascent: scores whose P is p."""

    @abstractmethod
    def surprise(self, p: Array) -> Array:
        """−log p of each document's labels: (n,) nats."""

    @abstractmethod
    def distance(self, p: Array) -> Array:
        """‖[· is a label of i] − p_i‖² of each document: (n,)."""

    @abstractmethod
    def loss_at_zero(self) -> float:
        """The loss of a document whose scores are all 0, in nats."""

    @abstractmethod
    def separates(self, scores: Array) -> bool:
        """Whether no label is on the wrong side of others, by more than rounding."""

    @abstractmethod
    def has_free_column(self, columns: Features) -> bool:
        """Whether a weight would go to infinity without a penalty, for a reason that one column
        tells: all its values have one sign, and all or none of its documents have the label."""


class SoftmaxLikelihood(Likelihood):
    """One label a document;  wanted  (n,) int32, its code."""

    start = staticmethod(dual_ascent.start)
    epoch = staticmethod(dual_ascent.epoch)
    _losses = staticmethod(softmax.losses)
    _divergences = staticmethod(dual_ascent.divergences)
    _curve = staticmethod(csr_products.curve)

    def __init__(self, y: NDArray[np.int32], labels: int) -> None:
        super().__init__(labels, np.arange(len(y)), y, y)

    def first_guess(self) -> Array:
        p = np.full((len(self.rows), self.labels), SLIP / max(self.labels - 1, 1))
        p[self.rows, self.codes] = 1 - SLIP
        return p

    def normalised(self, p: Array) -> Array:
        np.maximum(p, 0, out=p)
        p /= p.sum(axis=1, keepdims=True)
        return p

    def logs(self, p: Array) -> Array:
        return np.log(p)

    def surprise(self, p: Array) -> Array:
        return -np.log(p[self.rows, self.codes])

    def distance(self, p: Array) -> Array:
        square: Array = (p**2).sum(axis=1) + 1 - 2 * p[self.rows, self.codes]
        return square

    def loss_at_zero(self) -> float:
        return float(np.log(self.labels))

    def separates(self, scores: Array) -> bool:
        others = scores.copy()
        own = others[self.rows, self.codes]
        others[self.rows, self.codes] = -np.inf
        ahead = own - others.max(axis=1)
        return bool((ahead > 1e-9 * np.abs(scores).max()).all())

    def has_free_column(self, columns: Features) -> bool:
        return _free_column(columns, self.wanted, self.labels)


class SigmoidsLikelihood(Likelihood):
    """Sets of labels;  wanted  (n, L) uint8, 1 where the document has the label."""

    most = sigmoid_ascent.CEILING
    start = staticmethod(sigmoid_ascent.start)
    epoch = staticmethod(sigmoid_ascent.epoch)
    _losses = staticmethod(sigmoid_ascent.losses)
    _divergences = staticmethod(sigmoid_ascent.divergences)
    _curve = staticmethod(sigmoid_ascent.curve)

    def __init__(self, y: LabelSets, labels: int) -> None:
        super().__init__(labels, y.rows, y.codes, y.indicator(labels).view(np.uint8))

    def first_guess(self) -> Array:
        p = np.full(self.wanted.shape, SLIP)
        p[self.rows, self.codes] = 1 - SLIP
        return p

    def normalised(self, p: Array) -> Array:
        np.clip(p, self.least, self.most, out=p)
        return p

    def logs(self, p: Array) -> Array:
        logits: Array = np.log(p) - np.log1p(-p)
        return logits

    def surprise(self, p: Array) -> Array:
        lost: Array = -np.log(np.where(self.wanted, p, 1 - p)).sum(axis=1)
        return lost

    def distance(self, p: Array) -> Array:
        square: Array = np.square(self.wanted - p).sum(axis=1)
        return square

    def loss_at_zero(self) -> float:
        return self.labels * float(np.log(2))

    def separates(self, scores: Array) -> bool:
        # Each label is a question of its own: one that is told apart has no minimum.
        ahead = np.where(self.wanted, scores, -scores)
        return bool((ahead > 1e-9 * np.abs(scores).max(axis=0)).all(axis=0).any())

    def has_free_column(self, columns: Features) -> bool:
        codes = (np.ascontiguousarray(own, np.int32) for own in self.wanted.T)
        return any(_free_column(columns, own, 2) for own in codes)


def likelihood_of(y: Targets, labels: int) -> Likelihood:
    """The likelihood of these labels, of L."""
    if isinstance(y, LabelSets):
        return SigmoidsLikelihood(y, labels)
    return SoftmaxLikelihood(y.astype(np.int32, copy=False), labels)


def _free_column(columns: Features, y: NDArray[np.int32], labels: int) -> bool:
    seen = np.full(labels, -1, np.int32)
    found: int = csr_products.free_column(*columns.arrays(), frozen(y), labels, seen)
    return found >= 0
