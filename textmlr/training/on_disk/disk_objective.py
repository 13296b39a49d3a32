"""An objective whose rows lie on disk, dealt into parts, in the form of ``kernels.disk_words``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen, pages
from textmlr.base.threads import map_blocks
from textmlr.corpus.disk_corpus import changed, read_exactly, whole
from textmlr.corpus.label_sets import Targets
from textmlr.features.csr_features import Features
from textmlr.kernels import disk_words as kernels
from textmlr.kernels import linear as linear_kernels
from textmlr.model.heads import SOFTMAX, Head
from textmlr.training.dealt_parts import Dealing
from textmlr.training.objective import Objective

ENDS = "ends"  # the file of the places, in words, where each document's row ends in its part's file
Weigh = Callable[[Features], Features]


@dataclass(frozen=True, eq=False)
class StoredObjective:
    """An ``Objective`` over documents whose rows lie in the files of a folder.

    dealing     the part of each document; part k is in the file ``name_of(k)``
    words       (K,) int64   size of each file, in words
    sizes       (K,) int64   entries of each part
    bits        of a word that hold a column
    frequencies (V,) int32   documents that each column occurs in
    weigh       counts → f(x), written over them
    scale       (V,) float32 that f(x) is multiplied by, None for 1
    threads     to read parts with, where several are wanted
    room        entries that ``in_order`` holds at a time, at least as many as a document has
    y, weights, labels, l2, unit_from, head  as in ``Objective``
    """

    folder: str
    dealing: Dealing
    words: NDArray[np.int64]
    sizes: NDArray[np.int64]
    bits: int
    frequencies: NDArray[np.int32]
    weigh: Weigh
    y: Targets
    weights: NDArray[np.float32]
    labels: int
    l2: float
    unit_from: int | None
    threads: int
    room: int
    scale: NDArray[np.float32] | None = None
    head: Head = SOFTMAX

    @property
    def columns(self) -> int:
        """V."""
        return len(self.frequencies)

    @property
    def nonzeros(self) -> int:
        """Entries of f(x) of all documents."""
        return int(self.sizes.sum())

    def part(self, number: int) -> Objective:
        """The objective over the documents of one part, ascending."""
        documents = self.dealing.documents(number)
        path = os.path.join(self.folder, name_of(number))
        content = read_exactly(path, 0, 4 * int(self.words[number])).view(np.uint32)
        return self._rows(content, documents.astype(np.int64), int(self.sizes[number]), path)

    def take(self, documents: NDArray[np.int64]) -> Objective:
        """The objective over some of the documents (numbers, ascending), in memory."""
        parts = self.dealing.part[documents]
        ends = whole(self.folder, ENDS, len(self.y))
        pieces: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)] * len(documents)
        for part in np.unique(parts).tolist():
            members = self.dealing.documents(part)
            path = os.path.join(self.folder, name_of(part))
            for place in np.flatnonzero(parts == part).tolist():
                document = documents[place]
                before = int(np.searchsorted(members, document)) - 1
                begin = int(ends[members[before]]) if before >= 0 else 0
                size = int(ends[document]) - begin
                if begin < 0 or size < 1:
                    raise changed(os.path.join(self.folder, ENDS))
                pieces[place] = read_exactly(path, 4 * begin, 4 * size)
        words = np.concatenate([np.empty(0, np.uint8), *pieces]).view(np.uint32)
        entries = sum(int(piece[:4].view(np.uint32)[0]) for piece in pieces)
        if entries > len(words):
            raise changed(os.path.join(self.folder, ENDS))
        return self._rows(words, documents, entries, self.folder)

    def in_order(
        self, documents: NDArray[np.int64]
    ) -> Iterator[tuple[Objective, NDArray[np.int64]]]:
        """Rows of documents (numbers, in any order), ``room`` entries at a time: (rows, the place
        of each of the next documents among them).  All parts are read each time."""
        sizes = self._row_words()[documents]
        ends = np.cumsum(sizes)
        first = 0
        while first < len(documents):
            before = int(ends[first - 1]) if first else 0
            last = int(np.searchsorted(ends, before + self.room, side="right"))
            last = max(last, first + 1)
            yield self._gathered(documents[first:last], int(ends[last - 1]) - before)
            first = last

    def in_memory(self) -> Objective:
        """The objective over all documents, in memory."""
        documents = np.arange(len(self.y))
        rows, places = self._gathered(documents, int(self.words.sum()))
        return rows.take(places)

    def documents_of(self) -> NDArray[np.int32]:
        """The number of documents that each column occurs in: (V,) int32."""
        return self.frequencies

    def scaled(
        self, scale: NDArray[np.float32], threads: int = 1, *, in_place: bool = False
    ) -> StoredObjective:
        """This objective as one of w, where θ_f = scale_f·w_f; see ``Objective.scaled``."""
        assert self.scale is None
        return replace(self, scale=scale, unit_from=None)

    @cached_property
    def unit(self) -> float:
        """The unit of learning rates, see ``Objective.unit``; all parts are read for it."""
        squares = np.empty(len(self.y), np.float64)

        def measure(number: int) -> None:
            rows = self.part(number).features
            own = np.empty(len(rows), np.float64)
            linear_kernels.square_lengths(frozen(rows.indptr), frozen(rows.values), own)
            squares[self.dealing.documents(number)] = own

        for _ in map_blocks(measure, range(len(self.dealing)), self.threads):
            pass
        total = float(self.weights.sum(dtype=np.float64))
        return 1.0 / (float((squares * self.weights).sum()) / total or 1.0)

    def _row_words(self) -> NDArray[np.int64]:
        """(n,) words of each document's row."""
        order, edges = self.dealing.order, self.dealing.edges[:-1]
        ends = whole(self.folder, ENDS, len(self.y))[order]
        own = np.diff(ends, prepend=0)
        begins = edges[edges < len(order)]
        own[begins] = ends[begins]
        if own.min(initial=1) < 1:
            raise changed(os.path.join(self.folder, ENDS))
        sizes = np.empty(len(order), np.int64)
        sizes[order] = own
        return sizes

    def _gathered(
        self, documents: NDArray[np.int64], room: int
    ) -> tuple[Objective, NDArray[np.int64]]:
        """(rows of documents, part by part; the place of each document among them).

        room  words of their rows: they have no more entries
        """
        indices, values = pages(room, np.int32), pages(room, np.float32)
        indptr = np.zeros(len(documents) + 1, np.int64)
        parts = self.dealing.part[documents]
        order = np.argsort(parts, kind="stable")
        edges = np.searchsorted(parts[order], np.arange(len(self.dealing) + 1))
        wanted = np.flatnonzero(np.diff(edges))
        row = at = 0
        for part, rows in zip(
            wanted, map_blocks(self.part, wanted.tolist(), self.threads), strict=True
        ):
            own = documents[order[edges[part] : edges[part + 1]]]
            local = np.searchsorted(self.dealing.documents(int(part)), own)
            ends = indptr[row : row + len(own) + 1]
            csr, into = rows.features, (indices[at:], values[at:])
            sizes = np.diff(csr.indptr)[local]
            if at + int(sizes.sum()) > room:  # kernels check nothing
                raise changed(os.path.join(self.folder, ENDS))
            linear_kernels.take(*csr.arrays(), frozen(local), ends, *into)
            ends += at
            row, at = row + len(own), int(ends[-1])
            del rows, csr
        places = np.empty(len(documents), np.int64)
        places[order] = np.arange(len(documents))
        features = Features(indptr, indices[:at], values[:at], self.columns)
        taken = documents[order]
        return self._objective(features, taken), places

    def _rows(
        self, words: NDArray[np.uint32], documents: NDArray[np.int64], entries: int, path: str
    ) -> Objective:
        indptr = np.empty(len(documents) + 1, np.int64)
        # They are large for a part: memory of their own goes back to the system.
        indices, values = pages(entries, np.int32), pages(entries, np.float32)
        read = kernels.decode(frozen(words), self.bits, indptr, indices, values)
        # Kernels check nothing.
        if read != len(words) or indices.max(initial=0) >= self.columns:
            raise changed(path)
        features = self.weigh(Features(indptr, indices, values, self.columns))
        objective = self._objective(features, documents)
        if self.scale is None:
            return objective
        return objective.scaled(self.scale, in_place=True)

    def _objective(self, features: Features, documents: NDArray[np.int64]) -> Objective:
        """Rows of some documents, with what belongs to these."""
        y, weights = self.y[documents], self.weights[documents]
        return Objective(features, y, weights, self.labels, self.l2, self.unit_from, self.head)


def name_of(part: int) -> str:
    """The file of a part's rows."""
    return f"rows-{part:05}"
