"""The k likeliest labels of a document, the first of those that are as likely, and ranks.

The k best so far are a binary heap with the worst at its root (Knuth, TAOCP 3, 5.2.3).  Of two
labels that are as likely the first is the better.
"""

from typing import Any, NamedTuple

from textmlr.kernels.jit import compiled


class RankedArrays(NamedTuple):
    """The likeliest labels of n documents.

    labels (n, k) int64, p (n, k) float64   the likeliest first
    codes  (n,) int64     of the documents' own labels, of which the rest is written; (0,) for none
    of_truth (n,) float64 P of it, 0 for a code of no label
    ranks  (n,) int64     how many labels are likelier, or as likely and before it: L for a code of
                          no label; (0,) where they are not wanted
    """

    labels: Any
    p: Any
    codes: Any
    of_truth: Any
    ranks: Any


@compiled
def _sink(p, labels, at, size):
    """Let the entry ``at`` of a heap of that size sink to its place: p, labels (size,), updated."""
    own_p = p[at]
    own = labels[at]
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and (
            p[child + 1] < p[child]
            or (p[child + 1] == p[child] and labels[child + 1] > labels[child])
        ):
            child += 1
        if p[child] > own_p or (p[child] == own_p and labels[child] < own):
            break
        p[at] = p[child]
        labels[at] = labels[child]
        at = child
    p[at] = own_p
    labels[at] = own


@compiled
def _offer(own_p, own, p, labels, size):
    """Take a label among the best if it is one of them; return how many they are now.

    own_p, own  P and number of the label;  p, labels (k,)  of which ``size`` are a heap, updated
    """
    if size < p.size:
        at = size
        while at > 0:
            above = (at - 1) // 2
            if p[above] < own_p or (p[above] == own_p and labels[above] > own):
                break
            p[at] = p[above]
            labels[at] = labels[above]
            at = above
        p[at] = own_p
        labels[at] = own
        return size + 1
    if size > 0 and (own_p > p[0] or (own_p == p[0] and own < labels[0])):
        p[0] = own_p
        labels[0] = own
        _sink(p, labels, 0, size)
    return size


@compiled
def _sort_best(p, labels):
    """Turn a full heap into a list, the best first: p, labels (k,), updated."""
    for size in range(p.size - 1, 0, -1):
        worst_p = p[0]
        worst = labels[0]
        p[0] = p[size]
        labels[0] = labels[size]
        p[size] = worst_p
        labels[size] = worst
        _sink(p, labels, 0, size)


@compiled
def rank_rows(rows, out):
    """Write the likeliest labels of documents whose P are all known.

    rows (n, L) float64, L >= k;  out  RankedArrays  written
    """
    for i in range(rows.shape[0]):
        row, p, labels = rows[i], out.p[i], out.labels[i]
        size = 0
        for label in range(row.size):
            if size < p.size or (size > 0 and row[label] > p[0]):  # a later tie is never better
                size = _offer(row[label], label, p, labels, size)
        _sort_best(p, labels)
        if out.codes.size > 0:
            truth = out.codes[i]
            inside = 0 <= truth < row.size
            own = row[truth] if inside else 0.0
            out.of_truth[i] = own
            if out.ranks.size > 0:
                rank = row.size
                if inside:
                    rank = 0
                    for label in range(row.size):
                        if row[label] > own or (row[label] == own and label < truth):
                            rank += 1
                out.ranks[i] = rank
