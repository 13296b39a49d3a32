"""Names of features whose tokens were not kept: the text they first occur in is read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.threads import map_blocks
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.corpus import Corpus
from textmlr.features.ngrams import Hasher
from textmlr.features.vocabulary import HashTable, Vocabulary
from textmlr.kernels import text_spans

Named = tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int64]]


def named(
    vocabulary: Vocabulary,
    corpus: Corpus,
    options: FeaturizerOptions,
    first: NDArray[np.int64],
    threads: int = 1,
) -> Vocabulary:
    """The vocabulary with its names.

    first  (v,) the first document each feature occurs in
    """
    table, hasher = HashTable.of(vocabulary.hashes, 0), Hasher(options)

    def name(own: tuple[Batch, NDArray[np.int64]]) -> Named:
        block, documents = own
        hashed = hasher.hash(block)
        columns = np.empty(len(hashed.hashes), np.int32)
        table.look_up(hashed.hashes, columns)
        rows = np.repeat(np.arange(len(block)), np.diff(hashed.offsets))
        new = np.flatnonzero((columns >= 0) & (first[columns] == documents[rows]))
        # Distinct n-grams come in the order of occurrence: their places ascend.
        blob, ends = hasher.name(
            block, hashed.tokens, rows[new], hashed.places[new].astype(np.int64)
        )
        return columns[new], blob, ends

    size = 0
    numbers, blobs, stops = [], [np.empty(0, np.uint8)], []
    for columns, blob, ends in map_blocks(name, _first_documents(corpus, first), threads):
        numbers.append(columns)
        blobs.append(blob)
        stops.append(ends + size)
        size += len(blob)
    order = np.concatenate([np.empty(0, np.int32), *numbers])
    stop = np.concatenate([np.empty(0, np.int64), *stops])
    start = np.concatenate([np.zeros(1, np.int64), stop])[:-1]
    begins, ends = np.zeros(len(vocabulary), np.int64), np.zeros(len(vocabulary), np.int64)
    begins[order], ends[order] = start, stop
    names = np.empty(size, np.uint8)
    text_spans.gather(frozen(np.concatenate(blobs)), frozen(begins), frozen(ends), names)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(ends - begins)])
    return replace(vocabulary, names=names, name_offsets=offsets)


def _first_documents(
    corpus: Corpus, first: NDArray[np.int64]
) -> Iterator[tuple[Batch, NDArray[np.int64]]]:
    """The documents that a feature first occurs in, some at a time, and their numbers."""
    wanted = np.zeros(len(corpus), bool)
    wanted[first[first >= 0]] = True
    before = 0
    for number, (documents, _) in enumerate(corpus.sizes):
        own = np.flatnonzero(wanted[before : before + documents])
        if len(own):
            done = before
            for block in blocks_of([corpus.batches[number].compact(own)]):
                yield block, (own + before)[done - before : done - before + len(block)]
                done += len(block)
        before += documents
