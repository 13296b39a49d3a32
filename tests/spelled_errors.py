"""Errors as the command line words them, though Python raised them."""

from __future__ import annotations

import click

from textmlr.base.errors import InputError
from textmlr.cli.option_spelling import spelled_as_typed
from textmlr.cli.train import train


def as_typed(error: InputError) -> str:
    """The message with options spelled as ``textmlr train`` does."""
    try:
        with spelled_as_typed(click.Context(train)):
            raise error
    except InputError as told:
        return str(told)
