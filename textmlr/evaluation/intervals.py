"""Intervals of figures, which hold the truth in 95 of 100 such samples of documents."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import chosen_threads, map_blocks

LEVEL = 0.95
RESAMPLES = 1000
SEED = 1
# Draws of one block of resamples: 2^20 are 4 MB as indices and 8 MB as values.
BLOCK_DRAWS = 1 << 20
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)

Interval = tuple[float, float]


def percentile_interval(samples: NDArray[np.float64]) -> Interval:
    """The middle 95 % of a figure's resamples.  Source: Efron and Tibshirani, An Introduction to
    the Bootstrap, 1993, section 13.3."""
    low, high = np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return low, high


def wilson(
    hits: NDArray[np.int64], documents: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(low, high) of shares: hits out of so many documents, at least one.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)

    Source: Wilson, JASA 22(158), 1927.
    """
    share, more = hits / documents, Z * Z / documents
    centre = (share + more / 2) / (1 + more)
    half = np.sqrt(more * share * (1 - share) + more * more / 4) / (1 + more)
    # At 0 and 1 the ends are the share itself, but for rounding.
    return np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)


def resampled_means(
    values: NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Means of n values drawn from the n with replacement, ``resamples`` times: (resamples,).

    values  (n,), a figure a document.  The number of threads changes no bit.
    """
    n = len(values)

    def run(block: tuple[np.random.Generator, int]) -> NDArray[np.float64]:
        rng, rows = block
        drawn = rng.integers(0, n, (rows, n), dtype=np.int32 if n < 2**31 else np.int64)
        means: NDArray[np.float64] = values[drawn].mean(axis=1)
        return means

    blocks = resample_blocks(resamples, n, seed)
    return np.concatenate(list(map_blocks(run, blocks, chosen_threads(threads))))


def resampled_scores(
    codes: NDArray[np.int64],
    top: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    threads: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(accuracy, macro-F1) of n documents drawn from the n with replacement, ``resamples`` times.

    Both depend only on how many documents each (label, answer) pair has, and the numbers drawn are
    multinomial.  Macro-F1 is the mean over labels that occur or are answered in the sample.

    codes, top  (n,)  label and answer of each document, >= 0
    """
    n, width = len(codes), int(max(codes.max(), top.max())) + 1
    pairs, counts = np.unique(codes * width + top, return_counts=True)
    true, answered = pairs // width, pairs % width
    right = true == answered
    by_answer = np.argsort(answered, kind="stable")
    labels, begins = np.unique(true, return_index=True)
    answers, begins_of_answer = np.unique(answered[by_answer], return_index=True)

    def run(block: tuple[np.random.Generator, int]) -> tuple[NDArray[np.float64], ...]:
        rng, rows = block
        drawn = rng.multinomial(n, counts / n, rows)
        hits = np.zeros((rows, width), np.int64)
        both = np.zeros((rows, width), np.int64)  # times the label occurs and is answered
        hits[:, true[right]] = drawn[:, right]
        both[:, labels] = np.add.reduceat(drawn, begins, axis=1)
        both[:, answers] += np.add.reduceat(drawn[:, by_answer], begins_of_answer, axis=1)
        f1 = 2 * hits / np.maximum(both, 1)
        return hits.sum(axis=1) / n, f1.sum(axis=1) / (both > 0).sum(axis=1)

    blocks = resample_blocks(resamples, max(len(pairs), width), seed)
    done = list(map_blocks(run, blocks, chosen_threads(threads)))
    accuracy, macro_f1 = (np.concatenate(part) for part in zip(*done, strict=True))
    return accuracy, macro_f1


def resampled_columns(
    columns: NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """As ``resampled_means``, of several figures of the same drawn documents: (resamples, F).

    columns  (n, F)
    """
    n = len(columns)

    def run(block: tuple[np.random.Generator, int]) -> NDArray[np.float64]:
        rng, rows = block
        return np.array([columns[rng.integers(0, n, n)].mean(axis=0) for _ in range(rows)])

    blocks = resample_blocks(resamples, n, seed)
    return np.concatenate(list(map_blocks(run, blocks, chosen_threads(threads))))


def resampled_f1(
    codes: NDArray[np.int64],
    top: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """The macro-F1 of ``resampled_scores``, (resamples,), where labels are very many.

    There are nearly as many pairs of label and answer as documents, and to draw documents is
    quicker than to draw how many each pair has.
    codes, top  (n,)  label and answer of each document, by a numbering without gaps
    """
    n, width = len(codes), int(max(codes.max(), top.max())) + 1

    def draw(rng: np.random.Generator) -> float:
        drawn = rng.integers(0, n, n)
        own, answers = codes[drawn], top[drawn]
        both = np.bincount(own, minlength=width) + np.bincount(answers, minlength=width)
        hits = np.bincount(own[own == answers], minlength=width)
        return float((2 * hits / np.maximum(both, 1)).sum()) / np.count_nonzero(both)

    def run(block: tuple[np.random.Generator, int]) -> list[float]:
        rng, rows = block
        return [draw(rng) for _ in range(rows)]

    blocks = resample_blocks(resamples, max(n, width), seed)
    done = map_blocks(run, blocks, chosen_threads(threads))
    return np.array([score for part in done for score in part])


def resample_blocks(
    resamples: int, draws: int, seed: int
) -> Iterator[tuple[np.random.Generator, int]]:
    """Blocks of resamples, cut by the data alone, with a generator each."""
    step = max(1, BLOCK_DRAWS // draws)
    firsts = range(0, resamples, step)
    seeds = np.random.SeedSequence(seed).spawn(len(firsts))
    for first, own in zip(firsts, seeds, strict=True):
        yield np.random.default_rng(own), min(step, resamples - first)
