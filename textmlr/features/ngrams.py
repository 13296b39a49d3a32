"""Documents to hashes: for each document its distinct n-grams and how often each occurs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.base.featurizer_options import MAX_NGRAM, FeaturizerOptions
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import is_giant
from textmlr.features.long_documents import Giant
from textmlr.features.unicode_tables import tables
from textmlr.kernels import distinct as kernels
from textmlr.kernels import tokens as text_kernels

CHAR_PREFIX = np.frombuffer(b"char:", np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class TokenPlaces:
    """Where the tokens of a block begin; kept until features are named.

    begin    of the block in its text
    starts   (t,) int32   first byte of each token from there on; int64 where they lie far apart
    offsets  (n + 1,) int64   document i has the tokens offsets[i]:offsets[i + 1]
    """

    begin: int
    starts: NDArray[np.integer[Any]]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Hashed:
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


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Tokens of a block, in scratch that the thread's next block overwrites.

    hashes (t,) uint64, starts and stops (t,) int64 in the block's text
    offsets (n + 1,) int64   document i has offsets[i]:offsets[i + 1]
    lower, kind              the tables they were read with
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    offsets: NDArray[np.int64]
    invalid: int
    lower: NDArray[np.uint32]
    kind: NDArray[np.uint8]


class Hasher:
    """Turns blocks of documents into Hashed; threads may share one."""

    def __init__(self, options: FeaturizerOptions) -> None:
        self.options = options
        self._word = options.word_range or (0, 0)
        self._char = options.char_range or (0, 0)
        self._scratch, self._kept = Scratch(), Scratch()

    def hash(self, block: Batch) -> Hashed:
        """Distinct n-grams of each document of a block."""
        if len(block) == 1 and is_giant(block):
            return self._hash_giant(block)
        tokens = self._split(block)
        grams, gram_offsets = self._ngrams(block, tokens)
        take = self._scratch.take
        longest = int(np.diff(gram_offsets).max(initial=1))
        slots = take("slots", 2 << (longest - 1).bit_length(), np.int64)
        stamps = take("stamps", len(slots), np.int64)
        stamp = take("stamp", 1, np.int64)  # of the last document
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
        return Hashed(
            hashes, counts, places, offsets, self._token_places(block, tokens), tokens.invalid
        )

    def _hash_giant(self, block: Batch) -> Hashed:
        """The same of a block of one document, in pieces."""
        giant = self._giant(block, 0)
        hashes, counts, places, starts = giant.distinct()
        begin, tokens = int(block.starts[0]), sum(map(len, starts))
        kept = np.empty(tokens, starts[0].dtype)
        at = 0
        while starts:  # each is let go of when it is copied
            own = starts.pop(0)
            kept[at : at + len(own)] = own
            at += len(own)
        places_of = TokenPlaces(begin, kept, np.array([0, tokens], np.int64))
        offsets = np.array([0, len(hashes)], np.int64)
        return Hashed(hashes, counts, places, offsets, places_of, giant.invalid)

    def _giant(self, block: Batch, i: int) -> Giant:
        start, stop = int(block.starts[i]), int(block.stops[i])
        return Giant(block.text, start, stop, self.options, ascii_only=block.is_ascii)

    def _token_places(self, block: Batch, tokens: Tokens) -> TokenPlaces:
        count = int(tokens.offsets[-1])
        begin = int(block.starts.min()) if len(block) else 0
        near = not count or int(tokens.starts[:count].max()) - begin <= np.iinfo(np.int32).max
        starts = self._scratch.take(f"short {near}", count, np.int32 if near else np.int64)[:count]
        np.subtract(tokens.starts[:count], begin, out=starts, casting="unsafe")
        # From a slab of their own, since they outlive the hashes.
        return TokenPlaces(begin, self._kept.lasting(starts), tokens.offsets)

    def read(self, block: Batch) -> tuple[Tokens, NDArray[np.uint64]]:
        """Tokens and all n-grams of a block, in scratch that the thread's next block overwrites:
        (tokens, hashes), a document's n-grams in the order of ``kernels.tokens.ngrams``."""
        tokens = self._split(block)
        hashes, offsets = self._ngrams(block, tokens)
        count = int(tokens.offsets[-1])
        tokens = replace(
            tokens,
            hashes=tokens.hashes[:count],
            starts=tokens.starts[:count],
            stops=tokens.stops[:count],
        )
        return tokens, hashes[: int(offsets[-1])]

    def placed(self, block: Batch) -> tuple[NDArray[np.uint64], NDArray[np.int64], TokenPlaces]:
        """All n-grams of a block, and where its tokens lie, to keep: (hashes, offsets, tokens)."""
        tokens = self._split(block)
        hashes, offsets = self._ngrams(block, tokens)
        return hashes[: int(offsets[-1])].copy(), offsets, self._token_places(block, tokens)

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
        starts = tokens.starts.astype(np.int64)
        starts += tokens.begin
        lower, kind = tables(self.options.lowercase, self.options.split_scripts, block.is_ascii)
        blob = np.empty(32 * len(places), np.uint8)
        ends = np.empty(len(places), np.int64)
        while True:
            size = text_kernels.name_ngrams(
                frozen(block.text),
                frozen(block.stops),
                frozen(starts),
                frozen(tokens.offsets),
                frozen(lower),
                frozen(kind),
                *self._word,
                *self._char,
                self._scratch.take("window", MAX_NGRAM, np.uint64),
                frozen(CHAR_PREFIX),
                frozen(documents),
                frozen(places),
                blob,
                ends,
            )
            if size <= len(blob):
                return blob[:size].copy(), ends
            blob = np.empty(size, np.uint8)

    def _split(self, block: Batch) -> Tokens:
        options = self.options
        take = self._scratch.take
        size = block.text_bytes + 1
        if is_giant(block):  # far fewer, as a rule, and worth being counted
            size = 1 + sum(self._giant(block, i).count_tokens() for i in range(len(block)))
        hashes = take("tokens", size, np.uint64)
        starts = take("starts", size, np.int64)
        stops = take("stops", size, np.int64)
        offsets = np.empty(len(block) + 1, np.int64)
        lower, kind = tables(options.lowercase, options.split_scripts, block.is_ascii)
        lower, kind = frozen(lower), frozen(kind)
        invalid = text_kernels.split(
            frozen(block.text),
            frozen(block.starts),
            frozen(block.stops),
            lower,
            kind,
            options.punctuation,
            options.min_token_length,
            hashes,
            starts,
            stops,
            offsets,
        )
        return Tokens(hashes, starts, stops, offsets, int(invalid), lower, kind)

    def _ngrams(self, block: Batch, tokens: Tokens) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """(hashes, offsets) of the n-grams of each document, the hashes in scratch."""
        take = self._scratch.take
        grams = take("grams", self._most_grams(block, int(tokens.offsets[-1])), np.uint64)
        offsets = np.empty(len(block) + 1, np.int64)
        text_kernels.ngrams(
            frozen(block.text),
            frozen(tokens.hashes),
            frozen(tokens.starts),
            frozen(tokens.stops),
            frozen(tokens.offsets),
            tokens.lower,
            tokens.kind,
            *self._word,
            *self._char,
            take("window", MAX_NGRAM, np.uint64),
            grams,
            offsets,
        )
        return grams, offsets

    def _most_grams(self, block: Batch, tokens: int) -> int:
        """An upper bound on the n-grams of a block."""
        word = self._word[1] - self._word[0] + 1 if self._word[1] else 0
        char = self._char[1] - self._char[0] + 1 if self._char[1] else 0
        # A token of c code points, padded, has at most c + 2 n-grams of each length, or one.
        return tokens * word + (block.text_bytes + 3 * tokens) * char + 1
