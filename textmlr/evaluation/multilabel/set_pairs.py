"""Pairs of labels: which is said where another was, and which stand together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.label_sets import LabelSets
from textmlr.evaluation.multilabel.set_answers import SetAnswers, keys

MOST_MISTAKEN = 10
MOST_TOGETHER = 10
BLOCK_PAIRS = 1 << 22


@dataclass(frozen=True, slots=True)
class Mistaken:
    """``count`` documents have the label ``true``, which is no answer, and not ``answer``, which is
    one."""

    true: str
    answer: str
    count: int


@dataclass(frozen=True, slots=True)
class Together:
    """Two labels that stand together: documents that have both, that get both as answers, and that
    have both and get both."""

    a: str
    b: str
    documents: int
    answered: int
    hits: int


@dataclass(frozen=True, slots=True, eq=False)
class PairCounts:
    """Documents of each pair of labels that any document has.

    pairs   (q,) code of the first times width plus code of the second, ascending
    counts  (q,) at least 1
    """

    width: int
    pairs: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, first: LabelSets, second: LabelSets, width: int) -> PairCounts:
        """The pairs of a label of the first sets and one of the second of the same document."""
        found, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for block in _blocks(first.sizes * second.sizes):
            some = PairCounts._whole(first[block], second[block], width)
            found.append(some.pairs)
            counts.append(some.counts)
        pairs, places = np.unique(np.concatenate(found), return_inverse=True)
        summed = np.bincount(places, np.concatenate(counts), len(pairs)).astype(np.int64)
        return cls(width, pairs, summed)

    @classmethod
    def _whole(cls, first: LabelSets, second: LabelSets, width: int) -> PairCounts:
        rows = first.rows
        times = second.sizes[rows]
        before = np.repeat(np.cumsum(times) - times - second.offsets[rows], times)
        other = second.codes[np.arange(int(times.sum())) - before]
        pairs = np.repeat(first.codes.astype(np.int64), times) * width + other
        found, counts = np.unique(pairs, return_counts=True)
        return cls(width, found, counts)

    def of_pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """The documents of these pairs, 0 of one that none has."""
        if not len(self.pairs):
            return np.zeros(len(pairs), np.int64)
        at = np.minimum(np.searchsorted(self.pairs, pairs), len(self.pairs) - 1)
        counts: NDArray[np.int64] = np.where(self.pairs[at] == pairs, self.counts[at], 0)
        return counts

    def matrix(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """(r, r) the documents of each pair of some labels."""
        return self.of_pairs(np.add.outer(labels * self.width, labels))

    def commonest(self, most: int, *, upper: bool = False) -> NDArray[np.int64]:
        """The pairs of most documents, at most so many;  upper  only of a label and a later one."""
        pairs, counts = self.pairs, self.counts
        if upper:
            some = pairs // self.width < pairs % self.width
            pairs, counts = pairs[some], counts[some]
        return pairs[np.argsort(-counts, kind="stable")[:most]]


def mistaken_pairs(answered: SetAnswers) -> PairCounts:
    """The pairs of a label that is missed and of an answer that is wrong."""
    true, given, width = answered.sets, answered.answered, len(answered.names)
    return PairCounts.of(without(true, given, width), without(given, true, width), width)


def mistaken(answered: SetAnswers, most: int) -> tuple[Mistaken, ...]:
    """The commonest mistaken pairs, at most so many."""
    counts, names = mistaken_pairs(answered), answered.names
    pairs = counts.commonest(most)
    return tuple(
        Mistaken(names[pair // counts.width], names[pair % counts.width], count)
        for pair, count in zip(pairs.tolist(), counts.of_pairs(pairs).tolist(), strict=True)
    )


def together(answered: SetAnswers, most: int) -> tuple[Together, ...]:
    """The pairs of labels that most documents have, at most so many."""
    true, given = answered.sets, answered.answered
    names, width = answered.names, len(answered.names)
    right = without(true, without(true, given, width), width)
    have, get, hit = (PairCounts.of(own, own, width) for own in (true, given, right))
    pairs = have.commonest(most, upper=True)
    columns = (part.of_pairs(pairs).tolist() for part in (have, get, hit))
    return tuple(
        Together(names[pair // width], names[pair % width], *counts)
        for pair, *counts in zip(pairs.tolist(), *columns, strict=True)
    )


def without(sets: LabelSets, others: LabelSets, width: int) -> LabelSets:
    """The labels of each document that its other set lacks;  width  above all codes."""
    left = ~np.isin(keys(sets, width), keys(others, width), assume_unique=True)
    offsets = np.append(0, np.cumsum(left))[sets.offsets]
    return LabelSets(offsets, sets.codes[left])


def _blocks(pairs: NDArray[np.int64]) -> Iterator[slice]:
    """Slices of documents of about BLOCK_PAIRS pairs each;  pairs  (n,) of each document."""
    ends = np.cumsum(pairs)
    cuts = np.flatnonzero(np.diff(ends // BLOCK_PAIRS)) + 1
    for begin, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(pairs)], strict=True):
        yield slice(begin, end)
