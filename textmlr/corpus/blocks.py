"""Blocks of documents: what one thread takes at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from textmlr.corpus.batch import Batch

# Enough text to make a call worth its cost, little enough that its tokens stay in cache.
BLOCK_BYTES = 1 << 19


GIANT_BYTES = 1 << 22  # longer documents are blocks of their own, and read in pieces


def blocks_of(
    batches: Sequence[Batch], size: int = BLOCK_BYTES, most: int | None = None
) -> Iterator[Batch]:
    """Cut batches into blocks of about so many bytes of whole documents, in order; a document of
    over GIANT_BYTES is one by itself.

    most  documents to a block, None for any number
    """
    for batch in batches:
        sizes = batch.stops - batch.starts
        ends = np.cumsum(sizes)
        giants = [*np.flatnonzero(sizes > GIANT_BYTES).tolist(), len(batch)]
        first = 0
        while first < len(batch):
            before = int(ends[first - 1]) if first else 0
            last = int(np.searchsorted(ends, before + size)) + 1
            if giants[0] == first:
                last = giants.pop(0) + 1
            last = min(last, giants[0], first + (most or len(batch)))
            yield Batch(batch.text, batch.starts[first:last], batch.stops[first:last])
            first = last


def is_giant(block: Batch) -> bool:
    """Whether a block has a document of over GIANT_BYTES."""
    return len(block) > 0 and int((block.stops - block.starts).max()) > GIANT_BYTES
