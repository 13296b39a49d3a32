"""The n-grams of a document: the tokens that each covers, and their places in the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.string_blobs import strings_of
from textmlr.corpus.batch import Batch
from textmlr.corpus.in_memory import batches_of
from textmlr.features.ngrams import Hasher, TokenPlaces
from textmlr.features.prepared_text import alignment, goes_by_python, prepared
from textmlr.features.stop_words import read_with
from textmlr.kernels.code_points import FORMAT, SELECTORS

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class DocumentTokens:
    """A document read: its t tokens and g n-grams, the latter as ``kernels.ngram_hashes.ngrams``
    has them, where they lie in the document as it was given.

    Tokens that share a character of that count as one here: ½, which form NFKC reads as three.

    text    (c,) code points; bytes that are not UTF-8, and lone surrogates, are U+FFFD in it
    block   the same, UTF-8, as a Batch of one
    token_texts   t texts: what stands there, or the token itself where a tokenizer made one that is
                  not in the text, and has no place
    tokens  (t,) uint64   hash of each token: of equal tokens, lower-cased, the same
    token_starts, token_stops (t,) int64   characters of text
    byte_starts, byte_stops   (t,) int64   bytes of block.text
    grams   (g,) uint64   hash of each n-gram
    first, last   (g,) int64   the tokens it covers, both included
    starts, stops (g,) int64   its characters of text; a space that character n-grams pad tokens
                               with belongs to the token's first or last character
    read_starts   int64   bytes where the tokens that were read begin, in the prepared text
    by_python     how that is prepared, see ``prepared_text.goes_by_python``
    """

    text: str
    block: Batch
    token_texts: tuple[str, ...]
    tokens: NDArray[np.uint64]
    token_starts: Integers
    token_stops: Integers
    byte_starts: Integers
    byte_stops: Integers
    grams: NDArray[np.uint64]
    first: Integers
    last: Integers
    starts: Integers
    stops: Integers
    read_starts: Integers
    by_python: bool

    @classmethod
    def of(cls, document: str | bytes, options: FeaturizerOptions) -> DocumentTokens:
        """Read a document with a featurizer's options.  Raises InputError if it is not text."""
        text = batches_of([document])[0][0].decode("utf-8", "replace")
        # The kernels, too, read U+FFFD in place of invalid bytes; and where each
        # character begins is then plain to see.
        data = np.frombuffer(text.encode(), np.uint8)
        block = Batch(data, np.zeros(1, np.int64), np.full(1, len(data), np.int64))
        # Nothing else reads with this Hasher, so that its scratch is ours to keep.
        by_python = goes_by_python(block, options)
        tokens, hashes = Hasher(options).read(block, by_python)
        read = prepared(block, options, by_python).text
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(_leads(read))])
        token_starts, token_stops = before[tokens.starts], before[tokens.stops]
        parts = []
        if options.word_range is not None:
            first, last = word_grams(len(token_starts), *options.word_range)
            parts.append((first, last, token_starts[first], token_stops[last]))
        if options.char_range is not None:
            counted = _counted(read, options)
            rank = np.concatenate([np.zeros(1, np.int64), np.cumsum(counted)])
            begin = rank[token_starts]
            owner, start, stop = char_grams(rank[token_stops] - begin, *options.char_range)
            place = np.flatnonzero(counted)
            start, stop = place[begin[owner] + start], place[begin[owner] + stop - 1] + 1
            parts.append((owner, owner, start, stop))
        first, last, starts, stops = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        assert len(starts) == len(hashes)  # else every share would go astray
        places = alignment(text, options)
        word, words, word_starts, word_stops = _words(
            tokens.hashes, *places.originals(token_starts, token_stops)
        )
        begins = np.flatnonzero(np.diff(word, prepend=-1))
        made = zip(token_starts[begins].tolist(), token_stops[begins].tolist(), strict=True)
        spans = zip(word_starts.tolist(), word_stops.tolist(), made, strict=True)
        bytes_of = np.append(np.flatnonzero(_leads(data)), len(data))
        return cls(
            text,
            block,
            tuple(text[i:j] or places.text[slice(*own)] for i, j, own in spans),
            words,
            word_starts,
            word_stops,
            bytes_of[word_starts],
            bytes_of[word_stops],
            hashes,
            word[first],
            word[last],
            *places.originals(starts, stops),
            tokens.starts,
            by_python,
        )

    def names(self, grams: Integers, options: FeaturizerOptions) -> list[str]:
        """Names of n-grams, as ``Featurizer.feature_names`` has them.

        grams  (w,) int64   their numbers, ascending
        """
        count = np.array([0, len(self.read_starts)], np.int64)
        places = TokenPlaces(0, self.read_starts, count, self.by_python)
        documents = np.zeros(len(grams), np.int64)
        blob, ends = Hasher(options).name(self.block, places, documents, grams)
        return strings_of(blob, np.append(0, ends))


