"""The highest F1 that thresholds chosen on these very documents reach: a bound, not a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.multilabel.ranked_labels import RankedLabel
from textmlr.evaluation.multilabel.set_answers import SetAnswers, of_pairs
from textmlr.model.scoring import row_blocks


@dataclass(frozen=True, slots=True)
class BestF1:
    """The highest F1 of each kind.

    micro, macro, samples  by one threshold for all labels, which stands beside
    micro_by_label, macro_by_label  by a threshold of each label's own
    """

    micro: float
    micro_threshold: float
    macro: float
    macro_threshold: float
    samples: float
    samples_threshold: float
    micro_by_label: float
    macro_by_label: float


def best_f1(answered: SetAnswers, ranked: Sequence[RankedLabel]) -> BestF1:
    """The bounds;  ranked  the labels as ``ranked_labels`` has them."""
    p, sets = answered.probabilities, answered.sets
    n, width, names = *p.shape, len(answered.names)
    # The best threshold of all labels is the P of a document for a label that it has, as that of
    # one label is; above all P nothing is answered.
    cuts = _Cuts(np.unique(np.append(of_pairs(p, sets.rows, sets.codes), np.nextafter(1.0, 2.0))))
    true = sets.indicator(names)[:, :width]
    support = np.bincount(sets.codes, minlength=names)
    given, hits, documents, labels = (np.zeros(len(cuts)) for _ in range(4))
    for block in row_blocks(n, width):
        places = cuts.places(p[block])
        given += cuts.summed(places)
        hits += cuts.summed(places[true[block]])
        documents += cuts.summed(places, _gains(p[block], true[block], sets.sizes[block], 1.0))
    for block in row_blocks(width, n):
        rows, own = np.ascontiguousarray(p[:, block].T), np.ascontiguousarray(true[:, block].T)
        labels += cuts.summed(cuts.places(rows), _gains(rows, own, support[block], 0.0))
    micro = 2 * _falling(hits) / np.maximum(_falling(given) + len(sets.codes), 1)
    samples = (int((sets.sizes == 0).sum()) + _falling(documents)) / n
    macro = float(np.mean([own.best[0] for own in ranked]))
    return BestF1(
        *cuts.highest(micro),
        *cuts.highest(_falling(labels) / names),
        *cuts.highest(samples),
        _micro_by_label(ranked),
        macro,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Cuts:
    """Thresholds, at each of which some pairs of a document and a label become answers.

    ascending  (k,)
    """

    ascending: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ascending)

    def places(self, p: NDArray[np.float64]) -> NDArray[np.int64]:
        """The highest threshold that each P reaches, its number and 1 more; 0 for none."""
        return np.searchsorted(self.ascending, p, side="right")

    def summed(
        self, places: NDArray[np.int64], values: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """(k,) the sum of values, or their number, at each threshold."""
        own = None if values is None else values.ravel()
        return np.bincount(places.ravel(), own, len(self) + 1)[1:].astype(np.float64)

    def highest(self, f1: NDArray[np.float64]) -> tuple[float, float]:
        """(the highest F1, its threshold);  f1  (k,) thresholds falling."""
        best = int(f1.argmax())
        return float(f1[best]), float(self.ascending[::-1][best])


def _falling(changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) sums from the highest threshold down to each."""
    sums: NDArray[np.float64] = np.cumsum(changes[::-1])
    return sums


def _gains(
    rows: NDArray[np.float64], true: NDArray[np.bool_], sizes: NDArray[np.int64], empty: float
) -> NDArray[np.float64]:
    """(b, w) by how much the F1 of its row changes as each pair becomes an answer, in order of
    falling P: their sum down to a threshold is the F1 there, less that without answers.

    rows   (b, w) P of documents for labels, or of labels for documents;  true  (b, w)
    sizes  (b,) pairs that are true, of labels that are not known too
    empty  the F1 of a row where nothing is true and nothing answered
    """
    order = np.argsort(-rows, axis=1)
    hits = np.cumsum(np.take_along_axis(true, order, axis=1), axis=1)
    f1 = 2 * hits / (np.arange(1, rows.shape[1] + 1) + sizes[:, None])
    changes = np.diff(f1, axis=1, prepend=np.where(sizes, 0.0, empty)[:, None])
    gains = np.empty_like(changes)
    np.put_along_axis(gains, order, changes, axis=1)
    return gains


def _micro_by_label(ranked: Sequence[RankedLabel]) -> float:
    """The highest micro-F1 by a threshold of each label's own.

    F is the highest if Σ over labels of max (2·hits − F·answers) is F·(documents with each label):
    the F of the maxima at F is not lower, until it stays.
    Source: Dinkelbach, Management Science 13(7), 1967.
    """
    labels, best = sum(own.documents for own in ranked), 0.0
    while True:
        hits = answers = 0
        for own in ranked:
            gains = 2 * own.hits - best * own.given
            if len(gains) and gains.max() > 0:
                at = int(gains.argmax())
                hits, answers = hits + int(own.hits[at]), answers + int(own.given[at])
        f1 = 2 * hits / max(answers + labels, 1)
        if f1 <= best:
            return best
        best = f1
