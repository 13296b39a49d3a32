"""Types of the values of options, which Click converts from what is typed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.durations import seconds_of
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import AUTO, MAX_NGRAM, NgramRange

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # it takes no type in brackets before Click 8.5

UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
}  # fmt: skip
WRITTEN = ("npz", "svmlight", "vw", "json", "onnx")  # formats that nothing is read in
MOST_DIGITS = 20  # digits of a number: Python refuses thousands of them


class Number(ParamType):
    """A number; text that is no number is passed on, and refused by the same check as the values
    of Python callers."""

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
    """A whole number that is checked at once, since it is no field of a dataclass of options."""

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


class OneOfType(click.Choice[str]):
    """One of some values; None is typed as none."""

    def __init__(self, values: Sequence[str | None]) -> None:
        super().__init__(["none" if value is None else value for value in values])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value."""
        chosen = None if value is None else super().convert(value, param, ctx)
        return None if chosen == "none" else chosen

    def text(self, value: str | None) -> str:
        """A value as the user types it."""
        return "none" if value is None else value


class ReadFormat(OneOfType):
    """A format of what is read; for one of what is written, the error names the option for that."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The format."""
        if value in WRITTEN:
            self.fail(
                f"{value!r} is a format of what is written: --output-format {value}", param, ctx
            )
        return super().convert(value, param, ctx)


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

    def text(self, value: tuple[int, int] | None) -> str:
        """A value as the user types it."""
        return "none" if value is None else f"{value[0]}-{value[1]}"


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

    def text(self, value: tuple[int, ...]) -> str:
        """A value as the user types it."""
        return ",".join(map(str, value)) or "none"


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


class Probability(ParamType):
    """A number of 0 to 1."""

    name = "probability"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; NaN is refused."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 1:
            self.fail(f"{value!r:.60} is not a probability, a number of 0 to 1", param, ctx)
        return number


PROBABILITY = Probability()
