"""Dual coordinate ascent: the distribution of each document in turn, solved exactly.

The dual of mean loss + (λ/2)‖θ‖² has a distribution p_i over the labels of each document, and

    θ(p) = sum_i c_i · x_i ⊗ ([· = y_i] − p_i),   c_i = weight_i / (λ · sum of weights)

At the optimum p_i = P(· | x_i; θ(p)) for all documents.  Source: Yu, Huang and Lin, Machine
Learning 85, 2011, section 4; Shalev-Shwartz and Zhang, Math. Programming 155, 2016, section 5.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import add_to_rows, kernel, sum_rows
from textmlr.kernels.softmax import _log_z

FLOOR = 1e-40  # least probability: it could not grow again from 0
MOST_STEPS = 50  # steps of Newton's method on one document
LONGEST_NAP = 7  # epochs
MOST_LOGS = 4.0  # the most that log p changes in a step: for very small p Newton steps are too long
ENOUGH = 0.5  # share of 1 + curvature·p that a residual may be
SMALL = 0.1  # below it, exp equals its polynomial of degree 5 up to a factor of 1 ± 2e-9


class Documents(NamedTuple):
    """Constants of the n documents.

    y       (n,) int32     label codes
    shares  (n,) float64   c_i
    squares (n,) float64   ‖x_i‖², of all its features, less along_i²
    alone   (n,) float64   ‖·‖² of the features that no other document has, which are not in CSR:
                           their part of a score is alone_i · c_i · ([l = y_i] − p_i)
    base    (n, L) float64   scores to add to those of theta; or (0, L) for none
    along   (n,) float64     a feature that counts against the others: with it the inner product
                             of two documents is x_i·x_j − along_i·along_j; or (0,) for none
    """

    y: Any
    shares: Any
    squares: Any
    alone: Any
    base: Any
    along: Any


class Ascent(NamedTuple):
    """The state that an epoch moves.

    theta   (V, L) float64   θ(p)
    tide    (L,) float64     sum_i c_i · along_i · ([· = y_i] − p_i)
    logs    (n, L) float64   log p but for a constant a row
    p       (n, L) float64   no less than FLOOR
    gaps    (n,) float64     c_i·KL(p_i ‖ P(· | x_i)) as found, to second order
    naps    (2, n) int32     length of the nap after this one, next epoch to visit in
    """

    theta: Any
    tide: Any
    logs: Any
    p: Any
    gaps: Any
    naps: Any


@kernel
def epoch(rows, documents, order, ascent, number, nap_below, work):
    """Maximise the dual over p_i, and move theta along, for each document in the given order.

    With Q = c_i·‖x_i‖² and scores s at the present theta, the best p_i has log p + Q·p equal to
    s + Q·p_i but for a constant; Newton's method starts at the present p_i.

    rows       Csr   features of documents;  documents  Documents
    order      (d,) int32   the documents to visit
    ascent     Ascent   updated
    number     int          of this epoch
    nap_below  float        a document whose gap is less takes a nap, twice as long as its last
    work       (4, L) float64   scratch
    """
    indptr, indices, values = rows
    y, shares, squares, alone, base, along = documents
    theta, tide, logs, p, gaps, naps = ascent
    labels = theta.shape[1]
    before, scores = work[0], work[1]
    for visit in range(order.size):
        i = order[visit]
        curvature = shares[i] * squares[i]
        sum_rows(indices, values, indptr[i], indptr[i + 1], theta, scores)
        own = alone[i] * shares[i]
        mean = 0.0
        for label in range(labels):
            before[label] = p[i, label]
            scores[label] -= own * before[label]
        scores[y[i]] += own
        if base.shape[0] > 0:
            for label in range(labels):
                scores[label] += base[i, label]
        if along.size > 0:
            for label in range(labels):
                scores[label] -= along[i] * tide[label]
        for label in range(labels):
            mean += before[label] * (scores[label] - logs[i, label])
        gap = 0.0
        for label in range(labels):
            short = scores[label] - logs[i, label] - mean
            gap += before[label] * short * short
            scores[label] += curvature * before[label]
        gaps[i] = 0.5 * shares[i] * gap
        _solve(scores, curvature, logs[i], p[i], work[2], work[3])
        for label in range(labels):
            scores[label] = shares[i] * (before[label] - p[i, label])
        add_to_rows(indices, values, indptr[i], indptr[i + 1], theta, scores)
        if along.size > 0:
            for label in range(labels):
                tide[label] += along[i] * scores[label]
        naps[0, i] = min(2 * naps[0, i] + 1, LONGEST_NAP) if gaps[i] < nap_below else 0
        naps[1, i] = number + 1 + naps[0, i]


@kernel
def _solve(target, curvature, logs, p, inverses, steps):
    """Find p with log p + curvature·p = target + constant, and sum 1.

    Newton's method on (log p, constant).  To second order its residual after a step d of log p is
    curvature·p·d²/2; it ends when that is small for all labels, and the next visit removes the
    rest.

    inverses, steps (L,) float64   scratch
    """
    labels = p.size
    for _ in range(MOST_STEPS):
        slope = 0.0
        rest = -1.0
        for label in range(labels):
            inverses[label] = 1.0 / (1.0 + curvature * p[label])
            steps[label] = target[label] - logs[label] - curvature * p[label]
        for label in range(labels):
            part = p[label] * inverses[label]
            rest += part * steps[label] + p[label]
            slope += part
        constant = rest / slope
        small = True
        again = False
        for label in range(labels):
            step = (steps[label] - constant) * inverses[label]
            again |= step > MOST_LOGS
            steps[label] = max(min(step, MOST_LOGS), -MOST_LOGS)
            small &= abs(step) < SMALL
        total = 0.0
        for label in range(labels):
            old = p[label]
            step = steps[label]
            new = old * (_short_exp(step) if small else math.exp(step))
            wrong = curvature * abs(new - old) * abs(step)
            again |= wrong > ENOUGH * (1.0 + curvature * new)
            if new < FLOOR:
                step = math.log(FLOOR / old)
                new = FLOOR
            logs[label] += step
            p[label] = new
            total += new
        scale = 1.0 / total
        for label in range(labels):
            p[label] *= scale
        if not again:
            break


@kernel
def _short_exp(x):
    return 1.0 + x * (1.0 + x * (0.5 + x * (1 / 6 + x * (1 / 24 + x / 120))))


@kernel
def draw(naps, number, seed, order):
    """Write the documents that are due in an epoch to order, shuffled; return how many.

    naps   (2, n) int32   as ``epoch`` has them
    number int            of the epoch;  seed (1,) uint64   of the shuffling, updated
    order  (n,) int32     overwritten up to their number
    """
    due = 0
    for i in range(order.size):
        if naps[1, i] <= number:
            order[due] = i
            due += 1
    state = seed[0]
    for last in range(due - 1, 0, -1):
        # A linear congruential generator's upper bits.  Source: Knuth's MMIX.
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        other = np.int64(((state >> np.uint64(32)) * np.uint64(last + 1)) >> np.uint64(32))
        kept = order[last]
        order[last] = order[other]
        order[other] = kept
    seed[0] = state
    return due


@kernel
def divergences(scores, y, p, shares, gaps):
    """Write c_i·KL(p_i ‖ softmax of scores_i) of each document to gaps; return the sum of c_i times
    their losses.

    The sum of gaps times λ is the duality gap at θ(p), if these are its scores.  As a sum of
    p·(exp(−r) − 1 + r), r = log p − log softmax, no term is negative, and none is lost to rounding.

    scores (n, L) float64 (nats), y (n,) int32, p (n, L) float64 > 0, shares (n,) float64
    gaps   (n,) float64
    """
    losses = 0.0
    for i in range(gaps.size):
        log_z = _log_z(scores[i])
        gap = 0.0
        for label in range(scores.shape[1]):
            ratio = math.log(p[i, label]) - (scores[i, label] - log_z)
            gap += p[i, label] * (
                _excess(-ratio) if abs(ratio) < SMALL else math.exp(-ratio) - 1.0 + ratio
            )
        gaps[i] = shares[i] * gap
        losses += shares[i] * (log_z - scores[i, y[i]])
    return losses


@kernel
def _excess(x):
    """exp(x) − 1 − x of a small x."""
    return x * x * (0.5 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x / 720))))


@kernel
def start(indptr, indices, values, y, shares, p, theta, row):
    """Write θ(p) to theta, without the features that only one document has.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32
    y (n,) int32, shares (n,) float64, p (n, L) float64
    theta (V, L) float64  overwritten;  row (L,) float64  scratch
    """
    theta[:] = 0.0
    for i in range(y.size):
        for label in range(row.size):
            row[label] = -shares[i] * p[i, label]
        row[y[i]] += shares[i]
        add_to_rows(indices, values, indptr[i], indptr[i + 1], theta, row)
