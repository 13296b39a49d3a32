"""A model's features by their contribution, and the documents that have each.

A feature contributes to scores, on the mean over documents, √(E f(x)²)·‖θ_f‖ with θ_f less its mean
over labels, which changes no probability; with hidden layers, to the sums of the first of them,
with θ_f as it is.  E f(x)² is taken as proportional to the documents that have the feature, times
idf² where that is in f(x): the model holds all of that.

Documents are scaled to length 1 over the features that are known.  With fewer known, those left
are longer; θ is multiplied by the length they had, √(Σ kept E f(x)² / Σ all E f(x)²).  New
documents have few of the rarest features: those that only the least number of documents have do
not count there (had one of these documents been new, they would not have been features).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.features.featurizer import Featurizer
from textmlr.features.vocabulary import Vocabulary
from textmlr.model.model import Model
from textmlr.model.small_file.theta_storage import HIGHEST, scale_of


@dataclass(frozen=True, slots=True, eq=False)
class RankedFeatures:
    """A model's features, those that contribute most first.

    model        the model that has them
    order        (R',) int64   rows of θ, the bias's not among them, by descending contribution
    contribution (R,) float64   of each row
    documents    (R,) int64   that have each feature, about
    squares      (R,) float64   E f(x)² in new documents, times any number; empty where lengths stay
    whole        the sum of squares over all features, those without a row too
    theta        (R, L) float32   of two labels (a, −a); with hidden layers the first, (R, W1)
    """

    model: Model
    order: NDArray[np.int64]
    contribution: NDArray[np.float64]
    documents: NDArray[np.int64]
    squares: NDArray[np.float64]
    whole: float
    theta: NDArray[np.float32]

    @classmethod
    def of(cls, model: Model) -> RankedFeatures:
        """The features of a model, ranked by contribution."""
        featurizer, theta = model.featurizer, model.parts.layers[0]
        options, bias = featurizer.options, int(featurizer.options.bias)
        # Only differences of scores count, if the head says so.
        are_scores = len(model.parts.layers) == 1 and model.parts.head.is_relative
        if are_scores and theta.shape[1] == 2:
            half = (theta[:, 0] - theta[:, 1]) / 2
            theta = np.stack([half, -half], axis=1)
        rows = np.arange(len(theta)) if model.parts.columns is None else model.parts.columns.kept
        squares, whole = np.zeros(0), 0.0
        if featurizer.vocabulary is None:
            documents = _hashed_documents(model)
        else:
            featurizer.name_features()
            all_documents = np.concatenate(
                [np.full(bias, featurizer.documents), _frequencies(featurizer.vocabulary)]
            )
            documents = all_documents[rows]
            if options.norm == "l2":
                every = seen_again(all_documents) * square_idf(featurizer)
                every[:bias] = 0  # it is no part of the length
                squares, whole = every[rows], float(every.sum())
        centred = theta - theta.mean(axis=1, keepdims=True) if are_scores else theta
        norm = np.sqrt(np.square(centred, dtype=np.float64).sum(axis=1))
        weights = documents * square_idf(featurizer)[rows]
        contribution = np.sqrt(weights) * norm
        order = np.argsort(-contribution[bias:], kind="stable") + bias
        order = order[: np.count_nonzero(contribution[bias:])]
        return cls(model, order, contribution, documents, squares, whole, theta)

    @property
    def bias(self) -> int:
        """Rows of the bias, the first: 1 or 0."""
        return int(self.model.featurizer.options.bias)

    def length(self, rows: NDArray[np.int64]) -> float:
        """The root mean square length of new documents in these rows, of 1 in all."""
        if not self.whole:
            return 1.0
        return float(np.sqrt(self.squares[rows].sum() / self.whole)) or 1.0

    def chosen(self, number: int) -> NDArray[np.int64]:
        """Rows of the features that contribute most, so many, ascending, after the bias's."""
        return np.concatenate([np.arange(self.bias), np.sort(self.order[:number])])

    def top(self, number: int) -> int:
        """Code of the scale that fits so many features; see ``model.small_file.theta_storage``."""
        least = self.contribution[self.order[number - 1]] * self.length(self.chosen(number))
        scales = scale_of(np.arange(HIGHEST + 1).astype(np.uint8))
        return max(int(np.searchsorted(scales, least, side="right")) - 1, 0)


def _hashed_documents(model: Model) -> NDArray[np.int64]:
    """(R,) documents of each hashed column, times any number, about: a model does not hold them."""
    assert model.parts.columns is not None
    storage, kept = model.parts.storage, model.parts.columns.kept
    if len(storage.codes):  # it was compressed before, and its codes follow from documents
        return np.exp2(np.clip(storage.top - storage.codes.astype(np.int64), 0, 80) / 2).astype(
            np.int64
        )
    if (kept[1:] > kept[:-1]).all():  # compressed to float16
        return np.ones(len(kept), np.int64)
    # Rows are by descending document frequency, which goes as the inverse rank (Zipf's law).
    return np.maximum(len(kept) // (np.arange(len(kept)) + 1), 1)


def _frequencies(vocabulary: Vocabulary) -> NDArray[np.int64]:
    """(v,) documents of each feature; the number of one without a name lies between those of its
    neighbours, since features are by descending frequency."""
    # A feature of a given vocabulary has a name, though no document has it.
    named = np.diff(vocabulary.name_offsets) > 0
    frequencies = np.maximum(vocabulary.frequencies, named)
    known = np.flatnonzero(frequencies)
    if len(known) in (0, len(vocabulary)):
        return np.maximum(frequencies, 1)
    between = np.interp(np.arange(len(vocabulary)), known, np.log(frequencies[known]))
    return np.rint(np.exp(between)).astype(np.int64)


def seen_again(documents: NDArray[np.int64]) -> NDArray[np.float64]:
    """Documents of each feature, 0 for the rarest, unless all are."""
    again = documents * (documents > documents.min(initial=0))
    return (again if again.any() else documents).astype(np.float64)


def square_idf(featurizer: Featurizer) -> NDArray[np.float64]:
    """(V,) idf², 1 where idf is not in use."""
    if featurizer.idf is None:
        return np.ones(featurizer.columns)
    return np.square(featurizer.idf, dtype=np.float64)
