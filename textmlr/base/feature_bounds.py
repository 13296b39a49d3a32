"""Which n-grams become features, by the documents that they are in."""

from __future__ import annotations

import math
from typing import NamedTuple

from textmlr.base.option_errors import OptionError, Sentence


class FeatureBounds(NamedTuple):
    """Which n-grams become features, by numbers of documents.

    least  the fewest documents of a feature; None: 1, or MANY_MIN_DF where there are more than
           MANY_FEATURES
    most   the most documents of a feature; None: no bound
    size   the number of features at most, those of the most documents; None: no bound
    """

    least: int | None
    most: int | None
    size: int | None


def check_bounds(min_df: float | None, max_df: float | None) -> None:
    """Raise OptionError for two numbers, or two shares, that no feature is between."""
    if min_df is None or max_df is None or type(min_df) is not type(max_df):
        return
    if max_df < min_df:
        values = {"min_df": min_df, "max_df": max_df}
        raise OptionError(
            "max_df",
            Sentence("{max_df} is below {min_df}, which leaves no features", values),
            Sentence("raise {max_df:name}, or lower {min_df:name}"),
        )


def bounds_of(
    min_df: float | None, max_df: float | None, size: int | None, documents: int
) -> FeatureBounds:
    """The bounds in a corpus of so many documents.

    Shares, which are floats, mean what they mean to scikit-learn: a feature of d documents of n is
    kept if min_df·n <= d <= max_df·n.

    >>> bounds_of(0.25, 1.0, None, 10)
    FeatureBounds(least=3, most=10, size=None)
    """
    least = max(1, math.ceil(min_df * documents)) if isinstance(min_df, float) else min_df
    most = math.floor(max_df * documents) if isinstance(max_df, float) else max_df
    return FeatureBounds(None if least is None else int(least), most, size)


def nothing_between(
    min_df: float | None, max_df: float | None, bounds: FeatureBounds, documents: int
) -> OptionError:
    """The error of bounds that no number of documents is between."""
    low = "" if min_df is None else f", and {{min_df}} {bounds.least:,}"
    return OptionError(
        "max_df",
        Sentence(
            f"{{max_df}} is {bounds.most:,} of {documents:,} documents{low}, which leaves no "
            "features",
            {"min_df": min_df, "max_df": max_df},
        ),
        Sentence("raise {max_df:name}"),
    )
