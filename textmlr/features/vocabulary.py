"""Vocabulary: the hashes that are features, their numbers, names and document frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.feature_bounds import FeatureBounds
from textmlr.base.featurizer_options import MANY_FEATURES, MANY_MIN_DF
from textmlr.base.string_blobs import strings_of
from textmlr.base.threads import map_blocks
from textmlr.corpus.batch import Batch
from textmlr.features.ngrams import HashedBlock, Hasher, TokenPlaces
from textmlr.features.partitions import count_hashes
from textmlr.kernels import hash_table as kernels
from textmlr.kernels import text_spans

LOWER_BITS = 1 << 20  # patterns; a short document's hashes have few of them

NAMELESS = np.zeros(0, np.uint8), np.zeros(1, np.int64)
Piece = tuple[Batch, TokenPlaces, NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The kept features, by descending document frequency, ties by first occurrence; then those of
    each update, which are ordered alike among themselves.

    hashes        (v,) uint64, none twice
    frequencies   (v,) int64    documents each occurs in
    names         (bytes,) uint8   the names one after the other, UTF-8; none until named
    name_offsets  (v + 1,) int64   name i is names[name_offsets[i]:name_offsets[i + 1]]
    totals        (v,) float32   Σ f(x) over the training corpus; None where there was none
    A feature known by its hash alone (``silence``) has frequency and total 0 and the empty name.
    """

    hashes: NDArray[np.uint64]
    frequencies: NDArray[np.int64]
    names: NDArray[np.uint8]
    name_offsets: NDArray[np.int64]
    totals: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.hashes)

    def __repr__(self) -> str:
        return f"<vocabulary of {len(self):,} features: .name_list(), .frequencies>"

    def name_list(self) -> list[str]:
        """All names, in order."""
        return strings_of(self.names, self.name_offsets)

    def take(self, kept: NDArray[np.int64]) -> Vocabulary:
        """Some of the features (numbers, ascending)."""
        start, stop = self.name_offsets[kept], self.name_offsets[kept + 1]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(stop - start)])
        names = np.empty(offsets[-1], np.uint8)
        text_spans.gather(frozen(self.names), frozen(start), frozen(stop), names)
        totals = None if self.totals is None else self.totals[kept]
        return Vocabulary(self.hashes[kept], self.frequencies[kept], names, offsets, totals)

    def followed_by(self, more: Vocabulary) -> Vocabulary:
        """These features, then those of another vocabulary that has none of them."""
        return Vocabulary(
            np.concatenate([self.hashes, more.hashes]),
            np.concatenate([self.frequencies, more.frequencies]),
            np.concatenate([self.names, more.names]),
            np.concatenate([self.name_offsets, self.name_offsets[-1] + more.name_offsets[1:]]),
        )

    def silence(self, kept: NDArray[np.int64]) -> Vocabulary:
        """All features; only ``kept`` (numbers, ascending) stay named, the others are hashes
        alone."""
        own = self.take(kept)
        return Vocabulary.partly_named(
            self.hashes, kept, own.frequencies, own.names, own.name_offsets, own.totals
        )

    def look_up(self, asked: NDArray[np.uint64], first_id: int, out: NDArray[np.int32]) -> None:
        """Write first_id + the number of each hash that is asked for to out, −1 if it has none.

        It makes no HashTable of all features: where few hashes are asked for, a look at the lower
        bits passes over nearly all others.

        asked (m,) uint64   out (m,) int32, which may lie in the same memory
        """
        low = np.uint64(LOWER_BITS - 1)
        seen = np.zeros(LOWER_BITS, np.bool_)
        seen[asked & low] = True
        numbers = np.flatnonzero(seen[self.hashes & low])
        numbers = numbers[np.argsort(self.hashes[numbers])]
        if not len(numbers):
            out[:] = -1
            return
        known = self.hashes[numbers]
        at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        out[:] = np.where(known[at] == asked, numbers[at] + first_id, -1)

    @classmethod
    def partly_named(
        cls,
        hashes: NDArray[np.uint64],
        kept: NDArray[np.int64],
        frequencies: NDArray[np.int64],
        names: NDArray[np.uint8],
        name_offsets: NDArray[np.int64],
        totals: NDArray[np.float32] | None,
    ) -> Vocabulary:
        """Build from all hashes, and the counts and names of some features (numbers, ascending)."""
        counts, lengths = np.zeros(len(hashes), np.int64), np.zeros(len(hashes) + 1, np.int64)
        counts[kept] = frequencies
        lengths[kept + 1] = np.diff(name_offsets)
        whole = None
        if totals is not None:
            whole = np.zeros(len(hashes), np.float32)
            whole[kept] = totals
        return cls(hashes, counts, names, np.cumsum(lengths), whole)


