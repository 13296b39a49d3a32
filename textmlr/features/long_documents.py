"""Documents too long to be read in one go: piece by piece, in scratch that does not grow with
them.

Everything is as if the document had been read whole: the same n-grams in the same order.  Only
its distinct n-grams and the places of its tokens grow with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.ngram_lengths import MAX_NGRAM
from textmlr.features.options_array import options_array
from textmlr.features.stop_words import read_with
from textmlr.kernels import distinct as kernels
from textmlr.kernels import ngram_hashes
from textmlr.kernels import tokens as token_kernels
from textmlr.kernels.code_points import Text
from textmlr.kernels.featurizer_codes import CHAR_HIGH, HIGH
from textmlr.kernels.ngram_hashes import WINDOW
from textmlr.kernels.tokens import Tokens

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


class LongDocument:
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
        self._text = Text(frozen(text), *read_with(options, ascii_only))
        self._start, self._stop = start, stop
        self._codes = frozen(options_array(options))
        self._word, self._char = options.word_range, options.char_range
        self._window = np.empty(WINDOW, np.uint64)
        self.invalid = 0

    def count_tokens(self) -> int:
        """The number of its tokens."""
        return sum(len(piece.hashes) for piece in self._pieces())

    def distinct(
        self,
    ) -> tuple[
        NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32], list[NDArray[np.integer[Any]]]
    ]:
        """Its distinct n-grams and tokens: (hashes, counts, places, starts of tokens).

        hashes, counts, places   as ``ngrams.HashedBlock`` has them
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
        hashes = np.empty(PIECE_TOKENS, np.uint64)
        starts, stops = np.empty(PIECE_TOKENS, np.int64), np.empty(PIECE_TOKENS, np.int64)
        tokens = Tokens(hashes, starts, stops, np.empty(0, np.int64))
        state = np.array([self._start, 0, 0], np.int64)
        self.invalid = 0
        while state[0] < self._stop:
            token_kernels.split_some(self._text, self._stop, self._codes, tokens, state)
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
        return self._ngrams(tokens, piece, most, CHAR_HIGH)[known:]

    def _char_grams(self, piece: Piece, low: int, high: int) -> NDArray[np.uint64]:
        # The bound of ``Hasher``.
        most = int((piece.stops - piece.starts).sum() + 3 * len(piece.hashes)) * (high - low + 1)
        return self._ngrams(piece.hashes, piece, most, HIGH)

    def _ngrams(
        self, hashes: NDArray[np.uint64], piece: Piece, most: int, without: int
    ) -> NDArray[np.uint64]:
        """Word or character n-grams;  without  which of HIGH and CHAR_HIGH is 0."""
        codes = self._codes.copy()
        codes[without] = 0
        grams, offsets = np.empty(most + 1, np.uint64), np.empty(2, np.int64)
        own = hashes, piece.starts, piece.stops, np.array([0, len(hashes)], np.int64)
        tokens = Tokens(*map(frozen, own))
        ngram_hashes.ngrams(self._text, tokens, frozen(codes), self._window, grams, offsets)
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
        """Count n-grams, the first of which is the document's first_place-th."""
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
