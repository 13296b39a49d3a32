"""The documents of each label by the P they give it: average precision and the best thresholds.

Between two documents that have a label, a lower threshold adds answers that are wrong, and nothing
else.  So the best threshold of any F1 is the P of a document for a label that it has, and the
documents that have a label are all that need to be ranked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.multilabel.f1_scores import BestF1
from textmlr.evaluation.multilabel.set_answers import SetAnswers, of_pairs
from textmlr.model.scoring import row_blocks

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
        """(the highest F1, the highest threshold that gives it); (0, 1) without documents."""
        if not self.documents:
            return 0.0, 1.0
        f1 = 2 * self.hits / (self.given + self.documents)
        at = int(f1.argmax())
        return float(f1[at]), float(self.thresholds[at])


def ranked_labels(answered: SetAnswers) -> list[RankedLabel]:
    """The rank of each label of ``answered.names``; one that the model does not know has P = 0."""
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
        thresholds, firsts = np.unique(values, return_index=True)
        below = (
            np.searchsorted(block[label % step], thresholds)
            if label < width
            else np.zeros(len(thresholds), np.int64)
        )
        ranked.append(
            RankedLabel(len(values), thresholds[::-1], n - below[::-1], len(values) - firsts[::-1])
        )
    return ranked


def best_f1(answered: SetAnswers, ranked: list[RankedLabel]) -> BestF1:
    """The highest F1 of each kind;  ranked  those of ``ranked_labels``."""
    p, sets, width = answered.probabilities, answered.sets, answered.probabilities.shape[1]
    cuts = np.unique(p[sets.rows[sets.codes < width], sets.codes[sets.codes < width]])
    macro = float(np.mean([own.best[0] for own in ranked]))
    if not len(cuts):  # nothing to find: the best answer is none
        empty = float((sets.sizes == 0).mean())
        return BestF1(0.0, 1.0, macro, empty, 1.0)
    # In place k are the changes by pairs whose P is from cuts[k − 1], or 0, up to below cuts[k];
    # the last is that of pairs with the highest P, or more.
    given, hits, gains = (np.zeros(len(cuts) + 1) for _ in range(3))
    for block in row_blocks(len(answered), width):
        rows, own = p[block], sets[block]
        places = np.searchsorted(cuts, rows.ravel(), side="right")
        given += np.bincount(places, minlength=len(given))
        known = own.codes < width
        at = own.rows[known] * width + own.codes[known]
        hits += np.bincount(places[at], minlength=len(hits))
        true = np.zeros(rows.size, np.bool_)
        true[at] = True
        gains += np.bincount(places, _gains(rows, true, own.sizes), len(gains))
    given, hits, gains = (np.cumsum(part[:0:-1]) for part in (given, hits, gains))
    micro = 2 * hits / (given + len(sets.codes))
    samples = (float((sets.sizes == 0).sum()) + gains) / len(answered)
    cuts = cuts[::-1]
    return BestF1(
        float(micro.max()),
        float(cuts[micro.argmax()]),
        macro,
        float(samples.max()),
        float(cuts[samples.argmax()]),
    )


def _gains(
    rows: NDArray[np.float64], true: NDArray[np.bool_], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(b·L,) by how much the F1 of its document changes as each pair becomes an answer, in order of
    falling P: their sum down to a threshold is the F1 there, less 1 for a document without labels.

    rows  (b, L);  true  (b·L,) whether the document has the label;  sizes  (b,) its labels
    """
    order = np.argsort(-rows, axis=1)
    hits = np.cumsum(np.take_along_axis(true.reshape(rows.shape), order, axis=1), axis=1)
    f1 = 2 * hits / (np.arange(1, rows.shape[1] + 1) + sizes[:, None])
    changes = np.diff(f1, axis=1, prepend=np.where(sizes, 0.0, 1.0)[:, None])
    gains = np.empty_like(changes)
    np.put_along_axis(gains, order, changes, axis=1)
    return gains.ravel()
