"""Documents to hashes: for each document its distinct n-grams and how often each occurs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import is_giant
from textmlr.features.long_documents import LongDocument
from textmlr.features.options_array import options_array
from textmlr.features.prepared_text import goes_by_python, prepared
from textmlr.features.stop_words import read_with
from textmlr.kernels import distinct as kernels
from textmlr.kernels import ngram_hashes, ngram_names
from textmlr.kernels import tokens as token_kernels
from textmlr.kernels.code_points import Text
from textmlr.kernels.ngram_hashes import WINDOW
from textmlr.kernels.tokens import Tokens


@dataclass(frozen=True, slots=True, eq=False)
class TokenPlaces:
    """The places where a block's tokens begin, kept until features are named.

    begin    of the block in its text, which is the prepared one
    starts   (t,) int32   first byte of each token from there on; int64 where they lie far apart
    offsets  (n + 1,) int64   document i has the tokens offsets[i]:offsets[i + 1]
    by_python  how the text is prepared, see ``prepared_text.goes_by_python``
    """

    begin: int
    starts: NDArray[np.integer[Any]]
    offsets: NDArray[np.int64]
    by_python: bool


@dataclass(frozen=True, slots=True, eq=False)
class HashedBlock:
    """The distinct n-grams of a block of documents, each document's in order of occurrence.

    hashes   (m,) uint64, counts (m,) int32
    places   (m,) int32   number of its first occurrence among the document's n-grams
    offsets  (n + 1,) int64   document i has offsets[i]:offsets[i + 1]
    tokens   where they lie
    invalid  pieces of invalid UTF-8 read as U+FFFD
    """

    hashes: NDArray[np.uint64]
    counts: NDArray[np.int32]
    places: NDArray[np.int32]
    offsets: NDArray[np.int64]
    tokens: TokenPlaces
    invalid: int


class Hasher:
    """Turns blocks of documents into HashedBlocks; threads may share one."""

    def __init__(self, options: FeaturizerOptions) -> None:
        self.options = options
        self._codes = frozen(options_array(options))
        self._scratch, self._kept = Scratch(), Scratch()

    def hash(self, block: Batch) -> HashedBlock:
        """Distinct n-grams of each document of a block."""
        by_python = goes_by_python(block, self.options)
        block = prepared(block, self.options, by_python)
        if len(block) == 1 and is_giant(block):
            return self._hash_giant(block, by_python)
        tokens, invalid = self._split(block)
        grams, gram_offsets = self._ngrams(block, tokens)
        take = self._scratch.take
        longest = int(np.diff(gram_offsets).max(initial=1))
        slots = take("slots", 2 << (longest - 1).bit_length(), np.int64)
        stamps = take("stamps", len(slots), np.int64)
        stamp = take("stamp", 1, np.int64)  # the last document's
        end = int(gram_offsets[-1])
        found = (
            take("hashes", end, np.uint64),
            take("counts", end, np.int32),
            take("places", end, np.int32),
        )
        offsets = np.empty(len(block) + 1, np.int64)
        next_stamp = kernels.distinct(
            frozen(grams), frozen(gram_offsets), slots, stamps, int(stamp[0]) + 1, *found, offsets
        )
        stamp[0] = next_stamp - 1
        hashes, counts, places = (self._scratch.lasting(a[: offsets[-1]]) for a in found)
        places_of = self._token_places(block, tokens, by_python)
        return HashedBlock(hashes, counts, places, offsets, places_of, invalid)

    def _hash_giant(self, block: Batch, by_python: bool) -> HashedBlock:
        """Hash a block of one document, in pieces."""
        giant = self._giant(block, 0)
        hashes, counts, places, starts = giant.distinct()
        begin, tokens = int(block.starts[0]), sum(map(len, starts))
        kept = np.empty(tokens, starts[0].dtype)
        at = 0
        while starts:  # each is let go of when it is copied
            own = starts.pop(0)
            kept[at : at + len(own)] = own
            at += len(own)
        places_of = TokenPlaces(begin, kept, np.array([0, tokens], np.int64), by_python)
        offsets = np.array([0, len(hashes)], np.int64)
        return HashedBlock(hashes, counts, places, offsets, places_of, giant.invalid)

    def _giant(self, block: Batch, i: int) -> LongDocument:
        start, stop = int(block.starts[i]), int(block.stops[i])
        return LongDocument(block.text, start, stop, self.options, ascii_only=block.is_ascii)

    def _token_places(self, block: Batch, tokens: Tokens, by_python: bool) -> TokenPlaces:
        count = int(tokens.offsets[-1])
        begin = int(block.starts.min()) if len(block) else 0
        near = not count or int(tokens.starts[:count].max()) - begin <= np.iinfo(np.int32).max
        starts = self._scratch.take(f"short {near}", count, np.int32 if near else np.int64)[:count]
        np.subtract(tokens.starts[:count], begin, out=starts, casting="unsafe")
        # From a slab of their own, since they outlive the hashes.
        return TokenPlaces(begin, self._kept.lasting(starts), tokens.offsets, by_python)

    def read(
        self, block: Batch, by_python: bool | None = None
    ) -> tuple[Tokens, NDArray[np.uint64]]:
        """Tokens and all n-grams of a block, in scratch that the thread's next block overwrites:
        (tokens, hashes), a document's n-grams in the order of ``kernels.ngram_hashes.ngrams``."""
        block = prepared(block, self.options, by_python)
        tokens, _ = self._split(block)
        hashes, offsets = self._ngrams(block, tokens)
        count = int(tokens.offsets[-1])
        each, starts, stops, token_offsets = tokens
        own = Tokens(each[:count], starts[:count], stops[:count], token_offsets)
        return own, hashes[: int(offsets[-1])]

    def placed(self, block: Batch) -> tuple[NDArray[np.uint64], NDArray[np.int64], TokenPlaces]:
        """All n-grams of a block and the places of its tokens, to keep: (hashes, offsets,
        tokens)."""
        by_python = goes_by_python(block, self.options)
        block = prepared(block, self.options, by_python)
        tokens, _ = self._split(block)
        hashes, offsets = self._ngrams(block, tokens)
        places = self._token_places(block, tokens, by_python)
        return hashes[: int(offsets[-1])].copy(), offsets, places

    def name(
        self,
        block: Batch,
        tokens: TokenPlaces,
        documents: NDArray[np.int64],
        places: NDArray[np.int64],
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Names of chosen n-grams: (blob, ends).

        tokens    as ``hash`` found them
        documents (w,) int64   ascending, numbers in the block
        places    (w,) int64   numbers among the document's n-grams, ascending within it
        blob      (bytes,) uint8 UTF-8, ends (w,) int64: where each name ends in it
        """
        block = prepared(block, self.options, tokens.by_python)
        starts = tokens.starts.astype(np.int64)
        starts += tokens.begin
        blob = np.empty(32 * len(places), np.uint8)
        ends = np.empty(len(places), np.int64)
        while True:
            size = ngram_names.name_ngrams(
                self._text(block),
                frozen(block.stops),
                frozen(starts),
                frozen(tokens.offsets),
                self._codes,
                self._scratch.take("window", WINDOW, np.uint64),
                frozen(documents),
                frozen(places),
                ngram_names.Names(blob, ends),
            )
            if size <= len(blob):
                return blob[:size].copy(), ends
            blob = np.empty(size, np.uint8)

    def _text(self, block: Batch) -> Text:
        return Text(frozen(block.text), *read_with(self.options, block.is_ascii))

    def _split(self, block: Batch) -> tuple[Tokens, int]:
        """(tokens of a block, in scratch; pieces of invalid UTF-8)."""
        take = self._scratch.take
        size = block.text_bytes + 1
        if is_giant(block):  # far fewer, as a rule, and worth being counted
            size = 1 + sum(self._giant(block, i).count_tokens() for i in range(len(block)))
        tokens = Tokens(
            take("tokens", size, np.uint64),
            take("starts", size, np.int64),
            take("stops", size, np.int64),
            np.empty(len(block) + 1, np.int64),
        )
        invalid = token_kernels.split(
            self._text(block), frozen(block.starts), frozen(block.stops), self._codes, tokens
        )
        return tokens, int(invalid)

    def _ngrams(self, block: Batch, tokens: Tokens) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """(hashes, offsets) of the n-grams of each document, the hashes in scratch."""
        take = self._scratch.take
        grams = take("grams", self._most_grams(block, int(tokens.offsets[-1])), np.uint64)
        offsets = np.empty(len(block) + 1, np.int64)
        ngram_hashes.ngrams(
            self._text(block),
            Tokens(*map(frozen, tokens)),
            self._codes,
            take("window", WINDOW, np.uint64),
            grams,
            offsets,
        )
        return grams, offsets

    def _most_grams(self, block: Batch, tokens: int) -> int:
        """An upper bound on the n-grams of a block."""
        word, char = (
            pair[1] - pair[0] + 1 if pair else 0
            for pair in (self.options.word_range, self.options.char_range)
        )
        # A token of c code points, padded, has at most c + 2 n-grams of each length, or one.
        return tokens * word + (block.text_bytes + 3 * tokens) * char + 1
