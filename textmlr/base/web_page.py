"""Web pages: one file that needs no other, for light and dark screens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from textmlr.base.printable import JOINERS, plain

# Colours are named once, so that dark screens only redefine the names.  Fonts are the system's:
# nothing is fetched.
STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1d2127; --soft: #59626e;
  --line: #d9dde3; --panel: #f5f7f9; --accent: #005f96; --wrong: #a84300; }
@media (prefers-color-scheme: dark) { :root { --page: #16191f; --ink: #e7e9ec; --soft: #a4adb9;
  --line: #363c46; --panel: #1f242c; --accent: #6fc3f0; --wrong: #f0ad3c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 66rem; background: var(--page);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 3rem 0 .5rem; padding-top: .6rem;
  border-top: 1px solid var(--line); }
p { max-width: 46rem; margin: .5rem 0; }
.soft, figcaption { color: var(--soft); }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: 1rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--panel); border-radius: .5rem; padding: .7rem .9rem; }
.tiles b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: .875rem; }
figure { margin: 1rem 0; }
figure img { display: block; max-width: 100%; height: auto; }
figcaption { font-size: .9rem; max-width: 46rem; margin-top: .3rem; }
.scroll { overflow: auto; max-height: 34rem; margin: 1rem 0; border: 1px solid var(--line);
  border-radius: .4rem; width: fit-content; max-width: 100%; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .45rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
th { position: sticky; top: 0; background: var(--panel); font-weight: 600; vertical-align: bottom;
  white-space: normal; }
.name { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 9rem;
  max-width: 24rem; }
article { margin: 1rem 0; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
article header { background: var(--panel); padding: .5rem .9rem; overflow-wrap: anywhere; }
article div { padding: .6rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere;
  max-height: 20rem; overflow: auto; font-size: .95rem; }
.wrong { color: var(--wrong); font-weight: 600; }
.right { color: var(--accent); font-weight: 600; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); font-size: .875rem;
  color: var(--soft); overflow-wrap: anywhere; }
@media (max-width: 40rem) { figure { overflow-x: auto; }
  figure .wide { max-width: none; width: 40rem; } }
@media print { .scroll, article div { max-height: none; overflow: visible; } }
"""


def page(title: str, body: str, style: str = "") -> str:
    """A whole page;  title  text, body  HTML, style  CSS besides that of all pages."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{visible(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n"
        f"{body}</body>\n</html>\n"
    )


def visible(text: str, keep: str = "") -> str:
    """Text as HTML: escaped, and by ``plain`` too, but for joiners and characters of ``keep``."""
    return escape(plain(text, keep + JOINERS))


def name_of(label: str) -> str:
    """A label as HTML, its direction of writing isolated."""
    return f"<bdi>{visible(label)}</bdi>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], names: Sequence[int] = (0,)) -> str:
    """A table of cells that are HTML already; columns of ``names`` are text, the others figures."""
    kind = ['class="name"' if i in names else "" for i in range(len(heads))]
    head = "".join(f"<th {kind[i]}>{cell}</th>" for i, cell in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td {kind[i]}>{cell}</td>" for i, cell in enumerate(row)) + "</tr>\n"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n'  # noqa: E501


def details(summary: str, text: str) -> str:
    """A part of a page that opens on a click;  summary  text, text  HTML."""
    return f"<details><summary>{visible(summary)}</summary>{text}</details>\n"
