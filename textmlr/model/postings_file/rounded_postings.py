"""Postings ↔ whole numbers: sums by a sixteenth of an octave, what was learnt by steps of nats.

Sums are what documents add up to: the factor of a feature (its idf) times lengths of documents,
which are few numbers a label.  So a sum is factor · base · 2^(symbol / 16), with the least
sum / factor of the label as its base, and most symbols of a label are the same.  The weight is
row scale · scale · √sum + step · whole number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import BLOCK_ENTRIES, frozen
from textmlr.features.hashed_columns import HashedColumns
from textmlr.kernels import rounded_weights as kernels
from textmlr.kernels.rounded_weights import MOST_OCTAVES, NONE, STEPS
from textmlr.model.postings import Postings

Floats = NDArray[np.float32]
# What was learnt is rounded by at most an eighth of its root mean square; weights of which no part
# is known as a sum are all that a label has, and have 1/64.
SHARE, SHARE_ALONE = 4, 32
# Steps are powers of two, from 2^COARSEST nats on downwards.
COARSEST, MOST_STEP = 80, 143
MOST_STEPS = 1 << 20  # in a weight: float32 has no more than sixteen times as many
NEAR = 1e-5  # share of a weight that float32 may be off
TINY = np.float32(2.0**-100)
BIAS_STEPS = 256  # to a nat
CUT = 13  # lower bits of a float32 that are dropped, of 23
UNDER = np.float32(0.25)  # octaves below MOST_OCTAVES, so that rounding finds the same base again


@dataclass(frozen=True, slots=True, eq=False)
class PostingCodes:
    """Postings in whole numbers.

    symbols  (m,) uint8    of the sums; None where they are not known
    bases    (L,) float32  the least sum / factor of each label
    learnt   (m,) int32    in steps; (0,) where nothing was learnt
    """

    symbols: NDArray[np.uint8] | None
    bases: Floats
    learnt: NDArray[np.int32]


def factors_of(idf: Floats | None, columns: HashedColumns | None, rows: int) -> Floats:
    """The factor of each row, (R,) float32: its idf, where there is one."""
    if idf is None:
        return np.ones(rows, np.float32)
    own = idf if columns is None else idf[columns.kept]
    return np.where(own > 0, own, np.float32(1))


def rounded(
    postings: Postings, factors: Floats, step: int | None, *, overwrite: bool = False
) -> tuple[Postings, int]:
    """(the postings that a file can hold, their step).

    step       as ``codes_of`` takes it, None: it is chosen
    overwrite  write weights and sums over those of the postings, which are lost
    """
    own = Postings(
        postings.starts,
        postings.labels,
        postings.weights,
        rounded_bias(postings.bias),
        cut(postings.scales),
        postings.sums,
        None if postings.row_scales is None else cut(postings.row_scales),
    )
    learnt = learnt_part(postings)
    step = _step_of(learnt, postings) if step is None else step
    codes = _codes(own, factors, learnt, step)
    return postings_of(codes, own, factors, step, overwrite=overwrite), step


def codes_of(postings: Postings, factors: Floats, step: int) -> PostingCodes:
    """The codes of postings that are ``rounded`` already.

    step  1 + k: learnt parts are multiples of 2^(COARSEST − k) nats; 0: nothing was learnt
    Raises ValueError where they are not.
    """
    codes = _codes(postings, factors, learnt_part(postings), step)
    again = postings_of(codes, postings, factors, step)
    same = np.array_equal(again.weights, postings.weights)
    if postings.sums is not None and again.sums is not None:
        same = same and np.array_equal(again.sums, postings.sums)
    for own, bare in (
        (postings.bias, rounded_bias(postings.bias)),
        (postings.scales, cut(postings.scales)),
        (scales_of_rows(postings), cut(scales_of_rows(postings))),
    ):
        same = same and np.array_equal(own, bare)
    if not same:
        raise ValueError("the postings are not in whole numbers: see postings_file.settled_parts")
    return codes


def postings_of(
    codes: PostingCodes, own: Postings, factors: Floats, step: int, *, overwrite: bool = False
) -> Postings:
    """The postings of codes.

    own        those with the same rows, bias and scales
    overwrite  write weights and sums over its own
    """
    starts, labels, scales = frozen(own.starts), frozen(own.labels), frozen(own.scales)
    sums = own.sums if overwrite and own.sums is not None else np.zeros(len(labels), np.float32)
    if codes.symbols is not None:
        kernels.sums_of(
            starts,
            labels,
            frozen(codes.symbols),
            frozen(factors),
            frozen(codes.bases),
            frozen(powers_of_two()),
            sums,
        )
    weights = own.weights if overwrite else np.empty_like(sums)
    size = step_size(step)
    learnt, rows = frozen(codes.learnt), frozen(scales_of_rows(own))
    kernels.weights_of(starts, labels, frozen(sums), rows, scales, learnt, size, weights)
    known = None if codes.symbols is None else sums
    return Postings(own.starts, own.labels, weights, own.bias, own.scales, known, own.row_scales)


def scales_of_rows(postings: Postings) -> Floats:
    """The scale of each row: (R,)."""
    own = postings.row_scales
    return np.ones(postings.rows_number, np.float32) if own is None else own


def cut(values: Floats) -> Floats:
    """Values with ten bits after the first one, rounded."""
    return from_short(short_of(values))


def short_of(values: Floats) -> NDArray[np.int32]:
    """The upper bits of values, rounded to these."""
    bits = np.ascontiguousarray(values).view(np.int32)
    half = np.int32(1 << CUT - 1)
    short: NDArray[np.int32] = (bits + half) >> CUT
    return short


def from_short(short: NDArray[np.int32]) -> Floats:
    """The values of such bits."""
    values: Floats = (short << CUT).view(np.float32)
    return values


def rounded_bias(bias: Floats) -> Floats:
    """A bias in whole numbers of 1/BIAS_STEPS, but for what is so large that it has none."""
    large = np.abs(bias) >= 1 << 15
    near = np.where(large, bias, np.rint(bias * BIAS_STEPS) / BIAS_STEPS)
    out: Floats = near.astype(np.float32)
    out += np.float32(0)  # no −0
    return out


def powers_of_two() -> Floats:
    """2^(i / STEPS) of each symbol, (256,) float32, the same on every machine; 0 of NONE."""
    octave = np.rint(np.exp2(np.arange(STEPS) / STEPS) * 4096)
    symbols = np.arange(NONE + 1)
    powers: Floats = np.ldexp(octave[symbols % STEPS], symbols // STEPS - 12).astype(np.float32)
    powers[NONE] = 0
    return powers


def bases_of(postings: Postings, factors: Floats) -> Floats:
    """The base of each label's sums, (L,): the least sum / factor; 1 of a label without any."""
    assert postings.sums is not None
    low = np.full(len(postings.bias), np.inf, np.float32)
    high = np.zeros_like(low)
    kernels.label_bounds(
        frozen(postings.starts),
        frozen(postings.labels),
        frozen(postings.sums),
        frozen(factors),
        low,
        high,
    )
    wide = high > low * np.exp2(MOST_OCTAVES)
    low = np.where(wide, high * np.exp2(UNDER - MOST_OCTAVES), low)
    return cut(np.where(high > 0, np.maximum(low, TINY), np.float32(1)))


