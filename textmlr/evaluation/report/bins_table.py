"""The bins of a reliability diagram as a table of a report."""

from __future__ import annotations

from collections.abc import Sequence

from textmlr.base.web_page import details, table
from textmlr.evaluation.reliability import Bin
from textmlr.evaluation.report.images import spread


def bins_table(bins: Sequence[Bin], what: str) -> str:
    """A row a bin, folded away;  what  is counted in the bins, in the plural."""
    heads = ("probability", what, "mean probability", "right", "95 % interval")
    rows = [
        (
            f"{b.above:.3f} to {b.up_to:.3f}",
            f"{b.documents:,}",
            f"{b.probability:.1%}",
            f"{b.accuracy:.1%}",
            spread(b.interval, percent=True),
        )
        for b in bins
    ]
    return details("The bins as a table", table(heads, rows))
