"""Two models of label sets compared on the same documents, and how sure the differences are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.printable import plural
from textmlr.evaluation.comparison import (
    RESAMPLES,
    Difference,
    bootstrap_p,
    check_sides,
    verdict_on,
)
from textmlr.evaluation.intervals import RESAMPLES as INTERVAL_RESAMPLES
from textmlr.evaluation.intervals import Interval, percentile_interval
from textmlr.evaluation.labelled_answers import figures_dict
from textmlr.evaluation.multilabel.f1_scores import Counts
from textmlr.evaluation.multilabel.set_answers import SetAnswers
from textmlr.evaluation.multilabel.set_intervals import figures_of, resampled_figures


@dataclass(frozen=True, slots=True)
class SetSide:
    """One model's figures, with 95 % intervals (bootstrap)."""

    micro_f1: float
    micro_f1_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    samples_f1: float
    samples_f1_interval: Interval
    precision_at_1: float
    precision_at_1_interval: Interval
    log_loss: float
    log_loss_interval: Interval


@dataclass(frozen=True, slots=True, repr=False)
class MultilabelComparison:
    """Models A and B, whose answers are label sets, on the same n documents.

    >>> from textmlr.corpus.label_sets import LabelSets
    >>> sets, half = LabelSets.of([[0, 1], [1]]), np.array([0.5, 0.5])
    >>> sides = []
    >>> for p in ([[0.9, 0.4], [0.6, 0.8]], [[0.8, 0.7], [0.2, 0.7]]):
    ...     sides.append(SetAnswers(["comedy", "scifi"], sets, np.array(p), half))
    >>> comparison = MultilabelComparison.of(*sides)
    >>> round(comparison.a.micro_f1, 2), comparison.b.micro_f1
    (0.67, 1.0)

    exact_both, exact_a, exact_b, exact_neither  documents whose answers are their labels, all of
                    them and no other, by both models, one or none; they sum to n
    micro_f1, macro_f1, samples_f1, precision_at_1, log_loss  B minus A: B is better where the
                    figure is above 0, log loss below.  Intervals and p by paired bootstrap.
                    macro_f1 is the mean over the labels of both models
    answered        the answers of both; as_dict leaves them out
    """

    documents: int
    a: SetSide
    b: SetSide
    exact_both: int
    exact_a: int
    exact_b: int
    exact_neither: int
    micro_f1: Difference
    macro_f1: Difference
    samples_f1: Difference
    precision_at_1: Difference
    log_loss: Difference
    resamples: int
    answered: tuple[SetAnswers, SetAnswers] = field(compare=False)

    @classmethod
    def of(
        cls, a: SetAnswers, b: SetAnswers, *, threads: int | None = None
    ) -> MultilabelComparison:
        """Compare two models' answers to the same documents, in the same order.

        Raises InputError for no documents, and if the true labels differ.
        """
        check_sides(a, b, SetAnswers, _true, threads)
        labels = len({*a.names, *b.names})
        own = [figures_of(side, labels) for side in (a, b)]
        drawn = [
            resampled_figures(side, labels=labels, resamples=RESAMPLES, threads=threads)
            for side in (a, b)
        ]
        values, samples = own[1] - own[0], drawn[1] - drawn[0]
        differences = [
            Difference(float(value), percentile_interval(column), bootstrap_p(column))
            for value, column in zip(values, samples.T, strict=True)
        ]
        micro, macro, by_document, first, losses = differences
        exact_a, exact_b = (
            Counts.of(side.sets, side.answered, len(side.names)).is_exact for side in (a, b)
        )
        return cls(
            documents=len(a),
            a=_side(own[0], drawn[0][:INTERVAL_RESAMPLES]),
            b=_side(own[1], drawn[1][:INTERVAL_RESAMPLES]),
            exact_both=int((exact_a & exact_b).sum()),
            exact_a=int((exact_a & ~exact_b).sum()),
            exact_b=int((exact_b & ~exact_a).sum()),
            exact_neither=int((~exact_a & ~exact_b).sum()),
            micro_f1=micro,
            macro_f1=macro,
            samples_f1=by_document,
            precision_at_1=first,
            log_loss=losses,
            resamples=RESAMPLES,
            answered=(a, b),
        )

    def __repr__(self) -> str:
        sentences = "; ".join(self.verdict())
        return (
            f"Comparison of A and B on {plural(self.documents, 'document')}: micro-F1 "
            f"{self.a.micro_f1:.4f} and {self.b.micro_f1:.4f}, log loss {self.a.log_loss:.4f} and "
            f"{self.b.log_loss:.4f} nats a document\n{sentences}\n"
            "look at: .a, .b, .micro_f1, .macro_f1, .samples_f1, .precision_at_1, .log_loss, "
            ".verdict(), .as_dict()"
        )

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {**figures_dict(self), "verdict": list(self.verdict())}

    def verdict(self) -> Iterator[str]:
        """A sentence on the answers and one on the probabilities."""
        unit = "nats of log loss a document"
        return verdict_on("micro-F1", self.micro_f1, self.log_loss, unit, self.resamples)


def _true(answered: SetAnswers) -> list[list[str]]:
    """The true labels of each document."""
    names = answered.names
    return [sorted(names[code] for code in own) for own in answered.sets.tolist()]


def _side(figures: NDArray[np.float64], samples: NDArray[np.float64]) -> SetSide:
    columns = zip(figures.tolist(), map(percentile_interval, samples.T), strict=True)
    values: list[Any] = [value for pair in columns for value in pair]
    return SetSide(*values)
