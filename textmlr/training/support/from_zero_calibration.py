"""Calibration of a sparse θ by the scores of all labels, where these are not very many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.kernels import met_rows as kernels
from textmlr.model.scoring import Mixed
from textmlr.training.calibration import (
    EXPONENT_PRIOR,
    FACTOR_PRIOR,
    LEAST_QUANTILE,
    NARROWEST,
    USUAL_EXPONENT,
    Measured,
    Scored,
    newton,
)

LOWEST_EXPONENT = -2.0


@dataclass(frozen=True, slots=True, eq=False)
class SumsScored(Scored):
    """Documents with their scores, and what the bias has in these.

    bias  (n, L) float32   each row that of the run which scored the document
    """

    bias: NDArray[np.float32] = field(kw_only=True)

    @classmethod
    def at(cls, scored: Scored, bias: NDArray[np.float32]) -> SumsScored:
        """The documents that a run with this bias scored: (L,)."""
        own = np.tile(bias, (len(scored.scores), 1))
        return cls(scored.scores, scored.y, scored.weights, scored.head, bias=own)

    @classmethod
    def joined(cls, parts: Sequence[Scored]) -> SumsScored:
        """The documents of all parts."""
        both = Scored.joined(parts)
        bias = [part.bias for part in parts if isinstance(part, SumsScored)]
        own = np.concatenate(bias)
        return cls(both.scores, both.y, both.weights, both.head, bias=own)

    def take(self, chosen: NDArray[np.bool_]) -> SumsScored:
        """Some of the documents."""
        own = Scored.take(self, chosen)
        bias = self.bias[chosen]
        return SumsScored(own.scores, own.y, own.weights, own.head, bias=bias)


def calibrate_sums(scored: SumsScored) -> tuple[Mixed, float]:
    """(the calibration by which the documents' weighted mean loss is least, that loss).

    As ``training.calibration.calibrate``, but that the multiplier of a document goes by the highest
    of its sums, what features add to scores, and leaves the bias as it is: see ``Mixed``.
    """
    fit = _SumsFit(scored)
    x, loss = fit.run(free=2)
    if not LOWEST_EXPONENT <= x[1] <= 0.0:
        x, loss = fit.run(free=1, exponent=float(np.clip(x[1], LOWEST_EXPONENT, 0.0)))
    return Mixed(float(np.exp(x[0])), float(x[1]), fit.spread, fit.least), loss


class _SumsFit:
    """x = (ln factor, exponent), by Newton's method with the curvature that is never negative."""

    def __init__(self, scored: SumsScored) -> None:
        n = len(scored.y)
        self._scored = scored
        assert not scored.head.has_sets
        self._y = np.asarray(scored.y, np.int32)
        tops = np.maximum((scored.scores - scored.bias).max(axis=1), 0.0).astype(np.float64)
        tops = np.maximum(tops, NARROWEST)
        self.least = float(np.quantile(tops, LEAST_QUANTILE))
        self.spread = float(np.exp(np.log(tops).mean()))
        self._tilt = np.log(np.maximum(tops, self.least) / self.spread)
        weights = scored.weights.astype(np.float64)
        self._weights = weights / weights.sum()
        self._prior = np.array([FACTOR_PRIOR, EXPONENT_PRIOR]) / n
        self._usual = np.array([0.0, USUAL_EXPONENT if scored.scores.shape[1] > 2 else 0.0])

    def run(self, *, free: int, exponent: float | None = None) -> tuple[NDArray[np.float64], float]:
        """(x, mean loss) at the minimum over the first ``free`` of x."""
        x = self._usual.copy()
        if exponent is not None:
            x[1] = exponent
        return newton(self._measure, x, free)

    def _measure(self, x: NDArray[np.float64]) -> Measured:
        """(mean loss + penalty, mean loss, gradient (2,), curvature (2, 2)) at x."""
        scored, out = self._scored, np.empty((len(self._y), 6))
        kernels.tempered_sums(
            frozen(scored.scores),
            frozen(scored.bias),
            frozen(self._y),
            frozen(np.full(len(self._y), np.exp(x[0]))),
            frozen(np.exp(x[1] * self._tilt)),
            out,
        )
        loss = float(self._weights @ out[:, 0])
        tilted = self._weights * self._tilt
        off = x - self._usual
        slope = np.array([self._weights @ out[:, 1], tilted @ out[:, 2]]) + self._prior * off
        curvature = np.diag(self._prior)
        curvature[0, 0] += self._weights @ out[:, 3]
        curvature[0, 1] = curvature[1, 0] = tilted @ out[:, 4]
        curvature[1, 1] += (tilted * self._tilt) @ out[:, 5]
        return loss + float(self._prior @ (off * off)) / 2, loss, slope, curvature
