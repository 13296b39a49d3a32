"""Calibration of θ on documents that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.label_sets import (
    LabelSets,
    Targets,
    all_known,
    as_sets,
    joined_targets,
    label_counts,
)
from textmlr.model.heads import SOFTMAX, Head
from textmlr.model.parameters import Network
from textmlr.model.scoring import Calibration, Shrunk, score, spreads
from textmlr.training.label_calibration import ScoreHistogram, common_calibration
from textmlr.training.objective import Objective

# Weights of the penalties on log factor and exponent, in documents: they count where there are few.
FACTOR_PRIOR = 10.0
EXPONENT_PRIOR = 30.0
# The exponent is near this one where they do.  With many labels the spread says little more than
# how many rare features a document has (the best exponents of the corpora this was developed on lie
# between -0.9 and 0, most beyond -0.5); with two labels it is the score itself.
USUAL_EXPONENT = -0.5
LEAST_QUANTILE = 0.05
STEPS = 30
TOLERANCE = 1e-4
LONGEST = 0.7  # step of log factor and exponent
# Mean loss + penalty, mean loss, gradient (2,), curvature (2, 2).
Measured = tuple[float, float, NDArray[np.float64], NDArray[np.float64]]
NARROWEST = 1e-9  # spread: for documents without features, or labels that all score alike
# Where documents are few, so many more are counted whose answers are the base rates: a fit on fewer
# is nearer to these.  WEIGHT_PRIOR is the penalty of the prior, in documents.  The form was chosen
# on draws of trec6, imdb, r8, subj, banking77, nsmc-ko, mr and movie-genres, and of made-up
# documents without any signal; these numbers and those below on other draws of the same training
# files and of sst2.  From 1 to 4 documents, and from 10 to 30, the mean loss there changes by less
# than 0.005.
RATES_PRIOR = 3.0
WEIGHT_PRIOR = 10.0
# Nats that documents gain on the base rates by luck: half a nat for each of the two fitted numbers.
# Scores are shrunk by its share of the gain (James and Stein, 1961), to LEAST_KEPT at least.
LUCK = 1.0
LEAST_KEPT = 0.5
# Where documents gain fewer nats than this on the base rates, their words may say nothing: twice
# as much is gained by luck in one of 50 such corpora (χ² of two degrees, 8).
LEAST_GAIN = 4.0
# In units of 1 / the scores' spread: scores without any gain still order the answers.
LEAST_FACTOR = 0.01
# Documents of a label, of which none is answered, that say something of the label.
TELLING = 3


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Documents that θ was not trained on, with their scores.

    scores (n, L) float32, nats;  y (n,) int32, or label sets;  weights (n,) float32
    """

    scores: NDArray[np.float32]
    y: Targets
    weights: NDArray[np.float32]
    head: Head = SOFTMAX

    @classmethod
    def of(cls, objective: Objective, network: Network) -> Scored:
        """The documents of an objective."""
        scores = score(objective.features, network)
        return cls(scores, objective.y, objective.weights, objective.head)

    @classmethod
    def joined(cls, parts: Sequence[Scored]) -> Scored:
        """The documents of all parts."""
        return cls(
            np.concatenate([part.scores for part in parts]),
            joined_targets([part.y for part in parts]),
            np.concatenate([part.weights for part in parts]),
            parts[0].head,
        )

    def take(self, chosen: NDArray[np.bool_]) -> Scored:
        """Some of the documents."""
        return Scored(self.scores[chosen], self.y[chosen], self.weights[chosen], self.head)

    @property
    def loss(self) -> float:
        """Weighted mean of the losses, in nats, of the scores as they are: see ``Head``."""
        losses = self.head.losses(self.scores, self.y)
        return float((self.weights * losses).sum() / self.weights.sum(dtype=np.float64))

    @property
    def accuracy(self) -> float:
        """Weighted share of documents whose label scores highest."""
        right = self.weights[self.head.right(self.scores, self.y)]
        return float(right.sum(dtype=np.float64) / self.weights.sum(dtype=np.float64))

    @property
    def never_answered(self) -> tuple[int, ...]:
        """Numbers of the labels that TELLING documents or more have, and that answer none."""
        counts, labels = self.weights > 0, self.scores.shape[1]
        asked = label_counts(self.y[counts], labels)
        answered = np.bincount(self.head.answers(self.scores), minlength=labels)
        return tuple(np.flatnonzero((asked >= TELLING) & (answered == 0)).tolist())


def calibrate(scored: Scored, *, biased: bool = True) -> tuple[Calibration, float]:
    """(the calibration of the scores that makes their weighted mean loss least, that loss).

    It takes Newton's method with the curvature that is never negative.  Penalties keep the factor
    near 1 and the exponent near its usual value where there are few documents, and both finite
    where all of them are right.  Loss in nats, no penalty in it.  Sigmoids have a calibration of
    their own, see ``label_calibration``.

    biased  whether there is a bias
    """
    if scored.head.has_sets:
        own = ScoreHistogram.of(scored.scores, as_sets(scored.y), scored.weights)
        return common_calibration(own, biased=biased)
    fit = _Fit(scored)
    x, loss = fit.run(free=2)
    if not -1.0 <= x[1] <= 0.0:
        x, loss = fit.run(free=1, exponent=float(np.clip(x[1], -1.0, 0.0)))
    return Calibration(float(np.exp(x[0])), float(x[1]), fit.spread, fit.least), loss


