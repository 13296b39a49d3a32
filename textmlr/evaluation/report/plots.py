"""The plots of a report, each as PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.curves import CurvePoint, LabelCurve
from textmlr.evaluation.intervals import wilson
from textmlr.evaluation.reliability import Bin
from textmlr.evaluation.report.drawing import (
    FONT,
    Theme,
    bars_of_counts,
    canvas,
    dots_with_bars,
    in_percent,
    short,
)
from textmlr.evaluation.report.shown_labels import ShownLabels

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WIDTH = 9.0  # inches
FEWEST = 20  # documents from which accuracy against coverage is drawn
WIDE_BAND = 0.05  # share of documents below which the band may leave the picture
MARKED = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)  # probabilities marked on that curve
CURVE_POINTS = 600
MATRIX = 7.4  # inches of a large confusion matrix, so that a page shows it without shrinking it
FEW_CELLS = 12  # labels up to which there is room for whole numbers in cells


def reliability(bins: Sequence[Bin], of: str, counted: str, theme: Theme) -> bytes:
    """The share of right answers by their probability, with 95 % bands, over counts.

    of       what has the probability;  counted  what is in a bin
    """
    with canvas(theme, (WIDTH * 0.72, 6.6)) as (figure, png):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
        x = np.array([b.probability for b in bins])
        y = np.array([b.accuracy for b in bins])
        low, high = np.array([b.interval for b in bins]).T
        upper.plot((0, 1), (0, 1), color=theme.ink, lw=1, ls=(0, (4, 3)), label="as sure as right")
        upper.fill_between(x, low, high, color=theme.first, alpha=0.18, lw=0)
        dots_with_bars(
            upper,
            x,
            y,
            (y - low, high - y),
            color=theme.first,
            label=f"{counted} of a bin, 95 % band",
        )
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share that is right")
        upper.legend(loc="lower right", frameon=False)
        middle = [(b.above + b.up_to) / 2 for b in bins]
        counts = [b.documents for b in bins]
        width = 0.92 * (bins[0].up_to - bins[0].above)
        bars_of_counts(lower, middle, counts, width, theme)
        lower.set(xlabel=f"probability of {of}", ylabel=counted)
        in_percent(upper.yaxis, lower.xaxis)
        return png()


def coverage(confidence: NDArray[np.float64], right: NDArray[np.bool_], theme: Theme) -> bytes:
    """Accuracy of the answers against the share of documents answered, with a 95 % band."""
    order = np.argsort(-confidence, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    documents, hits = ends + 1, np.cumsum(right[order])[ends]
    some = documents >= min(FEWEST, len(order))
    documents, hits, ends = documents[some], hits[some], ends[some]
    few = np.unique(np.linspace(0, len(documents) - 1, CURVE_POINTS).astype(np.int64))
    low, high = wilson(hits[few], documents[few])
    share = documents / len(order)
    accuracy = hits / documents
    with canvas(theme, (WIDTH * 0.8, 4.6)) as (figure, png):
        axes = figure.subplots()
        axes.fill_between(share[few], low, high, color=theme.first, alpha=0.18, lw=0)
        axes.plot(share[few], accuracy[few], color=theme.first, lw=2, label="accuracy, 95 % band")
        # The band of the first few documents would take most of the room.
        enough = share[few] >= WIDE_BAND
        bottom, top = float(min(accuracy.min(), low[enough].min())), 1.0
        room = 0.04 * (top - bottom)
        axes.set(
            xlim=(0, 1.01),
            ylim=(bottom - room, top + room),
            xlabel="share of documents answered (the surest first)",
            ylabel="accuracy of the answers",
        )
        drawn: list[float] = []
        for least in MARKED:
            number = int((confidence >= least).sum())
            at = int(np.searchsorted(documents, number))
            if number < documents[0] or number == len(order):
                continue
            place = number / len(order)
            axes.plot(place, accuracy[at], "o", color=theme.second, ms=7, zorder=3)
            if all(abs(place - other) > 0.06 for other in drawn):
                axes.annotate(
                    f"P ≥ {least:g}",
                    (place, accuracy[at]),
                    xytext=(5, 7),
                    textcoords="offset points",
                    fontsize=FONT - 1,
                )
                drawn.append(place)
        in_percent(axes.xaxis, axes.yaxis)
        axes.legend(loc="lower left", frameon=False)
        return png()


def confusion(
    matrix: NDArray[np.int64],
    rows: Sequence[str],
    columns: Sequence[str],
    theme: Theme,
    *,
    totals: NDArray[np.int64],
    numbers: bool,
    ticks: Sequence[int] | None = None,
    across: str = "taken for",
) -> bytes:
    """A heat map of labels (rows) and answers (columns), coloured by the share of a label's
    documents.

    matrix   (r, c) documents;  rows, columns  names as shown
    totals   (r,) documents of each label
    numbers  write the documents into the cells
    ticks    rows and columns to name, None for all
    across   what columns are
    """
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    high, wide = matrix.shape
    share = matrix / np.maximum(totals, 1)[:, None]
    cell = 0.2 if not numbers else 0.5 if wide > FEW_CELLS else 0.85
    inches = min(max(cell * wide, 3.2 if numbers else 5.0), MATRIX)
    with canvas(theme, (inches + 3.4, inches * high / wide + 2.6)) as (figure, png):
        axes = figure.subplots()
        colours = LinearSegmentedColormap.from_list("shares", theme.shades)
        # Most errors are a few hundredths of a label: the square root makes them visible.
        norm = PowerNorm(0.5, 0.0, 1.0)
        image = axes.imshow(share, cmap=colours, norm=norm, aspect="equal", interpolation="nearest")
        bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02, fraction=0.04)
        bar.set_label("share of the label's documents")
        bar.set_ticks([0, 0.01, 0.05, 0.1, 0.25, 0.5, 1], labels="0 1% 5% 10% 25% 50% 100%".split())
        bar.outline.set_edgecolor(theme.faint)
        named = range(high) if ticks is None else ticks
        named_across = range(wide) if ticks is None else ticks
        # Points of room for a name: names that are higher run into one another.
        room = 72 * inches / max(len(named), wide if numbers or ticks is None else 0)
        size = min(FONT - 1, 0.9 * room)
        longest = max(len(columns[i]) for i in named_across)
        axes.set_yticks(list(named), [rows[i] for i in named], fontsize=size)
        axes.set_xticks(
            list(named_across),
            [columns[i] for i in named_across],
            fontsize=size,
            rotation=90 if 0.65 * size * longest > room else 0,
        )
        axes.set(xlabel=across, ylabel="label")
        axes.tick_params(length=2 if numbers else 3)
        axes.grid(False)
        for side in axes.spines.values():
            side.set_visible(True)
        if numbers:
            _write_cells(axes, matrix, share, norm, len(theme.shades), theme)
        return png()


def _write_cells(
    axes: Axes,
    matrix: NDArray[np.int64],
    share: NDArray[np.float64],
    norm: Callable[[float], Any],
    shades: int,
    theme: Theme,
) -> None:
    """Write the documents of each cell, in the colour, page's or text's, that stands out."""
    few, some = matrix.shape[1] <= 6, matrix.shape[1] <= FEW_CELLS
    size = FONT if some else FONT - 3
    for (i, j), count in np.ndenumerate(matrix):
        if count or few:
            text = f"{count:,}" if some else short(int(count))
            if few:
                text += f"\n{share[i, j]:.1%}"
            strong = float(norm(float(share[i, j]))) > (shades - 3) / (shades - 1) - 0.06
            axes.text(
                j,
                i,
                text,
                ha="center",
                va="center",
                fontsize=size,
                color=theme.page if strong else theme.ink,
            )


def precision_recall(
    curves: Sequence[LabelCurve],
    names: ShownLabels,
    theme: Theme,
    *,
    columns: int = 4,
    thresholds: Mapping[str, float] | None = None,
) -> bytes:
    """Precision against recall, a small panel a label, marked at the best F1 and at a threshold:
    those of labels, or P = 0.5."""
    marked = "P ≥ 0.5" if thresholds is None else "its threshold"
    columns = min(columns, len(curves))
    rows = -(-len(curves) // columns)
    size = (max(WIDTH * columns / 4, 5.0) * 1.2, 2.6 * rows + 0.9)
    with canvas(theme, size) as (figure, png):
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, curve in zip(grid, curves, strict=False):
            # Where recall stays as it is, precision falls in a line straight down.
            ends = np.flatnonzero(np.diff(curve.recall, prepend=-1.0, append=2.0))
            corners = np.unique(np.concatenate([ends[:-1], ends[1:] - 1]))
            axes.plot(curve.recall[corners], curve.precision[corners], color=theme.first, lw=1.8)
            cut = 0.5 if thresholds is None else thresholds[curve.label]
            _mark_curve(axes, curve, (cut, marked), theme)
            axes.set_title(
                f"{names[curve.label]}\nAP {curve.average_precision:.3f}, n {curve.documents:,}",
                fontsize=FONT - 2,
            )
            axes.set(xlim=(0, 1.03), ylim=(0, 1.05), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
            axes.tick_params(labelsize=FONT - 2)
            in_percent(axes.xaxis, axes.yaxis)
        for axes in grid[len(curves) :]:
            axes.set_visible(False)
        handles: dict[str, Artist] = {}
        for axes in grid[: len(curves)]:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        figure.legend(
            list(handles.values()), list(handles), loc="outside upper right", ncols=2, frameon=False
        )
        figure.supxlabel("recall", fontsize=FONT)
        figure.supylabel("precision", fontsize=FONT)
        return png()


def _mark_curve(axes: Axes, curve: LabelCurve, marked: tuple[float, str], theme: Theme) -> None:
    """Mark the best F1 on a curve, and the place of a threshold, which has a name."""
    cut, name = marked
    best = int(np.searchsorted(-curve.thresholds, -curve.best_threshold))
    axes.plot(
        curve.recall[best],
        curve.precision[best],
        "D",
        color=theme.second,
        ms=6,
        label="best F1",
        ls="",
    )
    last = int((curve.thresholds >= cut).sum()) - 1
    if last >= 0:
        axes.plot(
            curve.recall[last],
            curve.precision[last],
            "o",
            mfc=theme.page,
            ms=6,
            mec=theme.ink,
            mew=1.4,
            label=name,
            ls="",
        )


def learning(points: Sequence[CurvePoint], measure: str, theme: Theme) -> bytes:
    """A measure of answers, and log loss, by the number of training documents, with 95 %
    intervals."""
    with canvas(theme, (WIDTH * 1.1, 4.0)) as (figure, png):
        x = [point.documents for point in points]
        panels = [
            (measure, [(p.answers, p.answers_interval) for p in points], theme.first),
            ("log loss (nats)", [(p.log_loss, p.log_loss_interval) for p in points], theme.second),
        ]
        for axes, (name, values, colour) in zip(figure.subplots(1, 2), panels, strict=True):
            y = np.array([value for value, _ in values])
            low, high = np.array([interval for _, interval in values]).T
            axes.fill_between(x, low, high, color=colour, alpha=0.18, lw=0)
            axes.plot(x, y, "o-", color=colour, lw=1.8, ms=6)
            axes.set_xscale("log", base=2)
            axes.set_xticks(x, [f"{documents:,}" for documents in x], rotation=30)
            axes.minorticks_off()
            axes.set(xlabel="training documents", ylabel=name)
            if name == measure:
                in_percent(axes.yaxis)
        return png()
