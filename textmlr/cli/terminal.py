"""The look of results in a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import click

from textmlr.base.printable import plain, to_json

LEAST_COLUMNS = 20  # of a value, however narrow the terminal is


def cells(text: str) -> int:
    """The columns that a text takes in a terminal: two for a wide character, none for an accent."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)


def spread(interval: tuple[float, float]) -> str:
    """An interval of a figure: 0.909–0.916."""
    return "–".join(f"{end:.3f}" for end in interval)


def columns_of(*, err: bool = False) -> int | None:
    """The columns of the terminal that stdout, or stderr, is; None where it is none."""
    stream = sys.stderr if err else sys.stdout
    if stream is None or not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except OSError:
        return shutil.get_terminal_size().columns


def wrapped(text: str, columns: int) -> list[str]:
    """Lines of a text, broken between words; a word that is longer than a line has one of its own.

    >>> wrapped("words 1-2 + characters 4", 12)
    ['words 1-2 +', 'characters 4']
    """
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cells(lines[-1]) + 1 + cells(word) <= columns:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def show_rows(rows: Iterable[tuple[str, str]], *, err: bool = False) -> None:
    """Name and value, a pair a line, with whatever names are in them;  err  on stderr.

    In a terminal values are wrapped between words, under their first line.
    """
    pairs = [(plain(name), plain(value)) for name, value in rows]
    width, columns = max(cells(name) for name, _ in pairs), columns_of(err=err)
    room = None if columns is None else max(columns - width - 4, LEAST_COLUMNS)
    for name, value in pairs:
        first, *more = [value] if room is None else wrapped(value, room)
        click.echo(f"  {name}{' ' * (width - cells(name))}  {first}", err=err)
        for line in more:
            click.echo(f"  {' ' * width}  {line}", err=err)


def show_sentence(text: str) -> None:
    """A sentence on a line; in a terminal wrapped between words."""
    columns = columns_of()
    for line in [text] if columns is None else wrapped(text, columns):
        click.echo(line)


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
