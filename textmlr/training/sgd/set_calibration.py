"""Calibration and thresholds of models whose documents have sets of labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.label_sets import as_sets
from textmlr.model.scoring import Bent, Calibration, Shrunk
from textmlr.model.second_pass import SecondPass
from textmlr.training.calibration import Scored, calibrate_or_shrink, calibrated
from textmlr.training.label_calibration import LabelScales, ScoreHistogram, label_scales
from textmlr.training.label_links import second_pass
from textmlr.training.thresholds import Thresholds, choose_thresholds


@dataclass(frozen=True, slots=True, eq=False)
class SetCalibration:
    """The calibration of a final run, and the thresholds on it.

    common      alike for all labels
    scales      of each label, with the common factor and offset in them; None where documents say
                too little of single labels
    second      the second pass over labels; None where it does not lower the loss enough
    thresholds  of each label
    loss        mean of the documents that it was fitted on
    """

    common: Calibration
    scales: LabelScales | None
    second: SecondPass | None
    thresholds: Thresholds
    loss: float

    @classmethod
    def of(
        cls,
        scored: Scored,
        rates: NDArray[np.float64],
        counts: NDArray[np.float64],
        options: TrainingOptions,
        *,
        biased: bool,
    ) -> SetCalibration:
        """The calibration by documents that a run like the final one never saw; their scores are
        written over.

        rates, counts  as in ``calibration.shrink``
        """
        if not options.calibration:
            return cls(Calibration(), None, None, thresholds_of(scored, options), scored.loss)
        common, loss = calibrate_or_shrink(scored, rates, counts, biased=biased)
        if not isinstance(common, Bent):
            assert isinstance(common, Shrunk)
            own = calibrated(scored, common, counts)
            return cls(common, None, None, thresholds_of(own, options), loss)
        sets, weights = as_sets(scored.y), scored.weights
        histogram = ScoreHistogram.of(scored.scores, sets, weights)
        scales = label_scales(histogram, common, biased=biased)
        loss = histogram.loss(scales, common)
        scores = scales.calibrated(scored.scores, common, in_place=True)
        second = None
        found = second_pass(scores, sets, weights, options.seed, loss=loss, biased=biased)
        if found is not None:
            second, scores, loss = found
        thresholds = thresholds_of(replace(scored, scores=scores), options)
        return cls(common, scales, second, thresholds, loss)


def thresholds_of(scored: Scored, options: TrainingOptions) -> Thresholds:
    """The thresholds that documents choose, their scores calibrated."""
    return choose_thresholds(scored.scores, as_sets(scored.y), scored.weights, options)
