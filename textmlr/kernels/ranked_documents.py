"""Documents to their likeliest labels, with θ only where label and feature met.

``touched_labels`` has the arithmetic, and ``ranking`` the order.  Labels that are not touched have
P = low·exp(bias − TOP) + π·r, the same two numbers a label for all documents: they are kept in
order, and few of them are looked at.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import compiled
from textmlr.kernels.ranking import _offer, _sort_best
from textmlr.kernels.touched_labels import SHARE, _collect, _multiplier, _normalise, _touch


class RestArrays(NamedTuple):
    """Labels in the order in which they are likely where nothing touches them.

    powers, rates (L,) float64   P = low·power + share·rate of such a label
    order  (L,) int32      labels by classes of equal rate, the highest rate first; in each by
                           power, the highest first, ties in their order
    starts (C + 1,) int64  where each class begins in order
    """

    powers: Any
    rates: Any
    order: Any
    starts: Any


class PostingModelArrays(NamedTuple):
    """A model, for documents that are rows of f(x).

    theta   PostingArrays
    numbers (NUMBERS,) float64  see ``touched_labels.TOP``
    rest    RestArrays
    base    RestArrays    of documents that touch no label: powers and rates are the base rates
    logs    (L,) float32  ln of the base rates
    """

    theta: Any
    numbers: Any
    rest: Any
    base: Any
    logs: Any


class PostingAnswerArrays(NamedTuple):
    """Answers to n documents.

    scores (n, L) float32, probabilities (n, L) float64   of all labels; (0, L) where not wanted
    log_z  (n,) float64, known (n,) int64   as in ``document_answer.AnswerArrays``
    ranked  RankedArrays
    """

    scores: Any
    probabilities: Any
    log_z: Any
    known: Any
    ranked: Any


@compiled
def _end_of_run(order, powers, first, last):
    """Where the labels of order[first:last] end whose power is that of the first."""
    own = powers[order[first]]
    while first + 1 < last:
        middle = (first + last) // 2
        if powers[order[middle]] == own:
            first = middle
        else:
            last = middle
    return last


@compiled
def _offer_rest(rest, low, share, sums, p, labels, size):
    """Take those labels among the best that nothing touches; return how many are the best now.

    sums  (L,) float64   not 0 for touched labels;  p, labels, size  as in ``ranking._offer``
    """
    powers, rates, order, starts = rest
    for number in range(starts.size - 1):
        at, last = starts[number], starts[number + 1]
        rated = share * rates[order[at]]
        if size == p.size and low + rated < p[0]:
            break  # no power is above 1, and no later rate above this one
        while at < last:
            label = order[at]
            own = low * powers[label] + rated
            if size == p.size:
                if own < p[0]:
                    break
                if own == p[0] and label > labels[0]:  # as is the rest of its run
                    at = _end_of_run(order, powers, at, last)
                    continue
            if sums[label] == 0.0:
                size = _offer(own, label, p, labels, size)
            at += 1
    return size


@compiled
def _before(own, label, truth, truth_p):
    """Whether a label of P = own comes before the true one."""
    return own > truth_p or (own == truth_p and label < truth)


@compiled
def _rest_before(rest, low, share, truth, truth_p):
    """How many labels come before the true one, were none touched."""
    powers, rates, order, starts = rest
    before = 0
    for number in range(starts.size - 1):
        begin, stop = starts[number], starts[number + 1]
        rated = share * rates[order[begin]]
        if low + rated < truth_p:
            break
        first, last = begin, stop  # those above truth_p end here
        while first < last:
            middle = (first + last) // 2
            if low * powers[order[middle]] + rated > truth_p:
                first = middle + 1
            else:
                last = middle
        before += first - begin
        while first < stop and low * powers[order[first]] + rated == truth_p:
            end = _end_of_run(order, powers, first, stop)
            low_end, high_end = first, end  # labels ascend in a run
            while low_end < high_end:
                middle = (low_end + high_end) // 2
                if order[middle] < truth:
                    low_end = middle + 1
                else:
                    high_end = middle
            before += low_end - first
            first = end
    return before


@compiled
def _rank_base(document, model, ranked):
    """Write the likeliest labels of a document that touches none."""
    base = model.base
    p, labels = ranked.p[document], ranked.labels[document]
    for i in range(p.size):
        labels[i] = base.order[i]
        p[i] = base.rates[base.order[i]]
    if ranked.codes.size > 0:
        truth = ranked.codes[document]
        inside = 0 <= truth < base.rates.size
        own = base.rates[truth] if inside else 0.0
        ranked.of_truth[document] = own
        if ranked.ranks.size > 0:
            rank = base.rates.size
            if inside:
                rank = _rest_before(base, 1.0, 0.0, truth, own)
            ranked.ranks[document] = rank


@compiled
def _rank(document, n, low, inverse, model, room, ranked):
    """Write the likeliest labels of a document, and P and rank of its own label.

    n  labels in room, with exp(score − m);  low, inverse  by which powers and shares become P
    """
    p, labels = ranked.p[document], ranked.labels[document]
    rest, share = model.rest, model.numbers[SHARE]
    rates = rest.rates
    most = share * rates[rest.order[0]]
    size = 0
    for i in range(n):
        own = room.shares[i] * inverse
        if size < p.size or own + most >= p[0]:
            label = np.int64(room.labels[i])
            size = _offer(own + share * rates[label], label, p, labels, size)
    if n < rates.size and (size < p.size or low + most >= p[0]):
        for i in range(n):
            room.sums[room.labels[i]] = 1.0
        size = _offer_rest(rest, low, share, room.sums, p, labels, size)
        for i in range(n):
            room.sums[room.labels[i]] = 0.0
    _sort_best(p, labels)


@compiled
def _find_truth(document, n, low, inverse, model, room, ranked):
    """Write P of a document's own label, and its rank.  All are as ``_rank`` has them."""
    truth, share = ranked.codes[document], model.numbers[SHARE]
    powers, rates = model.rest.powers, model.rest.rates
    own = 0.0
    if 0 <= truth < rates.size:
        own = low * powers[truth] + share * rates[truth]
        for i in range(n):
            if room.labels[i] == truth:
                own = room.shares[i] * inverse + share * rates[truth]
    ranked.of_truth[document] = own
    if ranked.ranks.size == 0:
        return
    rank = rates.size
    if 0 <= truth < rates.size:
        most = share * rates[model.rest.order[0]]
        rest_counts = n < rates.size and low + most >= own  # no power is above 1
        rank = _rest_before(model.rest, low, share, truth, own) if rest_counts else 0
        for i in range(n):
            if not rest_counts and room.shares[i] * inverse + most < own:
                continue
            label = np.int64(room.labels[i])
            rated = share * rates[label]
            if _before(room.shares[i] * inverse + rated, label, truth, own):
                rank += 1
            if rest_counts and _before(low * powers[label] + rated, label, truth, own):
                rank -= 1
    ranked.ranks[document] = rank


