"""Dual coordinate ascent over documents, most often over those furthest from their optimum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.corpus.label_sets import Targets
from textmlr.kernels import dual_ascent as kernels
from textmlr.training.exact.likelihood import Likelihood, likelihood_of
from textmlr.training.exact.merged_columns import MergedColumns
from textmlr.training.exact.threaded_products import inner_product, multiply

# A document at less than this share of the mean gap takes a nap.  Shares of 0.1 to 0.5 do as well.
NAP_SHARE = 0.2
LOOKING = 0.02  # time to find the documents that are due, as a share of that to visit all


@dataclass(slots=True, eq=False)
class Dual:
    """P of each document's labels as p, and θ(p) over merged columns.

    rows    n documents of positive weight
    likelihood  the labels of the documents
    shares  (n,) float64   c_i = weight_i / (λ · sum of weights)
    l2      λ > 0
    p, logs (n, L) float64   p, and scores that give it
    theta   (columns, L) float64   θ(p)
    gaps    (n,) float64   c_i·KL(p_i ‖ P(· | x_i; θ)), as last seen
    naps    (2, n) int32   length of each document's nap, and the epoch to visit it next in
    seed    (1,) uint64   of the order of the next epoch; where the optimum is does not depend on it
    base    (n, L) float64   scores besides those of θ(p), or (0, L)
    along   (n,) float64     a feature that counts against the others (kernels.dual_ascent), or (0,)
    tide    (L,) float64     its part of θ(p).  ``check`` and ``scores`` leave out these three
    epochs  done
    work    visits of documents / n since it was last set to 0, and LOOKING an epoch
    """

    rows: MergedColumns
    likelihood: Likelihood
    shares: NDArray[np.float64]
    l2: float
    p: NDArray[np.float64]
    logs: NDArray[np.float64]
    theta: NDArray[np.float64]
    gaps: NDArray[np.float64]
    naps: NDArray[np.int32]
    seed: NDArray[np.uint64]
    base: NDArray[np.float64]
    along: NDArray[np.float64]
    tide: NDArray[np.float64]
    epochs: int = 0
    work: float = 0.0

    @classmethod
    def at(
        cls,
        rows: MergedColumns,
        y: Targets,
        shares: NDArray[np.float64],
        l2: float,
        p: NDArray[np.float64],
        base: NDArray[np.float64] | None = None,
        along: NDArray[np.float64] | None = None,
    ) -> Dual:
        """Begin at p (n, L) float64, which is overwritten; for a softmax rows sum to 1."""
        labels = p.shape[1]
        likelihood = likelihood_of(y, labels)
        np.clip(p, likelihood.least, likelihood.most, out=p)
        features = rows.features
        theta = np.empty((features.columns, labels))
        likelihood.start(
            *features.arrays(),
            likelihood.wanted,
            frozen(shares),
            frozen(p),
            theta,
            np.empty(labels),
        )
        gaps = np.full(len(shares), np.inf)
        naps, seed = np.zeros((2, len(shares)), np.int32), np.ones(1, np.uint64)
        if base is None:
            base = np.zeros((0, labels))
        dual = cls(
            rows,
            likelihood,
            shares,
            l2,
            p,
            likelihood.logs(p),
            theta,
            gaps,
            naps,
            seed,
            base,
            np.zeros(0),
            np.zeros(labels),
        )
        if along is not None:
            dual.along = along
            dual.tide = (along[:, None] * dual.coefficients).sum(axis=0)
            squares = np.maximum(rows.squares - along * along, 0)
            dual.rows = replace(rows, squares=squares)
        return dual

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """(n, L) in θ(p) = sum_i x_i ⊗ coefficients_i."""
        out = -self.shares[:, None] * self.p
        self.likelihood.add(self.shares, out)
        return out

    def epoch(self) -> float:
        """Visit all documents that are not napping; return the duality gap seen meanwhile
        (nats)."""
        order = np.empty(len(self.shares), np.int32)
        order = order[: kernels.draw(frozen(self.naps), self.epochs, self.seed, order)]
        mean = float(self.gaps.mean())
        documents = kernels.Documents(
            self.likelihood.wanted,
            frozen(self.shares),
            frozen(self.rows.squares),
            frozen(self.rows.alone),
            frozen(self.base),
            frozen(self.along),
        )
        self.likelihood.epoch(
            self.rows.features.arrays(),
            documents,
            frozen(order),
            kernels.Ascent(self.theta, self.tide, self.logs, self.p, self.gaps, self.naps),
            self.epochs,
            NAP_SHARE * mean if np.isfinite(mean) else 0.0,
            np.empty((4, self.p.shape[1])),
        )
        self.epochs += 1
        self.work += len(order) / len(self.shares) + LOOKING
        return self.l2 * float(self.gaps.sum())

    def value(self) -> float:
        """The objective at θ(p) in nats, if p is what θ(p) gives: near the optimum it nearly is."""
        losses, square = self.likelihood.surprise(self.p), self.likelihood.distance(self.p)
        own = self.rows.alone * self.shares**2
        length = inner_product(self.theta, self.theta) + float((own * square).sum())
        length -= float((self.tide**2).sum())
        return self.l2 * (float((self.shares * losses).sum()) + 0.5 * length)

    def check(self, threads: int) -> tuple[float, float]:
        """(objective, duality gap) at θ(p), in nats; documents that are not at rest wake up."""
        coefficients = self.coefficients
        scores = self.scores(coefficients, threads)
        loss = self.likelihood.divergences(scores, self.p, self.shares, self.gaps)
        self.naps[:, self.gaps >= NAP_SHARE * self.gaps.mean()] = 0
        value = self.l2 * (loss + 0.5 * inner_product(coefficients, scores))
        return value, self.l2 * float(self.gaps.sum())

    def scores(self, coefficients: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
        """θ(p)ᵀf(x_i, l) of all documents: (n, L)."""
        scores = multiply(self.rows.features, self.theta, threads)
        scores += self.rows.alone[:, None] * coefficients
        return scores


def first_guess(y: Targets, labels: int) -> NDArray[np.float64]:
    """p to begin at, of L labels: see ``Likelihood``."""
    return likelihood_of(y, labels).first_guess()
