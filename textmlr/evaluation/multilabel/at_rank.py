"""The k likeliest labels of each document: precision, recall, and precision by rarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.multilabel.set_answers import SetAnswers
from textmlr.evaluation.propensity import inverse_propensities
from textmlr.model.scoring import row_blocks

RANKS = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class AtRank:
    """The figures of the k likeliest labels of each document, whatever their P; ties: the first.

    precision  mean over documents of the share of the k that it has
    recall     mean over the documents that have labels of the share of these among the k; None
               where no document has any
    propensity_scored  precision in which a label counts 1/propensity, so that rare ones count most,
               as a share of the highest that any answer could have; None where the model does not
               say how many documents of training had each label
    """

    k: int
    precision: float
    recall: float | None
    propensity_scored: float | None


def at_ranks(answered: SetAnswers) -> tuple[AtRank, ...]:
    """A row for each of RANKS that the labels of the model suffice for."""
    n, width = answered.probabilities.shape
    ranks = [k for k in RANKS if k <= width]
    hits, sizes, weights = hits_at(answered, ranks[-1]), answered.sets.sizes, _weights(answered)
    some = sizes > 0
    rows = []
    for k in ranks:
        right = (hits[:, :k] >= 0).sum(axis=1)
        recall = float((right[some] / sizes[some]).mean()) if some.any() else None
        scored = None
        if weights is not None and some.any():
            reached = weights[hits[:, :k]][hits[:, :k] >= 0].sum()
            scored = float(reached / _highest(answered, weights, k))
        rows.append(AtRank(k, float(right.sum()) / (n * k), recall, scored))
    return tuple(rows)


def hits_at(answered: SetAnswers, most: int) -> NDArray[np.int64]:
    """(n, most) the likeliest labels of each document, in order; -1 for one that it has not."""
    width = answered.probabilities.shape[1]
    out = np.empty((len(answered), most), np.int64)
    for block in row_blocks(len(answered), width):
        rows = likeliest_of(answered.probabilities[block], most)
        own = np.zeros((len(rows), len(answered.names)), np.bool_)
        sets = answered.sets[block]
        own[sets.rows, sets.codes] = True
        out[block] = np.where(np.take_along_axis(own, rows, axis=1), rows, -1)
    return out


def likeliest_of(rows: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """(b, most) the likeliest labels of each row (b, L), most <= L; ties in the labels' order."""
    left, at = rows.copy(), np.arange(len(rows))
    found = np.empty((len(rows), most), np.int64)
    for k in range(most):
        found[:, k] = left.argmax(axis=1)
        left[at, found[:, k]] = -1.0
    return found


def _weights(answered: SetAnswers) -> NDArray[np.float64] | None:
    """(W,) 1/propensity of each name; a label that the model does not know had no document."""
    if answered.trained_on is None:
        return None
    documents = np.zeros(len(answered.names))
    documents[: len(answered.trained_on)] = answered.trained_on
    return inverse_propensities(documents, answered.trained_documents)


def _highest(answered: SetAnswers, weights: NDArray[np.float64], k: int) -> float:
    """The sum over documents of the k highest weights of their labels."""
    sets = answered.sets
    own, rows = weights[sets.codes], sets.rows
    order = np.lexsort((-own, rows))
    rank = np.arange(len(rows)) - np.repeat(sets.offsets[:-1], sets.sizes)
    return float(own[order][rank < k].sum())
