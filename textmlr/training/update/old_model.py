"""The old model of an update, with room for new features and labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import Activation
from textmlr.features.extension import Extension
from textmlr.model.model import Model
from textmlr.model.parameters import Network
from textmlr.model.scoring import (
    Bent,
    Calibration,
    base_scores,
    has_known_words,
    score,
    spreads,
)
from textmlr.training.objective import Objective
from textmlr.training.update.learner import Layers

TINY = float(np.finfo(np.float64).tiny)


class Start(NamedTuple):
    """Where an update starts.

    scores  (n, L) float64 of the old θ, calibrated (nats)
    times   (n,) float64   calibration multiplies what is added to a score by these: t(x), besides
            the factor; of sigmoids the slope where labels are not sure
    """

    scores: NDArray[np.float64]
    times: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class OldModel:
    """The parts of the old model, over labels and features old and new.

    layers       old θ, with rows and columns of 0 for new features and labels
    activation   of its hidden units
    known        (L,) bool        labels that the old model has
    frequencies  (V,) int64       old documents that each feature is in
    calibration  of its scores
    bias         (V,) bool      which row of θ is the bias's
    base         (L',) float32  of the old model, see Model
    totals       (L,) float64   weight of the old documents of each label, 0 where it is not known
    labels       L names
    documents    number of old ones
    thresholds   (L,) float64, see ``ModelParts``; that of a new label is the old ones' median
    """

    layers: Layers
    activation: Activation
    known: NDArray[np.bool_]
    frequencies: NDArray[np.int64]
    calibration: Calibration
    bias: NDArray[np.bool_]
    base: NDArray[np.float32]
    totals: NDArray[np.float64]
    labels: list[str]
    documents: int
    thresholds: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        grown: Extension,
        labels: list[str],
        frequencies: NDArray[np.int64],
        new: Objective,
    ) -> OldModel:
        """A model, its features as they have grown, and the new documents.

        frequencies  old documents of each of the model's own features
        """
        columns, own = grown.features.columns, set(model.labels)
        known = np.array([label in own for label in labels])
        before = np.zeros(columns, np.int64)
        before[: len(frequencies)] = frequencies
        if _has_lost_features(model):  # new features may have been everywhere
            counts = new.documents_of()[len(frequencies) :].astype(np.int64)
            before[len(frequencies) :] = counts * model.featurizer.documents // len(new.y)
        return cls(
            _grown([*model.parts.layers], columns, known),
            model.parts.activation,
            known,
            before,
            model.parts.calibration,
            bias_rows(grown),
            model.parts.base,
            label_totals(model, labels),
            labels,
            model.featurizer.documents,
            grown_thresholds(model, known),
        )

    @property
    def own_layers(self) -> Layers:
        """Old θ, over the labels that it knows."""
        return [*self.layers[:-1], self.layers[-1][:, self.known]]

    def start(self, documents: Objective) -> Start:
        """Where an update by documents starts."""
        times = self._times(self._score(documents, self.own_layers))
        scores = self._score(documents, self.layers)
        if isinstance(self.calibration, Bent):
            return Start(self.calibration.bend(scores), times)
        return Start(scores * times[:, None], times)

    def calibrated(self, documents: Objective, layers: Layers | None = None) -> NDArray[np.float32]:
        """Calibrated scores by these layers, or by the old ones over old labels: (n, L)."""
        scores = self._score(documents, self.own_layers if layers is None else layers)
        if isinstance(self.calibration, Bent):
            with np.errstate(over="ignore"):  # P is 0 or 1 then
                return self.calibration.bend(scores).astype(np.float32)
        return np.ascontiguousarray(scores * self._times(scores)[:, None], np.float32)

    def probabilities(
        self, documents: Objective, layers: Layers, base: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """P as a Model with these layers and base has it, of the old labels or of all."""
        scores = self.calibrated(documents, layers)
        own = self.calibration if layers[-1].shape[1] < len(self.known) else self.new_calibration
        if own.second is not None:
            scores = own.second.scores(scores).astype(np.float32)
        if len(base):
            scores[~has_known_words(documents.features, layers[0], self.bias)] = base
        return documents.head.probabilities(scores)

    @property
    def new_calibration(self) -> Calibration:
        """The calibration with room for new labels, of which the old ones say nothing."""
        own = self.calibration
        if own.second is None or not isinstance(own, Bent):
            return own
        numbers = np.where(self.known, np.cumsum(self.known) - 1, -1)
        return replace(own, links=own.second.of_labels(numbers))

    def base_with(self, learnt: Objective) -> NDArray[np.float32]:
        """The base scores of a Model of the old documents and these."""
        totals, total = self.totals + learnt.label_weights, None
        if learnt.head.has_sets:
            total = self.documents + learnt.total_weight
        return base_scores(totals, learnt.head, total)

    def alike(self, model: Model, new: Objective) -> float:
        """The likeness of the labels of old documents and new, 0 to 1.

        With s = Σ_ℓ min of their shares it is 2s − 1, or 0: where half of the new ones are of other
        labels, or all of one of two, they cannot be trusted to hold the old labels in their place.
        Of label sets, s is Σ_ℓ min of the shares of documents that have ℓ, by the larger sum of
        these shares.
        """
        corpus = model.record.corpus
        counts = dict(zip(model.labels, () if corpus is None else corpus.per_label, strict=False))
        old = np.array([counts.get(label, 0) for label in self.labels], np.float64)
        own = new.label_weights
        if new.head.has_sets:
            old, own = old / max(model.featurizer.documents, 1), own / new.total_weight
            shared = float(np.minimum(old, own).sum() / max(old.sum(), own.sum(), TINY))
        else:
            shared = float(np.minimum(old / max(old.sum(), 1), own / own.sum()).sum())
        return max(0.0, 2 * shared - 1)

    def _score(self, documents: Objective, layers: Layers) -> NDArray[np.float32]:
        whole = [np.ascontiguousarray(layer) for layer in layers]
        return score(documents.features, Network.of(whole, self.activation))

    def _times(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        calibration = self.calibration
        if isinstance(calibration, Bent):
            return np.full(len(scores), calibration.middle)
        if not calibration.exponent:
            return np.ones(len(scores))
        wide = np.maximum(spreads(np.ascontiguousarray(scores)), calibration.least)
        times: NDArray[np.float64] = (wide / calibration.spread) ** calibration.exponent
        return times


def label_totals(model: Model, labels: list[str]) -> NDArray[np.float64]:
    """Weight of the old documents of each label: (L,), 0 of new labels, and where the model does
    not say."""
    old = model.record.label_weights().tolist()
    own = dict(zip(model.labels, old, strict=False))
    return np.array([own.get(label, 0.0) for label in labels])


def grown_thresholds(model: Model, known: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Those of old labels as they are, and for new ones their median."""
    own = model.parts.thresholds
    if own is None:
        return None
    thresholds: NDArray[np.float64] = np.full(len(known), np.median(own))
    thresholds[known] = own
    return thresholds


def bias_rows(grown: Extension) -> NDArray[np.bool_]:
    """(V,) which row of θ is the bias's."""
    columns = grown.columns
    own = np.arange(grown.features.columns) if columns is None else columns.kept
    return np.asarray((own == 0) & grown.featurizer.options.bias)


def _grown(layers: Layers, columns: int, known: NDArray[np.bool_]) -> Layers:
    """Copies with so many rows in the first, and a column for each label in the last; 0 in those
    that are new."""
    grown = [*layers]
    grown[0] = np.zeros((columns, layers[0].shape[1]), np.float32)
    grown[0][: len(layers[0])] = layers[0]
    last = grown[-1]
    grown[-1] = np.zeros((len(last), len(known)), np.float32)
    grown[-1][:, known] = last
    return grown


def _has_lost_features(model: Model) -> bool:
    """Whether an L1 penalty or ``compress`` dropped features, of which nothing is known any
    more."""
    if model.record.compressed is not None:
        return True
    options = model.featurizer.options
    sparse = bool(model.record.option("l1"))
    return sparse and (options.hash_bits is not None or options.norm is None)
