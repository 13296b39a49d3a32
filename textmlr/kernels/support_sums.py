"""Sums of f(x) by feature and label, only where the two met: what a sparse θ is made of.

S_fℓ = Σ w_i·f(x_i)_f over the documents of label ℓ.  Documents are read label by label, so that
the entries of each feature come in the order of their labels, and one pass over them is enough.
"""

import math

import numpy as np

from textmlr.kernels.jit import kernel

# Of each document, ``own_terms`` writes these.
FULL = 0  # Σ f(x)_f·g_f·√S_fy, g the scale of the row
APART = 1  # Σ f(x)_f·g_f·√(S_fy − w·f(x)_f): the same with the document taken out of the sums
DOT = 2  # Σ h_f·f(x)_f·S_fy, h the square of g as rows of that length would have it
SQUARE = 3  # Σ h_f·f(x)_f²
TERMS = 4


@kernel
def count_pairs(features, y, order, last, sizes):
    """Write how many labels each feature meets.

    features  Csr;  y (n,) int32;  order (d,) int64   documents that count, label by label
    last  (V,) int32   −1 throughout; scratch
    sizes (V,) int64   0 throughout; written
    """
    indptr, indices, values = features
    for i in order:
        label = y[i]
        for j in range(indptr[i], indptr[i + 1]):
            feature = indices[j]
            if last[feature] != label and values[j] != 0:
                last[feature] = label
                sizes[feature] += 1


@kernel
def add_up(features, y, weights, order, starts, place, labels, sums):
    """Write the entries of each feature: its labels, ascending, and S.

    features, y, order   as in ``count_pairs``;  weights (n,) float32
    starts (V + 1,) int64   where the entries of each feature begin; a feature without room for
           any is left out
    place  (V,) int64       starts[:-1]; overwritten
    labels (m,) int32, sums (m,) float32   written
    """
    indptr, indices, values = features
    for i in order:
        label = y[i]
        for j in range(indptr[i], indptr[i + 1]):
            feature = indices[j]
            first = starts[feature]
            if first == starts[feature + 1] or values[j] == 0:
                continue
            at = place[feature]
            if at > first and labels[at - 1] == label:
                sums[at - 1] += weights[i] * values[j]
            else:
                labels[at] = label
                sums[at] = weights[i] * values[j]
                place[feature] = at + 1


@kernel
def own_terms(features, y, weights, order, starts, place, labels, sums, scales, out):
    """Write of each document what it shares with its own label, and what without it.

    The arrays are as in ``add_up``;  place  starts[:-1]; overwritten
    scales (2, V) float32   g and h
    out (n, TERMS) float64   written for the documents of order: see FULL
    """
    indptr, indices, values = features
    for i in order:
        label = y[i]
        full = 0.0
        apart = 0.0
        dot = 0.0
        square = 0.0
        for j in range(indptr[i], indptr[i + 1]):
            feature = indices[j]
            if starts[feature] == starts[feature + 1] or values[j] == 0:
                continue
            at = place[feature]
            while labels[at] < label:
                at += 1
            place[feature] = at
            value = np.float64(values[j])
            own = np.float64(sums[at])
            scale, weight = np.float64(scales[0, feature]), np.float64(scales[1, feature])
            full += value * scale * math.sqrt(own)
            apart += value * scale * math.sqrt(max(own - np.float64(weights[i]) * value, 0.0))
            dot += weight * value * own
            square += weight * value * value
        out[i, FULL] = full
        out[i, APART] = apart
        out[i, DOT] = dot
        out[i, SQUARE] = square


@kernel
def label_squares(starts, labels, sums, squares, out):
    """Add Σ_f h_f·S_fℓ² of each label to out.

    starts (V + 1,) int64, labels (m,) int32, sums (m,) float32, squares (V,) float32   h
    out (L,) float64  updated
    """
    for row in range(squares.size):
        for at in range(starts[row], starts[row + 1]):
            own = np.float64(sums[at])
            out[labels[at]] += np.float64(squares[row]) * own * own


@kernel
def rooted_weights(starts, labels, sums, row_scales, scales, weights):
    """Write row_scales[row]·scales[label]·√S of each entry to weights.

    scales (L,) float32;  weights (m,) float32;  the others as in ``label_squares``
    """
    for row in range(row_scales.size):
        for at in range(starts[row], starts[row + 1]):
            weights[at] = row_scales[row] * scales[labels[at]] * np.sqrt(sums[at])
