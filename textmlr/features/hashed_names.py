"""Names of hashed columns: in each, the n-gram that occurs most in a sample of documents.

Hashing keeps no vocabulary, and that is its point.  So a few megabytes of the documents are read
once more: ``Census`` sorts their n-grams by column, and finds for each column the n-gram that
occurs most, how many others there are, and its share of all occurrences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.corpus.batch import Batch
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.ngrams import Hasher, TokenPlaces
from textmlr.features.vocabulary import NameSource
from textmlr.kernels import column_numbers


@dataclass(frozen=True, slots=True, eq=False)
class ColumnNames:
    """Names and counts of some hashed columns.

    columns       (m,) int32    ascending
    names         (bytes,) uint8, name_offsets (m + 1,) int64   as in Vocabulary
    others        (m,) int32    other n-grams of the sample that fall into the column
    shares        (m,) float32  of the named one among the occurrences of all of them, above 0
    frequencies   (m,) int32    documents of the training corpus that have the column
    totals        (m,) float32  Σ f(x) over the training corpus
    """

    columns: NDArray[np.int32]
    names: NDArray[np.uint8]
    name_offsets: NDArray[np.int64]
    others: NDArray[np.int32]
    shares: NDArray[np.float32]
    frequencies: NDArray[np.int32]
    totals: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.columns)

    def name(self, i: int) -> str:
        """The n-gram that the i-th of them is named after."""
        first, last = self.name_offsets[i], self.name_offsets[i + 1]
        return self.names[first:last].tobytes().decode()

    def by_column(self, width: int) -> list[str]:
        """The label of each of V columns, empty where it has no name."""
        found = [""] * width
        for i, column in enumerate(self.columns.tolist()):
            found[column] = self.label(i)
        return found

    def label(self, i: int) -> str:
        """The name of the i-th of them, with what shares the column: "good (+2 others)"."""
        return shared_name(self.name(i), int(self.others[i]))


def shared_name(name: str, others: int) -> str:
    """A column's name, with the number of other n-grams that fall into it if there are any."""
    return f"{name} (+{others} other{'s' if others > 1 else ''})" if others else name


@dataclass(frozen=True, slots=True, eq=False)
class Census:
    """The n-grams of a sample by the numbers of their columns, of the first so many columns.

    hasher, blocks   that made them
    offsets, tokens  of each block: where each document's n-grams begin, and where its tokens lie
    places  (c,) int64  where the n-gram that occurs most stands among all, −1 for none
    counts  (c,) int32  how often it occurs, ties being the first's
    distinct (c,) int32  how many different ones there are
    sizes   (c,) int64  how many in all
    """

    hasher: Hasher
    blocks: Sequence[Batch]
    offsets: Sequence[NDArray[np.int64]]
    tokens: Sequence[TokenPlaces]
    places: NDArray[np.int64]
    counts: NDArray[np.int32]
    distinct: NDArray[np.int32]
    sizes: NDArray[np.int64]

    @classmethod
    def of(
        cls, blocks: Sequence[Batch], hasher: Hasher, columns: HashedColumns, bias: int, most: int
    ) -> Census:
        """Count the n-grams of blocks that fall into the columns of numbers below ``most``."""
        width = len(columns.numbers) - bias
        edges = np.zeros(most + 1, np.int64)
        grams, numbers, offsets, tokens = [], [], [], []
        for block in blocks:
            hashes, own_offsets, own_tokens = hasher.placed(block)
            own = np.empty(len(hashes), np.int32)
            column_numbers.number_columns(
                frozen(hashes), bias, width, frozen(columns.numbers), own, edges[1:]
            )
            grams.append(hashes)
            numbers.append(own)
            offsets.append(own_offsets)
            tokens.append(own_tokens)
        sizes = edges[1:].copy()
        np.cumsum(edges, out=edges)
        sorted_grams = np.empty(edges[-1], np.uint64)
        sorted_places = np.empty(edges[-1], np.int64)
        cursor, first = edges[:-1].copy(), 0
        for hashes, own in zip(grams, numbers, strict=True):
            column_numbers.sort_by_column(
                frozen(hashes), frozen(own), first, cursor, sorted_grams, sorted_places
            )
            first += len(hashes)
        longest = int(sizes.max(initial=0))
        places, counts, distinct = np.empty(most, np.int64), *np.empty((2, most), np.int32)
        column_numbers.heaviest(
            frozen(sorted_grams),
            frozen(sorted_places),
            frozen(edges),
            np.zeros(4 << longest.bit_length(), np.int32),
            np.zeros(longest, np.int32),
            places,
            counts,
            distinct,
        )
        return cls(hasher, blocks, offsets, tokens, places, counts, distinct, sizes)

    def names(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """(names, name_offsets) of columns that have n-grams, by number, in any order."""
        places = self.places[numbers]
        by_place = np.argsort(places)
        ordered = places[by_place]
        ends = np.cumsum([0, *(int(offsets[-1]) for offsets in self.offsets)])
        edges = np.searchsorted(ordered, ends)
        pieces = []
        for i, (first, last) in enumerate(pairwise(edges.tolist())):
            if first < last:
                own = ordered[first:last] - ends[i]
                documents = np.searchsorted(self.offsets[i], own, side="right") - 1
                inside = own - self.offsets[i][documents]
                pieces.append((self.blocks[i], self.tokens[i], documents, inside))
        order = np.empty_like(by_place)
        order[by_place] = np.arange(len(by_place))
        return NameSource(self.hasher, pieces, order).names(1)
