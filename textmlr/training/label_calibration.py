"""Calibration of independent sigmoids on documents that θ was not trained on.

A label's score s becomes u = factor_ℓ·s + offset_ℓ, and then u is bent by a line that all labels
share, see ``model.scoring.Bent``.  Factors and offsets of labels are near those of all labels where
a label has few positives: the fit is the most probable one under Gaussian priors around these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.corpus.label_sets import LabelSets
from textmlr.kernels import sigmoids as kernels
from textmlr.model.scoring import STRAIGHT, Bent

# The variances of a label's factor (in that of all labels) and offset (nats), and the weights, in
# documents, of the penalties on how far neighbouring slopes differ and on the common factor.
# Chosen on held-out documents of reuters90, debtags (no sentence on both sides), netflix-genres.
FACTOR_VARIANCE = 0.04
OFFSET_VARIANCE = 0.3
EVEN_SLOPES = 1.0
FACTOR_PRIOR = 1.0
LEAST_SLOPE, MOST_SLOPE = 0.02, 4.0
STEPS, LABEL_STEPS = 25, 8
TOLERANCE = 1e-4
LONGEST = 0.7
# Documents that the common factor, offset and slopes are fitted on: thousands say no more of five
# numbers.
ENOUGH = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class LabelScales:
    """The calibration of each label's scores, before they are bent.

    factors, offsets  (L,) float64
    """

    factors: NDArray[np.float64]
    offsets: NDArray[np.float64]

    @property
    def given(self) -> NDArray[np.float64]:
        """Both, as kernels take them: (L, 2)."""
        return np.stack([self.factors, self.offsets], axis=1)

    def calibrated(self, scores: NDArray[np.float32], bent: Bent) -> NDArray[np.float32]:
        """Scores of documents as answers have them: (n, L);  bent  the slopes."""
        own = self.factors * scores.astype(np.float64) + self.offsets
        return bent.absorbed().bend(own).astype(np.float32)


class LabelCalibration:
    """Documents that θ was not trained on, to calibrate by.

    scores (n, L) float32, nats;  sets  of their labels;  weights (n,) float32
    biased  whether there is a bias to take up offsets; else they are 0
    """

    def __init__(
        self,
        scores: NDArray[np.float32],
        sets: LabelSets,
        weights: NDArray[np.float32],
        *,
        biased: bool = True,
    ) -> None:
        self._scores, self._sets, self._biased = scores, sets, biased
        self._labels = scores.shape[1]
        self._parts: dict[int, tuple[Any, ...]] = {}
        self._weights = weights.astype(np.float64)
        self._weights *= len(self._weights) / self._weights.sum()

    def common(self) -> tuple[Bent, float]:
        """(the factor, the offset and the slopes, alike for all labels, that make the mean loss
        least, that loss in nats)."""
        few = max(1, -(-len(self._weights) // ENOUGH))
        slopes = np.array(STRAIGHT)
        x = about = np.array([1.0, 0.0])
        prior = np.array([FACTOR_PRIOR, 0.0])
        for _ in range(STEPS):
            sums = self._label_sums(np.tile(x, (self._labels, 1)), slopes, few)[0].sum(axis=0)
            x, moved = _newton(x, sums, prior, about, self._biased)
            if moved < TOLERANCE:
                break
        given = np.tile(x, (self._labels, 1))
        slopes = self._slopes(given, slopes, few)
        loss = self._bent_sums(given, slopes, 1)[0] / len(self._weights)
        low, middle, high = slopes.tolist()
        return Bent(float(x[0]), offset=float(x[1]), low=low, middle=middle, high=high), loss

    def labels(self, bent: Bent) -> LabelScales:
        """The factor and the offset of each label, near those of ``bent``; its slopes are given."""
        slopes, start = np.array(bent.slopes), np.array([bent.factor, bent.offset])
        given = np.tile(start, (self._labels, 1))
        # The variance of the factor is in units of that of all labels.
        prior = 1 / np.array([FACTOR_VARIANCE * bent.factor**2, OFFSET_VARIANCE])
        for _ in range(LABEL_STEPS):
            sums = self._label_sums(given, slopes, 1)[0]
            given, moved = _newton(given, sums, prior, start, self._biased)
            if moved < TOLERANCE:
                break
        return LabelScales(given[:, 0].copy(), given[:, 1].copy())

    def _slopes(
        self, given: NDArray[np.float64], slopes: NDArray[np.float64], step: int
    ) -> NDArray[np.float64]:
        """The slopes with the least loss, neighbours alike where documents are few."""
        apart = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0]])
        penalty = EVEN_SLOPES * apart.T @ apart
        for _ in range(STEPS):
            _, gradient, curvature = self._bent_sums(given, slopes, step)
            gradient += penalty @ slopes
            change = np.linalg.solve(curvature + penalty + 1e-6 * np.eye(3), gradient)
            change *= min(1.0, LONGEST / max(float(np.abs(change).max()), LONGEST))
            ahead = np.clip(slopes - change, LEAST_SLOPE, MOST_SLOPE)
            moved = float(np.abs(ahead - slopes).max())
            slopes = ahead
            if moved < TOLERANCE:
                break
        return slopes

    def _label_sums(
        self, given: NDArray[np.float64], slopes: NDArray[np.float64], step: int
    ) -> tuple[NDArray[np.float64], float]:
        sums = np.empty((self._labels, 5))
        scores, sets, weights = self._arrays(step)
        loss = kernels.label_sums(scores, sets, weights, frozen(given), frozen(slopes), sums)
        return sums, float(loss)

    def _bent_sums(
        self, given: NDArray[np.float64], slopes: NDArray[np.float64], step: int
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        gradient, curvature = np.empty(3), np.empty((3, 3))
        scores, sets, weights = self._arrays(step)
        loss = kernels.bent_sums(
            scores, sets, weights, frozen(given), frozen(slopes), gradient, curvature
        )
        return float(loss), gradient, curvature

    def _arrays(self, step: int) -> tuple[Any, ...]:
        if step not in self._parts:
            scores = np.ascontiguousarray(self._scores[::step])
            weights = np.ascontiguousarray(self._weights[::step])
            self._parts[step] = frozen(scores), self._sets[::step].arrays, frozen(weights)
        return self._parts[step]


def _newton(
    x: NDArray[np.float64],
    sums: NDArray[np.float64],
    prior: NDArray[np.float64],
    about: NDArray[np.float64],
    biased: bool,
) -> tuple[NDArray[np.float64], float]:
    """(x after a step of Newton's method, the longest step).

    x      (2,) factor and offset, or (L, 2);  sums  (5,) or (L, 5), see ``label_sums``
    prior  (2,) inverse variances around ``about``
    """
    slope = sums[..., :2] + prior * (x - about)
    first, both, second = sums[..., 2] + prior[0], sums[..., 3], sums[..., 4] + prior[1]
    if not biased:
        slope[..., 1], both = 0.0, np.zeros_like(both)
    least = np.finfo(np.float64).tiny
    determinant = np.maximum(first * second - both * both, least)
    step = np.stack(
        [
            (second * slope[..., 0] - both * slope[..., 1]) / determinant,
            (first * slope[..., 1] - both * slope[..., 0]) / determinant,
        ],
        axis=-1,
    )
    # Not further than half a factor, or a nat, at a time; the factor stays above 0.
    longest = np.maximum(np.abs(step[..., 0]) / (0.5 * x[..., 0]), np.abs(step[..., 1]))
    step /= np.maximum(longest, 1.0)[..., None]
    return x - step, float(np.abs(step).max())
