"""The largest documents and counts that are taken from files, and what is shown of many labels."""

from __future__ import annotations

MOST_DOCUMENT = 1 << 28  # bytes of a document, line or row: input without an end is refused there
MOST_COUNT = 1 << 62  # documents, features or non-zeros: a larger number does not fit in 64 bits
MANY_LABELS = 1_000  # of more labels the likeliest few are given, unless all are asked for
FEW_SHOWN = 5  # so many of them
