"""Labels in columns of Arrow's: a value or a list of them a row, or a column a label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from textmlr.corpus.arrow_batch import encoded, merged
from textmlr.corpus.arrow_types import first_members, is_list, members_of
from textmlr.corpus.formats.field_labels import truths_of
from textmlr.corpus.label_rule import LabelRule, ReadLabels


@dataclass(frozen=True, slots=True, eq=False)
class ArrowLabels:
    """The labels of the rows of a batch.

    rule     how they are taken
    counts   (n,) int64   labels of each row, −1 for null
    sizes    (n,) int64   of these, how many are looked at: of several perhaps the first alone
    codes    (m,) int32   those of each row in order, into names; −1 for null
    names    the names, of which some may be alike; None or "" is none
    """

    rule: LabelRule
    counts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    codes: NDArray[np.int32]
    names: list[str | None]

    @classmethod
    def of(cls, column: pa.Array, rule: LabelRule, classes: list[str] | None) -> ArrowLabels:
        """The labels in a column.

        classes  names of the labels 0, 1, … of a data set of Hugging Face's, None of any other
        Raises pa.ArrowException for lists that Arrow cannot cut.
        """
        if is_list(column.type):
            if rule.multilabel is False:
                counts, members = first_members(column)
                sizes = np.minimum(np.maximum(counts, 0), 1)
            else:
                counts, members = members_of(column)
                sizes = np.maximum(counts, 0)
            codes, names = encoded(members)
        else:
            codes, names = encoded(column)
            sizes = counts = np.ones(len(column), np.int64)
        if classes is not None:
            names = [_class_name(name, classes) for name in names]
        elif not (rule.is_plain or is_list(column.type)):
            return cls._parted(rule, codes, names)
        return cls(rule, counts, sizes, codes, names)

    @classmethod
    def _parted(
        cls, rule: LabelRule, codes: NDArray[np.int32], fields: list[str | None]
    ) -> ArrowLabels:
        """The labels in fields that may hold several, or none."""
        code_of: dict[str | None, int] = {}
        lists = [[None] if one is None else rule.labels_in(one) for one in fields]
        own = [[code_of.setdefault(name, len(code_of)) for name in one] for one in lists] + [[-1]]
        sizes = np.array([len(one) for one in own], np.int64)
        flat = [code for row in codes.tolist() for code in own[row]]  # -1 takes the last
        each = sizes[codes]
        return cls(rule, each, each, np.array(flat, np.int32), list(code_of))

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """(n,)  rows with a label that is missing, or has no name."""
        unnamed = np.array([not name for name in self.names] + [True])
        out = self.counts < 0
        out[np.repeat(np.arange(len(out)), self.sizes)[unnamed[self.codes]]] = True
        return out

    @property
    def without(self) -> NDArray[np.bool_]:
        """(n,)  rows without labels, which are not documents."""
        if self.rule.multilabel is not False:
            return np.zeros(len(self.counts), np.bool_)
        none: NDArray[np.bool_] = self.counts == 0
        return none

    def read(self, good: NDArray[np.bool_]) -> ReadLabels:
        """The labels of some rows, none of them wrong, as they are taken."""
        sizes, codes = self.sizes, self.codes
        if not good.all():
            sizes, codes = sizes[good], codes[np.repeat(good, sizes)]
        read = self.rule.taken(sizes, *merged(codes, self.names))
        if self.rule.multilabel is False:
            read = read._replace(several=int((self.counts[good] > 1).sum()))
        return read


def _class_name(number: str | None, classes: list[str]) -> str | None:
    """The name of a numbered label; of -1, which means that there is none, None."""
    known = number is not None and 0 <= int(number) < len(classes)
    return classes[int(number or 0)] if known else None


def truths(column: pa.Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(whether values mean yes, whether they mean neither yes nor no), (n,) both."""
    codes, names = encoded(column)
    yes, odd = truths_of(codes, names)
    return yes, odd | (codes < 0)
