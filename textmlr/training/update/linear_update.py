"""From θ to the next θ: new documents are learnt, and what old ones taught is kept by a penalty.

To second order the loss of the old documents is a bowl around the old θ.  Each adds to its
curvature in feature f at most c·f(x)_f², c = ¼, the most that a variance of [· = ℓ] can be; and all
together, since features go together, c·n in the direction of their mean.  So the minimum of

    sum_i weight_i · −log P(y_i | x_i; θ)  +  ½·sum_f h_f·‖d_f‖²  +  ½·‖sum_f g_f·d_f‖²,

with d = θ − old θ, h_f the prior's share and c times the sum of f(x)_f² over the old documents, and
g_f their mean of f(x)_f times √(c·n), over the new documents i, is near where learning from all
documents would have led.  Features that the old documents are full of hardly move, those that they
lack are free, and words that all documents have cannot together make everything one label.  It is
convex and smooth, and there is no step size and no number of epochs to choose.
Source: Spiegelhalter and Lauritzen, Networks 20(5), 1990, section 5; Chapelle, Manavoglu and
Rosales, ACM TIST 5(4), 2014, algorithm 3; the bound is Böhning's, Ann. Inst. Stat. Math. 44, 1992.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.threads import map_blocks
from textmlr.kernels import csr_products as kernels
from textmlr.model.heads import SOFTMAX, Head
from textmlr.training.exact.dual import Dual, first_guess
from textmlr.training.exact.merged_columns import Merged
from textmlr.training.exact.solver import Step, check_memory
from textmlr.training.exact.threaded_products import blocks, multiply, transposed
from textmlr.training.objective import Objective

CURVATURE = 0.25
# The prior's share of h, in units of mean ‖f(x)‖².  From 0.0015 to 0.015 alike on the corpora this
# was developed on; with less, new features say more than they know, with more, old features have
# to say what new ones would.
PRIOR = 0.005
# On gap/value: far below what a held-out loss can tell, and reached in a few visits.
TOLERANCE = 1e-2
MOST_EPOCHS = 100

Watch = Callable[[Step], None]


def precision_of(
    squares: NDArray[np.float64], mean_square_length: float, curvature: float = CURVATURE
) -> NDArray[np.float64]:
    """h_f of each feature, (V,) float64.

    squares             (V,) float64   sum over the old documents of weight·f(x)_f², 0: not in any
    mean_square_length  of f(x); any will do where it is 0
    curvature           of the loss of an old document, see ``curvature_of``
    """
    return PRIOR * (mean_square_length or 1.0) + curvature * squares


def common_of(
    sums: NDArray[np.float64], documents: float, curvature: float = CURVATURE
) -> NDArray[np.float64]:
    """g_f of each feature, (V,) float64.

    sums       (V,) float64   sum over the old documents of weight·f(x)_f
    documents  their weight
    """
    out: NDArray[np.float64] = sums * np.sqrt(curvature / max(documents, 1.0))
    return out


def curvature_of(scores: NDArray[np.float32], head: Head = SOFTMAX) -> float:
    """Mean of ½·sum_ℓ P(ℓ)·(1 − P(ℓ)) over documents that θ was not learnt from: what the loss of
    one is curved by, in the score of a label that matters.  At most ½.

    scores  (n, L) float32 (nats)
    """
    p = head.probabilities(scores)
    return float((1 - (p * p).sum(axis=1)).mean()) / 2


def advance(
    objective: Objective,
    base: NDArray[np.float64],
    precision: NDArray[np.float64],
    threads: int = 1,
    watch: Watch | None = None,
    *,
    common: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """θ − old θ at the minimum of the penalised loss above: (V, L) float32.

    objective  over the new documents; its weights count as they are, and its l2 does not
    base       (n, L) float64   what the old θ scores them (nats)
    precision  (V,) float64     h_f > 0
    common     (V,) float64     g_f; None: all 0
    The number of threads changes no bit.
    Raises InputError where what it needs would not fit in memory.
    """
    objective.head.check_exact()
    counts = np.flatnonzero(objective.weights > 0)
    if len(counts) < len(objective.y):
        objective, base = objective.take(counts), base[counts]
    check_memory(objective, "update with fewer documents at a time")
    # In units of 1/√h_f all features have the same penalty, ½‖·‖², and the house's solver serves.
    scale = (1 / np.sqrt(precision)).astype(np.float32)
    rows = objective.scaled(scale, threads)
    along, back = None, None
    if common is not None:
        along, back = _against(rows, scale * common)
    shares = objective.weights.astype(np.float64)
    dual = Dual.at(
        Merged.of(rows.features),
        rows.y,
        shares,
        1 / float(shares.sum()),
        first_guess(rows.y, rows.labels),
        base,
        along,
    )
    for _ in range(MOST_EPOCHS):
        gap = dual.epoch()
        if watch is not None:
            watch(Step("dual", dual.epochs, gap))
        if gap <= TOLERANCE * dual.value():
            break
    change = _combined(rows, dual.coefficients, threads)
    if back is not None:
        change -= back[:, None] * dual.tide.astype(np.float32)
    change *= scale[:, None]
    return change


def _against(
    rows: Objective, common: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """A penalty ½‖θᵀg‖² beside ½‖θ‖² as a feature that counts against the others.

    The inverse of I + g·gᵀ is I − g·gᵀ/(1 + ‖g‖²) (Sherman and Morrison), by which the minimum is
    θ = sum_i (x_i − along_i·back) ⊗ c_i, with along_i = x_i·back and back = g/√(1 + ‖g‖²).

    common  (V,) float64   g;  returns along (n,) float64, back (V,) float32
    """
    back = common / np.sqrt(1 + float((common * common).sum()))
    features = rows.features
    along = multiply(features, back[:, None], 1)[:, 0]
    return along, back.astype(np.float32)


def _combined(
    rows: Objective, coefficients: NDArray[np.float64], threads: int
) -> NDArray[np.float32]:
    """sum_i f(x_i) ⊗ coefficients_i: (V, L) float32."""
    columns = transposed(rows.features)
    out = np.empty((len(columns), rows.labels), np.float32)

    def run(part: slice) -> None:
        kernels.combine(
            frozen(columns.indptr[part.start : part.stop + 1]),
            frozen(columns.indices),
            frozen(columns.values),
            frozen(coefficients),
            out[part],
            np.empty(rows.labels),
            np.empty(2),
        )

    for _ in map_blocks(run, blocks(columns, rows.labels), threads):
        pass
    return out
