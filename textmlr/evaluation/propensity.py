"""Propensities: how rare labels count more, since people who label documents forget them more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Of Wikipedia's labels, which the field takes for corpora that have none of their own.
PROPENSITY_A, PROPENSITY_B = 0.55, 1.5


def inverse_propensities(trained_on: NDArray[np.float64], documents: float) -> NDArray[np.float64]:
    """(L,) 1/p of each label: 1 + C·(N_ℓ + B)^−A,  C = (ln N − 1)·(B + 1)^A.

    p is the share of the documents of a label that are labelled with it, where rare labels are
    often forgotten.
    trained_on  (L,) N_ℓ, documents of training with each label;  documents  N
    Source: Jain, Prabhu and Varma, KDD 2016, eq. 1, with A = 0.55 and B = 1.5.
    """
    c = (np.log(max(documents, np.e)) - 1) * (PROPENSITY_B + 1) ** PROPENSITY_A
    weights: NDArray[np.float64] = 1 + c * (trained_on + PROPENSITY_B) ** -PROPENSITY_A
    return weights
