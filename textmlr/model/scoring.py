"""Scores of rows and their calibration, for training and Model alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.features.csr_features import Features
from textmlr.kernels import linear as kernels
from textmlr.model.heads import SOFTMAX, Head
from textmlr.model.parameters import Network
from textmlr.model.second_pass import SecondPass, Slopes, bend, multipliers

# Scores of one block of documents: 2^20 of them are 4 MB, and 8 MB as probabilities.
BLOCK_SCORES = 1 << 20
STRAIGHT = (1.0, 1.0, 1.0)
# A label without documents counts as so many, so that every P stays above 0.
UNSEEN = 0.5


@dataclass(frozen=True, slots=True)
class Calibration:
    """A correction of scores by which probabilities fit new documents.

    The scores of a document are multiplied by factor·(max(σ, least)/spread)^exponent, where σ is
    their standard deviation over labels.  The exponent is never above 0: a wide spread of scores
    is a weaker sign of a sure answer than the scores claim.  The multiplier is one number a
    document, so that shares of features in a score stay exact.

    factor    of all documents, the inverse of a temperature (Guo et al., ICML 2017)
    exponent  −1 to 0
    spread    geometric mean of σ over the documents it was fitted on
    least     σ that one document in twenty of these was below
    """

    factor: float = 1.0
    exponent: float = 0.0
    spread: float = 1.0
    least: float = 1.0

    @classmethod
    def of(cls, values: dict[str, Any]) -> Calibration:
        """The calibration of these JSON values."""
        kinds: dict[str, type[Calibration]] = {"prior": Shrunk, "offset": Bent, "share": Mixed}
        return next((kind for name, kind in kinds.items() if name in values), cls)(**values)

    def absorbed(self) -> Calibration:
        """This calibration for scores that are multiplied by the factor already."""
        return Calibration(1.0, self.exponent, self.factor * self.spread, self.factor * self.least)

    def array(self, base: NDArray[np.float32]) -> NDArray[np.float64]:
        """The array for kernels: all but the factor, then the slopes of ``Bent``, then the (L,)
        scores of a document without a known word, then the second pass: float64; (6,) where
        ``base`` has none, and (0,) where there is nothing to do."""
        if not self.exponent and self.slopes == STRAIGHT and not base.size:
            return np.zeros(0)
        own = np.array([self.exponent, self.spread, self.least, *self.slopes, *base.tolist()])
        return own if self.second is None else np.concatenate([own, self.second.array()])

    @property
    def slopes(self) -> Slopes:
        """Those of ``Bent``; all 1 elsewhere."""
        return STRAIGHT

    @property
    def second(self) -> SecondPass | None:
        """The second pass over labels, which few models have."""
        return None

    def halved(self) -> Calibration:
        """This calibration for a small model: links between labels are float16."""
        return self

    def as_json(self) -> dict[str, Any]:
        """The numbers, by name; ``of`` makes the calibration of them, without a second pass."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "links"}

    def multipliers(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """By what kernels multiply a document's scores: (L,);  scores (L,), those before it."""
        t = 1.0
        if self.exponent:
            t = float((max(float(scores.std()), self.least) / self.spread) ** self.exponent)
        return np.full(len(scores), t)


@dataclass(frozen=True, slots=True)
class Bent(Calibration):
    """A correction of the scores of independent sigmoids, each by itself.

    A score s becomes u = factor·s + offset, and u becomes the score that counts,

        middle·u between −KNOT and KNOT, with other slopes beyond: low below, high above.

    SGD of few epochs is too sure of labels that a document has, and not sure enough of those that
    it lacks.  The line goes through 0 and never falls, so that labels keep their order, and shares
    of features in a score stay exact.  Factor and offset are numbers that θ and its bias take up.

    links  between labels, None for none: a second pass, over the scores so bent
    """

    offset: float = 0.0
    low: float = 1.0
    middle: float = 1.0
    high: float = 1.0
    links: SecondPass | None = None

    @property
    def slopes(self) -> Slopes:
        """low, middle, high."""
        return self.low, self.middle, self.high

    @property
    def second(self) -> SecondPass | None:
        """``links``."""
        return self.links

    def absorbed(self) -> Bent:
        """This calibration for scores that have the factor and the offset already."""
        return Bent(low=self.low, middle=self.middle, high=self.high, links=self.links)

    def halved(self) -> Bent:
        """See ``Calibration.halved``."""
        if self.links is None:
            return self
        links = self.links.links.astype(np.float16).astype(np.float32)
        return replace(self, links=replace(self.links, links=links))

    def bend(self, scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The scores that count, of those before;  any shape, nats."""
        return bend(self.factor * scores.astype(np.float64) + self.offset, self.slopes)

    def multipliers(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """As in ``Calibration``, of scores that have the factor and the offset already."""
        return multipliers(scores, self.slopes)


def base_rates(
    documents: NDArray[np.floating[Any]] | Sequence[float], total: float | None = None
) -> NDArray[np.float64]:
    """P(ℓ) of a document about which nothing is known: (L,) float64, their sum 1; (0,) for (0,).

    documents  (L,) of each label, or the sums of their weights, none negative, not all 0.  A label
               without any counts as UNSEEN documents
    total      of all documents, which have sets of labels: P(ℓ) is then the share of them that
               have ℓ, with UNSEEN more on either side, and the sum need not be 1

    >>> base_rates([6, 2]).round(6).tolist()
    [0.75, 0.25]
    >>> base_rates([6, 2], total=9).round(6).tolist()
    [0.65, 0.25]
    """
    if total is None:
        return _shares(documents)[1]
    own = np.minimum(np.asarray(documents, np.float64), total)
    rates: NDArray[np.float64] = (own + UNSEEN) / (total + 2 * UNSEEN)
    return rates


def base_scores(
    documents: NDArray[np.floating[Any]] | Sequence[float],
    head: Head = SOFTMAX,
    total: float | None = None,
) -> NDArray[np.float32]:
    """Scores of a document without a known word: those with the probabilities of ``base_rates``,
    (L,) float32, nats; (0,) where these are not known."""
    if not len(documents):
        return np.zeros(0, np.float32)
    if head.has_sets and total is not None:
        return head.link(np.log(base_rates(documents, total))).astype(np.float32)
    counts, shares = _shares(documents)
    # Each by itself: a share may be too small to be above 0.
    logs = np.log(counts) - np.log(counts.max()) + np.log(shares.max())
    return head.link(logs).astype(np.float32)


def _shares(
    documents: NDArray[np.floating[Any]] | Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(documents of each label, the share of each): (L,) float64 both, and (0,) for (0,)."""
    own = np.asarray(documents, np.float64)
    counts = np.where(own > 0, own, UNSEEN)
    if not counts.size:
        return counts, counts
    shares = counts / counts.max()  # so that no sum of large weights overflows
    return counts, shares / shares.sum()


def has_known_words(
    features: Features, theta: NDArray[np.float32], bias: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether any of a row's features but the bias has a weight that is not 0: (n,).

    theta  (V, W1) float32, the first layer;  bias  (V,)  which row is the bias's
    """
    says = theta.any(axis=1) & ~bias
    own = says[features.indices] & (features.values != 0)
    ends = np.append(0, np.cumsum(own))[features.indptr]
    found: NDArray[np.bool_] = ends[1:] > ends[:-1]
    return found


@dataclass(frozen=True, slots=True)
class Shrunk(Calibration):
    """A calibration that also shrinks towards the base rates, where documents are few.

    prior·log base rate of each label is added to scores that are multiplied by the factor, which is
    near 0 where documents say nothing about labels.  It is a number a label: the bias takes it
    up, and shares of features in a score stay exact.
    """

    prior: float = 0.0

    def offsets(self, rates: NDArray[np.float64], head: Head = SOFTMAX) -> NDArray[np.float64]:
        """The numbers added to scores: (L,) float64, nats, of the softmax with mean 0;  rates
        (L,), those of ``base_rates``."""
        scores = head.link(np.log(rates))
        if head.is_relative:
            scores = scores - scores.mean()
        offsets: NDArray[np.float64] = self.prior * scores
        return offsets


@dataclass(frozen=True, slots=True)
class Mixed(Calibration):
    """Answers of a sparse θ, mixed with the base rates: P = (1 − share)·softmax + share·base rate.

    A label that shares no feature with a document keeps a part of its base rate.  What features
    add to scores is multiplied by (max(σ, least)/spread)^exponent, where σ is the highest such sum
    over labels; biases are not.  The scores that count are
    ln((1 − share)·exp(score) + share·base rate·z), so that P = exp(score − log z) still.

    share  0 to 1, π
    """

    share: float = 0.0

    def absorbed(self) -> Mixed:
        """This calibration for sums that are multiplied by the factor already."""
        spread, least = self.factor * self.spread, self.factor * self.least
        return Mixed(1.0, self.exponent, spread, least, self.share)

    def multipliers(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """By what kernels multiply a document's sums: (L,);  scores (L,), the sums, without the
        bias."""
        t = 1.0
        if self.exponent:
            highest = max(float(scores.max()), self.least)
            t = float((highest / self.spread) ** self.exponent)
        return np.full(len(scores), t)


def row_blocks(documents: int, labels: int) -> Iterator[slice]:
    """Slices of documents whose scores fit in one block; cut by the data alone."""
    step = max(1, BLOCK_SCORES // labels)
    for first in range(0, documents, step):
        yield slice(first, min(first + step, documents))


def score(features: Features, network: Network, rows: slice | None = None) -> NDArray[np.float32]:
    """Unnormalised log-probabilities score(x, ℓ) of rows: (n, L) float32, nats."""
    rows = rows or slice(0, len(features))
    out = np.empty((rows.stop - rows.start, network.labels), np.float32)
    own = features.arrays(rows.start, rows.stop)
    network.scores(own, out)
    return out


def spreads(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """The standard deviation over labels of each row: (n,) float64."""
    out = np.empty(len(scores), np.float64)
    kernels.spreads(frozen(scores), out)
    return out
