"""The dictionary of a fastText model: its words, and the buckets of its n-grams."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.base.string_blobs import strings_of
from textmlr.kernels import fasttext_words as kernels
from textmlr.kernels.fasttext_words import FastTextReading, FastTextWords

LABEL_PREFIX = "__label__"  # with which fastText tells a label, whatever it was trained with
END_OF_TEXT = b"</s>"
ROWS = 1 << 15  # rows that are read at a time
LONG = 256  # bytes of a word; few are longer, and they are hashed one by one


@dataclass(frozen=True, eq=False)
class FastTextDictionary:
    """The entries of a fastText model, and how it makes rows of text.

    names   (b,) uint8   the entries one after the other, words first and then labels
    bounds  (e + 1,) int64   entry i is names[bounds[i]:bounds[i + 1]]
    words   number of words, which are the first rows
    ngrams  the most words of an n-gram, 1 for none
    least, most   characters of an n-gram inside a word; most is 0 for none
    buckets number of buckets of n-grams
    kept    (k,) int32   the bucket of each row behind the words, none twice; None: they are all
                         rows, in order
    """

    names: NDArray[np.uint8]
    bounds: NDArray[np.int64]
    words: int
    ngrams: int
    least: int
    most: int
    buckets: int
    kept: NDArray[np.int32] | None

    @property
    def has_ngrams(self) -> bool:
        """Whether there are rows besides those of words."""
        return self.ngrams > 1 or self.most > 0

    @property
    def rows(self) -> int:
        """V."""
        if self.kept is not None:
            return self.words + len(self.kept)
        return self.words + (self.buckets if self.has_ngrams else 0)

    @cached_property
    def end(self) -> int:
        """The row of </s>, which ends every text; −1 if it has none."""
        size, data = len(END_OF_TEXT), self.names
        own = np.flatnonzero(np.diff(self.bounds[: self.words + 1]) == size)
        places = self.bounds[own][:, None] + np.arange(size)
        same = (data[places] == np.frombuffer(END_OF_TEXT, np.uint8)).all(axis=1)
        return int(own[same][0]) if same.any() else -1

    @cached_property
    def arrays(self) -> FastTextWords:
        """The dictionary as kernels take it."""
        numbers = np.arange(len(self.bounds) - 1)
        slots = _table(numbers, entry_hashes(self.names, self.bounds))
        table, rows = np.zeros(0, np.int32), np.zeros(0, np.int32)
        if self.kept is not None:
            places = _table(np.arange(len(self.kept)), self.kept.astype(np.uint64))
            free = places < 0
            padded = np.append(self.kept, np.int32(-1))  # a free slot's number is −1
            table = padded[places]
            rows = np.where(free, -1, places + self.words).astype(np.int32)
        shape = np.zeros(kernels.SHAPE, np.int64)
        shape[kernels.WORDS], shape[kernels.NGRAMS] = self.words, self.ngrams
        shape[kernels.LEAST], shape[kernels.MOST] = self.least, self.most
        shape[kernels.BUCKETS], shape[kernels.PRUNED] = max(self.buckets, 1), self.kept is not None
        shape[kernels.END] = self.end
        prefix = np.frombuffer(LABEL_PREFIX.encode(), np.uint8)
        arrays = slots, self.bounds, self.names, table, rows, prefix, shape
        return FastTextWords(*(frozen(array) for array in arrays))

    def name_list(self) -> list[str]:
        """The words, in order; bytes that are not UTF-8 are U+FFFD."""
        return strings_of(self.names, self.bounds[: self.words + 1], "replace")

    def label_names(self, prefix: str) -> list[str]:
        """The labels without their prefix, in fastText's order: the most frequent first."""
        blob, ends = self.names.tobytes(), self.bounds[self.words :].tolist()
        skipped = len(prefix.encode())
        return [blob[i + skipped : j].decode("utf-8", "replace") for i, j in pairwise(ends)]

    def most_words(self, text_bytes: int) -> int:
        """An upper bound on the words of a document of so many bytes."""
        return text_bytes // 2 + 2

    def reading(self, text_bytes: int, scratch: Scratch) -> FastTextReading:
        """Scratch for documents of so many bytes at most, read in pieces."""
        none = np.zeros((0, 2), np.int64), np.zeros((0, 5), np.int64)
        return FastTextReading(
            scratch.take("state", kernels.STATE, np.int64),
            scratch.take("hashes", self.most_words(text_bytes), np.uint64),
            scratch.take("rows", ROWS + self._most_at_once, np.int32),
            scratch.take("word", text_bytes + 2, np.uint8),
            *none,
        )

    def whole_reading(self, text_bytes: int, rows: int) -> FastTextReading:
        """Room for one document of so many bytes and rows, with the places of all its rows."""
        words = self.most_words(text_bytes)
        rows += self._most_at_once + 1
        return FastTextReading(
            np.zeros(kernels.STATE, np.int64),
            np.zeros(words, np.uint64),
            np.zeros(rows, np.int32),
            np.zeros(text_bytes + 2, np.uint8),
            np.zeros((words, 2), np.int64),
            np.zeros((rows, 5), np.int64),
        )

    @property
    def _most_at_once(self) -> int:
        return max(self.most, self.ngrams) + 1


def entry_hashes(names: NDArray[np.uint8], bounds: NDArray[np.int64]) -> NDArray[np.uint64]:
    """fastText's hash of each entry: (e,) uint64, of 32 bits."""
    starts, sizes = bounds[:-1], np.diff(bounds)
    h = np.full(len(starts), kernels.START)
    own = np.flatnonzero(sizes > 0)
    for at in range(LONG):
        own = own[sizes[own] > at]
        if not len(own):
            return h
        data = names[starts[own] + at].astype(np.uint64)
        data[data >= 0x80] |= kernels.SIGNED
        h[own] = ((h[own] ^ data) * kernels.PRIME) & kernels.LOW_BITS
    for i in own.tolist():
        mixed = int(h[i])
        for byte in names[starts[i] + LONG : bounds[i + 1]].tolist():
            mixed ^= byte | (0xFFFFFF00 if byte >= 0x80 else 0)
            mixed = mixed * int(kernels.PRIME) & 0xFFFFFFFF
        h[i] = mixed
    return h


def _table(numbers: NDArray[np.int64], hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
    """A table of numbers by their hashes, linear probing: (s,) int32, −1 where a slot is free."""
    size = 2 << max(len(numbers) - 1, 1).bit_length()
    slots = np.full(size, -1, np.int32)
    at = (hashes & np.uint64(size - 1)).astype(np.int64)
    waiting = numbers
    while len(waiting):
        free = waiting[slots[at[waiting]] < 0]
        slots[at[free]] = free  # of several, the last stays
        waiting = waiting[slots[at[waiting]] != waiting]
        at[waiting] = (at[waiting] + 1) & (size - 1)
    return slots
