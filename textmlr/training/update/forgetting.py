"""Forgetting: the same documents as answered before and after an update."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.model.scoring import base_scores
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
    y, head = after.codes, after.head
    # A column more is for labels that neither knows: P = 0 before and after.
    known = np.append(old.known, False)
    was, now = np.zeros((2, len(counts), len(known)))
    seen = (old.frequencies > 0).astype(np.int32)
    base = base_scores(old.totals + learnt.label_weights, head)
    was[:, known] = old.probabilities(before.as_new(seen), old.own_layers, old.base)
    now[:, :-1] = old.probabilities(after, layers, base)
    right = [head.right(p, y) for p in (was, now)]
    with np.errstate(divide="ignore"):
        losses = [head.log_losses(p, y, 0.0) for p in (was, now)]
    present = np.bincount(y, minlength=len(known))[:-1] > 0
    return {
        "from": origin,
        "rows": _rows(y, after.weights.astype(np.float64), known, right, losses),
        "absent": int(np.count_nonzero(old.known & ~present)),
        "lost": forgotten_labels(old.labels, old.known, y, *right),
    }


def _rows(
    y: NDArray[np.int32],
    weights: NDArray[np.float64],
    known: NDArray[np.bool_],
    right: list[NDArray[np.bool_]],
    losses: list[NDArray[np.float64]],
) -> list[Json]:
    """Figures of each group of documents, [before, after]."""
    last = len(known) - 1
    groups = {"all": np.ones(len(y), np.bool_), "old labels": known[y]}
    groups |= {"new labels": ~known[y] & (y < last), "unknown labels": y == last}
    rows = []
    for name, chosen in groups.items():
        if not chosen.any() or (name != "all" and chosen.all() and known[y].all()):
            continue
        share = weights[chosen] / weights[chosen].sum()
        loss = [float((share * one[chosen]).sum()) for one in losses]
        rows.append(
            {
                "of": name,
                "documents": int(chosen.sum()),
                "accuracy": [float(share[one[chosen]].sum()) for one in right],
                "loss": [one if np.isfinite(one) else None for one in loss],
            }
        )
    return rows


def forgotten_labels(
    labels: list[str],
    known: NDArray[np.bool_],
    y: NDArray[np.int32],
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
) -> list[Json]:
    """Old labels whose documents are answered worse than chance explains, worst first.

    known          (L,)   labels that are old
    before, after  (n,)   whether the answer to each document was right, and is
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
