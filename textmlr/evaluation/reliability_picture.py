"""The reliability of answers as a picture in SVG, for notebooks: no script, no font, no file."""

from __future__ import annotations

from collections.abc import Sequence

from textmlr.evaluation.reliability import Bin

SIZE = 240  # of the square, in CSS pixels
LEFT, RIGHT, TOP, BELOW = 44, 20, 10, 40  # the room around it
LARGEST, SMALLEST = 7.0, 2.5  # radius of a point; its area is the share of documents

STYLE = """.textmlr svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.textmlr svg .axis { stroke: var(--line); } .textmlr svg .even { stroke: var(--soft);
  stroke-dasharray: 4 3; }
.textmlr svg .band { stroke: var(--accent); stroke-width: 1.5; opacity: .6; }
.textmlr svg .path { stroke: var(--accent); fill: none; stroke-width: 1.5; }
.textmlr svg circle { fill: var(--accent); }
"""


def reliability_svg(bins: Sequence[Bin]) -> str:
    """The share of right answers by how sure they are; the diagonal is as sure as right.

    A point is a bin, its area the documents in it, its line the 95 % interval.
    """
    most = max((one.documents for one in bins), default=1)
    parts = [
        f'<svg width="{LEFT + SIZE + RIGHT}" height="{TOP + SIZE + BELOW}" '
        f'viewBox="0 0 {LEFT + SIZE + RIGHT} {TOP + SIZE + BELOW}" role="img" '
        'aria-label="Share of right answers by their probability">'
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _x(tick), _y(tick)
        parts.append(
            f'<line class="axis" x1="{x}" y1="{_y(0)}" x2="{x}" y2="{_y(1)}"/>'
            f'<line class="axis" x1="{_x(0)}" y1="{y}" x2="{_x(1)}" y2="{y}"/>'
            f'<text x="{x}" y="{_y(0) + 15}" text-anchor="middle">{tick:.0%}</text>'
            f'<text x="{LEFT - 5}" y="{y + 4}" text-anchor="end">{tick:.0%}</text>'
        )
    parts.append(f'<line class="even" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>')
    points = " ".join(f"{_x(one.probability)},{_y(one.accuracy)}" for one in bins)
    parts.append(f'<polyline class="path" points="{points}"/>')
    for one in bins:
        x, (low, high) = _x(one.probability), one.interval
        radius = max(SMALLEST, LARGEST * (one.documents / most) ** 0.5)
        parts.append(
            f'<line class="band" x1="{x}" y1="{_y(low)}" x2="{x}" y2="{_y(high)}"/>'
            f'<circle cx="{x}" cy="{_y(one.accuracy)}" r="{radius:.1f}"><title>'
            f"{one.documents:,} documents: {one.probability:.1%} sure, {one.accuracy:.1%} right"
            "</title></circle>"
        )
    middle = LEFT + SIZE / 2
    parts.append(
        f'<text x="{middle}" y="{TOP + SIZE + 33}" text-anchor="middle">'
        "how sure: P of the answer</text>"
        f'<text x="11" y="{TOP + SIZE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 11 {TOP + SIZE / 2})">how often right</text></svg>'
    )
    return "".join(parts)


def _x(share: float) -> float:
    return round(LEFT + share * SIZE, 1)


def _y(share: float) -> float:
    return round(TOP + (1 - share) * SIZE, 1)
