"""The order of features in a file, by name, and in memory, by descending document frequency."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
WIDTH = 8  # bytes that are compared at once
MOST_SHORT = 1 << 16


def name_order(names: NDArray[np.uint8], offsets: Numbers) -> Numbers:
    """The order of names by their bytes, (v,) int64; equal ones stay as they stand.

    names, name_offsets   as in Vocabulary
    """
    starts, stops = offsets[:-1], offsets[1:]
    padded = np.concatenate([names, np.zeros(1, np.uint8)])
    ranks = np.zeros(len(starts), np.int64)  # of names, equal so far as these were compared
    left = np.arange(len(starts))
    at = 0
    while len(left):
        where = (starts[left] + at)[:, None] + np.arange(WIDTH)
        inside = where < stops[left][:, None]
        bytes_of = np.where(inside, padded[np.where(inside, where, 0)], 0).astype(np.uint8)
        keys = np.ascontiguousarray(bytes_of).view(">u8")[:, 0].astype(np.uint64)
        ended = np.minimum(stops[left] - starts[left] - at, WIDTH)  # bytes of 0 are bytes, too
        order = np.lexsort((ended, keys, ranks[left]))
        left, keys, ended = left[order], keys[order], ended[order]
        ranked = ranks[left]
        new = np.ones(len(left), bool)
        same = ranked[1:] == ranked[:-1]
        new[1:] = ~(same & (keys[1:] == keys[:-1]) & (ended[1:] == ended[:-1]))
        firsts = np.flatnonzero(new)
        group = np.cumsum(new) - 1
        outer = np.ones(len(left), bool)
        outer[1:] = ~same
        begin = np.maximum.accumulate(np.where(outer, np.arange(len(left)), 0))
        ranks[left] = ranked + firsts[group] - begin
        several = np.diff(np.append(firsts, len(left)))[group] > 1
        left = left[several & (ended == WIDTH)]
        left.sort()
        at += WIDTH
    return np.argsort(ranks, kind="stable")


def memory_order(frequencies: Numbers, offsets: Numbers, by_name: Numbers) -> Numbers:
    """The order of named features in memory: ties by the length of the name, then by name, so that
    an n-gram comes behind those within it.

    by_name  (v,) int64   their alphabetical order
    """
    order = by_name[_stable(np.diff(offsets)[by_name])]
    return order[_stable(-frequencies[order])]


def column_order(kept: NDArray[np.integer[Any]], frequencies: Numbers) -> Numbers:
    """The order of hashed columns in memory: ties by column."""
    return np.lexsort((kept, -frequencies))


def _stable(keys: Numbers) -> Numbers:
    """The order of numbers, those that are as large as they stand."""
    if not len(keys):
        return np.zeros(0, np.int64)
    low = int(keys.max()) - MOST_SHORT + 1
    order = np.argsort((np.maximum(keys, low) - low).astype(np.uint16), kind="stable")  # by radix
    few = order[: np.count_nonzero(keys <= low)]
    few[:] = few[np.argsort(keys[few], kind="stable")]
    return order
