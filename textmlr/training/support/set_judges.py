"""Calibration and thresholds of a sparse θ of sigmoids, by documents that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.label_sets import LabelSets, as_sets
from textmlr.kernels import support_sets as kernels
from textmlr.kernels.support_sets import SetTheta
from textmlr.model.scoring import Bent, Mixed
from textmlr.training.label_calibration import LabelScales, ScoreHistogram, label_scales
from textmlr.training.objective import Objective
from textmlr.training.support.common_threshold import TouchedScores, common_threshold
from textmlr.training.support.set_descent import touched_room
from textmlr.training.thresholds import Thresholds, choose_thresholds

Reals = NDArray[np.float64]

# Exponents of the highest sum of a document that are tried.
EXPONENTS = (0.0, -0.25, -0.5, -0.75, -1.0)
FEW = 100  # documents, which say nothing of the exponent
LEAST_QUANTILE = 0.05
NARROWEST = 1e-3
# Touched labels of all judges at most, and documents that judge at least where labels are many.
TOUCHED = 1 << 22
# Up to so many labels each is calibrated by itself and has its own threshold.
MOST_SINGLE = 1_000
STEPS, HALVINGS, ENOUGH = 20, 6, 1e-5
FACTOR_PRIOR = 1.0  # weight, in documents, of the penalty on how far the factor is from 1


@dataclass(frozen=True, slots=True, eq=False)
class SetTuning:
    """How a sparse θ of sigmoids answers best.

    calibration  with its factor;  offset  of all biases
    scales       of each label, after these; None: alike
    thresholds   of labels
    loss         mean of the documents that it was fitted on, nats
    accuracy     share of them whose likeliest label is one of theirs
    documents    that judged
    """

    calibration: Mixed
    offset: float
    scales: LabelScales | None
    thresholds: Thresholds
    loss: float
    accuracy: float
    documents: int


@dataclass(frozen=True, slots=True, eq=False)
class SetJudges:
    """Documents with what features add to the scores of the labels they touch.

    starts (d + 1,), labels (t,), values (t,)   see ``support_sets.gather_scores``
    own      (t,) uint8    whether a label is one of the document's
    sets, weights   of the documents
    bias     (L,) float64
    """

    starts: NDArray[np.int64]
    labels: NDArray[np.int32]
    values: NDArray[np.float32]
    own: NDArray[np.uint8]
    sets: LabelSets
    weights: Reals
    bias: Reals

    @classmethod
    def of(cls, objective: Objective, documents: NDArray[np.int64], theta: SetTheta) -> SetJudges:
        """These documents, or as many of the first as there is room for."""
        labels = len(theta.bias)
        room = max(TOUCHED, labels)
        starts = np.zeros(len(documents) + 1, np.int64)
        touched, values = np.empty(room, np.int32), np.empty(room, np.float32)
        rows = objective.features.arrays()
        number = kernels.gather_scores(
            rows, frozen(documents), theta, touched_room(labels), starts, touched, values
        )
        starts = starts[: number + 1]
        size, documents = int(starts[-1]), documents[:number]
        sets = as_sets(objective.y)[documents]
        pairs = np.repeat(np.arange(number), np.diff(starts)) * labels + touched[:size]
        own = np.isin(pairs, sets.rows * labels + sets.codes)
        weights = objective.weights[documents].astype(np.float64)
        bias = theta.bias.astype(np.float64)
        return cls(starts, touched[:size], values[:size], own.view(np.uint8), sets, weights, bias)

    def tune(self, options: TrainingOptions) -> SetTuning:
        """The calibration of least loss, and thresholds with it."""
        tops = np.maximum(self._tops(), NARROWEST)
        spread, least = float(np.exp(np.log(tops).mean())), float(np.quantile(tops, LEAST_QUANTILE))
        heights = np.log(np.maximum(tops, least) / spread)
        exponents = EXPONENTS if len(tops) >= FEW else EXPONENTS[:1]
        found = [(*self._fit(np.exp(e * heights)), e) for e in exponents]
        loss, factor, offset, exponent = min(found)
        calibration = Mixed(factor, exponent, spread, least)
        sums = self.values * np.repeat(
            factor * np.exp(exponent * heights), np.diff(self.starts)
        ).astype(np.float32)
        judges = replace(self, values=sums, bias=self.bias + offset)
        scales, accuracy = None, judges._accuracy()
        if len(self.bias) <= MOST_SINGLE:
            scales, thresholds, loss = judges._single(options)
        else:
            thresholds = judges._common(options)
        return SetTuning(calibration, offset, scales, thresholds, loss, accuracy, len(tops))

    def _tops(self) -> Reals:
        """The highest sum of each document, at least 0: (d,)."""
        tops, some = np.zeros(len(self.weights)), np.flatnonzero(np.diff(self.starts))
        if len(some):
            tops[some] = np.maximum.reduceat(self.values, self.starts[some])
        return np.maximum(tops, 0.0)

    def _fit(self, multipliers: Reals) -> tuple[float, float, float]:
        """(the least mean loss, the factor and the offset with it), by Newton's method."""
        x = np.array([1.0, 0.0])
        value, slope, curvature = self._loss(x, multipliers)
        for _ in range(STEPS):
            step = -np.linalg.solve(curvature + 1e-9 * np.eye(2), slope)
            step = np.clip(step, [-0.5 * x[0], -1.0], [x[0], 1.0])
            for _ in range(HALVINGS):
                ahead = self._loss(x + step, multipliers)
                if ahead[0] <= value:
                    break
                step = step / 2
            else:
                break
            gained = value - ahead[0]
            x, (value, slope, curvature) = x + step, ahead
            if gained < ENOUGH * value:
                break
        penalty = FACTOR_PRIOR / 2 * (x[0] - 1) ** 2 / self.weights.sum()
        return value - float(penalty), float(x[0]), float(x[1])

    def _loss(self, x: Reals, multipliers: Reals) -> tuple[float, Reals, Reals]:
        """(mean loss, its slope, its curvature) at a factor and an offset."""
        out = np.empty(6)
        kernels.scaled_losses(
            frozen(self.starts),
            frozen(self.labels),
            frozen(self.values),
            frozen(self.own),
            frozen(self.weights),
            frozen(self.bias),
            frozen(x),
            frozen(multipliers),
            out,
        )
        total, bias = self.weights.sum(), self.bias + x[1]
        p = np.exp(-np.logaddexp(0, -bias))
        asked = self.weights[self.sets.rows]
        value = out[0] + total * np.logaddexp(0, bias).sum() - asked @ bias[self.sets.codes]
        own = out[4]  # labels of documents that are touched have their error in it
        slope = np.array([out[1], out[2] + total * p.sum() - asked.sum()])
        curvature = np.array([[out[3], own], [own, out[5] + total * (p * (1 - p)).sum()]])
        slope[0] += FACTOR_PRIOR * (x[0] - 1)
        curvature[0, 0] += FACTOR_PRIOR
        value += FACTOR_PRIOR / 2 * (x[0] - 1) ** 2
        return float(value) / total, slope / total, curvature / total

    def _scores(self) -> NDArray[np.float32]:
        """All scores: (d, L)."""
        out = np.tile(self.bias.astype(np.float32), (len(self.weights), 1))
        out[np.repeat(np.arange(len(out)), np.diff(self.starts)), self.labels] += self.values
        return out

    def _accuracy(self) -> float:
        """The weighted share of documents whose likeliest label is one of theirs."""
        scores = self.bias[self.labels] + self.values
        right = np.zeros(len(self.weights), np.bool_)
        first = int(self.bias.argmax())
        for i, (begin, end) in enumerate(zip(self.starts[:-1], self.starts[1:], strict=True)):
            own = self.sets[i]
            if begin == end:
                right[i] = first in own
                continue
            best = begin + int(scores[begin:end].argmax())
            label = int(self.labels[best])
            untouched = self.bias[first] > scores[best] and first not in self.labels[begin:end]
            right[i] = (first if untouched else label) in own
        return float(np.average(right, weights=self.weights))

    def _single(self, options: TrainingOptions) -> tuple[LabelScales, Thresholds, float]:
        """(factors and offsets of each label, thresholds with them, the mean loss)."""
        scores, weights = self._scores(), self.weights.astype(np.float32)
        histogram = ScoreHistogram.of(scores, self.sets, weights)
        scales = label_scales(histogram, Bent())
        loss = histogram.loss(scales, Bent())
        scores = scales.calibrated(scores, Bent(), in_place=True)
        return scales, choose_thresholds(scores, self.sets, weights, options), loss

    def _common(self, options: TrainingOptions) -> Thresholds:
        """One threshold of all labels."""
        scores = self.bias[self.labels] + self.values
        own = self.starts, self.labels, scores, self.own, self.bias, self.sets, self.weights
        return common_threshold(TouchedScores(*own), options)
