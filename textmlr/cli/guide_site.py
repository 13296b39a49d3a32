"""The guide as HTML: a page a topic and a page a name, which need nothing else."""

from __future__ import annotations

import os
import re
from html import escape

from markdown_it import MarkdownIt

from textmlr.base import web_page
from textmlr.base.whole_files import atomic_write, make_folder
from textmlr.cli.guide_pages import REFERENCE, Page, pages, reference

STYLE = """
body { max-width: 72rem; display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: 2.5rem; }
body > nav { display: block; font-size: .9rem; line-height: 1.9; }
body > nav a { display: block; text-decoration: none; }
body > nav a:hover { text-decoration: underline; }
body > nav a[aria-current] { color: var(--ink); font-weight: 600; }
body > nav b { display: block; margin-top: 1rem; }
main p, main ul, main ol { max-width: 46rem; }
main a:not([href]) { color: inherit; }
pre, code { font: .875rem/1.5 ui-monospace, monospace; }
code { background: var(--panel); border-radius: .25rem; padding: .08rem .3rem; }
pre { background: var(--panel); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto; }
pre code { padding: 0; background: none; }
main table { display: block; overflow-x: auto; margin: 1rem 0; }
main th, main td { text-align: left; white-space: normal; vertical-align: top; min-width: 7rem; }
h3 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
summary { cursor: pointer; }
@media (max-width: 52rem) { body { display: block; }
  body > nav > div { display: none; } body > nav:focus-within > div,
  body > nav:hover > div { display: block; } }
@media (min-width: 52.01rem) { body > nav > span { display: none; } }
"""
_LINK = re.compile(r'href="(?!https?:|#|mailto:)([^"#]+)(#[^"]*)?"')
_HEADING = re.compile(r"<(h[1-3])>(.*?)</\1>")


def write_site(folder: str) -> list[str]:
    """Write the pages to a folder, which is made if need be; return the names of the files."""
    tasks, own = pages(), reference()
    make_folder(os.path.join(folder, REFERENCE))
    written = []
    for one, place in [(p, "") for p in tasks] + [(p, f"{REFERENCE}/") for p in own]:
        path = os.path.join(folder, place, f"{one.topic}.html")
        _write(path, _html(one, tasks, own, place))
        written.append(path)
    index = os.path.join(folder, "index.html")
    _write(index, _index(tasks, own))
    return [index, *written]


def _write(path: str, text: str) -> None:
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)


def _html(one: Page, tasks: list[Page], own: list[Page], place: str) -> str:
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(one.text)
    body = _HEADING.sub(_anchored, _LINK.sub(_to_html, body))
    navigation = _navigation(one.topic, tasks, own, "../" if place else "")
    return web_page.page(
        f"{one.title} – textmlr", f"{navigation}<main>\n{body}</main>\n", style=STYLE
    )


def _index(tasks: list[Page], own: list[Page]) -> str:
    rows = "".join(
        f'<dt><a href="{p.topic}.html">{escape(p.title)}</a></dt>'
        f"<dd>{escape(_plain(p.summary))}</dd>\n"
        for p in tasks
    )
    body = f"<h1>The guide to textmlr</h1>\n<dl>{rows}</dl>\n"
    return web_page.page(
        "The guide to textmlr",
        f"{_navigation('', tasks, own, '')}<main>\n{body}</main>\n",
        style=STYLE,
    )


def _navigation(topic: str, tasks: list[Page], own: list[Page], up: str) -> str:
    def links(some: list[Page], place: str) -> str:
        return "".join(
            f'<a href="{up}{place}{p.topic}.html"'
            + (' aria-current="page"' if p.topic == topic else "")
            + f">{escape(p.title)}</a>\n"
            for p in some
        )

    return (
        f'<nav aria-label="Pages" tabindex="0"><span>☰ Pages</span><div><a href="{up}index.html">'
        f"Contents</a>\n{links(tasks, '')}<b>In Python</b>\n{links(own, f'{REFERENCE}/')}"
        "</div></nav>\n"
    )


def _plain(text: str) -> str:
    """A sentence without its links and marks of Markdown."""
    return re.sub(r"[`*]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text))


def _to_html(found: re.Match[str]) -> str:
    """A link to a page of Markdown leads to its HTML; one out of the guide leads nowhere here."""
    path, anchor = found[1], found[2] or ""
    outside = not path.endswith(".md") or path.startswith("../../")
    return "" if outside else f'href="{path.removesuffix(".md")}.html{anchor}"'


def _anchored(found: re.Match[str]) -> str:
    """A heading with the anchor that links have."""
    words = re.sub(r"<[^>]+>", "", found[2]).lower()
    anchor = re.sub(r"[^\w -]", "", words).strip().replace(" ", "-")
    return f'<{found[1]} id="{anchor}">{found[2]}</{found[1]}>'
