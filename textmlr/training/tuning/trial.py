"""A trial: one setting, judged at one rung."""

from __future__ import annotations

from dataclasses import dataclass

from textmlr.training.tuning.space import Setting


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a setting on held-out documents, each counting by its weight.

    loss      mean, in nats, after calibration
    accuracy  share of documents that are right
    macro_f1  mean F1 of the labels that occur or are answered
    """

    loss: float
    accuracy: float
    macro_f1: float

    def badness(self, metric: str) -> tuple[float, float]:
        """A key to compare by a metric, the lower the better; the loss breaks ties."""
        if metric == "log-loss":
            return self.loss, self.loss
        return -(self.accuracy if metric == "accuracy" else self.macro_f1), self.loss

    def named(self, metric: str) -> float:
        """The figure of a metric."""
        named = {"log-loss": self.loss, "accuracy": self.accuracy, "macro-f1": self.macro_f1}
        return named[metric]


@dataclass(frozen=True, slots=True)
class Trial:
    """A setting judged at a rung.

    number     from 0, the default's; the same whatever the time and the threads
    rung       share of documents × folds, 1 at the highest rung
    documents  of training, in each of the folds
    figures    None where training failed, for the reason that is in problem
    seconds    it took, making features included
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
        """A key to compare by a metric; the number breaks ties."""
        if self.figures is None:
            return float("inf"), float("inf"), self.number
        return *self.figures.badness(metric), self.number
