"""Calibration and thresholds of models whose documents have sets of labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.label_sets import as_sets
from textmlr.model.scoring import Bent, Calibration, Shrunk
from textmlr.training.calibration import Scored, calibrate_or_shrink, calibrated
from textmlr.training.label_calibration import LabelCalibration, LabelScales
from textmlr.training.thresholds import Thresholds, choose_thresholds


@dataclass(frozen=True, slots=True, eq=False)
class SetCalibration:
    """The calibration of a final run, and the thresholds on it.

    common      alike for all labels
    scales      of each label, with the common factor and offset in them; None where documents say
                too little of single labels
    thresholds  of each label
    loss        mean of the documents that it was fitted on, calibrated as all labels are alike
    """

    common: Calibration
    scales: LabelScales | None
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
        """The calibration by documents that a run like the final one never saw.

        rates, counts  as in ``calibration.shrink``
        """
        common, scales, loss = Calibration(), None, scored.loss
        if options.calibration:
            common, loss = calibrate_or_shrink(scored, rates, counts, biased=biased)
            if isinstance(common, Bent):
                own = LabelCalibration(
                    scored.scores, as_sets(scored.y), scored.weights, biased=biased
                )
                scales = own.labels(common)
                scores = scales.calibrated(scored.scores, common)
                scored = replace(scored, scores=scores)
                loss = scored.loss
            elif isinstance(common, Shrunk):
                scored = calibrated(scored, common, counts)
        return cls(common, scales, thresholds_of(scored, options), loss)


def thresholds_of(scored: Scored, options: TrainingOptions) -> Thresholds:
    """The thresholds that documents choose, their scores calibrated."""
    p = scored.head.probabilities(scored.scores)
    return choose_thresholds(p, as_sets(scored.y), scored.weights, options)
