"""A θ that has weights only where label and feature met, in a model's JSON.

The labels of a feature ascend: each is written as its distance from the one before, and its weight
as its number in a table of weights, both in LEB128 (7 bits a byte, the lowest first, 128 added to
all bytes but the last); the bytes of a feature are one string in Base64.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.model.model_parts import ModelParts
from textmlr.model.postings import Postings
from textmlr.model.scoring import UNSEEN, Mixed

SPARSE_FORMAT = "textmlr-json 5"
CALIBRATION = ("exponent", "spread", "least")
GROUP, MORE = 7, 128  # bits of a number in a byte, and what says that a byte follows
MOST_GROUPS = 5  # numbers have 32 bits at most


@dataclass(frozen=True, slots=True, eq=False)
class PackedRows:
    """The rows of θ as strings.

    values  the distinct weights, the most frequent first
    codes   (m,) int64   of each entry, its number in values
    """

    postings: Postings
    values: NDArray[np.float32]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, postings: Postings) -> PackedRows:
        """Those of a θ."""
        values, codes, counts = np.unique(postings.weights, return_inverse=True, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return cls(postings, values[order], place[codes])

    def strings(self, rows: NDArray[np.int64]) -> list[str]:
        """Each of some rows, as a string of JSON."""
        starts, sizes = self.postings.starts[rows], np.diff(self.postings.starts)[rows]
        ends = np.cumsum(sizes)
        at = np.repeat(starts - (ends - sizes), sizes) + np.arange(int(sizes.sum()))
        labels = self.postings.labels[at].astype(np.int64)
        steps = np.diff(labels, prepend=0)
        first = (ends - sizes)[sizes > 0]
        steps[first] = labels[first]
        data, bounds = leb128(np.column_stack([steps, self.codes[at]]).ravel())
        cuts = bounds[2 * np.concatenate([np.zeros(1, np.int64), ends])].tolist()
        text = data.tobytes()
        return [f'"{b64encode(text[i:j]).decode()}"' for i, j in pairwise(cuts)]


def leb128(numbers: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(bytes of the numbers, none negative, one behind the other; where each begins, and the end).

    >>> leb128(np.array([5, 300]))[0].tolist()
    [5, 172, 2]
    """
    groups = np.ones(len(numbers), np.int64)
    for i in range(1, MOST_GROUPS):
        groups += numbers >> (GROUP * i) > 0
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(groups)])
    out = np.empty(int(bounds[-1]), np.uint8)
    for i in range(MOST_GROUPS):
        own = np.flatnonzero(groups > i)
        more = np.where(groups[own] > i + 1, MORE, 0)
        out[bounds[own] + i] = (numbers[own] >> (GROUP * i) & (MORE - 1)) + more
    return out, bounds


def of_postings(parts: ModelParts) -> dict[str, Any]:
    """What a model's JSON has besides, where θ is sparse."""
    calibration = parts.calibration
    documents = parts.record.label_weights().tolist()
    return {
        "calibration": {name: getattr(calibration, name) for name in CALIBRATION},
        "share": calibration.share if isinstance(calibration, Mixed) else 0.0,
        "documents": [int(own) if own == int(own) else own for own in documents],
        "unseen": UNSEEN,
    }
