"""What each feature of one document adds to a label's score and to its margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.model.explanation.reasons import LabelShare

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureShares:
    """f(x) of a document, without the bias, in the columns that θ has rows for.

    columns (m,) int32, ascending;  values (m,) float64
    weights (m,), shares (m, 2) float64   of each; shares of score and margin
    bias    (2,) float64   score and margin of the bias alone, or of the base rates
    says    whether any weight is not 0
    scores  (L,) float64   of which the shares are parts; None: those of the answer
    links   what labels add
    mixed   what a share of the base rates adds to score and margin; None: there is none
    centroid  how much of the shares of the score the label's documents say by their words alone,
            the rest was learnt; None: not known
    """

    columns: NDArray[np.int32]
    values: Reals
    weights: Reals
    shares: Reals
    bias: Reals
    says: bool
    scores: Reals | None = None
    links: tuple[LabelShare, ...] = ()
    mixed: tuple[float, float] | None = None
    centroid: float | None = None
