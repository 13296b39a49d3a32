"""A second pass over labels: what the likely labels of a document say of the others.

Sigmoids answer each label by the document's words alone.  With z the scores of the first pass,

    u_ℓ = scale_ℓ·z_ℓ + offset_ℓ + Σ_m links[m, ℓ]·P_m    over labels m with P_m > 0.1,

and u is bent as the scores of the first pass are.  Training takes it where it lowers the loss of
documents that it was not fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.kernels.sigmoids import KNOT, LIKELY

Reals = NDArray[np.float64]
Slopes = tuple[float, float, float]

MOST_LABELS = 1024  # links are L² numbers


def bend(u: NDArray[np.floating[Any]], slopes: Slopes) -> Reals:
    """Scores bent by a line through 0 that never falls: any shape, nats.

    slopes  below −KNOT, between −KNOT and KNOT, above KNOT
    """
    low, middle, high = slopes
    beyond = low * np.minimum(u + KNOT, 0) + high * np.maximum(u - KNOT, 0)
    bent: Reals = beyond + middle * np.clip(u, -KNOT, KNOT)
    return bent


def multipliers(u: Reals, slopes: Slopes) -> Reals:
    """``bend`` of scores, divided by them."""
    inside = np.abs(u) <= KNOT
    return np.where(inside, slopes[1], bend(u, slopes) / np.where(inside, 1.0, u))


@dataclass(frozen=True, slots=True, eq=False)
class SecondPass:
    """The second pass of a model of L labels.

    links    (L, L) float32, nats: what P of label m adds to the score of label ℓ, at [m, ℓ]
    scales, offsets  (L,) float64
    slopes   of ``bend``
    """

    links: NDArray[np.float32]
    scales: Reals
    offsets: Reals
    slopes: Slopes

    def __post_init__(self) -> None:
        """Raises InputError for parts that do not fit together."""
        labels = len(self.scales)
        if self.links.shape != (labels, labels) or len(self.offsets) != labels:
            raise InputError(f"the second pass is not one of {labels} labels")

    def __repr__(self) -> str:
        return f"<second pass over {len(self.scales):,} labels: .links, .scales, .offsets>"

    def of_labels(self, numbers: NDArray[np.integer[Any]]) -> SecondPass:
        """The second pass of labels in another order, some of them new.

        numbers  (L',) of each label here; −1 of one that is new, and that says nothing of others
        """
        known = numbers >= 0
        own = np.ix_(known, known)
        links = np.zeros((len(numbers), len(numbers)), np.float32)
        links[own] = self.links[np.ix_(numbers[known], numbers[known])]
        scales = np.where(known, self.scales[numbers], np.median(self.scales))
        return SecondPass(links, scales, np.where(known, self.offsets[numbers], 0.0), self.slopes)

    def array(self) -> Reals:
        """As kernels take it: (3 + 2L + L²,) float64."""
        links = self.links.astype(np.float64).ravel()
        return np.concatenate([self.slopes, self.scales, self.offsets, links])

    def likely(self, scores: NDArray[np.floating[Any]]) -> Reals:
        """P of labels that say something of others, 0 of the rest: (L,), or (n, L) of several
        documents;  scores  as many, of the first pass."""
        own = scores.astype(np.float64)
        return np.where(own > LIKELY, np.exp(-np.logaddexp(0, -own)), 0.0)

    def unbent(self, scores: NDArray[np.floating[Any]]) -> Reals:
        """u: (L,) or (n, L);  scores  as many, of the first pass."""
        u: Reals = self.scales * scores + self.offsets + self.likely(scores) @ self.links
        return u

    def scores(self, scores: NDArray[np.floating[Any]]) -> Reals:
        """The scores that count: (L,) or (n, L);  scores  as many, of the first pass."""
        return bend(self.unbent(scores), self.slopes)
