"""The tree of labels of fastText's hierarchical softmax: Huffman's, by the labels' counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_NOT_YET = 10**15  # the count of a node that has no children yet, as fastText has it


def label_tree(counts: Sequence[int]) -> NDArray[np.int32]:
    """The children of each inner node, the root last: (L − 1, 2) int32.

    counts  (L,) of each label, falling
    Nodes below L are the labels, and node L + k is that of row k.  P(second child) is σ of its
    score.
    Raises ValueError for counts of which fastText makes no tree.

    >>> label_tree([5, 2, 1]).tolist()
    [[2, 1], [3, 0]]
    """
    labels = len(counts)
    total = [*counts, *[_NOT_YET] * (labels - 1)]
    children = np.zeros((labels - 1, 2), np.int32)
    leaf, node = labels - 1, labels
    for own in range(labels, 2 * labels - 1):
        for side in range(2):
            if leaf >= 0 and total[leaf] < total[node]:
                children[own - labels, side] = leaf
                leaf -= 1
            else:
                children[own - labels, side] = node
                node += 1
            if node > own:
                raise ValueError("the counts of its labels make no tree")
        total[own] = sum(total[one] for one in children[own - labels].tolist())
    return children


def is_tree(children: NDArray[np.int32]) -> bool:
    """Whether each label and each inner node but the root is one child, of a node above it."""
    nodes = 2 * len(children)
    own = np.arange(len(children)) + len(children) + 1
    if children.ndim != 2 or not ((children >= 0) & (children < own[:, None])).all():
        return False
    return bool((np.bincount(children.ravel(), minlength=nodes) == 1).all())
