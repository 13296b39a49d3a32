"""Dense, obviously right twin of kernels/layers.py and sgd.py, in float64."""

from __future__ import annotations

import naive_linear
import numpy as np

from textmlr.kernels import layers as kernels

ODDS = 1 << 24
GROWS = {
    "relu": (lambda a: np.maximum(a, 0), lambda a: (a > 0).astype(float)),
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "identity": (lambda a: a, np.ones_like),
}


def masks(widths, dropout, state):
    """What each unit of the hidden layers is multiplied by in a step: 0, or 1 / (1 − dropout)."""
    out, base = [], 0
    draw = kernels._random
    draw = getattr(draw, "__wrapped__", draw)
    with np.errstate(over="ignore"):
        for width in widths:
            drawn = np.array([draw(np.uint64(state), base + unit) for unit in range(width)])
            out.append((drawn >= int(dropout * ODDS)) / (1 - dropout))
            base += width + 1
    return out


def scores(x, layers, activation, factors=None):
    """(scores, inputs and sums of each layer) of documents x (n, V)."""
    g, _ = GROWS[activation]
    inputs, sums = [x], [x @ layers[0]]
    for k, layer in enumerate(layers[1:]):
        h = g(sums[-1])
        if factors is not None:
            h = h * factors[k]
        inputs.append(np.hstack([h, np.ones((len(x), 1))]))
        sums.append(inputs[-1] @ layer)
    return sums[-1], inputs, sums


def loss(x, y, layers, activation, factors=None):
    """Sum of −log P(y_i | x_i)."""
    p = naive_linear.probabilities(scores(x, layers, activation, factors)[0])
    return -np.log(p[np.arange(len(y)), y]).sum()


def gradients(x, y, layers, activation, factors=None):
    """The gradient of ``loss`` with respect to each layer, by back-propagation."""
    _, slope = GROWS[activation]
    s, inputs, sums = scores(x, layers, activation, factors)
    error = naive_linear.probabilities(s)
    error[np.arange(len(y)), y] -= 1
    out = []
    for k in range(len(layers) - 1, -1, -1):
        out.insert(0, inputs[k].T @ error)
        if k:
            error = (error @ layers[k][:-1].T) * slope(sums[k - 1])
            if factors is not None:
                error = error * factors[k - 1]
    return out


def epoch(x, y, order, first_step, last_step, l2, layers, activation, adagrad, floor):
    """SGD or Adagrad step by step: (layers, loss)."""
    layers = [layer.astype(float) for layer in layers]
    squares = [np.zeros_like(layer) for layer in layers]
    total = 0.0
    for visit, i in enumerate(order):
        step = first_step + (last_step - first_step) * visit / len(order)
        total += loss(x[i : i + 1], y[i : i + 1], layers, activation)
        for layer, square, g in zip(
            layers, squares, gradients(x[i : i + 1], y[i : i + 1], layers, activation), strict=True
        ):
            square += g * g
            layer *= 1 - step * l2
            layer -= step * g / (np.sqrt(square + floor) if adagrad else 1.0)
    return layers, total
