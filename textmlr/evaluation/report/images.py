"""What a report's page has besides text: its figures, and intervals."""

from __future__ import annotations

import base64
from html import escape

from textmlr.evaluation.intervals import Interval
from textmlr.evaluation.report import plots

WIDE = 800  # pixels of a figure that is not to shrink to the width of a telephone
Figures = dict[str, tuple[bytes, bytes]]  # by name: PNGs for light and for dark pages


def figure(figures: Figures, name: str, drawn: tuple[bytes, bytes], caption: str) -> str:
    """A figure for light and for dark pages, within the page."""
    figures[name] = drawn
    light, dark = (
        f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}" for png in drawn
    )
    width = _width(drawn[0])
    wide = 'class="wide" ' if width > WIDE else ""
    return (
        f'<figure><picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
        f'<img {wide}src="{light}" alt="{escape(caption)}" width="{width}"></picture>'
        f"<figcaption>{escape(caption)}</figcaption></figure>\n"
    )


def _width(png: bytes) -> int:
    """CSS pixels of a PNG: 100 an inch.  Its width stands after signature and chunk head."""
    return round(int.from_bytes(png[16:20], "big") * 100 / plots.DPI)


def spread(interval: Interval | None, *, percent: bool = False) -> str:
    if interval is None:
        return "–"
    low, high = interval
    return f"{low:.1%} to {high:.1%}" if percent else f"({low:.4f} to {high:.4f})"
