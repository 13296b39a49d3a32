"""A θ that has weights only where label and feature met, in a model's JSON.

A weight is row scale · scale · √sum + step · a whole number, and the sum is factor · base · a power
of two (``rounded_postings``).  So a feature needs the upper bits of its row's scale and, for each
of its labels, the label, the number of the power, and the whole number: all of them in LEB128 (7
bits a byte, the lowest first, 128 added to all bytes but the last).  The bytes of a feature are
one string in Base64.
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
from textmlr.model.postings_file.rounded_postings import (
    PostingCodes,
    codes_of,
    factors_of,
    powers_of_two,
    scales_of_rows,
    short_of,
    step_size,
)
from textmlr.model.scoring import UNSEEN, Mixed

SPARSE_FORMAT = "textmlr-json 5"
CALIBRATION = ("exponent", "spread", "least")
GROUP, MORE = 7, 128  # bits of a number in a byte, and what says that a byte follows
MOST_GROUPS = 5  # numbers have 32 bits at most


@dataclass(frozen=True, slots=True, eq=False)
class PackedRows:
    """The rows of θ as strings, of a model that is ``settled``."""

    postings: Postings
    codes: PostingCodes
    step: int

    @classmethod
    def of(cls, parts: ModelParts) -> PackedRows:
        """Those of a model."""
        postings, step = parts.postings, parts.storage.top
        assert postings is not None
        factors = factors_of(parts.featurizer.idf, parts.columns, postings.rows_number)
        return cls(postings, codes_of(postings, factors, step), step)

    def strings(self, rows: NDArray[np.int64]) -> list[str]:
        """Each of some rows, as a string of JSON."""
        starts, sizes = self.postings.starts[rows], np.diff(self.postings.starts)[rows]
        ends = np.cumsum(sizes)
        at = np.repeat(starts - (ends - sizes), sizes) + np.arange(int(sizes.sum()))
        labels = self.postings.labels[at].astype(np.int64)
        steps = np.diff(labels, prepend=0)
        first = (ends - sizes)[sizes > 0]
        steps[first] = labels[first]
        numbers = [steps]
        if self.codes.symbols is not None:
            numbers.append(self.codes.symbols[at].astype(np.int64))
        if self.step:
            learnt = self.codes.learnt[at].astype(np.int64)
            numbers.append(np.where(learnt < 0, -2 * learnt - 1, 2 * learnt))
        flat = np.column_stack(numbers).ravel()
        cuts = len(numbers) * np.concatenate([np.zeros(1, np.int64), ends])
        if self.codes.symbols is not None:  # the row's scale comes before
            own = short_of(scales_of_rows(self.postings)[rows])[sizes > 0].astype(np.int64)
            flat = np.insert(flat, cuts[:-1][sizes > 0], own)
            cuts[1:] += np.cumsum(sizes > 0)
        data, bounds = leb128(flat)
        cuts = bounds[cuts].tolist()
        text = data.tobytes()
        return [f'"{b64encode(text[i:j]).decode()}"' for i, j in pairwise(cuts)]

    def tables(self) -> dict[str, NDArray[np.float32]]:
        """Numbers of which weights are made, by their names."""
        summed = self.codes.symbols is not None
        return {
            "scales": self.postings.scales,
            "bases": self.codes.bases if summed else np.zeros(0, np.float32),
            "powers": powers_of_two() if summed else np.zeros(0, np.float32),
        }


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


def of_postings(parts: ModelParts, packed: PackedRows) -> dict[str, Any]:
    """What a model's JSON has besides, where θ is sparse."""
    calibration = parts.calibration
    documents = parts.record.label_weights().tolist()
    return {
        "calibration": {name: getattr(calibration, name) for name in CALIBRATION},
        "share": calibration.share if isinstance(calibration, Mixed) else 0.0,
        "documents": [int(own) if own == int(own) else own for own in documents],
        "unseen": UNSEEN,
        "step": step_size(packed.step) if packed.step else 0,
    }
