"""The model's arithmetic over rows of f(x): scores, their spread, and the gradient of the loss."""

import math

import numpy as np

from textmlr.kernels.jit import kernel
from textmlr.kernels.layers import SUMS, _forward


@kernel
def scores(rows, layers, units, out):
    """Write score(x_i, l) to out; for the linear model, the sum over f of theta[f, l] · f(x_i)_f.

    rows   Csr   f(x);  layers  Layers;  units  Units, scratch
    out    (n, L) float32   overwritten (nats)
    Every index is below V: Features and Model see to it.
    """
    indptr, indices, values = rows
    top = layers.shape.size - 2
    for i in range(indptr.size - 1):
        first, last = indptr[i], indptr[i + 1]
        _forward(indices, values, first, last, layers, np.float32(1.0), 0.0, np.uint64(0), units)
        for label in range(out.shape[1]):
            out[i, label] = units.work[SUMS, top, label]


@kernel
def scale_columns(indices, values, scale, out):
    """Write values[j]·scale[indices[j]] to out.

    indices (nnz,) int32, values (nnz,) float32   entries of a CSR matrix
    scale (V,) float32;  out (nnz,) float32  overwritten; may be values itself
    """
    for j in range(indices.size):
        out[j] = values[j] * scale[indices[j]]


@kernel
def take(indptr, indices, values, documents, out_indptr, out_indices, out_values):
    """Write some rows of a CSR matrix, one after the other.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   the matrix
    documents   (d,) int64   numbers of rows
    out_indptr  (d + 1,) int64, out_indices (m,) int32, out_values (m,) float32   written
    """
    at = 0
    out_indptr[0] = 0
    for i in range(documents.size):
        for j in range(indptr[documents[i]], indptr[documents[i] + 1]):
            out_indices[at] = indices[j]
            out_values[at] = values[j]
            at += 1
        out_indptr[i + 1] = at


@kernel
def keep_seen(indptr, indices, values, seen, first, out_indptr, out_indices, out_values):
    """Write rows without the columns that are not seen, at length 1 again.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   CSR; rows have length 1
                over the columns from ``first`` on, or are empty there
    seen        (V,) int32   not 0: the column is kept; those below ``first`` are, too
    out_indptr  (n + 1,) int64, out_indices (m,) int32, out_values (m,) float32   written; m may
                be nnz, and the rest past out_indptr[n] is not touched
    """
    at = 0
    out_indptr[0] = 0
    for i in range(indptr.size - 1):
        begin = at
        square = 0.0
        for j in range(indptr[i], indptr[i + 1]):
            if indices[j] < first or seen[indices[j]] != 0:
                out_indices[at] = indices[j]
                out_values[at] = values[j]
                if indices[j] >= first:
                    square += np.float64(values[j]) * np.float64(values[j])
                at += 1
        if square > 0.0:
            scale = 1.0 / math.sqrt(square)
            for j in range(begin, at):
                if out_indices[j] >= first:
                    out_values[j] = np.float32(np.float64(out_values[j]) * scale)
        out_indptr[i + 1] = at


@kernel
def square_lengths(indptr, values, out):
    """Write ‖f(x_i)‖² of each document to out.

    indptr (n + 1,) int64, values (nnz,) float32   f(x), CSR;  out (n,) float64  overwritten
    """
    for i in range(indptr.size - 1):
        total = 0.0
        for j in range(indptr[i], indptr[i + 1]):
            total += np.float64(values[j]) * np.float64(values[j])
        out[i] = total


@kernel
def _spread(row):
    """Return the standard deviation of a row's scores, (L,) float32, over labels."""
    total = 0.0
    for label in range(row.size):
        total += np.float64(row[label])
    mean = total / row.size
    square = 0.0
    for label in range(row.size):
        off = np.float64(row[label]) - mean
        square += off * off
    return math.sqrt(square / row.size)


@kernel
def spreads(scores, out):
    """Write the standard deviation over labels of each document's scores to out.

    scores (n, L) float32;  out (n,) float64  overwritten
    """
    for i in range(scores.shape[0]):
        out[i] = _spread(scores[i])


@kernel
def _calibrate(scores, calibration):
    """Multiply one document's scores by t = (max(s, least) / typical)^exponent, s their spread.

    scores       (L,) float32   updated
    calibration  float64   begins with exponent, typical, least; or (0,) for t = 1
    """
    if calibration.size > 0 and calibration[0] != 0.0:
        spread = max(_spread(scores), calibration[2])
        t = math.exp(calibration[0] * math.log(spread / calibration[1]))
        for label in range(scores.size):
            scores[label] = np.float32(t * np.float64(scores[label]))


@kernel
def gradient(indptr, indices, values, errors, weights, out):
    """Add the gradient of a loss with respect to theta to out.

    out[f, l] += sum_i weights[i]·errors[i, l]·f(x_i)_f

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   f(x), CSR
    errors (n, L) float64   P(l | x_i) − [l is a label of document i];  weights (n,) float32
    out    (V, L) float64   added to
    """
    labels = errors.shape[1]
    for i in range(errors.shape[0]):
        for j in range(indptr[i], indptr[i + 1]):
            row = out[indices[j]]
            factor = np.float64(values[j]) * np.float64(weights[i])
            for label in range(labels):
                row[label] += factor * errors[i, label]
