"""scikit-learn's conventions: n_jobs, random_state, class_weight, sample_weight, classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import unique_labels

from textmlr.base.checks import MOST_THREADS
from textmlr.base.errors import InputError
from textmlr.base.option_errors import refuse
from textmlr.base.threads import available_threads

Array = NDArray[np.float64]
SEED = 1  # where random_state is None, as in TrainingOptions


def threads_of(n_jobs: int | None) -> int:
    """The number of threads; None and −1: one a processor, −2: one fewer, and so on."""
    if n_jobs is None:
        return available_threads()
    number = isinstance(n_jobs, int | np.integer) and not isinstance(n_jobs, bool)
    if not number or n_jobs == 0 or n_jobs > MOST_THREADS:
        wanted = f"a number of threads, up to {MOST_THREADS:,}, or -1 for all"
        raise refuse("n_jobs", n_jobs, wanted)
    return int(n_jobs) if n_jobs > 0 else max(1, available_threads() + 1 + int(n_jobs))


def seed_of(random_state: Any) -> int:
    """A seed: SEED for None, so that the same data give the same bits; an int as it is; one that is
    drawn from a RandomState."""
    if random_state is None:
        return SEED
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def weights_of(
    sample_weight: Array, class_weight: Any, classes: NDArray[Any], codes: NDArray[Any]
) -> Array:
    """sample_weight times the class_weight of each document's class: (n,) float64.

    classes (L,), codes (n,) int
    Raises ValueError if all weights are 0.
    """
    if class_weight is not None and not isinstance(class_weight, Mapping):
        if not isinstance(class_weight, str) or class_weight != "balanced":
            raise InputError(
                f"class_weight={class_weight!r}", mend="give a dict, 'balanced' or None"
            )
        sums = np.bincount(codes, sample_weight, minlength=len(classes))
        present = sums > 0
        each = np.ones(len(classes))
        each[present] = sums.sum() / (np.count_nonzero(present) * sums[present])
    else:
        each = compute_class_weight(class_weight, classes=classes, y=classes)
    weights = sample_weight * each[codes]
    if not weights.any():
        raise ValueError("every sample weight is zero: there is nothing to train on")
    return np.asarray(weights, np.float64)


def check_two_classes(
    name: str, classes: NDArray[Any], codes: NDArray[Any], weights: Array
) -> None:
    """Raise ValueError unless documents of positive weight have two classes."""
    found = np.unique(codes[weights > 0])
    if len(found) < 2:
        raise ValueError(
            f"{name} needs samples of at least 2 classes, but the data of positive weight are of "
            f"one class, {classes[found[0]]!r}"
        )


def known_codes(classes: NDArray[Any], y: NDArray[Any]) -> NDArray[np.int64]:
    """y as codes into sorted classes.  Raises ValueError for a class that is not among them."""
    unknown = np.setdiff1d(unique_labels(y), classes)
    if len(unknown):
        raise ValueError(
            f"y has the classes {unknown.tolist()}, but those of fit, or of the first call to "
            f"partial_fit, are {classes.tolist()}"
        )
    return np.searchsorted(classes, y).astype(np.int64)


def first_classes(classes: Any) -> NDArray[Any]:
    """The classes of the first call to partial_fit, sorted."""
    if classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    return np.asarray(unique_labels(classes))


def check_same_classes(classes: Any, known: NDArray[Any]) -> None:
    """Raise ValueError where a later call to partial_fit gives other classes."""
    if classes is not None and not np.array_equal(unique_labels(classes), known):
        raise ValueError(
            f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}"
        )
