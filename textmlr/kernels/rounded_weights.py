"""Weights of a sparse θ ↔ whole numbers, in which a file holds them."""

import numpy as np

from textmlr.kernels.jit import compiled

STEPS = 16  # symbols to an octave
NONE = 255  # symbol of a sum of 0
MOST_OCTAVES = np.float32(15.5)  # from the least to the largest sum of a label


@compiled
def label_bounds(starts, labels, sums, factors, low, high):
    """Find the least and the largest of sum / factor of each label, of sums above 0.

    starts (R + 1,) int64, labels (m,) int32, sums (m,) float32   see ``Postings``
    factors (R,) float32, above 0, of the rows
    low, high (L,) float32, infinite and 0 on entry
    """
    for row in range(factors.size):
        for j in range(starts[row], starts[row + 1]):
            own = sums[j] / factors[row]
            label = labels[j]
            if own > np.float32(0):
                low[label] = min(low[label], own)
                high[label] = max(high[label], own)


@compiled
def symbols_of(starts, labels, sums, factors, bases, symbols):
    """Write the symbol of each sum: STEPS · log2(sum / factor / base), rounded.

    bases (L,) float32, above 0;  symbols (m,) uint8, written
    """
    for row in range(factors.size):
        for j in range(starts[row], starts[row + 1]):
            ratio = np.float64(sums[j]) / np.float64(factors[row] * bases[labels[j]])
            symbols[j] = NONE
            if ratio > 0:
                nearest = np.int64(np.floor(STEPS * np.log2(ratio) + 0.5))
                symbols[j] = min(max(nearest, 0), NONE - 1)


@compiled
def sums_of(starts, labels, symbols, factors, bases, powers, sums):
    """Write the sum of each symbol: factor · base · 2^(symbol / STEPS).

    powers (256,) float32   2^(symbol / STEPS), 0 of NONE;  sums (m,) float32, written
    """
    for row in range(factors.size):
        for j in range(starts[row], starts[row + 1]):
            base = factors[row] * bases[labels[j]]
            sums[j] = base * powers[np.int64(symbols[j])]


@compiled
def learnt_of(starts, labels, sums, row_scales, scales, weights, learnt):
    """Write weight − row scale · scale · √sum of each entry: what was learnt beside the sums.

    row_scales (R,), scales (L,) float32;  sums, weights (m,) float32
    learnt (m,) float32, written
    """
    for row in range(row_scales.size):
        for j in range(starts[row], starts[row + 1]):
            own = row_scales[row] * scales[labels[j]] * np.sqrt(sums[j])
            learnt[j] = weights[j] - own


@compiled
def weights_of(starts, labels, sums, row_scales, scales, learnt, step, weights):
    """Write row scale · scale · √sum + step · learnt of each entry.

    learnt (m,) int32, or (0,) where nothing was learnt;  weights (m,) float32, written
    """
    for row in range(row_scales.size):
        for j in range(starts[row], starts[row + 1]):
            weights[j] = row_scales[row] * scales[labels[j]] * np.sqrt(sums[j])
    for j in range(learnt.size):
        weights[j] += np.float32(step * learnt[j])
