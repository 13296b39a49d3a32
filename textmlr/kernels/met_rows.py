"""SGD over weights that stand only where label and feature met, all labels scored at each step.

θ is rows of entries, one a feature, each entry a label and its weight.  Rows that would hold one
label in WIDE, or more, hold all of them side by side, and take the loops of a dense θ; what stands
where label and feature never met is 0 again after each step.  For moderate numbers of labels most
of a document's features meet many of them, so that z is summed over all labels.
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import add_to_rows, kernel, sum_rows
from textmlr.kernels.layers import _inner
from textmlr.kernels.softmax import _error
from textmlr.kernels.support_steps import _find

WIDE = 3
# Errors below this are no step.
LEAST_ERROR = np.float32(1e-3)
# The share of a step that all labels have which a feature met.  By held-out documents of banking77
# 0.1 lowers the loss by 13 % and 0.3 by 18 %; of trec6, movie-genres, r8, jokes-en, 20ng-raw and
# debian-sections 0.1 changes it by −0.7 % to +0.5 %, and 0.3 by −1.4 % to +2 %.
SHARED = np.float32(0.1)
# A step in one entry that is looked for costs about as much as steps in so many neighbours.
SEARCH, JUMP = 4, 6


class MetRows(NamedTuple):
    """θ.

    starts (V + 1,) int64    row f has the entries starts[f]:starts[f + 1]; none if it is wide
    labels (m,) int32        of each entry, ascending within a row
    weights (m,) float32
    wide   (V,) int32        the number of a wide row, −1 elsewhere;  dense (H, L) float32   these
    met    (H, L) float32    1 where it and the label met, else 0;  full (H,) uint8   1: all did
    """

    starts: Any
    labels: Any
    weights: Any
    wide: Any
    dense: Any
    met: Any
    full: Any


class StepRoom(NamedTuple):
    """Scratch of one thread.

    sums, errors, moves (L,) float32, listed (L,) int32
    rows (K,) int32, values (K,) float32   of as many wide rows as a document has features
    """

    sums: Any
    errors: Any
    moves: Any
    listed: Any
    rows: Any
    values: Any


@kernel
def list_met(features, y, order, wide, starts, place, labels, met):
    """Write the entries of rows, where label and feature met.

    features  Csr;  y (n,) int32;  order (d,) int64   documents that count, label by label
    wide   (V,) int32, starts (V + 1,) int64   as in ``MetRows``
    place  (V,) int64       starts[:-1]; overwritten
    labels (m,) int32       written;  met (H, L) float32   0 throughout; 1 is written where a wide
           row and a label met
    """
    indptr, indices, values = features
    for i in order:
        label = y[i]
        for j in range(indptr[i], indptr[i + 1]):
            row = indices[j]
            if values[j] == 0:
                continue
            if wide[row] >= 0:
                met[wide[row], label] = np.float32(1.0)
                continue
            at = place[row]
            if at == starts[row] or labels[at - 1] != label:
                labels[at] = label
                place[row] = at + 1


@kernel
def _add_up(features, i, theta, room, sums):
    """Write Σ_f f(x)_f·weight of each label for document i to sums, (L,) float32, and its wide rows
    to room; return how many these are."""
    indptr, indices, values = features
    starts, labels, weights, wide = theta.starts, theta.labels, theta.weights, theta.wide
    rows, own = room.rows, room.values
    n = 0
    for j in range(indptr[i], indptr[i + 1]):
        row = wide[indices[j]]
        if row >= 0:
            rows[n] = row
            own[n] = values[j]
            n += 1
    sum_rows(rows, own, 0, n, theta.dense, sums)
    for j in range(indptr[i], indptr[i + 1]):
        if wide[indices[j]] < 0:
            value = values[j]
            for at in range(starts[indices[j]], starts[indices[j] + 1]):
                sums[labels[at]] += value * weights[at]
    return n


@kernel
def _errors(sums, target, listed, errors):
    """Write P − [ℓ = target] of each label, 0 where it is small, and list the others: (how many
    they are, −ln P of the target in nats, whether it scores highest).

    sums (L,) float32   scores;  listed (L,) int32, errors (L,) float32   written
    """
    loss, right = _error(sums, sums.size, target, errors)
    n = 0
    for label in range(sums.size):
        listed[n] = label
        if abs(errors[label]) < LEAST_ERROR:
            errors[label] = np.float32(0.0)
        else:
            n += 1
    return n, loss, right


@kernel
def _move_wide(n, pace, theta, room, listed):
    """Take a document's step in its n wide rows, see ``_move``;  listed  labels with errors."""
    dense, met = theta.dense, theta.met
    rows, values, errors, moves, own = room.rows, room.values, room.errors, room.moves, room.listed
    many = errors.size
    few = JUMP * listed < many
    if not few:
        for label in range(many):
            moves[label] = -pace * errors[label]
        add_to_rows(rows, values, 0, n, dense, moves)
    for at in range(n):
        row = rows[at]
        is_full = theta.full[row] != 0
        if is_full and not few:
            continue
        weights = dense[row]
        move = pace * values[at]
        total = np.float32(0.0)
        was = met[row]
        if few:
            for k in range(listed):
                error = errors[own[k]] * was[own[k]]
                weights[own[k]] -= move * error
                total += error
        else:
            total = _inner(errors, was, many)
        if is_full:
            continue
        total *= SHARED
        if abs(total) >= LEAST_ERROR:
            move *= total
            for label in range(many):
                weights[label] = (weights[label] - move) * was[label]
        elif not few:
            for label in range(many):
                weights[label] *= was[label]


