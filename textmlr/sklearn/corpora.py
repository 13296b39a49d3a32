"""Texts and classes as scikit-learn passes them on → Corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from textmlr.base.errors import InputError
from textmlr.corpus.batch import Batch
from textmlr.corpus.containers import column_of
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.label_sets import Targets, joined_targets, label_counts, recoded
from textmlr.corpus.labels import is_missing, plain_name
from textmlr.corpus.reading import recode
from textmlr.sklearn.set_targets import SetTargets, given_sets

Array = NDArray[np.float64]


def checked(
    X: Any,  # noqa: N803
    y: Any,
    known: NDArray[Any] | None = None,
) -> tuple[list[Batch], NDArray[Any] | SetTargets]:
    """Texts as Batches, and their classes, as many; sets where they have several.

    known  the classes of earlier texts, None for none
    Raises ValueError.
    """
    if y is None:
        raise ValueError("y should be a 1d array of classes, got None: y is required")
    batches = batches_of(X)
    documents = sum(map(len, batches))
    sets = given_sets(y, known)
    if sets is not None:
        check_consistent_length(np.empty(documents), sets)
        return batches, sets
    if not isinstance(y, np.ndarray | list) and not type(y).__module__.startswith("pandas"):
        column = column_of(y, "labels", "label")
        y = column.to_pylist() if hasattr(column, "chunks") else list(column)
    y = column_or_1d(y, warn=True)
    missing = [i for i, label in enumerate(y.tolist()) if is_missing(label)]
    if missing:
        raise InputError(
            f"label {missing[0]} is missing ({y[missing[0]]})",
            mend="fill or drop documents without a label",
        )
    check_consistent_length(np.empty(documents), y)
    check_classification_targets(y)
    return batches, y


def names_of(classes: NDArray[Any]) -> list[str]:
    """The labels of classes: L strings, in the order of classes (L,)."""
    return [plain_name(name) for name in classes.tolist()]


def corpus_of(
    batches: list[Batch], classes: NDArray[Any], targets: Targets, weights: Array
) -> Corpus:
    """A corpus whose labels are the names of the classes that have documents."""
    names = names_of(classes)
    if len(set(names)) < len(names):
        raise InputError(
            f"two of the classes {classes.tolist()!r:.80} have one name",
            mend="make all classes of one type",
        )
    counts = label_counts(targets, len(names)).tolist()
    used = sorted(name for name, count in zip(names, counts, strict=True) if count)
    place = {name: number for number, name in enumerate(used)}
    y = recoded(targets, np.array([place.get(name, -1) for name in names], np.int32))
    own = None if (weights == 1).all() else weights.astype(np.float32)
    return Corpus(batches, y, used, own, ["memory"] * len(batches))


def compacted(corpus: Corpus) -> Corpus:
    """The same documents of positive weight, in memory of their own."""
    if corpus.weights is not None:
        corpus = corpus.subset(np.flatnonzero(corpus.weights))
    texts = [batch[i] for batch in corpus.batches for i in range(len(batch))]
    return replace(corpus, batches=batches_of(texts), names=["memory"])


def joined(parts: Sequence[Corpus]) -> Corpus:
    """The documents of all parts."""
    labels = sorted({label for part in parts for label in part.labels})
    weights = None
    if any(part.weights is not None for part in parts):
        ones = [np.ones(len(p), np.float32) if p.weights is None else p.weights for p in parts]
        weights = np.concatenate(ones)
    return Corpus(
        [batch for part in parts for batch in part.batches],
        joined_targets([recode(part, labels)[0] for part in parts]),
        labels,
        weights,
        [name for part in parts for name in part.names],
    )
