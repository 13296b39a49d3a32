"""The section of a report on labels, where a document has any number: each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from textmlr.base.web_page import name_of, table
from textmlr.evaluation.curves import LabelCurve
from textmlr.evaluation.multilabel.multilabel_evaluation import MultilabelEvaluation
from textmlr.evaluation.multilabel.ranked_labels import RankedLabel, ranked_labels
from textmlr.evaluation.multilabel.set_labels import SetLabelFigures
from textmlr.evaluation.report import drawing, plots
from textmlr.evaluation.report.images import Images, figure
from textmlr.evaluation.report.label_section import PANELS, shown_share
from textmlr.evaluation.report.shown_labels import ShownLabels

SHOWN_AT = (0.2, 0.5)  # some of label_figures.LABEL_AT


def set_labels_section(result: MultilabelEvaluation, names: ShownLabels, images: Images) -> str:
    """Precision against recall of labels, and a table of all."""
    answered = result.answered
    ranked = dict(zip(answered.names, ranked_labels(answered), strict=True))
    known = [row for row in result.labels if row.support and row.threshold is not None]
    known.sort(key=lambda row: row.support * ((row.average_precision or 0.0) - 1))
    worst = [curve_of(row.label, ranked[row.label]) for row in known[:PANELS]]
    text = (
        "<p>Each label by itself: precision, recall and F1 at its threshold; the average precision "
        "(AP) over all thresholds; the P that would make F1 best (chosen on these documents, so "
        "flattering); and precision / recall at some P.</p>"
    )
    if worst:
        which = (
            "each label"
            if len(worst) == len(known)
            else f"the {len(worst)} labels of the most documents not found"
        )
        cuts = {row.label: row.threshold for row in known if row.threshold is not None}
        draw = partial(plots.precision_recall, worst, names, thresholds=cuts)
        text += figure(
            images,
            "precision-recall",
            drawing.themed(draw, names.families),
            f"Precision against recall of {which}, as the least probability falls; first those of "
            "the highest documents × (1 − AP), where AP is the average precision.",
        )
    return text + names.key() + _table(result.labels)


def _table(rows: Sequence[SetLabelFigures]) -> str:
    heads = [
        "label",
        "documents",
        "answered",
        "P ≥",
        "precision",
        "recall",
        "F1",
        "AP",
        "best F1",
        "at P ≥",
        *(f"P ≥ {at:g}" for at in SHOWN_AT),
    ]
    return table(heads, [_row(row) for row in rows])


def _row(row: SetLabelFigures) -> list[str]:
    at = {t.min_probability: t for t in row.thresholds}
    is_found = row.average_precision is not None and row.threshold is not None
    return [
        name_of(row.label),
        f"{row.support:,}",
        f"{row.predicted:,}",
        "–" if row.threshold is None else f"{row.threshold:.3f}",
        f"{row.precision:.3f}",
        f"{row.recall:.3f}",
        f"{row.f1:.3f}",
        f"{row.average_precision:.3f}" if row.average_precision is not None else "–",
        f"{row.best_f1:.3f}" if is_found else "–",
        f"{row.best_threshold:.3f}" if is_found else "–",
        *(f"{shown_share(at[p].precision)} / {shown_share(at[p].recall)}" for p in SHOWN_AT),
    ]


def curve_of(label: str, ranked: RankedLabel) -> LabelCurve:
    """The curve of a label, with a point before each fall of the threshold to a document that has
    the label, and one behind it."""
    hits, given = np.repeat(ranked.hits, 2)[:-1], np.repeat(ranked.given, 2)[:-1]
    wrong = ranked.given - ranked.hits
    given[1::2] = ranked.hits[:-1] + wrong[1:]
    best_f1, best_threshold = ranked.best
    return LabelCurve(
        label,
        ranked.documents,
        np.repeat(ranked.thresholds, 2)[:-1],
        hits / given,
        hits / ranked.documents,
        ranked.average_precision or 0.0,
        best_f1,
        best_threshold,
    )
