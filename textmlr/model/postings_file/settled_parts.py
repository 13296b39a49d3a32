"""The model that its file will give again: features in the file's order, weights rounded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.kernels import label_rows
from textmlr.model.model_parts import ModelParts
from textmlr.model.postings import Postings
from textmlr.model.postings_file.feature_order import column_order, memory_order, name_order
from textmlr.model.postings_file.rounded_postings import factors_of, rounded
from textmlr.model.small_file.theta_storage import ThetaStorage

Numbers = NDArray[np.int64]


def settled(parts: ModelParts, *, overwrite: bool = False) -> ModelParts:
    """The parts of a model with a sparse θ as its file holds them, for training to end with.

    Features are numbered by descending document frequency, ties by the length of the name, then by
    name: an n-gram comes behind those within it.  Weights, sums, bias and scales are rounded.

    overwrite  write them over those of the parts, which are lost: less memory is taken
    """
    postings = parts.postings
    assert postings is not None
    featurizer, columns, order = _ordered(parts.featurizer, parts.columns)
    if not np.array_equal(order, np.arange(len(order))):
        postings = _in_order(postings, order, overwrite=overwrite)
    step = parts.storage.top if parts.storage.dtype == "postings" else None
    factors = factors_of(featurizer.idf, columns, len(order))
    postings, step = rounded(postings, factors, step, overwrite=overwrite)
    return replace(
        parts,
        featurizer=featurizer,
        columns=columns,
        postings=postings,
        storage=ThetaStorage("postings", top=step),
    )


def _ordered(
    featurizer: Featurizer, columns: HashedColumns | None
) -> tuple[Featurizer, HashedColumns | None, Numbers]:
    """(featurizer and columns with the rows in the file's order, the numbers these had)."""
    vocabulary, bias = featurizer.vocabulary, int(featurizer.options.bias)
    if vocabulary is None:
        assert columns is not None
        counted = columns.frequencies
        frequencies = np.zeros(len(columns.kept), np.int64) if counted is None else counted
        order = column_order(columns.kept, frequencies)
        own = None if counted is None else counted[order]
        kept = HashedColumns.restore(columns.kept[order], featurizer.columns, own)
        return featurizer, kept, order
    if columns is not None:
        raise ValueError("features without a row of theta have an empty row in a sparse one")
    by_name = name_order(vocabulary.names, vocabulary.name_offsets)
    order = memory_order(vocabulary.frequencies, vocabulary.name_offsets, by_name)
    vocabulary = replace(vocabulary.take(order), totals=None)
    rows = np.concatenate([np.arange(bias), order + bias])
    options = featurizer.options
    if options.vocabulary is not None:
        names = vocabulary.name_list() or options.vocabulary[:1]  # options name one at least
        options = replace(options, vocabulary=tuple(names))
    idf = None if featurizer.idf is None else featurizer.idf[rows]
    own_labels = featurizer.labels or []
    made = Featurizer.restore(options, vocabulary, idf, own_labels, featurizer.documents)
    made.invalid = featurizer.invalid
    return made, None, rows


def _in_order(postings: Postings, order: Numbers, *, overwrite: bool) -> Postings:
    """The postings with row order[i] as row i;  overwrite  see ``settled``."""
    starts, own = frozen(postings.starts), frozen(order)

    def moved(values: NDArray[Any]) -> NDArray[Any]:
        out = np.empty_like(values)
        label_rows.move_rows(starts, own, frozen(values.view(np.int32)), out.view(np.int32))
        if not overwrite:
            return out
        values[:] = out
        return values

    sums, rows = postings.sums, postings.row_scales
    return Postings(
        np.append(0, np.cumsum(np.diff(starts)[order])),
        moved(postings.labels),
        moved(postings.weights),
        postings.bias,
        postings.scales,
        None if sums is None else moved(sums),
        None if rows is None else rows[order],
    )
