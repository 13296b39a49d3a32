"""Integrated gradients: the mean slope of scores by the first layer's sums, on a path.

A document's features act on its scores through the sums of the first layer alone, s = θ_1ᵀf(x).  On
the straight path from the bias alone, the features of no document, to x, f grows from α = 0 to 1
and with it s(α) = start + α·change.  The integrated gradient of feature f is

    f(x)_f · ∫₀¹ ∂score/∂f_f dα = f(x)_f · θ_1[f] · ∫₀¹ ∂score/∂s dα

and these add up to the score minus that of the bias alone (Sundararajan, Taly and Yan, ICML
2017, proposition 1).  The integral on the right, the mean slope, is one number a unit, whatever the
number of features.  Without hidden layers s are the scores, and the mean slope of a label by its
own is exactly 1.

Between the places where a ReLU turns on or off the slope does not change, so that its mean is
exact; that of tanh is found by quadrature.  All is computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import Activation

Reals = NDArray[np.float64]
NODES = 256  # places on the path whose slopes are in memory at a time
# With tanh a piece of the path is halved until its halves agree with the whole to so many nats
# (if more than one: to this share of them), but no further than to pieces of 2^-DEEPEST.
GAUSS = 16
ACCURACY = 1e-7
DEEPEST = 40


@dataclass(frozen=True, slots=True, eq=False)
class GradientPath:
    """The path from the bias alone to a document.

    upper          the layers above the first, each (W + 1, W') with the biases in the last row
    activation     of the hidden layers
    start, change  (W1,) float64   sums of the bias alone, and the features' part
    wanted         (L, J) float64   J sums of scores whose slopes are asked for
    """

    upper: Sequence[Reals]
    activation: Activation
    start: Reals
    change: Reals
    wanted: Reals

    @classmethod
    def of(
        cls,
        layers: Sequence[NDArray[np.float32]],
        activation: Activation,
        start: Reals,
        stop: Reals,
        wanted: Reals,
    ) -> GradientPath:
        """The path through a model's layers; stop (W1,) float64 are the sums of the document."""
        upper = [layer.astype(np.float64) for layer in layers[1:]]
        return cls(upper, activation, start, stop - start, wanted)

    def scores(self, places: Reals) -> Reals:
        """(m, L), not calibrated, at the places α (m,)."""
        return self._sums(places, len(self.upper))[-1]

    def mean_slopes(self) -> Reals:
        """∫₀¹ ∂(scores·wanted)/∂s dα: (W1, J)."""
        if self.activation == "tanh" and self.upper:
            return self._smooth()
        breaks = self._breaks() if self.activation == "relu" else np.array([0.0, 1.0])
        return self._weighted((breaks[:-1] + breaks[1:]) / 2, np.diff(breaks))

    def _sums(self, places: Reals, layers: int) -> list[Reals]:
        """Sums of the first layer and of ``layers`` above it, each (m, W), at the places (m,)."""
        activate, _ = _FUNCTIONS[self.activation]
        sums = [self.start + places[:, None] * self.change]
        for layer in self.upper[:layers]:
            sums.append(activate(sums[-1]) @ layer[:-1] + layer[-1])
        return sums

    def _weighted(self, places: Reals, weights: Reals) -> Reals:
        """Σ weights·slopes at the places: (W1, J);  places, weights (m,)."""
        _, slope = _FUNCTIONS[self.activation]
        total = np.zeros((len(self.start), self.wanted.shape[1]))
        for first in range(0, len(places), NODES):
            part = slice(first, first + NODES)
            sums = self._sums(places[part], len(self.upper) - 1) if self.upper else []
            share = weights[part]
            back = self.wanted.T[:, None]  # (J, 1 or m, W)
            for layer, own in zip(self.upper[::-1], sums[::-1], strict=True):
                back = (back @ layer[:-1].T) * slope(own)
            total += (share @ back).T
        return total

    def _breaks(self) -> Reals:
        """0, all places where a ReLU turns on or off, 1.

        Between those of the layers below it a layer's sums are straight lines.
        """
        breaks = np.array([0.0, 1.0])
        for layer in range(len(self.upper)):
            sums = self._sums(breaks, layer)[-1]
            before, after = sums[:-1], sums[1:]
            piece, unit = np.nonzero(np.sign(before) * np.sign(after) < 0)
            from_low = before[piece, unit] / (before[piece, unit] - after[piece, unit])
            crossed = breaks[piece] + from_low * np.diff(breaks)[piece]
            breaks = np.unique(np.concatenate([breaks, crossed]))
        return breaks

    def _smooth(self) -> Reals:
        """The mean slopes of a smooth activation."""
        total = np.zeros((len(self.start), self.wanted.shape[1]))
        waiting = [(0.0, 1.0, self._piece(0.0, 1.0))]
        while waiting:
            low, high, whole = waiting.pop()
            middle = (low + high) / 2
            left, right = self._piece(low, middle), self._piece(middle, high)
            halves = left + right
            moved = np.abs(self.change) @ np.abs(halves - whole)
            room = ACCURACY * (1 + np.abs(self.change) @ np.abs(halves))
            alike = bool((moved <= room).all())
            seen = alike and self._seen(low, middle) and self._seen(middle, high)
            if seen or high - low < 2.0**-DEEPEST:
                total += halves
            else:
                waiting += [(middle, high, right), (low, middle, left)]
        return total

    def _piece(self, low: float, high: float) -> Reals:
        """The integral of the slopes from low to high, by Gauss's rule."""
        return self._weighted(*_gauss(low, high))

    def _seen(self, low: float, high: float) -> bool:
        """Whether Gauss's rule sees each unit's output change between low and high as it does.

        A unit of large sums rises so suddenly that it may do so between two points of the rule, and
        another unit may hide that in the scores.
        """
        activate, slope = _FUNCTIONS[self.activation]
        places, weights = _gauss(low, high)
        places = np.concatenate([[low, high], places])
        growth = np.broadcast_to(self.change, (GAUSS, len(self.change)))
        for sums, layer in zip(self._sums(places, len(self.upper) - 1), self.upper, strict=True):
            growth = slope(sums[2:]) * growth
            before, after = activate(sums[:2])
            if np.abs(weights @ growth - (after - before)).max() > ACCURACY:
                return False
            growth = growth @ layer[:-1]
        return True


@cache
def _rule() -> tuple[Reals, Reals]:
    points, weights = np.polynomial.legendre.leggauss(GAUSS)
    return (points + 1) / 2, weights / 2


def _gauss(low: float, high: float) -> tuple[Reals, Reals]:
    """(places, weights) of Gauss's rule from low to high, each (GAUSS,)."""
    places, weights = _rule()
    return low + (high - low) * places, (high - low) * weights


def _same(sums: Reals) -> Reals:
    return sums


# Each activation: its output, and the slope of that by the sums.
_FUNCTIONS: dict[Activation, tuple[Callable[[Reals], Reals], Callable[[Reals], Any]]] = {
    "relu": (lambda sums: np.maximum(sums, 0.0), lambda sums: sums > 0),
    "tanh": (np.tanh, lambda sums: 1 - np.tanh(sums) ** 2),
    "identity": (_same, np.ones_like),
}
