"""Dense, obviously right twins of kernels/coordinate_descent.py, and the optimality conditions."""

from __future__ import annotations

import naive_linear
import numpy as np


def penalised(x, theta, y, weights, l1, l2):
    """F(θ): weighted mean of −log P, + l1·Σ|θ| + (l2/2)·Σθ²."""
    theta = np.asarray(theta, float)
    mean = naive_linear.loss(x, theta, y, weights) / np.sum(weights, dtype=float)
    return mean + l1 * np.abs(theta).sum() + l2 / 2 * (theta**2).sum()


def subgradient(x, theta, y, weights, l1, l2):
    """The element of ∂F(θ) nearest to 0, weight by weight: 0 everywhere just at a minimum."""
    theta = np.asarray(theta, float)
    slope = naive_linear.gradient(x, theta, y, weights) / np.sum(weights, dtype=float)
    slope = slope + l2 * theta
    out = np.empty(theta.shape)
    for place in np.ndindex(*theta.shape):
        g, t = slope[place], theta[place]
        if t:
            out[place] = g + l1 * np.sign(t)
        else:
            out[place] = np.sign(g) * max(abs(g) - l1, 0)
    return out


def centre(row, l1, l2):
    """The c at which l1·Σ|t − c| + (l2/2)·Σ(t − c)² is least, by halving a range on its slope."""
    low, high = min(row), max(row)
    for _ in range(200):
        c = (low + high) / 2
        slope = sum(l1 * np.sign(c - t) + l2 * (c - t) for t in row)
        low, high = (low, c) if slope > 0 else (c, high)
    return (low + high) / 2


def sweep(x, theta, gradient, p, weights, l1, l2, moves):
    """kernels.sweep over all weights, with the whole Hessian of every document: (moves, sum).

    x (n, C), theta, gradient, moves (C, L), p (n, L), weights (n,);  curvature as there
    """
    (n, columns), labels = x.shape, p.shape[1]
    moves, violation = moves.copy(), 0.0
    hessians = [weights[i] * (np.diag(p[i]) - np.outer(p[i], p[i])) for i in range(n)]
    for label in range(labels):
        for f in range(columns):
            scores = x @ moves
            slope = gradient[f, label] + l2 * moves[f, label]
            slope += sum(x[i, f] * (hessians[i] @ scores[i])[label] for i in range(n))
            curvature = l2 + sum(x[i, f] ** 2 * hessians[i][label, label] for i in range(n))
            now = theta[f, label] + moves[f, label]
            if now:
                violation += abs(slope + l1 * np.sign(now))
            else:
                violation += max(abs(slope) - l1, 0)
            aim = now - slope / curvature
            to = np.sign(aim) * max(abs(aim) - l1 / curvature, 0)
            moves[f, label] = to - theta[f, label]
    return moves, violation
