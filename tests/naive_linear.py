"""Dense, obviously right twins of kernels/linear.py, sgd.py, softmax.py and hash_table.py."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np


def dense(indptr, indices, values, columns):
    """CSR rows as a dense float64 matrix."""
    out = np.zeros((len(indptr) - 1, columns))
    for i in range(len(indptr) - 1):
        for j in range(indptr[i], indptr[i + 1]):
            out[i, indices[j]] += values[j]
    return out


def log_normalizer(scores):
    """log sum exp of each row."""
    out = []
    for row in np.asarray(scores, float).tolist():
        top = max(row)
        out.append(top + math.log(math.fsum(math.exp(s - top) for s in row)))
    return np.array(out)


def probabilities(scores):
    """Softmax of each row."""
    scores = np.asarray(scores, float)
    return np.exp(scores - log_normalizer(scores)[:, None])


def calibrated(scores, calibration):
    """Scores, each row times factor·(max(σ, least)/spread)^exponent, σ that of the row."""
    c = calibration
    times = np.maximum(scores.std(axis=1), c.least) / c.spread
    return scores * (c.factor * times**c.exponent)[:, None]


def base_rates(weights):
    """Share of each label in training; a label without any counts as half a document."""
    own = [weight if weight > 0 else 0.5 for weight in weights]
    return [weight / math.fsum(own) for weight in own]


def with_base(scores, x, theta, bias, weights):
    """Scores of rows x (n, V), but the logarithms of the base rates in those where no feature
    besides the bias, which is column 0 if there is one, has a weight in theta (V, W)."""
    out = np.array(scores, float)
    for i, features in enumerate(np.asarray(x, float)):
        if not (np.abs(features[bias:, None] * np.asarray(theta, float)[bias:]) > 0).any():
            out[i] = [math.log(share) for share in base_rates(weights)]
    return out


def loss(x, theta, y, weights):
    """Weighted sum of −log P."""
    p = probabilities(x @ theta)
    each = zip(p[np.arange(len(y)), y].tolist(), np.asarray(weights).tolist(), strict=True)
    return -sum(weight * math.log(share) for share, weight in each)


def gradient(x, theta, y, weights):
    """Gradient of ``loss``."""
    error = probabilities(x @ theta)
    error[np.arange(len(y)), y] -= 1
    return x.T @ (error * np.asarray(weights, float)[:, None])


def epoch(x, y, order, first_step, last_step, l2, theta):
    """SGD, θ ← (1 − s·l2)θ − s·f(x) ⊗ (P − onehot), step by step: (theta, loss, correct)."""
    theta = theta.astype(float)
    total, correct = 0.0, 0
    for visit, i in enumerate(order):
        step = first_step + (last_step - first_step) * visit / len(order)
        scores = x[i] @ theta
        p = probabilities(scores[None])[0]
        total -= math.log(p[y[i]])
        correct += int(np.argmax(scores) == y[i])
        p[y[i]] -= 1
        theta = (1 - step * l2) * theta - step * np.outer(x[i], p)
    return theta, total, correct


def distinct(grams):
    """[(hash, count, first place)] in order of first occurrence."""
    counts = Counter(grams)
    return [(h, counts[h], grams.index(h)) for h in dict.fromkeys(grams)]


def row(columns, counts, bias):
    """Sorted (column, count) pairs, equal columns added up, −1 left out, bias first."""
    total = Counter()
    for column, n in zip(columns, counts, strict=True):
        if column >= 0:
            total[column] += n
    return [(0, 1)] * bias + sorted(total.items())


def weigh(pairs, bias, term_frequency, idf, unit_norm):
    """Weights of one row of (column, count) pairs."""
    tf = {0: lambda n: 1.0, 1: float, 2: lambda n: 1 + math.log(n)}[term_frequency]
    own = [tf(n) * (idf[c] if idf is not None else 1.0) for c, n in pairs[bias:]]
    length = math.sqrt(sum(w * w for w in own)) if unit_norm and own else 1.0
    return [1.0] * bias + [w / length for w in own]
