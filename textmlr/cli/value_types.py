"""Types of the values of options, which Click converts from what is typed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from textmlr.base.byte_sizes import bytes_of
from textmlr.base.durations import seconds_of
from textmlr.base.ngram_lengths import AUTO, MAX_NGRAM, NgramRange
from textmlr.base.option_errors import refuse
from textmlr.base.printable import plural

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # it takes no type in brackets before Click 8.5

WRITTEN = ("npz", "svmlight", "onnx")  # formats that nothing is read in
WANTED = f"a range from 1 to {MAX_NGRAM} such as 1-2, or none, or auto"
MOST_DIGITS = 20  # digits of a number: Python refuses thousands of them


class Typed(ParamType):
    """A type whose refusals name the option as the others do."""

    def refuse(self, value: Any, wanted: str, param: click.Parameter | None) -> NoReturn:
        """Raise InputError for a value that is not as wanted."""
        raise refuse(str(param.name) if param else self.name, value, wanted)


class Number(Typed):
    """A number; text that is no number is passed on, and refused by the same check as the values
    of Python callers."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.name = "integer" if kind is int else "float"
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; None stays None."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            return value
        try:
            return self._kind(value)
        except (ValueError, OverflowError):
            return value

    def text(self, value: object) -> str:
        """A value as the user types it: 0.1, -1, 1e-6."""
        return f"{value!r}".replace("e-0", "e-").removesuffix(".0").strip("'")


WHOLE, REAL = Number(int), Number(float)


class NumberOrShare(Number):
    """A whole number, or a share with a point in it: 1 is one document, 1.0 all of them."""

    def __init__(self) -> None:
        super().__init__(float)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; None stays None."""
        if isinstance(value, str) and not set(value) & set(".eE"):
            return WHOLE.convert(value, param, ctx)
        return value if isinstance(value, int) else super().convert(value, param, ctx)

    def text(self, value: object) -> str:
        """A value as the user types it: 1, 1.0, 0.01."""
        return f"{value!r}".replace("e-0", "e-").strip("'")


class Listed(Typed):
    """A file with one a line, or none; in a file of options a list, too."""

    name = "file"
    listed = True

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name of the file, the tuple of a list, or None for "none"."""
        return None if isinstance(value, str) and value == "none" else value

    def text(self, value: tuple[str, ...] | str | None) -> str:
        """A value as the user types it; a list, which nobody types, by its size."""
        if isinstance(value, tuple):
            return f"({plural(len(value), 'word')})"
        return value or "none"


class Checked(Number):
    """A whole number that is checked at once, since it is no field of a dataclass of options."""

    def __init__(self, check: Callable[[int], object]) -> None:
        super().__init__(int)
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; None stays None."""
        number = super().convert(value, param, ctx)
        if number is not None:
            self._check(number)
        return number


class OneOfType(click.Choice[str]):
    """One of some values; None is typed as none."""

    def __init__(self, values: Sequence[str | None]) -> None:
        super().__init__(["none" if value is None else value for value in values])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value."""
        if value is None or (value == "none" and "none" in self.choices):
            return None
        if value not in self.choices:
            name = str(param.name) if param else self.name
            raise refuse(name, value, f"one of {', '.join(self.choices)}")
        return value

    def text(self, value: str | None) -> str:
        """A value as the user types it."""
        return "none" if value is None else value


class ReadFormat(OneOfType):
    """A format of what is read; for one of what is written, the error names the option for that."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The format."""
        if value in WRITTEN:
            name = str(param.name) if param else self.name
            raise refuse(
                name, value, f"a format to read; to write it, give --output-format {value}"
            )
        return super().convert(value, param, ctx)


class NgramRangeType(Typed):
    """A range of n such as 1-2, one n such as 3, none, or auto."""

    name = "range"
    separator = "-"  # of a list in a file of options

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
            self.refuse(value, WANTED, param)
        pair = int(low), int(high or low)
        if not 1 <= pair[0] <= pair[1] <= MAX_NGRAM:
            self.refuse(value, WANTED, param)
        return pair

    def text(self, value: tuple[int, int] | str | None) -> str:
        """A value as the user types it."""
        if value is None or isinstance(value, str):
            return value or "none"
        return f"{value[0]}-{value[1]}" if value[0] < value[1] else f"{value[0]}"


class Widths(Typed):
    """Widths of hidden layers such as 64 or 256,64; none."""

    name = "widths"
    separator = ","

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
            self.refuse(value, "widths such as 64 or 256,64", param)
        return tuple(map(int, parts))

    def text(self, value: tuple[int, ...]) -> str:
        """A value as the user types it."""
        return ",".join(map(str, value)) or "none"


class ListedColumns(Typed):
    """Names of columns with commas between; in a file of options a list, too."""

    name = "columns"
    listed = True

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """What was typed, which the kind of the option takes apart."""
        return value

    def text(self, value: tuple[str, ...] | str) -> str:
        """A value as the user types it."""
        return value if isinstance(value, str) else ",".join(value)


class Size(Typed):
    """A number of bytes, such as 500kB, 2GB (2,000,000,000) or 1MiB (1,048,576)."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Bytes; None stays None."""
        if value is None or isinstance(value, int):
            return value
        size = bytes_of(value)
        if size is None:
            self.refuse(value, "a size such as 500kB, 2GB or 1MiB", param)
        return size


class Duration(Typed):
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
            self.refuse(value, "a time such as 90s, 5m or 1h", param)
        return seconds


class Probability(Typed):
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
            self.refuse(value, "a probability, a number of 0 to 1", param)
        return number


PROBABILITY = Probability()
