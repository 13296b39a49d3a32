"""README's two pictures: python bench/pictures.py [--only explained,seconds]

explained  data/doc.txt with its words coloured, as a model of data/genres-train.tsv explains them
seconds    accuracy against seconds of training, from the first table of bench/README.md

Each is written twice to bench/figures/, NAME.svg for light pages and NAME-dark.svg for dark ones.
No rival is run and nothing beside textmlr is needed.  The same figures give the same files.
"""

from __future__ import annotations

import argparse
import math
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textmlr.model.explanation.explanation import Explanation

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "bench" / "figures"
WIDTH = 760
MARGIN = 24
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SANS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
ADVANCE, LINE = 8.4, 30  # pixels of a character and of a line of the document
COLUMNS = int((WIDTH - 2 * MARGIN) / ADVANCE)
DARKEST = 0.62  # opacity of the strongest word's colour
CLEAR = 0.1  # share of the strongest word's margin from which on a word is underlined


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one page: Okabe and Ito's, which the colour-blind tell apart."""

    ending: str
    page: str
    ink: str
    soft: str
    line: str
    in_favour: str
    against: str
    tools: dict[str, str]


# By the tool's family: colour names of the light and of the dark page.
THEMES = (
    Theme(
        "",
        "#ffffff",
        "#1d2127",
        "#59626e",
        "#d9dde3",
        "#0072b2",
        "#d55e00",
        {"textmlr": "#d55e00", "fasttext": "#0072b2", "vw": "#007a5a", "sklearn": "#a84f86"},
    ),
    Theme(
        "-dark",
        "#16191f",
        "#e7e9ec",
        "#a4adb9",
        "#363c46",
        "#3896dc",
        "#e68200",
        {"textmlr": "#f0853c", "fasttext": "#56b4e9", "vw": "#2fbf92", "sklearn": "#e29ac6"},
    ),
)
# Tools of the table, and what they are called beside their points.
TOOLS = {
    "textmlr": "textmlr, no options",
    "fasttext": "fastText, tuned",
    "vw-5": "Vowpal Wabbit",
    "sklearn-sgd": "TF-IDF + SGDClassifier",
    "sklearn-svc": "TF-IDF + LinearSVC",
}
# Seconds beside textmlr's that the plot shows, and points of accuracy.
RATIOS = (0.5, 1, 2, 4, 8, 16)
POINTS = (0, -2, -4, -6, -8, -10, -12)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("explained", "seconds"), help="only this picture")
    only = parser.parse_args().only
    explanation = explained() if only != "seconds" else None
    rows = rows_of((ROOT / "bench" / "README.md").read_text(encoding="utf-8"))
    for theme in THEMES:
        if explanation is not None:
            write(f"explained{theme.ending}.svg", document_picture(explanation, theme))
        if only != "explained":
            write(f"seconds{theme.ending}.svg", seconds_picture(rows, theme))


def write(name: str, text: str) -> None:
    """Write a picture and say so."""
    (FIGURES / name).write_text(text, encoding="utf-8")
    print(f"bench/figures/{name}: {len(text):,} characters")


def svg(height: float, title: str, theme: Theme, parts: list[str]) -> str:
    """A whole picture, on a page of its own colour with a thin frame."""
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
            f'width="{WIDTH}" height="{height:g}" role="img" aria-label="{escape(title)}">',
            f"<title>{escape(title)}</title>",
            f"<style>text {{ font-family: {SANS}; font-size: 14px }}",
            f".mono {{ font-family: {MONO} }}</style>",
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="8" '
            f'fill="{theme.page}" stroke="{theme.line}"/>',
            *parts,
            "</svg>\n",
        )
    )


def text_at(x: float, y: float, text: str, colour: str, size: float = 14, more: str = "") -> str:
    """Text whose baseline begins at (x, y)."""
    style = "" if size == 14 else f' style="font-size: {size:g}px"'
    space = " " if more else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{style}{space}{more}>{escape(text)}</text>'
    )


# --- the document, explained ---


def explained() -> Explanation:
    """The explanation of data/doc.txt by a model of data/genres-train.tsv."""
    import textmlr

    model = textmlr.train(textmlr.read_corpus([str(ROOT / "data" / "genres-train.tsv")]))
    return model.explain((ROOT / "data" / "doc.txt").read_text(encoding="utf-8").strip())


