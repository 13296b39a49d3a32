"""Scores of documents to log z, probabilities, losses and errors: the only softmax there is.

    log z = m + log sum_l exp(s_l − m),  m = max_l s_l,    P(l) = exp(s_l − log z)

exp is taken of scores less their maximum, so that it never overflows.  Sums are float64, but for
``_error``, which takes the steps of training and is float32 throughout.
``math.exp`` and not ``np.exp``: compiled and plain, it is the same function of the C library.

Source: Blanchard, Higham and Higham, IMA J. Numer. Anal. 41(4), 2021, eq. 1.3.
"""

import math

import numpy as np

from textmlr.kernels.jit import kernel


@kernel
def _highest(scores):
    """Return the highest score as float64;  scores (L,) float32 or float64."""
    highest = scores[0]
    for label in range(1, scores.size):
        if scores[label] > highest:
            highest = scores[label]
    return np.float64(highest)


@kernel
def _log_z(scores):
    """Return log z of one document;  scores (L,) float32 or float64."""
    top = _highest(scores)
    total = 0.0
    for label in range(scores.size):
        total += math.exp(np.float64(scores[label]) - top)
    return top + math.log(total)


@kernel
def _softmax(scores, out):
    """Write P of each label for one document; return its log z.

    scores (L,) float32 or float64;  out (L,) float64
    """
    top = _highest(scores)
    total = 0.0
    for label in range(scores.size):
        share = math.exp(np.float64(scores[label]) - top)
        out[label] = share
        total += share
    for label in range(scores.size):
        out[label] /= total
    return top + math.log(total)


@kernel
def _tempered(scores, factor, target):
    """Return the loss of factor·scores, its first and its second derivative by log factor.

    loss = log sum_l exp(t·s_l) − t·s_y; its derivative by t is E s − s_y, and its second the
    variance of s, both under P(l) ∝ exp(t·s_l).

    scores (L,) float32;  factor  t > 0
    """
    top = _highest(scores)
    total = 0.0
    mean = 0.0
    square = 0.0
    for label in range(scores.size):
        below = np.float64(scores[label]) - top
        share = math.exp(factor * below)
        total += share
        mean += share * below
        square += share * below * below
    mean /= total
    own = np.float64(scores[target]) - top
    loss = math.log(total) - factor * own
    slope = factor * (mean - own)
    return loss, slope, factor * factor * (square / total - mean * mean)


@kernel
def _error(scores, labels, target, error):
    """Write P(· | x) − [· = target], the error of the scores; return (−log P(target | x), whether
    the target scores highest).

    scores (S,) float32, of which ``labels`` count;  error (S,) float32   written, 0 beyond them
    """
    highest = np.float32(-np.inf)
    best = 0
    for label in range(labels):
        if scores[label] > highest:
            highest = scores[label]
            best = label
    total = np.float32(0.0)
    for label in range(labels):
        error[label] = np.exp(scores[label] - highest)
        total += error[label]
    share = np.float32(1.0) / total
    for label in range(labels):
        error[label] *= share
    for label in range(labels, error.size):
        error[label] = np.float32(0.0)
    error[target] -= np.float32(1.0)
    loss = np.float64(highest - scores[target]) + np.log(np.float64(total))
    return loss, best == target


@kernel
def _sums_by_label(scores, moves, step, first, last, top, total):
    """Write the highest of scores + step·moves of documents first:last to top, and the sum over
    labels of exp(score − top) to total.

    scores, moves (L, n) float64, label-major: the sum runs label after label, over documents that
    lie side by side;  top, total (n,) float64
    """
    for i in range(first, last):
        top[i] = scores[0, i] + step * moves[0, i]
        total[i] = 0.0
    for label in range(1, scores.shape[0]):
        for i in range(first, last):
            top[i] = max(top[i], scores[label, i] + step * moves[label, i])
    for label in range(scores.shape[0]):
        for i in range(first, last):
            total[i] += math.exp(scores[label, i] + step * moves[label, i] - top[i])


@kernel
def _softmax_by_label(scores, top, total, first, last, out):
    """Write P of each label for documents first:last to out.

    scores (L, n) float64, label-major;  top, total  as ``_sums_by_label`` writes them
    out (L, n) float64
    """
    for label in range(scores.shape[0]):
        for i in range(first, last):
            out[label, i] = math.exp(scores[label, i] - top[i]) / total[i]


@kernel
def log_normalizer(scores, out):
    """Write log z(x; theta) of each document to out.

    scores  (n, L) float32  unnormalised log-probabilities (nats)
    out     (n,)   float64  overwritten; never below the highest score, so that no probability
                            passes 1
    Rows must be finite; Model checks this after training and at load.
    """
    for i in range(scores.shape[0]):
        out[i] = _log_z(scores[i])


@kernel
def probabilities(scores, log_z, out):
    """Write P(Y = l | x_i) = exp(scores[i, l] − log_z[i]) to out.

    scores (n, L) float32, log_z (n,) float64 as ``log_normalizer`` writes it
    out    (n, L) float64  overwritten; in float64 rows sum to 1 whatever the scores' size
    """
    for i in range(scores.shape[0]):
        for label in range(scores.shape[1]):
            out[i, label] = math.exp(np.float64(scores[i, label]) - log_z[i])


@kernel
def softmax(scores, p, log_z):
    """Write P(Y = l | x_i) and log z of each document.

    scores (n, L) float64;  p (n, L), log_z (n,) float64   overwritten
    """
    for i in range(scores.shape[0]):
        log_z[i] = _softmax(scores[i], p[i])


@kernel
def loss(scores, log_z, y, weights):
    """Return the sum over documents of weights[i]·(log_z[i] − scores[i, y[i]]), in nats.

    scores (n, L) float32, log_z (n,) float64, y (n,) int32 in [0, L), weights (n,) float32
    The penalty is the objective's (textmlr/training).
    """
    total = 0.0
    for i in range(y.size):
        total += np.float64(weights[i]) * (log_z[i] - np.float64(scores[i, y[i]]))
    return total


@kernel
def losses(scores, y, weights, p):
    """Write P(l | x_i) to p; return the sum of weights[i]·(log_z_i − scores[i, y_i]), in nats.

    scores (n, L) float64, y (n,) int32, weights (n,) float64;  p (n, L) float64  overwritten
    """
    loss = 0.0
    for i in range(y.size):
        loss += weights[i] * (_softmax(scores[i], p[i]) - scores[i, y[i]])
    return loss


@kernel
def tempered_loss(scores, y, factors, losses, slopes, curvatures):
    """Write the loss of t·scores of each document, and its derivatives by log t (``_tempered``).

    scores      (n, L) float32, y (n,) int32 in [0, L)
    factors     (n,) float64   t > 0, the inverse of a temperature
    losses      (n,) float64   overwritten (nats)
    slopes      (n,) float64   overwritten: t·(E s − s_y)
    curvatures  (n,) float64   overwritten: t²·variance, which is never negative
    Source: Guo et al., ICML 2017, section 4.2.
    """
    for i in range(scores.shape[0]):
        losses[i], slopes[i], curvatures[i] = _tempered(scores[i], factors[i], y[i])
