"""Corpus: labelled documents in memory, or on disk behind the same face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import CORPUS_MEND, check_flag, check_kind, is_list, taken
from textmlr.base.errors import InputError
from textmlr.base.option_errors import shown as brief
from textmlr.base.printable import plain, plural
from textmlr.corpus.batch import Batch
from textmlr.corpus.containers import Labels, Texts, Weights
from textmlr.corpus.documents import (
    CorpusTexts,
    Document,
    as_tuple,
    drawn,
    shortened,
    texts_in,
)
from textmlr.corpus.label_rule import LabelRule, used
from textmlr.corpus.label_sets import LabelSets, Targets, as_sets, label_counts
from textmlr.corpus.reading_kinds import character
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.taken_columns import Taken


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


MEMORY = "memory"  # the name of batches that are of no file
SHOWN_LABELS = 6  # in a repr
SHOWN_FILES = 5  # in a message
SHOWN_ROWS = 5  # in a notebook


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Corpus(Sequence[Document]):
    """Labelled documents: a sequence of (text, label).

    >>> corpus = Corpus.of(["good", "bad", "fine"], ["pos", "neg", "pos"])
    >>> corpus
    Corpus of 3 documents with 2 labels, 11 bytes of text
    labels: pos 2, neg 1
    use it: textmlr.train(corpus); corpus[0]; train, test = corpus.split(0.2)
    >>> len(corpus), corpus[-1], corpus[:2].labels
    (3, Document(text='fine', label='pos'), ['neg', 'pos'])
    >>> [text for text, label in corpus if label == "pos"]
    ['good', 'fine']

    batches      the documents in order; document numbers run on from batch to batch
    y            (n,) int32, codes into labels; or LabelSets of such, in a multi-label corpus
    labels       L distinct label names, sorted by code point, whatever the order of the files
    weights      (n,) float32 document weights >= 0, or None: each counts 1
    names        one name a file, for messages
    skipped      lines left out with skip_bad_lines
    skipped_examples  what is wrong with the first few of them: "reviews.tsv, line 7: blank line"
    file_of      number of each batch's file in names; None: a batch a file
    notes        what a user should know of how the files were read, a sentence each
    taken        what the files are, and which of their columns were read, each once
    """

    batches: Sequence[Batch]
    y: Targets
    labels: list[str]
    weights: NDArray[np.float32] | None
    names: list[str]
    skipped: int = 0
    skipped_examples: list[str] = field(default_factory=list)
    file_of: Sequence[int] | None = None
    notes: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises InputError for what no reader makes."""
        if not is_list(self.batches) or not hasattr(self.batches, "__getitem__"):
            raise taken("batches", self.batches, "a list of Batch", _OF)
        codes = self.y.codes if isinstance(self.y, LabelSets) else self.y
        if not isinstance(codes, np.ndarray) or codes.dtype != np.int32:
            raise taken("y", self.y, "an array of int32, codes of labels", _OF)
        for name in ("labels", "names", "skipped_examples", "notes", "taken"):
            if not isinstance(getattr(self, name), list):
                raise taken(name, getattr(self, name), "a list", _OF)
        if self.weights is not None and not isinstance(self.weights, np.ndarray):
            raise taken("weights", self.weights, "an array of float32 or None", _OF)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def is_multilabel(self) -> bool:
        """Whether documents have any number of labels: y is LabelSets, a label is a tuple."""
        return isinstance(self.y, LabelSets)

    @overload
    def __getitem__(self, i: int) -> Document: ...
    @overload
    def __getitem__(self, i: slice) -> Corpus: ...
    def __getitem__(self, i: int | slice) -> Document | Corpus:
        """A document by its number, from 0, or from the end if it is negative; of a slice, the
        corpus of its documents."""
        if isinstance(i, slice):
            rows = range(len(self))[i]
            if rows.step < 0:
                raise InputError(
                    "a corpus keeps its order, and the slice goes backwards",
                    mend="leave out its step",
                )
            return self.subset(np.arange(rows.start, rows.stop, rows.step, dtype=np.int64))
        return Document(self.text(i), self._label(i))

    def __iter__(self) -> Iterator[Document]:
        return map(Document, texts_in(self.batches), self._labels())

    def _label(self, i: int) -> str | tuple[str, ...]:
        """The label of a document, or a tuple of its labels."""
        own: Any = self.y[i]
        return tuple(self.labels[c] for c in own) if self.is_multilabel else self.labels[own]

    def _labels(self) -> list[str] | list[tuple[str, ...]]:
        """The label of each document, or a tuple of its labels."""
        names = self.labels
        if isinstance(self.y, LabelSets):
            return [tuple([names[code] for code in own]) for own in self.y.tolist()]
        return [names[code] for code in self.y.tolist()]

    def __repr__(self) -> str:
        counts = label_counts(self.y, len(self.labels)).astype(np.int64)
        common = np.argsort(-counts, kind="stable")[:SHOWN_LABELS].tolist()
        shown = ", ".join(f"{plain(self.labels[code])[:30]} {counts[code]:,}" for code in common)
        more = len(self.labels) - len(common)
        return (
            f"Corpus of {self._size()}\n"
            f"labels: {shown}{f' and {more:,} more' if more else ''}\n"
            "use it: textmlr.train(corpus); corpus[0]; train, test = corpus.split(0.2)"
        )

    def _size(self) -> str:
        """How large it is, in words."""
        size = self.text_bytes
        power = 2 if size >= 1e6 else 1 if size >= 1e4 else 0
        number = plural(size, "byte") if not power else f"{size / 1000**power:.1f} {' KM'[power]}B"
        skipped = f", {self.skipped:,} bad lines left out" if self.skipped else ""
        labels = plural(len(self.labels), "label")
        if isinstance(self.y, LabelSets):
            labels += f" ({len(self.y.codes) / max(len(self), 1):.1f} a document)"
        return f"{plural(len(self), 'document')} with {labels}, {number} of text{skipped}"

    def _repr_html_(self) -> str:
        """The first documents, as a notebook shows them."""
        from textmlr.base.notebook_page import fragment
        from textmlr.base.web_page import name_of, visible

        rows = "".join(
            f'<tr><td class="name">{", ".join(map(name_of, as_tuple(label)))}</td>'
            f'<td class="name">{visible(shortened(text, 120))}</td></tr>\n'
            for text, label in map(self.__getitem__, range(min(len(self), SHOWN_ROWS)))
        )
        more = len(self) - SHOWN_ROWS
        return fragment(
            f"<p><b>Corpus</b> of {visible(self._size())}</p>\n<table><thead><tr>"
            '<th class="name">label</th><th class="name">text</th></tr></thead>\n'
            f"<tbody>{rows}</tbody></table>" + (f"<p>and {more:,} more</p>" if more > 0 else "")
        )

    @property
    def texts(self) -> CorpusTexts:
        """The texts, a sequence of str."""
        return CorpusTexts(self.batches, len(self), self.text)

    @property
    def labels_of(self) -> NDArray[np.object_]:
        """The label of each document, (n,) array of str; of tuples of str in a multi-label
        corpus."""
        if not isinstance(self.y, LabelSets):
            names: NDArray[np.object_] = np.array([*self.labels, ""], object)[self.y]
            return names
        out = np.empty(len(self), object)
        out[:] = self._labels()
        return out

    def to_pandas(self) -> Any:
        """A DataFrame of columns text, label (in a multi-label corpus labels, of lists) and, if
        documents have weights, weight.

        Raises InputError where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            mend = "pip install pandas"
            raise InputError("pandas is not installed", mend=mend) from None
        columns: dict[str, Any] = {"text": list(self.texts), "label": self.labels_of}
        if self.is_multilabel:
            columns = {"text": columns["text"], "labels": [list(own) for own in self._labels()]}
        if self.weights is not None:
            columns["weight"] = self.weights
        return pd.DataFrame(columns)

    def split(self, share: float = 0.2, seed: int = 1) -> tuple[Corpus, Corpus]:
        """(train, test): the test part has ``share`` of each label's documents, drawn at random.

        Each label keeps a document in the first part, so that training sees all of them.  The same
        seed draws the same documents.  A part of a corpus on disk is in memory.
        Raises InputError for a share that is not between 0 and 1, and if test would be empty.

        >>> corpus = Corpus.of([f"text {i}" for i in range(10)], ["a"] * 5 + ["b"] * 5)
        >>> train, test = corpus.split(0.2, seed=1)
        >>> len(train), sorted(test.labels_of)
        (8, ['a', 'b'])
        """
        test = drawn(self.y, share, seed)
        return self.subset(np.flatnonzero(~test)), self.subset(np.flatnonzero(test))

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
    def of(
        cls,
        texts: Texts,
        labels: Labels,
        weights: Weights | None = None,
        *,
        multilabel: bool | None = None,
        label_separator: str | None = None,
    ) -> Corpus:
        """The corpus of texts and labels that are in memory, in whatever holds them.

        texts    as ``corpus.in_memory.batches_of`` takes them
        labels   str, int or bool, as ``corpus.labels.code_labels`` takes them; the corpus's are
                 their names: "3" for 3, "true" for True.  Or lists, tuples or sets of them
        weights  None, or numbers of at least 0
        multilabel, label_separator  as in ReadingOptions
        Raises InputError, naming the position, for what is missing or of another type.

        >>> corpus = Corpus.of(["good", "bad", "fine"], [1, 0, 1])
        >>> corpus.labels, corpus.y.tolist(), corpus.text(2)
        (['0', '1'], [1, 0, 1], 'fine')
        >>> Corpus.of(["a robot laughs", "a duel"], [["scifi", "comedy"], ["western"]])[0].label
        ('comedy', 'scifi')
        """
        from textmlr.corpus.labelled_texts import labelled_texts

        reading = ReadingOptions(multilabel=multilabel, label_separator=label_separator)
        separator = label_separator and character(label_separator)
        rule = LabelRule(reading.multilabel, separator)
        own = labelled_texts(texts, labels, weights, rule)
        names = [MEMORY] * len(own.batches)
        return cls(own.batches, own.y, own.labels, own.weights, names, notes=own.notes)

    def with_sets(self, multilabel: bool) -> Corpus:
        """This corpus with label sets, or, if it has no sets, without.

        Raises InputError for sets that are not wanted.
        """
        check_flag("multilabel", multilabel)
        if not multilabel and self.is_multilabel:
            raise InputError(
                "documents of this corpus have several labels, and here each has one",
                place=files_of(self),
                mend="read it with multilabel=False, which takes the first of each",
            )
        return replace(self, y=as_sets(self.y)) if multilabel else self

    def text(self, i: int) -> str:
        """Document i, from the end if i is negative; bytes that are not UTF-8 are U+FFFD."""
        _check_number(i)
        if not -len(self) <= i < len(self):
            raise IndexError(f"there is no document {brief(int(i))}: the corpus has {len(self):,}")
        own, stored = int(i) % len(self), self.batches
        for number, documents in enumerate(self._documents()):
            if own < documents:
                if isinstance(stored, StoredSizes):
                    return stored.take(number, np.array([own]))[0].decode("utf-8", "replace")
                return stored[number][own].decode("utf-8", "replace")
            own -= documents
        raise AssertionError("more codes of labels than documents")

    def _documents(self) -> list[int]:
        """The number of documents of each batch."""
        if isinstance(self.batches, StoredSizes):
            return self.batches.documents
        return [len(batch) for batch in self.batches]

    def place(self, i: int) -> tuple[str, int]:
        """The name of document i's file, and its number among the documents of the file, from 1."""
        _check_number(i)
        files = range(len(self.batches)) if self.file_of is None else self.file_of
        before: dict[int, int] = {}
        if not 0 <= i < len(self):
            raise IndexError(f"there is no document {brief(int(i))}: the corpus has {len(self):,}")
        for documents, file in zip(self._documents(), files, strict=True):
            if i < documents:
                return self.names[file], before.get(file, 0) + i + 1
            before[file] = before.get(file, 0) + documents
            i -= documents
        raise AssertionError("more codes of labels than documents")

    def subset(self, rows: NDArray[np.int64]) -> Corpus:
        """The corpus of some of the documents, and of the labels that these have.

        rows  their numbers, ascending
        """
        _check_rows(rows)
        batches, first, stored = [], 0, self.batches
        for number, documents in enumerate(self._documents()):
            own = rows[(rows >= first) & (rows < first + documents)] - first
            if isinstance(stored, StoredSizes):
                batches.append(stored.take(number, own))
            else:
                batch = stored[number]
                batches.append(Batch(batch.text, batch.starts[own], batch.stops[own]))
            first += documents
        y, labels = used(self.y[rows], self.labels)
        return replace(
            self,
            batches=batches,
            y=y,
            labels=labels,
            weights=None if self.weights is None else self.weights[rows],
            skipped=0,
            skipped_examples=[],
            notes=[],
        )


def files_of(corpus: Corpus) -> str | None:
    """The files of a corpus, for messages; None if there are none."""
    names = [name for name in dict.fromkeys(corpus.names) if name != MEMORY]
    more = len(names) - SHOWN_FILES
    shown = ", ".join(names[:SHOWN_FILES]) + (f" and {more:,} more" if more > 0 else "")
    return shown or None


def check_corpus(name: str, value: Any, *, optional: bool = False) -> None:
    """Raise InputError, which says how to make one, unless it is a Corpus; optional: or None."""
    check_kind(name, value, Corpus, CORPUS_MEND, optional=optional)
