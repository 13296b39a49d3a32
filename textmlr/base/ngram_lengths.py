"""Lengths of n-grams: from the shortest to the longest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from textmlr.base.option_errors import refuse
from textmlr.base.options import Kind

AUTO: Final = "auto"
NgramRange = tuple[int, int] | None | Literal["auto"]
MAX_NGRAM = 16
CHAR_PREFIX = "char:"  # names of character n-grams begin so


class NgramLengths(Kind):
    """A pair (shortest, longest), None for no such n-grams, or "auto"."""

    written = "(shortest, longest), or None. "

    def __init__(self, shortest: int = 1, longest: int = 2) -> None:
        pair = f"{shortest}-{longest}" if shortest < longest else f"{longest}"
        self.typed = f", such as {pair}, or none."

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if value is None or (isinstance(value, str) and value == AUTO):
            return
        pair = isinstance(value, tuple) and len(value) == 2
        whole = pair and all(type(bound) is int for bound in value)
        if not whole or not 1 <= value[0] <= value[1] <= MAX_NGRAM:
            wanted = f"a pair (shortest, longest) from 1 to {MAX_NGRAM}, None or 'auto'"
            raise refuse(name, value, wanted, "(1, 2)")


def names_characters(name: str) -> bool:
    """Whether a feature of this name is a character n-gram; "char:" alone is one of words."""
    return name.startswith(CHAR_PREFIX) and len(name) > len(CHAR_PREFIX)


def show_ngrams(ngrams: Sequence[int] | None, char_ngrams: Sequence[int] | None) -> str:
    """(1, 2), (4, 4) → words 1-2 + characters 4."""
    kinds = (("words", ngrams), ("characters", char_ngrams))
    return " + ".join(
        f"{kind} {pair[0]}" + (f"-{pair[1]}" if pair[1] > pair[0] else "")
        for kind, pair in kinds
        if pair is not None
    )
