"""A fitted featurizer in the form that kernels take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.corpus.batch import Batch
from textmlr.features.csr_features import Features
from textmlr.features.options_array import options_array
from textmlr.features.prepared_text import prepared
from textmlr.features.stop_words import ReadWith, read_with
from textmlr.features.vocabulary import HashTable
from textmlr.kernels import document_rows
from textmlr.kernels import featurizer_codes as kernels
from textmlr.kernels.code_points import Text
from textmlr.kernels.csr_rows import Csr
from textmlr.kernels.document_rows import DIGITS, FeaturizerArrays
from textmlr.kernels.ngram_hashes import WINDOW


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFeaturizer:
    """A fitted featurizer as kernels take it, all read-only.

    options  FeaturizerOptions
    arrays   the same, a vocabulary's HashTable (empty with hashing, and until there is one) and idf
    """

    options: FeaturizerOptions
    arrays: FeaturizerArrays

    @classmethod
    def of(
        cls,
        options: FeaturizerOptions,
        columns: int,
        table: HashTable | None,
        idf: NDArray[np.float32] | None,
        *,
        ordered: bool = True,
    ) -> PreparedFeaturizer:
        """Prepare options, V, a vocabulary's table and idf; rows are sorted if ``ordered``."""
        codes = options_array(options)
        codes[kernels.WIDTH] = columns - options.bias if options.hash_bits is not None else 0
        codes[kernels.BITS] = columns.bit_length() if ordered else 0
        none = np.zeros(0, np.uint64)
        found = (table.slots, table.hashes) if table is not None else (none, none)
        weights = np.zeros(0, np.float32) if idf is None else idf
        arrays = frozen(codes), frozen(found[0]), frozen(found[1]), frozen(weights)
        return cls(options, FeaturizerArrays(*arrays))

    def text(self, utf8: NDArray[np.uint8], ascii_only: bool) -> Text:
        """Text with the tables that it is read with."""
        return Text(frozen(utf8), *self.read_with(ascii_only))

    def read_with(self, ascii_only: bool) -> ReadWith:
        """What kernels read text with, that is ASCII or any."""
        return read_with(self.options, ascii_only)

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
        words = WINDOW + tokens + 3 * grams
        numbers = 4 + 2 * tokens + 5 * grams + DIGITS
        return (
            scratch.take("words", words, np.uint64),
            scratch.take("numbers", numbers, np.int64),
        )

    def featurize(self, block: Batch, columns: int, scratch: Scratch) -> Features:
        """f(x) of the documents of a block;  columns  V."""
        block = prepared(block, self.options)
        longest = int((block.stops - block.starts).max(initial=0))
        most = len(block) + self.most_grams(block.text_bytes)
        indices = scratch.take("indices", most, np.int32)
        values = scratch.take("values", most, np.float32)
        indptr = np.empty(len(block) + 1, np.int64)
        invalid = document_rows.featurize(
            self.text(block.text, block.is_ascii),
            frozen(block.starts),
            frozen(block.stops),
            self.arrays,
            *self.room(scratch, longest),
            Csr(indptr, indices, values),
        )
        size = int(indptr[-1])
        made = scratch.lasting(indices[:size]), scratch.lasting(values[:size])
        return Features(indptr, *made, columns, int(invalid))
