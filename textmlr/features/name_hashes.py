"""Hashes of n-grams from their names: a small model file need not hold both.

The names of ``Vocabulary`` are lower-cased already, so that this depends on no table of code
points, and gives the hash of every n-gram whose name shows where its tokens begin and end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.kernels import hashing
from textmlr.kernels.hashing import FNV_OFFSET, GOLDEN
from textmlr.kernels.jit import as_python
from textmlr.kernels.ngram_hashes import CHAR_SEED
from textmlr.kernels.ngram_names import CHAR_PREFIX

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]
SPACE = 32
_fnv, _mix = as_python(hashing._fnv), as_python(hashing._mix)


def hashes_of(names: NDArray[np.uint8], name_offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The hash of each name, (v,) uint64: that of ``ngram_hashes.ngrams`` for its n-gram.

    names, name_offsets   as in Vocabulary; valid UTF-8
    Array by array and not in a kernel, since a process that loads a model may run kernels as plain
    Python (``jit.run_plain``).
    """
    codes, begins = _code_points(names, name_offsets)
    first, last = begins[:-1], begins[1:]
    prefix = len(CHAR_PREFIX)
    is_char = last - first >= prefix
    where = first[is_char, None] + np.arange(prefix)
    is_char[is_char] = (codes[where] == CHAR_PREFIX).all(axis=1)
    out = np.empty(len(first), np.uint64)
    out[is_char] = hashes_of_characters(codes, first[is_char] + prefix, last[is_char])
    spaces = np.flatnonzero((codes == SPACE) & ~np.repeat(is_char, last - first))
    out[~is_char] = _of_words(codes, first[~is_char], last[~is_char], spaces)
    return out


def _code_points(
    names: NDArray[np.uint8], name_offsets: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], Numbers]:
    """(code points of all names, where each name begins among them, and the end)."""
    text = names.tobytes().decode().encode("utf-32-le")
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum((names & 0xC0) != 0x80)])
    return np.frombuffer(text, "<u4").astype(np.uint64), before[name_offsets]


def _chained(codes: Hashes, first: Numbers, length: Numbers, step: int, seed: np.uint64) -> Hashes:
    """FNV-1a over ``length`` code points from ``first`` on, forwards or backwards, mixed."""
    h = np.full(len(first), seed, np.uint64)
    order = np.argsort(-length, kind="stable")
    h, at = h[order], first[order]
    # Those with more than j code points come first.
    left = np.searchsorted(-length[order], -np.arange(length.max(initial=0)))
    for j, count in enumerate(left.tolist()):
        h[:count] = _fnv(h[:count], codes[at[:count] + step * j])
    out = np.empty_like(h)
    out[order] = _mix(h)
    return out


def hashes_of_characters(codes: Hashes, first: Numbers, last: Numbers) -> Hashes:
    """The hashes of n-grams of characters, codes[first[i]:last[i]] each: as
    ``ngram_hashes._char_ngrams`` hashes, from the last character to the first."""
    return _chained(codes, last - 1, last - first, -1, CHAR_SEED)


def _of_words(codes: Hashes, first: Numbers, last: Numbers, spaces: Numbers) -> Hashes:
    """Hash as ``ngram_hashes._word_ngrams`` does: from the last token to the first."""
    starts = np.sort(np.concatenate([first, spaces + 1]))
    stops = np.sort(np.concatenate([last, spaces]))
    tokens = _chained(codes, starts, np.maximum(stops - starts, 0), 1, FNV_OFFSET)
    ends = np.searchsorted(starts, last)  # a name's tokens are those from ends[i - 1] to ends[i]
    number = np.diff(ends, prepend=0)
    h = tokens[np.maximum(ends - 1, 0)] if len(tokens) else np.zeros(len(first), np.uint64)
    for n in range(2, int(number.max(initial=0)) + 1):
        more = np.flatnonzero(number >= n)
        h[more] = _mix(h[more] * GOLDEN + tokens[ends[more] - n])
    return h
