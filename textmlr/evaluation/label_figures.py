"""Label by label: precision, recall, F1, and which label is taken for which."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.labelled_answers import LabelledAnswers
from textmlr.evaluation.true_labels import TrueLabels

MOST_CONFUSED = 10


# Least probabilities of a label with a row of its precision and recall.
LABEL_AT = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """A label is given to every document with P(label | x) >= min_probability, whatever else is
    likely: the number of these (``documents``), their share that has it (precision, None where
    there are none), and the share of the label's own documents that get it (recall, None for a
    label without documents)."""

    min_probability: float
    documents: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label: precision, recall and F1 (0 where undefined), its documents (support), how often
    it is the answer (predicted), and a row for each of LABEL_AT."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int
    thresholds: tuple[AtThreshold, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confusion:
    """``count`` documents of label ``true`` are taken for ``predicted``."""

    true: str
    predicted: str
    count: int


def label_figures(answered: LabelledAnswers) -> tuple[LabelFigures, ...]:
    """The figures of each label of ``answered.names``."""
    names, codes, top = answered.names, answered.codes, answered.top
    support = np.bincount(codes, minlength=len(names))
    predicted = np.bincount(top, minlength=len(names))
    hits = np.bincount(codes[codes == top], minlength=len(names))
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    columns = (precision, recall, f1, support, predicted)
    figures = zip(
        names,
        *(column.tolist() for column in columns),
        _at_thresholds(answered, support),
        strict=True,
    )
    return tuple(LabelFigures(*row) for row in figures)


def _at_thresholds(
    answered: LabelledAnswers, support: NDArray[np.int64]
) -> list[tuple[AtThreshold, ...]]:
    """The rows of each label, one for each of LABEL_AT; an unknown label is given to no
    document."""
    p, width = answered.probabilities, answered.probabilities.shape[1]
    known = np.flatnonzero(answered.codes < width)
    own, own_codes = answered.of_truth[known], answered.codes[known]
    rows: list[list[AtThreshold]] = [[] for _ in answered.names]
    for threshold in LABEL_AT:
        given = np.zeros(len(rows), np.int64)
        given[:width] = np.count_nonzero(p >= threshold, axis=0)
        hits = np.bincount(own_codes[own >= threshold], minlength=len(rows))
        figures = zip(rows, *(c.tolist() for c in (given, hits, support)), strict=True)
        for row, number, hit, mine in figures:
            precision = hit / number if number else None
            row.append(AtThreshold(threshold, number, precision, hit / mine if mine else None))
    return [tuple(row) for row in rows]


def confusions(answered: TrueLabels, most: int) -> tuple[Confusion, ...]:
    """The commonest errors, commonest first, at most so many."""
    names, codes, top = answered.names, answered.codes, answered.top
    wrong = codes != top
    pairs, counts = np.unique(codes[wrong] * len(names) + top[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return tuple(
        Confusion(names[pair // len(names)], names[pair % len(names)], int(count))
        for pair, count in zip(pairs[order].tolist(), counts[order].tolist(), strict=True)
    )
