"""Labels in memory: one a document, or a list, tuple or set of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.option_mentions import mention
from textmlr.corpus.containers import column_of
from textmlr.corpus.label_rule import LabelRule, ReadLabels
from textmlr.corpus.labels import code_labels

_LISTS = (list, tuple, set, frozenset, np.ndarray)
_TRUTHS = (("0", "1"), ("false", "true"))
_MEND = "give each document a label, leave it out, or say multilabel=True"


def read_labels(labels: Any, rule: LabelRule) -> ReadLabels:
    """The labels of documents, names sorted by code point.

    labels  as ``corpus.labels.code_labels`` takes them, or lists, tuples or sets of such
    rule    where it leaves the choice, documents have sets if one of them has several labels
    Raises InputError, naming the position, for a list that is empty where documents have one label
    each, and for a matrix of 0 and 1.

    >>> y, names, *_ = read_labels([["b", "a"], ["a"], []], LabelRule(None))
    >>> y.tolist(), names
    ([[0, 1], [0], []], ['a', 'b'])
    >>> y, names, *_ = read_labels([["b", "a"], ["a"]], LabelRule(False))
    >>> y.tolist(), names
    ([1, 0], ['a', 'b'])
    """
    shape: tuple[int, ...] = getattr(labels, "shape", ())
    if len(shape) == 2 and shape[1] != 1:
        of = "x".join(map(str, shape))
        raise _matrix(f"labels are {type(labels).__name__} of shape {of}, not a list of labels")
    column = column_of(labels, "labels", "label")
    in_arrow = hasattr(column, "chunks")
    if in_arrow:
        from textmlr.corpus.arrow_types import is_list

        if is_list(column.type):
            found = _in_arrow(column)
            _check_no_matrix(found[0], found[2], rule)
            return _settled(*found, rule)
    elif not isinstance(column, Sequence):
        column = list(column)
    if rule.is_plain and (in_arrow or {*map(type, column)}.isdisjoint(_LISTS)):
        return ReadLabels(*code_labels(column))
    lists = [_members(one, rule) for one in (column.to_pylist() if in_arrow else column)]
    sizes = np.array([len(one) for one in lists], np.int64)
    flat = [label for one in lists for label in one]
    codes, names = code_labels(flat, np.repeat(np.arange(len(lists)), sizes))
    if len(column) and isinstance(column[0], list | tuple | np.ndarray):
        _check_no_matrix(sizes, names, rule)
    return _settled(sizes, codes, names, rule)


def _check_no_matrix(sizes: NDArray[np.int64], names: list[str], rule: LabelRule) -> None:
    """Raise InputError for rows of a matrix that says of each label whether a document has it.

    sizes  (n,) int64   labels of each document, with repetitions
    """
    if rule.multilabel is False or not len(sizes) or sizes[0] < 2 or (sizes != sizes[0]).any():
        return
    if any({*names} <= {*two} for two in _TRUTHS):
        here = f"each document has {sizes[0]:,} labels, of which each is {' or '.join(names)}"
        raise _matrix(f"{here}: a matrix of which documents have which label")


def _matrix(problem: str) -> InputError:
    columns = mention("label_columns", "…")
    return InputError(
        problem,
        mend="give each document the list of its labels, as in [['scifi', 'comedy'], ['western']], "
        f"a table of texts and columns of labels with {columns}, or fit "
        "textmlr.sklearn.TextClassifier, which takes a matrix",
    )


def _members(label: Any, rule: LabelRule) -> list[Any]:
    """The labels of one document, in order."""
    if isinstance(label, set | frozenset):
        return sorted(label, key=str)
    if isinstance(label, _LISTS):
        return list(label)
    return list(rule.labels_in(label)) if isinstance(label, str) else [label]


def _settled(
    sizes: NDArray[np.int64], flat: NDArray[np.int32], names: list[str], rule: LabelRule
) -> ReadLabels:
    """The labels as the rule has them.

    sizes  (n,) int64   labels of each document, with repetitions
    flat   (m,) int32   their codes, in order
    """
    several = rule.multilabel is None and bool((sizes > 1).any())
    if not (several or rule.multilabel) and (sizes == 0).any():
        position = int((sizes == 0).argmax())
        raise InputError(f"label {position} is empty", mend=_MEND)
    own = LabelRule(True) if several else rule
    return own.taken(sizes, flat, names)


def _in_arrow(column: Any) -> tuple[NDArray[np.int64], NDArray[np.int32], list[str]]:
    """(labels of each document, their codes in order, their names) of a column of lists."""
    import pyarrow as pa

    from textmlr.corpus.arrow_types import members_of

    counts: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    parts = []
    for chunk in column.chunks:
        own, members = members_of(chunk)
        counts.append(own)
        parts.append(members)
    sizes = np.concatenate(counts)
    if (sizes < 0).any():
        position = int((sizes < 0).argmax())
        raise InputError(f"label {position} is missing (null)", mend=_MEND)
    flat = pa.chunked_array(parts) if parts else pa.chunked_array([], column.type.value_type)
    return sizes, *code_labels(flat, np.repeat(np.arange(len(sizes)), sizes))
