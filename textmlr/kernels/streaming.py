"""Training on documents as they come: hashed columns get rows as they occur, and each document is
predicted before a step is taken on it."""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel, prefetch, sum_rows
from textmlr.kernels.sigmoids import _set_error
from textmlr.kernels.softmax import _error

# Added to the sums by whose roots steps are divided, in units of mean ‖f(x)‖²: without it the first
# documents of a feature would move its weights too far.
FLOOR = 0.005
AHEAD = 16  # entries ahead whose rows are fetched into cache


@kernel
def admit(features, before, power, numbers, kept, tallies, used, rows, paces):
    """Number the columns of documents in the order in which they occur; return how many there are.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   f(x), CSR
    before  int             documents that came before
    power   float           of idf
    numbers (V,) int32      row of each column, −1 for none yet; updated
    kept (C,) int32, tallies (C, 2) float64   for each row its column; the documents that have it
            and the sum of f(x); updated.  There is room for all of them
    used    int             rows so far
    rows (nnz,) int32, paces (nnz,) float32   written: the row of each entry, and f(x) times idf to
            the power, as the documents up to its own have it
    """
    indptr, indices, values = features
    last = indices.size - 1
    for i in range(indptr.size - 1):
        most = np.log(2.0 + before + i) + 1.0
        for j in range(indptr[i], indptr[i + 1]):
            prefetch(numbers, indices[min(j + AHEAD, last)])
            column = indices[j]
            row = numbers[column]
            if row < 0:
                row = used
                numbers[column] = row
                kept[row] = column
                tallies[row, 0] = 0.0
                tallies[row, 1] = 0.0
                used += 1
            tallies[row, 0] += 1.0
            tallies[row, 1] += values[j]
            idf = most - np.log(1.0 + tallies[row, 0])
            scale = np.sqrt(idf) if power == 0.5 else idf**power
            rows[j] = row
            paces[j] = values[j] * np.float32(scale)
    return used


class StreamRows(NamedTuple):
    """Documents of a stream.

    indptr (n + 1,) int64, rows (nnz,) int32, values, paces (nnz,) float32   as ``admit`` made them
    y (n,) int32, or SetArrays of n;  weights (n,) float32
    """

    indptr: Any
    rows: Any
    values: Any
    paces: Any
    y: Any
    weights: Any


class StreamAnswers(NamedTuple):
    """Answers to documents first to last, each before its step.

    scores (d, W) float32, losses (d,) float64, right (d,) uint8   for document i at i − first:
            scores, its loss (nats), and whether its label, or one of them, scored highest
    """

    scores: Any
    losses: Any
    right: Any


@kernel
def learn(documents, first, last, rate, floor, labels, theta, squares, answers, error):
    """Score each document, then take a step on it.

    With p = P(· | x), every weight of the document's features takes the step

        squares_fℓ ← squares_fℓ + weight·f(x)_f²·p_ℓ·(1 − p_ℓ)
        theta_fℓ   ← theta_fℓ − weight·rate·pace_f·(p_ℓ − [y = ℓ]) / √(squares_fℓ + floor)

    which is Adagrad with the expected square of the gradient in place of the square: a document
    whose label is nearly sure hardly shortens later steps.

    documents  StreamRows
    first <= i < last       the documents to train on, in this order
    labels  int             L; the columns of theta from there on are for labels to come
    theta, squares (R, W) float32   updated
    answers StreamAnswers   written;  error (W,) float32   scratch
    Source: Duchi, Hazan and Singer, JMLR 12, 2011, figure 1; with the Fisher information, Amari,
    Neural Computation 10(2), 1998.
    """
    indptr, rows, values, paces, y, weights = documents
    scores, losses, right = answers
    least = np.float32(floor)
    for i in range(first, last):
        own = scores[i - first]
        sum_rows(rows, values, indptr[i], indptr[i + 1], theta, own)
        losses[i - first], right[i - first] = _error(own, labels, y[i], error)
        step = np.float32(rate * weights[i])
        for j in range(indptr[i], indptr[i + 1]):
            known = weights[i] * values[j] * values[j]
            _step(theta[rows[j]], squares[rows[j]], error, known, step * paces[j], least)


@kernel
def learn_sets(documents, first, last, rate, floor, labels, theta, squares, answers, error):
    """``learn`` where documents have sets of labels, each label a sigmoid of its own: the loss is
    the sum over labels of the binary cross-entropy, and p_ℓ = 1 / (1 + exp −score).

    documents  StreamRows, y SetArrays;  the others as there
    """
    indptr, rows, values, paces, y, weights = documents
    offsets, codes = y
    scores, losses, right = answers
    least = np.float32(floor)
    for i in range(first, last):
        own = scores[i - first]
        sum_rows(rows, values, indptr[i], indptr[i + 1], theta, own)
        losses[i - first], right[i - first] = _set_error(
            own, labels, codes, offsets[i], offsets[i + 1], error
        )
        step = np.float32(rate * weights[i])
        for j in range(indptr[i], indptr[i + 1]):
            known = weights[i] * values[j] * values[j]
            _step(theta[rows[j]], squares[rows[j]], error, known, step * paces[j], least)


@kernel
def _step(row, square, error, known, pace, least):
    """Take the step of one feature's weights, and add to the sums by whose roots it is divided."""
    for label in range(row.size):
        size = abs(error[label])  # p or 1 − p, and by rounding a little more than 1
        square[label] += known * size * max(np.float32(1.0) - size, np.float32(0.0))
        row[label] -= pace * error[label] / np.sqrt(square[label] + least)
