"""Independent sigmoids over all labels at the cost of those that share a feature with the document.

θ has weights only where label and feature met: see ``touched_labels``.  A label that no feature of
x touches scores its bias, so that its P and its part of log z are the same for all documents:

    log z = Σ_touched log(1 + exp score) + (Σ_all log(1 + exp bias) − Σ_touched log(1 + exp bias)),

exact at the cost of the entries of x's features.  Where the difference cancels, the labels that are
not touched are summed one by one.  P(ℓ) = 1 / (1 + exp −score) of each label.
"""

import math

import numpy as np

from textmlr.kernels.jit import compiled
from textmlr.kernels.ranked_documents import (
    _find_truth,
    _rank,
    _rank_base,
    _write_rows,
)
from textmlr.kernels.touched_labels import CANCELS, TOTAL, _collect, _multiplier, _touch

# In the numbers of a model with sigmoids TOTAL is Σ log(1 + exp bias), SHARE is 0, and this, where
# softmax has the highest bias, is log z of a document that touches no label.
BASE_LOG_Z = 0


@compiled
def _soft_plus(score):
    """log(1 + exp score), which neither overflows nor loses small terms."""
    return max(score, 0.0) + math.log1p(math.exp(-abs(score)))


@compiled
def _sigmoid(score):
    """1 / (1 + exp −score)."""
    if score >= 0.0:
        return 1.0 / (1.0 + math.exp(-score))
    share = math.exp(score)
    return share / (1.0 + share)


@compiled
def _untouched(n, bias, room):
    """Σ log(1 + exp bias) of all labels but the first n of room."""
    sums, touched = room.sums, room.labels
    for i in range(n):
        sums[touched[i]] = 1.0
    total = 0.0
    for label in range(bias.size):
        if sums[label] == 0.0:
            total += _soft_plus(np.float64(bias[label]))
    for i in range(n):
        sums[touched[i]] = 0.0
    return total


@compiled
def _sigmoids_of_sums(n, times, bias, total, room):
    """Turn the sums of n labels of room into scores, write P of each to room.shares; return log z.

    times  by which sums are multiplied;  bias (L,) float32;  total  Σ log(1 + exp bias)
    """
    touched, scores, shares = room.labels, room.scores, room.shares
    log_z = 0.0
    rest = total
    for i in range(n):
        own = np.float64(bias[touched[i]])
        score = own + times * scores[i]
        scores[i] = score
        shares[i] = _sigmoid(score)
        log_z += _soft_plus(score)
        rest -= _soft_plus(own)
    if n == bias.size:
        return log_z
    if rest < CANCELS * total:
        rest = _untouched(n, bias, room)
    return log_z + rest


@compiled
def _answer_sets(document, begin, end, model, room, indices, values, out):
    """Turn a row of f(x), the entries begin:end without the bias, into the answer to a document.

    The others are as ``answer_sets`` has them.
    """
    bias, numbers, ranked = model.theta.bias, model.numbers, out.ranked
    listed, speaks = _touch(indices, values, begin, end, model.theta, room)
    if not speaks:
        out.known[document] = 0
        out.log_z[document] = numbers[BASE_LOG_Z]
        _rank_base(document, model, ranked)
        if out.scores.shape[0] > 0:
            out.scores[document] = model.logs
            out.probabilities[document] = model.base.rates
        return
    out.known[document] = end - begin
    found, most = _collect(listed, room)
    times = _multiplier(most, numbers)
    out.log_z[document] = _sigmoids_of_sums(found, times, bias, numbers[TOTAL], room)
    if ranked.p.shape[1] > 0:
        _rank(document, found, 1.0, 1.0, model, room, ranked)
    if ranked.codes.size > 0:
        _find_truth(document, found, 1.0, 1.0, model, room, ranked)
    if out.scores.shape[0] > 0:
        _write_rows(document, found, 1.0, 1.0, model, room, out)


@compiled
def answer_sets(indptr, indices, values, first, model, room, out):
    """Answer for documents that are rows of f(x), each label by itself.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   columns that theta has
           rows for
    first  0, or 1 where each row begins with the bias
    model  PostingModelArrays: powers of rest are P of labels that are not touched, rates of base
           the base rates, logs their scores;  see BASE_LOG_Z
    room   TouchRoom  scratch;  out  PostingAnswerArrays  written
    """
    for document in range(indptr.size - 1):
        begin, end = indptr[document] + first, indptr[document + 1]
        _answer_sets(document, begin, end, model, room, indices, values, out)
