"""Models without the rows of θ that are 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.model import Model
from textmlr.model.model_facts import used_rows
from textmlr.model.small_file.theta_storage import PLAIN


def without_zero_rows(model: Model) -> Model:
    """A model with the same answers, to the bit, from a θ without rows of 0.

    Features without a row lose their names and document frequencies too; see
    ``Featurizer.keep``.  The bias always has a row.
    """
    parts = model.parts
    rows = used_rows(parts)
    theta, squares = parts.layers[0], parts.update_state.squares
    if len(rows) == len(theta):
        return model
    kept = rows if parts.columns is None else parts.columns.kept[rows].astype(np.int64)
    featurizer, columns = parts.featurizer, None
    if featurizer.options.hash_bits is None:
        featurizer = featurizer.keep(kept)
    if featurizer.columns != len(rows):
        counts = None if parts.columns is None else parts.columns.frequencies
        own = None if counts is None else counts[rows]
        columns = HashedColumns.restore(kept.astype(np.int32), featurizer.columns, own)
    state = replace(parts.update_state, squares=[squares[0][rows], *squares[1:]] if squares else ())
    return Model.of(
        replace(
            parts,
            featurizer=featurizer,
            layers=[theta[rows], *parts.layers[1:]],
            columns=columns,
            storage=PLAIN,
            update_state=state,
        )
    )
