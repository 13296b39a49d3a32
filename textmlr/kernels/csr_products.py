"""Products of a CSR matrix and of its transpose with float64 numbers, and sums over their rows."""

import numpy as np

from textmlr.kernels.jit import kernel, sum_rows


@kernel
def transpose(indptr, indices, values, place, out_indices, out_values):
    """Write the matrix by columns, the rows of each ascending.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32
    place  (V,) int64     where each column begins, overwritten by where it ends
    out_indices (nnz,) int32 rows, out_values (nnz,) float32   written
    """
    for i in range(indptr.size - 1):
        for j in range(indptr[i], indptr[i + 1]):
            at = place[indices[j]]
            out_indices[at] = i
            out_values[at] = values[j]
            place[indices[j]] = at + 1


@kernel
def count_columns(indices, counts):
    """Add 1 to counts[c] for each entry of column c.

    indices (nnz,) int32;  counts (V,) int64  updated
    """
    for j in range(indices.size):
        counts[indices[j]] += 1


@kernel
def inner_product(first, second):
    """Return the sum of first[j]·second[j], in four parts.

    first, second (m,) float64
    """
    sums = (0.0, 0.0, 0.0, 0.0)
    whole = first.size - first.size % 4
    for at in range(0, whole, 4):
        sums = (
            sums[0] + first[at] * second[at],
            sums[1] + first[at + 1] * second[at + 1],
            sums[2] + first[at + 2] * second[at + 2],
            sums[3] + first[at + 3] * second[at + 3],
        )
    rest = 0.0
    for at in range(whole, first.size):
        rest += first[at] * second[at]
    return (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest


@kernel
def product(indptr, indices, values, dense, out):
    """Write the product of some rows of a matrix with a dense one.

    indptr (m + 1,) int64, indices (nnz,) int32, values (nnz,) float32   CSR, or CSC's transpose
    dense  (k, L) float64;  out (m, L) float64  overwritten
    """
    for i in range(indptr.size - 1):
        sum_rows(indices, values, indptr[i], indptr[i + 1], dense, out[i])


@kernel
def combine(indptr, indices, values, coefficients, theta, row, sums):
    """Write θ_f = sum_i f(x_i)_f · coefficients_i, rounded, to theta.

    indptr (m + 1,) int64, indices (nnz,) int32, values (nnz,) float32   CSC: columns of documents
    coefficients (n, L) float64
    theta (m, L) float32  overwritten;  row (L,) float64  scratch
    sums  (2,) float64    overwritten: ‖what rounding took‖², ‖theta‖²
    """
    lost = 0.0
    length = 0.0
    for f in range(indptr.size - 1):
        sum_rows(indices, values, indptr[f], indptr[f + 1], coefficients, row)
        for label in range(row.size):
            rounded = np.float32(row[label])
            theta[f, label] = rounded
            rest = row[label] - np.float64(rounded)
            lost += rest * rest
            length += np.float64(rounded) * np.float64(rounded)
    sums[0] = lost
    sums[1] = length


@kernel
def gradient_square(indptr, indices, values, errors, theta, l2, row):
    """Return ‖·‖² of some rows of the gradient, sum_i f(x_i)_f · errors_i + l2·θ_f.

    indptr (m + 1,) int64, indices (nnz,) int32, values (nnz,) float32   CSC: columns of documents
    errors (n, L) float64   weight_i·(P(l | x_i) − [l = y_i]) / sum of weights
    theta (m, L) float32, l2 float;  row (L,) float64  scratch
    """
    total = 0.0
    for f in range(indptr.size - 1):
        sum_rows(indices, values, indptr[f], indptr[f + 1], errors, row)
        for label in range(row.size):
            slope = row[label] + l2 * np.float64(theta[f, label])
            total += slope * slope
    return total


@kernel
def scores(indptr, indices, values, theta, row, out):
    """Write score(x_i, l) of float32 weights to out, summed in float64.

    indptr (m + 1,) int64, indices (nnz,) int32, values (nnz,) float32
    theta (V, L) float32;  row (L,) float64  scratch;  out (m, L) float64  overwritten (nats)
    """
    for i in range(indptr.size - 1):
        for label in range(row.size):
            row[label] = 0.0
        for j in range(indptr[i], indptr[i + 1]):
            value = np.float64(values[j])
            for label in range(row.size):
                row[label] += value * np.float64(theta[indices[j], label])
        for label in range(row.size):
            out[i, label] = row[label]


@kernel
def curve(scores, p, weights, out):
    """Write the Hessian of the loss times a direction, as coefficients of documents.

    out_i = weights_i · (diag(p_i) − p_i p_iᵀ) · scores_i

    scores (n, L) float64 of the direction, p (n, L) float64, weights (n,) float64
    out    (n, L) float64  overwritten
    """
    for i in range(weights.size):
        mean = 0.0
        for label in range(p.shape[1]):
            mean += p[i, label] * scores[i, label]
        for label in range(p.shape[1]):
            out[i, label] = weights[i] * p[i, label] * (scores[i, label] - mean)


@kernel
def free_column(indptr, indices, values, y, labels, seen):
    """Return the first column that some label never goes with, though all its values have one
    sign; −1 if there is none.

    Without a penalty that label's weight there would go to infinity while the loss falls.

    indptr (V + 1,) int64, indices (nnz,) int32, values (nnz,) float32   CSC: columns of documents
    y (n,) int32, labels int  L;  seen (L,) int32   −1 throughout; scratch
    """
    for f in range(indptr.size - 1):
        different = 0
        positive = 0
        negative = 0
        for j in range(indptr[f], indptr[f + 1]):
            if values[j] == 0:
                continue
            if values[j] > 0:
                positive += 1
            else:
                negative += 1
            label = y[indices[j]]
            if seen[label] != f:
                seen[label] = f
                different += 1
        if different and different < labels and not (positive and negative):
            return f
    return -1
