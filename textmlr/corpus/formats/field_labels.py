"""Labels in fields of text: one a field, or several with a separator between, or a field a label
that says whether the document has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import FormatError, InputError
from textmlr.corpus.chunks import SKIP
from textmlr.corpus.formats.lines import quoted
from textmlr.corpus.label_rule import LabelRule, ReadLabels, used
from textmlr.corpus.label_sets import LabelSets

YES, NO = frozenset({"1", "1.0", "true", "yes"}), frozenset({"0", "0.0", "false", "no"})


@dataclass(frozen=True, slots=True, eq=False)
class FieldLabels:
    """The labels of rows.

    rule    how they are taken
    codes   (n,) int32   each row's field, −1 for a bad row
    fields  the distinct fields, None for one that is not UTF-8
    lists   the labels in each, none where it has none; None: each is a label as it stands
    """

    rule: LabelRule
    codes: NDArray[np.int32]
    fields: list[str | None]
    lists: list[list[str]] | None

    @classmethod
    def of(
        cls,
        rule: LabelRule,
        codes: NDArray[np.int32],
        fields: list[str | None],
        parted: Callable[[str], list[str]] | None = None,
    ) -> FieldLabels:
        """The labels in fields.

        parted  gives the labels in a field as an annotation tool writes them; None: by the rule
        """
        if parted is None and rule.is_plain:
            return cls(rule, codes, fields, None)
        parts = rule.labels_in if parted is None else parted
        lists = [[] if one is None else parts(one) for one in fields]
        return cls(rule, codes, fields, [list(dict.fromkeys(filter(None, own))) for own in lists])

    def without(self) -> NDArray[np.bool_]:
        """(n,)  whether each row is without a label; not so a bad one."""
        lists: Sequence[Sequence[str]] = self.fields if self.lists is None else self.lists  # type: ignore[assignment]
        none = [one is not None and not one for one in lists]
        return np.array([*none, False])[self.codes]

    def read(self, good: NDArray[np.bool_] | None) -> ReadLabels:
        """The labels of some rows, None: all, as they are taken."""
        codes = self.codes if good is None else self.codes[good]
        if self.lists is not None:
            return self.rule.coded(codes, self.lists)
        if good is None:  # all occur
            return ReadLabels(codes, self.fields)
        y, names = used(codes, self.fields)
        return ReadLabels(y, names)


def indicated(rule: LabelRule, truths: Sequence[NDArray[np.bool_]], names: list[str]) -> ReadLabels:
    """The labels of documents by columns of truth values.

    truths  of each label, (n,) bool: whether each document has it
    A document with none is left out where each has one label: firsts says so.
    """
    has = np.stack(truths, axis=1)
    rows, codes = np.nonzero(has)
    y = LabelSets.of_pairs(rows, codes, len(has))
    if rule.multilabel is not False:
        return ReadLabels(*used(y, names))
    firsts = np.where(has.any(axis=1), has.argmax(axis=1), -1).astype(np.int32)
    return ReadLabels(y, names, firsts)


def truth_of(value: Any) -> bool | None:
    """Whether a value says that a document has the label; None if it says neither yes nor no.

    >>> truth_of(" Yes "), truth_of(0.0), truth_of("maybe")
    (True, False, None)
    """
    word = str(value).strip().casefold()
    return True if word in YES else False if word in NO else None


def truth_error(place: str, column: str, value: str, line: int | None = None) -> InputError:
    """The error of a value in a column of one label that means neither yes nor no."""
    problem, mend = no_truth(column, value)
    return FormatError(problem, place=place, line=line, mend=f"{mend}, {SKIP}")


def no_truth(column: str, value: str) -> tuple[str, str]:
    """Problem and mend of such a value."""
    return (
        f"column {column!r} is a label, and holds {quoted(value)}",
        "write 1 where a document has the label and 0 where not",
    )


def truths_of(
    codes: NDArray[np.int32], fields: Sequence[str | None]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(whether fields mean yes, whether they mean neither yes nor no), (n,) both.

    codes  (n,) int32   into fields, −1 for a bad row
    """
    truths = [truth_of(one) for one in fields]
    yes = np.array([one is True for one in truths] + [False])
    odd = np.array([one is None for one in truths] + [False])
    return yes[codes], odd[codes]
