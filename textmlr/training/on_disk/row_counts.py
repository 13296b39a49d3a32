"""Rows of counts on disk, written while the text is read once; see ``kernels.disk_words``.

The file ``counts`` holds records of documents that follow one another.  Columns are numbered in the
order of first occurrence, until it is known which of them are features.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.disk_corpus import NOTHING, Sum, changed, extended, read_exactly, write_all
from textmlr.features.counting import HashCounts, Interner
from textmlr.features.csr_features import Features
from textmlr.features.featurizer import Featurizer
from textmlr.features.given_vocabulary import GivenCounts, given_vocabulary
from textmlr.features.ngrams import Hasher
from textmlr.kernels import csr_rows
from textmlr.kernels import disk_words as kernels
from textmlr.training.on_disk.stage_progress import Work

FILE = "counts"
RECORD_ENTRIES = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class CountRecords:
    """The records that were written, and the counts that were made meanwhile.

    records     (r, 5) int64   of each: words, documents, entries, bits of a column, period
    invalid     pieces of invalid UTF-8
    counted     the hashes; None with hashing
    frequencies (V,) int32   with hashing, documents that each column occurs in
    sum         of the file
    """

    records: NDArray[np.int64]
    invalid: int
    counted: HashCounts | None
    frequencies: NDArray[np.int32]
    sum: Sum


class _Records:
    """Writes records."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held: list[Features] = []
        self._entries = 0
        self.written: list[tuple[int, int, int, int, int]] = []
        self.sum = NOTHING

    def add(self, rows: Features, period: int) -> None:
        """Hold rows, and write a record once they have RECORD_ENTRIES entries."""
        self._held.append(rows)
        self._entries += len(rows.indices)
        if self._entries >= RECORD_ENTRIES:
            self.end(period)

    def end(self, period: int) -> None:
        """Write the rows held so far as one record."""
        if not self._held:
            return
        sizes = [len(rows.indices) for rows in self._held]
        begins = np.cumsum([0, *sizes[:-1]])
        indptr = np.concatenate(
            [np.zeros(1, np.int64)]
            + [r.indptr[1:] + begin for r, begin in zip(self._held, begins, strict=True)]
        )
        indices = np.concatenate([rows.indices for rows in self._held])
        values = np.concatenate([rows.values for rows in self._held])
        bits = max(1, int(indices.max(initial=0)).bit_length())
        n = len(indptr) - 1
        words, ends = np.empty(2 * len(indices) + n, np.uint32), np.empty(n, np.int64)
        kernels.encode(
            frozen(indptr), frozen(indices), frozen(values), frozen(np.arange(n)), bits, words, ends
        )
        size = int(ends[-1])
        write_all(self._file, words[:size])
        self.sum = extended(self.sum, words[:size])
        entries = int(np.count_nonzero(indices >= 0))
        self.written.append((size, n, entries, bits, period))
        self._held, self._entries = [], 0


def write_counts(
    corpus: Corpus,
    featurizer: Featurizer,
    folder: str,
    *,
    memory: int | None,
    most: int | None,
    threads: int,
    watch: Callable[[Work], None],
) -> CountRecords:
    """Read the text of a corpus, and write its rows of counts.

    featurizer  not fitted
    memory      bytes that the table of distinct n-grams may take, None for all it needs
    most        features that the vocabulary keeps, None for all but the rare
    watch       called as the text is read
    """
    options, invalid = featurizer.options, 0
    total, done = corpus.text_bytes, 0

    def blocks() -> Iterator[Batch]:
        nonlocal done
        for block in blocks_of(corpus.batches):
            yield block
            done += block.text_bytes
            watch(Work("tokenising", done, total))

    frequencies = np.zeros(0, np.int32)
    counted = None
    with open(os.path.join(folder, FILE), "wb") as file:
        records = _Records(file)
        if options.hash_bits is None:
            interner: Interner | GivenCounts = Interner(memory)
            if options.vocabulary is not None:
                interner = GivenCounts(given_vocabulary(options))
            for hashed in map_blocks(Hasher(options).hash, blocks(), threads):
                invalid += hashed.invalid
                if interner.crowded(len(hashed.hashes)):
                    records.end(interner.period)
                    interner.settle()
                columns = interner.intern(hashed.hashes, len(hashed.offsets) - 1)
                counts = hashed.counts.astype(np.float32)
                records.add(Features(hashed.offsets, columns, counts, 0), interner.period)
            records.end(interner.period)
            counted = interner.counted(options.bounds_of_fit(len(corpus))._replace(size=most))
        else:
            frequencies = np.zeros(featurizer.columns, np.int32)
            for rows in map_blocks(featurizer.counts_of, blocks(), threads):
                invalid += rows.invalid
                csr_rows.document_frequency(frozen(rows.indices), frequencies)
                records.add(rows, 0)
            records.end(0)
        file.flush()
        os.fsync(file.fileno())
    written = np.array(records.written, np.int64).reshape(-1, 5)
    return CountRecords(written, invalid, counted, frequencies, records.sum)


def read_record(folder: str, records: NDArray[np.int64], number: int) -> Features:
    """The rows of one record; their columns are below 2^bits."""
    words, n, entries, bits, _ = records[number].tolist()
    begin = int(records[:number, 0].sum())
    path = os.path.join(folder, FILE)
    content = read_exactly(path, 4 * begin, 4 * words).view(np.uint32)
    indptr, indices = np.empty(n + 1, np.int64), np.empty(entries, np.int32)
    values = np.empty(entries, np.float32)
    if kernels.decode(frozen(content), bits, indptr, indices, values) != words:
        raise changed(path)
    return Features(indptr, indices, values, 1 << bits)
