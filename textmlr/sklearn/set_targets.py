"""Several classes a document, as scikit-learn passes them on: an indicator matrix, or lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import type_of_target, unique_labels

from textmlr.base.errors import InputError
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.corpus.labels import is_missing

SEVERAL = (list, tuple, set, frozenset, np.ndarray)


@dataclass(frozen=True, slots=True)
class Indicator:
    """What answers look like: a matrix (n, L) of 0 and 1, as y was.

    dtype   of y, int64 for lists;  sparse  whether it is CSR
    """

    dtype: np.dtype[Any]
    sparse: bool = False

    def of(self, answers: NDArray[np.bool_]) -> Any:
        """The matrix of answers, (n, L)."""
        matrix = answers.astype(self.dtype)
        return csr_matrix(matrix) if self.sparse else matrix


@dataclass(frozen=True, slots=True, eq=False)
class SetTargets:
    """The classes of n documents, any number of them each.

    classes  (L,) sorted; of an indicator matrix the numbers of its columns
    sets     codes into classes
    """

    classes: NDArray[Any]
    sets: LabelSets
    indicator: Indicator

    def __len__(self) -> int:
        return len(self.sets)


def given_sets(y: Any, classes: NDArray[Any] | None = None) -> SetTargets | None:
    """y as sets, if it is a matrix of 0 and 1, or lists of classes; else None.

    classes  those of earlier documents, None for those that y has
    Lists of lists are always sets, but for rows of two columns or more that hold 0 and 1 alone:
    these are a matrix.  An array of one column is a class a document, as in scikit-learn.
    Raises ValueError for classes that are missing or not known, and where there are none.
    """
    if not isinstance(y, np.ndarray) and hasattr(y, "to_numpy") and len(_shape(y)) == 2:
        y = y.to_numpy()  # a table of pandas or polars
    if _is_matrix(y):
        return _of_matrix(y, classes)
    lists = _lists(y)
    return None if lists is None else _of_lists(lists, classes)


def classes_of(y: NDArray[Any] | SetTargets) -> tuple[NDArray[Any], Targets]:
    """(classes, sorted; those of each document, as codes into them)."""
    if isinstance(y, SetTargets):
        return y.classes, y.sets
    classes, codes = np.unique(y, return_inverse=True)
    return classes, codes.astype(np.int32)


def subset_accuracy(y: Any, answers: Any, classes: NDArray[Any], sample_weight: Any) -> float:
    """The share of documents whose classes are all right;  answers  an indicator matrix."""
    own = given_sets(y, classes)
    if own is None:
        raise ValueError("y has one class a document, and the classifier answers several")
    matrix = csr_matrix(own.sets.indicator(len(classes)))
    return float(accuracy_score(matrix, csr_matrix(answers), sample_weight=sample_weight))


def no_class_weight(class_weight: Any) -> None:
    """Raise ValueError for class weights: a document counts once for all of its classes."""
    if class_weight is not None:
        raise InputError(
            f"class_weight={class_weight!r} means nothing where documents have several classes",
            mend="leave it out, or give sample_weight to fit",
        )


def _shape(y: Any) -> tuple[int, ...]:
    return tuple(getattr(y, "shape", ()))


def _is_matrix(y: Any) -> bool:
    if not issparse(y) and (getattr(y, "ndim", 2) != 2 or isinstance(y, str | bytes)):
        return False
    if not issparse(y) and not hasattr(y, "ndim") and _lists(y) is None:
        return False
    try:
        return bool(type_of_target(y) == "multilabel-indicator")
    except ValueError:  # rows of several lengths, or of words
        return False


def _lists(y: Any) -> list[Any] | None:
    """The lists of classes of y, None where it has one class a document."""
    if getattr(y, "ndim", 1) != 1 or not hasattr(y, "__len__") or isinstance(y, str | bytes):
        return None
    if isinstance(y, np.ndarray) and y.dtype.kind != "O":  # numbers or words
        return None
    written = getattr(y, "to_pylist", getattr(y, "to_list", None))  # Arrow; pandas and polars
    lists = list(y) if written is None else written()
    return lists if lists and all(isinstance(one, SEVERAL) for one in lists) else None


def _of_matrix(y: Any, classes: NDArray[Any] | None) -> SetTargets:
    matrix = csr_matrix(y) if issparse(y) else csr_matrix(np.asarray(y))
    width = matrix.shape[1]
    known = np.arange(width) if classes is None else classes
    if len(known) != width:
        raise ValueError(f"y has {width} columns, and there are {len(known)} classes")
    rows, codes = matrix.nonzero()
    sets = LabelSets.of_pairs(rows, codes, matrix.shape[0])
    return SetTargets(known, sets, Indicator(matrix.dtype, issparse(y)))


def _of_lists(lists: list[Any], classes: NDArray[Any] | None) -> SetTargets:
    own = [list(one) for one in lists]
    for number, one in enumerate(own):
        if any(is_missing(label) for label in one):
            raise InputError(
                f"document {number} has a class that is missing",
                mend="leave it out of the list: a list may be empty",
            )
    flat = [label for one in own for label in one]
    if not flat and classes is None:
        raise InputError("no document has a class", mend="give lists that have some")
    found = unique_labels(flat) if flat else np.zeros(0)
    known = found if classes is None else classes
    unknown = np.setdiff1d(found, known)
    if len(unknown):
        raise ValueError(f"y has the classes {unknown.tolist()}, but known are {known.tolist()}")
    codes = iter(np.searchsorted(known, np.asarray(flat, known.dtype)).tolist() if flat else [])
    sets = LabelSets.of([[next(codes) for _ in one] for one in own])
    return SetTargets(np.asarray(known), sets, Indicator(np.dtype(np.int64)))
