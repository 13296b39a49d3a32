"""The plots of a report on label sets, each as PNG."""

from __future__ import annotations

from collections.abc import Sequence

from textmlr.evaluation.multilabel.best_f1 import BestF1
from textmlr.evaluation.multilabel.f1_scores import AtCut, F1Scores
from textmlr.evaluation.report.drawing import FONT, Theme, canvas, in_percent
from textmlr.evaluation.report.plots import WIDTH


def thresholds(
    cuts: Sequence[AtCut], own: tuple[float | None, F1Scores], best: BestF1, theme: Theme
) -> bytes:
    """F1, precision and recall against one threshold of all labels.

    own   the model's threshold, None for one a label, and the F1 of its answers
    """
    at, f1 = own
    with canvas(theme, (WIDTH * 0.95, 4.8)) as (figure, png):
        axes = figure.subplots()
        x = [row.threshold for row in cuts]
        lines = (
            ("micro-F1", [row.f1.micro for row in cuts], theme.first, "-", 2.2),
            ("macro-F1", [row.f1.macro for row in cuts], theme.second, "-", 1.8),
            ("samples-F1", [row.f1.samples for row in cuts], theme.first, (0, (4, 2)), 1.6),
            ("precision", [row.precision for row in cuts], theme.ink, (0, (1, 2)), 1.2),
            ("recall", [row.recall for row in cuts], theme.ink, (0, (6, 2, 1, 2)), 1.2),
        )
        for name, values, colour, style, width in lines:
            shown = [float("nan") if value is None else value for value in values]
            axes.plot(x, shown, color=colour, ls=style, lw=width, label=name)
        axes.plot(best.micro_threshold, best.micro, "D", color=theme.first, ms=7, zorder=3)
        axes.annotate(
            f"best here: P ≥ {best.micro_threshold:.2g}",
            (best.micro_threshold, best.micro),
            xytext=(0, -20),
            ha="center",
            textcoords="offset points",
            fontsize=FONT - 1,
            bbox={"facecolor": theme.page, "edgecolor": "none", "pad": 1.5},
        )
        if at is None:
            axes.axhline(f1.micro, color=theme.first, lw=1, ls=(0, (1, 1)))
            axes.annotate(
                "micro-F1, a threshold a label",
                (0.995, f1.micro),
                xytext=(0, 4),
                textcoords="offset points",
                ha="right",
                fontsize=FONT - 1,
            )
        else:
            axes.axvline(at, color=theme.ink, lw=1, ls=(0, (4, 3)))
            axes.annotate(
                f"the model's: P ≥ {at:.2g}",
                (at, 0.02),
                xytext=(5, 0),
                textcoords="offset points",
                fontsize=FONT - 1,
            )
        axes.set(xlim=(0, 1), ylim=(0, 1.04), xlabel="least P of all labels")
        in_percent(axes.yaxis)
        figure.legend(loc="outside upper center", frameon=False, ncols=5)
        return png()
