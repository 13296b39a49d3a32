"""Hashes → numbers, counted as they come, in a table that stays within a given memory.

While all distinct hashes find room, their counts are exact.  Beyond that the rarest are taken out
from time to time: a hash may then have been in up to ``missed`` documents more than it is counted
in, and every hash that is in more documents than that is still there (Manku and Motwani,
Approximate frequency counts over data streams, VLDB 2002, lossy counting).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen, pages
from textmlr.base.feature_bounds import FeatureBounds
from textmlr.base.featurizer_options import MANY_FEATURES, MANY_MIN_DF
from textmlr.kernels import disk_words as kernels

SLOT = 16  # bytes
LEAST_SLOTS = 1 << 16
MOST_SLOTS = 1 << 28  # numbers stay below 2^28, which leaves four bits of a word for a count
LOAD = 0.75  # the largest share of slots in use
TALLIED = 1 << 16  # different counts, when the rarest are to be found


@dataclass(frozen=True, slots=True, eq=False)
class HashCounts:
    """The hashes of all documents, ordered by descending frequency, then by number.

    hashes      (v,) uint64;  frequencies (v,) int64   documents that each is counted in
    numbers     (c,) int32    place of each number among these, −1 where it is not there
    born        (c,) int32    the period each number was last given in; (0,): always the first
    distinct    hashes there were at the end, those too rare among them
    eligible    of these, hashes that are not too rare
    missed      documents that a frequency may be too low by; 0: it is exact
    """

    hashes: NDArray[np.uint64]
    frequencies: NDArray[np.int64]
    numbers: NDArray[np.int32]
    born: NDArray[np.int32]
    distinct: int
    eligible: int
    missed: int


class Interner:
    """The table.

    period  times that the rarest were taken out
    """

    def __init__(self, memory: int | None) -> None:
        """memory  bytes that the table may take, None for all it needs"""
        self._most_slots = LEAST_SLOTS if memory is not None else MOST_SLOTS
        memory = memory or 0
        while 2 * self._most_slots * SLOT <= memory and self._most_slots < MOST_SLOTS:
            self._most_slots *= 2
        self._table = pages(2 * LEAST_SLOTS, np.uint64)
        self._state = np.zeros(4, np.int64)
        self._spare = np.zeros(0, np.int32)
        self._born = np.zeros(0, np.int32)
        self._floors = [0]
        self.period = 0

    @property
    def _room(self) -> int:
        return int(LOAD * (len(self._table) // 2))

    def crowded(self, size: int) -> bool:
        """Whether ``settle`` is due: the table may lack room for so many more hashes, and cannot
        grow."""
        while self._state[kernels.ENTRIES] + size > self._room:
            if not self._grow():
                return True
        return False

    def intern(self, hashes: NDArray[np.uint64], documents: int) -> NDArray[np.int32]:
        """Count the hashes of some documents, and give the number of each, −1 where the table has
        no room left."""
        numbers = np.empty(len(hashes), np.int32)
        before = int(self._state[kernels.MISSED])
        kernels.intern(
            frozen(hashes),
            self._table,
            self._room,
            frozen(self._spare),
            self._born,
            self.period,
            self._state,
            numbers,
        )
        if self._state[kernels.MISSED] > before:
            # Each of these documents may have had a hash that was not counted.
            self._floors = [floor + documents for floor in self._floors]
        return numbers

    def settle(self) -> None:
        """Take out the rarest half of the hashes; their numbers are given again.

        A number that is kept means nothing without the period it was given in: ``HashCounts.born``.
        """
        counts = np.zeros(TALLIED, np.int64)
        floors = np.array(self._floors, np.int64)
        kernels.tally(frozen(self._table), frozen(self._born), frozen(floors), counts)
        half = int(self._state[kernels.ENTRIES]) // 2
        bound = min(int(np.searchsorted(np.cumsum(counts), half)), TALLIED - 2)
        going = int(counts[: bound + 1].sum())
        left = self._spare[: int(self._state[kernels.SPARE])]
        spare = np.concatenate([left, np.zeros(going, np.int32)])
        own = spare[len(left) :]
        taken = kernels.prune(self._table, frozen(self._born), frozen(floors), bound, own)
        if not len(self._born):
            self._born = np.zeros(self._room + 1, np.int32)
        self._spare = spare
        self._state[kernels.SPARE] = len(left) + taken
        self._state[kernels.ENTRIES] -= taken
        self._floors.append(max(bound, *self._floors))
        self.period += 1

    def _grow(self) -> bool:
        if len(self._table) // 2 >= self._most_slots:
            return False
        larger = pages(2 * len(self._table), np.uint64)
        kernels.move(frozen(self._table), larger)
        self._table = larger
        return True

    def counted(self, bounds: FeatureBounds) -> HashCounts:
        """The counts of those within the bounds; the table is lost."""
        distinct = int(self._state[kernels.ENTRIES])
        least, most, size = bounds
        if least is None:
            least = MANY_MIN_DF if distinct > MANY_FEATURES else 1
        counts, one = np.zeros(TALLIED, np.int64), np.zeros(1, np.int64)
        kernels.tally(frozen(self._table), frozen(np.zeros(0, np.int32)), frozen(one), counts)
        above = np.cumsum(counts[::-1])[::-1]  # hashes of so many documents or more
        eligible = int(above[min(least, TALLIED - 1)])
        if size is not None:  # rarer hashes cannot be among them
            frequent = 0 if most is None else int(above[min(most + 1, TALLIED - 1)])
            least = max(least, int(np.count_nonzero(above >= size + frequent)) - 1)
        room = int(above[min(least, TALLIED - 1)])
        hashes, numbers = np.empty(room, np.uint64), np.empty(room, np.int32)
        frequencies = np.empty(room, np.int64)
        found = kernels.extract(frozen(self._table), least, hashes, numbers, frequencies)
        self._table = pages(2, np.uint64)
        hashes, numbers, frequencies = hashes[:found], numbers[:found], frequencies[:found]
        if most is not None:
            few = frequencies <= most
            eligible -= int(np.count_nonzero(~few))
            hashes, numbers, frequencies = hashes[few], numbers[few], frequencies[few]
        # By descending frequency, then by number, in one key.
        key = (frequencies.max(initial=0) - frequencies) << 32
        order = np.argsort(key | numbers)[:size]
        places = np.full(int(self._state[kernels.NEXT]), -1, np.int32)
        places[numbers[order]] = np.arange(len(order), dtype=np.int32)
        return HashCounts(
            hashes[order],
            frequencies[order],
            places,
            self._born,
            distinct,
            eligible,
            max(self._floors),
        )
