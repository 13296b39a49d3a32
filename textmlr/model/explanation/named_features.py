"""The features of a model that have a name and a row of θ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.kernels.ngram_names import CHAR_PREFIX
from textmlr.model.model import Model

SPACE = 32
# An n-gram of characters, a word, an n-gram of several words.
CHARACTERS, WORD, PHRASE = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class NamedFeatures:
    """The m features that have a name and a row of θ.

    rows (m,) int64, documents (m,) int, totals (m,) float32 or None
    name i is blob[starts[i]:stops[i]];  others (m,) int32, shares (m,) float32  see Feature
    corpus  documents of the training corpus, as many at least as any feature has
    """

    rows: NDArray[np.int64]
    documents: NDArray[np.integer[Any]]
    totals: NDArray[np.float32] | None
    blob: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    others: NDArray[np.int32]
    shares: NDArray[np.float32]
    corpus: int

    @classmethod
    def of(cls, model: Model) -> NamedFeatures:
        """Those of a model.  Raises InputError for hashed features without names."""
        featurizer, columns = model.featurizer, model.parts.columns
        bias = int(featurizer.options.bias)
        featurizer.name_features()
        vocabulary = featurizer.vocabulary
        if vocabulary is None:
            return _named_columns(model)
        if columns is not None:
            vocabulary = vocabulary.take(columns.kept[bias:].astype(np.int64) - bias)
        rows = np.arange(bias, len(vocabulary) + bias)
        return cls(
            rows,
            vocabulary.frequencies,
            _totals(model, rows) if vocabulary.totals is None else vocabulary.totals,
            vocabulary.names,
            vocabulary.name_offsets[:-1],
            vocabulary.name_offsets[1:],
            np.zeros(len(rows), np.int32),
            np.ones(len(rows), np.float32),
            _documents(model, vocabulary.frequencies),
        )

    def name(self, i: int) -> str:
        """The name of feature i."""
        return self.blob[self.starts[i] : self.stops[i]].tobytes().decode()

    def kinds(self) -> NDArray[np.int8]:
        """CHARACTERS, WORD or PHRASE of each feature: (m,)."""
        spaces = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.blob == SPACE)])
        has_space = spaces[self.stops] > spaces[self.starts]
        kinds = np.where(has_space, PHRASE, WORD).astype(np.int8)
        long = np.flatnonzero(self.stops - self.starts >= len(CHAR_PREFIX))
        for at, byte in enumerate(CHAR_PREFIX):
            long = long[self.blob[self.starts[long] + at] == byte]
        kinds[long] = CHARACTERS
        return kinds


def _totals(model: Model, rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """Σ f(x) of each row over the corpus, where a sparse θ has it by label; None: not known."""
    postings = model.parts.postings
    if postings is None or postings.sums is None:
        return None
    return postings.row_sums(postings.sums)[rows].astype(np.float32)


def _documents(model: Model, frequencies: NDArray[np.integer[Any]]) -> int:
    """Documents of the training corpus; a record may lack those of an update."""
    record = model.record.corpus
    told = 0 if record is None else record.documents
    return max(told, int(frequencies.max(initial=0)))


def _named_columns(model: Model) -> NamedFeatures:
    """The hashed columns that training named, where θ has a row for them."""
    columns, named = model.parts.columns, model.featurizer.column_names
    if columns is None or named is None:
        raise InputError("hashed features have no names", mend="train the model again")
    rows = columns.find(named.columns).astype(np.int64)
    own = np.flatnonzero(rows >= 0)
    return NamedFeatures(
        rows[own],
        named.frequencies[own],
        named.totals[own],
        named.names,
        named.name_offsets[own],
        named.name_offsets[own + 1],
        named.others[own],
        named.shares[own],
        _documents(model, named.frequencies),
    )
