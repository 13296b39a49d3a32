"""Stochastic gradient descent with sparse updates, through any number of layers."""

import numpy as np

from textmlr.kernels.jit import add_to_rows, kernel
from textmlr.kernels.layers import (
    ERRORS,
    ODDS,
    OUTPUTS,
    SLOPES,
    SUMS,
    _error_below,
    _forward,
    _random,
)
from textmlr.kernels.softmax import _error

# Of Adagrad's sums of squares, so that the first step of a weight is finite.
FLOOR = np.float32(1e-6)
APART = np.uint64(0xD1B54A32D192ED03)  # odd: states of visits lie far apart


@kernel
def thin(indptr, indices, values, drop, seed, out_indptr, out_indices, out_values):
    """Write rows of f(x) without the features that are dropped.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   CSR
    drop   float   each entry is dropped with this probability, the others are 1 / (1 − drop)
           times as large (Srivastava et al., JMLR 15, 2014, section 10);  seed  int
    out_indptr (n + 1,) int64, out_indices (nnz,) int32, out_values (nnz,) float32   written; what
           is past out_indptr[n] is not touched
    """
    at = 0
    gain = np.float32(1.0 / (1.0 - drop))
    least = np.int64(drop * ODDS)
    out_indptr[0] = 0
    for i in range(indptr.size - 1):
        for j in range(indptr[i], indptr[i + 1]):
            if _random(np.uint64(seed), j) >= least:
                out_indices[at] = indices[j]
                out_values[at] = gain * values[j]
                at += 1
        out_indptr[i + 1] = at


@kernel
def _step_rows(indices, values, first, last, weights, squares, error, step):
    """Take a step against the gradient, values[j]·error in row indices[j].

    weights (r, w) float32   updated
    squares (r, w) float32   updated: of each weight, the sum of its squared gradients, by whose
            root its steps are divided (Duchi, Hazan and Singer, JMLR 12, 2011, figure 1);
            (0, w): steps are not divided
    error   (S,) float32     w of them count; overwritten where steps are not divided
    """
    if squares.shape[0] == 0:
        for column in range(weights.shape[1]):
            error[column] *= -step
        add_to_rows(indices, values, first, last, weights, error)
    else:
        for j in range(first, last):
            value = values[j]
            row = weights[indices[j]]
            square = squares[indices[j]]
            for column in range(weights.shape[1]):
                slope = value * error[column]
                square[column] += slope * slope
                row[column] -= step * slope / np.sqrt(square[column] + FLOOR)


@kernel
def epoch(
    indptr,
    indices,
    values,
    y,
    order,
    first_step,
    last_step,
    l2,
    scale,
    theta,
    upper,
    shape,
    squares,
    upper_squares,
    dropout,
    seed,
    work,
    rows,
    counts,
    seen,
    seen_rows,
    totals,
):
    """Take one step a document, in the given order.

    For document i and step size s, falling linearly from first_step to last_step, every weight
    that has a gradient takes a step against it, divided as ``_step_rows`` says, and all of them
    shrink by 1 − s·l2.  Of the linear model that is

        theta ← (1 − s·l2)·theta − s·f(x_i) ⊗ (P(· | x_i) − [· = y_i])

    Shrinking touches every weight, so it is kept as one number: weights = scale·w, and only scale
    shrinks (Bottou, Stochastic Gradient Descent Tricks, 2012, section 5.1).

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   f(x), CSR
    y      (n,) int32    label codes
    order  (d,) int32    the documents to visit, each as often as it stands there
    scale  float         weights are scale times what theta and upper hold
    theta  (V, W1), upper (U, W) float32   updated;  shape (1 + K,) int64   see ``network``
    squares (V, W1) or (0, W1), upper_squares (U, W) or (0, W) float32   see ``_step_rows``
    dropout float        of units, see ``network._activate``;  seed  int  of what is dropped
    work (4, K, S) float32, rows (K, S) int32, counts (K,) int64, seen, seen_rows   scratch, see
            ``network``
    totals (3,) float64  written: sum over the visits of −log P(y_i | x_i) before the step (nats),
                         visits at which y_i had the highest score, and the scale
    """
    layers = shape.size - 1
    visits = order.size
    loss = 0.0
    correct = 0
    for visit in range(visits):
        i = order[visit]
        step = first_step + (last_step - first_step) * visit / visits
        state = (np.uint64(seed) + np.uint64(visit)) * APART
        _forward(
            indices,
            values,
            indptr[i],
            indptr[i + 1],
            theta,
            upper,
            shape,
            np.float32(scale),
            dropout,
            state,
            work,
            rows,
            counts,
            seen,
            seen_rows,
        )
        nats, right = _error(work[SUMS, layers - 1], shape[layers], y[i], work[ERRORS, layers - 1])
        loss += nats
        correct += right
        held = np.float32(scale)
        scale *= 1.0 - step * l2
        pace = np.float32(step / scale)
        base = upper.shape[0]
        for layer in range(layers - 1, -1, -1):
            error = work[ERRORS, layer]
            own, own_values, begin, end = seen_rows[layer], seen[OUTPUTS, layer], 0, counts[layer]
            weights, sums_of_squares = upper, upper_squares
            if layer > 0:
                base -= shape[layer] + 1
                _error_below(
                    error,
                    upper,
                    rows[layer],
                    work[SLOPES, layer],
                    end,
                    base,
                    held,
                    work[ERRORS, layer - 1],
                )
            else:
                own, own_values, begin, end = indices, values, indptr[i], indptr[i + 1]
                weights, sums_of_squares = theta, squares
            _step_rows(own, own_values, begin, end, weights, sums_of_squares, error, pace)
        if scale < 1e-6:  # float32 would lose w's small parts
            _shrink(theta, scale)
            _shrink(upper, scale)
            scale = 1.0
    totals[0] = loss
    totals[1] = correct
    totals[2] = scale


@kernel
def _shrink(weights, scale):
    factor = np.float32(scale)
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            weights[row, column] *= factor
