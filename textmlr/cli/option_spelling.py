"""Options as the user wrote them: --learning-rate -1, in a file of options learning-rate = -1."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from click.core import ParameterSource

from textmlr.base.errors import InputError
from textmlr.base.option_errors import OptionError, PythonSpelling, shown
from textmlr.base.option_mentions import Mention

CONFIG = f"{__name__}.config"  # where a context's meta holds the path of the file of options

GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)  # by the user


def key_of(option: click.Parameter) -> str:
    """An option's name in a file of options: learning-rate."""
    return max(option.opts, key=len).lstrip("-")


def name_of(option: click.Parameter) -> str:
    """An option's name on the command line: --learning-rate."""
    return max(option.opts, key=len)


def typed(option: click.Parameter, value: object) -> str:
    """A value as it is typed: exact, 1-2, 0.1."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    return str(getattr(option.type, "text", str)(value))


def _short(option: click.Parameter, value: object) -> str:
    """The beginning of a value as it is typed."""
    if isinstance(value, int) and value.bit_length() > 200:
        return shown(value)
    text = " ".join(typed(option, value).split())
    return text if len(text) <= 60 else text[:57] + "..."


class TypedSpelling(PythonSpelling):
    """Options of the running verb, each as it was written.

    about  the option that an error is about: those that were not given are spelled like it
    """

    def __init__(self, context: click.Context, about: str) -> None:
        self._context = context
        self._options = {str(one.name): one for one in context.command.params}
        self.in_file = self._source(about) is ParameterSource.DEFAULT_MAP

    def name(self, option: str) -> str:
        """An option alone."""
        if self._source(option) not in GIVEN and self._source(f"no_{option}") in GIVEN:
            option = f"no_{option}"  # --no-holdout is an option of its own
        own = self._options.get(option)
        if own is None:
            return super().name(option)
        return key_of(own) if self._is_in_file(option) else name_of(own)

    def setting(self, option: str, value: object) -> str:
        """An option with a value."""
        own = self._options.get(option)
        if own is None:
            return super().setting(option, value)
        if self._is_in_file(option):
            short = _short(own, value)
            if isinstance(value, bool):
                short = short.lower()
            elif not isinstance(value, int | float):
                short = json.dumps(short, ensure_ascii=False)
            return f"{key_of(own)} = {short}"
        if isinstance(value, bool) and isinstance(own, click.Option) and own.is_flag:
            return (own.opts if value else own.secondary_opts or own.opts)[0]
        return f"{name_of(own)} {shlex.quote(_short(own, value))}"

    def _source(self, option: str) -> ParameterSource | None:
        return self._context.get_parameter_source(option)

    def _is_in_file(self, option: str) -> bool:
        source = self._source(option)
        if source in GIVEN:
            return source is ParameterSource.DEFAULT_MAP
        return self.in_file


@contextmanager
def spelled_as_typed(context: click.Context) -> Iterator[None]:
    """Errors of options name them as they were written, and the file of options if it has them."""
    path: Any = context.meta.get(CONFIG)
    try:
        yield
    except OptionError as error:
        spelling = TypedSpelling(context, error.option)
        place = context.meta.get(CONFIG) if spelling.in_file else None
        raise error.spelled(spelling, place) from None
    except InputError as error:
        told = error.with_options(lambda options: _typed_options(context, options))
        if told is error:
            raise
        raise told from None
    except click.BadParameter as error:
        own = error.param
        source = own and context.get_parameter_source(str(own.name))
        if own is None or source is not ParameterSource.DEFAULT_MAP:
            raise
        raise InputError(f"{key_of(own)}: {error.message}", place=path) from None


def _typed_options(context: click.Context, mentions: Sequence[Mention]) -> str:
    """Options that a message mentions, as they are typed: --no-header --label-column 1."""
    words = []
    for option, value in mentions:
        spelling = TypedSpelling(context, option)
        name = spelling.name(option)
        words.append(name if value is None else spelling.setting(option, value))
    return " ".join(words)
