"""How the figures of label sets vary with the test documents: these are drawn anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import chosen_threads, map_blocks
from textmlr.evaluation.intervals import (
    RESAMPLES,
    SEED,
    Interval,
    percentile_interval,
    resample_blocks,
)
from textmlr.evaluation.multilabel.at_rank import hits_at
from textmlr.evaluation.multilabel.f1_scores import Counts
from textmlr.evaluation.multilabel.set_answers import SetAnswers
from textmlr.evaluation.multilabel.set_pairs import without

FIGURES = ("micro_f1", "macro_f1", "samples_f1", "precision_at_1", "log_loss")


@dataclass(frozen=True, slots=True)
class SetIntervals:
    """95 % intervals by the percentile bootstrap, as in ``evaluation.Intervals``.

    macro_f1  a label that none of the drawn documents has or gets, though others do, is left out of
              the mean of those
    """

    micro_f1: Interval
    macro_f1: Interval
    samples_f1: Interval
    precision_at_1: Interval
    log_loss: Interval
    resamples: int

    @classmethod
    def of(cls, samples: NDArray[np.float64]) -> SetIntervals:
        """The intervals of ``resampled_figures``."""
        micro, macro, documents, first, losses = map(percentile_interval, samples.T)
        return cls(micro, macro, documents, first, losses, len(samples))


def figures_of(answered: SetAnswers, labels: int | None = None) -> NDArray[np.float64]:
    """(5,) FIGURES of the documents as they are.

    labels  of the mean of macro-F1, where one that is not in names counts 0; None: those of names
    """
    figures: NDArray[np.float64] = _figures(answered, labels)(np.ones(len(answered)))
    return figures


def resampled_figures(
    answered: SetAnswers,
    *,
    labels: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """(resamples, 5) FIGURES of n documents drawn from the n with replacement.

    labels  as in ``figures_of``
    Answers of two models to the same documents have the same documents drawn, row by row.
    """
    n, figures = len(answered), _figures(answered, labels)

    def run(block: tuple[np.random.Generator, int]) -> NDArray[np.float64]:
        rng, rows = block
        times = (np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(rows))
        return np.array([figures(own) for own in times])

    width = max(n, len(answered.names), len(answered.sets.codes))
    blocks = resample_blocks(resamples, width, seed)
    return np.concatenate(list(map_blocks(run, blocks, chosen_threads(threads))))


def _figures(
    answered: SetAnswers, labels: int | None = None
) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """The function from how often each document counts, (n,), to FIGURES."""
    true, given, width = answered.sets, answered.answered, len(answered.names)
    right = without(true, without(true, given, width), width)
    hit_rows, hit_codes = right.rows, right.codes
    rows = np.concatenate([true.rows, given.rows])
    codes = np.concatenate([true.codes, given.codes])
    occurs = np.bincount(codes, minlength=width) > 0
    means = (
        Counts.of(true, given, width).f1_of_documents,
        (hits_at(answered, 1)[:, 0] >= 0).astype(np.float64),
        answered.losses,
    )

    def run(times: NDArray[Any]) -> NDArray[np.float64]:
        hits = np.bincount(hit_codes, times[hit_rows], width)
        both = np.bincount(codes, times[rows], width)
        micro = 2 * hits.sum() / max(both.sum(), 1)
        # A label that none of the drawn documents has or gets says nothing of the model.
        undrawn = np.count_nonzero((both == 0) & occurs)
        macro = (2 * hits / np.maximum(both, 1)).sum() / max((labels or width) - undrawn, 1)
        return np.array([micro, macro, *((times * own).sum() / len(times) for own in means)])

    return run
