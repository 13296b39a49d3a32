"""Obviously right twins of kernels/merged_rows.py."""

from __future__ import annotations

import math


def merged(old, new, is_open):
    """Rows of {label: (old sum, new sum, learnt)} of two lists of rows: {label: (sum, learnt)} and
    {label: sum}; a row that is not open takes nothing new."""
    rows = []
    for before, after, takes in zip(old, new, is_open, strict=True):
        more = after if takes else {}
        rows.append(
            {
                label: (*before.get(label, (0.0, 0.0))[:1], more.get(label, 0.0),
                        before.get(label, (0.0, 0.0))[1])
                for label in sorted({*before, *more})
            }
        )  # fmt: skip
    return rows


def neighbours(value, unit, powers):
    """The numbers unit · power · 2^k next to a value, below (or at it) and above."""
    octave = math.floor(math.log2(value / unit))
    grid = [unit * p * 2.0**k for k in (octave - 1, octave, octave + 1) for p in powers]
    low = max(one for one in grid if one <= value * (1 + 1e-12))
    return low, min(one for one in grid if one > low)
