"""Steps of SGD over a sparse θ, with exact z: the cost of a document is that of its postings.

A block of documents is scored with θ as it stands, each by itself; then θ takes their steps,
feature by feature, each feature's in the order of the documents.  So blocks may be scored, and
features be moved, by any number of threads.  Scores are float32, as θ is; z is float64.

z = Σ_touched exp(score) + (Σ_all exp(bias) − Σ_touched exp(bias)), see ``touched_labels``.

score(x, ℓ) = bias_ℓ + t(x)·Σ_f f(x)_f·θ_fℓ, with one multiplier t a document, a power of the
highest of its sums, as answers have it.  Steps take t as a constant.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel

# exp(x) of float32 by (p(x / 2^7))^(2^7), p of degree 6: relative error 1e-5 from LEAST to 0.
LEAST = np.float32(-30.0)
SMALL = np.float32(1.0 / 128.0)
# Errors below this are no step: of a hundred touched labels all but a few have such, and together
# they are hardly more than this.
LEAST_ERROR = 1e-3
# Below this, the part of z of untouched labels is lost in the rounding of the difference.
NOTHING = 1e-12


class SupportTheta(NamedTuple):
    """A sparse θ in training.

    starts (V + 1,) int64, labels (m,) int32   see ``model.postings``
    weights (m,) float32, bias (L,) float32    updated by steps
    powers (L,) float64   exp(bias)
    paces  (V,) float32   of steps in the weights of each feature
    temper (3,) float32   exponent, spread and least of multipliers, see ``_times``
    """

    starts: Any
    labels: Any
    weights: Any
    bias: Any
    powers: Any
    paces: Any
    temper: Any


class SupportRoom(NamedTuple):
    """Scratch of one thread.

    sums (L,) float32, marks (L,) uint8   0 between documents
    touched (L,) int32, scores (L,) float32
    """

    sums: Any
    marks: Any
    touched: Any
    scores: Any


class BlockErrors(NamedTuple):
    """Errors of the documents of a block, those that are not small.

    counts (B,) int64   of each document;  labels (B, K) int32, values (B, K) float32
    losses (B,) float64 −log softmax of the own label, nats;  right (B,) uint8
    times  (B,) float32 multipliers
    """

    counts: Any
    labels: Any
    values: Any
    losses: Any
    right: Any
    times: Any


@kernel
def _touch(features, i, theta, room):
    """Write the touched labels of document i to room, and what features add to their scores;
    return how many they are."""
    indptr, indices, values = features
    starts, labels, weights = theta.starts, theta.labels, theta.weights
    sums, marks, touched = room.sums, room.marks, room.touched
    n = 0
    for j in range(indptr[i], indptr[i + 1]):
        value = values[j]
        feature = indices[j]
        for at in range(starts[feature], starts[feature + 1]):
            label = labels[at]
            if marks[label] == 0:
                marks[label] = 1
                touched[n] = label
                n += 1
            sums[label] += value * weights[at]
    return n


@kernel
def _top(n, label, shift, room):
    """Add what the document's own label has more than θ says to its sum, if it is touched; return
    the highest of n sums, at least 0."""
    sums, touched = room.sums, room.touched
    if room.marks[label] != 0:
        sums[label] += shift
    top = np.float32(0.0)
    for k in range(n):
        top = max(top, sums[touched[k]])
    return top


@kernel
def _times(top, temper):
    """t = (max(top, least) / spread)^exponent;  top  the highest sum of a document."""
    if temper[0] == 0.0:
        return np.float32(1.0)
    return np.float32(math.exp(temper[0] * math.log(max(top, temper[2]) / temper[1])))


@kernel
def _scores(n, label, shift, times, theta, room):
    """Write the scores of touched labels to room, and clear the rest of it: (where the label
    stands, −1: it is not touched; its score; the highest score; Σ exp(bias) of the touched).

    label  the document's own, whose bias is ``shift`` higher;  times  multiplier of sums
    """
    bias, powers = theta.bias, theta.powers
    sums, marks, touched, scores = room.sums, room.marks, room.touched, room.scores
    at = -1
    own = bias[label] + shift
    highest = own
    rest = 0.0
    for k in range(n):
        one = touched[k]
        score = bias[one] + times * sums[one]
        sums[one] = np.float32(0.0)
        marks[one] = 0
        if one == label:
            score += shift
            own = score
            at = k
        scores[k] = score
        highest = max(highest, score)
        rest += powers[one]
    return at, own, highest, rest


@kernel
def _exponentials(scores, n, highest):
    """Write exp(score − highest) over the first n scores; return their sum."""
    for k in range(n):
        x = max(scores[k] - highest, LEAST) * SMALL
        p = np.float32(1.0 / 720.0) * x + np.float32(1.0 / 120.0)
        p = p * x + np.float32(1.0 / 24.0)
        p = p * x + np.float32(1.0 / 6.0)
        p = p * x + np.float32(0.5)
        p = p * x + np.float32(1.0)
        p = p * x + np.float32(1.0)
        p *= p
        p *= p
        p *= p
        p *= p
        p *= p
        p *= p
        p *= p
        scores[k] = p
    total = 0.0
    for k in range(n):
        total += np.float64(scores[k])
    return total


@kernel
def score_block(features, y, shifts, documents, first, last, theta, total, room, out):
    """Write the errors P(ℓ | x) − [ℓ = y] of some documents of a block, those of at least
    LEAST_ERROR and that of the document's own label.

    features  Csr;  y (n,) int32
    shifts (n, 2) float32   what a document's own label has more than θ says, since it is taken out
              of the label's sums: what features add to its score, and its bias
    documents (B,) int64   of the block;  first, last   those to be scored
    theta  SupportTheta;  total  Σ exp(bias) of all labels
    room   SupportRoom
    out    BlockErrors, their rows first:last written; errors beyond K are left out
    """
    for b in range(first, last):
        i = documents[b]
        label = y[i]
        n = _touch(features, i, theta, room)
        times = _times(_top(n, label, shifts[i, 0], room), theta.temper)
        out.times[b] = times
        at, own, highest, rest = _scores(n, label, shifts[i, 1], times, theta, room)
        scores, touched = room.scores, room.touched
        z = _exponentials(scores, n, highest)
        share = math.exp(np.float64(own - highest))
        if at >= 0:
            share = np.float64(scores[at])
        z += max(total - rest, NOTHING) * math.exp(-np.float64(highest))
        out.losses[b] = math.log(z) + np.float64(highest - own)
        inverse = np.float32(1.0 / z)
        found = 1
        best = True
        out.labels[b, 0] = label
        out.values[b, 0] = np.float32(share / z) - np.float32(1.0)
        floor = np.float32(LEAST_ERROR * z)
        for k in range(n):
            if scores[k] >= floor and k != at and found < out.labels.shape[1]:
                out.labels[b, found] = touched[k]
                out.values[b, found] = scores[k] * inverse
                found += 1
            if np.float64(scores[k]) > share:
                best = False
        out.right[b] = 1 if best else 0
        out.counts[b] = found


@kernel
def tempered_losses(features, y, shifts, documents, multipliers, theta, total, room, tops, out):
    """Write −ln softmax of the own label of documents whose sums are multiplied, not the bias.

    score = multiplier·Σ_f f(x)_f·θ_fℓ + bias_ℓ

    features  Csr;  y (n,) int32
    shifts (n, 2) float32   what a document's own label has more than θ says, and its bias
    documents (d,) int64;  multipliers (d, g) float32   above 0, of each document
    theta  SupportTheta;  total  Σ exp(bias) of all labels;  room  SupportRoom
    tops (d,) float64     written: the highest Σ_f f(x)_f·θ_fℓ, at least 0
    out  (2, d, g) float64   written: the loss, nats, and 1 where no label scores more, else 0
    """
    bias, powers = theta.bias, theta.powers
    sums, marks, touched, scores = room.sums, room.marks, room.touched, room.scores
    for b in range(documents.size):
        i = documents[b]
        label = y[i]
        n = _touch(features, i, theta, room)
        tops[b] = _top(n, label, shifts[i, 0], room)
        own = sums[label]
        rest = total
        for k in range(n):
            rest -= powers[touched[k]]
        for g in range(multipliers.shape[1]):
            multiplier = multipliers[b, g]
            mine = multiplier * own + bias[label] + shifts[i, 1]
            highest = mine
            for k in range(n):
                one = touched[k]
                score = multiplier * sums[one] + bias[one]
                if one == label:
                    score = mine
                scores[k] = score
                highest = max(highest, score)
            z = _exponentials(scores, n, highest)
            z += max(rest, NOTHING) * math.exp(-np.float64(highest))
            out[0, b, g] = math.log(z) + np.float64(highest - mine)
            out[1, b, g] = 1.0 if highest == mine else 0.0
        for k in range(n):
            sums[touched[k]] = np.float32(0.0)
            marks[touched[k]] = 0


@kernel
def _find(labels, first, last, label):
    """Return where the label stands among labels[first:last], ascending; −1: nowhere."""
    low = first
    high = last
    while low < high:
        middle = (low + high) >> 1
        if labels[middle] < label:
            low = middle + 1
        else:
            high = middle
    if low < last and labels[low] == label:
        return low
    return -1


@kernel
def step_block(features, documents, steps, errors, theta, part, parts):
    """Take the steps of a block's documents in the weights of some features, document by document.

    θ_fℓ ← θ_fℓ − step·pace_f·t(x)·f(x)_f·error_ℓ, where label and feature met

    documents (B,) int64, steps (B,) float32   of each
    errors  BlockErrors;  theta  SupportTheta, its weights updated
    part, parts   features f with f mod parts = part
    """
    indptr, indices, values = features
    starts, labels, weights = theta.starts, theta.labels, theta.weights
    for b in range(documents.size):
        i = documents[b]
        for j in range(indptr[i], indptr[i + 1]):
            feature = indices[j]
            first, last = starts[feature], starts[feature + 1]
            if feature % parts != part or first == last:
                continue
            move = steps[b] * errors.times[b] * values[j] * theta.paces[feature]
            for k in range(errors.counts[b]):
                at = _find(labels, first, last, errors.labels[b, k])
                if at >= 0:
                    weights[at] -= move * errors.values[b, k]


@kernel
def step_bias(documents, steps, errors, pace, theta, total):
    """Take the steps of a block's documents in the bias, ``pace`` times as large as those of
    weights; return Σ exp(bias) after them;  total  before."""
    bias, powers = theta.bias, theta.powers
    for b in range(documents.size):
        for k in range(errors.counts[b]):
            label = errors.labels[b, k]
            bias[label] -= np.float32(pace) * steps[b] * errors.values[b, k]
            power = math.exp(np.float64(bias[label]))
            total += power - powers[label]
            powers[label] = power
    return total
