"""Text of others made safe to show: nothing in it may act on a terminal, turn the direction of
writing, or hide.

Labels, documents, names of files and of features are shown through ``plain``, and JSON is printed
through ``to_json``.  Files in machine formats hold text as it is.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

BAR = 30  # cells
EIGHTHS = " ▏▎▍▌▋▊▉█"
# Some scripts and emoji cannot be read without them.
JOINERS = "\u200c\u200d"


def plain(text: str, keep: str = "") -> str:
    """Text in which control characters, line ends, direction marks and other invisible characters
    are escaped, but for those in ``keep``.

    >>> plain("a\\tb\\x1b[2J\\u202e")
    'a\\\\tb\\\\x1b[2J\\\\u202e'
    """
    if text.isprintable():
        return text
    # Not printable are control, format, surrogate, private, unassigned characters and separators.
    return "".join(
        c
        if c.isprintable() or c in keep or unicodedata.category(c) == "Zs"
        else c.encode("unicode_escape").decode()
        for c in text
    )


def to_json(value: Any) -> str:
    """A value as one line of JSON that is safe to show: JSON escapes the characters that ``plain``
    does, so that it is read back as it was.

    >>> to_json({"a": "\\x9b2J é"})
    '{"a": "\\\\u009b2J é"}'
    """
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else json.dumps(c)[1:-1]
        for c in text
    )


def plural(count: int, noun: str) -> str:
    """1 document, 2,000 documents."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def size_of(count: int) -> str:
    """Bytes in a unit fit to read."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"


def can_show(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):  # LookupError: see base.stdio
        return False
    return True


def bar(share: float, width: int = BAR) -> str:
    """A bar of the given share (0 to 1) of width cells, in eighths of a cell; of signs # where
    standard output cannot show blocks."""
    if not can_show(EIGHTHS):
        return "#" * round(share * width)
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
