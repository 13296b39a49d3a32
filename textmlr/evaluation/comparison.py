"""Two models compared on the same documents: differences of figures, and their significance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import check_kind, check_threads
from textmlr.base.errors import InputError
from textmlr.base.printable import plural
from textmlr.evaluation.intervals import (
    Interval,
    percentile_interval,
    resampled_columns,
    resampled_means,
    wilson,
)
from textmlr.evaluation.labelled_answers import figures_dict
from textmlr.evaluation.rank_figures import hits_at, ranks_of
from textmlr.evaluation.ranked_truth import RankedTruth
from textmlr.evaluation.true_labels import TrueLabels

# Resamples cannot tell p values below 1 / RESAMPLES apart, so there are more than for intervals.
RESAMPLES = 4000
SIGNIFICANT = 0.05
# With fewer documents that only one model gets right, McNemar's test is the exact one.  Source:
# Edwards, Psychometrika 13(3), 1948, for the correction; 25 as in Fagerland and others, BMC
# Medical Research Methodology 13:91, 2013, who show that the chi-square is poor below.
FEW = 25


@dataclass(frozen=True, slots=True)
class Side:
    """One model's figures, with 95 % intervals (accuracy: Wilson; log loss: bootstrap)."""

    accuracy: float
    accuracy_interval: Interval
    log_loss: float
    log_loss_interval: Interval


@dataclass(frozen=True, slots=True)
class McNemar:
    """A test of whether two models are right equally often, by the documents only one gets right.

    test       "exact binomial" or "chi-square with continuity correction"
    statistic  chi-square, None for the exact test
    p          two-sided: of as large a difference, or larger, between equal models
    """

    test: str
    statistic: float | None
    p: float


@dataclass(frozen=True, slots=True)
class Difference:
    """B's figure minus A's over the same documents, with 95 % interval and two-sided p by paired
    bootstrap (the p of accuracy is that of McNemar's test)."""

    value: float
    interval: Interval
    p: float