def step_size(step: int) -> float:
    return 2.0 ** (COARSEST + 1 - step) if step else 1.0


def learnt_part(postings: Postings) -> Floats:
    """What was learnt beside the sums, (m,) nats.  Raises ValueError for sums below 0."""
    out = np.empty(len(postings), np.float32)
    sums = postings.sums
    if sums is not None and sums.min(initial=0) < 0:
        raise ValueError("a sum of features is negative")
    kernels.learnt_of(
        frozen(postings.starts),
        frozen(postings.labels),
        frozen(np.zeros(len(postings), np.float32) if sums is None else sums),
        frozen(scales_of_rows(postings)),
        frozen(postings.scales),
        frozen(postings.weights),
        out,
    )
    return out


def _step_of(learnt: Floats, postings: Postings) -> int:
    """The step of what was learnt: see ``codes_of``."""
    weights, highest, far, square = postings.weights, 0.0, False, 0.0
    for block in _blocks(len(learnt)):
        sizes, own = np.abs(weights[block]), np.abs(learnt[block])
        highest = max(highest, float(sizes.max()))
        far = far or bool((own > NEAR * sizes).any())
        square += float(np.square(own, dtype=np.float64).sum())
    if not far:
        return 0
    share = SHARE if postings.sums is not None else SHARE_ALONE
    square /= np.count_nonzero(learnt)
    nats = max(np.sqrt(square) / share, highest / MOST_STEPS)
    return 1 + int(np.clip(COARSEST - np.floor(np.log2(nats)), 0, MOST_STEP - 1))


def _blocks(entries: int) -> Iterator[slice]:
    """Entries some at a time: what is made of them meanwhile takes little memory."""
    for first in range(0, entries, BLOCK_ENTRIES):
        yield slice(first, first + BLOCK_ENTRIES)


def _codes(postings: Postings, factors: Floats, learnt: Floats, step: int) -> PostingCodes:
    """The nearest codes;  learnt  is lost."""
    labels, starts, sums = frozen(postings.labels), frozen(postings.starts), postings.sums
    bases, symbols = np.ones(len(postings.bias), np.float32), None
    if sums is not None:
        bases = bases_of(postings, factors)
        symbols = np.empty(len(postings), np.uint8)
        kernels.symbols_of(starts, labels, frozen(sums), frozen(factors), frozen(bases), symbols)
    whole = learnt.view(np.int32)[: len(learnt) if step else 0]
    for block in _blocks(len(whole)):
        whole[block] = np.rint(learnt[block] / np.float32(step_size(step)))
    return PostingCodes(symbols, bases, whole)
