"""Integrated gradients of a tree of labels, in closed form.

log P of a label is the sum of log σ(±y_k) over the nodes on its way from the root, and each y_k is
a straight line on the path from the bias alone to the document.  So the mean slope is

    ∫₀¹ ∂ log σ(y) / ∂y dα = 1 − m,   ∫₀¹ ∂ log σ(−y) / ∂y dα = −m,
    m = ∫₀¹ σ(y(α)) dα = (log(1 + exp y(1)) − log(1 + exp y(0))) / (y(1) − y(0))

Source: Sundararajan, Taly and Yan, ICML 2017, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.model.explanation.integrated_gradients import GradientPath

Reals = NDArray[np.float64]
NEAR = 1e-6  # nats of a change, below which σ hardly changes


@dataclass(frozen=True, slots=True, eq=False)
class TreePath(GradientPath):
    """The path from the bias alone to a document, through a tree of labels.

    tree  (L − 1, 2) int32   see ``label_tree``
    """

    tree: NDArray[np.int32]

    @classmethod
    def through(
        cls,
        layers: Sequence[NDArray[np.float32]],
        tree: NDArray[np.int32],
        start: Reals,
        stop: Reals,
        wanted: Reals,
    ) -> TreePath:
        """The path through a layer of hidden units; stop (W1,) are the sums of the document."""
        upper = [layer.astype(np.float64) for layer in layers[1:]]
        return cls(upper, "identity", start, stop - start, wanted, tree)

    def scores(self, places: Reals) -> Reals:
        """(m, L), log P of each label at the places α (m,)."""
        nodes = self._sums(places, 1)[-1]
        labels = nodes.shape[1]
        logs = np.zeros((2 * labels - 1, len(places)))
        for k in range(labels - 2, -1, -1):
            first, second = self.tree[k]
            logs[first] = logs[labels + k] - np.logaddexp(0, nodes[:, k])
            logs[second] = logs[labels + k] - np.logaddexp(0, -nodes[:, k])
        return logs[:labels].T

    def mean_slopes(self) -> Reals:
        """∫₀¹ ∂(scores·wanted)/∂s dα: (W1, J)."""
        labels, sums = self.wanted.shape
        before, after = self._sums(np.array([0.0, 1.0]), 1)[-1][:, : labels - 1]
        change = after - before
        still = np.abs(change) < NEAR
        grown = np.logaddexp(0, after) - np.logaddexp(0, before)
        mean = np.where(
            still, np.exp(-np.logaddexp(0, -before)), grown / np.where(still, 1, change)
        )
        below = np.zeros((2 * labels - 1, sums))
        below[:labels] = self.wanted
        slopes = np.zeros((labels - 1, sums))
        for k, (first, second) in enumerate(self.tree):
            below[labels + k] = below[first] + below[second]
            slopes[k] = below[second] * (1 - mean[k]) - below[first] * mean[k]
        return self.upper[0][:-1, : labels - 1] @ slopes
