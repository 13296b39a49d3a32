"""From rows of counts to the files of parts, as ``disk_objective`` reads them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.corpus.disk_corpus import NOTHING, Sum, changed, extended, write_all
from textmlr.features.csr_features import Features
from textmlr.kernels import disk_words as kernels
from textmlr.training.dealt_parts import Dealing
from textmlr.training.on_disk.disk_objective import ENDS, name_of
from textmlr.training.on_disk.row_counts import FILE, read_record

HELD_WORDS = 1 << 24  # words that are held before they are written to the files of parts
_Renumbered = tuple[Features, NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class PartFiles:
    """The places of the rows that ``deal`` wrote.

    words  (K,) int64   size of each part's file, in words
    sizes  (K,) int64   entries of each part
    first  (V,) int64   the first document that each column occurs in, −1 for none
    bits   of a word that hold a column
    sums   of all files, by name
    """

    words: NDArray[np.int64]
    sizes: NDArray[np.int64]
    first: NDArray[np.int64]
    bits: int
    sums: dict[str, Sum]


class _PartWriter:
    """Writes rows to the files of parts, many at a time: more files may be needed than can be open
    at once."""

    def __init__(self, folder: str, parts: int) -> None:
        self._folder = folder
        self._held: list[list[NDArray[np.uint32]]] = [[] for _ in range(parts)]
        self._words = 0
        self._cursor = np.zeros(parts, np.int64)
        self.sums = [NOTHING] * parts
        for part in range(parts):
            with open(self._path(part), "wb"):
                pass

    def add(
        self,
        part: NDArray[np.unsignedinteger[Any]],
        words: NDArray[np.uint32],
        stops: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Add rows, sorted by part; return where each ends in the file of its part.

        words  of the rows;  stops (n,) where each ends in them
        """
        edges = np.flatnonzero(np.diff(part.astype(np.int64), prepend=-1, append=-1))
        ends = stops.copy()
        for begin, end in pairwise(edges.tolist()):
            own, before = int(part[begin]), int(stops[begin - 1]) if begin else 0
            piece = words[before : int(stops[end - 1])]
            self._held[own].append(piece)
            ends[begin:end] += self._cursor[own] - before
            self._cursor[own] += len(piece)
        self._words += len(words)
        if self._words >= HELD_WORDS:
            self._flush(sync=False)
        return ends

    def finish(self) -> NDArray[np.int64]:
        """Write the rows held so far, and sync.  Returns the words of each file."""
        self._flush(sync=True)
        return self._cursor

    def _flush(self, *, sync: bool) -> None:
        for part, pieces in enumerate(self._held):
            with open(self._path(part), "ab", buffering=0) as file:
                for piece in pieces:
                    write_all(file, piece)
                    self.sums[part] = extended(self.sums[part], piece)
                if sync:
                    os.fsync(file.fileno())
        self._held = [[] for _ in self._held]
        self._words = 0

    def _path(self, part: int) -> str:
        return os.path.join(self._folder, name_of(part))


@dataclass(frozen=True, slots=True, eq=False)
class _Renumberer:
    """Makes rows of features out of rows of counts.  See ``deal``."""

    folder: str
    records: NDArray[np.int64]
    numbers: NDArray[np.int32]
    born: NDArray[np.int32]
    columns: int
    dealing: Dealing
    bias: bool

    @property
    def bits(self) -> int:
        """Bits of a word that hold a column."""
        return max(1, (self.columns - 1).bit_length())

    @property
    def documents(self) -> NDArray[np.int64]:
        """The first document of each record."""
        first: NDArray[np.int64] = np.cumsum(self.records[:, 1]) - self.records[:, 1]
        return first

    def rows(self, record: int) -> Features:
        """The rows of one record."""
        counted = read_record(self.folder, self.records, record)
        if counted.indices.max(initial=-1) >= len(self.numbers):
            raise changed(os.path.join(self.folder, FILE))
        n, room = len(counted), len(counted.indices) + len(counted) * self.bias
        rows = np.empty(n + 1, np.int64), np.empty(room, np.int32), np.empty(room, np.float32)
        kernels.renumber(
            frozen(counted.indptr),
            frozen(counted.indices),
            frozen(counted.values),
            frozen(self.numbers),
            frozen(self.born),
            int(self.records[record, 4]),
            self.bias,
            *rows,
        )
        size = int(rows[0][-1])
        return Features(rows[0], rows[1][:size], rows[2][:size], self.columns)

    def dealt(self, record: int) -> _Renumbered:
        """The rows of one record; their order by part, and in that order their words, and where
        each row ends in these."""
        made, n = self.rows(record), int(self.records[record, 1])
        document = int(self.documents[record])
        order = np.argsort(self.dealing.part[document : document + n], kind="stable")
        out, stops = np.empty(2 * len(made.indices) + n, np.uint32), np.empty(n, np.int64)
        kernels.encode(
            frozen(made.indptr),
            frozen(made.indices),
            frozen(made.values),
            frozen(order),
            self.bits,
            out,
            stops,
        )
        return made, order, out[: int(stops[-1])], stops


def deal(
    folder: str,
    records: NDArray[np.int64],
    numbers: NDArray[np.int32],
    born: NDArray[np.int32],
    columns: int,
    dealing: Dealing,
    *,
    bias: bool,
    threads: int,
) -> PartFiles:
    """Write the rows of all records to the files of their parts, with numbers for columns.

    records   as ``row_counts.write_counts`` wrote them
    numbers   (c,) number of each column, −1 if it is left out
    born      see ``counting.HashCounts``
    columns   V, above all numbers
    bias      each row begins with column 0
    """
    renumberer = _Renumberer(folder, records, numbers, born, columns, dealing, bias)
    documents = renumberer.documents
    first = np.full(columns, -1, np.int64)
    ends = np.empty(len(dealing.part), np.int64)
    sizes = np.zeros(len(dealing), np.int64)
    writer = _PartWriter(folder, len(dealing))
    for record, (rows, order, words, stops) in enumerate(
        map_blocks(renumberer.dealt, range(len(records)), threads)
    ):
        document = int(documents[record])
        kernels.note_first(frozen(rows.indptr), frozen(rows.indices), document, first)
        part = dealing.part[document + order]
        sizes += np.bincount(part, np.diff(rows.indptr)[order], len(dealing)).astype(np.int64)
        ends[document + order] = writer.add(part, words, stops)
    sizes_in_words = writer.finish()
    with open(os.path.join(folder, ENDS), "wb", buffering=0) as file:
        write_all(file, ends)
        os.fsync(file.fileno())
    sums = {name_of(number): own for number, own in enumerate(writer.sums)}
    sums[ENDS] = extended(NOTHING, ends)
    return PartFiles(sizes_in_words, sizes, first, renumberer.bits, sums)
