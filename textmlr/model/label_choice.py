"""Which labels are the answer to a document that may have several: those above their thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LabelChoice:
    """How P of each label becomes the labels of a document.

    A label is one of them where its P is at least its threshold, and at least ``least``.

    thresholds    (L,) float64, above 0 and at most 1
    least         the least probability of a label, 0 for none
    at_least_one  a document without such a label has its likeliest

    >>> p = np.array([[0.2, 0.9, 0.7], [0.4, 0.1, 0.1]])
    >>> choice = LabelChoice(np.array([0.5, 0.5, 0.6]))
    >>> choice.lists(p), LabelChoice(choice.thresholds, at_least_one=True).lists(p)
    ([[1, 2], []], [[1, 2], [0]])
    """

    thresholds: Reals
    least: float = 0.0
    at_least_one: bool = False

    def chosen(self, rows: Reals) -> NDArray[np.bool_]:
        """Whether each label is of the answer: (n, L);  rows (n, L), P of each."""
        found: NDArray[np.bool_] = rows >= np.maximum(self.thresholds, self.least)
        if self.at_least_one:
            none = np.flatnonzero(~found.any(axis=1))
            found[none, rows[none].argmax(axis=1)] = True
        return found

    def ranked(self, rows: Reals) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(offsets (n + 1,), codes (m,)): the labels of document i are
        codes[offsets[i]:offsets[i + 1]], the likeliest first, ties in their order."""
        documents, codes = np.nonzero(self.chosen(rows))
        order = np.lexsort((-rows[documents, codes], documents))
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(np.bincount(documents, minlength=len(rows)), out=offsets[1:])
        return offsets, codes[order]

    def lists(self, rows: Reals) -> list[list[int]]:
        """The labels of each document, the likeliest first."""
        offsets, codes = self.ranked(rows)
        ends, own = offsets.tolist(), codes.tolist()
        return [own[first:last] for first, last in pairwise(ends)]


def check_thresholds(thresholds: Any, labels: int, has_sets: bool) -> None:
    """Raise InputError unless these are thresholds of so many labels, or None.

    has_sets  of the model's head: without it a document has one label, and no thresholds
    """
    if thresholds is None:
        return
    if not has_sets:
        raise InputError("has thresholds, but a document has one label by its head")
    if not isinstance(thresholds, np.ndarray) or thresholds.dtype != np.float64:
        raise InputError("thresholds are not an array of float64")
    if thresholds.shape != (labels,):
        raise InputError(f"thresholds are {thresholds.shape}, not ({labels},)")
    if not bool(((thresholds > 0) & (thresholds <= 1)).all()):
        raise InputError("a threshold is not above 0 and at most 1")
