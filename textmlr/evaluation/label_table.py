"""The figures of very many labels, of those that say something: rows are made as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from textmlr.evaluation.label_figures import LabelFigures
from textmlr.evaluation.ranked_truth import RankedTruth


class LabelTable(Sequence[LabelFigures]):
    """A row a label that documents have or that is an answer, in the labels' order.

    names      of labels, the model's and others
    known      labels of the model, the first of names
    codes      (m,) the labels of the rows, into names, ascending
    support, predicted, hits  (m,) their documents, how often they are the answer, and rightly so
    pairs      (n,) label of each document and (n,) its answer, by row

    Two tables are equal if their rows are.
    """

    def __init__(self, answered: RankedTruth) -> None:
        self.names, self.known = answered.names, answered.width
        own, top = answered.codes, answered.top
        self.codes, rows = np.unique(np.concatenate([own, top]), return_inverse=True)
        own, top = rows[: len(own)], rows[len(own) :]
        most = len(self.codes)
        self.support = np.bincount(own, minlength=most)
        self.predicted = np.bincount(top, minlength=most)
        self.hits = np.bincount(own[own == top], minlength=most)
        self.pairs = own, top

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, at: int) -> LabelFigures: ...
    @overload
    def __getitem__(self, at: slice) -> list[LabelFigures]: ...
    def __getitem__(self, at: int | slice) -> LabelFigures | list[LabelFigures]:
        if isinstance(at, slice):
            return [self._row(i) for i in range(*at.indices(len(self)))]
        return self._row(range(len(self))[at])

    def __iter__(self) -> Iterator[LabelFigures]:
        return map(self._row, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelTable) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self.codes.tolist()))

    def __repr__(self) -> str:
        return f"<figures of {len(self):,} of {len(self.names):,} labels>"

    @property
    def f1(self) -> NDArray[np.float64]:
        """(m,) F1 of each row."""
        f1: NDArray[np.float64] = 2 * self.hits / (self.support + self.predicted)
        return f1

    def worst(self, most: int) -> list[LabelFigures]:
        """The rows of lowest F1, of these the labels with most documents first."""
        return self._rows(np.lexsort((-self.support, self.f1))[:most])

    def frequent(self, most: int) -> list[LabelFigures]:
        """The rows of the labels with most documents."""
        return self._rows(np.argsort(-self.support, kind="stable")[:most])

    def of(self, code: int) -> LabelFigures:
        """The figures of a label, by its place in names: 0 where it has no row."""
        at = int(np.searchsorted(self.codes, code))
        if at < len(self) and self.codes[at] == code:
            return self._row(at)
        return LabelFigures(self.names[code], 0.0, 0.0, 0.0, 0, 0, ())

    def never_answered(self) -> list[str]:
        """Labels of the model that documents have, and that are the answer to none."""
        never = self.codes[(self.predicted == 0) & (self.codes < self.known)]
        return [self.names[code] for code in never.tolist()]

    def _rows(self, chosen: NDArray[np.int64]) -> list[LabelFigures]:
        return [self._row(at) for at in chosen.tolist()]

    def _row(self, at: int) -> LabelFigures:
        hits, own, given = (int(one[at]) for one in (self.hits, self.support, self.predicted))
        return LabelFigures(
            self.names[self.codes[at]],
            hits / max(given, 1),
            hits / max(own, 1),
            2 * hits / (own + given),
            own,
            given,
            (),
        )
