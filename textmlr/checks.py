"""Checks of option values: each raises InputError, which names the option, the value and what is
wanted."""

from __future__ import annotations

import math
from typing import Any

from textmlr.errors import InputError


def shown(value: object) -> str:
    """The beginning of a value in a message, whatever it is."""
    if (
        isinstance(value, int) and value.bit_length() > 200
    ):  # Python refuses to write very long ones
        return "a number of hundreds of digits"
    try:
        text = repr(value)
    except Exception as error:  # of somebody else's class
        text = f"a {type(value).__name__} ({type(error).__name__})"
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def refuse(option: str, value: object, wanted: str) -> InputError:
    return InputError(f"{option}={shown(value)} is not {wanted}", mend=f"give {wanted}")


def check_integer(option: str, value: Any, low: int, high: int | None = None) -> None:
    wanted = f"a whole number of at least {low}" + (f" and at most {high}" if high else "")
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(option, value, wanted)
    if value < low or (high is not None and value > high):
        raise refuse(option, value, wanted)


def check_real(option: str, value: Any, low: float, *, strict: bool = False) -> None:
    wanted = f"a finite number {'above' if strict else 'of at least'} {low:g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(option, value, wanted)
    try:
        finite = math.isfinite(value)
    except OverflowError:  # a whole number beyond floats
        finite = False
    if not finite:
        raise refuse(option, value, wanted)
    if value < low or (strict and value == low):
        raise refuse(option, value, wanted)


def check_flag(option: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise refuse(option, value, "True or False")


def check_choice(option: str, value: Any, choices: tuple[object, ...]) -> None:
    # Of the same type: 1 is no True, and arrays compare element by element.
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise refuse(option, value, "one of " + ", ".join(map(repr, choices)))
