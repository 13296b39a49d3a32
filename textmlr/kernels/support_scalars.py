"""The few numbers of a sparse θ that are the same for all labels, by documents taken out of the
sums of their own label.

    score(x, ℓ) = a·‖S_ℓ‖^(−ρ)·Σ_f f(x)_f·√S_fℓ + b·ln n_ℓ

A label that x does not touch scores b·ln n_ℓ.  Parameters are (ln a, b, ρ).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel
from textmlr.kernels.support_steps import _touch

PARAMETERS = 3
# Of each document, ``scalar_pass`` writes these, and then the gradient and the Hessian.
LOSS = 0  # −ln softmax of the own label
FIRST = 1
HESSIAN = FIRST + PARAMETERS
WIDTH = HESSIAN + PARAMETERS * PARAMETERS


class Affinities(NamedTuple):
    """The touched labels of some documents, but for their own.

    starts (d + 1,) int64, labels (t,) int32, values (t,) float32   Σ_f f(x)_f·√S_fℓ
    """

    starts: Any
    labels: Any
    values: Any


class OwnLabels(NamedTuple):
    """The own labels of the same documents, the document taken out of them: (d,) float64 each.

    affinities    as of the others;  log_norms  ln ‖S‖;  log_counts  ln n
    label_counts  ln n of the whole label
    """

    affinities: Any
    log_norms: Any
    log_counts: Any
    label_counts: Any


@kernel
def gather(features, y, documents, theta, room, starts, labels, values):
    """Write the affinities of documents, see ``Affinities``.

    features  Csr;  y (n,) int32;  documents (d,) int64
    theta     SupportTheta, its weights √S;  room  SupportRoom
    starts (d + 1,) int64, labels, values   written; both must be large enough
    """
    total = 0
    starts[0] = 0
    for b in range(documents.size):
        i = documents[b]
        n = _touch(features, i, theta, room)
        for k in range(n):
            label = room.touched[k]
            if label != y[i]:
                labels[total] = label
                values[total] = room.sums[label]
                total += 1
            room.sums[label] = np.float32(0.0)
            room.marks[label] = 0
        starts[b + 1] = total


@kernel
def scalar_pass(affinities, own, log_norms, log_counts, now, parameters, sums, scratch, out):
    """Write the loss of documents, and its derivatives by the parameters.

    affinities  Affinities;  own  OwnLabels
    log_norms, log_counts (L,) float64   ln ‖S_ℓ‖, ln n_ℓ
    now (2, L) float64   a·‖S_ℓ‖^(−ρ), and exp(b·ln n_ℓ)
    parameters (3,) float64   ln a, b, ρ
    sums (3,) float64   over all labels: exp(b·ln n), and it times ln n, and times (ln n)²
    scratch (PARAMETERS + 2, PARAMETERS) float64   overwritten
    out (d, WIDTH) float64   overwritten: see LOSS
    """
    starts, labels, values = affinities
    a, b, power = math.exp(parameters[0]), parameters[1], parameters[2]
    pulls, powers = now[0], now[1]
    mean, d, square = scratch[0], scratch[1], scratch[2:]
    for i in range(out.shape[0]):
        drawn = a * own.affinities[i] * math.exp(-power * own.log_norms[i])
        score = drawn + b * own.log_counts[i]
        highest = max(score, 0.0)
        for k in range(starts[i], starts[i + 1]):
            label = labels[k]
            one = pulls[label] * np.float64(values[k])
            highest = max(highest, one + b * log_counts[label])
        for row in range(PARAMETERS):
            mean[row] = 0.0
            for column in range(PARAMETERS):
                square[row, column] = 0.0
        least = math.exp(-highest)
        before = math.exp(b * own.label_counts[i])
        z = (sums[0] - before) * least
        mean[1] = (sums[1] - before * own.label_counts[i]) * least
        square[1, 1] = (sums[2] - before * own.label_counts[i] ** 2) * least
        for k in range(starts[i] - 1, starts[i + 1]):
            if k < starts[i]:
                d[0], d[1] = drawn, own.log_counts[i]
                d[2] = -drawn * own.log_norms[i]
                share = math.exp(score - highest)
            else:
                label = labels[k]
                d[1] = log_counts[label]
                d[0] = pulls[label] * np.float64(values[k])
                d[2] = -d[0] * log_norms[label]
                share = math.exp(d[0] + b * d[1] - highest)
                flat = powers[label] * least
                z -= flat
                mean[1] -= flat * d[1]
                square[1, 1] -= flat * d[1] * d[1]
            z += share
            for row in range(PARAMETERS):
                mean[row] += share * d[row]
                for column in range(row + 1):
                    square[row, column] += share * d[row] * d[column]
        out[i, LOSS] = math.log(z) + highest - score
        own_d = (drawn, own.log_counts[i], -drawn * own.log_norms[i])
        for row in range(PARAMETERS):
            out[i, FIRST + row] = mean[row] / z - own_d[row]
            for column in range(row + 1):
                value = square[row, column] / z - mean[row] * mean[column] / (z * z)
                out[i, HESSIAN + row * PARAMETERS + column] = value
                out[i, HESSIAN + column * PARAMETERS + row] = value
