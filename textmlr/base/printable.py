"""Text that others wrote, as it is shown: nothing in it may act on a terminal, turn the direction
of writing, or hide.

All that is shown of labels, documents, names of files and of features goes through ``plain``, and
JSON that is printed through ``to_json``.  Files in machine formats hold text as it is.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

# Scripts and emoji are not read without them.
JOINERS = "\u200c\u200d"


def plain(text: str, keep: str = "") -> str:
    """Text without control characters, line ends, direction marks and what else cannot be seen:
    each is its escape, but for those in ``keep``.

    >>> plain("a\\tb\\x1b[2J\\u202e")
    'a\\\\tb\\\\x1b[2J\\\\u202e'
    """
    if text.isprintable():
        return text
    # What is not printable is control, format, surrogate, private, unassigned, or a separator.
    return "".join(
        c
        if c.isprintable() or c in keep or unicodedata.category(c) == "Zs"
        else c.encode("unicode_escape").decode()
        for c in text
    )


def to_json(value: Any) -> str:
    """A value as one line of JSON that is safe to show: what ``plain`` escapes is escaped as JSON
    has it, so that it is read as what it was.

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
