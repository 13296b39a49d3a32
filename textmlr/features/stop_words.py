"""Stop words: the tokens that a featurizer leaves out before it forms n-grams."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.string_blobs import strings_of
from textmlr.corpus.batch import Batch
from textmlr.corpus.in_memory import batches_of
from textmlr.features import own_tokens
from textmlr.features.options_array import options_array
from textmlr.features.prepared_text import prepared
from textmlr.features.unicode_tables import Tables, frozen_tables
from textmlr.kernels import ngram_names
from textmlr.kernels import tokens as token_kernels
from textmlr.kernels.code_points import Text
from textmlr.kernels.ngram_hashes import WINDOW
from textmlr.kernels.tokens import Tokens

# What kernels read text with: all of ``kernels.code_points.Text`` but the text.
ReadWith = tuple[NDArray[np.uint32], NDArray[np.uint8], NDArray[np.uint64]]
NONE_DROPPED = np.zeros(0, np.uint64)
_APOSTROPHE = re.compile("['\u2019\u02bc]")


class Dropped(NamedTuple):
    """What stop words come to.

    table    (s,) uint64   hashes of the tokens that are left out, as ``code_points.Text`` has them
    names    their names, sorted
    unfound  stop words that are no token: several words in a row to this featurizer
    """

    table: NDArray[np.uint64]
    names: tuple[str, ...]
    unfound: tuple[str, ...]


def read_with(options: FeaturizerOptions, ascii_only: bool) -> ReadWith:
    """The tables that kernels read a featurizer's text with, and the tokens that are left out."""
    lower, kind = _kinds(options, ascii_only)
    return lower, kind, dropped(options).table


def dropped(options: FeaturizerOptions) -> Dropped:
    """The tokens that a featurizer of these options leaves out."""
    if options.stop_words is None and not options.has_own_tokens:
        return _NONE
    return _dropped(
        FeaturizerOptions(
            lowercase=options.lowercase,
            normalize=options.normalize,
            strip_accents=options.strip_accents,
            split_scripts=options.split_scripts,
            token_pattern=options.token_pattern,
            tokenizer=options.tokenizer,
            stop_words=options.stop_words,
            ngrams=(1, 1),
        )
    )


_NONE = Dropped(frozen(NONE_DROPPED), (), ())


@lru_cache(maxsize=8)
def _dropped(options: FeaturizerOptions) -> Dropped:
    words = options.stop_words or ()
    block = batches_of(words)[0]
    own = prepared(block, options)
    read = _read(own, options)
    left: list[_Token] = []
    if options.has_own_tokens:
        # The words as they stand, as scikit-learn takes them, and the one token of each.
        verbatim = prepared(block, replace(options, token_pattern="(?s).+", tokenizer=None))
        left = [token for tokens in _read(verbatim, options) for token in tokens]
        left += [tokens[0] for tokens in read if len(tokens) == 1]
    else:
        for i, tokens in enumerate(read):
            left += _left_out(own[i].decode(), tokens)
    hashes = {token.hash for token in left}
    unfound = (
        word
        for word, tokens in zip(words, read, strict=True)
        if not any(token.hash in hashes for token in tokens)
    )
    names = tuple(sorted({token.name for token in left}))
    if options.has_own_tokens:
        hashes.add(_read(batches_of([own_tokens.COUNTED])[0], options)[0][0].hash)
    return Dropped(_table(np.array(sorted(hashes), np.uint64)), names, tuple(unfound))


class _Token(NamedTuple):
    """A token of a stop word: as it stands, and as features name it."""

    hash: int
    text: str
    name: str


def _left_out(word: str, tokens: list[_Token]) -> list[_Token]:
    """The tokens that are left out for a stop word: it is one token, or several with
    apostrophes between.

    Several with other marks between are not: e-mail is no reason to leave out mail.
    """
    if len(tokens) == 1 and tokens[0].text == word:
        return tokens
    pieces = [piece for piece in _APOSTROPHE.split(word) if piece]
    parts = [token for token in tokens if not _APOSTROPHE.fullmatch(token.text)]
    return parts if [token.text for token in parts] == pieces else []


def _read(block: Batch, options: FeaturizerOptions) -> list[list[_Token]]:
    """The tokens of each prepared document."""
    text = Text(frozen(block.text), *_kinds(options, block.is_ascii), frozen(NONE_DROPPED))
    size = block.text_bytes + 1
    offsets = np.empty(len(block) + 1, np.int64)
    starts, stops = np.empty((2, size), np.int64)
    tokens = Tokens(np.empty(size, np.uint64), starts, stops, offsets)
    codes = frozen(options_array(options))
    token_kernels.split(text, frozen(block.starts), frozen(block.stops), codes, tokens)
    names = _names(text, block, tokens, codes)
    spans = zip(starts.tolist(), stops.tolist(), strict=True)
    found = [
        _Token(h, block.text[start:stop].tobytes().decode(), name)
        for h, (start, stop), name in zip(tokens.hashes.tolist(), spans, names, strict=False)
    ]
    return [found[i:j] for i, j in pairwise(offsets.tolist())]


def _names(text: Text, block: Batch, tokens: Tokens, codes: NDArray[np.int64]) -> list[str]:
    """The names of tokens."""
    offsets, count = tokens.offsets, int(tokens.offsets[-1])
    documents = np.repeat(np.arange(len(block)), np.diff(offsets))
    blob, ends = np.empty(0, np.uint8), np.empty(count, np.int64)
    for _ in range(2):  # the first time only to see how long they are
        size = ngram_names.name_ngrams(
            text,
            frozen(block.stops),
            frozen(tokens.starts[:count]),
            frozen(offsets),
            codes,
            np.empty(WINDOW, np.uint64),
            frozen(documents),
            frozen(np.arange(count) - offsets[documents]),
            ngram_names.Names(blob, ends),
        )
        if len(blob) < size:
            blob = np.empty(size, np.uint8)
    return strings_of(blob, np.append(0, ends))


def _kinds(options: FeaturizerOptions, ascii_only: bool) -> Tables:
    if options.has_own_tokens:
        return own_tokens.tables(ascii_only)
    return frozen_tables(options, ascii_only)


def _table(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hashes, by open addressing; half the slots at least are free."""
    slots = np.zeros(2 << len(hashes).bit_length(), np.uint64)
    mask = len(slots) - 1
    for h in hashes.tolist():
        at = h & mask
        while slots[at]:
            at = (at + 1) & mask
        slots[at] = h
    return frozen(slots)
