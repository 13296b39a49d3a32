"""A fitted featurizer, extended by the features of further documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.threads import map_blocks
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.features import vocabulary as vocabularies
from textmlr.features.csr_features import Features
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns, column_totals, document_frequencies
from textmlr.features.ngrams import Hasher
from textmlr.features.row_weights import inverse_document_frequency
from textmlr.features.vocabulary import HashTable, Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Extension:
    """An extended featurizer.  The rows of θ that were there keep their numbers; new ones follow.

    featurizer   of the old features and the new; its documents are the old ones and the new
    columns      those that θ has rows for, None for all
    features     f(x) of the new documents, in rows of θ
    """

    featurizer: Featurizer
    columns: HashedColumns | None
    features: Features


def row_frequencies(
    featurizer: Featurizer, columns: HashedColumns | None
) -> NDArray[np.int64] | None:
    """(R,) documents that each row of θ occurs in; None where hashed columns do not say."""
    if featurizer.vocabulary is None:
        return None if columns is None else columns.frequencies
    always = np.full(int(featurizer.options.bias), featurizer.documents)
    own = np.concatenate([always, featurizer.vocabulary.frequencies])
    return own if columns is None else own[columns.kept]


def extend(
    featurizer: Featurizer,
    columns: HashedColumns | None,
    labels: list[str],
    batches: Sequence[Batch],
    threads: int,
) -> Extension:
    """Admit the n-grams of further documents that are in min_df of them and no more than max_df,
    the most frequent first, as far as max_features has room; none where the vocabulary was given;
    with hashing, columns that occur for the first time.

    Features that were there keep number, name and idf, or θ would lose its meaning.  Those that
    have no row in θ (``Featurizer.keep``) stay without one.

    columns  that θ has rows for, with their frequencies; None for all
    labels   of all documents, old and new
    """
    documents = featurizer.documents + sum(map(len, batches))
    before = row_frequencies(featurizer, columns)
    assert before is not None
    options, vocabulary, idf = featurizer.options, featurizer.vocabulary, featurizer.idf
    if vocabulary is not None:
        featurizer.name_features()
        added = vocabulary.take(np.empty(0, np.int64))
        if options.vocabulary is None:
            added = _added(options, vocabulary, batches, threads)
        vocabulary = vocabulary.followed_by(added)
        if idf is not None:
            weights = inverse_document_frequency(added.frequencies, documents)
            idf = np.concatenate([idf, weights.astype(np.float32)])
    extended = Featurizer.restore(options, vocabulary, idf, labels, documents)
    features = extended.featurize(batches, threads)
    if vocabulary is None:
        assert columns is not None
        unseen = document_frequencies(features, threads)
        unseen[columns.kept] = 0
        columns = columns.followed_by(np.flatnonzero(unseen), extended.columns)
    elif columns is not None:
        columns = columns.followed_by(
            np.arange(featurizer.columns, extended.columns), extended.columns
        )
    if columns is not None:
        features = columns.renumber(features, threads)
    counts = document_frequencies(features, threads).astype(np.int64)
    counts[: len(before)] += before
    sums = column_totals(features, threads)
    if vocabulary is None:
        assert columns is not None
        columns = replace(columns, frequencies=counts)
        if (names := featurizer.column_names) is not None:
            named = columns.find(names.columns)
            own = counts[named].astype(np.int32)
            extended.column_names = replace(
                names, frequencies=own, totals=names.totals + sums[named]
            )
    else:
        assert featurizer.vocabulary is not None
        bias = int(options.bias)
        rows = np.arange(len(vocabulary)) if columns is None else columns.kept[bias:] - bias
        own_counts = np.zeros(len(vocabulary), np.int64)
        own_counts[rows] = counts[bias:]
        totals = featurizer.vocabulary.totals
        if totals is not None:
            totals = np.concatenate([totals, np.zeros(len(vocabulary) - len(totals), np.float32)])
            totals[rows] += sums[bias:]
        extended.vocabulary = replace(vocabulary, frequencies=own_counts, totals=totals)
    return Extension(extended, columns, features)


def _added(
    options: FeaturizerOptions, vocabulary: Vocabulary, batches: Sequence[Batch], threads: int
) -> Vocabulary:
    """The features of the documents that the vocabulary lacks and has room for."""
    hasher = Hasher(options)
    blocks = list(blocks_of(batches))
    hashed = list(map_blocks(hasher.hash, blocks, threads))
    bounds = options.bounds(sum(map(len, blocks)))._replace(size=None)
    found, source = vocabularies.build(hashed, blocks, hasher, bounds, threads)
    names, offsets = source.names(threads)
    numbers = np.empty(len(found), np.int32)
    HashTable.of(vocabulary.hashes, 0).look_up(found.hashes, numbers)
    new = np.flatnonzero(numbers < 0)
    if options.max_features is not None:
        new = new[: max(0, options.max_features - len(vocabulary))]
    return replace(found, names=names, name_offsets=offsets).take(new)
