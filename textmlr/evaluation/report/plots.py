"""Figures of a report, as PNG, each for light and for dark pages.

matplotlib is imported late, and used without pyplot: no window, no state that outlives a figure.
The colours are those of Okabe and Ito (Color Universal Design, 2008), which are told apart with
any colour vision; shares of a confusion matrix are shades of one hue.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.evaluation.curves import LabelCurve, Point
from textmlr.evaluation.figures import Bin
from textmlr.evaluation.intervals import wilson

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.0  # inches
DPI = 140
FONT = 11
NAME = 26  # characters of a label in a figure
FEWEST = 20  # documents from which accuracy against coverage is drawn
WIDE_BAND = 0.05  # share of documents below which the band may leave the picture
MARKED = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)  # probabilities marked on that curve
CURVE_POINTS = 600
MATRIX = 7.4  # inches of a large confusion matrix, so that a page shows it without shrinking it
FEW_CELLS = 12  # labels up to which there is room for whole numbers in cells


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of figures: of the page, text, lines of axes, two data series, and the shades of a
    share from 0 to 1."""

    page: str
    ink: str
    faint: str
    first: str
    second: str
    shades: tuple[str, ...]


LIGHT = Theme(
    "#ffffff",
    "#1d2127",
    "#c9ced6",
    "#0072b2",
    "#d55e00",
    ("#ffffff", "#d3e4f2", "#8dbbdf", "#3d87bd", "#0b5189", "#06294a"),
)
DARK = Theme(
    "#16191f",
    "#e7e9ec",
    "#454b56",
    "#56b4e9",
    "#e69f00",
    ("#16191f", "#17344d", "#1f5f8f", "#3f93cb", "#92c8ee", "#f0f8ff"),
)


def require() -> None:
    """Raise InputError unless matplotlib is there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise InputError(
            "figures need matplotlib, which is not installed", mend="pip install 'textmlr[plot]'"
        ) from error


class Names:
    """Labels as figures can show them: cut, and in fonts that have their characters.

    Where no font on the machine has a label's characters, or they cannot be seen, it is shown as
    "label 12", by its place among the labels.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self.families, missing = _fonts_for({c for label in self.labels for c in label})
        self._shown: dict[str, str] = {}
        self.numbered: list[str] = []  # labels shown as their numbers
        for number, label in enumerate(self.labels, 1):
            plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in label)
            drawable = plain.strip() and not missing & set(plain)
            self._shown[label] = cut(plain, NAME) if drawable else f"label {number}"
            if not drawable:
                self.numbered.append(label)

    def __getitem__(self, label: str) -> str:
        return self._shown[label]