@compiled
def _write_rows(document, n, low, inverse, model, room, out):
    """Write P and scores of all labels.  All are as ``_rank`` has them."""
    p, scores = out.probabilities[document], out.scores[document]
    share, log_z, bias = model.numbers[SHARE], out.log_z[document], model.theta.bias
    powers, rates = model.rest.powers, model.rest.rates
    for label in range(p.size):
        p[label] = low * powers[label] + share * rates[label]
        scores[label] = bias[label]
    for i in range(n):
        label = room.labels[i]
        p[label] = room.shares[i] * inverse + share * rates[label]
        scores[label] = np.float32(room.scores[i])
    if share > 0.0:
        for label in range(p.size):
            if p[label] > 0.0:
                scores[label] = np.float32(log_z + math.log(p[label]))


@compiled
def _answer_row(document, begin, end, model, room, indices, values, out):
    """Turn a row of f(x), the entries begin:end without the bias, into the answer to a document.

    The others are as ``answer_rows`` has them.
    """
    bias, numbers, ranked = model.theta.bias, model.numbers, out.ranked
    listed, speaks = _touch(indices, values, begin, end, model.theta, room)
    if not speaks:
        out.known[document] = 0
        out.log_z[document] = 0.0
        _rank_base(document, model, ranked)
        if out.scores.shape[0] > 0:
            out.scores[document] = model.logs
            out.probabilities[document] = model.base.rates
        return
    out.known[document] = end - begin
    found, most = _collect(listed, room)
    times = _multiplier(most, numbers)
    found, highest, least, z = _normalise(found, times, bias, model.rest.powers, numbers, room)
    inverse = (1.0 - numbers[SHARE]) / z
    low = least * inverse
    out.log_z[document] = highest + math.log(z)
    if ranked.p.shape[1] > 0:
        _rank(document, found, low, inverse, model, room, ranked)
    if ranked.codes.size > 0:
        _find_truth(document, found, low, inverse, model, room, ranked)
    if out.scores.shape[0] > 0:
        _write_rows(document, found, low, inverse, model, room, out)


@compiled
def answer_rows(indptr, indices, values, first, model, room, out):
    """Answer for documents that are rows of f(x).

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   columns that theta has
           rows for
    first  0, or 1 where each row begins with the bias
    model  PostingModelArrays;  room TouchRoom  scratch;  out  PostingAnswerArrays  written
    """
    for document in range(indptr.size - 1):
        begin, end = indptr[document] + first, indptr[document + 1]
        _answer_row(document, begin, end, model, room, indices, values, out)
