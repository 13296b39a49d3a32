"""What each feature and each word of a document adds to a label's score.

score(x, ℓ) = t(x)·Σ_f θ[f, ℓ]·f(x)_f, where t(x) is the calibration's one number a document: each
feature has an exact share, t(x)·θ[f, ℓ]·f(x)_f.  Hidden layers mix features, and a share is then
the integrated gradient from the bias alone, t(x)·(θ_1[f]·G)_ℓ·f(x)_f, where G are the mean
slopes of ``slopes``.  Without hidden layers G is the identity.

A share is divided equally among the places where the feature occurs, and an n-gram's share of these
among the words it covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.training_options import Activation
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.answering import Answerer
from textmlr.model.explanation.integrated_gradients import Way
from textmlr.model.explanation.token_places import Integers, Places
from textmlr.model.scoring import Calibration

Json = dict[str, Any]
Reals = NDArray[np.float64]
Method = Literal["exact", "integrated gradients", "base rates"]
ROWS = 1 << 12  # of θ, taken at a time


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature adds.

    names         n-grams of the document that are this feature: one, or with hashing several that
                  share its column, in order of occurrence; see ``Featurizer.feature_names``
    count         how often they occur
    value         f(x)_f
    weight        θ[f, ℓ] of the explained label; with hidden layers the mean, over the way from the
                  bias alone, of by how much its score rises with f(x)_f (before calibration)
    contribution  nats of the label's score
    margin        nats of the margin, see Explanation
    spans         (start, stop) of each occurrence, characters of the text
    """

    names: tuple[str, ...]
    count: int
    value: float
    weight: float
    contribution: float
    margin: float
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A token, and its share of the features that lie on it.

    start, stop   characters of the text;  text  what stands there
    contribution  nats of the label's score
    margin        nats of the margin, see Explanation
    """

    start: int
    stop: int
    text: str
    contribution: float
    margin: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a model gives a document's label the score it does.

    The margin is what speaks for the label against others: the score of ``label`` minus that of
    ``against``, or minus the mean of all others' scores.  For two labels, and with ``against``, it
    is the log-odds of one label against the other.

    text           the document; bytes that are not UTF-8, and lone surrogates, are U+FFFD in it
    label          the one explained
    against        the other label, None for the mean of all others
    answer         the model's answer, its likeliest label
    probabilities  P(Y=ℓ | x) of each label, in the labels' order
    score, log_z   nats, those of ``Model.scores`` and ``Model.log_z``
    margin         nats
    bias, bias_margin   nats of the score and of the margin: those of the bias alone (with this
                   document's calibration), so that hidden layers' biases are in them
    method         how shares were found: "exact" if the score is a sum over features, which it is
                   without an activation, and "integrated gradients"; "base rates" of a document
                   none of whose features has a weight: its score and all of ``bias`` is the
                   logarithm of the label's base rate in training, and no feature has a share
    features       those of the document that θ has a row for, by falling margin: first what
                   speaks most for the label, last what speaks most against it
    words          all tokens, in order; they do not overlap

    bias + Σ contribution of features = score, and bias_margin + Σ margin of features = margin, but
    for the rounding of 32-bit floats; the same sums over words are those over features.
    """

    text: str
    label: str
    against: str | None
    answer: str
    probabilities: dict[str, float]
    score: float
    log_z: float
    margin: float
    bias: float
    bias_margin: float
    method: Method
    features: tuple[Contribution, ...]
    words: tuple[Word, ...]

    @property
    def probability(self) -> float:
        """P(Y=label | x) = exp(score − log_z)."""
        return self.probabilities[self.label]

    def as_dict(self) -> Json:
        """The same as JSON values: each field by its name, and "probability" and "answer"."""
        fields = (
            "text",
            "label",
            "against",
            "answer",
            "probability",
            "probabilities",
            "score",
            "log_z",
            "margin",
            "bias",
            "bias_margin",
            "method",
        )
        return {
            **{name: getattr(self, name) for name in fields},
            "features": [_json(feature) for feature in self.features],
            "words": [_json(word) for word in self.words],
        }


