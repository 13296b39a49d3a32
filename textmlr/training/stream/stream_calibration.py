"""Calibration and thresholds of a stream's model, by the latest documents as it predicted them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import TrainingOptions
from textmlr.model.scoring import Bent, Calibration, Shrunk, base_rates
from textmlr.model.second_pass import SecondPass
from textmlr.training.calibration import calibrate
from textmlr.training.sgd.set_calibration import SetCalibration
from textmlr.training.stream.stream_learner import StreamLearner
from textmlr.training.thresholds import Thresholds


@dataclass(frozen=True, slots=True, eq=False)
class StreamCalibration:
    """What calibration makes of θ.

    fitted      the calibration, alike for all labels
    factors     (L,) float32, by which the weights of each label are multiplied
    offsets     (L,) float32 for the bias, nats; None for none
    thresholds, second  of label sets; see ``SetCalibration``
    """

    fitted: Calibration
    factors: NDArray[np.float32]
    offsets: NDArray[np.float32] | None = None
    thresholds: Thresholds | None = None
    second: SecondPass | None = None

    @classmethod
    def of(
        cls,
        learner: StreamLearner,
        counts: Sequence[int],
        totals: Sequence[float],
        options: TrainingOptions,
    ) -> StreamCalibration:
        """That of the documents so far.

        counts, totals  documents of each label, and their weights
        """
        scored, wanted = learner.scored(), options.calibration is not False
        fitted, factors, offsets = Calibration(), np.ones(learner.labels, np.float32), None
        if not learner.head.has_sets:
            if scored is not None and wanted:
                fitted = calibrate(scored)[0]
            return cls(fitted, np.full_like(factors, fitted.factor))
        if scored is None:
            return cls(fitted, factors, thresholds=Thresholds.unjudged(learner.labels, options))
        rates = base_rates(np.array(totals), float(learner.totals[0]))
        shares = base_rates(np.array(counts), learner.documents)
        own = replace(options, calibration=wanted)
        sets = SetCalibration.of(scored, rates, shares, own, biased=learner.bias)
        if sets.scales is not None:
            factors = sets.scales.factors.astype(np.float32)
            offsets = sets.scales.offsets.astype(np.float32)
        else:
            factors = np.full_like(factors, sets.common.factor)
            if isinstance(sets.common, Shrunk):
                offsets = sets.common.offsets(shares, learner.head).astype(np.float32)
        offsets = offsets if learner.bias else None
        return cls(sets.common, factors, offsets, sets.thresholds, sets.second)

    def of_model(self, by_name: NDArray[np.int64]) -> Calibration:
        """The calibration of a model whose θ has factors and offsets in it.

        by_name  (L,) the codes of the labels, by their names
        """
        own = self.fitted.absorbed()
        if isinstance(own, Bent) and self.second is not None:
            return replace(own, links=self.second.of_labels(by_name))
        return own
