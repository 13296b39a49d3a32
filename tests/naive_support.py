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


def squares(s, row_scales):
    """|S_ℓ|² of each label: (L,)."""
    return (row_scales[:, None] ** (4 / 3) * s**2).sum(0)


def scores(x, s, row_scales, counts, attraction, prior, norm_power, temper=(0, 1, 1)):
    """score(x, ℓ) of one row by the sums alone: (L,)."""
    norms = np.sqrt(np.maximum(squares(s, row_scales), SHORTEST))
    logs = np.log(np.where(counts > 0, counts, UNSEEN))
    own = attraction * norms**-norm_power * (x @ (row_scales[:, None] * np.sqrt(s)))
    return times(own, temper) * own + prior * logs


def times(sums, temper):
    """The multiplier of a document, by what features add to the scores of labels."""
    exponent, spread, least = temper
    return (max(sums.max(), least) / spread) ** exponent


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
