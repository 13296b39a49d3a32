"""Command-line options shared by verbs, with defaults read from the options of each stage."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click
from click.core import ParameterSource

from textmlr.base.checks import check_listed
from textmlr.base.durations import seconds_of
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import AUTO, MAX_NGRAM, FeaturizerOptions, NgramRange
from textmlr.base.threads import chosen_threads
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.reading_options import CorpusFormat, ReadingOptions

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # which takes no type in brackets before Click 8.5

F = TypeVar("F", bound=Callable[..., Any])

UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
}  # fmt: skip
DEFAULT_MODEL = "model.textmlr"
MOST_DIGITS = 20  # of a number: Python makes none of some thousands


class Number(ParamType):
    """A number; what is none is passed on as it is, and refused like any other value that makes no
    sense, by the check that Python callers' values have to pass."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.name = "integer" if kind is int else "float"
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; None stays None."""
        if not isinstance(value, str):
            return value
        try:
            return self._kind(value)
        except ValueError:
            return value


WHOLE, REAL = Number(int), Number(float)


class Checked(Number):
    """A whole number that is checked at once: it is no field of an options dataclass."""

    def __init__(self, check: Callable[[int], object]) -> None:
        super().__init__(int)
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; None stays None."""
        number = super().convert(value, param, ctx)
        if number is not None:
            try:
                self._check(number)
            except InputError as error:
                self.fail(str(error), param, ctx)
        return number


def listed(option: str) -> Checked:
    """A number of labels or features to list."""
    return Checked(lambda number: check_listed(option, number))


