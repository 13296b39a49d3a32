"""Documents too long to be read in one go: piece by piece, in scratch that does not grow with
them.

Everything is as if the document had been read whole: the same n-grams in the same order.  What
grows is what is kept of it: its distinct n-grams, and where its tokens begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import MAX_NGRAM, FeaturizerOptions
from textmlr.features.unicode_tables import tables
from textmlr.kernels import distinct as kernels
from textmlr.kernels import tokens as text_kernels

PIECE_TOKENS = 1 << 18
MOST_GRAMS = int(np.iinfo(np.int32).max)  # their numbers and counts are int32
_CONTEXT = MAX_NGRAM - 1  # tokens before a piece that n-grams of it begin with


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Some tokens that follow one another, in scratch that the next piece overwrites.

    hashes (t,) uint64, starts and stops (t,) int64 in the text
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]


class Giant:
    """One document, text[start:stop], as a featurizer of these options reads it.

    invalid  pieces of invalid UTF-8 in what was read last
    """

    def __init__(
        self,
        text: NDArray[np.uint8],
        start: int,
        stop: int,
        options: FeaturizerOptions,
        *,
        ascii_only: bool,
    ) -> None:
        self._text, self._start, self._stop = frozen(text), start, stop
        self._options = options
        lower, kind = tables(options.lowercase, options.split_scripts, ascii_only)
        self._tables = frozen(lower), frozen(kind)
        self._word, self._char = options.word_range, options.char_range
        self._window = np.empty(MAX_NGRAM, np.uint64)
        self.invalid = 0

    def count_tokens(self) -> int:
        """How many tokens it has."""
        return sum(len(piece.hashes) for piece in self._pieces())

    def distinct(
        self,
    ) -> tuple[
        NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32], list[NDArray[np.integer[Any]]]
    ]:
        """Its distinct n-grams and tokens: (hashes, counts, places, starts of tokens).

        hashes, counts, places   as ``hashing.Hashed`` has them
        starts                   piece after piece, counted from the document's first byte
        Raises InputError for more n-grams than can be numbered.
        """
        found, before = _Distinct(), 0
        starts: list[NDArray[np.integer[Any]]] = []
        near = self._stop - self._start <= np.iinfo(np.int32).max
        tail = np.empty(0, np.uint64)
        for piece in self._pieces():
            starts.append((piece.starts - self._start).astype(np.int32 if near else np.int64))
            if self._word is not None:
                grams = self._word_grams(tail, piece, *self._word)
                before = self._add(found, grams, before)
                tail = np.concatenate([tail, piece.hashes[-_CONTEXT:]])[-_CONTEXT:]
        if self._char is not None:
            for piece in self._pieces():
                before = self._add(found, self._char_grams(piece, *self._char), before)
        return (*found.arrays(), starts)

    def _pieces(self) -> Iterator[Piece]:
        options = self._options
        hashes = np.empty(PIECE_TOKENS, np.uint64)
        starts, stops = np.empty(PIECE_TOKENS, np.int64), np.empty(PIECE_TOKENS, np.int64)
        state = np.array([self._start, 0, 0], np.int64)
        self.invalid = 0
        while state[0] < self._stop:
            text_kernels.split_some(
                self._text,
                self._stop,
                *self._tables,
                options.punctuation,
                options.min_token_length,
                hashes,
                starts,
                stops,
                state,
            )
            self.invalid += int(state[2])
            count = int(state[1])
            yield Piece(hashes[:count], starts[:count], stops[:count])

    def _word_grams(
        self, tail: NDArray[np.uint64], piece: Piece, low: int, high: int
    ) -> NDArray[np.uint64]:
        """The word n-grams that end in a piece;  tail  the tokens before it."""
        before = tail[max(0, len(tail) - (high - 1)) :] if high > 1 else tail[:0]
        tokens = np.concatenate([before, piece.hashes])
        # N-grams come in order of their last token: those that end before the piece stand first.
        known = sum(max(0, min(high, i + 1) - low + 1) for i in range(len(before)))
        most = len(tokens) * (high - low + 1)
        return self._ngrams(tokens, piece, (low, high), (0, 0), most)[known:]

    def _char_grams(self, piece: Piece, low: int, high: int) -> NDArray[np.uint64]:
        # As many as Hasher reckons with.
        most = int((piece.stops - piece.starts).sum() + 3 * len(piece.hashes)) * (high - low + 1)
        return self._ngrams(piece.hashes, piece, (0, 0), (low, high), most)

    def _ngrams(
        self,
        tokens: NDArray[np.uint64],
        piece: Piece,
        word: tuple[int, int],
        char: tuple[int, int],
        most: int,
    ) -> NDArray[np.uint64]:
        grams, offsets = np.empty(most + 1, np.uint64), np.empty(2, np.int64)
        text_kernels.ngrams(
            self._text,
            frozen(tokens),
            frozen(piece.starts),
            frozen(piece.stops),
            frozen(np.array([0, len(tokens)], np.int64)),
            *self._tables,
            *word,
            *char,
            self._window,
            grams,
            offsets,
        )
        return grams[: int(offsets[1])]

    def _add(self, found: _Distinct, grams: NDArray[np.uint64], before: int) -> int:
        if before + len(grams) > MOST_GRAMS:
            raise InputError(
                f"a document of {self._stop - self._start:,} bytes has more than {MOST_GRAMS:,} "
                "n-grams",
                mend="cut it into several, or take fewer kinds of n-grams",
            )
        found.add(grams, before)
        return before + len(grams)


class _Distinct:
    """Distinct n-grams, in order of occurrence, in arrays that grow."""

    def __init__(self) -> None:
        self._hashes = np.empty(1 << 16, np.uint64)
        self._counts, self._places = np.empty(1 << 16, np.int32), np.empty(1 << 16, np.int32)
        self._table = np.zeros(1 << 17, np.int32)
        self._state = np.zeros(2, np.int64)

    def add(self, grams: NDArray[np.uint64], first_place: int) -> None:
        """Count n-grams, of which the first is the document's first_place-th."""
        self._state[0] = 0
        while True:
            kernels.distinct_more(
                frozen(grams),
                first_place,
                self._table,
                self._hashes,
                self._counts,
                self._places,
                self._state,
            )
            if self._state[0] == len(grams):
                return
            self._grow()

    def arrays(self) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32]]:
        """(hashes, counts, places)."""
        found = int(self._state[1])
        return self._hashes[:found].copy(), self._counts[:found].copy(), self._places[:found].copy()

    def _grow(self) -> None:
        room = 2 * len(self._hashes)
        self._hashes = np.resize(self._hashes, room)
        self._counts, self._places = np.resize(self._counts, room), np.resize(self._places, room)
        self._table = np.zeros(2 * room, np.int32)
        kernels.enter(frozen(self._hashes[: int(self._state[1])]), self._table)
