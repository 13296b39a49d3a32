"""The documents of each label by the P they give it: average precision and the best threshold.

Between two documents that have a label, a lower threshold adds answers that are wrong, and nothing
else.  So the best threshold is the P of a document for a label that it has, and the documents that
have the label are all that need to be ranked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.multilabel.set_answers import SetAnswers, of_pairs

BLOCK = 1 << 22  # probabilities that are sorted at a time


@dataclass(frozen=True, slots=True, eq=False)
class RankedLabel:
    """A label is given to all documents with P >= t: the counts as t falls from one document that
    has it to the next.

    documents   that have the label, k
    thresholds  (j,) P of these documents, descending, each once
    given       (j,) documents that get the label
    hits        (j,) of these, documents that have it
    """

    documents: int
    thresholds: NDArray[np.float64]
    given: NDArray[np.int64]
    hits: NDArray[np.int64]

    @property
    def average_precision(self) -> float | None:
        """Σ (R_i − R_{i−1}) P_i, as scikit-learn has it; None for a label without documents."""
        if not self.documents:
            return None
        new = np.diff(self.hits, prepend=0)
        return float((new * (self.hits / self.given)).sum() / self.documents)

    @property
    def best(self) -> tuple[float, float]:
        """(the highest F1, the highest threshold that gives it); (0, 1) where no document that has
        the label can get it."""
        if not len(self.hits):
            return 0.0, 1.0
        f1 = 2 * self.hits / (self.given + self.documents)
        at = int(f1.argmax())
        return float(f1[at]), float(self.thresholds[at])


def ranked_labels(answered: SetAnswers) -> list[RankedLabel]:
    """The rank of each label of ``answered.names``; one that the model does not know is given to no
    document."""
    p, sets = answered.probabilities, answered.sets
    n, width = p.shape
    own = of_pairs(p, sets.rows, sets.codes)
    order = np.lexsort((own, sets.codes))
    ends = np.cumsum(np.bincount(sets.codes, minlength=len(answered.names))).tolist()
    ascending = own[order]
    ranked, begin, step = [], 0, max(1, BLOCK // max(n, 1))
    block = np.zeros((0, n))
    for label, end in enumerate(ends):
        if label < width and label % step == 0:
            block = np.sort(p[:, label : label + step].T, axis=1)
        values, begin = ascending[begin:end], end
        if label >= width:  # no threshold makes it an answer
            none = np.zeros(0, np.int64)
            ranked.append(RankedLabel(len(values), np.zeros(0), none, none))
            continue
        thresholds, firsts = np.unique(values, return_index=True)
        below = np.searchsorted(block[label % step], thresholds)
        ranked.append(
            RankedLabel(len(values), thresholds[::-1], n - below[::-1], len(values) - firsts[::-1])
        )
    return ranked
