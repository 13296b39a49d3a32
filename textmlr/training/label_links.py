"""Links between labels: the training of the second pass, see ``model.second_pass``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.corpus.label_sets import LabelSets
from textmlr.kernels import sigmoids as kernels
from textmlr.kernels.csr_rows import Csr
from textmlr.kernels.sgd import Steps
from textmlr.model.second_pass import MOST_LABELS, SecondPass
from textmlr.training.dealt_parts import drawn_order
from textmlr.training.label_calibration import (
    ScoreHistogram,
    common_calibration,
    label_scales,
)

# Chosen on out-of-fold scores of debtags and netflix-genres, confirmed on reuters90: half and twice
# of each changes the loss by 0.1 %.
RATE = 1.0  # in units of 1 / mean of the sum of P² of likely labels
EPOCHS = 3
L2 = 1e-4
# The links are kept where they lower the loss of documents that they were not fitted on by so much.
EARNED = 0.99
LEAST_DOCUMENTS = 1_500

_ORDER, _HALVES = (1 << 31) + 9, (1 << 31) + 10  # kinds of random order


def second_pass(
    scores: NDArray[np.float32],
    sets: LabelSets,
    weights: NDArray[np.float32],
    seed: int,
    *,
    loss: float,
    biased: bool,
) -> tuple[SecondPass, NDArray[np.float32], float] | None:
    """(the second pass, the documents' scores after it, their mean loss); None where it does not
    lower the loss enough.

    scores  (n, L) of documents that θ was not trained on, calibrated; written over
    loss    their mean loss
    The scores after it are by links that were fitted on the other half of the documents; those of
    the model are the mean of both halves'.
    """
    n, labels = scores.shape
    if n < LEAST_DOCUMENTS or labels > MOST_LABELS:
        return None
    links = _Links(scores, sets, weights, seed)
    if not links.size:
        return None
    order = np.random.default_rng([seed, _HALVES]).permutation(n).astype(np.int32)
    halves = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
    fitted = [links.fitted(half) for half in halves]
    links.add(fitted[1], halves[0], scores)
    links.add(fitted[0], halves[1], scores)
    own = ScoreHistogram.of(scores, sets, weights)
    bent, _ = common_calibration(own, biased=biased)
    scales = label_scales(own, bent, biased=biased)
    after = own.loss(scales, bent)
    if after > EARNED * loss:
        # Back to what they were, but for rounding: a copy would be as large as all scores.
        links.add(-fitted[1], halves[0], scores)
        links.add(-fitted[0], halves[1], scores)
        return None
    mean = (fitted[0] + fitted[1]) * (scales.factors / 2).astype(np.float32)
    found = SecondPass(mean, scales.factors, scales.offsets, bent.slopes)
    return found, scales.calibrated(scores, bent, in_place=True), after


class _Links:
    """Links to be fitted to some of the documents.

    size  probabilities of likely labels, in all documents
    """

    def __init__(
        self,
        scores: NDArray[np.float32],
        sets: LabelSets,
        weights: NDArray[np.float32],
        seed: int,
    ) -> None:
        self._scores, self._sets, self._weights, self._seed = scores, sets, weights, seed
        indptr = np.zeros(len(scores) + 1, np.int64)
        none = np.empty(0, np.int32), np.empty(0, np.float32)
        self.size = int(kernels.likely(frozen(scores), indptr, *none))
        codes, values = np.empty(self.size, np.int32), np.empty(self.size, np.float32)
        kernels.likely(frozen(scores), indptr, codes, values)
        self._rows = Csr(frozen(indptr), frozen(codes), frozen(values))
        self._unit = len(scores) / max(float(np.square(values, dtype=np.float64).sum()), 1e-9)

    def fitted(self, documents: NDArray[np.int32]) -> NDArray[np.float32]:
        """The links (L, L) of some of the documents."""
        labels, scale, first = self._scores.shape[1], 1.0, RATE * self._unit
        links, work = np.zeros((labels, labels), np.float32), np.zeros((2, labels), np.float32)
        totals = np.empty(3)
        for epoch in range(EPOCHS):
            begin, end = (first * (1 - done / EPOCHS) for done in (epoch, epoch + 1))
            rng = np.random.default_rng([self._seed, _ORDER, epoch])
            kernels.links_epoch(
                self._rows,
                self._sets.arrays,
                frozen(self._scores),
                frozen(documents[drawn_order(self._weights[documents], rng)]),
                Steps(begin, end, L2, scale, 0.0, 0),
                links,
                work,
                totals,
            )
            scale = float(totals[2])
        links *= np.float32(scale)
        return links

    def add(
        self,
        links: NDArray[np.float32],
        documents: NDArray[np.int32],
        scores: NDArray[np.float32],
    ) -> None:
        """Add to the scores (n, L) of some of the documents what their likely labels say."""
        indptr, codes, values = self._rows
        sizes = np.diff(indptr)[documents]
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        at = np.arange(ends[-1]) + np.repeat(indptr[documents] - ends[:-1], sizes)
        own = np.ascontiguousarray(scores[documents])
        rows = Csr(frozen(ends), frozen(codes[at]), frozen(values[at]))
        kernels.add_likely(rows, frozen(links), own)
        scores[documents] = own
