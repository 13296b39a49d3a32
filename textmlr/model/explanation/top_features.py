"""The features most in favour of each label, and most against it.

By weight: one unit of a feature adds so much more to the label's score than to the mean score,

    w(f, ℓ) = θ[f, ℓ] − mean over ℓ' of θ[f, ℓ']

since a constant added to all labels' scores changes no probability.  With two labels one unit adds
so much to the log-odds, θ[f, ℓ] − θ[f, other], twice that.

By contribution: the feature added so much in all, over the n documents of the training corpus,

    c(f, ℓ) = w(f, ℓ) · Σ_i f(x_i)_f

in nats, before scores are calibrated (``scoring.Calibration``: of each document by one number).
The bias, which is the same in every document, is listed apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import MODEL_MEND, check_kind, check_listed, check_strings
from textmlr.base.errors import InputError
from textmlr.model.model import Model

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature and its figures for one label.

    name          a word n-gram's tokens, or "char:" and the characters of one of these
    weight        w(f, ℓ), nats
    contribution  c(f, ℓ), nats; None where the model does not know what its corpus held
    documents     of the training corpus that have the feature
    others, share with hashing: other n-grams that fell into the same column in a sample of the
                  corpus, and the named one's share of the column's occurrences there
    """

    name: str
    weight: float
    contribution: float | None
    documents: int
    others: int
    share: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The features most in favour of a label (figures above 0, the largest first) and
    most against it (below 0, the least first)."""

    most_for: list[Feature]
    most_against: list[Feature]


@dataclass(frozen=True, slots=True)
class TopFeatures:
    """The features in favour of a label and against it.

    bias             the bias's w, None where the model has none
    by_contribution  None where the model does not know what its corpus held
    """

    label: str
    bias: float | None
    by_weight: Ranking
    by_contribution: Ranking | None

    def as_dict(self) -> Json:
        """JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class _Named:
    """The features that have a name and a row of θ.

    rows (m,) int64, documents (m,) int, totals (m,) float32 or None
    name i is blob[starts[i]:stops[i]];  others (m,) int32, shares (m,) float32  see Feature
    """

    rows: NDArray[np.int64]
    documents: NDArray[np.integer[Any]]
    totals: NDArray[np.float32] | None
    blob: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    others: NDArray[np.int32]
    shares: NDArray[np.float32]

    def name(self, i: int) -> str:
        """The name of feature i."""
        return self.blob[self.starts[i] : self.stops[i]].tobytes().decode()


def top_features(
    model: Model, labels: Sequence[str] | None = None, k: int = 20
) -> list[TopFeatures]:
    """The k features most in favour of each of some labels, None for all, and most against it.

    Features that are known by their hashes alone are left out, and so are hashed columns that
    training did not name.  Their Σ f(x) is an estimate.
    Raises InputError for a label the model does not know, and for no number of features.
    """
    check_kind("model", model, Model, MODEL_MEND)
    labels = check_strings("labels", labels, optional=True)
    check_listed("k", k)
    for label in labels or ():
        if label not in model.labels:
            raise InputError(f"no label {label!r}", mend="the labels are " + _some(model.labels))
    named = _named(model)
    model.check_linear(
        "has no weight of a feature for a label", mend="ask textmlr explain about a document"
    )
    theta = model.layers[0]
    means = model.head.common(theta)
    scale = 2.0 if len(model.labels) == 2 and model.head.is_relative else 1.0
    found = []
    for label in model.labels if labels is None else labels:
        weights = scale * (theta[:, model.labels.index(label)] - means)
        bias = None
        if model.featurizer.options.bias:
            at = 0 if model.columns is None else model.columns.find(np.zeros(1, np.int32))[0]
            bias = float(weights[at])
        found.append(_of_label(label, bias, weights[named.rows], named, k))
    return found


def _of_label(
    label: str, bias: float | None, weights: NDArray[np.float64], named: _Named, k: int
) -> TopFeatures:
    contributions = None if named.totals is None else weights * named.totals

    def feature(i: int) -> Feature:
        share = None if contributions is None else float(contributions[i])
        return Feature(
            named.name(i),
            float(weights[i]),
            share,
            int(named.documents[i]),
            int(named.others[i]),
            float(named.shares[i]),
        )

    def ranking(figures: NDArray[np.float64]) -> Ranking:
        return Ranking(
            [feature(i) for i in _largest(figures, k)], [feature(i) for i in _largest(-figures, k)]
        )

    by_contribution = None if contributions is None else ranking(contributions)
    return TopFeatures(label, bias, ranking(weights), by_contribution)


def _largest(figures: NDArray[np.float64], k: int) -> list[int]:
    """Numbers of the k largest above 0, the largest first, ties as they come."""
    places = np.arange(len(figures))
    if k < len(figures):
        least = np.partition(figures, len(figures) - k)[len(figures) - k]
        places = np.flatnonzero(figures >= least)
    order = places[np.argsort(-figures[places], kind="stable")][:k]
    chosen: list[int] = order[figures[order] > 0].tolist()
    return chosen


def _named(model: Model) -> _Named:
    featurizer, columns = model.featurizer, model.columns
    bias = int(featurizer.options.bias)
    featurizer.name_features()
    vocabulary = featurizer.vocabulary
    if vocabulary is None:
        return _named_columns(model)
    if columns is not None:
        vocabulary = vocabulary.take(columns.kept[bias:].astype(np.int64) - bias)
    rows = np.arange(bias, len(vocabulary) + bias)
    return _Named(
        rows,
        vocabulary.frequencies,
        vocabulary.totals,
        vocabulary.names,
        vocabulary.name_offsets[:-1],
        vocabulary.name_offsets[1:],
        np.zeros(len(rows), np.int32),
        np.ones(len(rows), np.float32),
    )


def _named_columns(model: Model) -> _Named:
    """The hashed columns that training named, where θ has a row for them."""
    columns, named = model.columns, model.featurizer.column_names
    if columns is None or named is None:
        raise InputError("hashed features have no names", mend="train the model again")
    rows = columns.find(named.columns).astype(np.int64)
    own = np.flatnonzero(rows >= 0)
    starts, stops = named.name_offsets[own], named.name_offsets[own + 1]
    return _Named(
        rows[own],
        named.frequencies[own],
        named.totals[own],
        named.names,
        starts,
        stops,
        named.others[own],
        named.shares[own],
    )


def _some(labels: Sequence[str]) -> str:
    most = 20
    named = ", ".join(labels[:most])
    return named if len(labels) <= most else f"{named} and {len(labels) - most} more"
