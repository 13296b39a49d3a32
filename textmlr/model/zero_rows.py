"""Models without the rows of θ that are 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.model_parts import ModelParts
from textmlr.model.small_file.theta_storage import PLAIN


def used_rows(parts: ModelParts) -> NDArray[np.int64]:
    """Numbers of the rows of θ that are not all 0, and of the bias's, ascending."""
    rows = np.flatnonzero(parts.layers[0].any(axis=1))
    if parts.featurizer.options.bias:
        bias = 0 if parts.columns is None else parts.columns.find(np.zeros(1, np.int32))[0]
        rows = np.union1d(rows, bias)
    return rows


def without_zero_rows(parts: ModelParts) -> ModelParts:
    """The parts of a model with the same answers, to the bit, from a θ without rows of 0.

    Features without a row lose their names and document frequencies too; see
    ``Featurizer.keep``.  The bias always has a row.
    """
    rows = used_rows(parts)
    theta, squares = parts.layers[0], parts.update_state.squares
    if len(rows) == len(theta):
        return parts
    kept = rows if parts.columns is None else parts.columns.kept[rows].astype(np.int64)
    featurizer, columns = parts.featurizer, None
    if featurizer.options.hash_bits is None:
        featurizer = featurizer.keep(kept)
    if featurizer.columns != len(rows):
        counts = None if parts.columns is None else parts.columns.frequencies
        own = None if counts is None else counts[rows]
        columns = HashedColumns.restore(kept.astype(np.int32), featurizer.columns, own)
    state = replace(parts.update_state, squares=[squares[0][rows], *squares[1:]] if squares else ())
    return replace(
        parts,
        featurizer=featurizer,
        layers=[theta[rows], *parts.layers[1:]],
        columns=columns,
        storage=PLAIN,
        update_state=state,
    )