def _json(record: Contribution | Word) -> Json:
    return {name: getattr(record, name) for name in record.__slots__}


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What explanations need of a model, as Model has it.

    labels       L names
    layers       θ, float32: (V, L), or with hidden layers (V, W1), (W1 + 1, W2), ...; the first has
                 R rows with columns
    base         (L,) float32   see Model
    """

    answerer: Answerer
    labels: list[str]
    layers: list[NDArray[np.float32]]
    activation: Activation
    columns: HashedColumns | None
    calibration: Calibration
    base: NDArray[np.float32]

    @property
    def method(self) -> Method:
        """How shares are found where there are any."""
        sums = len(self.layers) == 1 or self.activation == "identity"
        return "exact" if sums else "integrated gradients"


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """f(x) of a document, without the bias, in the columns that θ has rows for.

    columns (m,) int32, ascending;  values (m,) float64
    weights (m,), shares (m, 2) float64   of each; shares of score and margin
    bias    (2,) float64   score and margin of the bias alone, or of the base rates
    says    whether any weight is not 0
    """

    columns: NDArray[np.int32]
    values: Reals
    weights: Reals
    shares: Reals
    bias: Reals
    says: bool


def explain(
    parts: Parts, document: str | bytes, label: str | None = None, against: str | None = None
) -> Explanation:
    """Explain one document's score of a label, by default of the likeliest.

    Raises InputError for a label that the model does not have, for a label against itself, and
    if the document is not text.
    """
    options = parts.answerer.featurizer.options
    chosen = None if label is None else _number(parts.labels, label)
    other = None if against is None else _number(parts.labels, against)
    places = Places.of(document, options)
    answers = parts.answerer.answer(places.block)
    scores = answers.scores[0].astype(np.float64)
    if chosen is None:
        chosen = int(answers.best[0])
    if chosen == other:
        raise InputError(
            f"label {parts.labels[chosen]!r} against itself",
            mend="compare it with another label, or with none",
        )
    wanted = _wanted(len(scores), chosen, other)
    row = _shares(parts, places, wanted)
    features, share = _features(parts, places, row)
    words = zip(
        places.token_starts.tolist(),
        places.token_stops.tolist(),
        *(part.tolist() for part in share),
        strict=True,
    )
    return Explanation(
        text=places.text,
        label=parts.labels[chosen],
        against=against,
        answer=parts.labels[int(answers.best[0])],
        probabilities=dict(zip(parts.labels, answers.probabilities[0].tolist(), strict=True)),
        score=float(scores[chosen]),
        log_z=float(answers.log_z[0]),
        margin=float(scores @ wanted[:, 1]),
        bias=float(row.bias[0]),
        bias_margin=float(row.bias[1]),
        method=parts.method if row.says or not len(parts.base) else "base rates",
        features=features,
        words=tuple(Word(i, j, places.text[i:j], own, margin) for i, j, own, margin in words),
    )


def _number(labels: list[str], label: str) -> int:
    if label not in labels:
        more = f" and {len(labels) - 20:,} more" if len(labels) > 20 else ""
        raise InputError(
            f"no label {label!r}", mend="the labels are " + ", ".join(labels[:20]) + more
        )
    return labels.index(label)


def _wanted(labels: int, chosen: int, other: int | None) -> Reals:
    """What score and margin are of the scores: (L, 2), score and margin = scores·wanted.

    other  stands against label ``chosen``; None: the mean of all others does
    """
    wanted = np.zeros((labels, 2))
    if other is not None:
        wanted[other, 1] = -1
    elif labels > 1:
        wanted[:, 1] = -1 / (labels - 1)
    wanted[chosen] = 1
    return wanted


def _shares(parts: Parts, places: Places, wanted: Reals) -> _Row:
    """Each feature's shares of score and margin."""
    featurizer = parts.answerer.featurizer
    row = featurizer.featurize([places.block], 1)
    numbers, columns, values = row.indices, row.indices, row.values.astype(np.float64)
    if parts.columns is not None:
        numbers = parts.columns.find(row.indices)
        known = numbers >= 0
        numbers, columns, values = numbers[known], columns[known], values[known]
    bias = int(featurizer.options.bias and len(columns) > 0 and columns[0] == 0)
    theta = parts.layers[0]
    start = values[:bias] @ theta[numbers[:bias]].astype(np.float64)
    numbers, columns, values = numbers[bias:], columns[bias:], values[bias:]
    slices = [slice(first, first + ROWS) for first in range(0, len(values), ROWS)]
    stop = start.copy()
    for part in slices:
        stop += values[part] @ theta[numbers[part]].astype(np.float64)
    says = any(bool((theta[numbers[part]].any(1) & (values[part] != 0)).any()) for part in slices)
    if not says and len(parts.base):
        none = np.zeros((len(values), 2))
        return _Row(columns, values, none[:, 0], none, parts.base @ wanted, says)
    way = Way.of(parts.layers, parts.activation, start, stop, wanted)
    slopes = way.mean_slopes()
    weights = np.empty((len(values), 2))
    for part in slices:
        weights[part] = theta[numbers[part]].astype(np.float64) @ slopes
    empty, whole = way.scores(np.array([0.0, 1.0]))
    multiplier = parts.calibration.multiplier(whole)
    shares = multiplier * values[:, None] * weights
    return _Row(columns, values, weights[:, 0], shares, multiplier * (empty @ wanted), says)


