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
LIKELY = math.log(0.1 / 0.9)  # score of a label that says something of others: P > 0.1
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
def calibrate_rows(scores, given, slopes, out):
    """Write calibrated scores of documents: given[l, 0]·s_l + given[l, 1], bent.

    scores, out (n, L) float32, out may be scores;  given (L, 2), slopes (3,) float64
    """
    for i in range(scores.shape[0]):
        for label in range(scores.shape[1]):
            u = given[label, 0] * np.float64(scores[i, label]) + given[label, 1]
            out[i, label] = np.float32(u)
        _bend(out[i], slopes)


@kernel
def histogram(scores, y, weights, lowest, width, counts, positives):
    """Add the weights of documents to the bins of each label's scores.

    scores (n, L) float32, y SetArrays, weights (n,) float64
    counts, positives (L, B) float64   added to: all documents, and those that have the label; bin
                      b holds lowest + width·[b, b + 1), the first and the last what lies beyond
    """
    top = counts.shape[1] - 1
    for i in range(scores.shape[0]):
        for label in range(scores.shape[1]):
            at = (np.float64(scores[i, label]) - lowest) / width
            counts[label, np.int64(min(max(at, 0.0), top))] += weights[i]
        for own in range(y.offsets[i], y.offsets[i + 1]):
            label = y.codes[own]
            at = (np.float64(scores[i, label]) - lowest) / width
            positives[label, np.int64(min(max(at, 0.0), top))] += weights[i]


@kernel
def likely(scores, indptr, codes, values):
    """Write the probabilities of each document's likely labels, CSR; return how many.

    scores (n, L) float32
    indptr (n + 1,) int64, codes (m,) int32, values (m,) float32   written as long as there is room
    """
    at = 0
    indptr[0] = 0
    for i in range(scores.shape[0]):
        for label in range(scores.shape[1]):
            if scores[i, label] > LIKELY:
                if at < codes.size:
                    codes[at] = label
                    values[at] = np.float32(_sigmoid(np.float64(scores[i, label])))
                at += 1
        indptr[i + 1] = at
    return at


@kernel
def add_likely(rows, links, scores):
    """Add to the scores of documents what their likely labels say.

    rows   Csr   as ``likely`` writes them;  links (L, L) float32
    scores (n, L) float32   updated
    """
    indptr, codes, values = rows
    for i in range(scores.shape[0]):
        for at in range(indptr[i], indptr[i + 1]):
            for label in range(scores.shape[1]):
                scores[i, label] += values[at] * links[codes[at], label]


@kernel
def links_epoch(rows, y, scores, order, steps, links, work, totals):
    """``epoch`` of links (L, L) float32, whose sums over likely labels are added to given scores.

    rows   Csr   as ``likely`` writes them;  y  SetArrays;  scores (n, L) float32
    work   (2, L) float32   scratch;  the others as in ``epoch``
    """
    indptr, codes, values = rows
    offsets, sets = y
    own, error = work[0], work[1]
    scale = steps.scale
    loss = 0.0
    correct = 0
    for visit in range(order.size):
        i = order[visit]
        begin, end = indptr[i], indptr[i + 1]
        step = steps.first + (steps.last - steps.first) * visit / order.size
        held = np.float32(scale)
        for label in range(own.size):
            own[label] = scores[i, label]
        for at in range(begin, end):
            for label in range(own.size):
                own[label] += held * values[at] * links[codes[at], label]
        nats, right = _set_error(own, own.size, sets, offsets[i], offsets[i + 1], error)
        loss += nats
        correct += right
        scale *= 1.0 - step * steps.l2
        pace = np.float32(step / scale)
        for at in range(begin, end):
            for label in range(own.size):
                links[codes[at], label] -= pace * values[at] * error[label]
    totals[0] = loss
    totals[1] = correct
    totals[2] = scale


@kernel
def _second_pass(scores, second, u):
    """Pass one document's scores through the links between labels: see ``model.second_pass``.

    scores (L,) float32   updated
    second (3 + 2L + L²,) float64   slopes, then scales and offsets of labels, then links
    u (L,) float64   scratch
    """
    labels = scores.size
    links = 3 + 2 * labels
    for label in range(labels):
        u[label] = second[3 + label] * np.float64(scores[label]) + second[3 + labels + label]
    for m in range(labels):
        if scores[m] > LIKELY:
            p = _sigmoid(np.float64(scores[m]))
            row = second[links + m * labels : links + (m + 1) * labels]
            for label in range(labels):
                u[label] += p * row[label]
    for label in range(labels):
        scores[label] = np.float32(u[label])
    _bend(scores, second[:3])


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
