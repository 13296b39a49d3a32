"""F1 of answers that are label sets: micro, macro and samples, and at cuts of all labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.label_sets import LabelSets
from textmlr.evaluation.multilabel.set_answers import SetAnswers, answers_at, keys

HALF = 0.5
# Thresholds, one for all labels, with a row of figures each.
CUTS = (*(i / 20 for i in range(1, 20)), 0.99)


@dataclass(frozen=True, slots=True)
class F1Scores:
    """Three means of F1 = 2·hits / (answers + labels).

    micro    over all pairs of a document and a label at once: common labels count most
    macro    the mean of the labels' F1, 0 for a label that no document has and that is answered
             nowhere, as scikit-learn's "macro" with zero_division=0
    samples  the mean of the documents' F1, 1 for a document without labels that gets none
    """

    micro: float
    macro: float
    samples: float


@dataclass(frozen=True, slots=True)
class AtCut:
    """Answers where each label with P >= threshold is one: labels a document, precision and recall
    over all pairs (None for a precision without answers, a recall without labels), and F1."""

    threshold: float
    labels_a_document: float
    precision: float | None
    recall: float | None
    f1: F1Scores


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Pairs counted by label and by document.

    hits, answers, labels           (W,) of each label: answers that are right, answers, documents
    own_hits, own_answers, own_labels  (n,) of each document
    """

    hits: NDArray[np.int64]
    answers: NDArray[np.int64]
    labels: NDArray[np.int64]
    own_hits: NDArray[np.int64]
    own_answers: NDArray[np.int64]
    own_labels: NDArray[np.int64]

    @classmethod
    def of(cls, sets: LabelSets, answered: LabelSets, width: int) -> Counts:
        """The counts of answers against true labels, codes below width."""
        true = keys(sets, width)
        both = true[np.isin(true, keys(answered, width), assume_unique=True)]
        return cls(
            np.bincount(both % width, minlength=width),
            np.bincount(answered.codes, minlength=width),
            np.bincount(sets.codes, minlength=width),
            np.bincount(both // width, minlength=len(sets)),
            answered.sizes,
            sets.sizes,
        )

    @property
    def f1_of_labels(self) -> NDArray[np.float64]:
        """(W,) 0 where a label neither occurs nor is answered."""
        f1: NDArray[np.float64] = 2 * self.hits / np.maximum(self.answers + self.labels, 1)
        return f1

    @property
    def f1_of_documents(self) -> NDArray[np.float64]:
        """(n,) 1 where a document has no label and gets none."""
        both = self.own_answers + self.own_labels
        f1: NDArray[np.float64] = np.where(both, 2 * self.own_hits / np.maximum(both, 1), 1.0)
        return f1

    @property
    def is_exact(self) -> NDArray[np.bool_]:
        """(n,) whether the answers of each document are its labels, all of them and no other."""
        labels = self.own_labels
        exact: NDArray[np.bool_] = (self.own_hits == labels) & (self.own_answers == labels)
        return exact

    @property
    def f1(self) -> F1Scores:
        hits, both = int(self.hits.sum()), int(self.answers.sum() + self.labels.sum())
        return F1Scores(
            2 * hits / max(both, 1),
            float(self.f1_of_labels.mean()),
            float(self.f1_of_documents.mean()),
        )

    @property
    def precision(self) -> float | None:
        """The share of all answers that are right."""
        answers = int(self.answers.sum())
        return int(self.hits.sum()) / answers if answers else None

    @property
    def recall(self) -> float | None:
        """The share of all labels of documents that are answers."""
        labels = int(self.labels.sum())
        return int(self.hits.sum()) / labels if labels else None


def counts_at(answered: SetAnswers, threshold: NDArray[np.float64] | float) -> Counts:
    """The counts of the answers with P >= threshold."""
    given = answers_at(answered.probabilities, threshold)
    return Counts.of(answered.sets, given, len(answered.names))


def at_cuts(answered: SetAnswers, cuts: Sequence[float] = CUTS) -> tuple[AtCut, ...]:
    """A row for each threshold."""
    rows = []
    for cut in cuts:
        counts = counts_at(answered, cut)
        labels = int(counts.answers.sum()) / len(answered)
        rows.append(AtCut(cut, labels, counts.precision, counts.recall, counts.f1))
    return tuple(rows)
