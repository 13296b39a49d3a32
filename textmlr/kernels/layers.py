"""From features to scores through any number of layers, and errors back to every layer.

The layers are three arrays.  ``theta`` (V, W1) is the first layer; only the rows of a document's
features are read.  ``upper`` (U, W) holds the layers above it, one below the other: each has a row
a unit below it, and one for the bias, the unit that is always on; the columns right
of a layer's own width are 0.  ``shape`` (1 + K,) int64 holds the activation and the widths of the K
layers, the last of which is L, the number of labels.  The linear model is the network of one
layer: its upper has no rows.

Units that are off (a ReLU below 0, or dropped) are as features that a document lacks: they are
left out on the way up and on the way back.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.hashing import GOLDEN, _split_mix
from textmlr.kernels.jit import kernel, sum_rows

RELU, TANH, IDENTITY = 0, 1, 2
SUMS, OUTPUTS, SLOPES, ERRORS = 0, 1, 2, 3

U40 = np.uint64(40)
ODDS = 1 << 24  # random numbers are below it: they have so many bits


class Layers(NamedTuple):
    """Layers of weights: theta (V, W1), upper (U, W) float32, shape (1 + K,) int64, see above."""

    theta: Any
    upper: Any
    shape: Any


class Units(NamedTuple):
    """Scratch of one document, with S at least the widest layer + 1.

    work    (4, K, S) float32, of which (3, K, S) will do on the way up:
            work[SUMS]       of each layer's units; the last row begins with the scores
            work[OUTPUTS]    what comes out of the units that are on
            work[SLOPES]     by how much that grows with their sums
            work[ERRORS]     by how much the loss grows with each sum
    rows    (K, S) int32     of layer k, those rows of upper whose units below are on
    counts  (K,) int64       how many there are
    seen, seen_rows          work and rows again, read-only where the rows of f(x) are: so summing
                             up a layer is compiled once, and not for each kind of array
    """

    work: Any
    rows: Any
    counts: Any
    seen: Any
    seen_rows: Any


@kernel
def _random(state, number):
    """The number-th random whole number below ODDS of a state: SplitMix64's."""
    return np.int64(_split_mix(state + np.uint64(number + 1) * GOLDEN) >> U40)


@kernel
def _activate(sums, width, base, activation, drop, state, rows, outputs, slopes):
    """Write the units of a layer that are on, the bias behind them; return how many.

    sums   (S,) float32, of which ``width`` count;  base  int   their first row of upper
    drop   float   each unit is dropped with this probability, and the others are 1 / (1 − drop)
           times as large (Srivastava et al., JMLR 15, 2014, section 10)
    state  uint64  of the random numbers that decide
    rows (S,) int32, outputs, slopes (S,) float32   written
    """
    n = 0
    gain = np.float32(1.0 / (1.0 - drop))
    least = np.int64(drop * ODDS)
    for unit in range(width):
        if activation == RELU and sums[unit] <= 0:
            continue
        if least > 0 and _random(state, base + unit) < least:
            continue
        rows[n] = base + unit
        outputs[n] = sums[unit]
        slopes[n] = gain
        if activation == TANH:
            outputs[n] = math.tanh(np.float64(sums[unit]))
            slopes[n] = gain * (np.float32(1.0) - outputs[n] * outputs[n])
        outputs[n] *= gain
        n += 1
    rows[n] = base + width
    outputs[n] = np.float32(1.0)
    slopes[n] = np.float32(0.0)
    return n + 1


@kernel
def _forward(indices, values, first, last, layers, scale, drop, state, units):
    """Write the scores of a document to the beginning of work[SUMS, K − 1], and the way there.

    indices (nnz,) int32, values (nnz,) float32   f(x) is what stands at first <= j < last
    layers  Layers;  units  Units, written
    scale   float32   every weight is this times what layers hold
    drop, state   see ``_activate``
    """
    theta, upper, shape = layers
    work, rows, counts, seen, seen_rows = units
    own, own_values, begin, end, weights = indices, values, first, last, theta
    base = 0
    for layer in range(shape.size - 1):
        if layer > 0:
            end = _activate(
                work[SUMS, layer - 1],
                shape[layer],
                base,
                shape[0],
                drop,
                state,
                rows[layer],
                work[OUTPUTS, layer],
                work[SLOPES, layer],
            )
            counts[layer] = end
            own, own_values, begin, weights = seen_rows[layer], seen[OUTPUTS, layer], 0, upper
            base += shape[layer] + 1
        sums = work[SUMS, layer]
        sum_rows(own, own_values, begin, end, weights, sums)
        if scale != np.float32(1.0):
            for unit in range(weights.shape[1]):
                sums[unit] *= scale


@kernel
def _inner(first, second, size):
    """The inner product of ``size`` numbers of two float32 vectors, in four sums that run side by
    side."""
    a = b = c = d = np.float32(0.0)
    whole = size - size % 4
    for at in range(0, whole, 4):
        a += first[at] * second[at]
        b += first[at + 1] * second[at + 1]
        c += first[at + 2] * second[at + 2]
        d += first[at + 3] * second[at + 3]
    for at in range(whole, size):
        a += first[at] * second[at]
    return (a + b) + (c + d)


@kernel
def _error_below(error, upper, rows, slopes, n, base, scale, below):
    """Write by how much the loss grows with each sum of the layer below.

    error  (S,) float32   with each sum of this layer
    rows, slopes (S,)     of the n units below that are on, the bias the last of them
    base   int            this layer's first row of upper
    below  (S,) float32   written; 0 for units that are off
    """
    for unit in range(below.size):
        below[unit] = np.float32(0.0)
    for i in range(n - 1):
        below[rows[i] - base] = scale * slopes[i] * _inner(upper[rows[i]], error, upper.shape[1])
