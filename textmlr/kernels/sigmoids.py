"""Independent sigmoids: scores to log z, probabilities and losses.

    log z = Σ_l log(1 + exp s_l),    P(l) = 1 / (1 + exp −s_l)

Each label is a question of its own, and the probabilities of a document need not sum to 1.
A document has a set of labels, maybe none: document i those of codes[offsets[i]:offsets[i + 1]].
Its loss is the sum over labels of the binary cross-entropy, log z − Σ_{l in set} s_l.
"""

import math

import numpy as np

from textmlr.kernels.jit import kernel
from textmlr.kernels.layers import ERRORS, SUMS
from textmlr.kernels.sgd import _ahead, _back

CLIP = np.float32(8.3)  # tanh is ±1 in float32 beyond it
LEAST = np.float32(1e-9)  # least P of what is so, in a reported loss
GROUP = 16  # labels to a logarithm: LEAST^GROUP is well within float64
KNOT = 2.0  # where the calibration bends: P is about 1/8 and 7/8 there
HALF, ONE = np.float32(0.5), np.float32(1.0)

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
def _bend(scores, slopes):
    """Bend one document's scores: see ``model.scoring.Bent``.

    scores (L,) float32   updated
    slopes (3,) float64   below −KNOT, between −KNOT and KNOT, above KNOT
    """
    if slopes[0] == 1.0 and slopes[1] == 1.0 and slopes[2] == 1.0:
        return
    for label in range(scores.size):
        u = np.float64(scores[label])
        bent = slopes[0] * min(u + KNOT, 0.0) + slopes[2] * max(u - KNOT, 0.0)
        scores[label] = np.float32(bent + slopes[1] * min(max(u, -KNOT), KNOT))


@kernel
def bent_sums(scores, y, weights, given, slopes, gradient, curvature):
    """Add up the loss of calibrated scores, and its derivatives by the three slopes.

        z = slopes · (min(u + KNOT, 0), min(max(u, −KNOT), KNOT), max(u − KNOT, 0)),
        u = given[l, 0]·s_l + given[l, 1]

    scores (n, L) float32, y SetArrays, weights (n,) float64
    given  (L, 2) float64, slopes (3,) float64
    gradient (3,), curvature (3, 3) float64   written
    Returns the weighted sum of the losses, in nats.
    """
    gradient[:] = 0.0
    curvature[:] = 0.0
    total = 0.0
    for i in range(scores.shape[0]):
        at, last = y.offsets[i], y.offsets[i + 1]
        for label in range(scores.shape[1]):
            u = given[label, 0] * np.float64(scores[i, label]) + given[label, 1]
            low, high = min(u + KNOT, 0.0), max(u - KNOT, 0.0)
            middle = min(max(u, -KNOT), KNOT)
            z = slopes[0] * low + slopes[1] * middle + slopes[2] * high
            hot = 0.0
            if at < last and y.codes[at] == label:
                hot = 1.0
                at += 1
            share = math.exp(-abs(z))
            p = (1.0 if z >= 0.0 else share) / (1.0 + share)
            total += weights[i] * (max(z, 0.0) + math.log1p(share) - hot * z)
            error, curve = weights[i] * (p - hot), weights[i] * p * (1.0 - p)
            gradient[0] += error * low
            gradient[1] += error * middle
            gradient[2] += error * high
            # low and high are never both other than 0.
            curvature[0, 0] += curve * low * low
            curvature[1, 1] += curve * middle * middle
            curvature[2, 2] += curve * high * high
            curvature[0, 1] += curve * low * middle
            curvature[1, 2] += curve * middle * high
    curvature[1, 0] = curvature[0, 1]
    curvature[2, 1] = curvature[1, 2]
    return total