@dataclass(frozen=True, slots=True)
class RankDifference:
    """The shares of documents whose label is among the k likeliest, by model A and by B (top-k
    accuracy), and their difference, as that of accuracy."""

    k: int
    a: float
    b: float
    difference: Difference


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Models A and B on the same n documents.

    >>> from textmlr.evaluation.labelled_answers import LabelledAnswers
    >>> sides = []
    >>> for p in ([[0.9, 0.1], [0.6, 0.4]], [[0.8, 0.2], [0.3, 0.7]]):
    ...     sides.append(LabelledAnswers(["ham", "spam"], np.array([0, 1]), np.array(p)))
    >>> comparison = Comparison.of(*sides)
    >>> comparison.a.accuracy, comparison.b.accuracy, comparison.only_b
    (0.5, 1.0, 1)
    >>> next(comparison.verdict())
    'accuracy: no difference that these documents can show (p = 1)'

    both, only_a, only_b, neither   documents that both, one or none gets right; they sum to n
    accuracy, log_loss              B minus A: B is better where accuracy is above 0, log loss below
    at_rank                         where labels are very many: a row for each of the 3, 5 and 10
                                    likeliest
    answered                        the answers of both; as_dict leaves them out
    """

    documents: int
    a: Side
    b: Side
    both: int
    only_a: int
    only_b: int
    neither: int
    mcnemar: McNemar
    accuracy: Difference
    log_loss: Difference
    resamples: int
    at_rank: tuple[RankDifference, ...]
    answered: tuple[TrueLabels, TrueLabels] = field(compare=False)

    @classmethod
    def of(cls, a: TrueLabels, b: TrueLabels, *, threads: int | None = None) -> Comparison:
        """Compare two models' answers to the same documents, in the same order.

        Raises InputError for no documents, and if the true labels differ.
        """
        check_sides(a, b, TrueLabels, _true, threads)
        n = len(a)
        right_a, right_b = a.top == a.codes, b.top == b.codes
        only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
        both = int((right_a & right_b).sum())
        test = mcnemar(only_a, only_b)
        points = resampled_means(
            right_b.astype(np.float64) - right_a, resamples=RESAMPLES, threads=threads
        )
        losses_a, losses_b = a.losses, b.losses
        nats = resampled_means(losses_b - losses_a, resamples=RESAMPLES, threads=threads)
        return cls(
            documents=n,
            a=_side(right_a, losses_a, threads),
            b=_side(right_b, losses_b, threads),
            both=both,
            only_a=only_a,
            only_b=only_b,
            neither=n - both - only_a - only_b,
            mcnemar=test,
            accuracy=Difference((only_b - only_a) / n, percentile_interval(points), test.p),
            log_loss=Difference(
                float((losses_b - losses_a).mean()), percentile_interval(nats), bootstrap_p(nats)
            ),
            resamples=RESAMPLES,
            at_rank=_at_rank(a, b, threads),
            answered=(a, b),
        )

    def __repr__(self) -> str:
        sentences = "; ".join(self.verdict())
        return (
            f"Comparison of A and B on {plural(self.documents, 'document')}: accuracy "
            f"{self.a.accuracy:.4f} and {self.b.accuracy:.4f}, log loss {self.a.log_loss:.4f} and "
            f"{self.b.log_loss:.4f} nats\n{sentences}\n"
            "look at: .a, .b, .accuracy, .log_loss, .mcnemar, .verdict(), .as_dict()"
        )

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        figures = figures_dict(self) | {"verdict": list(self.verdict())}
        if not self.at_rank:
            del figures["at_rank"]
        return figures

    def verdict(self) -> Iterator[str]:
        """A sentence on the answers and one on the probabilities."""
        unit = "nats of log loss"
        return verdict_on("accuracy", self.accuracy, self.log_loss, unit, self.resamples)


def check_sides(
    a: Any, b: Any, kind: type, true: Callable[[Any], object], threads: int | None
) -> None:
    """Raise InputError unless a and b are answers of this kind to the same documents, one or more.

    true  gives the true labels of the answers, by name, of each document
    """
    for name, side in (("a", a), ("b", b)):
        check_kind(name, side, kind, "compare models by textmlr.compare")
    check_threads(threads)
    if true(a) != true(b):
        mend = "answer one corpus by both models"
        raise InputError("the answers are not to the same documents", mend=mend)
    if not len(a):
        raise InputError("no documents to compare by", mend="give a corpus that is not empty")


def verdict_on(
    figure: str, answers: Difference, losses: Difference, unit: str, resamples: int
) -> Iterator[str]:
    """A sentence on the answers and one on the probabilities.

    figure  that answers differ in, its name;  unit  of losses, in words
    """
    how = p_of(answers.p, resamples)
    if answers.p < SIGNIFICANT:
        better = "B" if answers.value > 0 else "A"
        points = 100 * abs(answers.value)
        shown = f"{points:.0f}" if points >= 99.5 else f"{points:.2g}"
        yield f"{better} is better by {shown} points of {figure}: {how}"
    else:
        yield f"{figure}: no difference that these documents can show ({how})"
    how = p_of(losses.p, resamples)
    if losses.p < SIGNIFICANT:
        better = "B" if losses.value < 0 else "A"
        yield f"{better}'s probabilities are better by {abs(losses.value):.2g} {unit}: {how}"
    else:
        yield f"log loss: no difference that these documents can show ({how})"


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """McNemar's test of documents that only A and only B get right.

    With FEW of them or more, (|b − c| − 1)² / (b + c) is chi-square with one degree of freedom
    (McNemar, Psychometrika 12(2), 1947, with Edwards's correction, 1948); with fewer, or none, the
    smaller number is binomial with p = 1/2.
    """
    from scipy.stats import binomtest, chi2  # late: it takes a second

    discordant = only_a + only_b
    if discordant < FEW:
        p = binomtest(only_a, discordant, 0.5).pvalue if discordant else 1.0
        return McNemar("exact binomial", None, float(p))
    statistic = max(abs(only_a - only_b) - 1, 0) ** 2 / discordant
    p = float(chi2.sf(statistic, df=1))
    return McNemar("chi-square with continuity correction", statistic, p)


def bootstrap_p(samples: NDArray[np.float64]) -> float:
    """Two-sided p of a difference: twice the share of resamples on the far side of 0, the sample
    itself counted among them (Davison and Hinkley, Bootstrap Methods, 1997, section 4.2.5)."""
    far = min(int((samples <= 0).sum()), int((samples >= 0).sum()))
    return min(1.0, 2 * (far + 1) / (len(samples) + 1))


def p_of(p: float, resamples: int) -> str:
    """A p value in words: p = 0.034, p < 0.001."""
    least = max(0.001, 2 / (resamples + 1))
    return f"p < {least:.2g}" if p < least else f"p = {p:.2g}"


def _true(answered: TrueLabels) -> list[str]:
    """The true label of each document."""
    return [answered.names[code] for code in answered.codes.tolist()]


def _at_rank(a: TrueLabels, b: TrueLabels, threads: int | None) -> tuple[RankDifference, ...]:
    """The differences of several likeliest labels, where labels are very many."""
    if not isinstance(a, RankedTruth) and not isinstance(b, RankedTruth):
        return ()
    ranks = ranks_of(min(a.width, b.width))[1:]
    hits_a, hits_b = (
        np.column_stack([hits_at(side, k) for k in ranks]).astype(np.int64) for side in (a, b)
    )
    apart = (hits_b - hits_a).astype(np.float64)
    samples = resampled_columns(apart, resamples=RESAMPLES, threads=threads)
    rows = []
    for k, own, other, drawn in zip(ranks, hits_a.T, hits_b.T, samples.T, strict=True):
        only_a, only_b = int((own > other).sum()), int((other > own).sum())
        difference = Difference(
            (only_b - only_a) / len(a), percentile_interval(drawn), mcnemar(only_a, only_b).p
        )
        rows.append(RankDifference(k, float(own.mean()), float(other.mean()), difference))
    return tuple(rows)


def _side(right: NDArray[np.bool_], losses: NDArray[np.float64], threads: int | None) -> Side:
    low, high = wilson(np.array([right.sum()]), np.array([len(right)]))
    return Side(
        float(right.mean()),
        (float(low[0]), float(high[0])),
        float(losses.mean()),
        percentile_interval(resampled_means(losses, threads=threads)),
    )
