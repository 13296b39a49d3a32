"""Times that people type: 90s, 5m or 1h."""

from __future__ import annotations

from textmlr.base.options import LONGEST, SHORTEST

SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> float | None:
    """The seconds of a time; None for any other text, or a time that is too short or too long.

    >>> seconds_of("5m"), seconds_of("1.5h"), seconds_of("5 minutes")
    (300.0, 5400.0, None)
    """
    number, unit = text[:-1], SECONDS.get(text[-1:])
    if unit is None or not number.replace(".", "", 1).isdecimal():
        return None
    seconds = float(number) * unit
    return seconds if SHORTEST <= seconds <= LONGEST else None
