"""Hashes counted in partitions: each partition's table fits in cache, and threads share none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen, pages
from textmlr.base.featurizer_options import MANY_FEATURES, MANY_MIN_DF
from textmlr.base.threads import map_blocks
from textmlr.kernels import hash_table as kernels

# Distinct n-grams to a partition, about: their table (20 bytes a slot) then fits in L2 cache.
PARTITION = 1 << 15
PARTITIONS = 16  # to a block of work
MAX_PARTITION_BITS = 12
PASSES = 4
MANY_HASHES = 1 << 21
LINE = 16  # elements of an array

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]
Counts = tuple[Hashes, Numbers, Numbers]


def count_hashes(blocks: Sequence[Hashes], min_df: int | None, threads: int) -> Counts:
    """(hash, place of first occurrence, document frequency) of those in min_df documents.

    With None, where there are more than MANY_FEATURES, some hashes of a single document are left
    out.  A place is a number among the distinct n-grams of all documents, in the order of the
    corpus.

    blocks  the distinct hashes of each document, document by document
    """
    partitions = _Partitions.of(blocks, min_df, threads)
    parts: list[Counts] = []
    for first in range(0, partitions.number, partitions.width):
        partitions.scatter(first, threads)
        parts += map_blocks(partitions.count, partitions.work(first), threads)
    hashes, places, frequencies = zip(*parts, strict=True)
    return np.concatenate(hashes), np.concatenate(places), np.concatenate(frequencies)


@dataclass(slots=True, eq=False)
class _Partitions:
    """Hashes by their top bits; a large corpus takes ``width`` partitions at a time, in the same
    memory.

    sizes   (blocks, partitions)   hashes of each block in each partition
    shift   a hash's partition is the hash >> shift
    hashes, places   of the present partitions, and behind them room for hashes of others
    least   documents that a hash is in at least;  distinct   hashes kept so far
    """

    blocks: Sequence[Hashes]
    min_df: int | None
    sizes: Numbers
    shift: int
    width: int
    hashes: Hashes
    places: NDArray[np.integer]
    least: int
    distinct: int = 0
    scratch: Scratch = field(default_factory=Scratch)

    @classmethod
    def of(cls, blocks: Sequence[Hashes], min_df: int | None, threads: int) -> _Partitions:
        """Make room for the largest ``width`` of them."""
        total = sum(map(len, blocks))
        bits = min(max((total // PARTITION).bit_length(), 1), MAX_PARTITION_BITS)
        shift = 64 - bits

        def measure(block: Hashes) -> Numbers:
            counts = np.zeros(1 << bits, np.int64)
            kernels.partition_sizes(frozen(block), shift, counts)
            return counts

        sizes = np.array(list(map_blocks(measure, blocks, threads))).reshape(-1, 1 << bits)
        width = (1 << bits) // (PASSES if total > MANY_HASHES else 1)
        room = int(sizes.sum(axis=0).reshape(-1, width).sum(axis=1).max())
        # The others' slots lie a cache line apart, since threads write to them all the time.
        hashes = pages(room + LINE * len(blocks), np.uint64)
        places = pages(len(hashes), np.int32 if total < 2**31 else np.int64)
        return cls(blocks, min_df, sizes, shift, width, hashes, places, min_df or 1)

    @property
    def number(self) -> int:
        """The number of partitions."""
        return int(self.sizes.shape[1])

    def scatter(self, first: int, threads: int) -> None:
        """Write the hashes of ``width`` partitions from ``first`` on, with their places."""
        own = self.sizes[:, first : first + self.width]
        # Where each block's share of each partition begins: partitions in order, blocks within.
        begins = (np.cumsum(own.T.ravel()) - own.T.ravel()).reshape(self.width, -1).T
        sizes = [len(block) for block in self.blocks]
        firsts = (np.cumsum(sizes) - sizes).tolist()
        room = len(self.hashes) - LINE * len(sizes)

        def run(block: int) -> None:
            cursor = np.append(begins[block], room + LINE * block)
            hashes = frozen(self.blocks[block])
            kernels.partition(
                hashes, self.shift, first, firsts[block], cursor, self.hashes, self.places
            )

        for _ in map_blocks(run, range(len(sizes)), threads):
            pass

    def work(self, first: int) -> Iterator[Numbers]:
        """The edges of some partitions at a time, in hashes."""
        sizes = self.sizes[:, first : first + self.width].sum(axis=0)
        edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        for i in range(0, self.width, PARTITIONS):
            yield edges[i : i + PARTITIONS + 1]

    def count(self, edges: Numbers) -> Counts:
        """Count the hashes of some of the partitions that are scattered."""
        part = slice(int(edges[0]), int(edges[-1]))
        size = part.stop - part.start
        slots = 4 << int(np.diff(edges).max()).bit_length()
        take = self.scratch.take
        out = (
            take("hashes", size, np.uint64),
            take("places", size, np.int64),
            take("counts", size, np.int64),
        )
        kept = kernels.count_partitions(
            frozen(self.hashes[part]),
            frozen(self.places[part]),
            frozen(edges - edges[0]),
            self.least,
            take("keys", slots, np.uint64),
            take("slots", slots, np.int32),
            *out,
        )
        self.distinct += kept
        if self.min_df is None and self.distinct > MANY_FEATURES:
            self.least = MANY_MIN_DF  # the rest of the rare would only be dropped later
        hashes, places, counts = (array[:kept].copy() for array in out)
        return hashes, places, counts
