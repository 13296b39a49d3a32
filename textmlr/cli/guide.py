"""textmlr guide: the pages of the guide, in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from textmlr.base.option_headings import SHOW, WRITE
from textmlr.cli.verb import Verb, verb_option

if TYPE_CHECKING:
    from textmlr.cli.guide_pages import Page


@click.command(cls=Verb, compiles=False)
@click.argument("topic", required=False, metavar="[TOPIC]")
@verb_option("--raw", heading=SHOW, is_flag=True, help="Print the page as the Markdown it is.")
@verb_option(
    "--html", heading=WRITE, metavar="FOLDER", help="Write all pages as HTML into this folder."
)
def guide(topic: str | None, raw: bool, html: str | None) -> None:
    """Show a page of the guide, or list its pages.

    TOPIC is the name of a page, or of a thing in Python, such as Model.

    \b
    Examples:
      textmlr guide
      textmlr guide first-model
      textmlr guide Model
      textmlr guide --html site
    """
    if html is not None:
        if topic is not None or raw:
            raise click.UsageError("--html writes all pages: leave the topic and --raw out")
        from textmlr.cli.guide_site import write_site

        written = write_site(html)
        click.echo(f"Wrote {len(written)} pages: open {written[0]}")
        return
    if topic is None:
        if raw:
            raise click.UsageError("--raw prints one page: name its topic")
        _list()
        return
    from textmlr.cli.guide_pages import TOPICS, names, page

    found = page(topic)
    if found is None:
        from difflib import get_close_matches

        known = {name.lower(): name for name in (*TOPICS, *names())}
        near = get_close_matches(topic.lower(), known, 1, 0.5)
        mend = f"did you mean {known[near[0]]}?" if near else 'see "textmlr guide" for all'
        raise click.UsageError(f"there is no page {topic!r}; {mend}")
    if raw:
        click.echo(found.text, nl=False)
    else:
        _show(found)


def _show(found: Page) -> None:
    """Show a page: a terminal gets it through a pager, with colours, where it is long."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.width = min(console.width, 100)
    shown = Markdown(found.text, hyperlinks=False, code_theme="ansi_dark")
    if not sys.stdout.isatty():
        console.print(shown)
        return
    with console.pager(styles=True, links=False):
        console.print(shown)


def _list() -> None:
    """List the pages, a line each."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from textmlr.cli.guide_pages import TOPICS, names, pages

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold", min_width=max(map(len, TOPICS)))
    table.add_column(no_wrap=True, overflow="ellipsis")
    for page in pages():
        table.add_row(page.topic, Text(page.summary.removeprefix("This page ")))
    console = Console()
    console.width = min(console.width, 100)
    console.print(table)
    console.print()
    console.print(Text("In Python: " + ", ".join(names())))
    console.print(Text("Show one: textmlr guide first-model"))