def _features(
    parts: Parts, places: Places, row: _Row
) -> tuple[tuple[Contribution, ...], tuple[Reals, Reals]]:
    """(features, by falling margin; (contribution, margin) of each token)."""
    found = np.empty(len(places.grams), np.int32)
    parts.answerer.featurizer.find_columns(places.grams, found)
    columns = row.columns
    own = np.searchsorted(columns, found)
    own[own == len(columns)] = 0  # of no feature, as a look shows
    known = np.flatnonzero(columns[own] == found) if len(columns) else np.zeros(0, np.int64)
    feature = own[known]  # of each occurrence
    counts = np.bincount(feature, minlength=len(columns))
    first, last = places.first[known], places.last[known]
    each = counts[feature] * (last - first + 1)
    shares = tuple(
        _spread_out(shares[feature] / each, first, last, len(places.tokens))
        for shares in row.shares.T
    )
    order = np.argsort(-row.shares[:, 1], kind="stable")
    names = _names(parts, places, known, feature, len(columns))
    spans = _by_feature(feature, counts, places.starts[known], places.stops[known])
    value, weight, contribution, margin = (
        part.tolist() for part in (row.values, row.weights, *row.shares.T)
    )
    features = tuple(
        Contribution(
            tuple(names[i]),
            int(counts[i]),
            value[i],
            weight[i],
            contribution[i],
            margin[i],
            spans[i],
        )
        for i in order.tolist()
    )
    return features, (shares[0], shares[1])


def _spread_out(shares: Reals, first: Integers, last: Integers, tokens: int) -> Reals:
    """Sum over occurrences of shares[i] for each of the tokens first[i] to last[i]: (t,)."""
    total = np.zeros(tokens)
    further = 0
    while len(shares):
        total += np.bincount(first + further, shares, minlength=tokens)
        further += 1
        longer = last - first >= further
        shares, first, last = shares[longer], first[longer], last[longer]
    return total


def _by_feature(
    feature: Integers, counts: Integers, starts: Integers, stops: Integers
) -> list[tuple[tuple[int, int], ...]]:
    """The spans of each feature's occurrences, in order."""
    order = np.argsort(feature, kind="stable")
    pairs = list(zip(starts[order].tolist(), stops[order].tolist(), strict=True))
    ends = np.cumsum(counts).tolist()
    return [tuple(pairs[i:j]) for i, j in zip([0, *ends], ends, strict=False)]


def _names(
    parts: Parts, places: Places, known: Integers, feature: Integers, features: int
) -> list[list[str]]:
    """The names of each feature, from the document's own text."""
    _, once = np.unique(places.grams[known], return_index=True)
    once.sort()
    names: list[list[str]] = [[] for _ in range(features)]
    options = parts.answerer.featurizer.options
    for i, name in zip(feature[once].tolist(), places.names(known[once], options), strict=True):
        names[i].append(name)
    return names
