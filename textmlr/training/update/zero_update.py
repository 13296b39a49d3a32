"""Update of a sparse θ that started from zero: all of it was learnt, so old documents are kept as a
penalty around it, as with a dense θ (``linear_update``); it moves where label and feature met.

The score of a label is t(x)·Σ_f f(x)_f·θ_fℓ + bias_ℓ, with t(x) as the old θ has it.  Features that
no new document has do not move, so that memory goes with those of new documents.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.threads import machine_memory
from textmlr.corpus.label_sets import LabelSets
from textmlr.model.model import Model
from textmlr.model.parameters import LINEAR, Network
from textmlr.model.postings import Postings
from textmlr.model.postings_file.rounded_postings import factors_of, rounded
from textmlr.model.scoring import Calibration, score
from textmlr.training.objective import Objective
from textmlr.training.support.label_sums import LabelSums
from textmlr.training.training_events import Watch
from textmlr.training.update.grown_postings import grown_postings, known_labels, merged
from textmlr.training.update.linear_update import (
    CURVATURE,
    common_of,
    curvature_of,
    old_squares,
    precision_of,
)
from textmlr.training.update.new_documents import NewDocuments
from textmlr.training.update.old_model import OldModel, bias_rows, label_totals
from textmlr.training.update.penalised_loss import Prior, minimum

Floats = NDArray[np.float32]
# Bytes for each label: scores of a document in both widths, and θ of a feature, old and new.
OF_DOCUMENT, OF_FEATURE = 20, 16


@dataclass(frozen=True, slots=True, eq=False)
class ZeroLearner:
    """A model whose sparse θ started from zero, with room for new features and labels.

    postings     its θ: the rows of new features are empty
    calibration  of its scores
    bias         number of the bias's row, −1: there is none
    squares, sums (R,) float64   Σ f(x)_f², Σ f(x)_f about, over the old documents
    documents    of training
    alike        likeness of the labels of old documents and new, 0 to 1
    factors, step   as a file has its weights
    """

    postings: Postings
    calibration: Calibration
    bias: int
    squares: NDArray[np.float64]
    sums: NDArray[np.float64]
    documents: int
    alike: float
    factors: Floats
    step: int | None

    @classmethod
    def of(cls, model: Model, new: NewDocuments, frequencies: NDArray[np.int64]) -> ZeroLearner:
        """A model, and the documents it is updated by."""
        parts, grown = model.parts, new.grown
        assert parts.postings is not None
        known = known_labels(model, new.labels)
        rows = grown.features.columns
        before = np.zeros(rows, np.int64)
        before[: len(frequencies)] = frequencies
        squares = old_squares(model, grown, before)
        always = np.flatnonzero(bias_rows(grown))
        totals, documents = label_totals(model, new.labels), model.featurizer.documents
        nothing = np.zeros(0, np.float32)
        facts = known, before, parts.calibration, bias_rows(grown), nothing, totals
        old = OldModel([], LINEAR, *facts, new.labels, documents)
        theta = grown_postings(parts.postings, rows, known)
        if parts.head.has_sets:  # new labels begin as rare as one document more than the old ones
            theta.bias[~known] = -np.log1p(documents)
        return cls(
            theta,
            parts.calibration,
            int(always[0]) if len(always) else -1,
            squares,
            np.sqrt(squares * before),
            documents,
            old.alike(model, new.objective),
            factors_of(grown.featurizer.idf, grown.columns, rows),
            parts.storage.top if parts.storage.dtype == "postings" else None,
        )

    @property
    def epochs(self) -> int:
        """Epochs of steps: the solver has none."""
        return 0

    def learn(self, documents: Objective, threads: int, watch: Watch) -> Postings:
        """θ after the documents, as a file has it; the number of threads changes no bit."""
        rows, (used, numbers) = (
            documents.features,
            np.unique(documents.features.indices, return_inverse=True),
        )
        rows = replace(rows, indices=numbers.astype(np.int32), columns=len(used))
        self._check_memory(len(rows), len(used))
        theta = self.postings.rows(used)
        sums = score(rows, Network.of([theta]))
        times = self._times(sums)
        base = sums * times[:, None] + self.postings.bias
        own = self.alike * curvature_of(base.astype(np.float32), documents.head)
        curvature = own + (1 - self.alike) * CURVATURE
        prior = Prior(
            precision_of(self.squares[used], documents.mean_square_length(), curvature),
            common_of(self.sums[used], self.documents, curvature),
        )
        values = rows.values * np.repeat(times, np.diff(rows.indptr))
        values[documents.features.indices == self.bias] = 1
        rows = replace(rows, values=values.astype(np.float32))
        found = minimum(rows, documents.y, documents.weights, base, prior, threads, watch)
        change = found.change.astype(np.float32, copy=False)
        return self._moved(documents, used.astype(np.int64), change)

    def _times(self, sums: Floats) -> NDArray[np.float64]:
        """t(x) of documents: (n,)."""
        own = self.calibration
        highest = np.maximum(sums.max(axis=1, initial=0), own.least)
        times: NDArray[np.float64] = (highest / own.spread) ** own.exponent
        return times

    def _check_memory(self, documents: int, features: int) -> None:
        """Refuse documents for whose scores, and features for whose weights, there is no room."""
        labels = len(self.postings.bias)
        needed = labels * (OF_DOCUMENT * documents + OF_FEATURE * features)
        if needed <= (available := machine_memory()):
            return
        raise InputError(
            f"{documents:,} new documents × {labels:,} labels need {needed / 2**30:.1f} GiB to "
            f"update, and this machine has {available / 2**30:.1f} GiB",
            mend="update with fewer documents at a time",
        )

    def _moved(self, documents: Objective, used: NDArray[np.int64], change: Floats) -> Postings:
        """θ moved by (k, L) changes in the rows ``used``, where label and feature met."""
        old, is_open = self.postings, np.ones(len(self.squares), np.uint8)
        y = documents.y
        if isinstance(y, LabelSets):  # a document stands there for each of its labels
            documents = replace(documents.take(y.rows), y=y.codes)
        met = LabelSums.of(documents, self.bias if self.bias >= 0 else None, documents.labels)
        nothing = np.zeros(len(old), np.float32)
        out = merged(old, old.weights, nothing, met, is_open).rows
        starts = np.asarray(out.starts)
        weights: Floats = out.sums
        for row, own in zip(used.tolist(), change, strict=True):
            entries = slice(int(starts[row]), int(starts[row + 1]))
            weights[entries] += own[out.labels[entries]]
        bias = old.bias.copy()
        if self.bias >= 0:
            bias += change[np.searchsorted(used, self.bias)]
        moved = Postings(starts, out.labels, weights, bias, np.zeros_like(bias))
        return rounded(moved, self.factors, self.step)[0]
