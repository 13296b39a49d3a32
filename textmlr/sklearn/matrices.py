"""scikit-learn's matrices as the rows that solvers see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from textmlr.base.errors import InputError
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.features.csr_features import Features
from textmlr.kernels import hashing
from textmlr.kernels.jit import as_python

LARGEST = 1e15  # value of a row: sums of its square over many documents are finite in float32

_mixed: Callable[[NDArray[np.uint64]], NDArray[np.uint64]] = as_python(hashing._split_mix)


def check_size(X: Any) -> None:  # noqa: N803
    """Raise InputError for values that are too large for sums in float32."""
    values = X.data if hasattr(X, "indptr") else X
    largest = float(max(values.max(initial=0), -values.min(initial=0)))
    if largest > LARGEST:
        raise InputError(
            f"X has the value {largest:.3g}; sums in float32 allow at most {LARGEST:g}",
            mend="scale its columns (sklearn.preprocessing.MaxAbsScaler)",
        )


def features_of(matrix: Any, *, bias: bool) -> Features:
    """A validated float32 matrix, dense or CSR, as Features; it is not changed.

    bias  add a last column that is always 1
    """
    rows = matrix if issparse(matrix) else csr_array(matrix)
    if issparse(matrix) and not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    if not rows.data.all():
        rows = rows.copy()
        rows.eliminate_zeros()
    n, columns = rows.shape
    indptr = rows.indptr.astype(np.int64)
    indices, values = rows.indices.astype(np.int32, copy=False), rows.data
    if bias:
        ends = indptr[1:]
        indices = np.insert(indices, ends, np.int32(columns))
        values = np.insert(values, ends, np.float32(1))
        indptr = indptr + np.arange(n + 1)
        columns += 1
    return Features(indptr, indices, np.asarray(values, np.float32), columns)


def counted_once(
    features: Features, y: Targets, weights: NDArray[np.float64]
) -> tuple[Features, Targets, NDArray[np.float64]]:
    """The same documents, in an order that depends on their content alone.  Equal documents of the
    same classes become one, with the sum of their weights; those of weight 0 are left out.

    So a weight of 2 is two documents, to the bit, and the order of documents changes no bit.
    """
    kept = np.flatnonzero(weights > 0)
    keys = _keys(features, y)[kept]
    order = np.lexsort((weights[kept], keys))  # so that sums are added up in the same order
    kept, keys = kept[order], keys[order]
    new = np.concatenate([np.ones(1, bool), keys[1:] != keys[:-1]])
    group = np.cumsum(new) - 1
    leaders = kept[new]
    if not _alike(features, y, kept, leaders[group]):  # two keys met: a chance of n² in 2^65
        return _take(features, kept), y[kept], weights[kept]
    sums = np.bincount(group, weights[kept]).astype(np.float64)
    return _take(features, leaders), y[leaders], sums


def _keys(features: Features, y: Targets) -> NDArray[np.uint64]:
    """A hash of each document and its classes: (n,) uint64."""
    places = features.indices.astype(np.uint64) << np.uint64(32)
    each = _mixed(places | features.values.view(np.uint32))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(each, dtype=np.uint64)])
    rows = sums[features.indptr[1:]] - sums[features.indptr[:-1]]
    if not isinstance(y, LabelSets):
        return _mixed(rows ^ _mixed(y.astype(np.uint64) + hashing.GOLDEN))
    hashes = _mixed(y.codes.astype(np.uint64) + hashing.GOLDEN)
    ends = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes, dtype=np.uint64)])
    return _mixed(rows ^ _mixed(ends[y.offsets[1:]] - ends[y.offsets[:-1]]))


def _alike(
    features: Features, y: Targets, rows: NDArray[np.int64], leaders: NDArray[np.int64]
) -> bool:
    """Whether each document equals its leader."""
    others = rows != leaders
    a, b = _take(features, rows[others]), _take(features, leaders[others])
    return (
        np.array_equal(a.indptr, b.indptr)
        and np.array_equal(a.indices, b.indices)
        and np.array_equal(a.values, b.values)
        and _same(y[rows], y[leaders])
    )


def _same(a: Targets, b: Targets) -> bool:
    if isinstance(a, LabelSets) and isinstance(b, LabelSets):
        return np.array_equal(a.offsets, b.offsets) and np.array_equal(a.codes, b.codes)
    return np.array_equal(np.asarray(a), np.asarray(b))


def _take(features: Features, rows: NDArray[np.int64]) -> Features:
    shape = len(features), features.columns
    matrix = csr_array((features.values, features.indices, features.indptr), shape=shape)[rows]
    indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
    return Features(indptr, indices, matrix.data, features.columns)
