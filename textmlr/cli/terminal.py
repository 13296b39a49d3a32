"""The look of results in a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import click

from textmlr.base.printable import plain, to_json


def cells(text: str) -> int:
    """The columns that a text takes in a terminal: two for a wide character, none for an accent."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)


def spread(interval: tuple[float, float]) -> str:
    """An interval of a figure: 0.909–0.916."""
    return "–".join(f"{end:.3f}" for end in interval)


def show_rows(rows: Iterable[tuple[str, str]], *, err: bool = False) -> None:
    """Name and value, a pair a line, with whatever names are in them;  err  on stderr."""
    pairs = [(plain(name), plain(value)) for name, value in rows]
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"  {name:<{width}}  {value}", err=err)


def shown_seconds(summary: dict[str, Any]) -> str:
    """The seconds that a command took, and those of them that compiled kernels."""
    seconds = f"{summary['seconds']:.1f}"
    if summary["compile_seconds"]:
        seconds += f", of which compiling kernels {summary['compile_seconds']:.1f}"
    return seconds


def print_summary(
    summary: dict[str, Any], show: Callable[[dict[str, Any]], None], *, quiet: bool, as_json: bool
) -> None:
    """Print a summary as JSON, or show it, or do neither."""
    if as_json:
        click.echo(to_json(summary))
    elif not quiet:
        show(summary)
