"""Sizes such as 500kB, 2GB or 1MiB, as options take them."""

from __future__ import annotations

import re

SIZE_UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
}  # fmt: skip


def bytes_of(text: str) -> int | None:
    """The bytes in a size such as 500kB; None where the text is no such size.

    >>> bytes_of("500kB"), bytes_of("1MiB"), bytes_of("large")
    (500000, 1048576, None)
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", text.strip())
    unit = SIZE_UNITS.get(found[2].upper()) if found else None
    size = float(found[1]) * unit if found and unit else 0.0
    return int(size) if 1 <= size < float("inf") else None
