"""Label by label: the section of a report on precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textmlr.base.web_page import name_of, table
from textmlr.evaluation.curves import LabelCurve, label_curves
from textmlr.evaluation.figures import Answered, LabelFigures
from textmlr.evaluation.report import plots
from textmlr.evaluation.report.images import Figures, figure

PANELS = 24  # labels whose precision is drawn against recall
SHOWN_AT = (0.3, 0.5, 0.7, 0.9)  # of evaluation.LABEL_AT


def labels_section(
    answered: Answered, rows: Sequence[LabelFigures], names: plots.Names, figures: Figures
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
        "<p>Precision, recall and F1 are of the likeliest label as the answer. A label can also be "
        "given to every document in which it has probability P at least, whatever else is likely: "
        "the last columns have precision / recall then, and the P that makes F1 best (chosen on "
        "these very documents, so a little flattering).</p>"
    )
    if worst:
        which = (
            "each label"
            if len(worst) == len(curves)
            else (f"the {len(worst)} labels of lowest average precision")
        )
        drawn = plots.themed(partial(plots.precision_recall, worst, names), names.families)
        text += figure(
            figures,
            "precision-recall",
            drawn,
            f"Precision against recall of {which}, where it is given from some probability on; the "
            "lowest average precision (AP) first.",
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
        *(f"{_share(at[p].precision)} / {_share(at[p].recall)}" for p in SHOWN_AT),
    ]


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"
