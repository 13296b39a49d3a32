"""Names of features, as people read them."""

from __future__ import annotations

from textmlr.base.ngram_lengths import CHAR_PREFIX

SPACE_SIGN = "␣"  # for the spaces that character n-grams pad words with


def readable(name: str) -> str:
    """The name of a feature, the spaces in character n-grams shown."""
    return name.replace(" ", SPACE_SIGN) if name.startswith(CHAR_PREFIX) else name


def is_phrase(name: str) -> bool:
    """Whether a feature is an n-gram of several words."""
    return " " in name and not name.startswith(CHAR_PREFIX)
