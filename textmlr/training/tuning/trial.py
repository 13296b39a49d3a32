"""A trial: one setting, judged at one rung."""

from __future__ import annotations

from dataclasses import dataclass

from textmlr.training.tuning.space import Setting


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a setting on held-out documents, each counting by its weight.

    loss      mean, in nats, after calibration
    accuracy  share of documents that are right; of several labels, whose likeliest label is
    macro_f1  mean F1 of the labels that occur or are answered; of all labels where documents have
              several, at thresholds that these documents choose
    micro_f1  F1 of all pairs of a document and a label, at these thresholds; None where each
              document has one label
    """

    loss: float
    accuracy: float
    macro_f1: float
    micro_f1: float | None = None

    def badness(self, metric: str) -> tuple[float, float]:
        """A key to compare by a metric, the lower the better; the loss breaks ties."""
        own = self.named(metric)
        return (own if metric == "log-loss" else -own), self.loss

    def named(self, metric: str) -> float:
        """The figure of a metric."""
        return next(figure for name, _, figure in self.shown() if name == metric)

    def shown(self) -> list[tuple[str, str, float]]:
        """(metric, title, figure) of each that there is, as they are shown."""
        several = self.micro_f1 is not None
        found = [
            ("log-loss", "log loss", self.loss),
            ("accuracy", "P@1" if several else "accuracy", self.accuracy),
        ]
        if self.micro_f1 is not None:
            found.append(("micro-f1", "micro-F1", self.micro_f1))
        return [*found, ("macro-f1", "macro-F1", self.macro_f1)]


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