@kernel
def _move(features, i, pace, theta, room, listed, wides):
    """Take the step of document i, of each feature f and each label ℓ that it met:

    weight ← weight − pace·f(x)_f·(error_ℓ + SHARED·Σ error of all labels that f met)

    The sum is −1 times that of the labels that f never met.  A dense θ would move these away from
    the document, each by itself; here all that f met move towards it instead.

    listed  labels with errors, in room;  wides  wide rows, in room
    """
    indptr, indices, values = features
    starts, labels, weights, wide = theta.starts, theta.labels, theta.weights, theta.wide
    errors = room.errors
    _move_wide(wides, pace, theta, room, listed)
    for j in range(indptr[i], indptr[i + 1]):
        if wide[indices[j]] >= 0:
            continue
        move = pace * values[j]
        first, last = starts[indices[j]], starts[indices[j] + 1]
        total = np.float32(0.0)
        if SEARCH * listed < last - first:
            for k in range(listed):
                label = room.listed[k]
                at = _find(labels, first, last, label)
                if at >= 0:
                    weights[at] -= move * errors[label]
                    total += errors[label]
        else:
            for at in range(first, last):
                error = errors[labels[at]]
                weights[at] -= move * error
                total += error
        total *= SHARED
        if abs(total) >= LEAST_ERROR:
            move *= total
            for at in range(first, last):
                weights[at] -= move


@kernel
def _shrink(theta, scale):
    for at in range(theta.weights.size):
        theta.weights[at] *= np.float32(scale)
    for row in range(theta.dense.shape[0]):
        for label in range(theta.dense.shape[1]):
            theta.dense[row, label] *= np.float32(scale)


@kernel
def epoch(features, y, order, steps, theta, room, totals):
    """Take one step a document, in the given order: see ``sgd.epoch``, whose dense θ has all
    entries.

    features  Csr   f(x);  y (n,) int32;  order (d,) int32   the documents to visit
    steps  sgd.Steps;  theta  MetRows, whose weights are updated;  room  StepRoom
    totals (3,) float64   written as ``sgd.epoch`` does
    """
    sums = room.sums
    scale = steps.scale
    loss = 0.0
    correct = 0
    for visit in range(order.size):
        i = order[visit]
        step = steps.first + (steps.last - steps.first) * visit / order.size
        wides = _add_up(features, i, theta, room, sums)
        if scale != 1.0:
            held = np.float32(scale)
            for label in range(sums.size):
                sums[label] *= held
        listed, nats, right = _errors(sums, y[i], room.listed, room.errors)
        loss += nats
        correct += right
        scale *= 1.0 - step * steps.l2
        _move(features, i, np.float32(step / scale), theta, room, listed, wides)
        if scale < 1e-6:  # float32 would lose the small parts
            _shrink(theta, scale)
            scale = 1.0
    totals[0] = loss
    totals[1] = correct
    totals[2] = scale


@kernel
def scores(features, theta, room, out):
    """Write the scores of all labels;  features Csr, theta MetRows, room StepRoom, out (n, L)
    float32."""
    for i in range(out.shape[0]):
        _add_up(features, i, theta, room, out[i])


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
