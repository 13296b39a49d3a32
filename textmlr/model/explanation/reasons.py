"""The parts of an explanation, and its figures together."""

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


@dataclass(frozen=True, slots=True)
class LabelShare:
    """What a likely label adds to the score of another, by the second pass of a multi-label model.

    label         that adds;  probability  its P by the document's words alone
    contribution  nats of the explained label's score
    margin        nats of the margin, see Explanation
    """

    label: str
    probability: float
    contribution: float
    margin: float


@dataclass(frozen=True, slots=True, repr=False)
class Reasons:
    """All that an ``Explanation`` holds, where the fields are told."""

    text: str
    label: str
    against: str | None
    answer: str | tuple[str, ...]
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
    formula: str
    base_name: str
    thresholds: dict[str, float] | None
    by_label: tuple[LabelShare, ...]
    by_base: tuple[float, float] | None = None
    centroid: float | None = None
    left_out: int = 0

    @property
    def probability(self) -> float:
        """P of the label: exp(score − log_z), or of a multi-label model 1 / (1 + exp(−score))."""
        return self.probabilities[self.label]

    @property
    def is_absolute(self) -> bool:
        """Whether the margin is the score itself: the label's odds, beside no other label."""
        return self.thresholds is not None and self.against is None

    def as_dict(self) -> Json:
        """JSON values: each field by its name, and "probability" and "answer"."""
        more = {} if self.thresholds is None else {"threshold": self.thresholds[self.label]}
        answer = self.answer if isinstance(self.answer, str) else list(self.answer)
        fields = (
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
            "text": self.text,
            "label": self.label,
            "against": self.against,
            "answer": answer,
            **more,
            **{name: getattr(self, name) for name in fields},
            "features": [_json(feature) for feature in self.features],
            "words": [_json(word) for word in self.words],
            "by_word": [_json(word) for word in self.by_word],
            **({"by_label": [_json(own) for own in self.by_label]} if self.by_label else {}),
            **self._of_sparse(),
        }

    def _of_sparse(self) -> Json:
        """What there is besides where θ is sparse, and where labels are very many."""
        found: Json = {}
        if self.by_base is not None:
            found["base_rates"], found["base_rates_margin"] = self.by_base
        if self.centroid is not None:
            found["centroid"] = self.centroid
        return found | ({"labels_left_out": self.left_out} if self.left_out else {})


def _json(record: Contribution | Word | GroupedWord | LabelShare) -> Json:
    return {name: getattr(record, name) for name in record.__slots__}
