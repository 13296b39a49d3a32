"""The section of a report on labels: precision and recall of each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textmlr.base.web_page import name_of, table
from textmlr.evaluation.curves import LabelCurve, label_curves
from textmlr.evaluation.label_figures import LabelFigures
from textmlr.evaluation.labelled_answers import LabelledAnswers
from textmlr.evaluation.report import drawing, plots
from textmlr.evaluation.report.images import Images, figure
from textmlr.evaluation.report.shown_labels import ShownLabels

PANELS = 24  # at most so many labels have their precision drawn against recall
SHOWN_AT = (0.3, 0.5, 0.7, 0.9)  # some of label_figures.LABEL_AT


def labels_section(
    answered: LabelledAnswers,
    rows: Sequence[LabelFigures],
    names: ShownLabels,
    images: Images,
) -> str:
    """Precision against recall of labels, and a table of all."""
    curves = label_curves(answered)
    by_label = {curve.label: curve for curve in curves}
    cells = [_label_row(row, by_label.get(row.label)) for row in rows]
    worst = sorted(curves, key=lambda curve: curve.average_precision)[:PANELS]
    heads = [
        "label",
        "documents",
        "precision",
        "recall",
        "F1",
        "average precision",
        "best F1",
        "at P ≥",
        *(f"P ≥ {at:g}" for at in SHOWN_AT),
    ]
    text = (
        "<p>Precision, recall and F1 judge the likeliest label as the answer. A label can also be "
        "given to every document in which it has at least probability P, whatever else is likely: "
        "the last columns show precision / recall then, and the P that makes F1 best (chosen on "
        "these very documents, so a little flattering).</p>"
    )
    if worst:
        which = (
            "each label"
            if len(worst) == len(curves)
            else (f"the {len(worst)} labels of lowest average precision")
        )
        drawn = drawing.themed(partial(plots.precision_recall, worst, names), names.families)
        text += figure(
            images,
            "precision-recall",
            drawn,
            f"Precision against recall of {which}, as the least probability falls; the lowest "
            "average precision (AP) first.",
        )
    return text + table(heads, cells)


def _label_row(row: LabelFigures, curve: LabelCurve | None) -> list[str]:
    at = {t.min_probability: t for t in row.thresholds}
    return [
        name_of(row.label),
        f"{row.support:,}",
        f"{row.precision:.3f}",
        f"{row.recall:.3f}",
        f"{row.f1:.3f}",
        *(
            ("–", "–", "–")
            if curve is None
            else (
                f"{curve.average_precision:.3f}",
                f"{curve.best_f1:.3f}",
                f"{curve.best_threshold:.3f}",
            )
        ),
        *(f"{shown_share(at[p].precision)} / {shown_share(at[p].recall)}" for p in SHOWN_AT),
    ]


def shown_share(share: float | None) -> str:
    """A share in a table; – for none."""
    return "–" if share is None else f"{share:.2f}"
