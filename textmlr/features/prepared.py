"""What ``kernels.document_answer`` needs of a fitted featurizer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.features.unicode_tables import tables
from textmlr.features.vocabulary import Table
from textmlr.kernels import document_answer as kernels

TERM_FREQUENCY = {"binary": 0, "raw": 1, "log": 2}
Tables = tuple[NDArray[np.uint32], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A fitted featurizer as arrays, all read-only.

    options  FeaturizerOptions
    codes    (OPTIONS,) int64   the same, see kernels.document_answer
    slots, hashes   a vocabulary's Table; empty with hashing, and until there is one
    idf      (V,) float32, or (0,) for none
    """

    options: FeaturizerOptions
    codes: NDArray[np.int64]
    slots: NDArray[np.uint64]
    hashes: NDArray[np.uint64]
    idf: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        options: FeaturizerOptions,
        columns: int,
        table: Table | None,
        idf: NDArray[np.float32] | None,
        *,
        ordered: bool = True,
    ) -> Prepared:
        """From the options, V, a vocabulary's table and idf; rows are sorted if ``ordered``."""
        codes = np.zeros(kernels.OPTIONS, np.int64)
        codes[kernels.SYMBOLS] = options.punctuation
        codes[kernels.MIN_LENGTH] = options.min_token_length
        codes[kernels.LOW], codes[kernels.HIGH] = options.word_range or (0, 0)
        codes[kernels.CHAR_LOW], codes[kernels.CHAR_HIGH] = options.char_range or (0, 0)
        codes[kernels.BIAS] = options.bias
        codes[kernels.TERM_FREQUENCY] = TERM_FREQUENCY[options.term_frequency]
        codes[kernels.UNIT_NORM] = options.norm == "l2"
        codes[kernels.WIDTH] = columns - options.bias if options.hash_bits is not None else 0
        codes[kernels.BITS] = columns.bit_length() if ordered else 0
        none = np.zeros(0, np.uint64)
        found = (table.slots, table.hashes) if table is not None else (none, none)
        weights = np.zeros(0, np.float32) if idf is None else idf
        return cls(options, frozen(codes), frozen(found[0]), frozen(found[1]), frozen(weights))

    def read_with(self, ascii_only: bool) -> Tables:
        """(lower, kind) of code points, for text that is ASCII or any."""
        lower, kind = tables(self.options.lowercase, self.options.split_scripts, ascii_only)
        return frozen(lower), frozen(kind)

    def most_grams(self, text_bytes: int) -> int:
        """An upper bound on the n-grams of a document of so many bytes."""
        word, char = (
            pair[1] - pair[0] + 1 if pair else 0
            for pair in (self.options.word_range, self.options.char_range)
        )
        # There are no more tokens than bytes, and a token of c code points has at most c + 3
        # character n-grams of each length.
        return text_bytes * (word + 4 * char)

    def room(
        self, scratch: Scratch, text_bytes: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """words and numbers of the kernels, for documents of so many bytes at most."""
        tokens, grams = text_bytes + 1, self.most_grams(text_bytes)
        words = kernels.WINDOW + tokens + 3 * grams
        numbers = 4 + 2 * tokens + 5 * grams + kernels.DIGITS
        return (
            scratch.take("words", words, np.uint64),
            scratch.take("numbers", numbers, np.int64),
        )
