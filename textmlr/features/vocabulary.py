"""Vocabulary: which hashes are features, their numbers, names and document frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from textmlr.arrays import frozen
from textmlr.corpus.batch import Batch
from textmlr.features.hashing import Hashed, Hasher
from textmlr.kernels import intern as kernels
from textmlr.kernels import text as text_kernels
from textmlr.options import MANY_FEATURES
from textmlr.parallel import map_blocks

# Distinct n-grams to a partition, about: their table (20 bytes a slot) then fits in L2 cache.
PARTITION = 1 << 15
MAX_PARTITION_BITS = 12

Counts = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The kept features, by descending document frequency, ties by first occurrence.

    hashes        (v,) uint64, none twice
    frequencies   (v,) int64    documents each occurs in
    names         (bytes,) uint8   the names one after the other, UTF-8
    name_offsets  (v + 1,) int64   name i is names[name_offsets[i]:name_offsets[i + 1]]
    """

    hashes: NDArray[np.uint64]
    frequencies: NDArray[np.int64]
    names: NDArray[np.uint8]
    name_offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.hashes)

    def name_list(self) -> list[str]:
        """All names, in order."""
        blob = self.names.tobytes()
        ends = self.name_offsets.tolist()
        return [blob[i:j].decode() for i, j in pairwise(ends)]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Open addressing from hash to column.

    keys (s,) uint64, ids (s,) int32
    """

    keys: NDArray[np.uint64]
    ids: NDArray[np.int32]

    @classmethod
    def of(cls, hashes: NDArray[np.uint64], first_id: int) -> Table:
        """hashes[i] → first_id + i; half the slots at least stay empty."""
        slots = 2 << len(hashes).bit_length()
        keys = np.zeros(slots, np.uint64)
        ids = np.empty(slots, np.int32)
        kernels.fill_table(frozen(hashes), first_id, keys, ids)
        return cls(keys, ids)

    def look_up(self, hashes: NDArray[np.uint64], out: NDArray[np.int32]) -> None:
        """Write the column of each hash to out, −1 if it has none."""
        kernels.look_up(frozen(hashes), frozen(self.keys), frozen(self.ids), out)


@dataclass(frozen=True, slots=True, eq=False)
class SortedIndex:
    """From hash to number by bisection: slower than a Table, but nothing has to be built.

    hashes (v,) uint64, ascending; ids (v,) int32: the feature of each, counted from 0
    """

    hashes: NDArray[np.uint64]
    ids: NDArray[np.int32]

    @classmethod
    def of(cls, hashes: NDArray[np.uint64]) -> SortedIndex:
        """hashes[i] → i."""
        order = np.argsort(hashes)
        return cls(hashes[order], order.astype(np.int32))

    def look_up(self, hashes: NDArray[np.uint64], first_id: int, out: NDArray[np.int32]) -> None:
        """Write first_id + number of each hash to out, −1 if it has none."""
        out[:] = -1
        if len(self.hashes):
            at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
            found = self.hashes[at] == hashes
            out[found] = self.ids[at[found]] + first_id


def build(
    hashed: Sequence[Hashed],
    blocks: Sequence[Batch],
    hasher: Hasher,
    *,
    min_df: int | None,
    max_features: int | None,
    threads: int,
) -> Vocabulary:
    """The vocabulary of hashed blocks.

    hashed[i] is hasher.hash(blocks[i]).  Hashes are scattered to partitions by their top bits,
    so that each partition's table fits in cache and threads share none.
    """
    hashes, places, frequencies = _count(hashed, min_df or 1, threads)
    if min_df is None and len(hashes) > MANY_FEATURES:
        several = frequencies > 1
        hashes, places, frequencies = hashes[several], places[several], frequencies[several]
    order = np.lexsort((places, -frequencies))[:max_features]
    places = places[order]
    names, name_offsets = _names(hashed, blocks, hasher, places, threads)
    return Vocabulary(hashes[order], frequencies[order], names, name_offsets)


def _count(hashed: Sequence[Hashed], min_df: int, threads: int) -> Counts:
    """(hash, place of first occurrence, document frequency) of those in min_df documents."""
    sizes = np.array([len(block.hashes) for block in hashed], np.int64)
    total = int(sizes.sum())
    bits = min(max((total // PARTITION).bit_length(), 1), MAX_PARTITION_BITS)
    shift = 64 - bits

    def measure(block: Hashed) -> NDArray[np.int64]:
        counts = np.zeros(1 << bits, np.int64)
        kernels.partition_sizes(frozen(block.hashes), shift, counts)
        return counts

    by_block = np.array(list(map_blocks(measure, hashed, threads))).reshape(-1, 1 << bits)
    # Where each block's share of each partition begins: partitions in order, blocks within.
    flat = np.cumsum(by_block.T.ravel())
    begins = np.concatenate([np.zeros(1, np.int64), flat])[:-1].reshape(1 << bits, -1).T
    edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(by_block.sum(axis=0))])
    firsts = np.cumsum(sizes) - sizes
    scattered = np.empty(total, np.uint64)
    scattered_places = np.empty(total, np.int64)

    def scatter(block: int) -> None:
        cursor = np.ascontiguousarray(begins[block])
        kernels.partition(
            frozen(hashed[block].hashes), shift, int(firsts[block]), cursor,
            scattered, scattered_places,
        )  # fmt: skip

    for _ in map_blocks(scatter, range(len(hashed)), threads):
        pass

    def count(p: int) -> Counts:
        part = slice(int(edges[p]), int(edges[p + 1]))
        size = part.stop - part.start
        slots = 2 << size.bit_length()
        found_hashes = np.empty(size, np.uint64)
        found_places = np.empty(size, np.int64)
        found_counts = np.empty(size, np.int64)
        found = kernels.count(
            frozen(scattered[part]), frozen(scattered_places[part]), np.zeros(slots, np.uint64),
            np.empty(slots, np.int32), found_hashes, found_places, found_counts,
        )  # fmt: skip
        kept = np.flatnonzero(found_counts[:found] >= min_df)
        return found_hashes[kept], found_places[kept], found_counts[kept]

    parts = list(map_blocks(count, range(1 << bits), threads))
    hashes, places, frequencies = zip(*parts, strict=True)
    return np.concatenate(hashes), np.concatenate(places), np.concatenate(frequencies)


def _names(
    hashed: Sequence[Hashed],
    blocks: Sequence[Batch],
    hasher: Hasher,
    places: NDArray[np.int64],
    threads: int,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Names of the features that first occur at ``places``: (blob, offsets).

    A place is a number among all documents' distinct n-grams, in the order of the corpus.  Only
    blocks where some feature first occurs are tokenised again.
    """
    by_place = np.argsort(places, kind="stable")
    ordered = places[by_place]
    ends = np.cumsum([len(block.hashes) for block in hashed], dtype=np.int64)
    edges = np.searchsorted(ordered, ends)

    def name(block: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        wanted = ordered[edges[block - 1] if block else 0 : edges[block]]
        offsets = hashed[block].offsets
        wanted = wanted - (ends[block] - offsets[-1])
        documents = np.searchsorted(offsets, wanted, side="right") - 1
        return hasher.name(blocks[block], documents, wanted - offsets[documents])

    touched = np.flatnonzero(np.diff(edges, prepend=0))
    blobs, stops, size = [], [np.zeros(0, np.int64)], 0
    for blob, block_ends in map_blocks(name, touched.tolist(), threads):
        blobs.append(blob)
        stops.append(block_ends + size)
        size += len(blob)
    stop = np.concatenate(stops)
    start = np.concatenate([np.zeros(1, np.int64), stop])[:-1]
    to = np.empty_like(by_place)
    to[by_place] = np.arange(len(by_place))
    start, stop = start[to], stop[to]
    names = np.empty(size, np.uint8)
    blob = np.concatenate(blobs) if blobs else np.zeros(0, np.uint8)
    text_kernels.gather(frozen(blob), frozen(start), frozen(stop), names)
    return names, np.concatenate([np.zeros(1, np.int64), np.cumsum(stop - start)])
