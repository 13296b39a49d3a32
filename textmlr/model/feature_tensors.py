"""Features and the first layer of θ ↔ the tensors of a model's file, as they are in memory."""

from __future__ import annotations

from dataclasses import fields
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import is_finite
from textmlr.base.errors import ModelFileError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.file_checks import check_blob, expect, tensor
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.hashed_names import ColumnNames
from textmlr.features.vocabulary import Vocabulary

Tensors = dict[str, NDArray[Any]]
Path = str | PathLike[str]


def feature_tensors(featurizer: Featurizer, columns: HashedColumns | None) -> Tensors:
    """The tensors of a featurizer, and of the columns that θ has rows for."""
    tensors: Tensors = {}
    vocabulary = featurizer.vocabulary
    if vocabulary is not None:
        # In this order it is quick to see that none stands twice.
        ascending = np.argsort(vocabulary.hashes)
        hashes = vocabulary.hashes[ascending]
        if columns is not None:
            vocabulary = vocabulary.take(_features_of(columns, featurizer.options))
        tensors |= {
            "hashes": hashes,
            "hash_ids": ascending.astype(np.int32),
            "frequencies": vocabulary.frequencies,
            "names": vocabulary.names,
            "name_offsets": vocabulary.name_offsets,
        }
        if vocabulary.totals is not None:
            tensors["totals"] = vocabulary.totals
    tensors |= named_tensors(featurizer)
    if columns is not None:
        tensors["columns"] = columns.kept
        if columns.frequencies is not None:
            tensors["frequencies"] = columns.frequencies
    if featurizer.idf is not None:
        tensors["idf"] = featurizer.idf
    return tensors


def named_tensors(featurizer: Featurizer) -> Tensors:
    """The tensors of the names of hashed columns, if they have any."""
    named = featurizer.column_names
    if named is None:
        return {}
    return {f"named.{field.name}": getattr(named, field.name) for field in fields(named)}


def read_features(
    tensors: Tensors, options: FeaturizerOptions, path: Path
) -> tuple[Vocabulary | None, HashedColumns | None, NDArray[np.float32] | None]:
    """(vocabulary, columns, idf) of a model's file."""
    vocabulary, kept, idf = None, None, None
    if options.hash_bits is not None:
        columns = 1 << options.hash_bits
    else:
        columns = int(options.bias) + len(tensor(tensors, "hashes", np.uint64, (None,), path))
    if options.hash_bits is not None or "columns" in tensors:
        kept = _columns(tensors, columns, options, path)
    if options.hash_bits is None:
        vocabulary = _vocabulary(tensors, options, kept, path)
    if options.uses_idf:
        idf = tensor(tensors, "idf", np.float32, (columns,), path)
    return vocabulary, kept, idf


def _columns(
    tensors: Tensors,
    width: int,
    options: FeaturizerOptions,
    path: Path,
) -> HashedColumns:
    """The columns; their frequencies are there with hashing, in files that know of updates."""
    kept = tensor(tensors, "columns", np.int32, (None,), path)
    frequencies = None
    if options.hash_bits is not None and "frequencies" in tensors:
        frequencies = tensor(tensors, "frequencies", np.int64, (len(kept),), path)
        expect(bool((frequencies > 0).all()), path, "a document frequency is not positive")
    try:
        return HashedColumns.restore(kept, width, frequencies)
    except ValueError as error:
        raise ModelFileError(str(error), place=str(path)) from error


def _features_of(columns: HashedColumns, options: FeaturizerOptions) -> NDArray[np.int64]:
    """Numbers in the vocabulary of the columns but the bias, the first."""
    return columns.kept[int(options.bias) :].astype(np.int64) - int(options.bias)


def _vocabulary(
    tensors: Tensors,
    options: FeaturizerOptions,
    columns: HashedColumns | None,
    path: Path,
) -> Vocabulary:
    """The vocabulary; where θ has rows for some columns, only those features have names."""
    ascending = tensor(tensors, "hashes", np.uint64, (None,), path)
    size = len(ascending)
    expect(bool((ascending[:1] > 0).all()), path, "a hash is 0")
    expect(bool((ascending[1:] > ascending[:-1]).all()), path, "the hashes are not ascending")
    ids = tensor(tensors, "hash_ids", np.int32, (size,), path)
    in_range = bool(((ids >= 0) & (ids < size)).all())
    expect(
        in_range and bool((np.bincount(ids, minlength=size) == 1).all()),
        path,
        "the hashes are not numbered one by one",
    )
    hashes = np.empty(size, np.uint64)
    hashes[ids] = ascending
    own = None
    if columns is not None:
        kept = columns.kept
        ascending_columns = bool((kept[1:] > kept[:-1]).all())
        begins = not options.bias or bool((kept[:1] == 0).any())
        expect(ascending_columns and begins, path, "the columns of theta are not in order")
        own = _features_of(columns, options)
    named = size if own is None else len(own)
    frequencies = tensor(tensors, "frequencies", np.int64, (named,), path)
    fine = bool((frequencies >= options.least_frequency).all())
    expect(fine, path, "a document frequency is not positive")
    names = tensor(tensors, "names", np.uint8, (None,), path)
    offsets = tensor(tensors, "name_offsets", np.int64, (named + 1,), path)
    check_blob(names, offsets, path, "names")
    totals = _totals(tensors, "totals", named, path) if "totals" in tensors else None
    if own is None:
        return Vocabulary(hashes, frequencies, names, offsets, totals)
    return Vocabulary.partly_named(hashes, own, frequencies, names, offsets, totals)


def column_names(tensors: Tensors, width: int, path: Path) -> ColumnNames:
    """The names of some of ``width`` hashed columns, with their figures."""
    columns = tensor(tensors, "named.columns", np.int32, (None,), path)
    size = len(columns)
    in_range = bool(((columns >= 0) & (columns < width)).all())
    expect(
        in_range and bool((columns[1:] > columns[:-1]).all()),
        path,
        "the named columns are out of range, or not ascending",
    )
    names = tensor(tensors, "named.names", np.uint8, (None,), path)
    offsets = tensor(tensors, "named.name_offsets", np.int64, (size + 1,), path)
    check_blob(names, offsets, path, "names of columns")
    expect(bool((np.diff(offsets) > 0).all()), path, "the name of a column is empty")
    others = tensor(tensors, "named.others", np.int32, (size,), path)
    shares = tensor(tensors, "named.shares", np.float32, (size,), path)
    frequencies = tensor(tensors, "named.frequencies", np.int32, (size,), path)
    expect(
        bool((others >= 0).all() and (frequencies > 0).all())
        and bool(((shares > 0) & (shares <= 1)).all()),
        path,
        "the figures of the named columns are out of range",
    )
    totals = _totals(tensors, "named.totals", size, path)
    return ColumnNames(columns, names, offsets, others, shares, frequencies, totals)


def _totals(tensors: Tensors, name: str, size: int, path: Path) -> NDArray[np.float32]:
    totals = tensor(tensors, name, np.float32, (size,), path)
    expect(is_finite(totals) and bool((totals >= 0).all()), path, "a feature's total is negative")
    return totals
