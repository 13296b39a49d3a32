"""Checks of option values: each raises InputError, which names the option, the value and what is
wanted."""

from __future__ import annotations

import math
from typing import Any

from textmlr.errors import InputError


def refuse(option: str, value: object, wanted: str) -> InputError:
    return InputError(f"{option}={value!r:.60} is not {wanted}", mend=f"give {wanted}")


def check_integer(option: str, value: Any, low: int, high: int | None = None) -> None:
    wanted = f"a whole number of at least {low}" + (f" and at most {high}" if high else "")
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(option, value, wanted)
    if value < low or (high is not None and value > high):
        raise refuse(option, value, wanted)


def check_real(option: str, value: Any, low: float, *, strict: bool = False) -> None:
    wanted = f"a finite number {'above' if strict else 'of at least'} {low:g}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise refuse(option, value, wanted)
    if value < low or (strict and value == low):
        raise refuse(option, value, wanted)


def check_flag(option: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise refuse(option, value, "True or False")


def check_choice(option: str, value: Any, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise refuse(option, value, "one of " + ", ".join(map(repr, choices)))
