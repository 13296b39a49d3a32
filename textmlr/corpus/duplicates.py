"""Duplicates: documents that stand more than once in a corpus, or in the one of a model too.

Texts are equal if their bytes are, without ASCII whitespace around them; texts that are only alike
do not count.  A text is known by its fingerprint of 64 bits (``kernels.fingerprints``).  Documents
without text, and those of weight 0, do not count.

In a corpus of very many texts only those with the smallest fingerprints are looked at.  They are as
good as drawn at random, with every document of a text or none, so a count among them, divided by
their share of all fingerprints, estimates the count of all without bias.  (A text of many documents
is always looked at, and counted as it is: an estimate with or without it would be far off.)
Source: Cohen and Kaplan, PODC 2007, "Summarizing data using bottom-k sketches".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.file_checks import expect
from textmlr.base.threads import map_blocks
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import as_codes
from textmlr.kernels import fingerprints as kernels

MOST_TEXTS = 1 << 20  # looked at, at most: 38 MB, and three times as much while they are united
HEAVY = 64  # a text of so many documents is never left out
PENDING = 1 << 18  # documents that are united with those before, at least
BLOCK_BYTES = 1 << 21  # bytes of text a call
# A sketch's keys are the first 44 bits of fingerprints: one of m documents is taken for one of n
# others by chance once in 2^44/(m·n) times.
KEY_BITS = 44
LOW_BITS = 32  # bits of a key that a file holds as they are
MOST_KEYS, LEAST_KEYS = 1 << 17, 1 << 12
KEYS_OF_THETA = 100  # bytes of θ for each key beyond LEAST_KEYS: about a hundredth of a file
WHOLE = 1 << KEY_BITS
_NONE = np.iinfo(np.int64).max
_CUT = np.uint64(64 - KEY_BITS)

Hashes = NDArray[np.uint64]


def fingerprints(batches: Sequence[Batch], threads: int) -> Hashes:
    """A fingerprint of each document, 0 of one without text: (n,) uint64."""

    def run(block: Batch) -> Hashes:
        out = np.empty(len(block), np.uint64)
        kernels.fingerprints(frozen(block.text), frozen(block.starts), frozen(block.stops), out)
        return out

    parts = list(map_blocks(run, blocks_of(batches, BLOCK_BYTES), threads))
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Overlap:
    """The number of documents that also stand in another corpus; unless ``exact``, an estimate."""

    documents: int
    exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A sketch of a corpus's texts, by which a model knows them again.

    keys   (k,) uint64   the first KEY_BITS of their fingerprints, ascending, all below bound
    bound  up to WHOLE: nothing is known of texts whose keys are at or above it

    >>> from textmlr.corpus.corpus import Corpus
    >>> sketch = duplicates_of(Corpus.of(["a robot", "a saddle"], ["scifi", "western"]), 1).sketch
    >>> sketch.overlap(Corpus.of([" a robot", "A robot"], ["scifi", "scifi"]).batches, 1)
    Overlap(documents=1, exact=True)
    """

    keys: Hashes
    bound: int = WHOLE

    def __repr__(self) -> str:
        return f"<sketch of {len(self.keys):,} texts: .keys, .bound>"

    @classmethod
    def smallest(cls, keys: Hashes, bound: int = WHOLE, most: int = MOST_KEYS) -> Sketch:
        """The sketch of the smallest keys below a bound, at most so many.

        keys  ascending, each once
        """
        if len(keys) > most:
            bound = min(bound, int(keys[most]))
        return cls(keys[: int(np.searchsorted(keys, np.uint64(bound)))], bound)

    def joined(self, other: Sketch) -> Sketch:
        """The sketch of both corpora."""
        keys = np.union1d(self.keys, other.keys)
        return Sketch.smallest(keys, min(self.bound, other.bound))

    def packed(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """(low, high): the keys in four bytes and an eighth of one each.

        Low bits stand as they are.  High bits become one set bit a key, after one clear bit for
        each step up from the key before.
        Source: Elias, J. ACM 21(2), 1974; Fano, MIT Computer Structures Group Memo 61, 1971.
        """
        low = (self.keys & np.uint64((1 << LOW_BITS) - 1)).astype(np.uint32).view(np.int32)
        marks = np.zeros(len(low) + (1 << KEY_BITS - LOW_BITS), np.uint8)
        marks[(self.keys >> np.uint64(LOW_BITS)).astype(np.int64) + np.arange(len(low))] = 1
        return low, np.packbits(marks)

    @classmethod
    def unpacked(
        cls,
        low: NDArray[np.int32],
        high: NDArray[np.uint8],
        bound: int,
        path: str | os.PathLike[str],
    ) -> Sketch:
        """The sketch again.  Raises ModelFileError where keys are not ascending and below bound."""
        marks, size = np.flatnonzero(np.unpackbits(high)), len(low) + (1 << KEY_BITS - LOW_BITS)
        whole = len(high) == -(-size // 8)
        expect(whole, path, "the keys of texts are not as long as they should be")
        many = len(marks) == len(low) and not (marks >= size).any()
        expect(many, path, "the keys of texts are not as many as they should be")
        steps = (marks - np.arange(len(low))).astype(np.uint64)
        keys: Hashes = steps << np.uint64(LOW_BITS) | low.view(np.uint32)
        ascending = bool((keys[1:] > keys[:-1]).all())
        expect(ascending, path, "the keys of texts are not ascending")
        inside = 0 < bound <= WHOLE and not (keys >= bound).any()
        expect(inside, path, "the keys of texts are out of range")
        return cls(keys, bound)

    def beside(self, size: int) -> Sketch:
        """This sketch, with so few keys that they are little beside a θ of so many bytes."""
        room = size // KEYS_OF_THETA
        return Sketch.smallest(self.keys, self.bound, min(max(room, LEAST_KEYS), MOST_KEYS))

    def overlap(self, batches: Sequence[Batch], threads: int) -> Overlap:
        """Count the documents whose text stands in the sketch's corpus."""
        hashes = fingerprints(batches, threads)
        keys = hashes[hashes > 0] >> _CUT
        at = np.minimum(np.searchsorted(self.keys, keys), max(len(self.keys) - 1, 0))
        same = int(np.count_nonzero(self.keys[at] == keys)) if len(self.keys) else 0
        about = min(round(same * WHOLE / self.bound), len(hashes))
        return Overlap(about, self.bound == WHOLE)


@dataclass(frozen=True, slots=True, eq=False)
class Duplicates:
    """The documents of a corpus whose texts stand more than once.

    contradictory  documents whose text stands with another label too
    repeated       documents that repeat the text and label of one before; their texts have no other
                   label
    first          numbers of two documents with one text and two labels, None if there are none
    exact          False: the numbers are estimates, and ``first`` are any two such documents
    sketch         of the texts
    """

    contradictory: int
    repeated: int
    first: tuple[int, int] | None
    exact: bool
    sketch: Sketch

    def summary(self, corpus: Corpus) -> dict[str, Any]:
        """These figures as JSON values; the first two by file, and number in it from 1."""
        places = [list(_place(corpus, i)) for i in self.first or ()]
        return {
            "contradictory": self.contradictory,
            "repeated": self.repeated,
            "exact": self.exact,
            "first": places or None,
        }


def _place(corpus: Corpus, i: int) -> tuple[str, int]:
    name, number = corpus.place(i)
    return os.path.basename(name), number


def duplicates_of(corpus: Corpus, threads: int) -> Duplicates:
    """The duplicates of a corpus."""
    counter = DuplicateCounter(threads)
    y, first = as_codes(corpus.y), 0
    for batch in corpus.batches:
        part = slice(first, first + len(batch))
        weights = None if corpus.weights is None else corpus.weights[part]
        counter.add(batch, y[part], weights)
        first += len(batch)
    return counter.finish()


@dataclass(frozen=True, slots=True, eq=False)
class _Texts:
    """A row a text, or a document, in the order of the corpus.

    hashes  (t,) uint64   fingerprints
    first   (t,) int64    number of the first document of it
    label   (t,) int32    that document's
    other   (t,) int64    number of the first document of it with another label, else _NONE
    count   (t,) int64    documents
    """

    hashes: Hashes
    first: NDArray[np.int64]
    label: NDArray[np.int32]
    other: NDArray[np.int64]
    count: NDArray[np.int64]

    @classmethod
    def of(cls, hashes: Hashes, y: NDArray[np.int32], first: NDArray[np.int64]) -> _Texts:
        """A row a document."""
        n = len(hashes)
        return cls(hashes, first, y, np.full(n, _NONE), np.ones(n, np.int64))

    def __len__(self) -> int:
        return len(self.hashes)

    def take(self, rows: Any) -> _Texts:
        """Some of the rows."""
        return _Texts(
            self.hashes[rows],
            self.first[rows],
            self.label[rows],
            self.other[rows],
            self.count[rows],
        )

    @classmethod
    def united(cls, parts: Sequence[_Texts]) -> _Texts:
        """A row a text, by ascending fingerprints; parts in the order of the corpus."""
        rows = cls(
            np.concatenate([part.hashes for part in parts]),
            np.concatenate([part.first for part in parts]),
            np.concatenate([part.label for part in parts]),
            np.concatenate([part.other for part in parts]),
            np.concatenate([part.count for part in parts]),
        )
        if not len(rows):
            return rows
        rows = rows.take(np.argsort(rows.hashes, kind="stable"))
        new = np.concatenate([np.ones(1, bool), rows.hashes[1:] != rows.hashes[:-1]])
        leaders = np.flatnonzero(new)
        if len(leaders) == len(rows):
            return rows
        lead = rows.label[leaders][np.cumsum(new) - 1]
        others = np.where(rows.label == lead, rows.other, rows.first)
        out = rows.take(leaders)
        other, count = (np.minimum.reduceat(others, leaders), np.add.reduceat(rows.count, leaders))
        return cls(out.hashes, out.first, out.label, other, count)


class DuplicateCounter:
    """Takes the documents of a corpus one batch after the other, in memory that does not grow
    beyond MOST_TEXTS.

    >>> from textmlr.corpus.in_memory import batches_of
    >>> counter = DuplicateCounter(threads=1)
    >>> for texts, codes in ((["a film", "a play"], [0, 1]), (["a film"], [1])):
    ...     counter.add(batches_of(texts)[0], np.array(codes, np.int32))
    >>> duplicates = counter.finish()
    >>> duplicates.contradictory, duplicates.first
    (2, (0, 2))
    """

    def __init__(self, threads: int, most: int = MOST_TEXTS) -> None:
        self._threads, self._most = threads, most
        self._texts = _Texts.of(
            np.zeros(0, np.uint64), np.zeros(0, np.int32), np.zeros(0, np.int64)
        )
        self._pending: list[_Texts] = []
        self._waiting = self._documents = 0
        self._bound = 1 << 64  # fingerprints below it are looked at, and those of heavy texts
        self._heavy = HEAVY

    def add(
        self, batch: Batch, y: NDArray[np.int32], weights: NDArray[np.float32] | None = None
    ) -> None:
        """Add the next documents.

        y        (n,) int32   label codes, the same for the same label in all batches
        weights  (n,) float32, None: all count
        """
        hashes = fingerprints([batch], self._threads)
        last = np.uint64(self._bound - 1)
        beyond = self._texts.hashes[int(np.searchsorted(self._texts.hashes, last, side="right")) :]
        # By sorting: the table that NumPy 2.0 may make instead overflows with hashes over 2^63.
        known = np.isin(hashes, beyond, kind="sort")
        looked_at = (hashes > 0) & ((hashes <= last) | known)
        if weights is not None:
            looked_at &= weights > 0
        rows = np.flatnonzero(looked_at)
        self._pending.append(_Texts.of(hashes[rows], y[rows], rows + self._documents))
        self._documents += len(hashes)
        self._waiting += len(rows)
        if self._waiting >= max(PENDING, len(self._texts) // 2):
            self._unite()

    def _unite(self) -> None:
        texts = _Texts.united([self._texts, *self._pending])
        self._pending, self._waiting = [], 0
        if len(texts) > self._most:
            while np.count_nonzero(texts.count >= self._heavy) > self._most // 4:
                self._heavy *= 2
            heavy = texts.count >= self._heavy
            light = texts.hashes[~heavy]
            if len(light) > self._most:
                self._bound = min(self._bound, int(light[self._most]))
            texts = texts.take(heavy | (texts.hashes <= np.uint64(self._bound - 1)))
        self._texts = texts

    def finish(self) -> Duplicates:
        """The duplicates among all documents."""
        self._unite()
        texts = self._texts
        times = np.where(texts.count < self._heavy, (1 << 64) / self._bound, 1.0)
        both = texts.other < _NONE
        contradictory = float((texts.count * times)[both].sum())
        repeated = float(((texts.count - 1) * times)[~both].sum())
        first = None
        if contradictory:
            pairs = texts.take(both)
            row = int(pairs.other.argmin())
            first = int(pairs.first[row]), int(pairs.other[row])
        # Some fingerprints with the bound's own key are not looked at.
        bound = self._bound >> int(_CUT)
        keys = texts.hashes >> _CUT
        keys = keys[np.concatenate([np.ones(1, bool), keys[1:] != keys[:-1]])[: len(keys)]]
        return Duplicates(
            round(contradictory),
            round(repeated),
            first,
            self._bound == 1 << 64,
            Sketch.smallest(keys, bound),
        )
