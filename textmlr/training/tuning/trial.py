"""A trial: one setting, judged at one rung."""

from __future__ import annotations

from dataclasses import dataclass

from textmlr.training.tuning.space import Setting


@dataclass(frozen=True, slots=True)
class Figures:
    """What held-out documents say of a setting, each counting by its weight.

    loss      mean, in nats, after calibration
    accuracy  share of documents that are right
    macro_f1  mean F1 of the labels that occur or are answered
    """

    loss: float
    accuracy: float
    macro_f1: float

    def badness(self, metric: str) -> tuple[float, float]:
        """For comparing by a metric, the lower the better; equal ones are told by the loss."""
        if metric == "log-loss":
            return self.loss, self.loss
        return -(self.accuracy if metric == "accuracy" else self.macro_f1), self.loss

    def named(self, metric: str) -> float:
        """The figure that a metric is."""
        named = {"log-loss": self.loss, "accuracy": self.accuracy, "macro-f1": self.macro_f1}
        return named[metric]


@dataclass(frozen=True, slots=True)
class Trial:
    """A setting judged at a rung.

    number     from 0, the default's; the same whatever the time and the threads
    rung       share of what a trial at the highest rung is given, which is 1
    documents  that it was learnt from, in each of the folds
    figures    None where it could not be learnt, for the reason that is in problem
    seconds    that it took, the making of features included if it made them
    kept       it is from a journal
    """

    number: int
    setting: Setting
    rung: float
    documents: int
    folds: int
    figures: Figures | None
    problem: str | None
    seconds: float
    kept: bool = False

    def badness(self, metric: str) -> tuple[float, float, int]:
        """For comparing by a metric; equal ones are in the order of their numbers."""
        if self.figures is None:
            return float("inf"), float("inf"), self.number
        return *self.figures.badness(metric), self.number
