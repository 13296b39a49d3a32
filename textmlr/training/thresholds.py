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

from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.training_options import EVEN_COST, TrainingOptions
from textmlr.corpus.label_sets import LabelSets
from textmlr.training.calibration import TELLING
from textmlr.training.label_calibration import CENTRES, WIDTH, Reals, ScoreHistogram

# How much of a label's own cut, by log odds, is in its threshold, the rest that of all labels: the
# most of these whose micro-F1 on the documents is the best, or less by no more than MOST_LOST.  Raw
# cuts a label raise macro-F1 and lower micro-F1.  Floors keep rare labels from answering at any P.
# Chosen on held-out documents of reuters90 and debtags, confirmed on netflix-genres.
OWN_SHARES = (0.0, 0.25, 0.5)
MOST_LOST = 0.001
FLOOR, MACRO_FLOOR = 0.02, 0.03
EVEN = 0.5
GRID = 64  # cuts that are tried for the F1 of samples
TINY = np.finfo(np.float64).tiny
_P: Reals = 1 / (1 + np.exp(-CENTRES))


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """The thresholds of a model.

    values    (L,) float64, above 0, at most 1
    by_label  whether they differ from label to label
    micro_f1, macro_f1   of the documents they were chosen on; None where there were none
    never_answered       numbers of the labels that TELLING of the documents or more have, and that
                         answer none
    """

    values: Reals
    by_label: bool = False
    micro_f1: float | None = None
    macro_f1: float | None = None
    never_answered: tuple[int, ...] = ()

    @classmethod
    def unjudged(cls, labels: int, options: TrainingOptions) -> Thresholds:
        """Where there are no documents to choose by: what the costs say, or one half."""
        return cls(np.full(labels, by_costs(options) or EVEN))


def check_maximise(options: TrainingOptions, documents: str, *, multilabel: bool) -> None:
    """Refuse ``maximise`` where a document has one label.

    documents  what holds them: "corpus" or "stream"
    """
    if options.maximise is not None and not multilabel:
        raise OptionError(
            "maximise",
            Sentence(
                f"{{maximise}} chooses thresholds, and each document of the {documents} has one "
                "label",
                {"maximise": options.maximise},
            ),
            Sentence("leave it out, or give {multilabel}", {"multilabel": True}),
        )


def choose_thresholds(
    scores: NDArray[np.float32],
    sets: LabelSets,
    weights: NDArray[np.float32],
    options: TrainingOptions,
) -> Thresholds:
    """The thresholds with which held-out documents do best, by what ``maximise`` says.

    Where P is not calibrated, the labels of the documents choose one threshold for all.  For
    macro-F1 P chooses all the same: a single label has too few documents.

    scores  (n, L) of the documents, calibrated by sgd unless the options say otherwise
    """
    own, labels = ScoreHistogram.of(scores, sets, weights), scores.shape[1]
    is_calibrated = options.calibration is not False and options.chosen_solver == "sgd"
    shared: float | None = None
    if (costs := by_costs(options)) is not None:
        shared = costs
    elif options.maximise == "samples-f1":
        shared = _samples_cut(scores, sets, weights.astype(np.float64))
    elif options.maximise != "macro-f1" and not is_calibrated:
        shared = best_cut(own)
    if shared is not None:
        values, by_label = np.full(labels, shared), False
    elif options.maximise == "macro-f1":
        values, by_label = np.maximum(expected_cuts(own), MACRO_FLOOR), True
    else:
        values, by_label = _balanced(own)
    micro, macro = f1_of(own, values)
    never = (own.positives.sum(axis=1) >= TELLING) & (_answers(own, values) == 0)
    numbers = tuple(np.flatnonzero(never).tolist())
    return Thresholds(np.clip(values, TINY, 1.0), by_label, micro, macro, numbers)


def by_costs(options: TrainingOptions) -> float | None:
    """The threshold with the greatest utility, None where something else is wanted: an answer gains
    P, and costs (1 − P) times the cost of a wrong one."""
    if options.maximise != "utility":
        return None
    cost = EVEN_COST if options.cost_false_positive is None else options.cost_false_positive
    return max(cost / (1 + cost), TINY)


def f1_of(own: ScoreHistogram, cuts: Reals) -> tuple[float, float]:
    """(micro-F1, macro-F1) of answers at these cuts, (L,), to the width of a bin; a label that
    neither occurs nor answers counts 0."""
    above = log_odds(cuts)[:, None] <= CENTRES
    hits = (own.positives * above).sum(axis=1)
    asked = _answers(own, cuts) + own.positives.sum(axis=1)
    each = 2 * hits / np.maximum(asked, TINY)
    return float(2 * hits.sum() / max(asked.sum(), TINY)), float(each.mean())


def _answers(own: ScoreHistogram, cuts: Reals) -> Reals:
    """(L,) documents that each label answers at these cuts."""
    above = log_odds(cuts)[:, None] <= CENTRES
    return np.asarray((own.counts * above).sum(axis=1))


def expected_cuts(own: ScoreHistogram) -> Reals:
    """(L,) half of the greatest expected F1 of each label."""
    answers = np.cumsum(own.counts[:, ::-1], axis=1)
    hits = np.cumsum((own.counts * _P)[:, ::-1], axis=1)
    cuts: Reals = (hits / np.maximum(answers + hits[:, -1:], TINY)).max(axis=1)
    return cuts


def best_cut(own: ScoreHistogram) -> float:
    """The common cut with the greatest micro-F1 by the labels of the documents."""
    answers = np.cumsum(own.counts.sum(axis=0)[::-1])
    hits = np.cumsum(own.positives.sum(axis=0)[::-1])
    best = CENTRES[::-1][int((hits / np.maximum(answers + hits[-1], TINY)).argmax())]
    return float(1 / (1 + np.exp(WIDTH / 2 - best)))


def _balanced(own: ScoreHistogram) -> tuple[Reals, bool]:
    """(cuts with the greatest micro-F1, or nearly, whether they differ)."""
    together = ScoreHistogram(own.counts.sum(axis=0)[None], own.positives.sum(axis=0)[None])
    common = log_odds(np.repeat(expected_cuts(together), len(own.counts)))
    each = log_odds(np.maximum(expected_cuts(own), FLOOR))
    plans = [1 / (1 + np.exp(-((1 - share) * common + share * each))) for share in OWN_SHARES]
    found = [f1_of(own, cuts)[0] for cuts in plans]
    chosen = max(i for i, micro in enumerate(found) if micro >= max(found) - MOST_LOST)
    return plans[chosen], chosen > 0


def _samples_cut(scores: NDArray[np.float32], sets: LabelSets, weights: Reals) -> float:
    """The common cut with the greatest mean F1 of documents; it is 1 for one that has no label and
    gets none."""
    hot, asked = sets.indicator(scores.shape[1]), sets.sizes
    best, found = EVEN, -1.0
    for cut in ((np.arange(GRID) + 1) / (GRID + 1)).tolist():
        answers = scores >= np.float32(np.log(cut / (1 - cut)))
        size = answers.sum(axis=1) + asked
        each = np.where(size, 2 * (answers & hot).sum(axis=1) / np.maximum(size, 1), 1.0)
        if (mean := float(each @ weights)) > found:
            best, found = cut, mean
    return best


def log_odds(p: Reals) -> Reals:
    own = np.clip(p, 1e-6, 1 - 1e-6)
    odds: Reals = np.log(own / (1 - own))
    return odds
