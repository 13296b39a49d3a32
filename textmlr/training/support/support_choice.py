"""What the weights of a sparse θ are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SupportChoice:
    """The rows of a sparse θ, and its steps.

    idf_power  q: weights are idf^q times as large
    cap        features that meet a larger share of the labels have no weights
    epochs     of SGD;  0: sums alone
    """

    idf_power: float = 0.75
    cap: float = 0.05
    epochs: int = 0