def _leads(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each byte begins a character."""
    leads: NDArray[np.bool_] = (data & 0xC0) != 0x80
    return leads


def _counted(read: NDArray[np.uint8], options: FeaturizerOptions) -> NDArray[np.bool_]:
    """Whether each character of a text is one to kernels, which skip FORMATs inside tokens."""
    codes = np.frombuffer(read.tobytes().decode().encode("utf-32-le"), np.uint32).astype(np.int64)
    lower, kind, _ = read_with(options, ascii_only=False)
    at = np.where(codes < len(lower), codes, np.maximum(codes - SELECTORS, 0) + len(lower))
    found = at < len(kind)
    counted = np.ones(len(codes), np.bool_)
    counted[found] = kind[at[found]] != FORMAT
    return counted


def _words(
    hashes: NDArray[np.uint64], starts: Integers, stops: Integers
) -> tuple[Integers, NDArray[np.uint64], Integers, Integers]:
    """Tokens that share characters become one: (number of each token's, hashes, starts, stops)."""
    if not len(starts):
        return starts, hashes, starts, stops
    begins = np.concatenate([[True], starts[1:] >= stops[:-1]])
    word, edges = np.cumsum(begins) - 1, np.append(np.flatnonzero(begins), len(starts))
    joined = hashes[begins]
    for i in np.flatnonzero(np.diff(edges) > 1).tolist():
        own = hashes[edges[i] : edges[i + 1]].tolist()
        joined[i] = np.uint64(hash(tuple(own)) & (1 << 64) - 1)
    return word, joined, starts[begins], stops[edges[1:] - 1]


def word_grams(tokens: int, low: int, high: int) -> tuple[Integers, Integers]:
    """(first, last) token of each word n-gram of low <= n <= high, in order of the last token, and
    at one last token the shorter first."""
    ends = np.arange(tokens)
    made = np.maximum(np.minimum(high, ends + 1) - low + 1, 0)
    last = np.repeat(ends, made)
    return last - (low + _within(made)) + 1, last


def char_grams(lengths: Integers, low: int, high: int) -> tuple[Integers, Integers, Integers]:
    """(token, start, stop) of each character n-gram of low <= n <= high; start and stop count
    characters from the token's first.

    An n-gram lies in its token with a space on either side; these spaces count as part of the
    token's first and last character.  N-grams come in order of their last character, and at one
    last character the shorter first; a padded token that is shorter than low is one n-gram.

    lengths  (t,) int64   characters of each token
    """
    padded = lengths + 2
    owner = np.repeat(np.arange(len(lengths)), padded)
    end = _within(padded) + 1  # padded characters up to where an n-gram ends
    short = (padded[owner] < low) & (end == padded[owner])
    made = np.where(short, 1, np.maximum(np.minimum(high, end) - low + 1, 0))
    size = np.repeat(np.where(short, end, low), made) + _within(made)
    owner, end = np.repeat(owner, made), np.repeat(end, made)
    length = lengths[owner]
    start = np.clip(end - size - 1, 0, length - 1)
    return owner, start, np.clip(end - 1, 1, length)


def _within(counts: Integers) -> Integers:
    """0, 1, …, counts[0] − 1, 0, 1, …, counts[1] − 1, …"""
    ends = np.cumsum(counts)
    numbers: Integers = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    return numbers
