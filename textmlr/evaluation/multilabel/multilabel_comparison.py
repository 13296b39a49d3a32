"""Two models of label sets compared on the same documents, and how sure the differences are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import check_kind, check_threads
from textmlr.base.errors import InputError
from textmlr.base.printable import plural
from textmlr.evaluation.comparison import (
    RESAMPLES,
    SIGNIFICANT,
    Difference,
    bootstrap_p,
    p_of,
)
from textmlr.evaluation.intervals import RESAMPLES as INTERVAL_RESAMPLES
from textmlr.evaluation.intervals import Interval, percentile_interval
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
                    figure is above 0, log loss below.  Intervals and p by paired bootstrap
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
        for name, side in (("a", a), ("b", b)):
            check_kind(name, side, SetAnswers, "compare models by textmlr.compare")
        check_threads(threads)
        if len(a) != len(b) or _named(a) != _named(b):
            mend = "answer one corpus by both models"
            raise InputError("the answers are not to the same documents", mend=mend)
        if not len(a):
            raise InputError("no documents to compare by", mend="give a corpus that is not empty")
        own = [figures_of(side) for side in (a, b)]
        drawn = [resampled_figures(side, resamples=RESAMPLES, threads=threads) for side in (a, b)]
        values, samples = own[1] - own[0], drawn[1] - drawn[0]
        differences = [
            Difference(float(value), percentile_interval(column), bootstrap_p(column))
            for value, column in zip(values, samples.T, strict=True)
        ]
        micro, macro, by_document, first, losses = differences
        exact_a, exact_b = (_is_exact(side) for side in (a, b))
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
        none: Any = None
        figures = asdict(replace(self, answered=none))
        del figures["answered"]
        return {**figures, "verdict": list(self.verdict())}

    def verdict(self) -> Iterator[str]:
        """A sentence on the answers and one on the probabilities."""
        difference = self.micro_f1
        how = p_of(difference.p, self.resamples)
        if difference.p < SIGNIFICANT:
            better = "B" if difference.value > 0 else "A"
            points = 100 * abs(difference.value)
            shown = f"{points:.0f}" if points >= 99.5 else f"{points:.2g}"
            yield f"{better} is better by {shown} points of micro-F1: {how}"
        else:
            yield f"micro-F1: no difference that these documents can show ({how})"
        difference = self.log_loss
        how = p_of(difference.p, self.resamples)
        if difference.p < SIGNIFICANT:
            better = "B" if difference.value < 0 else "A"
            yield (
                f"{better}'s probabilities are better by {abs(difference.value):.2g} nats of log "
                f"loss a document: {how}"
            )
        else:
            yield f"log loss: no difference that these documents can show ({how})"


def _named(answered: SetAnswers) -> list[list[str]]:
    names = answered.names
    return [sorted(names[code] for code in own) for own in answered.sets.tolist()]


def _is_exact(answered: SetAnswers) -> NDArray[np.bool_]:
    """(n,) whether the answers of each document are its labels."""
    pairs = zip(answered.sets.tolist(), answered.answered.tolist(), strict=True)
    return np.array([true == given for true, given in pairs])


def _side(figures: NDArray[np.float64], samples: NDArray[np.float64]) -> SetSide:
    columns = zip(figures.tolist(), map(percentile_interval, samples.T), strict=True)
    values: list[Any] = [value for pair in columns for value in pair]
    return SetSide(*values)
