"""A document as fastText reads it: its words, and the n-grams that lie on each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.ngram_lengths import CHAR_PREFIX
from textmlr.corpus.batch import Batch
from textmlr.corpus.in_memory import batches_of
from textmlr.features.fasttext_dictionary import FastTextDictionary
from textmlr.features.fasttext_featurizer import FastTextFeaturizer
from textmlr.kernels import fasttext_words as kernels
from textmlr.model.explanation.document_tokens import DocumentTokens, Integers


@dataclass(frozen=True, slots=True, eq=False)
class FastTextTokens(DocumentTokens):
    """A document's words and rows; the word </s> at its end is none of them.

    grams   (g,) uint64   the row of each
    kinds   (g,) int64    see ``kernels.fasttext_words``
    """

    kinds: Integers

    @classmethod
    def of_fasttext(cls, document: str | bytes, featurizer: FastTextFeaturizer) -> FastTextTokens:
        """Read a document.  Raises InputError if it is not text."""
        text = batches_of([document])[0][0].decode("utf-8", "replace")
        data = np.frombuffer(text.encode(), np.uint8)
        bounds, rows, places = _read(data, featurizer.dictionary)
        words = len(bounds)
        own = places[:, 0] < words  # all but </s> by itself
        rows, places = rows[own], places[own]
        character = np.append(np.cumsum((data & 0xC0) != 0x80) - 1, len(text))
        spans = character[bounds]
        stop = np.minimum(places[:, 3], len(data))
        return cls(
            text,
            Batch(data, np.zeros(1, np.int64), np.full(1, len(data), np.int64)),
            tuple(text[i:j] for i, j in spans.tolist()),
            _numbered(data, bounds),
            spans[:, 0],
            spans[:, 1],
            bounds[:, 0],
            bounds[:, 1],
            rows.astype(np.uint64),
            places[:, 0],
            np.minimum(places[:, 1], words - 1),
            character[places[:, 2]],
            character[stop],
            bounds[:, 0],
            False,
            places[:, 4],
        )

    def names(self, grams: Integers, options: FeaturizerOptions) -> list[str]:
        """Names of n-grams: words with a space between, or "char:" and characters."""
        found = []
        spans = list(zip(self.token_starts.tolist(), self.token_stops.tolist(), strict=True))
        for gram in grams.tolist():
            first, last, kind = (int(own[gram]) for own in (self.first, self.last, self.kinds))
            if kind == kernels.WORD:
                found.append(" ".join(self.text[i:j] for i, j in spans[first : last + 1]))
                continue
            before = "<" if kind & kernels.WITH_BEFORE else ""
            behind = ">" if kind & kernels.WITH_BEHIND else ""
            own = self.text[self.starts[gram] : self.stops[gram]]
            found.append(f"{CHAR_PREFIX}{before}{own}{behind}")
        return found


def _read(
    data: NDArray[np.uint8], dictionary: FastTextDictionary
) -> tuple[Integers, NDArray[np.int32], Integers]:
    """(bounds of the words but </s>, rows, their places)."""
    text, scratch = frozen(data), dictionary.reading(len(data), Scratch())
    span = frozen(np.zeros(1, np.int64)), frozen(np.full(1, len(data)))
    offsets, none = np.zeros(2, np.int64), np.zeros(0, np.int32)
    rows = kernels.read_rows(text, *span, dictionary.arrays, scratch, none, offsets)
    reading = dictionary.whole_reading(len(data), int(rows))
    count = kernels.read_places(text, 0, len(data), dictionary.arrays, reading)
    words = int(reading.state[kernels.TOKENS]) - 1
    return reading.bounds[:words], reading.rows[:count], reading.places[:count]


def _numbered(data: NDArray[np.uint8], bounds: Integers) -> NDArray[np.uint64]:
    """A number of each word, the same of the same words."""
    numbers: dict[bytes, int] = {}
    blob = data.tobytes()
    own = [numbers.setdefault(blob[i:j], len(numbers)) for i, j in bounds.tolist()]
    return np.array(own, np.uint64)
