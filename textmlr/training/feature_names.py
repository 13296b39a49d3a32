"""The names of features, and their totals over the training corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.corpus import Corpus
from textmlr.features.csr_features import Features
from textmlr.features.first_names import named
from textmlr.features.hashed_columns import (
    HashedColumns,
    column_totals,
    estimated_totals,
    sampled_rows,
)
from textmlr.features.hashed_names import Census, ColumnNames
from textmlr.features.ngrams import Hasher
from textmlr.kernels import column_numbers
from textmlr.model.postings import Postings
from textmlr.training.dealt_parts import AnyObjective, dealt
from textmlr.training.ngram_choice import drawn
from textmlr.training.objective import Objective
from textmlr.training.rows import Rows

# Hashed columns with the largest ‖θ − mean‖·Σ f(x) are named, among the CANDIDATES that occur in
# the most documents: the heaviest are among these, and all columns would take longer.
NAMED = 1 << 15
CANDIDATES = 1 << 16
ENTRIES = 1 << 21  # entries of the rows that Σ f(x) of hashed columns is estimated from
BLOCK_BYTES = 1 << 16  # small, since the scratch is made for this alone
# The share of the text that is read again for names, within these bounds: with the fastest options
# training takes no more than twenty times as long as that.
SAMPLE_SHARE = 1 / 64
SAMPLE_BYTES = (1 << 19, 1 << 22)


class FeatureNames:
    """Names and totals, made while a model is trained.

    Make it before the fit, which scales the rows; ``collect`` may run beside the fit; ``finish``
    needs its θ.
    """

    def __init__(self, corpus: Corpus, rows: Rows, seed: int, threads: int) -> None:
        self._corpus, self._rows, self._seed = corpus, rows, seed
        self._census: Census | None = None
        featurizer = rows.featurizer
        if featurizer.vocabulary is not None:
            totals = totals_of(rows.objective, seed, threads)[int(featurizer.options.bias) :]
            featurizer.vocabulary = replace(featurizer.vocabulary, totals=totals)
        else:
            assert rows.frequencies is not None
            self._frequencies = rows.frequencies[:CANDIDATES]
            self._totals = estimated_totals(_sample(rows.objective), self._frequencies)

    def collect(self) -> None:
        """Read the text again: for the names of a vocabulary, or for the candidates' names."""
        featurizer, columns = self._rows.featurizer, self._rows.columns
        if columns is None:
            vocabulary, first = featurizer.vocabulary, self._rows.first
            if vocabulary is not None and first is not None:
                featurizer.vocabulary = named(vocabulary, self._corpus, featurizer.options, first)
            else:
                featurizer.name_features()
            return
        size = self._corpus.text_bytes
        least, most = SAMPLE_BYTES
        read = drawn(self._corpus, int(min(max(size * SAMPLE_SHARE, least), most)), self._seed)
        self._census = Census.of(
            list(blocks_of(read.batches, BLOCK_BYTES)),
            Hasher(featurizer.options),
            columns,
            int(featurizer.options.bias),
            len(self._totals),
        )

    def finish(self, theta: NDArray[np.float32] | Postings) -> None:
        """Name the heaviest hashed columns of θ."""
        rows, census = self._rows, self._census
        if rows.columns is None:
            return
        assert census is not None
        rows.featurizer.column_names = heaviest(
            theta, self._frequencies, self._totals, census, rows.columns
        )


def heaviest(
    theta: NDArray[np.float32] | Postings,
    frequencies: NDArray[np.integer[Any]],
    totals: NDArray[np.float32],
    census: Census,
    columns: HashedColumns,
) -> ColumnNames:
    """Names of the hashed columns with the largest ‖θ − mean‖·Σ f(x).

    frequencies, totals  (c,) of the first c columns by number, those of the census
    """
    heaviness = np.sqrt(np.maximum(_squares(theta, len(totals)), 0)) * totals
    heaviness[census.sizes == 0] = 0  # it has no name, as the bias has none
    if len(heaviness) > NAMED:
        least = np.partition(heaviness, len(heaviness) - NAMED)[len(heaviness) - NAMED]
        heaviness[heaviness < least] = 0
    numbers = np.flatnonzero(heaviness)[:NAMED]
    numbers = numbers[np.argsort(columns.kept[numbers])]
    shares = census.counts[numbers] / census.sizes[numbers]
    known = np.minimum(frequencies[numbers], np.iinfo(np.int32).max).astype(np.int32)
    return ColumnNames(
        columns.kept[numbers],
        *census.names(numbers),
        census.distinct[numbers] - 1,
        shares.astype(np.float32),
        known,
        totals[numbers],
    )


def _squares(theta: NDArray[np.float32] | Postings, many: int) -> NDArray[np.floating[Any]]:
    """‖θ − mean‖² of the first rows of θ: (many,)."""
    if isinstance(theta, Postings):
        ends = theta.starts[: many + 1]
        weights = theta.weights[: ends[-1]].astype(np.float64)
        summed = np.concatenate([np.zeros((1, 2)), np.cumsum(np.c_[weights**2, weights], axis=0)])
        squares, sums = np.diff(summed[ends], axis=0).T
        own: NDArray[np.float64] = squares - sums**2 / len(theta.bias)
        return own
    candidates = theta[:many]
    labels = theta.shape[1]
    lengths: NDArray[np.floating[Any]] = np.einsum("fl,fl->f", candidates, candidates)
    lengths -= (candidates @ np.ones(labels, np.float32)) ** 2 / labels  # L·mean²
    return lengths


def totals_of(objective: AnyObjective, seed: int, threads: int) -> NDArray[np.float32]:
    """Σ f(x) over all documents in each column, (V,) float32: part by part, where there are parts
    (``training.dealt_parts``)."""
    parts = dealt(objective, seed)
    if parts is None:
        assert isinstance(objective, Objective)
        return column_totals(objective.features, threads)
    totals, no = np.zeros(objective.columns), np.zeros(0, np.int32)
    for rows in map_blocks(parts.part, range(len(parts.dealing)), threads):
        own = rows.features
        column_numbers.column_totals(frozen(own.indices), frozen(own.values), totals, no)
    return totals.astype(np.float32)


def _sample(objective: AnyObjective) -> list[Features]:
    """A sample of rows for ``estimated_totals``."""
    blocks = sampled_rows(len(objective.y), objective.nonzeros, ENTRIES)
    if not isinstance(objective, Objective):
        documents = [np.arange(block.start, block.stop) for block in blocks]
        return [objective.take(own).features for own in documents]
    features = objective.features
    parts = [slice(*features.indptr[[block.start, block.stop]].tolist()) for block in blocks]
    return [
        replace(features, indices=features.indices[part], values=features.values[part])
        for part in parts
    ]
