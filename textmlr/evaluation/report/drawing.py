"""The drawing of a report's figures: themes for light and for dark pages, canvas and PNG.

matplotlib is imported late, and used without pyplot: no window, no state that outlives a figure.
The colours are those of Okabe and Ito (Color Universal Design, 2008), which any colour vision
tells apart; shares of a confusion matrix are shades of one hue.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from textmlr.base.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 140
FONT = 11


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
            "figures need matplotlib, which is not installed", mend="pip install matplotlib"
        ) from error


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
    """A figure as (light, dark) PNG, its text in these font families beside the default."""
    import matplotlib as mpl

    with mpl.rc_context({"font.family": ["DejaVu Sans", *families]}):
        return draw(LIGHT), draw(DARK)


@contextmanager
def canvas(theme: Theme, size: tuple[float, float]) -> Iterator[tuple[Figure, Callable[[], bytes]]]:
    """A figure in a theme's colours, and the function that makes a PNG of it."""
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


def in_percent(*axes: Any) -> None:
    """Label the ticks of axes in percent."""
    from matplotlib.ticker import PercentFormatter

    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1.0))


def bars_of_counts(
    axes: Axes, x: Sequence[float], counts: Sequence[int], width: float, theme: Theme
) -> None:
    """Draw bars of counts, each with its number above it."""
    axes.bar(x, counts, width=width, color=theme.first)
    for at, count in zip(x, counts, strict=True):
        axes.annotate(
            short(count),
            (at, count),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=FONT - 3,
        )
    axes.set(ylim=(0, 1.28 * max(counts)))
    axes.yaxis.set_major_formatter(lambda value, _: short(round(value)))
    axes.locator_params(axis="y", nbins=3, integer=True)


def dots_with_bars(axes: Axes, x: ArrayLike, y: ArrayLike, beside: Any, **rest: Any) -> None:
    """Draw joined dots with bars that reach (below, above) them;  rest  colour and label."""
    axes.errorbar(x, y, yerr=beside, fmt="o-", ms=6, lw=1.6, elinewidth=1.4, capsize=3, **rest)
