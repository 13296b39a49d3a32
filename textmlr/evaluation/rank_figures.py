"""The place of each document's label among all labels, the likeliest first: figures for very many
labels, where an answer that is second or fifth is worth something too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.chance import chance_rates
from textmlr.evaluation.intervals import Interval
from textmlr.evaluation.propensity import inverse_propensities
from textmlr.evaluation.ranked_truth import RankedTruth
from textmlr.evaluation.true_labels import TrueLabels

RANKS = (1, 3, 5, 10)
WIDER = 5  # likeliest labels whose accuracy stands beside that of the answer
# Labels are told apart by their documents in training: 0, 1, 2 to 4, 5 to 9, 10 to 19, 20 to 49, …
_SERIES = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class TopK:
    """The k likeliest labels of each document, whatever their P; ties: the first.

    accuracy   share of the documents whose label is among the k: top-k accuracy, which is recall
               at k.  Precision at k, a document having one label, is this share divided by k
    interval   of the accuracy, 95 % (bootstrap)
    chance     accuracy of the k commonest labels as the answer to all, see ``Chance``
    propensity_scored  accuracy in which a document counts 1/propensity of its label, so that rare
               labels count most: PSP at k, as a share of the highest that is possible.  None where
               the model does not say how many documents of training had each label
    ndcg       mean of 1/log2(1 + place) of the label, the first place being 1, and of 0 where it
               is not among the k: normalised discounted cumulative gain
    """

    k: int
    accuracy: float
    interval: Interval
    chance: float
    propensity_scored: float | None
    ndcg: float


@dataclass(frozen=True, slots=True)
class TrainingBand:
    """The documents whose label had so many documents in training, or weights of this sum.

    least, below  least <= documents in training < below
    labels      of the model, in the band;  documents  that are evaluated
    accuracy    share of these whose answer is right;  wider  of those whose label is among the
                five likeliest
    log_loss    mean −ln P(y | x), nats
    """

    least: int
    below: int
    labels: int
    documents: int
    accuracy: float
    wider: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class RankFigures:
    """Figures of very many labels.

    at            a row for each of the 1, 3, 5 and 10 likeliest labels
    mean_reciprocal_rank  mean of 1/place of the label, the first place being 1
    median_place  of the labels: half of them are there or before
    labels_with_documents  labels that documents have, also those that the model does not know
    by_training   a row a band of labels, rare ones first; () where the model does not say how many
                  documents of training had each label
    """

    at: tuple[TopK, ...]
    mean_reciprocal_rank: float
    median_place: float
    labels_with_documents: int
    by_training: tuple[TrainingBand, ...]


def rank_figures(answered: RankedTruth, intervals: Sequence[Interval]) -> RankFigures:
    """The figures of answers to one document or more;  intervals  of the accuracy at each of
    ``ranks_of``."""
    rank, known = answered.rank, answered.codes < answered.width
    weights = document_weights(answered)
    commonest = np.argsort(-chance_rates(answered)[1], kind="stable")
    gains, rows = 1 / np.log2(rank + 2.0), []
    for k, interval in zip(ranks_of(answered.width), intervals, strict=True):
        hits = hits_at(answered, k)
        rows.append(
            TopK(
                k,
                float(hits.mean()),
                interval,
                float(np.isin(answered.codes, commonest[:k]).mean()),
                None if weights is None else float(weights[hits].sum() / weights.sum()),
                float(np.where(hits, gains, 0.0).mean()),
            )
        )
    return RankFigures(
        tuple(rows),
        float(np.where(known, 1 / (rank + 1.0), 0.0).mean()),
        float(np.median(rank)) + 1,
        len(np.unique(answered.codes)),
        _bands(answered),
    )


def ranks_of(labels: int) -> list[int]:
    """Those of RANKS that so many labels suffice for."""
    return [k for k in RANKS if k <= labels]


def hits_at(answered: TrueLabels, k: int) -> NDArray[np.bool_]:
    """(n,) whether the document's label is among the k likeliest."""
    hits: NDArray[np.bool_] = (answered.rank < k) & (answered.codes < answered.width)
    return hits


def document_weights(answered: RankedTruth) -> NDArray[np.float64] | None:
    """(n,) 1/propensity of each document's label; a label that the model does not know had no
    document.  None where the model does not say how many each had."""
    trained = _trained(answered)
    if trained is None:
        return None
    return inverse_propensities(trained, float(trained.sum()))[answered.codes]


def _trained(answered: RankedTruth) -> NDArray[np.float64] | None:
    """Documents in training of each of the names, 0 of those that the model does not know."""
    if answered.trained_on is None:
        return None
    more = np.zeros(len(answered.names) - len(answered.trained_on))
    return np.concatenate([answered.trained_on, more])


def _bands(answered: RankedTruth) -> tuple[TrainingBand, ...]:
    """The bands that documents fall in."""
    trained = _trained(answered)
    if trained is None:
        return ()
    edges = [0]
    while edges[-1] <= trained.max():
        edges.append(_SERIES[(len(edges) - 1) % 3] * 10 ** ((len(edges) - 1) // 3))
    band = np.searchsorted(edges, trained, side="right") - 1
    own = band[answered.codes]
    right, wider = hits_at(answered, 1), hits_at(answered, WIDER)
    labels = np.bincount(band[: answered.width], minlength=len(edges))
    columns = (own, own[right], own[wider])
    documents, hits, found = (np.bincount(one, minlength=len(edges)) for one in columns)
    losses = np.bincount(own, answered.losses, minlength=len(edges))
    return tuple(
        TrainingBand(
            edges[i],
            edges[i + 1],
            int(labels[i]),
            int(documents[i]),
            float(hits[i] / documents[i]),
            float(found[i] / documents[i]),
            float(losses[i] / documents[i]),
        )
        for i in np.flatnonzero(documents).tolist()
    )
