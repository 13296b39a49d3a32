"""An evaluation as a notebook shows it: figures, labels of lowest F1, and a picture beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textmlr.base.notebook_page import fragment
from textmlr.base.web_page import name_of
from textmlr.evaluation.intervals import Interval
from textmlr.evaluation.reliability import Bin
from textmlr.evaluation.reliability_picture import STYLE, reliability_svg

MOST_WORST = 5  # labels of lowest F1
Figure = tuple[str, float | None, Interval | None, float | None]


def figures_beside(
    about: str,
    figures: Iterable[Figure],
    chance: str,
    told: str,
    worst: Iterable[tuple[str, float, int]],
    bins: Sequence[Bin],
) -> str:
    """A piece of HTML.

    about    what the evaluation is on, text without a label in it
    figures  name, value, 95 % interval and what chance gives, a row each
    chance, told  HTML: what chance is, and a warning; "" for none
    worst    label, F1 and documents, a row each
    bins     of the reliability
    """
    rows = "".join(_row(*row) for row in figures)
    labels = "".join(
        f'<tr><td class="name">{name_of(label)}</td><td>{f1:.3f}</td><td>{documents:,}</td></tr>\n'
        for label, f1, documents in worst
    )
    return fragment(
        f"<p><b>Evaluation</b> on {about}</p>\n"
        '<div class="beside"><div><table><thead><tr>'
        '<th class="name"></th><th></th><th>95 %</th><th>chance</th></tr></thead>\n'
        f"<tbody>{rows}</tbody></table><p>{chance}</p>{told}\n"
        '<table><thead><tr><th class="name">lowest F1</th><th>F1</th><th>documents</th></tr>'
        f"</thead>\n<tbody>{labels}</tbody></table></div>{reliability_svg(bins)}</div>",
        STYLE,
    )


def never_told(labels: Sequence[str]) -> str:
    """The labels that are never answered as HTML, "" for none."""
    some = ", ".join(map(name_of, labels[:MOST_WORST]))
    return f'<p class="wrong">Never answered: {some}</p>' if some else ""


def _row(name: str, value: float | None, interval: Interval | None, even: float | None) -> str:
    """A figure as a row of HTML."""
    spread = "" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}"
    beside = "" if even is None else f"{even:.4f}"
    shown = "–" if value is None else f"{value:.4f}"
    return (
        f'<tr><td class="name">{name}</td><td><b>{shown}</b></td>'
        f"<td>{spread}</td><td>{beside}</td></tr>\n"
    )
