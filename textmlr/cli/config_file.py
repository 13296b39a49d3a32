"""--config FILE: options of verbs in a file, TOML or the JSON that train and tune print.

Keys are names of options with - or _.  Those at the top are for every verb that has them, those in
the table of a verb, such as [train], for it alone; and what is typed wins over the file.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import click

from textmlr.base.errors import InputError
from textmlr.base.option_headings import LARGE, RUN, SEARCH, SPEED, WRITE
from textmlr.cli.option_spelling import CONFIG, GIVEN, key_of, typed
from textmlr.cli.value_types import Number
from textmlr.cli.verb import heading_of

MOST_BYTES = 1 << 26
ELSEWHERE = (WRITE, RUN, SPEED, LARGE, SEARCH)  # their options do not shape the model
Options = dict[str, click.Option]


def load_config(context: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """Make the values of a file the running verb's defaults.  Raises InputError."""
    if path is None or context.resilient_parsing:
        return
    context.meta[CONFIG] = path
    values = _read(path)
    _check_keys(path, values)
    verb = str(context.command.name)
    own = options_of_verb(context.command)
    chosen = {}
    for table in (values, values.get(verb, {})):
        for key, value in table.items():
            option = own.get(_plain(key))
            if option is not None and not (table is values and isinstance(value, Mapping)):
                chosen[str(option.name)] = _value(path, key, option, value)
    context.default_map = {name: value for name, value in chosen.items() if value is not None}


def options_of_verb(command: click.Command) -> Options:
    """The options of a verb that a file may hold, by their keys."""
    options = (one for one in command.params if isinstance(one, click.Option))
    return {key_of(one): one for one in options if one.expose_value}


def _plain(key: str) -> str:
    return key.replace("_", "-")


def _read(path: str) -> dict[str, Any]:
    """The tables and values of a file."""
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        mend = "name a file of options"
        raise InputError(error.strerror or str(error), place=path, mend=mend) from None
    if len(data) > MOST_BYTES:
        raise InputError("is too large for a file of options", place=path)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.lstrip().startswith(b"{"):
        return _json(path, data)
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        why = f"is not TOML: {error}"
        mend = "write lines such as epochs = 3, text in quotes"
        raise InputError(why, place=path, mend=mend) from None


def _json(path: str, data: bytes) -> dict[str, Any]:
    """The options in JSON: what train --json printed has them under "config"."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON: {error}", place=path) from None
    found = values.get("config", values)
    if not isinstance(found, dict):
        raise InputError('"config" holds no options', place=path, mend="give an object of options")
    return found


def _check_keys(path: str, values: Mapping[str, Any]) -> None:
    """Raise InputError for a key that is no option, or a table that is no verb."""
    from textmlr.cli import VERBS, cli

    context = click.Context(cli)
    found = ((verb, cli.get_command(context, verb)) for verb in VERBS)
    options = {
        verb: options_of_verb(command)
        for verb, command in found
        if command is not None and _takes_config(command)
    }
    anywhere = {key for own in options.values() for key in own}
    top = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    _check_table(path, top, anywhere, None)
    for key, value in values.items():
        if not isinstance(value, Mapping):
            continue
        if key not in options:
            near = _near(key, options)
            mend = f"did you mean [{near}]?" if near else "tables are " + ", ".join(options)
            raise InputError(f"[{key}] is no verb that takes options", place=path, mend=mend)
        _check_table(path, value, options[key], key)


def _check_table(
    path: str, table: Mapping[str, Any], known: Collection[str], verb: str | None
) -> None:
    """Raise InputError for a key that is no option of a verb, or of any, and for two of one."""
    whose = f"an option of {verb}" if verb else "an option"
    for key in table:
        if _plain(key) not in known:
            near = _near(_plain(key), known)
            mend = f"textmlr {verb or 'train'} --help-all lists the options"
            mend = f"did you mean {near}?" if near else mend
            raise InputError(f"{key[:60]} is not {whose}", place=path, mend=mend)
        if key != _plain(key) and _plain(key) in table:
            raise InputError(f"{key} and {_plain(key)} are one option", place=path)


def _near(word: str, words: Collection[str]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, words, 1)), None)


def _takes_config(command: click.Command) -> bool:
    return any("--config" in one.opts for one in command.params)


def _value(path: str, key: str, option: click.Option, value: Any) -> Any:
    """A value of a file in the form that its option converts; None for a flag that is not set."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise _wrong(path, key, value, "true or false")
        if option.secondary_opts:
            return value
        return option.flag_value is not False if value else None
    if option.multiple:
        listed = value if isinstance(value, list) else [value]
        return [_value_of_one(path, key, one) for one in listed]
    separator = getattr(option.type, "separator", None)
    if separator and isinstance(value, list):
        return separator.join(str(_value_of_one(path, key, one)) for one in value)
    if getattr(option.type, "listed", False) and isinstance(value, list):
        return tuple(str(_value_of_one(path, key, one)) for one in value)
    one = _value_of_one(path, key, value)
    return one if isinstance(option.type, Number) else str(one)


def _value_of_one(path: str, key: str, value: Any) -> str | int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(path, key, value, "text or a number")
    return value


def _wrong(path: str, key: str, value: Any, wanted: str) -> InputError:
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = text if len(text) <= 60 else text[:57] + "..."
    return InputError(f"{key} = {text} is not {wanted}", place=path)


# ----------------------------------------------------------------- what --json prints for --config
def given_config(context: click.Context) -> dict[str, dict[str, Any]]:
    """The options that were given to the running verb and that shape its model, under its name."""
    command = context.command
    own = {
        key: written(option, context.params[str(option.name)])
        for key, option in options_of_verb(command).items()
        if context.get_parameter_source(str(option.name)) in GIVEN
        and heading_of(option) not in ELSEWHERE
    }
    return {str(command.name): own}


def written(option: click.Option, value: Any) -> Any:
    """A value that was given, as a file of options has it."""
    if option.is_flag and not option.secondary_opts:
        return True
    if isinstance(value, bool | int | float):
        return value
    if getattr(option.type, "listed", False) and isinstance(value, tuple):
        return list(value)
    return typed(option, value)
