"""Dual coordinate ascent for independent sigmoids: each document's labels in turn, solved exactly.

It is ``dual_ascent`` with a distribution over two outcomes, label or not, for each document and
label in place of one over the labels of each document:

    θ(p) = sum_i c_i · x_i ⊗ ([· is a label of i] − p_i),   c_i = weight_i / (λ · sum of weights)

At the optimum p_il = 1 / (1 + exp −score(x_i, l; θ(p))).  Labels share nothing but the documents,
so that those that are solved together, a block of them, read each row of the features once.
Source: Yu, Huang and Lin, Machine Learning 85, 2011, section 3.
"""

import math

from textmlr.kernels.dual_ascent import ENOUGH, LONGEST_NAP, MOST_LOGS, MOST_STEPS, SMALL, _excess
from textmlr.kernels.jit import add_to_rows, kernel, sum_rows
from textmlr.kernels.sigmoids import _sigmoid, _soft_plus

FLOOR = 1e-40  # least probability: it could not grow again from 0
CEILING = 1 - 2**-53  # greatest, the last number below 1


@kernel
def epoch(rows, documents, order, ascent, number, nap_below, work):
    """Maximise the dual over each p_il, and move theta along, for each document in the given order.

    With Q = c_i·‖x_i‖² and a score s at the present theta, the best p has the logit u with
    u + Q·p = s + Q·p_il; Newton's method starts at the present one.

    The arguments are those of ``dual_ascent.epoch``, but for three arrays of documents and ascent:
    y      (n, L) uint8     1 where the document has the label
    logs   (n, L) float64   logits, log p − log(1 − p)
    gaps   (n,) float64     c_i·sum_l KL(p_il ‖ P(l | x_i)) as found, to second order
    """
    indptr, indices, values = rows
    has, shares, squares, alone, base, along = documents
    theta, tide, logits, p, gaps, naps = ascent
    labels = theta.shape[1]
    scores = work[0]
    for visit in range(order.size):
        i = order[visit]
        curvature = shares[i] * squares[i]
        sum_rows(indices, values, indptr[i], indptr[i + 1], theta, scores)
        own = alone[i] * shares[i]
        for label in range(labels):
            scores[label] += own * (has[i, label] - p[i, label])
        if base.shape[0] > 0:
            for label in range(labels):
                scores[label] += base[i, label]
        if along.size > 0:
            for label in range(labels):
                scores[label] -= along[i] * tide[label]
        gap = 0.0
        for label in range(labels):
            before = p[i, label]
            short = scores[label] - logits[i, label]
            gap += before * (1.0 - before) * short * short
            target = scores[label] + curvature * before
            logits[i, label], p[i, label] = _solve(target, curvature, logits[i, label], before)
            scores[label] = shares[i] * (before - p[i, label])
        gaps[i] = 0.5 * shares[i] * gap
        add_to_rows(indices, values, indptr[i], indptr[i + 1], theta, scores)
        if along.size > 0:
            for label in range(labels):
                tide[label] += along[i] * scores[label]
        naps[0, i] = min(2 * naps[0, i] + 1, LONGEST_NAP) if gaps[i] < nap_below else 0
        naps[1, i] = number + 1 + naps[0, i]


@kernel
def _solve(target, curvature, logit, p):
    """Return (u, its p) with u + curvature·p = target, by Newton's method from (logit, p).

    To second order its residual after a step d is curvature·p·(1 − p)·d²/2 at most; it ends when
    that is small, and the next visit removes the rest.
    """
    for _ in range(MOST_STEPS):
        step = (target - logit - curvature * p) / (1.0 + curvature * p * (1.0 - p))
        far = abs(step) > MOST_LOGS
        step = max(min(step, MOST_LOGS), -MOST_LOGS)
        logit += step
        new = max(min(_sigmoid(logit), CEILING), FLOOR)
        wrong = curvature * abs(new - p) * abs(step)
        p = new
        if not far and wrong <= ENOUGH * (1.0 + curvature * new * (1.0 - new)):
            break
    return logit, p


@kernel
def losses(scores, has, weights, p):
    """Write P(l | x_i) to p; return the sum over documents of weights[i] times the sum over labels
    of binary cross-entropy, in nats.

    scores (n, L) float64, has (n, L) uint8, weights (n,) float64;  p (n, L) float64  overwritten
    """
    total = 0.0
    for i in range(weights.size):
        loss = 0.0
        for label in range(scores.shape[1]):
            score = scores[i, label]
            p[i, label] = _sigmoid(score)
            loss += _soft_plus(-score if has[i, label] else score)
        total += weights[i] * loss
    return total


@kernel
def divergences(scores, has, p, shares, gaps):
    """Write c_i·sum_l KL(p_il ‖ sigmoid of scores_il) to gaps; return the sum of c_i times losses.

    The sum of gaps times λ is the duality gap at θ(p), if these are its scores.  See
    ``dual_ascent.divergences``; here each label has two terms, of it and of its absence.

    scores (n, L) float64 (nats), has (n, L) uint8, p (n, L) float64 above 0 and below 1
    shares (n,) float64;  gaps (n,) float64  overwritten
    """
    losses = 0.0
    for i in range(gaps.size):
        loss = 0.0
        gap = 0.0
        for label in range(scores.shape[1]):
            score = scores[i, label]
            with_it = _soft_plus(-score)  # −log P(l | x_i)
            without = _soft_plus(score)
            loss += with_it if has[i, label] else without
            share = p[i, label]
            ratio = math.log(share) + with_it
            gap += share * (
                _excess(-ratio) if abs(ratio) < SMALL else math.exp(-ratio) - 1.0 + ratio
            )
            ratio = math.log1p(-share) + without
            gap += (1.0 - share) * (
                _excess(-ratio) if abs(ratio) < SMALL else math.exp(-ratio) - 1.0 + ratio
            )
        gaps[i] = shares[i] * gap
        losses += shares[i] * loss
    return losses


@kernel
def start(indptr, indices, values, has, shares, p, theta, row):
    """Write θ(p) to theta, without the features that only one document has.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32
    has (n, L) uint8, shares (n,) float64, p (n, L) float64
    theta (V, L) float64  overwritten;  row (L,) float64  scratch
    """
    theta[:] = 0.0
    for i in range(shares.size):
        for label in range(row.size):
            row[label] = shares[i] * (has[i, label] - p[i, label])
        add_to_rows(indices, values, indptr[i], indptr[i + 1], theta, row)


@kernel
def curve(scores, p, weights, out):
    """Write the Hessian of the loss times a direction, as coefficients of documents.

    out_il = weights_i · p_il · (1 − p_il) · scores_il

    scores (n, L) float64 of the direction, p (n, L) float64, weights (n,) float64
    out    (n, L) float64  overwritten
    """
    for i in range(weights.size):
        for label in range(p.shape[1]):
            out[i, label] = weights[i] * p[i, label] * (1.0 - p[i, label]) * scores[i, label]
