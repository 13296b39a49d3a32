"""Warnings, on stderr: the last thing that a verb prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from textmlr.base.printable import plain
from textmlr.cli.terminal import columns_of, wrapped

if TYPE_CHECKING:
    from textmlr.corpus.corpus import Corpus
    from textmlr.corpus.notes import ReadingNotes
    from textmlr.evaluation.labelled_answers import Answered


def warn(message: str) -> None:
    """Print a warning, after all that was printed before; unprintable characters are escaped."""
    if sys.stdout is not None:
        sys.stdout.flush()
    columns, text = columns_of(err=True), f"Warning: {plain(message)}"
    first, *more = [text] if columns is None else wrapped(text, columns)
    click.echo(click.style("Warning:", fg="yellow") + first.removeprefix("Warning:"), err=True)
    for line in more:
        click.echo(line, err=True)


def warn_of(notes: Iterable[str]) -> None:
    """Print sentences as warnings."""
    for note in notes:
        warn(note)


def warn_of_skipped(corpora: Iterable[Corpus | ReadingNotes]) -> None:
    """Say what was left out of corpora, and how they were read."""
    from textmlr.training.training_notes import reading_notes

    warn_of(reading_notes(corpora))


def warn_of_invalid(invalid: int) -> None:
    """Say how much text was not UTF-8."""
    from textmlr.training.training_notes import invalid_notes

    warn_of(invalid_notes(invalid))


def warn_of_answers(answered: Answered, model: str = "the model") -> None:
    """Say which documents of a labelled corpus a model could not read, or has seen before."""
    from textmlr.evaluation.labelled_answers import answer_notes

    warn_of(answer_notes(answered, model))
