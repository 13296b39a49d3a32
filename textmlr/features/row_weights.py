"""Weights of features: term frequency, inverse document frequency, length 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.threads import map_blocks
from textmlr.features.csr_features import Features
from textmlr.features.options_array import TERM_FREQUENCY
from textmlr.kernels import csr_rows

WEIGH_ROWS = 4096  # documents to a block of weighing


def inverse_document_frequency(
    frequencies: NDArray[np.integer[Any]], documents: int
) -> NDArray[np.float64]:
    """ln((1 + n) / (1 + df)) + 1 of each feature, (v,) float64."""
    idf: NDArray[np.float64] = np.log((1 + documents) / (1 + frequencies)) + 1
    return idf


def weigh(
    counts: Features,
    options: FeaturizerOptions,
    idf: NDArray[np.float32] | None,
    out: NDArray[np.float32],
    threads: int | None = None,
) -> Features:
    """f(x) of rows of counts, as the options have it; the values are written to out.

    idf  (V,), None where it is not in use
    out  (nnz,) float32; may be counts.values itself
    """
    factors = frozen(idf if idf is not None else np.zeros(0, np.float32))
    if out is not counts.values:
        out[:] = counts.values

    def run(first: int) -> None:
        csr_rows.weigh(
            frozen(counts.indices),
            out,
            frozen(counts.indptr[first : first + WEIGH_ROWS + 1]),
            options.bias,
            TERM_FREQUENCY[options.term_frequency],
            factors,
            options.norm == "l2",
        )

    for _ in map_blocks(run, range(0, len(counts), WEIGH_ROWS), threads or 1):
        pass
    return replace(counts, values=out)