model_option = click.option(
    "-m", "--model", default=DEFAULT_MODEL, show_default=True, metavar="FILE", help="Model to use."
)
threads_option = click.option(
    "--threads",
    type=Checked(chosen_threads),
    default=None,
    metavar="N",
    show_default="one a processor",
    help="Threads; their number changes no result.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
skip_option = click.option(
    "--skip-bad-lines", is_flag=True, help="Leave out lines that cannot be read, and count them."
)
limit_option = click.option(
    "--no-compression-limit",
    "compression_limit",
    flag_value=False,
    default=True,
    help="Read files that become over 1,000 times as large when decompressed.",
)
weighted_option = click.option(
    "--weighted",
    is_flag=True,
    help="Documents have weights: label<TAB>weight<TAB>text, or a column weight.",
)


def corpus_options(*, weights: bool, labelled: bool = True) -> Callable[[F], F]:
    """The options of how corpora are read, which the command takes as one
    ``reading: ReadingOptions``.

    weights   documents' weights mean something to the command
    labelled  documents have labels; otherwise they may also be plain lines
    """
    kinds = ("text", "label") if labelled else ("text",)
    options = [_format_option(labelled), *(column_option(kind) for kind in kinds)]
    if weights:
        options += [column_option("weight"), weighted_option]
    options += [skip_option, limit_option]

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def with_reading(*args: Any, **given: Any) -> Any:
            own = {
                field.name: given.pop(field.name)
                for field in dataclasses.fields(ReadingOptions)
                if field.name in given
            }
            return command(*args, reading=ReadingOptions(**own), **given)

        decorated: Any = with_reading
        for option in reversed(options):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def _format_option(labelled: bool) -> Callable[[F], F]:
    names = [name for name in get_args(CorpusFormat) if name != "lines" or not labelled]
    return click.option(
        "--format",
        type=click.Choice(names),
        default=None,
        show_default="by ending, or the first bytes",
        help="What the corpus's files are.",
    )


def column_option(kind: str, of: str = "a table") -> Callable[[F], F]:
    """--text-column, --label-column or --weight-column."""
    plain = {"text": "text, review, …", "label": "label, class, …"}
    default = "weight, with --weighted" if kind == "weight" else f"by a plain name: {plain[kind]}"
    return click.option(
        f"--{kind}-column",
        default=None,
        metavar="NAME",
        show_default=default,
        help=f"Column of the {kind} in {of}.",
    )


def check_output(
    path: str,
    corpora: Sequence[str | None],
    others: Sequence[str | None] = (),
    *,
    grows: bool = False,
) -> None:
    """Raise InputError now if a file cannot be written, or is one of those that are read.

    corpora  files, folders, patterns and addresses;  others  files
    grows    it is appended to, not replaced
    """
    from textmlr.base.whole_files import check_writable
    from textmlr.corpus.sources import sources_of

    named = [corpus for corpus in corpora if corpus is not None]
    sources = sources_of(named) if named else []
    read = [*sources, *(other for other in others if other is not None)]
    check_writable(path, read, grows=grows)


def default_of(options: type, field: str) -> Any:
    """The default of a field of an options dataclass."""
    return next(f.default for f in dataclasses.fields(options) if f.name == field)


class NgramRangeType(ParamType):
    """A range of n such as 1-2, one n such as 3, none, or auto."""

    name = "range"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> NgramRange:
        """The pair (shortest, longest), None for "none", or "auto"."""
        if value is None or isinstance(value, tuple):
            return value
        if value == AUTO:
            return AUTO
        if value == "none":
            return None
        low, _, high = value.partition("-")
        short = len(value) <= 2 * MOST_DIGITS
        if not (short and low.isdecimal() and (high or low).isdecimal()):
            self.fail(f"{value!r:.60} is not a range such as 1-2 ('none' or 'auto')", param, ctx)
        pair = int(low), int(high or low)
        if not 1 <= pair[0] <= pair[1] <= MAX_NGRAM:
            self.fail(
                f"{value!r:.60} is not a range from 1 to {MAX_NGRAM}, such as 1-2", param, ctx
            )
        return pair


class Widths(ParamType):
    """Widths of hidden layers such as 64 or 256,64; none."""

    name = "widths"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """A tuple of integers, () for "none"."""
        if isinstance(value, tuple):
            return value
        if value == "none":
            return ()
        parts = value.split(",")
        short = all(len(part) <= MOST_DIGITS for part in parts)
        if not (short and all(part.isdecimal() and int(part) for part in parts)):
            self.fail(f"{value!r:.60} is not widths such as 64 or 256,64", param, ctx)
        return tuple(map(int, parts))


class Size(ParamType):
    """A number of bytes, such as 500kB, 2GB (2,000,000,000) or 1MiB (1,048,576)."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Bytes; None stays None."""
        if value is None or isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", value.strip())
        unit = UNITS.get(found[2].upper()) if found else None
        size = float(found[1]) * unit if found and unit else 0.0
        if not 1 <= size < float("inf"):
            self.fail(f"{value!r:.60} is not a size such as 500kB, 2GB or 1MiB", param, ctx)
        return int(size)


class Duration(ParamType):
    """A time such as 90s, 5m or 1h, in seconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """Seconds; None stays None."""
        if value is None or isinstance(value, float):
            return value
        seconds = seconds_of(value)
        if seconds is None:
            self.fail(f"{value!r:.60} is not a time such as 90s, 5m or 1h", param, ctx)
        return seconds


def given(name: str) -> bool:
    """Whether the command that is running was told this parameter on its command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def stage_options(chosen: dict[str, Any]) -> tuple[FeaturizerOptions, TrainingOptions]:
    """The options of each stage, from what was chosen on the command line."""
    own = chosen | {"norm": None if chosen["norm"] == "none" else chosen["norm"]}
    featurizer = {name: own[name] for name in FeaturizerOptions.__dataclass_fields__}
    training = {name: own[name] for name in TrainingOptions.__dataclass_fields__ if name in own}
    return FeaturizerOptions(**featurizer), TrainingOptions(**training)


class Probability(ParamType):
    """A number of 0 to 1."""

    name = "probability"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number.  NaN is none."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 1:
            self.fail(f"{value!r:.60} is not a probability, a number of 0 to 1", param, ctx)
        return number


PROBABILITY = Probability()


def show_range(value: tuple[int, int] | None) -> str:
    """(1, 2) → 1-2, None → none."""
    return "none" if value is None else f"{value[0]}-{value[1]}"


def option_of(options: type, field: str, help: str, **attributes: Any) -> Callable[[F], F]:
    """A click option for a field of an options dataclass: --its-name, with its default."""
    name = "--" + field.replace("_", "-")
    default = default_of(options, field)
    if isinstance(default, bool):
        name = f"{name}/--no-{name[2:]}"
    attributes.setdefault("show_default", True)
    if attributes.get("type") is WHOLE:
        attributes.setdefault("metavar", "N")
    return click.option(name, field, default=default, help=help, **attributes)
