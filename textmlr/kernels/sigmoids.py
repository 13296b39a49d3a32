"""Independent sigmoids: scores to log z, probabilities and losses.

    log z = Σ_l log(1 + exp s_l),    P(l) = 1 / (1 + exp −s_l)

Each label is a question of its own, and the probabilities of a document need not sum to 1.
"""

import math

import numpy as np

from textmlr.kernels.jit import kernel

# The product of so many factors between 1 and 2 is below the largest float64.
FACTORS = 512


@kernel
def _soft_plus(score):
    """log(1 + exp score), which neither overflows nor loses small terms."""
    return max(score, 0.0) + math.log1p(math.exp(-abs(score)))


@kernel
def _sigmoid(score):
    """1 / (1 + exp −score)."""
    if score >= 0.0:
        return 1.0 / (1.0 + math.exp(-score))
    share = math.exp(score)
    return share / (1.0 + share)


@kernel
def _sigmoids(scores, out):
    """Write P of each label for one document; return its log z.

    exp −|s| serves both, and one logarithm FACTORS labels:

        log z = Σ max(s, 0) + log Π (1 + exp −|s|)

    scores (L,) float32;  out (L,) float64
    """
    total = 0.0
    product = 1.0
    for label in range(scores.size):
        score = np.float64(scores[label])
        share = math.exp(-abs(score))
        product *= 1.0 + share
        out[label] = (1.0 if score >= 0.0 else share) / (1.0 + share)
        total += max(score, 0.0)
        if label % FACTORS == FACTORS - 1:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@kernel
def log_normalizer(scores, out):
    """Write log z of each document to out.

    scores (n, L) float32   nats;  out (n,) float64   overwritten
    """
    for i in range(scores.shape[0]):
        total = 0.0
        for label in range(scores.shape[1]):
            total += _soft_plus(np.float64(scores[i, label]))
        out[i] = total


@kernel
def probabilities(scores, log_z, out):
    """Write P of each label of each document to out.

    scores (n, L) float32   nats;  log_z (n,) float64   not read: it is the softmax's that needs it
    out    (n, L) float64   overwritten
    """
    for i in range(scores.shape[0]):
        for label in range(scores.shape[1]):
            out[i, label] = _sigmoid(np.float64(scores[i, label]))


@kernel
def tempered_loss(scores, y, factors, losses, slopes, curvatures):
    """Write the loss of factor·scores of each document, and its derivatives by log factor.

    loss = Σ_l log(1 + exp(t·s_l)) − t·s_y

    scores (n, L) float32, y (n,) int32, factors (n,) float64
    losses, slopes, curvatures (n,) float64   written
    """
    for i in range(scores.shape[0]):
        loss = slope = curvature = 0.0
        for label in range(scores.shape[1]):
            own = factors[i] * np.float64(scores[i, label])
            share = _sigmoid(own)
            hot = 1.0 if label == y[i] else 0.0
            loss += _soft_plus(own) - hot * own
            slope += (share - hot) * own
            curvature += share * (1.0 - share) * own * own
        losses[i] = loss
        slopes[i] = slope
        curvatures[i] = curvature
