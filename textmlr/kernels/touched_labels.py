"""The softmax over all labels at the cost of those that share a feature with the document.

θ has weights only where label and feature met in training: row f has the entries ``starts[f]`` to
``starts[f + 1]`` of labels and weights.  A label that no feature of x touches scores its bias, so

    z = Σ_touched exp(score) + (Σ_all exp(bias) − Σ_touched exp(bias)),

exact at the cost of the entries of x's features: the sum over all labels is one number for all
documents.  Where the difference cancels (z is a small part of that sum), z is summed over all
labels instead.  With base rates r_ℓ of share π, P = (1 − π)·exp(score)/z + π·r_ℓ.

score(x, ℓ) = bias_ℓ + t(x)·Σ_f θ[f, ℓ]·f(x)_f, with one multiplier t a document (``_multiplier``).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.exponentials import _exponentials
from textmlr.kernels.jit import compiled

# Below this part of Σ_all exp(bias), z is summed over all labels.  Above it the difference has an
# error of L·2^-53 / CANCELS of z at most, 1e-7 with a million labels.
CANCELS = 1e-3
# A row is wide if it has entries for one label in so many, and for WIDE_LEAST.
WIDE = 8
WIDE_LEAST = 256
# Numbers of the model.
TOP = 0  # the highest bias
TOTAL = 1  # Σ exp(bias − TOP)
SHARE = 2  # π
EXPONENT, SPREAD, LEAST = 3, 4, 5  # of ``_multiplier``
NUMBERS = 6


class PostingArrays(NamedTuple):
    """θ.

    starts (R + 1,) int64, labels (m,) int32, weights (m,) float32   see ``model.postings``
    bias   (L,) float32
    wide   (H,) int32, ascending;  dense (H, L) float32   rows with so many entries that all labels
           are gone through faster, and their weights
    """

    starts: Any
    labels: Any
    weights: Any
    bias: Any
    wide: Any
    dense: Any


class TouchRoom(NamedTuple):
    """Scratch of one thread.

    sums   (L,) float64   what features add to the score of each label; 0 between documents
    labels (2L,) int32    of some labels: their numbers,
    scores (L + 1,) float64   their scores,
    shares (L + 1,) float64   and exp(score) up to a factor
    powers (CHUNK,) int64
    """

    sums: Any
    labels: Any
    scores: Any
    shares: Any
    powers: Any


@compiled
def is_sound(starts, labels, many):
    """Whether these are rows of entries, ascending labels below ``many`` in each.

    starts (R + 1,) int64, labels (m,) int32
    """
    if starts.size < 1 or starts[0] != 0 or starts[starts.size - 1] != labels.size:
        return False
    for row in range(starts.size - 1):
        if starts[row + 1] < starts[row]:
            return False
    for row in range(starts.size - 1):
        last = -1
        for at in range(starts[row], starts[row + 1]):
            if labels[at] <= last or labels[at] >= many:
                return False
            last = labels[at]
    return True


@compiled
def _place(rows, row):
    """The place of a row among some, ascending, or −1."""
    first, last = 0, rows.size
    while first < last:
        middle = (first + last) // 2
        if rows[middle] < row:
            first = middle + 1
        else:
            last = middle
    return first if first < rows.size and rows[first] == row else -1


@compiled
def _touch(indices, values, first, last, theta, room):
    """Add up what the entries first:last of a row of f(x) add to the scores of labels: (entries of
    room.labels, whether any feature touches a label).

    indices int32, values float32;  theta  PostingArrays
    room   TouchRoom: sums are written, and in labels those that are touched.  A label whose sum
           comes back to 0 may be there twice
    """
    starts, labels, weights = theta.starts, theta.labels, theta.weights
    many, wide = theta.bias.size, theta.wide
    sums, touched = room.sums, room.labels
    n = 0
    speaks = False
    are_listed = True
    for entry in range(first, last):
        row = indices[entry]
        begin, end = starts[row], starts[row + 1]
        value = np.float64(values[entry])
        if begin == end or value == 0.0:
            continue
        speaks = True
        place = _place(wide, row) if end - begin >= many // WIDE else -1
        are_listed = are_listed and place < 0 and n + end - begin <= touched.size
        if place >= 0:  # to the same bits: 0 changes no sum
            for label in range(many):
                sums[label] += value * np.float64(theta.dense[place, label])
        elif are_listed:
            for at in range(begin, end):
                label = labels[at]
                before = sums[label]
                touched[n] = label
                n += 1 if before == 0.0 else 0
                sums[label] = before + value * np.float64(weights[at])
        else:
            for at in range(begin, end):
                sums[labels[at]] += value * np.float64(weights[at])
    if not are_listed:
        for label in range(many):
            touched[label] = label
        n = many
    return n, speaks


@compiled
def _collect(n, room):
    """Move the sums of touched labels to room.scores, beside the labels, and clear them: (how many
    they are, the highest).  Those whose sum is 0 score their bias, as the untouched do.

    n  entries of room.labels, as ``_touch`` returns it
    """
    sums, touched, scores = room.sums, room.labels, room.scores
    found = 0
    most = 0.0
    for i in range(n):
        label = touched[i]
        own = sums[label]
        sums[label] = 0.0
        touched[found] = label
        scores[found] = own
        found += 1 if own != 0.0 else 0
        most = max(most, own)
    return found, most


@compiled
def _multiplier(most, numbers):
    """(max(most, LEAST) / SPREAD)^EXPONENT, by which all sums of a document are multiplied;  most
    the highest of them."""
    if numbers[EXPONENT] == 0.0:
        return 1.0
    return math.exp(numbers[EXPONENT] * math.log(max(most, numbers[LEAST]) / numbers[SPREAD]))


@compiled
def _take_all(n, bias, room):
    """List all labels in place of n: those that are not touched with their bias; return L."""
    sums, touched, scores = room.sums, room.labels, room.scores
    for i in range(n):
        sums[touched[i]] = 1.0
    at = n
    for label in range(bias.size):
        if sums[label] == 0.0:
            touched[at] = label
            scores[at] = np.float64(bias[label])
            at += 1
    for i in range(n):
        sums[touched[i]] = 0.0
    return at


@compiled
def _normalise(n, times, bias, powers, numbers, room):
    """Turn sums into scores and write exp(score − m): (entries of room, m, exp(TOP − m),
    z·exp(−m)).

    n       labels in room, as ``_collect`` returns it; where z cancels they become all labels
    times   ``_multiplier``
    bias    (L,) float32;  powers (L,) float64   exp(bias − TOP);  numbers  see TOP
    """
    touched, scores, shares = room.labels, room.scores, room.shares
    highest = numbers[TOP]
    rest = numbers[TOTAL]
    for i in range(n):
        label = touched[i]
        scores[i] = np.float64(bias[label]) + times * scores[i]
        highest = max(highest, scores[i])
        rest -= powers[label]
    z = _exponentials(scores, highest, n, shares, room.powers)
    least = math.exp(numbers[TOP] - highest)
    if n < bias.size:
        z += max(rest, 0.0) * least
    if z >= CANCELS * numbers[TOTAL] * least:
        return n, highest, least, z
    n = _take_all(n, bias, room)
    highest = scores[0]
    for i in range(n):
        highest = max(highest, scores[i])
    z = _exponentials(scores, highest, n, shares, room.powers)
    return n, highest, 0.0, z
