"""textmlr guide: the pages of the guide, in the terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from textmlr.base.option_headings import SHOW, WRITE
from textmlr.cli.verb import Verb, verb_option

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

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
        if not html:
            raise click.UsageError("--html needs the name of a folder, such as site")
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
        near = get_close_matches(topic.lower(), known, 1)
        mend = f"did you mean {known[near[0]]}?" if near else 'see "textmlr guide" for all'
        raise click.UsageError(f"there is no page {topic!r}; {mend}")
    if raw:
        click.echo(found.text, nl=False)
    else:
        _show(found)


def _show(found: Page) -> None:
    """Show a page."""
    from rich.console import ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Markdown
    from rich.text import Text

    class PlainCode(CodeBlock):
        """Code over the whole width, which outputs of 80 columns need; what is typed is bold."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            for line in str(self.text).rstrip().splitlines():
                typed = line.startswith(("$ ", ">>> ", "... "))
                yield Text(line, "bold" if typed else "", overflow="fold", no_wrap=len(line) <= 80)

    class PlainMarkdown(Markdown):
        elements = Markdown.elements | {"fence": PlainCode, "code_block": PlainCode}

    _print(PlainMarkdown(found.text, hyperlinks=False))


def _list() -> None:
    """List the pages, a line each."""
    from textwrap import shorten

    from rich.console import Group
    from rich.text import Text

    from textmlr.cli.guide_pages import TOPICS, names, pages

    console = _console()
    indent = max(map(len, TOPICS)) + 2
    lines = []
    for page in pages():
        told = page.summary.removeprefix("This page ").removeprefix("shows how to ")
        told = shorten(told, max(console.width - indent, 10), placeholder=" …")
        lines.append(Text.assemble((f"{page.topic:<{indent}}", "bold"), told))
    python = Text("In Python: " + ", ".join(names()))
    _print(Group(*lines, "", python, Text("Show one: textmlr guide first-model")))


def _console() -> Console:
    """A console no wider than is good to read, whose styles suit light and dark terminals."""
    from rich.console import Console
    from rich.theme import Theme

    console = Console(highlight=False, theme=Theme({"markdown.code": "bold"}))
    console.width = min(console.width, 100)
    return console


def _print(shown: RenderableType) -> None:
    """Print; a terminal gets what is longer than itself through the user's pager."""
    console = _console()
    if not console.is_terminal:
        console.print(shown)
        return
    with console.capture() as captured:
        console.print(shown)
    # As git does: less shows colours, and ends by itself where all fits on the screen.
    os.environ.setdefault("LESS", "FRX")
    click.echo_via_pager(captured.get())
