"""Label by label: the figures of each label by itself, where a document has any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from textmlr.evaluation.label_figures import LABEL_AT, AtThreshold
from textmlr.evaluation.multilabel.f1_scores import Counts, counts_at
from textmlr.evaluation.multilabel.ranked_labels import RankedLabel
from textmlr.evaluation.multilabel.set_answers import SetAnswers


@dataclass(frozen=True, slots=True)
class SetLabelFigures:
    """One label: precision, recall and F1 of its answers (0 where undefined), the documents that
    have it (support) and that get it (predicted).

    threshold          an answer where P is this or more; None for a label the model does not know
    average_precision  over all thresholds; None for a label without documents
    best_f1, best_threshold  the highest F1 that a threshold chosen on these documents reaches; 0
                       and 1 for a label the model does not know
    thresholds         a row for each of LABEL_AT
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int
    threshold: float | None
    average_precision: float | None
    best_f1: float
    best_threshold: float
    thresholds: tuple[AtThreshold, ...] = field(repr=False)


def set_label_figures(
    answered: SetAnswers, counts: Counts, ranked: Sequence[RankedLabel]
) -> tuple[SetLabelFigures, ...]:
    """The figures of each label of ``answered.names``.

    counts  of its answers;  ranked  the labels as ``ranked_labels`` has them
    """
    precision = counts.hits / np.maximum(counts.answers, 1)
    recall = counts.hits / np.maximum(counts.labels, 1)
    at, f1 = _at_thresholds(answered), counts.f1_of_labels
    cuts: dict[int, float] = dict(enumerate(answered.thresholds.tolist()))
    return tuple(
        SetLabelFigures(
            name,
            float(precision[code]),
            float(recall[code]),
            float(f1[code]),
            int(counts.labels[code]),
            int(counts.answers[code]),
            cuts.get(code),
            ranked[code].average_precision,
            *ranked[code].best,
            at[code],
        )
        for code, name in enumerate(answered.names)
    )


def _at_thresholds(answered: SetAnswers) -> list[tuple[AtThreshold, ...]]:
    """The rows of each label, one for each of LABEL_AT."""
    rows: list[list[AtThreshold]] = [[] for _ in answered.names]
    for threshold in LABEL_AT:
        counts = counts_at(answered, threshold)
        columns = (counts.answers.tolist(), counts.hits.tolist(), counts.labels.tolist())
        for row, given, hits, own in zip(rows, *columns, strict=True):
            precision = hits / given if given else None
            row.append(AtThreshold(threshold, given, precision, hits / own if own else None))
    return [tuple(row) for row in rows]
