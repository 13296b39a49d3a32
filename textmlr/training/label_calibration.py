"""Calibration of independent sigmoids on documents that θ was not trained on.

A label's score s becomes u = factor_ℓ·s + offset_ℓ, and then u is bent by a line that all labels
share, see ``model.scoring.Bent``.  Factors and offsets of labels are near those of all labels where
a label has few positives: the fit is the most probable one under Gaussian priors around these.

All of it is fitted to histograms of the scores, a row a label: one pass over the scores makes them,
and their size does not depend on the number of documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.corpus.label_sets import LabelSets
from textmlr.kernels import sigmoids as kernels
from textmlr.kernels.sigmoids import KNOT
from textmlr.model.scoring import STRAIGHT, Bent

Reals = NDArray[np.float64]

LOWEST, WIDTH, BINS = -20.0, 0.1, 400
CENTRES = LOWEST + WIDTH * (np.arange(BINS) + 0.5)
# The variances of a label's factor (in units of that of all labels) and offset (nats), and the
# weights, in documents, of the penalties on how far neighbouring slopes differ and on the common
# factor.  Chosen on held-out documents of reuters90, debtags (no sentence on both sides) and
# netflix-genres: from a quarter to three times of each changes the loss by less than 0.1 %.
FACTOR_VARIANCE, OFFSET_VARIANCE = 0.04, 1.0
EVEN_SLOPES = 1.0
FACTOR_PRIOR = 1.0
LEAST_SLOPE, MOST_SLOPE = 0.02, 4.0
STEPS = 25
TOLERANCE = 1e-4
LONGEST = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class ScoreHistogram:
    """How many documents score how high, by label; the bins are those of CENTRES.

    counts, positives  (L, BINS) float64: all documents, and those that have the label; the sum of
                       a row of counts is the number of documents
    """

    counts: Reals
    positives: Reals

    @classmethod
    def of(
        cls,
        scores: NDArray[np.float32],
        sets: LabelSets,
        weights: NDArray[np.floating[Any]],
    ) -> ScoreHistogram:
        """The histogram of documents;  scores (n, L), weights (n,)."""
        own = weights.astype(np.float64)
        own *= len(own) / own.sum()
        counts, positives = np.zeros((2, scores.shape[1], BINS))
        kernels.histogram(
            frozen(scores), sets.arrays, frozen(own), LOWEST, WIDTH, counts, positives
        )
        return cls(counts, positives)

    @property
    def documents(self) -> float:
        """Their number."""
        return float(self.counts[0].sum())

    def loss(self, scales: LabelScales, bent: Bent) -> float:
        """The mean loss of the documents with their scores calibrated, in nats."""
        return _loss(self, scales.given, np.array(bent.slopes)) / self.documents


@dataclass(frozen=True, slots=True, eq=False)
class LabelScales:
    """The calibration of each label's scores, before they are bent.

    factors, offsets  (L,) float64
    """

    factors: Reals
    offsets: Reals

    @classmethod
    def alike(cls, bent: Bent, labels: int) -> LabelScales:
        """The factor and the offset of a calibration for each label."""
        return cls(np.full(labels, bent.factor), np.full(labels, bent.offset))

    @property
    def given(self) -> Reals:
        """Both, as kernels take them: (L, 2)."""
        return np.stack([self.factors, self.offsets], axis=1)

    def calibrated(
        self, scores: NDArray[np.float32], bent: Bent, *, in_place: bool = False
    ) -> NDArray[np.float32]:
        """Scores of documents as answers have them: (n, L).

        bent  the slopes;  in_place  write them over ``scores``, which are lost
        """
        out = scores if in_place else np.empty_like(scores)
        kernels.calibrate_rows(frozen(scores), frozen(self.given), np.array(bent.slopes), out)
        return out


def common_calibration(own: ScoreHistogram, *, biased: bool = True) -> tuple[Bent, float]:
    """(the factor, the offset and the slopes, alike for all labels, that make the mean loss least,
    that loss in nats).

    biased  whether there is a bias to take up an offset; else it is 0
    """
    together = _smoothed(own)
    slopes, about = np.array(STRAIGHT), np.array([[1.0, 0.0]])
    x, prior = about.copy(), np.array([FACTOR_PRIOR, 0.0])
    for _ in range(STEPS):
        x, moved = _newton(together, x, slopes, prior, about, biased)
        if moved < TOLERANCE:
            break
    slopes = _slopes(together, x)
    given = np.tile(x, (len(own.counts), 1))
    loss = _loss(own, given, slopes) / own.documents
    low, middle, high = slopes.tolist()
    return Bent(float(x[0, 0]), offset=float(x[0, 1]), low=low, middle=middle, high=high), loss


def _smoothed(own: ScoreHistogram) -> ScoreHistogram:
    """All labels in one row, with Platt's targets in place of 1 and 0.

    Of a document that has a label the target is (N + 1)/(N + 2), and of one that lacks it
    1/(M + 2), for N and M such pairs of a document and a label.  So P stays as far from 0 and 1 as
    the number of pairs bears out, however well scores tell them apart.

    Source: Platt, Advances in Large Margin Classifiers, 1999, section 2.2.
    """
    counts, positives = own.counts.sum(axis=0), own.positives.sum(axis=0)
    with_it, all_pairs = positives.sum(), counts.sum()
    right = (with_it + 1) / (with_it + 2)
    wrong = 1 / (all_pairs - with_it + 2)
    own_positives = right * positives + wrong * (counts - positives)
    return ScoreHistogram(counts[None], own_positives[None])


def label_scales(own: ScoreHistogram, bent: Bent, *, biased: bool = True) -> LabelScales:
    """The factor and the offset of each label, near those of ``bent``; its slopes are given."""
    start = LabelScales.alike(bent, len(own.counts)).given
    prior = 1 / np.array([FACTOR_VARIANCE * bent.factor**2, OFFSET_VARIANCE])
    given = start.copy()
    for _ in range(STEPS):
        given, moved = _newton(own, given, np.array(bent.slopes), prior, start, biased)
        if moved < TOLERANCE:
            break
    return LabelScales(given[:, 0].copy(), given[:, 1].copy())


def _bent(given: Reals, slopes: Reals) -> tuple[Reals, Reals]:
    """(z of each bin, its slope by u): (L, BINS) both."""
    u = given[:, :1] * CENTRES + given[:, 1:]
    z = slopes[0] * np.minimum(u + KNOT, 0) + slopes[2] * np.maximum(u - KNOT, 0)
    z += slopes[1] * np.clip(u, -KNOT, KNOT)
    return z, slopes[np.searchsorted([-KNOT, KNOT], u)]


def _loss(own: ScoreHistogram, given: Reals, slopes: Reals) -> float:
    z, _ = _bent(given, slopes)
    return float((own.counts * np.logaddexp(0, z) - own.positives * z).sum())


def _newton(
    own: ScoreHistogram, given: Reals, slopes: Reals, prior: Reals, about: Reals, biased: bool
) -> tuple[Reals, float]:
    """(factors and offsets after a step of Newton's method, the longest step).

    given  (L, 2);  prior  (2,) inverse variances around ``about``, (L, 2)
    """
    z, steep = _bent(given, slopes)
    p = 1 / (1 + np.exp(-z))
    errors = (own.counts * p - own.positives) * steep
    curves = own.counts * p * (1 - p) * steep * steep
    slope = np.stack([(errors * CENTRES).sum(axis=1), errors.sum(axis=1)], axis=1)
    slope += prior * (given - about)
    first = (curves * CENTRES * CENTRES).sum(axis=1) + prior[0]
    both, second = (curves * CENTRES).sum(axis=1), curves.sum(axis=1) + prior[1]
    if not biased:
        slope[:, 1], both = 0.0, np.zeros_like(both)
    determinant = np.maximum(first * second - both * both, np.finfo(np.float64).tiny)
    step = np.stack(
        [second * slope[:, 0] - both * slope[:, 1], first * slope[:, 1] - both * slope[:, 0]],
        axis=1,
    )
    step /= determinant[:, None]
    # Not further than half a factor, or a nat, at a time; the factor stays above 0.
    longest = np.maximum(np.abs(step[:, 0]) / (0.5 * given[:, 0]), np.abs(step[:, 1]))
    step /= np.maximum(longest, 1.0)[:, None]
    return given - step, float(np.abs(step).max())


def _slopes(own: ScoreHistogram, given: Reals) -> Reals:
    """The slopes with the least loss, neighbours alike where documents are few."""
    apart = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0]])
    penalty = EVEN_SLOPES * apart.T @ apart
    u = given[:, :1] * CENTRES + given[:, 1:]
    pieces = [np.minimum(u + KNOT, 0), np.clip(u, -KNOT, KNOT), np.maximum(u - KNOT, 0)]
    by = np.stack([piece.ravel() for piece in pieces])
    counts, positives = own.counts.ravel(), own.positives.ravel()
    slopes = np.array(STRAIGHT)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-(slopes @ by)))
        gradient = by @ (counts * p - positives) + penalty @ slopes
        curvature = (by * (counts * p * (1 - p))) @ by.T + penalty + 1e-6 * np.eye(3)
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, LONGEST / max(float(np.abs(step).max()), LONGEST))
        ahead = np.clip(slopes - step, LEAST_SLOPE, MOST_SLOPE)
        moved, slopes = float(np.abs(ahead - slopes).max()), ahead
        if moved < TOLERANCE:
            break
    return slopes
