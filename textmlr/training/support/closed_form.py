"""A sparse θ before any step: sums of each label's rows, and a few numbers for all labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.features.row_weights import inverse_document_frequency
from textmlr.kernels.support_steps import SupportTheta
from textmlr.model.scoring import Mixed, base_rates
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.objective import Objective
from textmlr.training.support.label_sums import LabelSums, codes_of
from textmlr.training.support.left_out import LeftOut, Scalars, fit_scalars
from textmlr.training.support.share_calibration import Judges


@dataclass(slots=True, eq=False)
class ClosedForm:
    """The weights row_scale·scale·√S, and the documents that each are taken out of their label.

    shifts    (n, 2) of the documents, see ``LeftOut.shifts``
    able      numbers of the documents that can be taken out, ascending;  fair  those that judge
    """

    sums: LabelSums
    scalars: Scalars
    theta: SupportTheta
    shifts: NDArray[np.float32]
    able: NDArray[np.int64]
    fair: NDArray[np.int64]

    @classmethod
    def of(cls, objective: AnyObjective, sums: LabelSums, seed: int) -> ClosedForm:
        """Fit the numbers to documents of the objective, whose sums these are."""
        left = LeftOut.of(objective, sums)
        scalars = fit_scalars(objective, sums, left, seed)
        theta = SupportTheta(
            frozen(sums.starts),
            frozen(sums.labels),
            sums.rooted(scalars.scales(sums)),
            scalars.bias(sums),
            np.empty(objective.labels),
            frozen(paces_of(sums)),
            np.array([0, 1, 1], np.float32),
        )
        shifts = left.shifts(scalars, sums, codes_of(objective))
        return cls(sums, scalars, theta, shifts, left.able, left.fair)

    def judges(self, objective: AnyObjective, documents: NDArray[np.int64]) -> Judges:
        """Some of the documents as judges, each taken out of its own label."""
        return self._judges(objective.take(documents), self.shifts[documents])

    def strangers(self, validation: Objective) -> Judges:
        """Other documents as judges."""
        judging = validation.take(np.flatnonzero(validation.weights > 0))
        return self._judges(judging, np.zeros((len(judging.y), 2), np.float32))

    def _judges(self, judging: Objective, shifts: NDArray[np.float32]) -> Judges:
        return Judges(
            judging.features.arrays(),
            judging.codes,
            shifts,
            judging.weights.astype(np.float64),
            base_rates(self.sums.counts)[judging.codes],
        )

    def tempered(self, calibration: Mixed) -> ClosedForm:
        """With sums multiplied by the calibration's factor, and its multipliers."""
        factor, own = np.float32(calibration.factor), calibration.absorbed()
        self.theta.weights[:] *= factor
        self.shifts[:, 0] *= factor
        self.theta.temper[:] = own.exponent, own.spread, own.least
        return self


def row_scales_of(
    frequencies: NDArray[np.integer], documents: int, power: float, bias: int | None = None
) -> NDArray[np.float32]:
    """idf^power of each column: (V,) float32; 1 of the bias."""
    idf = inverse_document_frequency(frequencies, documents)
    scales: NDArray[np.float32] = (idf**power).astype(np.float32)
    if bias is not None:
        scales[bias] = 1
    return scales


def paces_of(sums: LabelSums) -> NDArray[np.float32]:
    """The pace of steps in the weights of each row: steps are larger the rarer a feature is, as in
    dense models.  The mean is 1 over what documents have of the rows."""
    paces = sums.row_squares.astype(np.float64)
    used = np.flatnonzero(np.diff(sums.starts))
    shares = np.zeros(len(paces))
    shares[used] = np.add.reduceat(sums.sums, sums.starts[used], dtype=np.float64)
    total = shares.sum()
    mean = float(paces @ shares) / total if total > 0 else 1.0
    return (paces / mean).astype(np.float32)
