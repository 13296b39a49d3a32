"""Steps of SGD over a sparse θ where documents have sets of labels: each label is a sigmoid.

The cost of a document is that of its postings.  A label that it does not touch scores its bias: the
same P for all documents, and the same small step of the bias, which is taken for many documents at
once.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel
from textmlr.kernels.sigmoids import HALF, LEAST, ONE, _half_tanh, _sigmoid, _soft_plus

GROUP = 16  # labels to a logarithm: LEAST^GROUP is well within float64


class SetTheta(NamedTuple):
    """A sparse θ in training.

    starts (V + 1,) int64, labels (m,) int32   see ``model.postings``
    weights (m,) float32, bias (L,) float32    updated by steps
    """

    starts: Any
    labels: Any
    weights: Any
    bias: Any


class TouchedRoom(NamedTuple):
    """Scratch of one document.

    sums (L,) float32, marks (L,) uint8   0 between documents
    touched (L,) int32, scores (L,) float32
    """

    sums: Any
    marks: Any
    touched: Any
    scores: Any


class SetRoom(NamedTuple):
    """Scratch of a run.

    room   TouchedRoom
    error  (L,) float32   of touched labels; 0 between documents
    flat   (L,) float64   P of a label that is not touched, as at the last step of such
    costs  (L,) float64   log(1 + exp bias) likewise
    drift  (L,) float64   by how much less than others a bias is to move, since it was touched
    """

    room: Any
    error: Any
    flat: Any
    costs: Any
    drift: Any


@kernel
def _settle(bias, moved, work):
    """Move the bias of labels that were not touched, by the steps of the last documents; return
    Σ log(1 + exp bias).

    bias (L,) float32   updated;  moved  Σ of these steps;  work  SetRoom
    """
    total = 0.0
    for label in range(bias.size):
        own = np.float64(bias[label]) - moved * work.flat[label] + work.drift[label]
        bias[label] = np.float32(own)
        work.drift[label] = 0.0
        work.flat[label] = _sigmoid(own)
        work.costs[label] = _soft_plus(own)
        total += work.costs[label]
    return total


@kernel
def _touch_sets(features, i, theta, room):
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
def _touched_with_own(features, i, sets, theta, room):
    """``_touch_sets``, with the labels of the document among the touched ones."""
    n = _touch_sets(features, i, theta, room)
    for at in range(sets.offsets[i], sets.offsets[i + 1]):
        label = sets.codes[at]
        if room.marks[label] == 0:
            room.marks[label] = 1
            room.touched[n] = label
            n += 1
    return n


@kernel
def _errors(n, i, sets, theta, total, work):
    """Write the errors P(ℓ | x) − [ℓ is one of the document's] of n touched labels; return (its
    loss in nats, whether the label that scores highest is one of them).  Clear the sums."""
    room, error = work.room, work.error
    touched, scores = room.touched, room.scores
    highest = np.float32(-np.inf)
    loss = total
    for k in range(n):
        label = touched[k]
        scores[k] = theta.bias[label] + room.sums[label]
        highest = max(highest, scores[k])
        loss -= work.costs[label]
        room.sums[label] = np.float32(0.0)
        room.marks[label] = 0
    right = False
    for at in range(sets.offsets[i], sets.offsets[i + 1]):
        room.marks[sets.codes[at]] = 1
    for begin in range(0, n, GROUP):
        product = 1.0
        for k in range(begin, min(begin + GROUP, n)):
            own = HALF + _half_tanh(scores[k])
            label = touched[k]
            if room.marks[label] != 0:
                right |= scores[k] == highest
                own -= ONE
                room.marks[label] = 0
            error[label] = own
            product *= np.float64(max(ONE - abs(own), LEAST))
        loss -= math.log(product)
    return loss, right


@kernel
def sets_epoch(features, sets, weights, order, paces, bias_pace, every, theta, work, totals):
    """Take a step for each document, in order.

    θ_fℓ ← θ_fℓ − step·f(x)_f·(P(ℓ | x) − [ℓ is one of the document's]), where the two met

    features  Csr;  sets  SetArrays;  weights (n,) float32
    order (d,) int64, paces (d,) float64   documents, and their steps before their weight
    bias_pace   steps of the bias are so many times as large
    every  documents after which labels that were not touched have their bias moved
    theta  SetTheta, weights and bias updated;  work  SetRoom
    totals (2,) float64  written: Σ weight·loss before the step (nats), Σ weight of the documents
           whose highest score was that of one of their labels
    """
    indptr, indices, values = features
    starts, labels, theta_weights, bias = theta.starts, theta.labels, theta.weights, theta.bias
    error = work.error
    totals[:] = 0.0
    total = _settle(bias, 0.0, work)
    moved = 0.0
    for visit in range(order.size):
        i = order[visit]
        weight = np.float64(weights[i])
        n = _touched_with_own(features, i, sets, theta, work.room)
        loss, right = _errors(n, i, sets, theta, total, work)
        totals[0] += weight * loss
        totals[1] += weight if right else 0.0
        step = paces[visit] * weight
        for j in range(indptr[i], indptr[i + 1]):
            feature = indices[j]
            move = np.float32(step * values[j])
            for at in range(starts[feature], starts[feature + 1]):
                theta_weights[at] -= move * error[labels[at]]
        step *= bias_pace
        moved += step
        for k in range(n):
            label = work.room.touched[k]
            bias[label] -= np.float32(step) * error[label]
            work.drift[label] += step * work.flat[label]
            error[label] = np.float32(0.0)
        if visit % every == every - 1:
            total = _settle(bias, moved, work)
            moved = 0.0
    _settle(bias, moved, work)


@kernel
def gather_scores(features, documents, theta, room, starts, labels, values):
    """Write the touched labels of documents, and what features add to their scores.

    features  Csr;  documents (d,) int64;  theta  SetTheta;  room  TouchedRoom
    starts (d + 1,) int64, labels (t,) int32, values (t,) float32   written; those of a document for
           which there is no room, and of all after it, are left out
    Return the number of documents that are written.
    """
    total = 0
    starts[0] = 0
    for b in range(documents.size):
        n = _touch_sets(features, documents[b], theta, room)
        fits = total + n <= labels.size
        for k in range(n):
            label = room.touched[k]
            if fits:
                labels[total + k] = label
                values[total + k] = room.sums[label]
            room.sums[label] = np.float32(0.0)
            room.marks[label] = 0
        if not fits:
            return b
        total += n
        starts[b + 1] = total
    return documents.size


@kernel
def scaled_losses(starts, labels, values, own, weights, bias, numbers, multipliers, out):
    """Write the loss of documents by a factor of all sums and an offset of all biases.

    score = bias_ℓ + offset + factor·multiplier·Σ f(x)·θ, of labels that are touched

    starts, labels, values   as ``gather_scores`` writes them
    own (t,) uint8           whether a label is one of the document's
    weights (d,) float64, bias (L,) float64, multipliers (d,) float64
    numbers (2,) float64     factor, offset
    out (6,) float64         written: Σ weight·(loss of touched labels − that at their bias), its
                             first derivatives by factor and offset, its second ones: twice by the
                             factor, by both, twice by the offset
    """
    factor, offset = numbers[0], numbers[1]
    out[:] = 0.0
    for i in range(starts.size - 1):
        weight, multiplier = weights[i], multipliers[i]
        for at in range(starts[i], starts[i + 1]):
            least = bias[labels[at]] + offset
            by = multiplier * np.float64(values[at])
            score = least + factor * by
            p, flat = _sigmoid(score), _sigmoid(least)
            error = p
            loss = _soft_plus(score) - _soft_plus(least)
            if own[at] != 0:
                error -= 1.0
                loss -= score - least
            out[0] += weight * loss
            out[1] += weight * error * by
            out[2] += weight * (p - flat)
            p *= 1.0 - p
            out[3] += weight * p * by * by
            out[4] += weight * p * by
            out[5] += weight * (p - flat * (1.0 - flat))


@kernel
def count_met(features, documents, codes, last, sizes):
    """Write how many labels each feature meets.

    features  Csr;  documents (p,) int64, codes (p,) int32   pairs of a document and a label of its
              set, label by label
    last  (V,) int32   −1 throughout; scratch
    sizes (V,) int64   0 throughout; written
    """
    indptr, indices, values = features
    for pair in range(documents.size):
        label = codes[pair]
        for j in range(indptr[documents[pair]], indptr[documents[pair] + 1]):
            feature = indices[j]
            if last[feature] != label and values[j] != 0:
                last[feature] = label
                sizes[feature] += 1


@kernel
def write_met(features, documents, codes, starts, place, labels):
    """Write the labels that each feature meets, ascending.

    features, documents, codes   as in ``count_met``
    starts (V + 1,) int64   where the labels of each feature begin; a feature without room for any
           is left out
    place  (V,) int64       starts[:-1]; overwritten
    labels (m,) int32       written
    """
    indptr, indices, values = features
    for pair in range(documents.size):
        label = codes[pair]
        for j in range(indptr[documents[pair]], indptr[documents[pair] + 1]):
            feature = indices[j]
            at = place[feature]
            if starts[feature] == starts[feature + 1] or values[j] == 0:
                continue
            if at == starts[feature] or labels[at - 1] != label:
                labels[at] = label
                place[feature] = at + 1
