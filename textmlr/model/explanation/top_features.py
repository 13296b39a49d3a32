"""The words and features most in favour of each label, and most against it.

By weight: one unit of a feature adds so much more to the label's score than to the mean score,

    w(f, ℓ) = θ[f, ℓ] − mean over ℓ' of θ[f, ℓ']

since a constant added to all labels' scores changes no probability.  With two labels one unit adds
so much to the log-odds, θ[f, ℓ] − θ[f, other], twice that.

By contribution: the feature added so much in all, over the n documents of the training corpus,

    c(f, ℓ) = w(f, ℓ) · Σ_i f(x_i)_f

in nats, before scores are calibrated (``scoring.Calibration``: of each document by one number).
What every document has tells none from another, however much it adds: the order is that of the
standard deviation of what the feature adds, ``top_words.spreads``.  On corpora whose labels are
known it puts first 1.1 to 3 times as many of the features that tell a label's documents from the
others as the order by |c| does (movie genres: 14 of 20, where that has 5).  One of very many labels
has so few of the corpus's documents that this says nothing of it: the order is by weight alone.

The bias, which is the same in every document, is listed apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import MODEL_MEND, check_kind, check_label, check_listed, check_strings
from textmlr.base.errors import InputError
from textmlr.base.limits import MANY_LABELS
from textmlr.base.printable import plain
from textmlr.model.explanation.named_features import NamedFeatures
from textmlr.model.explanation.top_words import TopWord, WordEntries, spreads
from textmlr.model.fasttext.fasttext_parts import refuse_fasttext
from textmlr.model.model import Model
from textmlr.model.model_parts import check_linear

Json = dict[str, Any]
Reals = NDArray[np.float64]
_IN_REPR = 10  # words on either side


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature and its figures for one label.

    name          a word n-gram's tokens, or "char:" and the characters of one of these
    weight        w(f, ℓ), nats
    contribution  c(f, ℓ), nats; None where the model does not know what its corpus held
    documents     of the training corpus that have the feature
    others, share with hashing: other n-grams that fell into the same column in a sample of the
                  corpus, and the named one's share of the column's occurrences there
    spread        nats by which what it adds differs from document to document; None as above
    """

    name: str
    weight: float
    contribution: float | None
    documents: int
    others: int
    share: float
    spread: float | None

    @property
    def adds(self) -> float | None:
        """The nats that it adds on average to a document that has it."""
        return None if self.contribution is None else self.contribution / max(self.documents, 1)


Listed = TypeVar("Listed", Feature, TopWord)


@dataclass(frozen=True, slots=True)
class Ranking(Generic[Listed]):
    """The features or words most in favour of a label (figures above 0, the largest first) and
    most against it (below 0, the least first)."""

    most_for: list[Listed]
    most_against: list[Listed]


@dataclass(frozen=True, slots=True)
class Rankings(Generic[Listed]):
    """Features or words in either order.

    by_contribution  the largest spread first; None where the model does not know what its corpus
                     held, or has more than 1,000 labels
    """

    by_weight: Ranking[Listed]
    by_contribution: Ranking[Listed] | None

    @property
    def most_for(self) -> list[Listed]:
        """Those in favour, by contribution where that is known."""
        return (self.by_contribution or self.by_weight).most_for

    @property
    def most_against(self) -> list[Listed]:
        """Those against, by contribution where that is known."""
        return (self.by_contribution or self.by_weight).most_against


@dataclass(frozen=True, slots=True, repr=False)
class TopFeatures:
    """What speaks for a label and against it.

    bias             the bias's w, None where the model has none
    by_weight, by_contribution   the features: n-grams of words, and of characters
    words            the words, each with the character n-grams that lie in it
    """

    label: str
    bias: float | None
    by_weight: Ranking[Feature]
    by_contribution: Ranking[Feature] | None
    words: Rankings[TopWord]

    @property
    def ngrams(self) -> Rankings[Feature]:
        """The features."""
        return Rankings(self.by_weight, self.by_contribution)

    def as_dict(self) -> Json:
        """JSON values."""
        return asdict(self)

    def __repr__(self) -> str:
        """A table of the first words."""
        sides = [
            [
                f"{word.weight if word.adds is None else word.adds:+9.3f}  {plain(word.text)}"
                for word in side[:_IN_REPR]
            ]
            for side in (self.words.most_for, self.words.most_against)
        ]
        wide = max((len(line) for line in sides[0]), default=0)
        rows = max(map(len, sides))
        left, right = ([*side, *[""] * (rows - len(side))] for side in sides)
        heads = "what words for it, and against it, add where they occur (nats)"
        if self.words.by_contribution is None:
            heads = "weights of words for it, and against it (nats)"
        lines = [f"{plain(self.label)}: {heads}"]
        lines += [f"{a:<{wide}}  {b}".rstrip() for a, b in zip(left, right, strict=True)]
        return "\n".join(lines)