@kernel
def label_sums(scores, y, weights, given, slopes, sums):
    """Add up, label by label, the derivatives of the loss of calibrated scores by given.

    scores, y, weights, given, slopes  as in ``bent_sums``
    sums (L, 5) float64   written: the derivatives by given[l, 0] and given[l, 1], and the
         curvatures (0, 0), (0, 1), (1, 1) by both
    Returns the weighted sum of the losses, in nats.
    """
    sums[:] = 0.0
    total = 0.0
    for i in range(scores.shape[0]):
        at, last = y.offsets[i], y.offsets[i + 1]
        for label in range(scores.shape[1]):
            s = np.float64(scores[i, label])
            u = given[label, 0] * s + given[label, 1]
            slope = slopes[1]
            if u < -KNOT:
                slope = slopes[0]
            elif u > KNOT:
                slope = slopes[2]
            z = slopes[0] * min(u + KNOT, 0.0) + slopes[2] * max(u - KNOT, 0.0)
            z += slopes[1] * min(max(u, -KNOT), KNOT)
            hot = 0.0
            if at < last and y.codes[at] == label:
                hot = 1.0
                at += 1
            share = math.exp(-abs(z))
            p = (1.0 if z >= 0.0 else share) / (1.0 + share)
            total += weights[i] * (max(z, 0.0) + math.log1p(share) - hot * z)
            error = weights[i] * (p - hot) * slope
            curve = weights[i] * p * (1.0 - p) * slope * slope
            row = sums[label]
            row[0] += error * s
            row[1] += error
            row[2] += curve * s * s
            row[3] += curve * s
            row[4] += curve
    return total


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

    loss = Σ_l log(1 + exp(t·s_l)) − t·Σ_{l in y} s_l

    scores (n, L) float32, y SetArrays, factors (n,) float64
    losses, slopes, curvatures (n,) float64   written
    """
    for i in range(scores.shape[0]):
        loss = slope = curvature = 0.0
        for label in range(scores.shape[1]):
            own = factors[i] * np.float64(scores[i, label])
            share = _sigmoid(own)
            loss += _soft_plus(own)
            slope += share * own
            curvature += share * (1.0 - share) * own * own
        for at in range(y.offsets[i], y.offsets[i + 1]):
            own = factors[i] * np.float64(scores[i, y.codes[at]])
            loss -= own
            slope -= own
        losses[i] = loss
        slopes[i] = slope
        curvatures[i] = curvature


@kernel
def _half_tanh(score):
    """tanh(score / 2) / 2 = P − 1/2, float32, to 3e-7: arithmetic alone, so that up to sixteen
    labels take one instruction, and compiled and plain it has the same bits.

    A rational function, fitted by least squares that were reweighted until the largest error over
    |score| <= 2·CLIP was least.
    """
    x = min(max(HALF * score, -CLIP), CLIP)
    s = x * x
    top = np.float32(2.1797971e-11)
    top = top * s + np.float32(-1.4107501e-08)
    top = top * s + np.float32(9.6959429e-06)
    top = top * s + np.float32(2.9668105e-03)
    top = top * s + np.float32(1.2961784e-01)
    top = top * s + ONE
    low = np.float32(2.3451637e-04)
    low = low * s + np.float32(2.3950817e-02)
    low = low * s + np.float32(4.6295094e-01)
    low = low * s + ONE
    return HALF * x * top / low


@kernel
def _set_error(scores, labels, codes, first, last, error):
    """Write P(l | x) − [l is one of the document's], the error of the scores; return (its loss in
    nats, whether the label that scores highest is one of them).

    scores (S,) float32, of which ``labels`` count
    codes  (m,) int32   the document's labels are codes[first:last], each once, maybe none
    error  (S,) float32   written, 0 beyond the labels
    """
    for label in range(labels):
        error[label] = HALF + _half_tanh(scores[label])
    for label in range(labels, error.size):
        error[label] = np.float32(0.0)
    highest = np.float32(-np.inf)
    for label in range(labels):
        highest = max(highest, scores[label])
    right = False
    for at in range(first, last):
        error[codes[at]] -= ONE
        right |= scores[codes[at]] == highest
    # P of what is so is 1 − |error|: one logarithm does for GROUP labels.
    loss = 0.0
    for begin in range(0, labels, GROUP):
        product = 1.0
        for label in range(begin, min(begin + GROUP, labels)):
            product *= np.float64(max(ONE - abs(error[label]), LEAST))
        loss -= np.log(product)
    return loss, right


@kernel
def epoch(features, y, order, steps, layers, squares, units, totals):
    """``sgd.epoch`` where documents have sets of labels, and each label is a sigmoid of its own.

        theta ← (1 − s·l2)·theta − s·f(x_i) ⊗ (P(· | x_i) − [· in y_i])

    y       SetArrays   the documents' labels
    totals (3,) float64  written: sum over the visits of the losses before the step (nats), visits
                         at which the highest score was that of a label of the document's, and
                         the scale
    The other arguments are as there.  Every label takes part in every step: leaving out those whose
    error is small gained nothing (branches cost more than the memory saved), and biased the rest.
    """
    offsets, codes = y
    work, shape = units.work, layers.shape
    scale = steps.scale
    top = shape.size - 2
    loss = 0.0
    correct = 0
    for visit in range(order.size):
        i = order[visit]
        step = _ahead(features, i, visit, order.size, steps, layers, units, scale)
        scores, error = work[SUMS, top], work[ERRORS, top]
        first, last = offsets[i], offsets[i + 1]
        nats, right = _set_error(scores, shape[top + 1], codes, first, last, error)
        loss += nats
        correct += right
        scale = _back(features, i, step, steps.l2, layers, squares, units, scale)
    totals[0] = loss
    totals[1] = correct
    totals[2] = scale
