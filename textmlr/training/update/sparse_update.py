"""Update of a model with a sparse θ: sums and counts of old documents and new add up, so that the
part of θ that follows from them is that of training on both; the part that was learnt stays, and
takes the steps of the new documents.

The numbers that all labels share, and the calibration, stay as they are.  Sums are whole numbers of
a grid in a model's file, and stay on it: see ``kernels.merged_rows.add_on_grid``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.kernels import merged_rows as kernels
from textmlr.kernels.rounded_weights import STEPS
from textmlr.kernels.support_steps import SupportTheta
from textmlr.kernels.support_sums import APART, DOT, FULL, SQUARE
from textmlr.model.model import Model
from textmlr.model.postings import Postings
from textmlr.model.postings_file.feature_streams import row_counts
from textmlr.model.postings_file.rounded_postings import (
    bases_of,
    cut,
    factors_of,
    learnt_part,
    powers_of_two,
    rounded,
    scales_of_rows,
)
from textmlr.model.scoring import UNSEEN
from textmlr.model.support_record import SupportRecord
from textmlr.training.objective import Objective
from textmlr.training.sgd.epoch import Epoch
from textmlr.training.sgd.trial_run import Progress
from textmlr.training.support.block_descent import BlockDescent
from textmlr.training.support.closed_form import paces_of, row_scales_of
from textmlr.training.support.label_sums import LabelSums, most_labels
from textmlr.training.support.left_out import LeftOut, Scalars
from textmlr.training.training_events import Watch
from textmlr.training.update.grown_postings import Merged, grown_postings, known_labels, merged
from textmlr.training.update.new_documents import NewDocuments
from textmlr.training.update.old_model import bias_rows, label_totals

Floats = NDArray[np.float32]
# Steps of an update are so much smaller than those of training: with larger ones new labels gain
# and old ones lose, with none both lose (a quarter of headwords, a fifth of its documents new).
PACE = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class SparseLearner:
    """A model with a sparse θ, with room for new features and labels; it stays as it is.

    final     how its θ was found
    postings  its θ: the rows of new features are empty
    known     (L,) labels that it has;  counts (L,) weight of the old documents of each
    is_open   (R,) uint8   0 of the bias, and of rows that training left empty because the feature
              meets too many labels
    factors   (R,) by which rows of sums are divided in its file
    row_scales (R,) of old documents and new
    step      of what was learnt in its file; None: it has none yet
    seed      of chance
    """

    final: SupportRecord
    postings: Postings
    known: NDArray[np.bool_]
    counts: NDArray[np.float64]
    is_open: NDArray[np.uint8]
    factors: Floats
    row_scales: Floats
    step: int | None
    seed: int

    @classmethod
    def of(
        cls, model: Model, new: NewDocuments, frequencies: NDArray[np.int64], seed: int
    ) -> SparseLearner:
        """A model, and the documents it is updated by.  Raises InputError where the record does not
        say how its θ follows from sums."""
        old, grown = model.parts.postings, new.grown
        assert old is not None
        final = model.record.final
        assert isinstance(final, SupportRecord)
        if old.sums is None:
            raise InputError(
                "the model does not say which sums its weights are made of",
                mend="train a model on all documents (textmlr train)",
            )
        known = known_labels(model, new.labels)
        rows = grown.features.columns
        is_open = np.ones(rows, np.uint8)
        is_open[: len(frequencies)] = (np.diff(old.starts) > 0) | (frequencies == 0)
        is_open[bias_rows(grown)] = 0
        return cls(
            final,
            grown_postings(old, rows, known),
            known,
            label_totals(model, new.labels),
            is_open,
            factors_of(grown.featurizer.idf, grown.columns, rows),
            _row_scales(old, new, final.idf_power),
            model.parts.storage.top if model.parts.storage.dtype == "postings" else None,
            seed + len(model.record.updates),
        )

    @property
    def epochs(self) -> int:
        """Epochs of steps."""
        return self.final.epochs

    def learn(self, documents: Objective, threads: int, watch: Watch) -> Postings:
        """θ after the documents, as a file has it; the number of threads changes no bit."""
        both, order, new_counts = self._merged(documents)
        rows, counts = both.rows, self.counts + new_counts
        whole, nothing = rows.sums + both.added, np.zeros(len(counts))
        bare = LabelSums(rows.starts, rows.labels, whole, self.row_scales, counts, nothing, order)
        sums = bare.with_scales(self.row_scales)
        scalars, times = self._scalars(), np.float32(self.final.calibration.factor)
        scales = scalars.scales(sums)
        theta = SupportTheta(
            frozen(sums.starts),
            frozen(sums.labels),
            sums.rooted(scales) + both.learnt / times,
            self._bias(counts),
            np.empty(len(counts)),
            frozen(paces_of(sums)),
            self._temper(),
        )
        learnt = both.learnt
        if self.final.epochs:
            before = theta.weights.copy()
            self._steps(documents, sums, scalars, theta, threads, watch)
            learnt = learnt + times * (theta.weights - before)
        whole, times_scales = self._on_grid(both), times * scales
        weights = replace(sums, sums=whole).rooted(times_scales) + learnt
        arrays = rows.starts, rows.labels, weights, theta.bias, times_scales, whole
        own = Postings(*arrays, self.row_scales)
        return rounded(own, self.factors, self.step)[0]

    def _merged(
        self, documents: Objective
    ) -> tuple[Merged, NDArray[np.int64], NDArray[np.float64]]:
        """(old entries and new, documents label by label, weight of those of each label)."""
        old, most = self.postings, most_labels(documents.labels, self.final.cap)
        assert old.sums is not None
        added = LabelSums.of(documents, None, documents.labels)
        is_open = self.is_open.copy()
        fresh = np.diff(old.starts) == 0
        is_open[fresh & (np.diff(added.starts) > most)] = 0
        whole = merged(old, old.sums, learnt_part(old), added, is_open)
        return whole, added.order, documents.label_weights

    def _scalars(self) -> Scalars:
        final = self.final
        share = 0.0  # it is part of the calibration
        return Scalars(final.attraction, final.prior, final.norm_power, share, float("nan"))

    def _temper(self) -> Floats:
        """Multipliers of scores before θ took up the factor, as ``SupportTheta`` has them."""
        own = self.final.calibration
        return np.array([own.exponent, own.spread or 1, own.least or 1], np.float32)

    def _bias(self, counts: NDArray[np.float64]) -> Floats:
        """The bias, which has grown with the documents of each label: (L,)."""
        before, after = (np.log(np.where(own > 0, own, UNSEEN)) for own in (self.counts, counts))
        more = self.final.prior * np.where(self.known, after - before, after)
        bias: Floats = (self.postings.bias + more).astype(np.float32)
        return bias

    def _steps(
        self,
        documents: Objective,
        sums: LabelSums,
        scalars: Scalars,
        theta: SupportTheta,
        threads: int,
        watch: Watch,
    ) -> None:
        """Have θ take the steps of the documents, each taken out of its own label."""
        left = _left_out(documents, sums)
        shifts = left.shifts(scalars, sums, documents.codes)
        descent = BlockDescent(documents, shifts, theta, threads, self.seed)
        learners, epochs = left.able, self.final.epochs
        rate = self.final.learning_rate
        size = PACE * rate * documents.unit
        for number in range(epochs if len(learners) else 0):
            first, last = size * (1 - number / epochs), size * (1 - (number + 1) / epochs)
            own = descent.epoch(learners, first, last)
            loss, right = own.loss / own.weight, own.right / own.weight
            epoch = Epoch(number + 1, epochs, rate, loss, right, 0, len(learners))
            watch(Progress("final", 0.0, epoch, None))

    def _on_grid(self, both: Merged) -> Floats:
        """The sums of old documents and new, those of old labels on their grid."""
        rows, added = both.rows, both.added
        bases = np.where(self.known, bases_of(self.postings, self.factors), np.float32(0))
        rng = np.random.default_rng([self.seed, (1 << 31) + 24])
        sums: Floats = rows.sums.copy()
        kernels.add_on_grid(
            rows.starts,
            frozen(rows.labels),
            frozen(added),
            frozen(self.factors),
            frozen(bases),
            frozen(powers_of_two()[:STEPS]),
            frozen(rng.random(np.count_nonzero(added))),
            sums,
        )
        return sums


def _row_scales(old: Postings, new: NewDocuments, power: float) -> Floats:
    """The scales of rows by the frequencies of features in old documents and new, as in training:
    (R,).  Where these are not known, old rows keep theirs, and new ones have the largest."""
    grown = new.grown
    counts, rows = row_counts(grown.featurizer, grown.columns), grown.features.columns
    if counts.any():
        always = np.flatnonzero(bias_rows(grown)).tolist()
        scales = row_scales_of(counts, grown.featurizer.documents, power, *always)
        return cut(scales)
    own = scales_of_rows(old)
    return np.append(own, np.full(rows - len(own), own.max(initial=1), np.float32))


def _left_out(documents: Objective, sums: LabelSums) -> LeftOut:
    """The new documents, each taken out of its own label, which may have old ones."""
    terms = sums.own_terms(documents)
    y, weights = documents.codes, documents.weights.astype(np.float64)
    whole = sums.squares[y]
    rest: NDArray[np.float64] = whole - 2 * weights * terms[:, DOT]
    rest = rest + np.square(weights) * terms[:, SQUARE]
    counts = np.where(weights > 0, sums.counts[y] - weights, 0.0)
    affinities = terms[:, FULL].copy(), terms[:, APART].copy()
    counts = np.maximum(counts, 0.0)
    others = (counts > 0).astype(np.int64)
    return LeftOut(counts, others, affinities, (whole, np.maximum(rest, 0.0)))
