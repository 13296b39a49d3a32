"""Ascending numbers of few bits ↔ two arrays, of four bytes and an eighth of one a number.

Elias and Fano: the low 32 bits of each number as they are, and for its high bits a bit that is
set, after one that is not for each step that they have gone up.
Source: Elias, J. ACM 21(2), 1974; Fano, MIT Computer Structures Group Memo 61, 1971.
"""

from __future__ import annotations

from os import PathLike

import numpy as np
from numpy.typing import NDArray

from textmlr.base.tensor_file import expect

LOW = 32


def pack_keys(keys: NDArray[np.uint64], bits: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """(low, high) of numbers (k,) below 2^bits, ascending."""
    low = (keys & np.uint64((1 << LOW) - 1)).astype(np.uint32).view(np.int32)
    marks = np.zeros(len(keys) + (1 << bits - LOW), np.uint8)
    marks[(keys >> np.uint64(LOW)).astype(np.int64) + np.arange(len(keys))] = 1
    return low, np.packbits(marks)


def unpack_keys(
    low: NDArray[np.int32], high: NDArray[np.uint8], bits: int, path: str | PathLike[str]
) -> NDArray[np.uint64]:
    """The numbers again.  Raises ModelFileError where they are not ascending, each once."""
    size = len(low) + (1 << bits - LOW)
    expect(len(high) == -(-size // 8), path, "the keys of texts are not as long as they should be")
    marks = np.flatnonzero(np.unpackbits(high))
    expect(
        len(marks) == len(low) and not (marks >= size).any(),
        path,
        "the keys of texts are not as many as they should be",
    )
    steps = (marks - np.arange(len(low))).astype(np.uint64)
    keys: NDArray[np.uint64] = steps << np.uint64(LOW) | low.view(np.uint32)
    expect(bool((keys[1:] > keys[:-1]).all()), path, "the keys of texts are not ascending")
    return keys
