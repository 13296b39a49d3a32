"""Text → f(x) as fastText reads it: the share of each row in a document's mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.ngram_lengths import MAX_NGRAM
from textmlr.base.threads import chosen_threads, map_blocks
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.containers import Texts
from textmlr.features.csr_features import Features
from textmlr.features.fasttext_dictionary import FastTextDictionary
from textmlr.features.featurizer import Featurizer
from textmlr.kernels import fasttext_words as kernels

_MEND = "train a model of textmlr's own: textmlr train CORPUS"


class FastTextFeaturizer(Featurizer):
    """fastText's words, character n-grams and word n-grams, by the dictionary of a model.

    f(x)_r is the share of row r in the rows of the document: how often it occurs, over the number
    of all.  There is no bias, and nothing to fit.
    """

    def __init__(self, dictionary: FastTextDictionary, labels: list[str]) -> None:
        super().__init__(_options(dictionary))
        self.dictionary, self.labels = dictionary, labels

    def __repr__(self) -> str:
        own = self.dictionary
        return (
            f"FastTextFeaturizer of {own.words:,} words and {own.rows - own.words:,} n-grams\n"
            "use it: featurizer.transform(texts)"
        )

    @property
    def columns(self) -> int:
        """V."""
        return self.dictionary.rows

    @property
    def always_column(self) -> int:
        """The row of </s>, which ends every text; −1 for none."""
        return self.dictionary.end

    @property
    def asks_little(self) -> bool:
        """Whether the next documents are to go another way: they are not."""
        return False

    def featurize(self, batches: Sequence[Batch], threads: int | None = None) -> Features:
        """f(x) of the documents of Batches."""
        self.invalid = 0
        threads = chosen_threads(threads)
        parts = list(map_blocks(self._block, blocks_of(batches), threads))
        return parts[0] if len(parts) == 1 else Features.joined(parts, self.columns, threads)

    def _block(self, block: Batch) -> Features:
        longest = int((block.stops - block.starts).max(initial=0))
        reading = self.dictionary.reading(longest, self._scratch)
        texts = frozen(block.text), frozen(block.starts), frozen(block.stops)
        offsets = np.zeros(len(block) + 1, np.int64)
        rows = np.zeros(0, np.int32)
        for _ in range(2):  # to count them, and to write them
            size = kernels.read_rows(*texts, self.dictionary.arrays, reading, rows, offsets)
            if len(rows) < size:
                rows = np.zeros(size, np.int32)
        counts = np.diff(offsets)
        document = np.repeat(np.arange(len(block)), counts)
        cells, times = np.unique(document * self.columns + rows, return_counts=True)
        own = cells // self.columns
        values = (times / counts[own]).astype(np.float32)
        indptr = np.searchsorted(own, np.arange(len(block) + 1)).astype(np.int64)
        return Features(indptr, (cells % self.columns).astype(np.int32), values, self.columns)

    def find_columns(self, hashes: NDArray[np.uint64], out: NDArray[np.int32]) -> None:
        """Write the column of each n-gram to out: it is its own hash."""
        out[:] = hashes

    def feature_names(self) -> list[str]:
        """The name of each column: a word, or the empty name of a bucket of n-grams."""
        own = self.dictionary
        return own.name_list() + [""] * (own.rows - own.words)

    def fit(
        self, texts: Texts, labels: Iterable[str] | None = None, *, threads: int | None = None
    ) -> Featurizer:
        """Raise InputError: the dictionary of a fastText model stays as it is."""
        raise InputError("a dictionary of fastText cannot be fitted", mend=_MEND)

    def fit_counts(
        self, batches: Sequence[Batch], threads: int | None = None, *, ordered: bool = True
    ) -> Features:
        """Raise InputError, as ``fit`` does."""
        raise InputError("a dictionary of fastText cannot be fitted", mend=_MEND)

    def keep(self, kept: NDArray[np.int64]) -> Featurizer:
        """Raise InputError: no row can be left out."""
        raise InputError("rows of a fastText model cannot be left out", mend=_MEND)


def _options(dictionary: FastTextDictionary) -> FeaturizerOptions:
    """What a dictionary does, in textmlr's options as far as they say it."""
    characters = None
    if dictionary.most:
        characters = max(dictionary.least, 1), min(dictionary.most, MAX_NGRAM)
        characters = min(characters), characters[1]
    return FeaturizerOptions(
        lowercase=False,
        normalize=None,
        punctuation=False,
        split_scripts=False,
        ngrams=(1, min(dictionary.ngrams, MAX_NGRAM)),
        char_ngrams=characters,
        term_frequency="raw",
        idf=False,
        norm=None,
        bias=False,
    )