def cut(text: str, most: int) -> str:
    """Text of at most so many characters, with … where it is cut."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def reliability(bins: Sequence[Bin], theme: Theme) -> bytes:
    """How often answers of about one probability are right, with 95 % bands, over counts."""
    with _figure(theme, (WIDTH * 0.72, 6.6)) as (figure, png):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
        x = np.array([b.probability for b in bins])
        y = np.array([b.accuracy for b in bins])
        low, high = np.array([b.interval for b in bins]).T
        upper.plot((0, 1), (0, 1), color=theme.ink, lw=1, ls=(0, (4, 3)), label="as sure as right")
        upper.fill_between(x, low, high, color=theme.first, alpha=0.18, lw=0)
        upper.errorbar(
            x,
            y,
            yerr=(y - low, high - y),
            fmt="o-",
            ms=6,
            lw=1.6,
            elinewidth=1.4,
            capsize=3,
            color=theme.first,
            label="documents of a bin, 95 % band",
        )
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share that is right")
        upper.legend(loc="lower right", frameon=False)
        middle = [(b.above + b.up_to) / 2 for b in bins]
        counts = [b.documents for b in bins]
        width = 0.92 * (bins[0].up_to - bins[0].above)
        lower.bar(middle, counts, width=width, color=theme.first)
        for at, count in zip(middle, counts, strict=True):
            lower.annotate(
                short(count),
                (at, count),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=FONT - 3,
            )
        lower.set(
            xlabel="probability of the likeliest label",
            ylabel="documents",
            ylim=(0, 1.28 * max(counts)),
        )
        lower.yaxis.set_major_formatter(lambda value, _: short(round(value)))
        lower.locator_params(axis="y", nbins=3, integer=True)
        _percent(upper.yaxis, lower.xaxis)
        return png()


def coverage(confidence: NDArray[np.float64], right: NDArray[np.bool_], theme: Theme) -> bytes:
    """Accuracy of what is answered against how much is, with a 95 % band."""
    order = np.argsort(-confidence, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    documents, hits = ends + 1, np.cumsum(right[order])[ends]
    some = documents >= min(FEWEST, len(order))
    documents, hits, ends = documents[some], hits[some], ends[some]
    few = np.unique(np.linspace(0, len(documents) - 1, CURVE_POINTS).astype(np.int64))
    low, high = wilson(hits[few], documents[few])
    share = documents / len(order)
    accuracy = hits / documents
    with _figure(theme, (WIDTH * 0.8, 4.6)) as (figure, png):
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
        _percent(axes.xaxis, axes.yaxis)
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
) -> bytes:
    """A heat map of the labels (rows) and what their documents are taken for (columns), coloured
    by the share of a label's documents.

    matrix   (r, c) documents;  rows, columns  names as shown
    totals   (r,) documents of each label
    numbers  write the documents into the cells
    ticks    the rows and columns that are named, None for all
    """
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    high, wide = matrix.shape
    share = matrix / np.maximum(totals, 1)[:, None]
    cell = 0.2 if not numbers else 0.5 if wide > FEW_CELLS else 0.85
    inches = min(max(cell * wide, 3.2 if numbers else 5.0), MATRIX)
    with _figure(theme, (inches + 3.4, inches * high / wide + 2.6)) as (figure, png):
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
        across = range(wide) if ticks is None else ticks
        # Points of room for a name: below its height names run into one another.
        room = 72 * inches / max(len(named), wide if numbers or ticks is None else 0)
        size = min(FONT - 1, 0.9 * room)
        longest = max(len(columns[i]) for i in across)
        axes.set_yticks(list(named), [rows[i] for i in named], fontsize=size)
        axes.set_xticks(
            list(across),
            [columns[i] for i in across],
            fontsize=size,
            rotation=90 if 0.65 * size * longest > room else 0,
        )
        axes.set(xlabel="taken for", ylabel="label")
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
    """The documents of each cell, in the colour of page or text that stands out from its shade."""
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
    curves: Sequence[LabelCurve], names: Names, theme: Theme, *, columns: int = 4
) -> bytes:
    """Precision against recall, a small panel a label, marked at P = 0.5 and at the best F1."""
    columns = min(columns, len(curves))
    rows = -(-len(curves) // columns)
    size = (max(WIDTH * columns / 4, 5.0) * 1.2, 2.6 * rows + 0.9)
    with _figure(theme, size) as (figure, png):
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, curve in zip(grid, curves, strict=False):
            # Where recall stays as it is, precision falls in a line straight down.
            ends = np.flatnonzero(np.diff(curve.recall, prepend=-1.0, append=2.0))
            corners = np.unique(np.concatenate([ends[:-1], ends[1:] - 1]))
            axes.plot(curve.recall[corners], curve.precision[corners], color=theme.first, lw=1.8)
            best = int(np.searchsorted(-curve.thresholds, -curve.best_threshold))
            half = int((curve.thresholds >= 0.5).sum()) - 1
            axes.plot(
                curve.recall[best],
                curve.precision[best],
                "D",
                color=theme.second,
                ms=6,
                label="best F1",
                ls="",
            )
            if half >= 0:
                axes.plot(
                    curve.recall[half],
                    curve.precision[half],
                    "o",
                    mfc=theme.page,
                    ms=6,
                    mec=theme.ink,
                    mew=1.4,
                    label="P ≥ 0.5",
                    ls="",
                )
            axes.set_title(
                f"{names[curve.label]}\nAP {curve.average_precision:.3f}, n {curve.documents:,}",
                fontsize=FONT - 2,
            )
            axes.set(xlim=(0, 1.03), ylim=(0, 1.05), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
            axes.tick_params(labelsize=FONT - 2)
            _percent(axes.xaxis, axes.yaxis)
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


def learning(points: Sequence[Point], theme: Theme) -> bytes:
    """Accuracy and log loss against the number of training documents, with 95 % intervals."""
    with _figure(theme, (WIDTH * 1.1, 4.0)) as (figure, png):
        x = [point.documents for point in points]
        panels = [
            ("accuracy", [(p.accuracy, p.accuracy_interval) for p in points], theme.first),
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
            if name == "accuracy":
                _percent(axes.yaxis)
        return png()


def short(count: int) -> str:
    """A count in at most four characters or so: 950, 1.2k, 34k, 2.1M."""
    value, unit = float(count), ""
    for larger in ("k", "M", "G"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    if not unit:
        return str(count)
    return f"{value:.1f}{unit}".replace(".0", "") if value < 10 else f"{value:.0f}{unit}"


def themed(draw: Callable[[Theme], bytes], families: Sequence[str] = ()) -> tuple[bytes, bytes]:
    """(light, dark) of a figure, its text in font families beside the default."""
    import matplotlib as mpl

    with mpl.rc_context({"font.family": ["DejaVu Sans", *families]}):
        return draw(LIGHT), draw(DARK)


@contextmanager
def _figure(
    theme: Theme, size: tuple[float, float]
) -> Iterator[tuple[Figure, Callable[[], bytes]]]:
    """A figure in a theme's colours, and what makes a PNG of it."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {
        "text.parse_math": False,
        "font.size": FONT,
        "text.color": theme.ink,
        "axes.edgecolor": theme.faint,
        "axes.labelcolor": theme.ink,
        "axes.facecolor": theme.page,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": theme.faint,
        "grid.linewidth": 0.5,
        "grid.alpha": 0.6,
        "xtick.color": theme.faint,
        "ytick.color": theme.faint,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
        "figure.facecolor": theme.page,
        "savefig.facecolor": theme.page,
        "legend.fontsize": FONT - 1,
    }
    with mpl.rc_context(style):  # type: ignore[arg-type]
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)

        def png() -> bytes:
            buffer = io.BytesIO()
            # No version in it: the same answers make the same page.
            figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
            return buffer.getvalue()

        yield figure, png


def _percent(*axes: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1.0))


def _fonts_for(characters: Iterable[str]) -> tuple[list[str], set[str]]:
    """(families beside the default that are needed for characters, characters no font has)."""
    from matplotlib import font_manager

    def lacking(path: str, wanted: set[str]) -> set[str]:
        known = font_manager.get_font(path).get_charmap()
        return {c for c in wanted if ord(c) not in known}

    missing = lacking(font_manager.findfont("DejaVu Sans"), {c for c in characters if c > " "})
    families = []
    for font in sorted(font_manager.fontManager.ttflist, key=lambda f: (f.name, f.fname)):
        if not missing:
            break
        # The last resort, which comes with matplotlib, has a box for every character there is.
        if font.style != "normal" or font.name.startswith("Last Resort"):
            continue
        left = lacking(font.fname, missing)
        if len(left) < len(missing):
            families.append(font.name)
            missing = left
    return families, missing
