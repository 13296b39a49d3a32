"""Checks of option values: each raises InputError, which names the option, the value, what is
wanted and a value that makes sense."""

from __future__ import annotations

from typing import Any

from textmlr.errors import InputError

MOST_LISTED = 1_000_000  # labels or features in a list that is asked for


def refuse(option: str, value: object, wanted: str, such_as: str | None = None) -> InputError:
    """The error; such_as  a value that makes sense."""
    mend = f"give {wanted}" if such_as is None else f"give one such as {such_as}"
    return InputError(f"{option}={_shown(value)} is not {wanted}", mend=mend)


def _shown(value: object) -> str:
    try:
        return f"{value!r:.60}"
    except ValueError:  # Python shows no int of over 4,300 digits
        return "a number of thousands of digits"


def check_integer(option: str, value: Any, low: int, high: int, such_as: int) -> None:
    """A whole number from low to high."""
    wanted = f"a whole number from {low} to {high:,}"
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise refuse(option, value, wanted, str(such_as))


def check_real(
    option: str, value: Any, low: float, high: float, such_as: float, *, below: bool = False
) -> None:
    """A number from low to high, or below it."""
    wanted = f"a number from {low:g} to {'just below ' if below else ''}{high:,g}"
    # An int of 400 digits is no float; NaN is in no range.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(option, value, wanted, f"{such_as:g}")
    if not low <= value <= high or (below and value == high):
        raise refuse(option, value, wanted, f"{such_as:g}")


def check_listed(option: str, value: Any) -> None:
    """How many labels or features are asked for."""
    check_integer(option, value, 1, MOST_LISTED, 20)


def check_flag(option: str, value: Any) -> None:
    """True or False."""
    if not isinstance(value, bool):
        raise refuse(option, value, "True or False")


def check_choice(option: str, value: Any, choices: tuple[object, ...]) -> None:
    """One of some values."""
    if value not in choices:
        raise refuse(option, value, "one of " + ", ".join(map(repr, choices)))
