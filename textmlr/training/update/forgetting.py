"""Forgetting: the same documents as answered before and after an update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.label_sets import LabelSets, Targets, as_sets, label_counts
from textmlr.model.ranked_answers import RankedAnswers
from textmlr.training.objective import Objective
from textmlr.training.update.learner import Layers
from textmlr.training.update.old_model import OldModel

# Answers of an old label made wrong, less those made right, that are more than chance: in standard
# deviations of their difference.
NOTABLE = 2.0

Json = dict[str, Any]


def before_and_after(
    old: OldModel,
    before: Objective,
    after: Objective,
    layers: Layers,
    learnt: Objective,
    origin: str,
) -> Json:
    """The same documents, answered by old θ and new: JSON values.

    before, after  their rows, over the old features alone and over the new ones
    layers         new θ;  learnt  the documents it was fitted to
    origin         "corpus" or "validation"
    """
    counts = np.flatnonzero(after.weights > 0)
    before, after = before.take(counts), after.take(counts)
    # A column more is for labels that neither knows: P = 0 before and after.
    known = np.append(old.known, False)
    was, now = np.zeros((2, len(counts), len(known)))
    seen = (old.frequencies > 0).astype(np.int32)
    base = old.base_with(learnt)
    was[:, known] = old.probabilities(before.as_new(seen), old.own_layers, old.base)
    now[:, :-1] = old.probabilities(after, layers, base)
    return answers_before_and_after(
        old.labels, old.known, old.thresholds, after, (was, now), origin
    )


def answers_before_and_after(
    labels: list[str],
    known: NDArray[np.bool_],
    thresholds: NDArray[np.float64] | None,
    documents: Objective,
    answers: tuple[NDArray[np.float64], NDArray[np.float64]],
    origin: str,
) -> Json:
    """``before_and_after`` of documents by the answers to them.

    known       (L,) labels that are old;  thresholds (L,) of label sets
    documents   all of positive weight
    answers     (n, L + 1) P before and after, 0 in a column more for labels that neither knows
    """
    y, head, known = documents.y, documents.head, np.append(known, False)
    right = [head.right(p, y) for p in answers]
    with np.errstate(divide="ignore"):
        losses = [head.log_losses(p, y, 0.0) for p in answers]
    present = label_counts(y, len(known))[:-1] > 0
    if isinstance(y, LabelSets):
        assert thresholds is not None
        least = np.append(thresholds, np.inf)
        said = [p >= least for p in answers]
        found = [own[y.rows, y.codes] for own in said]
        lost = forgotten_labels(labels, known[:-1], y.codes, *found)
    else:
        said, lost = [], forgotten_labels(labels, known[:-1], y, *right)
    figures = _Figures(y, documents.weights.astype(np.float64), known, right, losses, said)
    return {
        "from": origin,
        "rows": figures.rows(),
        "absent": int(np.count_nonzero(known[:-1] & ~present)),
        "lost": lost,
    }


def ranked_before_and_after(
    labels: list[str],
    known: NDArray[np.bool_],
    before: RankedAnswers,
    after: RankedAnswers,
    weights: NDArray[np.float32],
    origin: str,
) -> Json:
    """``before_and_after`` of documents that were ranked, by the old model among old labels, and by
    the new one, whose codes they have.

    known  (L,) labels that are old
    """
    counts = np.flatnonzero(weights > 0)
    y, own = after.codes[counts], np.append(known, False)
    right = [answers.rank[counts] == 0 for answers in (before, after)]
    with np.errstate(divide="ignore"):
        losses = [-np.log(answers.of_truth[counts]) for answers in (before, after)]
    figures = _Figures(y, weights[counts].astype(np.float64), own, right, losses, [])
    present = np.bincount(y, minlength=len(own))[:-1] > 0
    return {
        "from": origin,
        "rows": figures.rows(),
        "absent": int(np.count_nonzero(known & ~present)),
        "lost": forgotten_labels(labels, known, y, *right),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Figures:
    """Documents, and how they are answered before and after.

    known   (L + 1,)  labels that are old; the last is that which neither model knows
    right   [(n,), (n,)] whether the likeliest label is one of theirs;  losses  [(n,), (n,)]
    said    of label sets, [(n, L + 1), (n, L + 1)] whether a label is an answer
    """

    y: Targets
    weights: NDArray[np.float64]
    known: NDArray[np.bool_]
    right: list[NDArray[np.bool_]]
    losses: list[NDArray[np.float64]]
    said: list[NDArray[np.bool_]]

    def rows(self) -> list[Json]:
        """Figures of each group of documents, [before, after]."""
        sets, kind = as_sets(self.y), np.zeros(len(self.y), np.int64)
        of_label = np.where(self.known, 0, 1)
        of_label[-1] = 2
        np.maximum.at(kind, sets.rows, of_label[sets.codes])
        groups = {"all": np.ones(len(kind), np.bool_)}
        if kind.any():
            names = ("old labels", "new labels", "unknown labels")
            groups |= {name: kind == number for number, name in enumerate(names)}
        return [self._row(name, chosen) for name, chosen in groups.items() if chosen.any()]

    def _row(self, name: str, chosen: NDArray[np.bool_]) -> Json:
        share = self.weights[chosen] / self.weights[chosen].sum()
        loss = [float((share * one[chosen]).sum()) for one in self.losses]
        row: Json = {
            "of": name,
            "documents": int(chosen.sum()),
            "accuracy": [float(share[one[chosen]].sum()) for one in self.right],
            "loss": [one if np.isfinite(one) else None for one in loss],
        }
        if isinstance(self.y, LabelSets):
            has = self.y[chosen].indicator(len(self.known))
            row["micro_f1"] = [_f1(one[chosen], has) for one in self.said]
        return row


def _f1(said: NDArray[np.bool_], has: NDArray[np.bool_]) -> float:
    """Micro-F1 of answers, 1 where there is nothing to say and nothing is said."""
    both = int(np.count_nonzero(said)) + int(np.count_nonzero(has))
    return 2 * int(np.count_nonzero(said & has)) / both if both else 1.0


def forgotten_labels(
    labels: list[str],
    known: NDArray[np.bool_],
    y: NDArray[np.integer[Any]],
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
) -> list[Json]:
    """Old labels whose documents are answered worse than chance explains, worst first.

    known          (L,)   labels that are old
    y              (n,)   the documents' labels; of label sets, those of pairs of one and a document
    before, after  (n,)   whether the answer to each document was right, and is; of label sets,
                          whether the document's label was an answer
    """
    size = len(labels) + 1
    documents, was, now, wrong, won = (
        np.bincount(y[which], minlength=size)
        for which in (slice(None), before, after, before & ~after, after & ~before)
    )
    short = (wrong - won) - NOTABLE * np.sqrt(wrong + won)
    notable = np.flatnonzero(np.append(known, False) & (wrong > won) & (short > 0))
    worst = notable[np.argsort(-(wrong - won)[notable], kind="stable")]
    return [
        {
            "label": labels[code],
            "documents": int(documents[code]),
            "right": [int(was[code]), int(now[code])],
        }
        for code in worst.tolist()
    ]
