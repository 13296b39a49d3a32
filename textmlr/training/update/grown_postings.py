"""The postings of an old model, with room for new features and labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.model.model import Model
from textmlr.model.postings import Postings


def grown_postings(old: Postings, rows: int, known: NDArray[np.bool_]) -> Postings:
    """The postings with empty rows for new features, and new labels, which have none."""
    codes = np.flatnonzero(known).astype(np.int32)
    bias, scales = np.zeros(len(known), np.float32), np.zeros(len(known), np.float32)
    bias[known], scales[known] = old.bias, old.scales
    ends = np.full(rows - old.rows_number, old.starts[-1])
    starts = np.concatenate([old.starts, ends])
    row_scales = None
    if old.row_scales is not None:
        row_scales = np.append(old.row_scales, np.ones(len(ends), np.float32))
    return Postings(starts, codes[old.labels], old.weights, bias, scales, old.sums, row_scales)


def known_labels(model: Model, labels: list[str]) -> NDArray[np.bool_]:
    """(L,) which of the labels the model has."""
    own = set(model.labels)
    return np.array([label in own for label in labels])