@dataclass(frozen=True, slots=True, eq=False)
class HashTable:
    """Open addressing from hash to column.

    slots (s,) uint64, hashes (v,) uint64   see kernels.hash_table.fill_table; both read-only
    first_id   column of hashes[0]
    """

    slots: NDArray[np.uint64]
    hashes: NDArray[np.uint64]
    first_id: int

    @classmethod
    def of(cls, hashes: NDArray[np.uint64], first_id: int) -> HashTable:
        """hashes[i] → first_id + i; half the slots at least stay empty."""
        slots = np.zeros(2 << len(hashes).bit_length(), np.uint64)
        kernels.fill_table(frozen(hashes), slots)
        return cls(frozen(slots), frozen(hashes), first_id)

    def look_up(self, hashes: NDArray[np.uint64], out: NDArray[np.int32]) -> None:
        """Write the column of each hash to out, −1 if it has none."""
        kernels.look_up(frozen(hashes), self.slots, self.hashes, self.first_id, out)


@dataclass(frozen=True, slots=True, eq=False)
class NameSource:
    """The places to read the names of a vocabulary's features: where each first occurs.

    hasher   that made the n-grams
    pieces   for some blocks, in order: the block, where its tokens lie, and of each feature that
             first occurs in it the numbers of its document and of the n-gram in that
    order    (v,) int64   number of feature i in the order of first occurrence
    """

    hasher: Hasher
    pieces: Sequence[Piece]
    order: NDArray[np.int64]

    def names(self, threads: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """(names, name_offsets) of the Vocabulary, read from the text once more: keeping the text
        of every n-gram until it is known which are features would cost more."""

        def name(piece: Piece) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
            return self.hasher.name(*piece)

        blobs, stops, size = [np.zeros(0, np.uint8)], [np.zeros(0, np.int64)], 0
        for blob, ends in map_blocks(name, self.pieces, threads):
            blobs.append(blob)
            stops.append(ends + size)
            size += len(blob)
        stop = np.concatenate(stops)
        start = np.concatenate([np.zeros(1, np.int64), stop])[:-1]
        start, stop = start[self.order], stop[self.order]
        names = np.empty(size, np.uint8)
        text_spans.gather(frozen(np.concatenate(blobs)), frozen(start), frozen(stop), names)
        return names, np.concatenate([np.zeros(1, np.int64), np.cumsum(stop - start)])


def build(
    hashed: Sequence[HashedBlock],
    blocks: Sequence[Batch],
    hasher: Hasher,
    bounds: FeatureBounds,
    threads: int,
) -> tuple[Vocabulary, NameSource]:
    """The vocabulary of hashed blocks, still without names, and the source of its names.

    hashed[i] is hasher.hash(blocks[i]).
    """
    least, most_df, size = bounds
    hashes, places, frequencies = count_hashes([block.hashes for block in hashed], least, threads)
    if least is None and len(hashes) > MANY_FEATURES:  # some of which are gone already
        several = frequencies >= MANY_MIN_DF
        hashes, places, frequencies = hashes[several], places[several], frequencies[several]
    if most_df is not None:
        few = frequencies <= most_df
        hashes, places, frequencies = hashes[few], places[few], frequencies[few]
    # By descending frequency, then by place, in one key: places are below 2^bits.
    bits = sum(len(block.hashes) for block in hashed).bit_length()
    most = int(frequencies.max(initial=0))
    order = np.argsort(((most - frequencies) << bits) | places)[:size]
    source = _name_source(hashed, blocks, hasher, places[order])
    return Vocabulary(hashes[order], frequencies[order], *NAMELESS), source


def _name_source(
    hashed: Sequence[HashedBlock],
    blocks: Sequence[Batch],
    hasher: Hasher,
    places: NDArray[np.int64],
) -> NameSource:
    """The source of the names of features that first occur at ``places`` (see ``partitions``)."""
    by_place = np.argsort(places)
    ordered = places[by_place]
    ends = np.cumsum([len(block.hashes) for block in hashed], dtype=np.int64)
    edges = np.searchsorted(ordered, ends)
    pieces = []
    for i in np.flatnonzero(np.diff(edges, prepend=0)).tolist():
        here, block = hashed[i], blocks[i]
        wanted = ordered[edges[i - 1] if i else 0 : edges[i]] - (ends[i] - here.offsets[-1])
        documents = np.searchsorted(here.offsets, wanted, side="right") - 1
        pieces.append((block, here.tokens, documents, here.places[wanted].astype(np.int64)))
    order = np.empty_like(by_place)
    order[by_place] = np.arange(len(by_place))
    return NameSource(hasher, pieces, order)
