"""Label sets: the labels of documents that have any number of them, none too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen


class SetArrays(NamedTuple):
    """Label sets for kernels: document i has codes[offsets[i]:offsets[i + 1]], ascending.

    offsets (n + 1,) int64;  codes (m,) int32
    """

    offsets: Any
    codes: Any


@dataclass(frozen=True, slots=True, eq=False)
class LabelSets:
    """The codes of the labels of n documents, each of which has any number of them.

    It stands where an array of one code a document does: it has a length, and is indexed by a
    slice, by numbers of documents or by truth values.

    >>> sets = LabelSets.of([[2, 0], [], [1]])
    >>> len(sets), sets[1:].tolist(), sets.sizes.tolist()
    (3, [[], [1]], [2, 0, 1])

    offsets  (n + 1,) int64, from 0, ascending
    codes    (m,) int32, those of document i at offsets[i]:offsets[i + 1], ascending, each once
    """

    offsets: NDArray[np.int64]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, lists: Sequence[Iterable[int]]) -> LabelSets:
        """The sets of these lists of codes, in whatever order, repeated or not."""
        own = [sorted(set(one)) for one in lists]
        offsets = np.zeros(len(own) + 1, np.int64)
        np.cumsum([len(one) for one in own], out=offsets[1:])
        return cls(offsets, np.array([code for one in own for code in one], np.int32))

    @classmethod
    def of_pairs(
        cls,
        rows: NDArray[np.integer[Any]],
        codes: NDArray[np.integer[Any]],
        documents: int,
    ) -> LabelSets:
        """The sets of pairs of a document and a code, in whatever order, repeated or not.

        rows, codes  (p,) both;  documents  n
        """
        width = int(codes.max(initial=0)) + 1
        pairs = np.unique(rows.astype(np.int64) * width + codes)
        own = pairs // width
        offsets = np.zeros(documents + 1, np.int64)
        np.cumsum(np.bincount(own, minlength=documents), out=offsets[1:])
        return cls(offsets, (pairs - own * width).astype(np.int32))

    @classmethod
    def single(cls, y: NDArray[np.integer[Any]]) -> LabelSets:
        """The sets of one code a document; of none where the code is below 0."""
        known = y >= 0
        offsets = np.zeros(len(y) + 1, np.int64)
        np.cumsum(known, out=offsets[1:])
        return cls(offsets, y[known].astype(np.int32))

    @classmethod
    def joined(cls, parts: Sequence[LabelSets]) -> LabelSets:
        """The documents of all parts, one part after the other."""
        sizes = np.concatenate([np.zeros(0, np.int64), *(part.sizes for part in parts)])
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        codes = np.concatenate([np.zeros(0, np.int32), *(part.codes for part in parts)])
        return cls(offsets, codes)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        return f"<label sets of {len(self):,} documents, {len(self.codes):,} labels in all>"

    @overload
    def __getitem__(self, rows: int) -> NDArray[np.int32]: ...
    @overload
    def __getitem__(
        self, rows: slice | NDArray[np.integer[Any]] | NDArray[np.bool_]
    ) -> LabelSets: ...
    def __getitem__(
        self, rows: int | slice | NDArray[np.integer[Any]] | NDArray[np.bool_]
    ) -> NDArray[np.int32] | LabelSets:
        """The codes of one document; of several their sets, in the order of rows."""
        if isinstance(rows, int | np.integer):
            own = range(len(self))[rows]
            return self.codes[self.offsets[own] : self.offsets[own + 1]]
        if isinstance(rows, slice):
            first, stop, step = rows.indices(len(self))
            if step == 1:
                stop = max(first, stop)
                offsets = self.offsets[first : stop + 1]
                return LabelSets(offsets - offsets[0], self.codes[offsets[0] : offsets[-1]])
            rows = np.arange(first, stop, step)
        elif rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        sizes = self.sizes[rows]
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        at = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][rows] - offsets[:-1], sizes)
        return LabelSets(offsets, self.codes[at])

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(n,) the number of labels of each document."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> NDArray[np.int64]:
        """(m,) the document of each code."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @property
    def arrays(self) -> SetArrays:
        """The sets for kernels, which see them frozen."""
        return SetArrays(frozen(self.offsets), frozen(self.codes))

    def tolist(self) -> list[list[int]]:
        """A list of codes a document."""
        codes, offsets = self.codes.tolist(), self.offsets.tolist()
        return [codes[first:last] for first, last in pairwise(offsets)]

    def indicator(self, labels: int) -> NDArray[np.bool_]:
        """(n, labels)  whether a document has a label."""
        out = np.zeros((len(self), labels), np.bool_)
        out[self.rows, self.codes] = True
        return out

    def has(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """(n,)  whether each document has its one of the codes, (n,)."""
        found: NDArray[np.bool_] = np.zeros(len(self), np.bool_)
        found[self.rows[self.codes == codes[self.rows]]] = True
        return found

    def recoded(self, new: NDArray[np.integer[Any]]) -> LabelSets:
        """The sets with other codes: new[code] of each, and none of it where that is below 0."""
        codes = new[self.codes]
        known = codes >= 0
        return LabelSets.of_pairs(self.rows[known], codes[known], len(self))


# The labels of documents: a code each, (n,), or sets.
Targets = NDArray[np.integer[Any]] | LabelSets


def arrays_of(y: Targets) -> Any:
    """Labels for kernels: the codes, or SetArrays, frozen."""
    return y.arrays if isinstance(y, LabelSets) else frozen(y)


def as_sets(y: Targets) -> LabelSets:
    """Labels as sets."""
    return y if isinstance(y, LabelSets) else LabelSets.single(y)


def joined_targets(parts: Sequence[Targets]) -> Targets:
    """The labels of all parts; sets if one of them has sets."""
    if any(isinstance(part, LabelSets) for part in parts):
        return LabelSets.joined([as_sets(part) for part in parts])
    return np.concatenate([np.zeros(0, np.int32), *parts])


def recoded(y: Targets, new: NDArray[np.int32]) -> Targets:
    """Labels with other codes: new[code] for each; below 0 it is unknown, and in no set."""
    return y.recoded(new) if isinstance(y, LabelSets) else new[y]


def label_counts(
    y: Targets, labels: int, weights: NDArray[np.floating[Any]] | None = None
) -> NDArray[np.float64]:
    """(labels,) the documents of each label, or the sums of their weights, (n,)."""
    if not isinstance(y, LabelSets):
        return np.bincount(y, weights, labels).astype(np.float64)
    own = None if weights is None else weights[y.rows]
    return np.bincount(y.codes, own, labels).astype(np.float64)


def as_codes(y: Targets) -> NDArray[np.int32]:
    """(n,) a code a document: its label, or a number of its set, alike for equal sets."""
    if not isinstance(y, LabelSets):
        return y.astype(np.int32, copy=False)
    numbers: dict[bytes, int] = {}
    offsets, codes = y.offsets.tolist(), y.codes
    own = (codes[first:last].tobytes() for first, last in pairwise(offsets))
    return np.fromiter((numbers.setdefault(one, len(numbers)) for one in own), np.int32, len(y))


def all_known(y: Targets, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,)  whether all labels of each document are among those that are known, (L,)."""
    if not isinstance(y, LabelSets):
        return known[y]
    own: NDArray[np.bool_] = np.bincount(y.rows, ~known[y.codes], len(y)) == 0
    return own


def strata(y: Targets) -> NDArray[np.integer[Any]]:
    """(n,) one code a document, for drawing documents evenly by label: its label; of a set the one
    that fewest documents have, and of an empty one a code of its own, behind all labels.

    Source: Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011, deal the rarest labels first as well.
    """
    if not isinstance(y, LabelSets):
        return y
    counts = np.bincount(y.codes)
    out = np.full(len(y), len(counts), np.int32)
    rows, codes = y.rows, y.codes
    order = np.lexsort((codes, counts[codes], rows))  # by document, its rarest first
    first = np.ones(len(order), np.bool_)
    first[1:] = rows[order][1:] != rows[order][:-1]
    out[rows[order][first]] = codes[order][first]
    return out
