"""Coverage: how many answers are sure enough to give, and how many of these are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.intervals import (
    Interval,
    wilson,
)

# Least probabilities with a row of coverage: every hundredth and, since models of few labels are
# often very sure, two above.
COVERAGE_AT = (*(i / 100 for i in range(100)), 0.995, 0.999)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Answers below ``min_probability`` are "unsure", and left to a person.

    documents  answered ones;  coverage  their share of all
    accuracy   share of the answers that are right, None where none is answered
    interval   of the accuracy, 95 % (Wilson)
    """

    min_probability: float
    documents: int
    coverage: float
    accuracy: float | None
    interval: Interval | None


def coverage(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], at: Sequence[float]
) -> tuple[Coverage, ...]:
    """Coverage and accuracy where answers below a probability are left to a person.

    confidence, right  (n,)  top probability, and whether the answer is right
    at                 least probabilities to answer from, a row each
    """
    order = np.argsort(confidence, kind="stable")
    first = np.searchsorted(confidence[order], np.array(at), side="left")
    right_from = np.append(np.cumsum(right[order][::-1])[::-1], 0)
    documents, hits = len(right) - first, right_from[first]
    low, high = wilson(hits, np.maximum(documents, 1))
    columns = (at, documents, hits, low, high)
    return tuple(
        Coverage(p, n, n / len(right), h / n if n else None, (a, b) if n else None)
        for p, n, h, a, b in zip(*(np.asarray(c).tolist() for c in columns), strict=True)
    )