def shrink(
    scored: Scored,
    rates: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    biased: bool,
    repeats: int = 1,
    lucky: bool = True,
) -> tuple[Shrunk, Scored]:
    """(the calibration of few documents that makes their weighted mean loss least, the documents
    with their scores calibrated).

    Least is mean of −log P(y) + RATES_PRIOR/n · mean of −Σ_ℓ rate_ℓ log P(ℓ)
    + WEIGHT_PRIOR/n · prior²/2, which is convex in factor and prior, by Newton's method.  Then the
    factor is multiplied by 1 − LUCK/(nats gained on the base rates), and the prior found anew.

    rates    (L,) ``base_rates``, which answers are near where documents gain nothing
    counts   (L,) ``base_rates`` with a weight of 1 for each document: prior·log of it is added
    biased   whether there is a bias to add it to; else the prior is 0
    repeats  how many times each of the n documents was scored
    lucky    whether a part of the gain is luck; else the factor stays as it is
    """
    unit = max(
        float(np.exp(np.log(np.maximum(spreads(scored.scores), NARROWEST)).mean())), NARROWEST
    )
    fit = _Shrinkage(scored, rates, counts, unit, len(scored.y) / repeats)
    x = fit.run(np.array([1.0, 0.0]), np.array([True, biased]))
    calibration, fitted = _shrunk(scored, counts, x, unit)
    if not lucky:
        return calibration, fitted
    gained = _gained(scored, rates, fitted.loss) / repeats
    x[0] = max(x[0] * max(1 - LUCK / max(gained, LUCK), LEAST_KEPT), LEAST_FACTOR)
    x = fit.run(x, np.array([False, biased]))
    return _shrunk(scored, counts, x, unit)


def calibrated(scored: Scored, calibration: Calibration, counts: NDArray[np.float64]) -> Scored:
    """Few documents with the scores that answers have;  counts  as in ``shrink``."""
    scores = calibration.factor * scored.scores.astype(np.float64)
    if isinstance(calibration, Shrunk):
        scores += calibration.offsets(counts, scored.head)
    return replace(scored, scores=scores.astype(np.float32))


def calibrate_or_shrink(
    scored: Scored,
    rates: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    biased: bool,
    fit: Callable[[Scored], tuple[Calibration, float]] | None = None,
) -> tuple[Calibration, float]:
    """``calibrate``; ``shrink`` where the documents then gain next to nothing on the base rates:
    their words say nothing of their labels, as far as such documents can tell.

    rates, counts, biased  as in ``shrink``
    fit  what calibrates, in place of ``calibrate``
    """
    fit = partial(calibrate, biased=biased) if fit is None else fit
    calibration, loss = fit(scored)
    # A run that never saw a label cannot answer it, and that says nothing of its words.
    asked = label_counts(scored.y[scored.weights > 0], len(rates))
    known = all_known(scored.y, (asked > 1) | scored.head.has_sets)
    judging = scored
    if not known.all():
        judging = scored.take(known)
    if not judging.weights.any():
        return calibration, loss
    own = loss if known.all() else fit(judging)[1]
    if _gained(judging, rates, own) >= LEAST_GAIN:
        return calibration, loss
    shrunk, fitted = shrink(judging, rates, counts, biased=biased)
    # Not where a large penalty has shrunk θ already.
    return (shrunk, fitted.loss) if shrunk.factor < calibration.factor else (calibration, loss)


def _gained(scored: Scored, rates: NDArray[np.float64], loss: float) -> float:
    """Nats that documents of such a mean loss gain on the base rates, all together."""
    known: float
    if isinstance(scored.y, LabelSets):
        shares = label_counts(scored.y, len(rates), scored.weights) / scored.weights.sum()
        known = -float((shares * np.log(rates) + (1 - shares) * np.log1p(-rates)).sum())
    else:
        known = -float((scored.weights * np.log(rates)[scored.y]).sum() / scored.weights.sum())
    return (known - loss) * len(scored.y)


def _shrunk(
    scored: Scored, counts: NDArray[np.float64], x: NDArray[np.float64], unit: float
) -> tuple[Shrunk, Scored]:
    calibration = Shrunk(factor=float(x[0] / unit), prior=float(x[1]))
    return calibration, calibrated(scored, calibration, counts)