def top_features(
    model: Model, labels: Sequence[str] | None = None, k: int = 20
) -> list[TopFeatures]:
    """The k words and features most in favour of each of some labels, None for all, and most
    against it.

    Features that are known by their hashes alone are left out, and so are hashed columns that
    training did not name.  Their Σ f(x) is an estimate.
    Raises InputError for a label the model does not know, and for no number of features.
    """
    check_kind("model", model, Model, MODEL_MEND)
    labels = check_strings("labels", labels, optional=True)
    check_listed("k", k)
    for label in labels or ():
        check_label(label, model.labels)
    if labels is None and len(model.labels) > MANY_LABELS:
        raise InputError(
            f"the model has {len(model.labels):,} labels, too many to list the words of each",
            mend="name some of them by label",
        )
    mend = "ask textmlr explain about a document"
    refuse_fasttext(model.parts.storage, "has no weight of a feature for a label", mend)
    named = NamedFeatures.of(model)
    check_linear(
        model.parts.layers,
        "has no weight of a feature for a label",
        mend="ask textmlr explain about a document",
    )
    entries = WordEntries.of(named, model.featurizer.options.term_frequency)
    if len(model.labels) > MANY_LABELS:
        named = replace(named, totals=None)
        entries = replace(entries, named=named)
    column = _columns(model)
    scale = 2.0 if len(model.labels) == 2 and model.parts.head.is_relative else 1.0
    found = []
    for label in model.labels if labels is None else labels:
        weights, bias = column(model.labels.index(label))
        weights *= scale
        own = None if bias is None else scale * bias
        found.append(_of_label(label, own, weights[named.rows], entries, k))
    return found


def _columns(model: Model) -> Callable[[int], tuple[Reals, float | None]]:
    """(weights (R,) of a label without what all labels have in common, the bias's; None: there is
    none), by the label's number."""
    parts = model.parts
    if (postings := parts.postings) is not None:
        common = postings.row_sums(postings.weights) / len(model.labels)
        mean = float(postings.bias.mean(dtype=np.float64))
        return lambda i: (postings.column(i) - common, float(postings.bias[i]) - mean)
    theta = parts.layers[0]
    means = parts.head.common(theta)
    at: int | None = None
    if model.featurizer.options.bias:
        at = 0 if parts.columns is None else int(parts.columns.find(np.zeros(1, np.int32))[0])

    def dense(i: int) -> tuple[Reals, float | None]:
        weights = theta[:, i] - means
        return weights, None if at is None else float(weights[at])

    return dense


def _of_label(
    label: str, bias: float | None, weights: Reals, entries: WordEntries, k: int
) -> TopFeatures:
    named = entries.named
    contributions = None if named.totals is None else weights * named.totals

    def feature(i: int, figures: tuple[float, float | None, float | None]) -> Feature:
        weight, contribution, spread = figures
        documents, others = int(named.documents[i]), int(named.others[i])
        share = float(named.shares[i])
        return Feature(named.name(i), weight, contribution, documents, others, share, spread)

    ngrams = _rankings(feature, weights, contributions, named.documents, named.corpus, k)
    own = None if contributions is None else entries.contributions(contributions)
    words = _rankings(
        entries.word, entries.weights(weights), own, entries.documents, named.corpus, k
    )
    return TopFeatures(label, bias, ngrams.by_weight, ngrams.by_contribution, words)


def _rankings(
    make: Callable[[int, tuple[float, float | None, float | None]], Listed],
    weights: Reals,
    contributions: Reals | None,
    documents: NDArray[np.integer[Any]],
    corpus: int,
    k: int,
) -> Rankings[Listed]:
    """The first k in both orders;  make  (number, (weight, contribution, spread)) → what is
    listed."""
    spread = None if contributions is None else spreads(contributions, documents, corpus)

    def one(i: int) -> Listed:
        if contributions is None or spread is None:
            return make(i, (float(weights[i]), None, None))
        return make(i, (float(weights[i]), float(contributions[i]), float(spread[i])))

    def ranking(figures: Reals) -> Ranking[Listed]:
        return Ranking(
            [one(i) for i in _largest(figures, k)], [one(i) for i in _largest(-figures, k)]
        )

    return Rankings(ranking(weights), None if spread is None else ranking(spread))


def _largest(figures: Reals, k: int) -> list[int]:
    """Numbers of the k largest above 0, the largest first, ties as they come."""
    places = np.arange(len(figures))
    if k < len(figures):
        least = np.partition(figures, len(figures) - k)[len(figures) - k]
        places = np.flatnonzero(figures >= least)
    order = places[np.argsort(-figures[places], kind="stable")][:k]
    chosen: list[int] = order[figures[order] > 0].tolist()
    return chosen
