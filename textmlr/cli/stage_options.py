"""The options of a stage, made from the fields of its dataclass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import Field
from typing import Any, TypeVar

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.ngram_lengths import NgramLengths
from textmlr.base.option_headings import HELD_OUT, Heading
from textmlr.base.options import (
    CountOrShare,
    Flag,
    Kind,
    OneOf,
    Option,
    RealNumber,
    Switch,
    WholeNumber,
    options_of,
)
from textmlr.base.training_options import LayerWidths, TrainingOptions
from textmlr.base.word_lists import StopWords, Terms
from textmlr.cli.value_types import (
    REAL,
    WHOLE,
    Listed,
    ListedColumns,
    NgramRangeType,
    NumberOrShare,
    OneOfType,
    ParamType,
    Widths,
)
from textmlr.cli.verb import verb_option
from textmlr.corpus.reading_kinds import Columns

F = TypeVar("F", bound=Callable[..., Any])
Stages = tuple[FeaturizerOptions, TrainingOptions]
TYPES: dict[type[Kind], ParamType] = {
    WholeNumber: WHOLE,
    RealNumber: REAL,
    NgramLengths: NgramRangeType(),
    LayerWidths: Widths(),
    CountOrShare: NumberOrShare(),
    StopWords: Listed(),
    Terms: Listed(),
    Columns: ListedColumns(),
}
METAVARS: dict[type[Kind], str] = {WholeNumber: "N", RealNumber: "X"}


def one_value(
    argument: str,
    names: Collection[str],
    make: Callable[..., Any],
    options: Sequence[Callable[[Any], Any]],
) -> Callable[[F], F]:
    """Options that a command takes as one value.

    argument, make  the command is called with argument=make(**values)
    names           of the values; a command may lack some
    """

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def with_value(*args: Any, **given: Any) -> Any:
            value = make(**{name: given.pop(name) for name in names if name in given})
            return command(*args, **{argument: value}, **given)

        decorated: Any = with_value
        for option in reversed(options):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def stages_options(
    argument: str,
    stages: Sequence[type],
    *,
    leave_out: Collection[str] = (),
    shown: Callable[[Option], str | None] = lambda own: own.unset,
    headings: Mapping[Heading, Heading] | None = None,
    no_holdout: str | None = None,
) -> Callable[[F], F]:
    """An option for each field of these dataclasses, and one value for all: a tuple of them, or
    the only one.

    leave_out   fields that get no option
    shown       help's words for a default that says nothing by itself; None: the default
    headings    other headings than the options' own
    no_holdout  help of a flag --no-holdout, which is a holdout of 0; None: no such flag
    """
    fields = {
        stage: [
            (field, own)
            for field, own in options_of(stage)
            if field.name not in leave_out and not own.python_only
        ]
        for stage in stages
    }
    listed = [pair for stage in stages for pair in fields[stage]]
    names = [field.name for field, _ in listed]
    named = headings or {}
    options = [
        option_of(field, own, shown(own), named.get(own.heading, own.heading))
        for field, own in listed
    ]
    if no_holdout is not None:
        flag = verb_option("--no-holdout", heading=HELD_OUT, is_flag=True, help=no_holdout)
        options.insert(0, flag)
        names.append("no_holdout")

    def make(**chosen: Any) -> Any:
        if chosen.pop("no_holdout", False):
            chosen["holdout"] = 0.0
        made = tuple(
            stage(**{field.name: chosen[field.name] for field, _ in pairs})
            for stage, pairs in fields.items()
        )
        return made if len(made) > 1 else made[0]

    return one_value(argument, names, make, options)


def stage_option(stage: type, name: str) -> Callable[[F], F]:
    """The option of one field."""
    field, own = next(pair for pair in options_of(stage) if pair[0].name == name)
    return option_of(field, own, own.unset, own.heading)


def option_of(
    field: Field[Any],
    own: Option,
    shown: str | None,
    heading: Heading,
    *,
    values: ParamType | None = None,
) -> Callable[[F], F]:
    """The option of one field.

    shown   help's words for the default; None: the default
    values  the type of what is typed; None: that of the field's kind
    """
    name = "--" + field.name.replace("_", "-")
    kind = own.kind
    if isinstance(kind, Flag):
        name = f"--no-{name[2:]}" if field.default else name
        return verb_option(
            name,
            field.name,
            heading=heading,
            is_flag=True,
            flag_value=not field.default,
            default=field.default,
            help=own.usage,
        )
    if isinstance(kind, Switch):
        name = f"{name}/--no-{name[2:]}"
    return verb_option(
        name,
        field.name,
        heading=heading,
        type=values
        or (OneOfType(kind.values) if isinstance(kind, OneOf) else TYPES.get(type(kind))),
        default=field.default,
        show_default=shown or True,
        metavar=own.metavar or METAVARS.get(type(kind)),
        help=own.usage,
        more=own.further,
    )
