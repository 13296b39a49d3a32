"""Dense, obviously right twins of kernels/touched_sets.py and support_sets.py."""

from __future__ import annotations

import numpy as np


def soft_plus(scores):
    """log(1 + exp score), (…)."""
    return np.logaddexp(0, scores)


def p_of(scores):
    """1 / (1 + exp −score)."""
    return np.exp(-np.logaddexp(0, -np.asarray(scores, float)))


def scores(x, theta, bias, calibration):
    """bias_ℓ + t(x)·Σ_f x_f·θ_fℓ of one row: (L,)."""
    sums = x @ theta
    c = calibration
    t = (max(*sums, 0.0, c.least) / c.spread) ** c.exponent if c.exponent else 1.0
    return bias + t * sums


def loss(own, labels):
    """Σ_ℓ log(1 + exp score) − Σ of the document's labels."""
    return soft_plus(own).sum() - sum(own[label] for label in labels)


def met(x, sets, many, bias, most):
    """(V, L) whether label and feature met, without the bias's row and those of too many labels."""
    out = np.zeros((x.shape[1], many), bool)
    for row, labels in zip(x, sets, strict=True):
        for label in labels:
            out[row != 0, label] = True
    out[out.sum(1) > most] = False
    if bias is not None:
        out[bias] = False
    return out


def steps(x, sets, weights, order, paces, there, bias, every):
    """(θ (V, L), bias (L,)) after a step for each document, from θ = 0 and a bias.

    The bias of a label that a document does not touch is moved after ``every`` documents, by P as
    it was at the last such time.
    """
    theta, bias = np.zeros(there.shape), np.array(bias, float)
    flat, late = p_of(bias), np.zeros(len(bias))
    for visit, (i, pace) in enumerate(zip(order, paces, strict=True)):
        touched = there[x[i] != 0].any(0)
        touched[sets[i]] = True
        error = p_of(x[i] @ theta + bias)
        error[sets[i]] -= 1
        step = pace * weights[i]
        theta -= step * np.outer(x[i], error) * there
        bias[touched] -= step * error[touched]
        late[~touched] += step * flat[~touched]
        if visit % every == every - 1 or visit == len(order) - 1:
            bias, late = bias - late, np.zeros(len(bias))
            flat = p_of(bias)
    return theta, bias
