"""The known words that a character n-gram, a piece, stands in, and the words' shares of it.

A piece's contribution is divided among the known words that contain it in proportion to Σ f(x) of
the word times the number of times that it contains the piece.

A piece of which no word has half stands for many words.  It is shown as the longest stretch of
characters round it that more than half of its occurrences share: ``utbo`` and ``tbol``, which
stand in futbol, futbolcu and futbolda, are both ``futbol…``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.features.name_hashes import hashes_of_characters
from textmlr.kernels.ngram_names import CHAR_PREFIX
from textmlr.model.explanation.named_features import CHARACTERS, SPACE, WORD, NamedFeatures

Numbers = NDArray[np.int64]
Reals = NDArray[np.float64]
HALF = 0.5
MORE = HALF + 1e-9  # so that rounding gives no two of them
END = -1  # the character after a word's last


@dataclass(frozen=True, slots=True, eq=False)
class WordPieces:
    """The places of pieces in words.

    codes   (c,) int32   the characters of all words, each padded with a space on both sides
    piece, word (o,) int64   of each place: numbers of features
    start, stop (o,) int64   its characters
    low, high   (o,) int64   those of the padded word
    share   (o,) float64     the word's part of the piece; those of a piece add up to 1
    many    (m,) bool        of each feature: whether it is a piece of which no word has half
    """

    codes: NDArray[np.int32]
    piece: Numbers
    word: Numbers
    start: Numbers
    stop: Numbers
    low: Numbers
    high: Numbers
    share: Reals
    many: NDArray[np.bool_]

    @classmethod
    def of(cls, named: NamedFeatures, kinds: NDArray[np.int8]) -> WordPieces:
        """Find the pieces of all known words."""
        pieces, words = np.flatnonzero(kinds == CHARACTERS), np.flatnonzero(kinds == WORD)
        piece_codes, first = _characters(named, pieces, len(CHAR_PREFIX))
        codes, bounds = _padded(*_characters(named, words, 0))
        sizes = np.diff(first)
        owner, start, stop = _runs(bounds, np.unique(sizes))
        hashes = hashes_of_characters(codes.astype(np.uint64), start, stop)
        known = hashes_of_characters(piece_codes.astype(np.uint64), first[:-1], first[1:])
        order = np.argsort(known)
        at = np.minimum(np.searchsorted(known[order], hashes), max(len(known) - 1, 0))
        found = np.flatnonzero(known[order[at]] == hashes) if len(known) else at[:0]
        owner, start, stop = owner[found], start[found], stop[found]
        piece, word = pieces[order[at[found]]], words[owner]
        share = _shares(named, piece, word)
        many = np.zeros(len(kinds), np.bool_)
        many[pieces] = True
        many[_dominated(piece, word, share, len(kinds))] = False
        low, high = bounds[owner], bounds[owner + 1]
        return cls(codes, piece, word, start, stop, low, high, share, many)

    def stretches(self) -> tuple[Numbers, list[str]]:
        """(places (s,) of pieces that stand for many words, in words that have their stretch; the
        stretch of each, with the spaces at a word's ends)."""
        places = np.flatnonzero(self.many[self.piece])
        start, stop = self.start.copy(), self.stop.copy()
        for step in (1, -1):
            grown = places
            while len(grown):
                at = stop[grown] if step == 1 else start[grown] - 1
                inside = at < self.high[grown] if step == 1 else at >= self.low[grown]
                code = np.where(inside, self.codes[np.where(inside, at, 0)], END)
                same, open_ = self._most_alike(grown, code)
                gone = grown[open_ & ~same]
                grown = grown[same]
                (stop if step == 1 else start)[grown] += step
                places = np.setdiff1d(places, gone, assume_unique=True)
        text = self.codes.astype("<u4").tobytes()
        spans = zip((4 * start[places]).tolist(), (4 * stop[places]).tolist(), strict=True)
        return places, [text[i:j].decode("utf-32-le") for i, j in spans]

    def _most_alike(
        self, places: Numbers, code: NDArray[np.int32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(whether a place has the character that most of its piece's have; whether there is such
        a character), each (s,)."""
        key = (self.piece[places] << 22) | (code + 1)
        pairs, pair = np.unique(key, return_inverse=True)
        enough = np.bincount(pair, self.share[places]) > MORE
        enough &= (pairs & ((1 << 22) - 1)) > 0
        same = enough[pair]
        open_ = np.isin(self.piece[places], pairs[enough] >> 22)
        return same, open_


def _characters(
    named: NamedFeatures, chosen: Numbers, prefix: int
) -> tuple[NDArray[np.int32], Numbers]:
    """(characters of the names of some features behind a prefix, bounds (k + 1,) of each)."""
    start, stop = named.starts[chosen] + prefix, named.stops[chosen]
    size = stop - start
    ends = np.cumsum(size)
    at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(start - (ends - size), size)
    data = named.blob[at]
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum((data & 0xC0) != 0x80)])
    codes = np.frombuffer(data.tobytes().decode().encode("utf-32-le"), "<i4")
    return codes.astype(np.int32), before[np.concatenate([np.zeros(1, np.int64), ends])]


def _padded(codes: NDArray[np.int32], bounds: Numbers) -> tuple[NDArray[np.int32], Numbers]:
    """The same words, each with a space on both sides."""
    words = np.arange(len(bounds) - 1)
    padded = np.full(len(codes) + 2 * len(words), SPACE, np.int32)
    padded[np.arange(len(codes)) + 2 * np.repeat(words, np.diff(bounds)) + 1] = codes
    return padded, bounds + 2 * np.arange(len(bounds))


def _runs(bounds: Numbers, sizes: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """(word, start, stop) of each run of so many characters inside padded words."""
    lengths = np.diff(bounds)
    parts = [(np.zeros(0, np.int64),) * 3]
    for size in sizes.tolist():
        made = np.maximum(lengths - size + 1, 0)
        owner = np.repeat(np.arange(len(lengths)), made)
        ends = np.cumsum(made)
        within = np.arange(len(owner)) - np.repeat(ends - made, made)
        start = bounds[owner] + within
        parts.append((owner, start, start + size))
    owner, start, stop = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return owner, start, stop


def _shares(named: NamedFeatures, piece: Numbers, word: Numbers) -> Reals:
    """The word's part of the piece at each place."""
    amounts = named.documents if named.totals is None else named.totals
    own = amounts[word].astype(np.float64)
    whole = np.bincount(piece, own, minlength=len(named.rows))
    places = np.bincount(piece, minlength=len(named.rows))
    none = whole[piece] <= 0  # words without an occurrence: alike
    return np.where(none, 1 / places[piece], own / np.where(none, 1, whole[piece]))


def _dominated(piece: Numbers, word: Numbers, share: Reals, features: int) -> Numbers:
    """The pieces of which a word has half."""
    pairs, pair = np.unique(piece * features + word, return_inverse=True)
    large = np.bincount(pair, share, minlength=len(pairs)) >= HALF
    dominated: Numbers = pairs[large] // features
    return dominated
