"""Calibration of a sparse θ: how much scores say, and the share of the base rates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.kernels import support_steps as kernels
from textmlr.kernels.csr_rows import Csr
from textmlr.kernels.support_steps import SupportTheta
from textmlr.model.scoring import Mixed
from textmlr.training.support.left_out import room_of

# Factors of all scores, and exponents of the highest of them, that are tried; then those between
# the best and its neighbours.  Few documents say nothing of the exponent.
FACTORS = np.array([0.35, 0.5, 0.7, 1.0, 1.4])
EXPONENTS = np.array([0.0, -0.3, -0.6, -0.9])
FEW = 100
FINER = 2
LEAST_QUANTILE = 0.05
NARROWEST = 1e-3
# These are fitted to as many judges as touch so many labels in all.
TOUCHED = 1 << 22
SHARES = np.array([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3])
SHARES = np.concatenate([SHARES, np.array([0.4, 0.5, 0.6, 0.7, 0.8])])


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures of documents that θ was not trained on, as ``TrialRun`` has them.

    loss  mean −ln P, nats
    """

    loss: float
    accuracy: float
    never_answered: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Judges:
    """Documents that judge a sparse θ.

    rows, y    f(x) of n documents, and their labels
    shifts     (n, 2) see ``LeftOut.shifts``
    weights, rates   (n,) their own, and the base rates of their labels
    """

    rows: Csr
    y: NDArray[np.int32]
    shifts: NDArray[np.float32]
    weights: NDArray[np.float64]
    rates: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.y)

    def calibrate(self, theta: SupportTheta, *, tempered: bool = True) -> tuple[Mixed, Judged]:
        """(the calibration of least loss, the figures of the judges with it).

        tempered  False: scores stay as they are, and only the share is fitted
        """
        everyone = np.arange(len(self))
        some = self._some(theta)
        tops = np.maximum(self._losses(theta, some, np.ones((len(some), 1)))[0], NARROWEST)
        spread = float(np.exp(np.mean(np.log(tops))))
        best = Mixed(1.0, 0.0, spread, float(np.quantile(tops, LEAST_QUANTILE)))
        if tempered:
            best = self._tempered(theta, some, tops, best)
        tops = self._losses(theta, everyone, np.ones((len(self), 1)))[0]
        losses, right = self._losses(theta, everyone, _multipliers([best], tops))[1]
        loss, share = self._mixed(everyone, losses[:, 0])
        accuracy = float(np.average(right[:, 0], weights=self.weights))
        return replace(best, share=share), Judged(loss, accuracy)

    def _tempered(
        self, theta: SupportTheta, some: NDArray[np.int64], tops: NDArray[np.float64], plain: Mixed
    ) -> Mixed:
        """The best factor and exponent for some documents;  tops (d,) their highest sums."""
        exponents = EXPONENTS if len(some) >= FEW else np.zeros(1)
        factors, steps = FACTORS, (1.4, 0.3)
        least, best = np.inf, plain
        for _ in range(FINER + 1):
            grid = [replace(plain, factor=f, exponent=e) for f in factors for e in exponents]
            losses = self._losses(theta, some, _multipliers(grid, tops))[1][0]
            for one, own in zip(grid, losses.T, strict=True):
                loss, _ = self._mixed(some, own)
                if loss < least:
                    least, best = loss, one
            steps = steps[0] ** 0.5, steps[1] / 2
            near = np.array([-1.0, 0.0, 1.0])
            factors = best.factor * steps[0] ** near
            if len(exponents) > 1:
                exponents = np.minimum(best.exponent + steps[1] * near, 0.0)
        return replace(best, factor=float(best.factor), exponent=float(best.exponent))

    def _some(self, theta: SupportTheta) -> NDArray[np.int64]:
        """Numbers of as many documents as touch TOUCHED labels, ascending."""
        entries = np.diff(theta.starts)[self.rows.indices]
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(entries)])[self.rows.indptr]
        touched = np.minimum(np.diff(ends), len(theta.bias)).sum()
        return np.arange(0, len(self), max(1, int(touched) // TOUCHED))

    def _mixed(
        self, documents: NDArray[np.int64], losses: NDArray[np.float64]
    ) -> tuple[float, float]:
        """(least loss with a share of the base rates, that share);  losses (d,) of the softmax."""
        own = np.exp(-losses)[:, None]
        p = (1 - SHARES) * own + SHARES * self.rates[documents, None]
        means = np.average(-np.log(p), axis=0, weights=self.weights[documents])
        best = int(np.argmin(means))
        return float(means[best]), float(SHARES[best])

    def _losses(
        self, theta: SupportTheta, documents: NDArray[np.int64], multipliers: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(the highest Σ f(x)·θ of each document, (2, d, g) as ``tempered_losses`` writes it)."""
        powers: NDArray[np.float64] = np.exp(theta.bias.astype(np.float64))
        theta.powers[:] = powers
        tops, losses = np.empty(len(documents)), np.empty((2, *multipliers.shape))
        kernels.tempered_losses(
            self.rows,
            frozen(self.y),
            frozen(self.shifts),
            frozen(documents),
            frozen(np.ascontiguousarray(multipliers, np.float32)),
            theta,
            float(powers.sum()),
            room_of(len(theta.bias)),
            tops,
            losses,
        )
        return tops, losses


def _multipliers(grid: list[Mixed], tops: NDArray[np.float64]) -> NDArray[np.float64]:
    """By what the sums of each document are multiplied, with the factor: (d, g)."""
    heights = [np.log(np.maximum(tops, one.least) / one.spread) for one in grid]
    times = [o.factor * np.exp(o.exponent * h) for o, h in zip(grid, heights, strict=True)]
    return np.stack(times, axis=1)
