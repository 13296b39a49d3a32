"""From documents to answers with a sparse θ where documents have sets of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from textmlr.base.arrays import frozen
from textmlr.kernels import touched_sets as kernels
from textmlr.kernels.ranked_documents import PostingModelArrays
from textmlr.model.postings_answering import PostingsAnswerer, rest_of

if TYPE_CHECKING:
    from textmlr.model.model_parts import ModelParts


class SetPostingsAnswerer(PostingsAnswerer):
    """A model with a sparse θ and sigmoids, ready to answer as an ``Answerer`` does."""

    kernel = staticmethod(kernels.answer_sets)

    def __init__(self, parts: ModelParts) -> None:
        super().__init__(parts)
        self._base = parts.base

    def _prepared(self) -> PostingModelArrays:
        mixed, bias = self._mixed, self._postings.bias.astype(np.float64)
        log_p = -np.logaddexp(0, -bias)
        p = np.exp(log_p)
        total = float(np.logaddexp(0, bias).sum())
        rates, logs = p, self._postings.bias
        if len(self._base):
            logs = self._base
            rates = np.exp(-np.logaddexp(0, -logs.astype(np.float64)))
        base_log_z = float(np.logaddexp(0, logs.astype(np.float64)).sum())
        numbers = [base_log_z, total, 0.0, mixed.exponent, mixed.spread, mixed.least]
        return PostingModelArrays(
            self._postings.arrays(),
            frozen(np.array(numbers)),
            rest_of(p, rates, False),
            rest_of(rates, rates, False),
            frozen(logs),
        )
