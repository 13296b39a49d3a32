"""f(x, y): the features of a document in the block of one label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from textmlr.base.checks import check_label
from textmlr.features.csr_features import Features

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def joint_features(features: Features, labels: list[str], label: str) -> csr_array:
    """(n, V·L) float32, from f(x) of n documents; column f·L + ℓ belongs to feature f and label ℓ.

    Raises InputError if the label is none of the labels.
    """
    from scipy.sparse import csr_array

    check_label(label, labels)
    columns = features.indices.astype(np.int64) * len(labels) + labels.index(label)
    shape = (len(features), features.columns * len(labels))
    return csr_array((features.values, columns, features.indptr), shape=shape)
