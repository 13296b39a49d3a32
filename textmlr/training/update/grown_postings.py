"""The postings of an old model, with room for new features and labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.kernels import merged_rows as kernels
from textmlr.kernels.merged_rows import SummedRows
from textmlr.model.model import Model
from textmlr.model.postings import Postings
from textmlr.training.support.label_sums import LabelSums

Floats = NDArray[np.float32]


class Merged(NamedTuple):
    """Entries of old documents and new.

    rows    SummedRows, with what old entries have;  added (m,) the sums of new documents
    learnt  (m,) beside the sums, as the model has it
    """

    rows: SummedRows
    added: Floats
    learnt: Floats


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


def merged(
    old: Postings, values: Floats, learnt: Floats, new: LabelSums, is_open: NDArray[np.uint8]
) -> Merged:
    """The entries of old postings, each with a value and what was learnt, and those of new sums.

    is_open  (R,) 0: the row takes nothing new
    """
    both = (
        SummedRows(frozen(old.starts), frozen(old.labels), frozen(values)),
        SummedRows(frozen(new.starts), frozen(new.labels), frozen(new.sums)),
        frozen(is_open),
    )
    sizes = np.empty(len(is_open), np.int64)
    kernels.count_merged(*both, sizes)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    m = int(starts[-1])
    rows = SummedRows(frozen(starts), np.empty(m, np.int32), np.empty(m, np.float32))
    own = np.empty(m, np.float32), np.empty(m, np.float32)
    kernels.merge_rows(*both, frozen(learnt), rows, *own)
    return Merged(rows, *own)
