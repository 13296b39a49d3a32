"""The documents that are held out to judge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.corpus.label_sets import label_counts, strata
from textmlr.training.dealt_parts import AnyObjective

MOST_HELD_OUT = 5_000
# A tenth of fewer documents than this is too few to choose by: every plan is then judged on all
# documents, in FOLDS parts.
FEW_DOCUMENTS = 250
FOLDS = 10
# Fewer held-out documents than this cannot say when to stop.
LEAST_HELD_OUT = 20


def check_labels(objective: AnyObjective) -> None:
    """Raise InputError unless two labels have documents of positive weight, one where documents
    have sets of labels."""
    counts = label_counts(objective.y[objective.weights > 0], objective.labels)
    found = int(np.count_nonzero(counts))
    if objective.head.has_sets and not found:
        raise InputError(
            "no document of positive weight has a label", mend="give documents that have labels"
        )
    if not objective.head.has_sets and found < 2:
        raise InputError(
            "every document of positive weight has the same label",
            mend="give documents of two labels at least",
        )


def hold_out(objective: AnyObjective, share: float, seed: int) -> NDArray[np.int64] | None:
    """Numbers, ascending, of ``share`` of each label's documents, drawn at random.

    At most MOST_HELD_OUT of them.  A document of several labels counts for the rarest of them.
    Every label keeps at least one document, unless sets of labels leave too few for that.  None
    where fewer than LEAST_HELD_OUT would be held out, or one side would have no positive weight.
    """
    rng = np.random.default_rng([seed, 1 << 31])
    n, y = len(objective.y), strata(objective.y)
    # Documents by label, in random order within each: the first of each label's are held out.
    by_label = np.lexsort((rng.random(n), y))
    sizes = np.bincount(y, minlength=objective.labels)
    rank = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # Rounded at random, else labels of few documents would never be held out, or always.
    share = min(share, MOST_HELD_OUT / n)
    quota = np.floor(share * sizes + rng.random(len(sizes))).astype(np.int64)
    quota = np.minimum(quota, np.maximum(sizes - 1, 0))
    held = np.sort(by_label[rank < quota[y[by_label]]])
    if len(held) < LEAST_HELD_OUT and objective.head.has_sets:
        # Nearly every document has a label of its own, which is one of many here.
        held = np.sort(rng.permutation(n)[: round(share * n)])
    weighs = objective.weights > 0
    if len(held) < LEAST_HELD_OUT or weighs[held].sum() in (0, weighs.sum()):
        return None
    return held


def are_few(objective: AnyObjective) -> bool:
    """Whether so few documents count that all are held out, each once, to choose by."""
    return LEAST_HELD_OUT <= int(np.count_nonzero(objective.weights)) < FEW_DOCUMENTS


def shuffled_parts(documents: int, number: int, seed: int, repeat: int) -> list[NDArray[np.int64]]:
    """All of so many documents in so many parts, whatever their labels: numbers, ascending."""
    rng = np.random.default_rng([seed, (1 << 31) + 6, repeat])
    order = rng.permutation(documents)
    return [np.sort(order[part::number]) for part in range(number)]


def parts_of(objective: AnyObjective, number: int, seed: int) -> list[NDArray[np.int64]]:
    """All documents in so many parts: numbers, ascending, each label spread over all parts.

    Parts without a document of positive weight, or with all of them, are left out.
    """
    rng = np.random.default_rng([seed, (1 << 31) + 3])
    by_label = np.lexsort((rng.random(len(objective.y)), strata(objective.y)))
    parts = [np.sort(by_label[part::number]) for part in range(number)]
    weights = objective.weights
    return [part for part in parts if 0 < weights[part].sum() < weights.sum()]


def sample_of(documents: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """At most so many of the documents, ascending, drawn at random."""
    if len(documents) <= most:
        return documents
    rng = np.random.default_rng([seed, (1 << 31) + 1])
    return np.sort(rng.choice(documents, most, replace=False))
