"""The largest documents and counts that are taken from files."""

from __future__ import annotations

MOST_DOCUMENT = 1 << 28  # bytes of a document, line or row: input without an end is refused there
MOST_COUNT = 1 << 62  # documents, features or non-zeros: a larger number does not fit in 64 bits
