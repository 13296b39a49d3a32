"""Dense, obviously right twins of kernels/support_*.py."""

from __future__ import annotations

import numpy as np

SHORTEST = 1e-6
UNSEEN = 0.5


def sums(x, y, weights, labels):
    """S, (V, L): the weighted sums of the rows of each label."""
    out = np.zeros((x.shape[1], labels))
    for row, label, weight in zip(x, y, weights, strict=True):
        out[:, label] += weight * row
    return out


def support(x, y, weights, labels, bias, most):
    """(V, L) whether label and feature met, without the bias's row and those of too many labels."""
    met = np.zeros((x.shape[1], labels), bool)
    for row, label, weight in zip(x, y, weights, strict=True):
        if weight > 0:
            met[row != 0, label] = True
    met[met.sum(1) > most] = False
    if bias is not None:
        met[bias] = False
    return met


def scores(x, s, counts, attraction, prior, norm_power):
    """score(x, ℓ) of one row by the sums alone: (L,)."""
    norms = np.sqrt(np.maximum((s**2).sum(0), SHORTEST))
    logs = np.log(np.where(counts > 0, counts, UNSEEN))
    return attraction * norms**-norm_power * (x @ np.sqrt(s)) + prior * logs


def loss(own, label):
    """−ln softmax of a label."""
    top = own.max()
    return top + np.log(np.exp(own - top).sum()) - own[label]


def error(own, label):
    """P − [own label] of one document: (L,)."""
    p = np.exp(own - own.max())
    p /= p.sum()
    p[label] -= 1
    return p
