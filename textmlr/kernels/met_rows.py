"""SGD over weights that stand only where label and feature met, all labels scored at each step.

θ is rows of entries, one a feature, each entry a label and its weight.  A row that would hold one
label in WIDE, or more, holds all of them: its loops run over neighbours in memory, and the entries
of labels that the feature never met stay 0.  For moderate numbers of labels most of a document's
features meet many of them, so that z is summed over all labels.
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel
from textmlr.kernels.support_steps import _exponentials, _find

WIDE = 4
# Errors below this are no step.
LEAST_ERROR = np.float32(1e-4)
# The share of a step that all labels have which a feature met.  By held-out documents of banking77
# 0.1 lowers the loss by 13 % and 0.3 by 18 %; of trec6, movie-genres, r8, jokes-en, 20ng-raw and
# debian-sections 0.1 changes it by −0.7 % to +0.5 %, and 0.3 by −1.4 % to +2 %.
SHARED = np.float32(0.1)
# A step in one entry that is looked for costs about as much as steps in so many neighbours.
SEARCH, JUMP = 8, 4


class MetRows(NamedTuple):
    """θ.

    starts (V + 1,) int64    row f has the entries starts[f]:starts[f + 1]
    labels (m,) int32        of each entry, ascending within a row
    met    (m,) float32      1, or 0 where label and feature never met
    weights (m,) float32
    """

    starts: Any
    labels: Any
    met: Any
    weights: Any


class StepRoom(NamedTuple):
    """Scratch of one thread: sums (L,) float32, errors (L,) float32, listed (L,) int32."""

    sums: Any
    errors: Any
    listed: Any


@kernel
def list_met(features, y, order, many, starts, place, labels, met):
    """Write the entries of rows: where label and feature met, and those that fill up wide rows.

    features  Csr;  y (n,) int32;  order (d,) int64   documents that count, label by label
    many   L
    starts (V + 1,) int64   with room for all labels that a feature meets; a row as long as L is
           wide
    place  (V,) int64       starts[:-1]; overwritten
    labels (m,) int32       written;  met (m,) float32   0 throughout; written
    """
    indptr, indices, values = features
    for row in range(place.size):
        if starts[row + 1] - starts[row] == many:
            for label in range(many):
                labels[starts[row] + label] = label
    for i in order:
        label = y[i]
        for j in range(indptr[i], indptr[i + 1]):
            row = indices[j]
            first = starts[row]
            if values[j] == 0:
                continue
            if starts[row + 1] - first == many:
                met[first + label] = np.float32(1.0)
                continue
            at = place[row]
            if at == first or labels[at - 1] != label:
                labels[at] = label
                met[at] = np.float32(1.0)
                place[row] = at + 1


@kernel
def _add_up(features, i, rows, sums):
    """Write Σ_f f(x)_f·weight of each label for document i;  sums (L,) float32."""
    indptr, indices, values = features
    starts, labels, weights = rows.starts, rows.labels, rows.weights
    many = sums.size
    for label in range(many):
        sums[label] = np.float32(0.0)
    for j in range(indptr[i], indptr[i + 1]):
        value = values[j]
        first, last = starts[indices[j]], starts[indices[j] + 1]
        if last - first == many:
            own = weights[first:last]
            for label in range(many):
                sums[label] += value * own[label]
        else:
            for at in range(first, last):
                sums[labels[at]] += value * weights[at]


@kernel
def _errors(sums, target, listed, errors):
    """Write P − [ℓ = target] of each label, 0 where it is small, and list the others: (how many
    they are, −ln P of the target in nats, whether it scores highest).

    sums (L,) float32   scores;  listed (L,) int32, errors (L,) float32   written
    """
    highest = sums[0]
    best = 0
    for label in range(1, sums.size):
        if sums[label] > highest:
            highest = sums[label]
            best = label
    for label in range(sums.size):
        errors[label] = sums[label]
    z = _exponentials(errors, sums.size, highest)
    loss = np.float64(highest - sums[target]) + np.log(z)
    share = np.float32(1.0 / z)
    n = 0
    for label in range(sums.size):
        error = errors[label] * share
        if label == target:
            error -= np.float32(1.0)
        if abs(error) < LEAST_ERROR:
            error = np.float32(0.0)
        else:
            listed[n] = label
            n += 1
        errors[label] = error
    return n, loss, best == target


@kernel
def _move(features, i, pace, rows, listed, n, errors):
    """Take the step of document i, of each feature f and each label ℓ that it met:

    weight ← weight − pace·f(x)_f·(error_ℓ + SHARED·Σ error of all labels that f met)

    The sum is −1 times that of the labels that f never met.  A dense θ would move these away from
    the document, each by itself; here all that f met move towards it instead.

    listed (L,) int32   the n labels whose errors (L,) are not 0
    """
    indptr, indices, values = features
    starts, labels, met, weights = rows
    many = errors.size
    for j in range(indptr[i], indptr[i + 1]):
        move = pace * values[j]
        first, last = starts[indices[j]], starts[indices[j] + 1]
        total = np.float32(0.0)
        if last - first == many:
            own, was = weights[first:last], met[first:last]
            for k in range(n):
                total += errors[listed[k]] * was[listed[k]]
            if JUMP * n < many:
                for k in range(n):
                    label = listed[k]
                    own[label] -= move * errors[label] * was[label]
            else:
                for label in range(many):
                    own[label] -= move * errors[label] * was[label]
        elif SEARCH * n < last - first:
            for k in range(n):
                at = _find(labels, first, last, listed[k])
                if at >= 0:
                    weights[at] -= move * errors[listed[k]]
                    total += errors[listed[k]]
        else:
            for at in range(first, last):
                error = errors[labels[at]]
                weights[at] -= move * error
                total += error
        total *= SHARED
        if abs(total) >= LEAST_ERROR:
            move *= total
            own, was = weights[first:last], met[first:last]
            for at in range(last - first):
                own[at] -= move * was[at]


@kernel
def epoch(features, y, order, steps, rows, room, totals):
    """Take one step a document, in the given order: see ``sgd.epoch``, whose dense θ has all
    entries.

    features  Csr   f(x);  y (n,) int32;  order (d,) int32   the documents to visit
    steps  sgd.Steps;  rows  MetRows, whose weights are updated
    room   StepRoom
    totals (3,) float64   written as ``sgd.epoch`` does
    """
    sums, errors, listed = room
    scale = steps.scale
    loss = 0.0
    correct = 0
    for visit in range(order.size):
        i = order[visit]
        step = steps.first + (steps.last - steps.first) * visit / order.size
        _add_up(features, i, rows, sums)
        held = np.float32(scale)
        for label in range(sums.size):
            sums[label] *= held
        n, nats, right = _errors(sums, y[i], listed, errors)
        loss += nats
        correct += right
        scale *= 1.0 - step * steps.l2
        _move(features, i, np.float32(step / scale), rows, listed, n, errors)
        if scale < 1e-6:  # float32 would lose the small parts
            for at in range(rows.weights.size):
                rows.weights[at] *= np.float32(scale)
            scale = 1.0
    totals[0] = loss
    totals[1] = correct
    totals[2] = scale


@kernel
def scores(features, rows, out):
    """Write the scores of all labels;  features Csr, rows MetRows, out (n, L) float32."""
    for i in range(out.shape[0]):
        _add_up(features, i, rows, out[i])


@kernel
def tempered_sums(scores, bias, y, factors, multipliers, out):
    """Write the loss of documents whose scores are F·(t·(score − bias) + bias), and what its
    derivatives by ln F and ln t are made of.

    With s the new score and a = F·t·(score − bias): E s − s_y, E a − a_y, var s, cov(s, a) and
    var a, under P ∝ exp(s).

    scores, bias (n, L) float32;  y (n,) int32;  factors F, multipliers t (n,) float64
    out (n, 6) float64   written: loss in nats, and these five
    """
    for i in range(scores.shape[0]):
        factor, times, target = factors[i], multipliers[i], y[i]
        top = -np.inf
        for label in range(scores.shape[1]):
            low = np.float64(bias[i, label])
            own = factor * (times * (np.float64(scores[i, label]) - low) + low)
            top = max(top, own)
        total = mean_s = mean_a = square_s = square_a = product = own_s = own_a = 0.0
        for label in range(scores.shape[1]):
            low = np.float64(bias[i, label])
            a = factor * times * (np.float64(scores[i, label]) - low)
            s = a + factor * low - top
            if label == target:
                own_s, own_a = s, a
            share = np.exp(s)
            total += share
            mean_s += share * s
            mean_a += share * a
            square_s += share * s * s
            square_a += share * a * a
            product += share * s * a
        mean_s /= total
        mean_a /= total
        out[i, 0] = np.log(total) - own_s
        out[i, 1] = mean_s - own_s
        out[i, 2] = mean_a - own_a
        out[i, 3] = square_s / total - mean_s * mean_s
        out[i, 4] = product / total - mean_s * mean_a
        out[i, 5] = square_a / total - mean_a * mean_a
