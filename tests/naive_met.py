"""Dense, obviously right twins of kernels/met_rows.py."""

from __future__ import annotations

import numpy as np


def met(x, y, weights, labels, bias):
    """(V, L) 1 where label and feature met, or the feature is the bias."""
    out = np.zeros((x.shape[1], labels))
    for row, label, weight in zip(x, y, weights, strict=True):
        if weight > 0:
            out[row != 0, label] = 1
    if bias is not None:
        out[bias] = 1
    return out


def epoch(x, y, order, steps, theta, met, shared, least):
    """(θ, Σ loss, documents right, the factor that shrinking came to) after a step a document."""
    theta, loss, right, held = theta.astype(np.float64), 0.0, 0, steps.scale
    for visit, i in enumerate(order):
        step = steps.first + (steps.last - steps.first) * visit / len(order)
        scores = x[i] @ theta
        p = np.exp(scores - scores.max())
        p /= p.sum()
        loss -= np.log(p[y[i]])
        right += int(scores.argmax() == y[i])
        error = p - (np.arange(len(p)) == y[i])
        error[np.abs(error) < least] = 0
        theta *= 1 - step * steps.l2
        held *= 1 - step * steps.l2
        total = shared * (met @ error)
        total[np.abs(total) < least] = 0
        theta -= step * x[i][:, None] * (error + total[:, None]) * met
    return theta, loss, right, held
