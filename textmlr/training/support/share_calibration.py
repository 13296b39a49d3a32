"""Calibration of a sparse θ: how much scores say, and the share of the base rates."""

from __future__ import annotations

from dataclasses import dataclass

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
SHARES = np.array([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3])
SHARES = np.concatenate([SHARES, np.array([0.4, 0.5, 0.6, 0.7, 0.8])])


@dataclass(frozen=True, slots=True, eq=False)
class Judges:
    """Documents that judge a sparse θ.

    rows, y    f(x) of n documents, of which ``documents`` judge, and their labels
    shifts     (n, 2) see ``LeftOut.shifts``
    weights, rates   of those that judge: (d,), their own, and the base rates of their labels
    """

    rows: Csr
    y: NDArray[np.int32]
    shifts: NDArray[np.float32]
    documents: NDArray[np.int64]
    weights: NDArray[np.float64]
    rates: NDArray[np.float64]

    def calibrate(
        self, theta: SupportTheta, *, tempered: bool = True
    ) -> tuple[Mixed, float, float]:
        """(the calibration of least loss, its loss: mean −ln P, nats; accuracy).

        tempered  False: scores stay as they are, and only the share is fitted
        """
        tops = self._losses(theta, np.ones((len(self.documents), 1)))[0]
        tops = np.maximum(tops, NARROWEST)
        spread = float(np.exp(np.mean(np.log(tops))))
        least = float(np.quantile(tops, LEAST_QUANTILE))
        factors, exponents = FACTORS, EXPONENTS
        if len(tops) < FEW or not tempered:
            exponents = np.zeros(1)
        if not tempered:
            factors = np.ones(1)
        best = (np.inf, 1.0, 0.0, 0.0, 0.0)
        steps = 1.4, 0.3
        for _ in range(FINER + 1):
            grid = [(factor, exponent) for factor in factors for exponent in exponents]
            heights = np.log(np.maximum(tops, least) / spread)
            multipliers = np.stack([f * np.exp(e * heights) for f, e in grid], axis=1)
            losses, right = self._losses(theta, multipliers)[1]
            accuracies = np.average(right, axis=0, weights=self.weights)
            for at, own in enumerate(losses.T):
                loss, share = self._mixed(own)
                factor, exponent = map(float, grid[at])
                best = min(best, (loss, factor, exponent, share, float(accuracies[at])))
            steps = steps[0] ** 0.5, steps[1] / 2
            if not tempered:
                break
            factors = best[1] * steps[0] ** np.array([-1.0, 0.0, 1.0])
            if len(exponents) > 1:
                exponents = np.minimum(best[2] + steps[1] * np.array([-1.0, 0.0, 1.0]), 0.0)
        loss, factor, exponent, share, accuracy = best
        return Mixed(factor, exponent, spread, least, share=share), loss, accuracy

    def _mixed(self, losses: NDArray[np.float64]) -> tuple[float, float]:
        """(least loss with a share of the base rates, that share);  losses (d,) of the softmax."""
        own = np.exp(-losses)[:, None]
        p = (1 - SHARES) * own + SHARES * self.rates[:, None]
        means = np.average(-np.log(p), axis=0, weights=self.weights)
        best = int(np.argmin(means))
        return float(means[best]), float(SHARES[best])

    def _losses(
        self, theta: SupportTheta, multipliers: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(the highest Σ f(x)·θ of each document, (2, d, g) as ``tempered_losses`` writes it)."""
        powers: NDArray[np.float64] = np.exp(theta.bias.astype(np.float64))
        theta.powers[:] = powers
        tops, losses = np.empty(len(self.documents)), np.empty((2, *multipliers.shape))
        kernels.tempered_losses(
            self.rows,
            frozen(self.y),
            frozen(self.shifts),
            frozen(self.documents),
            frozen(np.ascontiguousarray(multipliers, np.float32)),
            theta,
            float(powers.sum()),
            room_of(len(theta.bias)),
            tops,
            losses,
        )
        return tops, losses