def tokens(explanation: Explanation) -> Iterator[tuple[str, float, bool]]:
    """Each piece of the document: its text, its margin in nats and whether space precedes it."""
    end = 0
    for word in explanation.words:
        between = explanation.text[end : word.start]
        for number, other in enumerate(between.split()):
            yield other, 0.0, number > 0 or between[:1].isspace()
        yield word.text, word.margin, between[-1:].isspace() or (not between and end == 0)
        end = word.stop
    for other in explanation.text[end:].split():
        yield other, 0.0, False


def document_picture(explanation: Explanation, theme: Theme) -> str:
    """The document with its words coloured, and the likeliest labels."""
    most = max(abs(word.margin) for word in explanation.words)
    command = "$ textmlr explain -m genres.textmlr data/doc.txt"
    parts = [text_at(MARGIN, 36, command, theme.soft, 13, 'class="mono"')]
    x, y = 0, 0  # in characters and lines
    top = 74.0
    units: list[list[tuple[str, float]]] = []  # pieces that no space parts stay in one line
    for text, margin, spaced in tokens(explanation):
        if spaced or not units:
            units.append([])
        units[-1].append((text, margin))
    for unit in units:
        length = sum(len(text) for text, _ in unit)
        if x and x + 1 + length > COLUMNS:
            x, y = 0, y + 1
        elif x:
            x += 1
        for text, margin in unit:
            parts += word_shapes(MARGIN + x * ADVANCE, top + y * LINE, text, margin / most, theme)
            x += len(text)
    bottom = top + y * LINE + 44
    parts += label_shapes(explanation, bottom, theme)
    height = bottom + 62
    title = f"A document, its words coloured: blue speaks for {explanation.label}, orange against"
    return svg(height, title, theme, parts)


def word_shapes(x: float, y: float, text: str, share: float, theme: Theme) -> list[str]:
    """A word over its colour; share is its margin in units of the strongest word's."""
    width = ADVANCE * len(text)
    made = []
    colour = theme.in_favour if share > 0 else theme.against
    if abs(share) >= CLEAR / 4:
        made.append(
            f'<rect x="{x:.1f}" y="{y - 15:.1f}" width="{width:.1f}" height="21" rx="3" '
            f'fill="{colour}" fill-opacity="{DARKEST * abs(share):.2f}"/>'
        )
    if abs(share) >= CLEAR:
        dashes = "" if share > 0 else ' stroke-dasharray="4 3"'
        made.append(
            f'<path d="M{x:.1f} {y + 6:.1f}h{width:.1f}" stroke="{colour}" '
            f'stroke-width="2"{dashes}/>'
        )
    fitted = f'class="mono" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
    return [*made, text_at(x, y, text, theme.ink, 14, fitted)]


def label_shapes(explanation: Explanation, y: float, theme: Theme) -> list[str]:
    """The three likeliest labels with bars, and what the colours mean."""
    made = []
    ranked = sorted(explanation.probabilities.items(), key=lambda one: -one[1])[:3]
    x = float(MARGIN)
    for label, share in ranked:
        colour = theme.in_favour if label == explanation.label else theme.soft
        made.append(text_at(x, y, f"{label} {100 * share:.0f} %", theme.ink, 14))
        made.append(
            f'<rect x="{x:.1f}" y="{y + 7:.1f}" width="210" height="6" rx="3" '
            f'fill="{theme.line}"/><rect x="{x:.1f}" y="{y + 7:.1f}" width="{210 * share:.1f}" '
            f'height="6" rx="3" fill="{colour}"/>'
        )
        x += 240
    note = (
        f"Blue, underlined: speaks for {explanation.label}. Orange, dashed: speaks against it. "
        "The deeper the colour, the stronger the word."
    )
    return [*made, text_at(MARGIN, y + 40, note, theme.soft, 12.5)]


