"""Corpus: labelled documents in memory, or on disk behind the same face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import CORPUS_MEND, check_kind, is_list, taken
from textmlr.base.errors import InputError
from textmlr.corpus.batch import Batch


@runtime_checkable
class StoredSizes(Protocol):
    """Batches that are read whenever they are asked for, and know how large they are.

    documents, sizes  documents and bytes of text of each
    """

    documents: list[int]
    sizes: list[int]

    def take(self, number: int, rows: NDArray[np.int64]) -> Batch:
        """Some documents (numbers, ascending) of a batch."""


_OF = "make a corpus by textmlr.Corpus.of(texts, labels), or read it by textmlr.read_corpus"


def _check_rows(rows: Any) -> None:
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise taken("rows", rows, "an array of numbers of documents")


def _check_number(i: Any) -> None:
    if isinstance(i, bool) or not isinstance(i, int | np.integer):
        raise taken("i", i, "the number of a document, from 0")


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Labelled documents.

    batches      the documents in order; document numbers run on from batch to batch
    y            (n,) int32, codes into labels
    labels       L distinct label names, sorted by code point, whatever the order of the files
    weights      (n,) float32 document weights >= 0, or None: each counts 1
    names        one name a file, for messages
    skipped      lines left out with skip_bad_lines
    skipped_examples  what is wrong with the first few of them: "reviews.tsv, line 7: blank line"
    file_of      number of each batch's file in names; None: a batch a file
    notes        what a user should know of how the files were read, a sentence each
    """

    batches: Sequence[Batch]
    y: NDArray[np.int32]
    labels: list[str]
    weights: NDArray[np.float32] | None
    names: list[str]
    skipped: int = 0
    skipped_examples: list[str] = field(default_factory=list)
    file_of: Sequence[int] | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises InputError for what no reader makes."""
        if not is_list(self.batches) or not hasattr(self.batches, "__getitem__"):
            raise taken("batches", self.batches, "a list of Batch", _OF)
        if not isinstance(self.y, np.ndarray) or self.y.dtype != np.int32:
            raise taken("y", self.y, "an array of int32, codes of labels", _OF)
        for name in ("labels", "names", "skipped_examples", "notes"):
            if not isinstance(getattr(self, name), list):
                raise taken(name, getattr(self, name), "a list of strings", _OF)
        if self.weights is not None and not isinstance(self.weights, np.ndarray):
            raise taken("weights", self.weights, "an array of float32 or None", _OF)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(documents, bytes of text) of each batch; those on disk are not read for it."""
        if isinstance(self.batches, StoredSizes):
            return list(zip(self.batches.documents, self.batches.sizes, strict=True))
        return [(len(batch), batch.text_bytes) for batch in self.batches]

    @property
    def text_bytes(self) -> int:
        """Bytes of text in all documents."""
        return sum(size for _, size in self.sizes)

    def picked(self, rows: NDArray[np.int64]) -> list[Batch]:
        """Some of the documents (numbers, ascending), copied, batch by batch."""
        _check_rows(rows)
        batches, first = [], 0
        for number, (documents, _) in enumerate(self.sizes):
            begin, end = np.searchsorted(rows, [first, first + documents]).tolist()
            if begin < end:
                own = rows[begin:end] - first
                stored = self.batches
                if isinstance(stored, StoredSizes):
                    batches.append(stored.take(number, own))
                else:
                    batches.append(stored[number].compact(own))
            first += documents
        return batches

    @classmethod
    def of(cls, texts: Any, labels: Any, weights: Any = None) -> Corpus:
        """The corpus of texts and labels that are in memory, in whatever holds them.

        texts    as ``corpus.in_memory.batches_of`` takes them
        labels   str, int or bool, as ``corpus.labels.code_labels`` takes them; the corpus's are
                 their names: "3" for 3, "true" for True
        weights  None, or numbers of at least 0
        Raises InputError, naming the position, for what is missing or of another type.

        >>> corpus = Corpus.of(["good", "bad", "fine"], [1, 0, 1])
        >>> corpus.labels, corpus.y.tolist(), corpus.text(2)
        (['0', '1'], [1, 0, 1], 'fine')
        """
        from textmlr.corpus.in_memory import batches_of
        from textmlr.corpus.labels import check_weights, code_labels

        batches = batches_of(texts)
        y, names = code_labels(labels)
        own = None if weights is None else check_weights(weights)
        documents = sum(map(len, batches))
        for what, number in (
            ("labels", len(y)),
            ("weights", documents if own is None else len(own)),
        ):
            if number != documents:
                raise InputError(
                    f"{number} {what} for {documents} documents", mend="give one a document"
                )
        return cls(batches, y, names, own, ["memory"] * len(batches))

    def text(self, i: int) -> str:
        """Document i; bytes that are not UTF-8 are U+FFFD."""
        _check_number(i)
        if not 0 <= i < len(self):
            raise IndexError("there is no such document")
        (batch,) = self.picked(np.array([i]))
        return batch[0].decode("utf-8", "replace")

    def place(self, i: int) -> tuple[str, int]:
        """The name of document i's file, and its number among the documents of the file, from 1."""
        _check_number(i)
        files = range(len(self.batches)) if self.file_of is None else self.file_of
        before: dict[int, int] = {}
        for (documents, _), file in zip(self.sizes, files, strict=True):
            if i < documents:
                return self.names[file], before.get(file, 0) + i + 1
            before[file] = before.get(file, 0) + documents
            i -= documents
        raise IndexError("there is no such document")

    def subset(self, rows: NDArray[np.int64]) -> Corpus:
        """The corpus of some of the documents, and of the labels that these have.

        rows  their numbers, ascending
        """
        _check_rows(rows)
        batches, first = [], 0
        for batch in self.batches:
            own = rows[(rows >= first) & (rows < first + len(batch))] - first
            batches.append(Batch(batch.text, batch.starts[own], batch.stops[own]))
            first += len(batch)
        codes, y = np.unique(self.y[rows], return_inverse=True)
        return replace(
            self,
            batches=batches,
            y=y.astype(np.int32),
            labels=[self.labels[code] for code in codes.tolist()],
            weights=None if self.weights is None else self.weights[rows],
            skipped=0,
            skipped_examples=[],
            notes=[],
        )


def check_corpus(name: str, value: Any, *, optional: bool = False) -> None:
    """Raise InputError, which says how to make one, unless it is a Corpus; optional: or None."""
    check_kind(name, value, Corpus, CORPUS_MEND, optional=optional)
