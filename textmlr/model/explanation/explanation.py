"""Explanation: why a document has the score it has, feature by feature and word by word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from textmlr.base.printable import plain

Json = dict[str, Any]
Method = Literal["exact", "integrated gradients", "base rates"]
_IN_REPR = 5  # words for the label, and against it


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
class GroupedWord:
    """A word of the document, wherever it occurs: its tokens' shares together.

    text          the form that it has most often
    count         how often it occurs
    contribution  nats of the label's score
    margin        nats of the margin, see Explanation
    spans         (start, stop) of each occurrence, characters of the text
    """

    text: str
    count: int
    contribution: float
    margin: float
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, repr=False)
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
    by_word        the same, each word once, by falling margin

    bias + Σ contribution of features = score, and bias_margin + Σ margin of features = margin, but
    for the rounding of 32-bit floats; the same sums over words, and over by_word, are those over
    features.
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
    by_word: tuple[GroupedWord, ...]

    def __repr__(self) -> str:
        """The answer, and the strongest words for it and against it."""
        beside = (
            f"against {plain(self.against)}" if self.against is not None else "against the others"
        )
        lines = [
            f"Explanation of {plain(self.label)}, P = {self.probability:.4f}: "
            f"{self.margin:+.4f} nats {beside}, {self.bias_margin:+.4f} of them the bias's"
        ]
        strong = [word for word in self.by_word if word.margin > 0][:_IN_REPR]
        weak = [word for word in self.by_word if word.margin < 0][-_IN_REPR:]
        lines += [
            f"  {word.margin:+9.4f}  {plain(word.text)}"
            + (f" ×{word.count}" if word.count > 1 else "")
            for word in (*strong, *weak)
        ]
        rest = len(self.by_word) - len(strong) - len(weak)
        if rest:
            lines.insert(1 + len(strong), f"  {rest:9,} other words")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The document with its words coloured, as a notebook shows it."""
        from textmlr.model.explanation.explanation_fragment import fragment_of

        return fragment_of(self)

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
            "by_word": [_json(word) for word in self.by_word],
        }


def _json(record: Contribution | Word | GroupedWord) -> Json:
    return {name: getattr(record, name) for name in record.__slots__}