# --- accuracy against seconds ---


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: accuracy in points beside textmlr's, and seconds over textmlr's."""

    corpus: str
    tool: str
    points: float
    ratio: float


def rows_of(document: str) -> list[Row]:
    """The lines of the first table that has the tools."""
    table = document[document.index("| corpus | tool | accuracy |") :].split("\n\n")[0]
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for corpus, tool, accuracy, ratio in re.findall(
        r"^\| (\S+) \| (\S+) \| ([\d.]+) \|(?:[^|]*\|){3} ([\d.]+) \|", table, re.MULTILINE
    ):
        found[corpus, tool] = float(accuracy), float(ratio)
    return [
        Row(corpus, tool, 100 * (accuracy - found[corpus, "textmlr"][0]), ratio)
        for (corpus, tool), (accuracy, ratio) in found.items()
        if tool in TOOLS
    ]


def seconds_picture(rows: list[Row], theme: Theme) -> str:
    """A small point for each tool and corpus, a large one for the tool's mean."""
    left, right, top, bottom = 78.0, WIDTH - 40.0, 58.0, 392.0

    def x_of(ratio: float) -> float:
        low, high = math.log2(0.45), math.log2(18)
        return left + (right - left) * (math.log2(ratio) - low) / (high - low)

    def y_of(points: float) -> float:
        low, high = -12.5, 1.3
        return bottom - (bottom - top) * (points - low) / (high - low)

    parts = [text_at(MARGIN, 34, "Accuracy and training time", theme.ink, 16)]
    note = "large: mean of 11 corpora, small: one corpus; open: no probabilities"
    parts.append(text_at(right, 34, note, theme.soft, 12.5, 'text-anchor="end"'))
    for points in POINTS:
        y = y_of(points)
        parts.append(
            f'<path d="M{left:g} {y:.1f}H{right:g}" stroke="{theme.line}" stroke-width="1"/>'
        )
        label = f"{points:+d}".replace("-", "−") if points else "0"
        parts.append(text_at(left - 10, y + 4, label, theme.soft, 12, 'text-anchor="end"'))
    for ratio in RATIOS:
        label = f"{ratio:g}×"
        parts.append(text_at(x_of(ratio), bottom + 20, label, theme.soft, 12, ANCHORED))
        parts.append(f'<path d="M{x_of(ratio):.1f} {bottom:g}v5" stroke="{theme.soft}"/>')
    middle = (left + right) / 2
    across = "seconds of training, in units of textmlr’s (left is faster)"
    parts.append(text_at(middle, bottom + 42, across, theme.soft, 13, ANCHORED))
    up = f'text-anchor="middle" transform="rotate(-90 26 {(top + bottom) / 2:g})"'
    parts.append(text_at(26, (top + bottom) / 2, "points of accuracy", theme.soft, 13, up))
    for tool in reversed(TOOLS):
        parts += tool_shapes([row for row in rows if row.tool == tool], tool, theme, x_of, y_of)
    title = "Accuracy against seconds of training: textmlr and four rivals on eleven corpora"
    return svg(bottom + 62, title, theme, parts)


ANCHORED = 'text-anchor="middle"'
# Where the name of a tool stands beside its large point: pixels, and the anchor.
PLACES = {
    "textmlr": (0.0, -16.0, ANCHORED),
    "fasttext": (0.0, 24.0, ANCHORED),
    "vw-5": (-14.0, 20.0, 'text-anchor="end"'),
    "sklearn-sgd": (14.0, 16.0, 'text-anchor="start"'),
    "sklearn-svc": (8.0, -14.0, 'text-anchor="start"'),
}


def tool_shapes(rows: list[Row], tool: str, theme: Theme, x_of, y_of) -> list[str]:  # type: ignore[no-untyped-def]
    """The points of one tool, and its name."""
    colour = theme.tools[tool.partition("-")[0]]
    ratio = statistics.geometric_mean(row.ratio for row in rows)
    points = statistics.fmean(row.points for row in rows)
    x, y = x_of(ratio), y_of(points)
    made = []
    if tool != "textmlr":
        made += [
            f'<circle cx="{x_of(row.ratio):.1f}" cy="{y_of(row.points):.1f}" r="3.5" '
            f'fill="{colour}" fill-opacity="0.4"/>'
            for row in rows
        ]
    open_point = tool == "sklearn-svc"  # it has no probabilities
    fill = theme.page if open_point else colour
    made.append(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{fill}" stroke="{colour}" '
        'stroke-width="2.5"/>'
    )
    dx, dy, anchor = PLACES[tool]
    halo = f'{anchor} font-weight="600" paint-order="stroke" stroke="{theme.page}" stroke-width="4"'
    made.append(text_at(x + dx, y + dy, TOOLS[tool], colour, 14, halo))
    return made


if __name__ == "__main__":
    main()
