"""The plots of a report on very many labels, each as PNG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.intervals import wilson
from textmlr.evaluation.rank_figures import TrainingBand
from textmlr.evaluation.report.drawing import (
    FONT,
    Theme,
    bars_of_counts,
    canvas,
    dots_with_bars,
    in_percent,
)
from textmlr.evaluation.report.plots import WIDTH

MOST_LIKELIEST = 1000  # labels of a document, the likeliest first, that the curve goes to
MARKED = (1, 5, 10, 100, 1000)


def likeliest(
    shares: NDArray[np.float64],
    chance: NDArray[np.float64],
    weighted: NDArray[np.float64] | None,
    theme: Theme,
) -> bytes:
    """The share of documents whose label is among the k likeliest, for k = 1 to m.

    shares, chance, weighted  (m,) by the model, by always the commonest labels, and with rare
                              labels counting more, None where that is not known
    """
    k = np.arange(1, len(shares) + 1)
    with canvas(theme, (WIDTH * 0.8, 4.6)) as (figure, png):
        axes = figure.subplots()
        if weighted is not None:
            axes.plot(k, weighted, color=theme.second, lw=3, label="rare labels count more")
        axes.plot(k, shares, color=theme.first, lw=1.6, label="documents")
        axes.plot(k, chance, color=theme.ink, lw=1, ls=(0, (4, 3)), label="chance")
        for at in (mark for mark in MARKED if mark <= len(shares)):
            axes.plot(at, shares[at - 1], "o", color=theme.first, ms=6, zorder=3)
            axes.annotate(
                f"{shares[at - 1]:.1%}",
                (at, shares[at - 1]),
                xytext=(6, -13),  # below the curve, which rises
                textcoords="offset points",
                ha="left" if at < len(shares) else "right",
                fontsize=FONT - 1,
            )
        axes.set_xscale("log")
        ticks = [at for at in (1, 3, 5, 10, 30, 100, 300, 1000) if at <= len(shares)]
        axes.set_xticks(ticks, [f"{at:,}" for at in ticks])
        axes.minorticks_off()
        axes.set(
            xlim=(0.9, 1.12 * len(shares)),
            ylim=(0, min(1.0, 1.15 * float(shares.max())) + 0.03),
            xlabel="likeliest labels",
            ylabel="share with the label among them",
        )
        in_percent(axes.yaxis)
        axes.legend(loc="lower right", frameon=False)
        return png()


def by_training(bands: Sequence[TrainingBand], names: Sequence[str], theme: Theme) -> bytes:
    """Accuracy, of the answer and of five, by the documents that a label had in training;  names
    of the bands."""
    with canvas(theme, (WIDTH * 0.8, 5.6)) as (figure, png):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        x = np.arange(len(bands))
        counts = np.array([band.documents for band in bands])
        series = (
            ("the answer", [band.accuracy for band in bands], theme.first),
            ("the five likeliest", [band.wider for band in bands], theme.second),
        )
        for name, values, colour in series:
            y = np.array(values)
            low, high = wilson(np.rint(y * counts).astype(np.int64), counts)
            beside = np.maximum(y - low, 0), np.maximum(high - y, 0)
            dots_with_bars(upper, x, y, beside, color=colour, label=name)
        upper.set(ylim=(0, 1.02), ylabel="share that is right")
        upper.legend(loc="best", frameon=False)
        bars_of_counts(lower, x.tolist(), counts.tolist(), 0.8, theme)
        turned = 30 if len(bands) > 8 else 0
        lower.set_xticks(x, list(names), rotation=turned)
        lower.set(xlabel="documents of the label in training", ylabel="documents")
        in_percent(upper.yaxis)
        return png()
