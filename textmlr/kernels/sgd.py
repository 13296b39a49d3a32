"""Stochastic gradient descent with sparse updates, through any number of layers."""

from typing import Any, NamedTuple

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

# Added to Adagrad's sums of squares, so that the first step of a weight is finite.
FLOOR = np.float32(1e-6)
APART = np.uint64(0xD1B54A32D192ED03)  # odd: states of visits lie far apart


@kernel
def thin(indptr, indices, values, drop, seed, out_indptr, out_indices, out_values):
    """Write rows of f(x) without the features that are dropped.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   CSR
    drop   float   each entry is dropped with this probability, the others are 1 / (1 − drop)
           times as large (Srivastava et al., JMLR 15, 2014, section 10);  seed  int
    out_indptr (n + 1,) int64, out_indices (nnz,) int32, out_values (nnz,) float32   written;
           entries past out_indptr[n] are not touched
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


class Steps(NamedTuple):
    """The steps of an epoch; all fields are float but the seed.

    first, last  the step size falls linearly from one to the other
    l2           the penalty's factor
    scale        weights are this times what layers hold
    dropout      of units, see ``layers._activate``;  seed  int  of the units that are dropped
    """

    first: float
    last: float
    l2: float
    scale: float
    dropout: float
    seed: int


class Squares(NamedTuple):
    """Sums of squared gradients of all layers, as ``_step_rows`` takes them: theta (V, W1) and
    upper (U, W) float32, or (0, W1) and (0, W)."""

    theta: Any
    upper: Any


@kernel
def _ahead(features, i, visit, visits, steps, layers, units, scale):
    """Write the scores of document i to units; return the size of the step at a visit."""
    indptr, indices, values = features
    state = (np.uint64(steps.seed) + np.uint64(visit)) * APART
    held = np.float32(scale)
    _forward(indices, values, indptr[i], indptr[i + 1], layers, held, steps.dropout, state, units)
    return steps.first + (steps.last - steps.first) * visit / visits


@kernel
def _back(features, i, step, l2, layers, squares, units, scale):
    """Take the steps of all layers for document i, whose error stands in units; return the scale
    of the weights after it."""
    indptr, indices, values = features
    theta, upper, shape = layers
    work, rows, counts, seen, seen_rows = units
    held = np.float32(scale)
    scale *= 1.0 - step * l2
    pace = np.float32(step / scale)
    base = upper.shape[0]
    for layer in range(shape.size - 2, 0, -1):
        error, on = work[ERRORS, layer], counts[layer]
        base -= shape[layer] + 1
        below = work[ERRORS, layer - 1]
        _error_below(error, upper, rows[layer], work[SLOPES, layer], on, base, held, below)
        own, outputs = seen_rows[layer], seen[OUTPUTS, layer]
        _step_rows(own, outputs, 0, on, upper, squares.upper, error, pace)
    first, last = indptr[i], indptr[i + 1]
    _step_rows(indices, values, first, last, theta, squares.theta, work[ERRORS, 0], pace)
    if scale < 1e-6:  # float32 would lose w's small parts
        _shrink(theta, scale)
        _shrink(upper, scale)
        scale = 1.0
    return scale


@kernel
def _shrink(weights, scale):
    factor = np.float32(scale)
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            weights[row, column] *= factor


@kernel
def epoch(features, y, order, steps, layers, squares, units, totals):
    """Take one step a document, in the given order.

    For document i and step size s, every weight that has a gradient takes a step against it,
    divided as ``_step_rows`` says, and all of them shrink by 1 − s·l2.  The linear model has

        theta ← (1 − s·l2)·theta − s·f(x_i) ⊗ (P(· | x_i) − [· = y_i])

    Shrinking touches every weight, so it is kept as one number: weights = scale·w, and only scale
    shrinks (Bottou, Stochastic Gradient Descent Tricks, 2012, section 5.1).

    features  Csr   f(x);  y (n,) int32  label codes
    order   (d,) int32    the documents to visit, each as often as it stands there
    steps   Steps;  squares  Squares, updated
    layers  Layers, of which theta and upper are updated;  units  Units, scratch
    totals (3,) float64  written: sum over the visits of −log P(y_i | x_i) before the step (nats),
                         visits at which y_i had the highest score, and the scale
    """
    work, shape = units.work, layers.shape
    scale = steps.scale
    top = shape.size - 2
    loss = 0.0
    correct = 0
    for visit in range(order.size):
        i = order[visit]
        step = _ahead(features, i, visit, order.size, steps, layers, units, scale)
        nats, right = _error(work[SUMS, top], shape[top + 1], y[i], work[ERRORS, top])
        loss += nats
        correct += right
        scale = _back(features, i, step, steps.l2, layers, squares, units, scale)
    totals[0] = loss
    totals[1] = correct
    totals[2] = scale
