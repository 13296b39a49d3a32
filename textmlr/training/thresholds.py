"""Thresholds of labels: a label answers where its P is not below its own.

They are chosen on held-out documents by what the user wants to be greatest.  With calibrated P the
F1 that answers at a cut would have is expected to be 2·Σ P of the answers / (answers + Σ P), in
which no label stands: its maximum is hardly noisy, where the best cut by the labels of a few
documents is mostly luck.  The maximum F* lies at the cut F*/2 (Lipton, Elkan and Naryanaswamy, ECML
PKDD 2014, theorem 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.label_sets import LabelSets

# A label's own cut counts half, by log odds, that of all labels the other half: raw cuts a label
# raise macro-F1 and lower micro-F1.  Floors keep rare labels from answering at any P.  Chosen on
# halves of held-out documents of reuters90 and debtags.
OWN_SHARE = 0.5
FLOOR, MACRO_FLOOR = 0.02, 0.03
# Cuts a label that lower the held-out micro-F1 by more than this are given up for the common one.
MOST_LOST = 0.002
SPECK = 0.02  # P below it changes no common cut
EVEN = 0.5
GRID = 64  # cuts that are tried for the F1 of samples
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """The thresholds of a model.

    values    (L,) float64, above 0, at most 1
    by_label  whether they differ from label to label
    micro_f1, macro_f1   of the documents they were chosen on; None where there were none
    """

    values: NDArray[np.float64]
    by_label: bool = False
    micro_f1: float | None = None
    macro_f1: float | None = None

    @classmethod
    def even(cls, labels: int) -> Thresholds:
        """One half for every label, where there is nothing to choose by."""
        return cls(np.full(labels, EVEN))


@dataclass(frozen=True, slots=True, eq=False)
class Judges:
    """Documents to choose by.

    p (n, L) float64;  hot (n, L)  whether a document has a label;  weights (n,) float64
    """

    p: NDArray[np.float64]
    hot: NDArray[np.bool_]
    weights: NDArray[np.float64]

    def f1(self, cuts: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """(micro-F1, macro-F1) of answers at these cuts; a label that neither occurs nor answers
        counts 0."""
        answers = self.p >= cuts
        hits = self.weights @ (answers & self.hot)
        asked = self.weights @ answers + self.weights @ self.hot
        each = 2 * hits / np.maximum(asked, TINY)
        return np.array([2 * hits.sum() / max(asked.sum(), TINY), each.mean()])

    def samples_f1(self, cut: float) -> float:
        """The mean F1 of documents; 1 for one that has no label and gets none."""
        answers = self.p >= cut
        hits = (answers & self.hot).sum(axis=1)
        asked = answers.sum(axis=1) + self.hot.sum(axis=1)
        each = np.where(asked, 2 * hits / np.maximum(asked, 1), 1.0)
        return float(each @ self.weights / self.weights.sum())


def choose_thresholds(
    p: NDArray[np.float64],
    sets: LabelSets,
    weights: NDArray[np.float32],
    options: TrainingOptions,
) -> Thresholds:
    """The thresholds with which held-out documents do best, by what ``maximise`` says.

    p  (n, L) of the documents, calibrated unless the options say otherwise or the solver is exact
    """
    labels = p.shape[1]
    judges = Judges(p, sets.indicator(labels), weights.astype(np.float64))
    by_label = False
    if options.maximise == "utility":
        cost = 1.0 if options.cost_false_positive is None else options.cost_false_positive
        values = np.full(labels, cost / (1 + cost))  # an answer gains P and costs (1 − P)·cost
    elif options.maximise == "samples-f1":
        grid = (np.arange(GRID) + 1) / (GRID + 1)
        values = np.full(labels, max(grid.tolist(), key=judges.samples_f1))
    elif options.calibration is False or options.chosen_solver == "exact":
        values = np.full(labels, best_cut(judges))
    elif options.maximise == "macro-f1":
        values, by_label = np.maximum(expected_cuts(judges), MACRO_FLOOR), True
    else:
        values, by_label = _balanced(judges)
    micro, macro = judges.f1(values).tolist()
    return Thresholds(np.clip(values, TINY, 1.0), by_label, micro, macro)


def _balanced(judges: Judges) -> tuple[NDArray[np.float64], bool]:
    """(cuts with the greatest micro-F1, whether they differ)."""
    common = expected_cut(judges)
    own = _log_odds(np.maximum(expected_cuts(judges), FLOOR))
    all_labels = _log_odds(np.full(len(own), common))
    cuts = 1 / (1 + np.exp(-(OWN_SHARE * own + (1 - OWN_SHARE) * all_labels)))
    if judges.f1(cuts)[0] >= judges.f1(common)[0] - MOST_LOST:
        return cuts, True
    return np.full(len(cuts), common), False


def expected_cut(judges: Judges) -> float:
    """The common cut with the greatest expected micro-F1."""
    large = judges.p > SPECK
    own = judges.p[large]
    if not len(own):
        return EVEN
    counted = np.broadcast_to(judges.weights[:, None], judges.p.shape)[large]
    return _cut(own, counted, float(judges.weights @ judges.p.sum(axis=1)))


def expected_cuts(judges: Judges) -> NDArray[np.float64]:
    """(L,) the cut of each label with its greatest expected F1."""
    weights, whole = judges.weights, judges.weights @ judges.p
    cuts = [_cut(own, weights, all_p) for own, all_p in zip(judges.p.T, whole, strict=True)]
    return np.array(cuts)


def _cut(p: NDArray[np.float64], weights: NDArray[np.float64], whole: float) -> float:
    """Half of the greatest expected F1;  whole  the sum of P of all pairs."""
    order = np.argsort(-p, kind="stable")
    answers, hits = np.cumsum(weights[order]), np.cumsum((weights * p)[order])
    return float((hits / np.maximum(answers + whole, TINY)).max())


def best_cut(judges: Judges) -> float:
    """The common cut with the greatest micro-F1 by the labels of the documents."""
    own = judges.p.ravel()
    order = np.argsort(-own, kind="stable")
    weights = np.broadcast_to(judges.weights[:, None], judges.p.shape).ravel()[order]
    hot = weights * judges.hot.ravel()[order]
    best = int((np.cumsum(hot) / (np.cumsum(weights) + hot.sum())).argmax())
    ahead = own[order][min(best + 1, len(own) - 1)]
    return float((own[order][best] + ahead) / 2)


def _log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    own = np.clip(p, 1e-6, 1 - 1e-6)
    odds: NDArray[np.float64] = np.log(own / (1 - own))
    return odds
