"""The figures of a report's page, and how it shows intervals."""

from __future__ import annotations

import base64
from html import escape

from textmlr.evaluation.intervals import Interval
from textmlr.evaluation.report import drawing

WIDE = 800  # pixels; a wider figure does not shrink to the width of a telephone
Images = dict[str, tuple[bytes, bytes]]  # by name: PNGs for light and for dark pages


def figure(images: Images, name: str, drawn: tuple[bytes, bytes], caption: str) -> str:
    """A figure for light and for dark pages, within the page."""
    images[name] = drawn
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
    return round(int.from_bytes(png[16:20], "big") * 100 / drawing.DPI)


def spread(interval: Interval | None, *, percent: bool = False) -> str:
    """(0.9012 to 0.9134), or 90.1% to 91.3%; – for none."""
    if interval is None:
        return "–"
    low, high = interval
    return f"{low:.1%} to {high:.1%}" if percent else f"({low:.4f} to {high:.4f})"
