"""Regular expressions that say what a token is."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any, Final

from textmlr.base.option_errors import OptionError, Sentence, literal, refuse
from textmlr.base.options import Kind

W_PATTERN: Final = r"\w+"  # the one pattern that kernels know


class TokenPattern(Kind):
    r"""A regular expression of Python's re, with a group at most: that of the token.

    >>> TokenPattern().check("token_pattern", r"(?u)\b\w\w+\b")
    """

    written = "A regular expression of Python. "
    typed = r", a regular expression of Python such as '\w+'."

    def check(self, name: str, value: Any) -> None:
        """Raise InputError, which says where, for what is no regular expression, and for one that
        finds nothing or has several groups."""
        if not isinstance(value, str):
            raise refuse(name, value, "a regular expression", r"r'\w+'")
        try:
            pattern = compiled(value)
        except (re.error, OverflowError, RecursionError) as error:
            at = getattr(error, "pos", None)
            place = "" if at is None else f" at character {at + 1}"
            said = str(getattr(error, "msg", "") or error)
            why = f"{{{name}}} is not a regular expression: {literal(said)}{place}"
            raise OptionError(name, Sentence(why, {name: value})) from None
        if pattern.groups > 1:
            problem = Sentence(f"{{{name}}} has {pattern.groups} groups", {name: value})
            mend = Sentence("leave one at most, that of the token; write the others as (?:…)")
            raise OptionError(name, problem, mend)


@lru_cache(maxsize=16)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a later Python will read otherwise
        return re.compile(pattern)
