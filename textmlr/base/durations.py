"""Times such as 90s, 5m or 1h, as options take them."""

from __future__ import annotations

UNITS = {"s": 1, "m": 60, "h": 3600}
SHORTEST, LONGEST = 1e-3, 365 * 86_400.0  # seconds


def seconds_of(text: str) -> float | None:
    """The seconds in a time such as 90s, 5m or 1h; None where the text is no such time.

    >>> seconds_of("90s"), seconds_of("0.5m"), seconds_of("soon")
    (90.0, 30.0, None)
    """
    number, unit = text[:-1], UNITS.get(text[-1:])
    if unit is None or not number.replace(".", "", 1).isdecimal():
        return None
    seconds = float(number) * unit
    return seconds if SHORTEST <= seconds <= LONGEST else None
