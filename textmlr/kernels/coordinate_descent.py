"""Newton steps for the L1 penalty: columns of f(x), and coordinate descent over them.

Arrays over labels and documents are label-major here, (L, n): the descent visits one label after
the other, and a label's row then stays in the processor's cache.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel
from textmlr.kernels.softmax import _softmax_by_label, _sums_by_label


@kernel
def reach(indptr, indices, values, weights, out):
    """Add the sum over documents i of weights[i]·|f(x_i)_f| to out[f].

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   f(x), CSR
    weights (n,) float64;  out (V,) float64  added to
    """
    for i in range(indptr.size - 1):
        for j in range(indptr[i], indptr[i + 1]):
            out[indices[j]] += weights[i] * abs(np.float64(values[j]))


@kernel
def column_sizes(indices, numbers, out):
    """Add to out[c] how many entries have numbers[column] = c; those of −1 are left out.

    indices (nnz,) int32, numbers (V,) int32;  out (C,) int64
    """
    for j in range(indices.size):
        column = numbers[indices[j]]
        if column >= 0:
            out[column] += 1


@kernel
def transpose(indptr, indices, values, numbers, cursor, rows, out):
    """Write CSR rows by columns, documents ascending in each.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   f(x), CSR
    numbers (V,) int32    new number of each column, −1 to leave it out
    cursor  (C,) int64    where each column begins; changed to where it ends
    rows (m,) int32, out (m,) float32   written: document and value of each entry
    """
    for i in range(indptr.size - 1):
        for j in range(indptr[i], indptr[i + 1]):
            column = numbers[indices[j]]
            if column >= 0:
                at = cursor[column]
                rows[at] = i
                out[at] = values[j]
                cursor[column] = at + 1


@kernel
def add_columns(indptr, rows, values, features, amounts, out):
    """Add the sum over k of amounts[k]·f(x_i)_{features[k]} to out[i]: scores of one label.

    indptr (C + 1,) int64, rows (m,) int32, values (m,) float32   f(x) by columns
    features (k,) int32, amounts (k,) float64;  out (n,) float64  added to
    """
    for k in range(features.size):
        amount = amounts[k]
        for j in range(indptr[features[k]], indptr[features[k] + 1]):
            out[rows[j]] += amount * values[j]


@kernel
def curvatures(indptr, rows, values, features, second, out):
    """Write the sum over i of second[i]·f(x_i)²_{features[k]} to out[k].

    indptr (C + 1,) int64, rows (m,) int32, values (m,) float32   f(x) by columns
    features (k,) int32, second (n,) float64;  out (k,) float64  overwritten
    """
    for k in range(features.size):
        total = 0.0
        for j in range(indptr[features[k]], indptr[features[k] + 1]):
            total += second[rows[j]] * np.float64(values[j]) * np.float64(values[j])
        out[k] = total


@kernel
def slopes(indptr, rows, values, features, residuals, out):
    """Write the sum over i of residuals[i]·f(x_i)_{features[k]} to out[k]: slopes of one label.

    indptr (C + 1,) int64, rows (m,) int32, values (m,) float32   f(x) by columns
    features (k,) int32, residuals (n,) float64;  out (k,) float64  overwritten
    """
    for k in range(features.size):
        total = 0.0
        for j in range(indptr[features[k]], indptr[features[k] + 1]):
            total += residuals[rows[j]] * values[j]
        out[k] = total


@kernel
def steep(indptr, rows, values, residuals, theta, l1, first, last, pairs, gradients):
    """Write the pairs of a feature and a label whose weight is not 0, or whose slope is above l1.

    A weight of 0 stays 0 at a minimum if and only if its slope is at most l1: these are all the
    pairs that can still change.

    indptr (C + 1,) int64, rows (m,) int32, values (m,) float32   f(x) by columns
    residuals (L, n) float64    weight of each document times (P − [l = y])
    theta     (C, L) float64
    first, last                 the columns to look at
    pairs (p,) int64, gradients (p,) float64   written: l·C + f, and the slope of the mean loss
    Returns how many.
    """
    found = 0
    for f in range(first, last):
        for label in range(residuals.shape[0]):
            slope = 0.0
            for j in range(indptr[f], indptr[f + 1]):
                slope += residuals[label, rows[j]] * values[j]
            if theta[f, label] != 0.0 or abs(slope) > l1:
                pairs[found] = label * theta.shape[0] + f
                gradients[found] = slope
                found += 1
    return found


@kernel
def loss_along(scores, moves, step, y, weights, first, last, top, total):
    """Return the sum of weights[i]·(log z_i − score of y_i) at scores + step·moves.

    scores, moves (L, n) float64;  y (n,) int32, weights (n,) float64
    first, last   the documents to sum over
    top, total    (n,) float64   written there: the highest score, and the sum over labels of
                  exp(score − top)
    """
    _sums_by_label(scores, moves, step, first, last, top, total)
    loss = 0.0
    for i in range(first, last):
        own = scores[y[i], i] + step * moves[y[i], i]
        loss += weights[i] * (top[i] - own + math.log(total[i]))
    return loss


@kernel
def respond(scores, y, weights, top, total, first, last, probabilities, residuals):
    """Write P and weights[i]·(P − [l = y_i]) of some documents.

    scores (L, n) float64, y (n,) int32, weights (n,) float64
    top, total (n,) float64   as ``loss_along`` writes them
    probabilities, residuals (L, n) float64   written for first <= i < last
    """
    _softmax_by_label(scores, top, total, first, last, probabilities)
    for label in range(scores.shape[0]):
        for i in range(first, last):
            residuals[label, i] = weights[i] * probabilities[label, i]
    for i in range(first, last):
        # 1 − P is the sum of the others' P: the difference would lose digits where P is near 1.
        others = 0.0
        for label in range(scores.shape[0]):
            if label != y[i]:
                others += probabilities[label, i]
        residuals[y[i], i] = -weights[i] * others


@kernel
def entropy(probabilities, y, weights, share, first, last):
    """Return the sum of weights[i]·H(q_i), in nats, q_i = share·P_i + (1 − share)·[l = y_i].

    probabilities (L, n) float64, y (n,) int32, weights (n,) float64;  first, last  documents
    """
    sum_of_all = 0.0
    for label in range(probabilities.shape[0]):
        for i in range(first, last):
            q = share * probabilities[label, i]
            if label == y[i]:
                q += 1.0 - share
            if q > 0.0:
                sum_of_all -= weights[i] * q * math.log(q)
    return sum_of_all


class Quadratic(NamedTuple):
    """The model of the objective around θ, in k of its weights, label after label.

    starts   (L + 1,) int64     where each label's weights begin among the k
    features (k,) int32, gradients (k,) float64   column, and g: slope of loss and l2 at θ
    curvatures (k,) float64 > 0   second derivative of loss and l2
    theta    (k,) float64       θ of each
    probabilities (L, n), weights (n,) float64    P and w of the documents
    l1, l2   float              the penalties' factors
    """

    starts: Any
    features: Any
    gradients: Any
    curvatures: Any
    theta: Any
    probabilities: Any
    weights: Any
    l1: float
    l2: float


class Moves(NamedTuple):
    """The moves so far of the weights and of the documents' scores.

    moves    (k,) float64   d
    active   (k,) uint8     1 where θ + d is not 0
    along (L, n), mean (n,) float64   u, and its mean
    """

    moves: Any
    active: Any
    along: Any
    mean: Any


@kernel
def sweep(columns, model, moved, only_active, scratch):
    """Take one step in each of the given weights, towards the minimum of the quadratic model.

    With d the move of θ and u_i(l) = sum_f d[f, l]·f(x_i)_f, the model of the mean loss is

        g·d + ½ sum_i w_i (sum_l P_l u_l² − (sum_l P_l u_l)²)

    plus l2·(½‖d‖² + θ·d), whose second term g already holds, plus l1·‖θ + d‖₁.  Its slope by
    d[f, l] is g + sum_i f(x_i)_f·w_i·P_l·(u_l − mean_i), mean_i = sum_l P_l u_l.

    columns  Csr, by columns: indptr (C + 1,), its indices are documents
    model    Quadratic;  moved  Moves, updated for those visited
    only_active  whether to visit only the weights that are active
    scratch  (3, n) float64
    Returns the sum of each visited weight's least |subgradient| before its step.
    Source: Friedman, Hastie and Tibshirani, J. Stat. Software 33(1), 2010, section 4; Yuan, Ho
    and Lin, JMLR 13, 2012, section 3; here with all labels' mixed derivatives.
    """
    indptr, rows, values = columns
    starts, features, gradients, curvatures, theta, probabilities, weights, l1, l2 = model
    moves, active, along, mean = moved
    slope, second, change = scratch[0], scratch[1], scratch[2]
    violation = 0.0
    for label in range(starts.size - 1):
        if starts[label] == starts[label + 1]:
            continue
        for i in range(weights.size):
            share = probabilities[label, i]
            first = weights[i] * share
            slope[i] = first * (along[label, i] - mean[i])
            second[i] = first * (1.0 - share)
            change[i] = 0.0
        for k in range(starts[label], starts[label + 1]):
            if only_active and active[k] == 0:
                continue
            begin = indptr[features[k]]
            end = indptr[features[k] + 1]
            g = gradients[k] + l2 * moves[k]
            for j in range(begin, end):
                g += slope[rows[j]] * values[j]
            now = theta[k] + moves[k]
            if now > 0.0:
                violation += abs(g + l1)
            elif now < 0.0:
                violation += abs(g - l1)
            else:
                violation += max(abs(g) - l1, 0.0)
            target = now - g / curvatures[k]
            least = l1 / curvatures[k]
            if target > least:
                target -= least
            elif target < -least:
                target += least
            else:
                target = 0.0
            active[k] = 1 if target != 0.0 else 0
            if target != now:
                # So that θ + d is exactly 0 where the target is.
                moves[k] = target - theta[k] if target != 0.0 else -theta[k]
                step = target - now
                for j in range(begin, end):
                    size = step * values[j]
                    change[rows[j]] += size
                    slope[rows[j]] += size * second[rows[j]]
        for i in range(weights.size):
            along[label, i] += change[i]
            mean[i] += probabilities[label, i] * change[i]
    return violation
