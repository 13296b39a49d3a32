"""Explanation: why a document has the score it has, feature by feature and word by word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Method = Literal["exact", "integrated gradients", "base rates"]


@dataclass(frozen=True, slots=True)
class Contribution:
    """The contribution of one feature.

    names         n-grams of the document that are this feature: one, or with hashing several that
                  share its column, in order of occurrence; see ``Featurizer.feature_names``
    count         how often they occur
    value         f(x)_f
    weight        θ[f, ℓ] of the explained label; with hidden layers the mean slope of its score
                  by f(x)_f, along the path from the bias alone (before calibration)
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

    start, stop   characters of the text;  text  those characters
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
    """The reasons for the score that a model gives a document's label.

    The margin is the lead of the label over others: the score of ``label`` minus that of
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
                   without an activation, and "integrated gradients"; "base rates" for a document
                   whose features have no weights: its score and all of ``bias`` is the logarithm of
                   the label's base rate in training, and no feature has a share
    features       those of the document that θ has a row for, by falling margin: those most
                   in favour of the label first, those most against it last
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
        """JSON values: each field by its name, and "probability" and "answer"."""
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
