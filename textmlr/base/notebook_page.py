"""Pieces of HTML for notebooks: they need nothing of the page around them, and no script."""

from __future__ import annotations

from textmlr.base.web_page import STYLE

# The colours of pages, within a piece only: a notebook has a style of its own.
_LIGHT, _, _DARK = STYLE.partition("@media (prefers-color-scheme: dark)")
_COLOURS = _LIGHT[_LIGHT.index("--page") : _LIGHT.index("}")]
_DARK_COLOURS = _DARK[_DARK.index("--page") : _DARK.index("}")]
# Jupyter and VS Code have dark themes that the system's setting does not know of.
_IS_DARK = (
    "[data-jp-theme-light=false] .textmlr, body.vscode-dark .textmlr, html[theme=dark] .textmlr"
)
_IS_LIGHT = "[data-jp-theme-light=true] .textmlr, body.vscode-light .textmlr"
_STYLE = (
    f".textmlr {{ {_COLOURS} }}\n"
    f"@media (prefers-color-scheme: dark) {{ .textmlr {{ {_DARK_COLOURS} }} }}\n"
    f"{_IS_LIGHT} {{ {_COLOURS} }}\n{_IS_DARK} {{ {_DARK_COLOURS} }}\n"
    """.textmlr { background: var(--page); color: var(--ink); font: 14px/1.5 system-ui, sans-serif;
  padding: .6rem .8rem; border: 1px solid var(--line); border-radius: .4rem; max-width: 60rem;
  overflow-x: auto; }
.textmlr p { margin: .3rem 0; color: var(--soft); }
.textmlr b { color: var(--ink); }
.textmlr table { border-collapse: collapse; margin: .4rem 0; font-variant-numeric: tabular-nums;
  background: transparent; color: inherit; font-size: 13px; }
/* A notebook stripes the rows of its tables, whose colours need not go with ours. */
.textmlr table tbody tr, .textmlr table tbody tr:hover { background: transparent !important; }
.textmlr th, .textmlr td { padding: .2rem .6rem; text-align: right; background: transparent;
  border: 0; border-bottom: 1px solid var(--line); color: inherit; }
.textmlr th { color: var(--soft); font-weight: 600; }
.textmlr .name { text-align: left; overflow-wrap: anywhere; min-width: 6rem; }
.textmlr .wrong { color: var(--wrong); }
.textmlr .beside { display: flex; flex-wrap: wrap; gap: 0 2rem; align-items: flex-start; }
.textmlr .beside > div { max-width: 28rem; }
.textmlr svg { max-width: 100%; height: auto; display: block; }
"""
)


def fragment(body: str, style: str = "") -> str:
    """A piece of a notebook's page;  body  HTML, style  CSS of its own under ``.textmlr``."""
    return f'<div class="textmlr"><style>{_STYLE}{style}</style>\n{body}</div>'
