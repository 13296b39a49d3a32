"""The form of θ in a model's file: float32, float16 or whole numbers of 8 bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Dtype = Literal["float32", "float16", "int8", "fasttext", "postings"]
SMALL = ("float16", "int8")
MOST = 127  # the largest whole number in 8 bits, on either side of 0
# The scale of code c is (4 + c mod 4)·2^(c div 4 − OFFSET): a quarter of an octave a step, about,
# from 3.6e-12 to 5.9e7.  A whole number times it is exact in float32, on every machine.
STEPS = 4
OFFSET = 40
HIGHEST = 255


@dataclass(frozen=True, slots=True, eq=False)
class ThetaStorage:
    """The form of a model in its file.

    dtype  "float32": everything as it is in memory; "fasttext": see ``FastTextParts``; else the
           small form, with θ in that type
    codes  (R,) uint8 of "int8": the scale of each row of θ, whose weights are whole numbers of −127
           to 127 times it; empty otherwise
    top    code of the scale of a feature of one document, from which those of the others follow
           (see ``expected_codes``): the file holds the differences from these
    """

    dtype: Dtype = "float32"
    codes: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    top: int = 0


PLAIN = ThetaStorage()


def scale_of(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The scale of each code, (R,) float32."""
    code = codes.astype(np.int32)
    scale: NDArray[np.float32] = np.ldexp(
        (STEPS + code % STEPS).astype(np.float32), code // STEPS - OFFSET
    )
    return scale


def expected_codes(documents: NDArray[np.int64], top: int) -> NDArray[np.uint8]:
    """Code of the scale of a feature that so many documents have, (R,) uint8.

    The cost of rounding a row grows with the documents that have the feature, by its square: twice
    the documents, a scale √2 times smaller.
    """
    code = np.clip(top - _half_octaves(documents), 0, HIGHEST)
    return code.astype(np.uint8)


def _half_octaves(documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """2·log2 of numbers, about, rounded down; by whole numbers alone."""
    exponent = np.frexp(np.maximum(documents, 1).astype(np.float64))[1].astype(np.int64) - 1
    upper: NDArray[np.int64] = 2 * exponent + (2 * documents >= 3 * (np.int64(1) << exponent))
    return upper


def _needed(theta: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Code of the least scale that the largest weight of each row allows, (R,) uint8."""
    largest = np.abs(theta).max(axis=1, initial=0).astype(np.float64)
    scales = scale_of(np.arange(HIGHEST + 1).astype(np.uint8)).astype(np.float64)
    codes: NDArray[np.uint8] = (
        np.searchsorted(MOST * scales, largest).clip(0, HIGHEST).astype(np.uint8)
    )
    return codes


def finest(theta: NDArray[np.float32], documents: NDArray[np.int64]) -> int:
    """The ``top`` below which ``quantise`` rounds no finer, since 8 bits allow no more."""
    least = (_needed(theta) + _half_octaves(documents)).min(initial=HIGHEST)
    return int(np.clip(least, 0, HIGHEST))


def quantise(
    theta: NDArray[np.float32], documents: NDArray[np.int64], top: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """(θ in whole numbers of the scales, (R,) codes of the scales).

    documents  (R,) that have each feature;  top  as in ThetaStorage
    The scale of a row is the expected one, or the least that its largest weight allows.
    """
    codes: NDArray[np.uint8] = np.maximum(_needed(theta), expected_codes(documents, top))
    scale = scale_of(codes)[:, None]
    whole = np.clip(np.rint(theta / scale), -MOST, MOST)
    return (whole * scale).astype(np.float32), codes


def whole_numbers(theta: NDArray[np.float32], codes: NDArray[np.uint8]) -> NDArray[np.int8]:
    """θ divided by the scales; ValueError where that gives no whole numbers of 8 bits."""
    scale = scale_of(codes)[:, None]
    whole = np.rint(theta / scale)
    if codes.shape != theta.shape[:1] or not np.array_equal(whole * scale, theta):
        raise ValueError("theta is not in whole numbers of its scales")
    if np.abs(whole).max(initial=0) > MOST:
        raise ValueError("theta is too large for its scales")
    small: NDArray[np.int8] = whole.astype(np.int8)
    return small
