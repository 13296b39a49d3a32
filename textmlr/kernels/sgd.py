"""Stochastic gradient descent with sparse updates."""

import numpy as np

from textmlr.jit import add_to_rows, kernel, sum_rows


@kernel
def epoch(
    indptr, indices, values, y, order, first_step, last_step, l2, scale, theta, scores, totals
):
    """Take one step a document, in the given order.

    For document i, with P at the present theta and step size s, falling linearly from
    first_step to last_step:

        theta ← (1 − s·l2)·theta − s·f(x_i) ⊗ (P(· | x_i) − [· = y_i])

    The shrinking by 1 − s·l2 touches every row, so it is kept as one number: theta = scale·w,
    and only scale shrinks (Bottou, Stochastic Gradient Descent Tricks, 2012, section 5.1).

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   f(x), CSR
    y      (n,) int32    label codes
    order  (d,) int32    the documents to visit, each as often as it stands there
    scale  float            theta is scale times what the array theta holds
    theta  (V, L) float32   updated
    scores (L,) float32     scratch
    totals (3,) float64     written: sum over the visits of log z − score(x_i, y_i) before the
                            step (nats), visits at which y_i had the highest score, and the scale
    """
    labels = theta.shape[1]
    visits = order.size
    loss = 0.0
    correct = 0
    for visit in range(visits):
        i = order[visit]
        step = first_step + (last_step - first_step) * visit / visits
        sum_rows(indices, values, indptr[i], indptr[i + 1], theta, scores)
        factor = np.float32(scale)
        highest = np.float32(-np.inf)
        best = 0
        for label in range(labels):
            scores[label] *= factor
            if scores[label] > highest:
                highest = scores[label]
                best = label
        target = scores[y[i]]
        total = np.float32(0.0)
        for label in range(labels):
            scores[label] = np.exp(scores[label] - highest)
            total += scores[label]
        loss += np.float64(highest - target) + np.log(np.float64(total))
        if best == y[i]:
            correct += 1
        scale *= 1.0 - step * l2
        # From here scores holds what is added to w for a feature of value 1.
        factor = np.float32(-step / (scale * np.float64(total)))
        for label in range(labels):
            scores[label] *= factor
        scores[y[i]] += np.float32(step / scale)
        add_to_rows(indices, values, indptr[i], indptr[i + 1], theta, scores)
        if scale < 1e-6:  # float32 would lose w's small parts
            _shrink(theta, scale)
            scale = 1.0
    totals[0] = loss
    totals[1] = correct
    totals[2] = scale


@kernel
def _shrink(theta, scale):
    factor = np.float32(scale)
    for f in range(theta.shape[0]):
        for label in range(theta.shape[1]):
            theta[f, label] *= factor