class _Shrinkage:
    """The problem of ``shrink``: x = (factor·unit, prior)."""

    def __init__(
        self,
        scored: Scored,
        rates: NDArray[np.float64],
        counts: NDArray[np.float64],
        unit: float,
        n: float,
    ) -> None:
        own = Shrunk(prior=1.0).offsets(counts, scored.head)
        offsets = np.broadcast_to(own, scored.scores.shape)
        # (2, n, L): the derivatives of the scores by x.
        self._by = np.stack([scored.scores.astype(np.float64) / unit, offsets])
        weights = scored.weights.astype(np.float64)
        weights /= weights.sum()
        wanted = np.outer(weights, RATES_PRIOR / n * rates)
        sets = as_sets(scored.y)
        wanted[sets.rows, sets.codes] += weights[sets.rows]
        # Documents that are the base rates themselves are counted, too.
        self._all = weights * (1 + RATES_PRIOR / n) if scored.head.has_sets else wanted.sum(axis=1)
        self._wanted, self._head = wanted, scored.head
        self._penalty = np.array([0.0, WEIGHT_PRIOR / n])

    def run(self, x: NDArray[np.float64], free: NDArray[np.bool_]) -> NDArray[np.float64]:
        """x at the minimum over those that are free, its first at least LEAST_FACTOR."""
        given = free
        value, slope, curvature = self._measure(x)
        for _ in range(STEPS):
            free = given & np.array([x[0] > LEAST_FACTOR or slope[0] < 0, True])
            step = np.zeros(2)
            step[free] = np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
            while True:
                there = x - step
                there[0] = max(there[0], LEAST_FACTOR)
                ahead = self._measure(there)
                if ahead[0] <= value or np.abs(step).max() < TOLERANCE:
                    break
                step /= 2
            moved = np.abs(there - x).max()
            if ahead[0] <= value:
                x, (value, slope, curvature) = there, ahead
            if moved < TOLERANCE:
                break
        return x

    def _measure(
        self, x: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """(value, gradient (2,), curvature (2, 2)) at x."""
        curve = self._head.curve(self._by, x, self._wanted, self._all)
        value = curve.value + float((self._penalty * x * x).sum()) / 2
        curvature = np.diag(self._penalty + NARROWEST) + curve.curvature
        return value, curve.slope + self._penalty * x, curvature


def newton(
    measure: Callable[[NDArray[np.float64]], Measured], x: NDArray[np.float64], free: int
) -> tuple[NDArray[np.float64], float]:
    """(x, mean loss) at the minimum over the first ``free`` of x, by Newton's method from x.

    measure  (mean loss + penalty, mean loss, gradient (2,), curvature (2, 2)) at x
    """
    value, loss, slope, curvature = measure(x)
    for _ in range(STEPS):
        step = np.zeros(2)
        step[:free] = np.linalg.solve(curvature[:free, :free], slope[:free])
        step *= min(1.0, LONGEST / max(np.abs(step).max(), LONGEST))
        while True:
            ahead = measure(x - step)
            if ahead[0] <= value or np.abs(step).max() < TOLERANCE:
                break
            step /= 2
        if ahead[0] <= value:
            x = x - step
            value, loss, slope, curvature = ahead
        if np.abs(step).max() < TOLERANCE:
            break
    return x, loss


class _Fit:
    """The problem of ``calibrate``: x = (log factor, exponent) of fixed scores.

    spread, least  see Calibration
    """

    def __init__(self, scored: Scored) -> None:
        n, labels = scored.scores.shape
        self._scored = scored
        widths = np.maximum(spreads(scored.scores), NARROWEST)
        self.least = float(np.quantile(widths, LEAST_QUANTILE))
        self.spread = float(np.exp(np.log(widths).mean()))
        self._tilt = np.log(np.maximum(widths, self.least) / self.spread)
        weights = scored.weights.astype(np.float64)
        self._weights = weights / weights.sum()
        self._prior = np.array([FACTOR_PRIOR, EXPONENT_PRIOR]) / n
        self._usual = np.array([0.0, USUAL_EXPONENT if labels > 2 else 0.0])

    def run(self, *, free: int, exponent: float | None = None) -> tuple[NDArray[np.float64], float]:
        """(x, mean loss) at the minimum over the first ``free`` of x, from (0, exponent)."""
        x = self._usual.copy()
        if exponent is not None:
            x[1] = exponent
        return newton(self._measure, x, free)

    def _measure(self, x: NDArray[np.float64]) -> Measured:
        """(mean loss + penalty, mean loss, gradient (2,), curvature (2, 2)) at x."""
        factors = np.exp(x[0] + x[1] * self._tilt)
        scored = self._scored
        losses, slopes, curvatures = scored.head.tempered(scored.scores, scored.y, factors)
        by = np.stack([np.ones_like(self._tilt), self._tilt])
        loss = float(self._weights @ losses)
        off = x - self._usual
        slope = by @ (self._weights * slopes) + self._prior * off
        curvature = (by * (self._weights * curvatures)) @ by.T + np.diag(self._prior)
        return loss + float(self._prior @ (off * off)) / 2, loss, slope, curvature
