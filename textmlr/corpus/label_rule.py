"""LabelRule: whether the documents of a file have label sets, and what stands between labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.batch import ASCII_SPACE
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.corpus.written_lists import listed_labels


class ReadLabels(NamedTuple):
    """The labels of some documents of a file.

    y        codes into names: one a document, or sets
    names    the distinct names that occur
    firsts   (n,) int32, the code of each document's first label, −1 if it has none: where y is sets
             and the corpus decides whether it stays so; else None
    several  documents with several labels, of which the first was taken
    """

    y: Targets
    names: list[Any]
    firsts: NDArray[np.int32] | None = None
    several: int = 0

    def read(self, good: NDArray[np.bool_] | None) -> ReadLabels:
        """Those of some documents, None: all."""
        if good is None or good.all():
            return self
        y: Any = self.y[good]
        if self.firsts is not None:  # settling drops names that do not occur
            return self._replace(y=y, firsts=self.firsts[good])
        own, names = used(y, self.names)
        return self._replace(y=own, names=names)


@dataclass(frozen=True, slots=True)
class LabelRule:
    """How the labels of a file are taken.

    multilabel  True: documents have sets; False: the first of several is taken; None: sets, if a
                document of the corpus has several
    separator   what stands between the labels of one field, None if a field is a label
    lists       fields that are lists of labels, as JSON or Python write them, are read as such

    >>> LabelRule(True, "|").labels_in("scifi| comedy |scifi")
    ['scifi', 'comedy']
    >>> LabelRule(None, lists=True).labels_in("['scifi', 'comedy']")
    ['scifi', 'comedy']
    """

    multilabel: bool | None
    separator: str | None = None
    lists: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether each field is the one label of a document."""
        return self.separator is None and not self.multilabel and not self.lists

    @property
    def has_sets(self) -> bool:
        """Whether documents of one field have sets, empty ones too, at least until the whole corpus
        is known."""
        return self.multilabel is not False and not self.is_plain

    @property
    def none(self) -> list[str] | None:
        """The labels of a document of a list that has none; None where it is no document."""
        return None if self.multilabel is False else []

    def labels_in(self, field: str) -> list[str]:
        """The labels in a field, each once, in order."""
        own = listed_labels(field) if self.lists else None
        if own is not None:
            parts = own
        else:
            parts = [field] if self.separator is None else field.split(self.separator)
        named = (part.strip(ASCII_SPACE) for part in parts)
        return list(dict.fromkeys(name for name in named if name))

    def coded(self, codes: NDArray[np.int32], lists: Sequence[Sequence[str]]) -> ReadLabels:
        """The labels of documents.

        codes  (n,) int32   into lists
        lists  lists of labels, each label once in one; where documents have no sets, none that
               occurs is empty
        """
        code_of: dict[str, int] = {}
        own = [code_of.setdefault(name, len(code_of)) for one in lists for name in one]
        sizes = np.array([len(one) for one in lists] or [0], np.int64)
        begins = np.cumsum(sizes) - sizes
        each = sizes[codes]
        at = np.arange(each.sum()) + np.repeat(begins[codes] - (np.cumsum(each) - each), each)
        return self.taken(each, np.array(own or [0], np.int32)[at], list(code_of))

    def taken(
        self, sizes: NDArray[np.int64], codes: NDArray[np.int32], names: list[Any]
    ) -> ReadLabels:
        """The labels of documents.

        sizes  (n,) int64   how many each has; if documents have no sets, at least one
        codes  (m,) int32   into names, those of each document in order
        """
        n = len(sizes)
        begins = np.cumsum(sizes) - sizes
        if self.multilabel is False or (self.multilabel is None and (sizes == 1).all()):
            single, kept = used(codes[begins], names)
            return ReadLabels(single, kept, None, int((sizes > 1).sum()))
        sets = LabelSets.of_pairs(np.repeat(np.arange(n), sizes), codes, n)
        y, own = used(sets, names)
        if self.multilabel:
            return ReadLabels(y, own)
        place = {name: code for code, name in enumerate(own)}
        new = np.array([place.get(name, -1) for name in names], np.int32)
        firsts = np.full(n, -1, np.int32)
        firsts[sizes > 0] = new[codes[begins[sizes > 0]]]
        return ReadLabels(y, own, firsts)


@overload
def used(
    y: NDArray[np.integer[Any]], names: Sequence[str | None]
) -> tuple[NDArray[np.int32], list[Any]]: ...
@overload
def used(y: LabelSets, names: Sequence[str | None]) -> tuple[LabelSets, list[Any]]: ...
def used(y: Targets, names: Sequence[str | None]) -> tuple[Targets, list[Any]]:
    """Codes into only those names that occur, in the order of the names."""
    codes = y.codes if isinstance(y, LabelSets) else y
    present = np.bincount(codes, minlength=len(names)) > 0
    if present.all():
        return y, list(names)
    own = (np.cumsum(present) - 1).astype(np.int32)[codes]
    kept = [name for name, there in zip(names, present, strict=True) if there]
    return (LabelSets(y.offsets, own) if isinstance(y, LabelSets) else own), kept
