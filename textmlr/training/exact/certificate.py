"""A proof of how near the minimum θ is, for its float32 numbers.

For any p_i that are probabilities of the labels the dual is a lower bound of the minimum
(``kernels.dual_ascent`` has θ(p) and c_i), and the value at any θ is above it by

    λ·sum_i c_i·KL(p_i ‖ P(· | x_i; θ)) + (λ/2)·‖θ − θ(p)‖²

With p_i = P(· | x_i; θ) that is ‖gradient‖²/(2λ), since then the gradient is λ·(θ − θ(p)).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.features.csr_features import Features
from textmlr.kernels import csr_products as kernels
from textmlr.training.exact.likelihood import likelihood_of
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.threaded_products import blocks, combined
from textmlr.training.objective import Objective


def certify(
    objective: Objective,
    weights: NDArray[np.float64],
    columns: Features,
    coefficients: NDArray[np.float64],
    p: NDArray[np.float64] | None,
    *,
    tolerance: float,
    slope: float,
    iterations: int,
    threads: int,
) -> Optimum:
    """θ = sum_i x_i ⊗ coefficients_i in float32, and the proof.

    weights       (n,) float64, their sum 1;  columns  the objective's features by columns
    coefficients  (n, L) float64;  p (n, L) float64 > 0 with θ(p) = sum_i x_i ⊗ coefficients_i, or
                  None where no such p is known
    tolerance     on gap/value; where l2 is 0 on ‖gradient‖/slope
    """
    l2, likelihood = objective.l2, likelihood_of(objective.y, objective.labels)
    theta, lost, length = combined(columns, coefficients, threads)
    scores = _scores(objective.features, theta, threads)
    errors = np.empty_like(scores)
    value = likelihood.losses(scores, weights, errors) + 0.5 * l2 * length
    errors *= weights[:, None]
    likelihood.add(-weights, errors)
    square = _gradient_square(columns, errors, theta, l2, threads)
    if l2 == 0:
        norm = math.sqrt(square)
        return Optimum(theta, value, norm, math.inf, iterations, norm <= tolerance * slope)
    gap = square / (2 * l2)
    if p is not None:
        each = np.empty(len(weights))
        likelihood.divergences(scores, p, weights / l2, each)
        gap = min(gap, l2 * (float(each.sum()) + 0.5 * lost))
    return Optimum(theta, value, math.sqrt(square), gap, iterations, gap <= tolerance * value)


def _scores(features: Features, theta: NDArray[np.float32], threads: int) -> NDArray[np.float64]:
    """θᵀf(x_i, l) of all documents, summed in float64: (n, L)."""
    labels = theta.shape[1]
    out = np.empty((len(features), labels))

    def run(rows: slice) -> None:
        kernels.scores(
            frozen(features.indptr[rows.start : rows.stop + 1]),
            frozen(features.indices),
            frozen(features.values),
            frozen(theta),
            np.empty(labels),
            out[rows],
        )

    for _ in map_blocks(run, blocks(features, labels), threads):
        pass
    return out


def _gradient_square(
    columns: Features,
    errors: NDArray[np.float64],
    theta: NDArray[np.float32],
    l2: float,
    threads: int,
) -> float:
    """‖gradient‖² at θ."""

    def run(rows: slice) -> float:
        total: float = kernels.gradient_square(
            frozen(columns.indptr[rows.start : rows.stop + 1]),
            frozen(columns.indices),
            frozen(columns.values),
            frozen(errors),
            frozen(theta[rows]),
            float(l2),
            np.empty(errors.shape[1]),
        )
        return total

    return sum(map_blocks(run, blocks(columns, errors.shape[1]), threads))
