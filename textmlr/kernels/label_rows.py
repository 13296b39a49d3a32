"""Rows of ascending labels ↔ bits: a row within another one is coded by places in that.

A row of k out of n possible labels is written as gaps between them, Rice-coded: all but the lowest
b bits of a gap in unary, then these b.  Where more than half are there, those that are not are
written instead.  Nothing tells k, n or b: k and n are known, and b follows from them.
Source: Golomb, IEEE Trans. Inf. Theory 12(3), 1966; Rice, JPL Publication 79-22, 1979.
"""

import numpy as np

from textmlr.kernels.jit import compiled, prefetch

# The number of the one bit of a power of two: Leiserson, Prokop and Randall, "Using de Bruijn
# sequences to index a 1 in a computer word", MIT, 1998.
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
U58 = np.uint64(58)
PLACES = np.zeros(64, np.uint8)
PLACES[[(1 << i) * int(DE_BRUIJN) % (1 << 64) >> 58 for i in range(64)]] = np.arange(64)
# Rows later, and labels later, what they need is fetched into the cache.
AHEAD, LABELS_AHEAD = 8, 32


@compiled
def _low_bits(count, possible):
    """b of a row of ``count`` out of ``possible`` labels: 2^b is about ln 2 of the mean gap."""
    b = 0
    while count > 0 and (count << b) * 3 < (possible - count) * 2:
        b += 1
    return b


@compiled
def _row_form(starts, row, parent, most):
    """(where its parent's entries begin, 0 of none; possible labels; whether those are written that
    are not there; how many are written; b) of a row."""
    begin = starts[parent] if parent >= 0 else 0
    possible = starts[parent + 1] - begin if parent >= 0 else most
    here = starts[row + 1] - starts[row]
    turned = 2 * here > possible
    count = possible - here if turned else here
    return begin, possible, turned, count, _low_bits(count, possible)


@compiled
def link_rows(starts, labels, parents, links, alone):
    """Find the entries of each row in its parent's, a row before it that has all of its labels.

    starts  (R + 1,) int64, labels (m,) int32   see ``Postings``
    parents (R,) int64     number of the parent, −1 for none
    links   (m,) int32     written: number of the parent's entry of the same label, −1 for none
    alone   (R,) uint8     written: 1 where the parent lacks a label of the row
    """
    for row in range(parents.size):
        first, last, parent = starts[row], starts[row + 1], parents[row]
        alone[row] = 0
        for j in range(first, last):
            links[j] = -1
        if parent < 0:
            continue
        at, end = starts[parent], starts[parent + 1]
        for j in range(first, last):
            while at < end and labels[at] < labels[j]:
                at += 1
            if at >= end or labels[at] != labels[j]:
                alone[row] = 1
                break
            links[j] = at
        if alone[row]:
            for j in range(first, last):
                links[j] = -1


@compiled
def encode_rows(starts, labels, parents, links, most, out):
    """Write the bits of all rows; return how many bytes they take, −1 where out is too short.

    parents  as in ``link_rows``, −1 also for rows that are alone
    most     labels there are
    out      (bytes,) uint8, overwritten; bits from the lowest of a byte up
    """
    held, filled, size = np.uint64(0), 0, 0  # bits not yet written
    for row in range(parents.size):
        first, last, parent = starts[row], starts[row + 1], parents[row]
        begin, _, turned, count, b = _row_form(starts, row, parent, most)
        j, value, before, done = first, 0, -1, 0
        while done < count:
            if turned:
                while j < last and (links[j] - begin if parent >= 0 else labels[j]) == value:
                    j += 1
                    value += 1
            else:
                value = (np.int64(links[j]) if parent >= 0 else np.int64(labels[j])) - begin
                j += 1
            gap = value - before - 1
            before = value
            value += 1
            done += 1
            for bit in range((gap >> b) + 1 + b):
                one = bit < gap >> b
                if bit > gap >> b:
                    one = (gap >> (bit - (gap >> b) - 1)) & 1 == 1
                held |= np.uint64(one) << np.uint64(filled)
                filled += 1
                if filled == 8:
                    if size >= out.size:
                        return -1
                    out[size] = held
                    size += 1
                    held, filled = np.uint64(0), 0
    if filled > 0:
        if size >= out.size:
            return -1
        out[size] = held
        size += 1
    return size


@compiled
def _take_labels(links, labels):
    """Write the labels of entries that are linked to one before them: those of that."""
    for j in range(labels.size):
        if j + LABELS_AHEAD < labels.size:
            prefetch(labels, links[j + LABELS_AHEAD])
        if links[j] >= 0:
            labels[j] = labels[links[j]]


@compiled
def decode_rows(bits, starts, parents, most, labels, links):
    """Write the rows that ``encode_rows`` wrote; return the bytes used, −1 where these are none.

    bits     (bytes,) uint8
    starts   (R + 1,) int64, of rows no longer than their parents', or than ``most``
    parents  (R,) int64   each below its row, −1 for none
    labels (m,) int32, links (m,) int32   written
    """
    held, filled, at = np.uint64(0), 0, 0
    for row in range(parents.size):
        if row + AHEAD < parents.size:
            prefetch(starts, parents[row + AHEAD])
        first, last, parent = starts[row], starts[row + 1], parents[row]
        begin, possible, turned, count, b = _row_form(starts, row, parent, most)
        mask = (np.uint64(1) << np.uint64(b)) - np.uint64(1)
        places = links if parent >= 0 else labels
        j, before, next_value = first, -1, 0
        for _ in range(count):
            high, ones = 0, 0
            while True:
                while filled <= 48 and at < bits.size:
                    held |= np.uint64(bits[at]) << np.uint64(filled)
                    filled += 8
                    at += 1
                lowest = ~held & (held + np.uint64(1))  # the bit of the first 0
                ones = min(np.int64(PLACES[np.int64((lowest * DE_BRUIJN) >> U58)]), filled)
                high += ones
                if high << b > possible or filled < 1:
                    return -1
                if ones < filled:
                    break
                held, filled = np.uint64(0), 0
            held >>= np.uint64(ones + 1)
            filled -= ones + 1
            while filled <= 48 and at < bits.size:
                held |= np.uint64(bits[at]) << np.uint64(filled)
                filled += 8
                at += 1
            if filled < b:
                return -1
            value = before + 1 + ((high << b) | np.int64(held & mask))
            held >>= np.uint64(b)
            filled -= b
            if value >= possible:
                return -1
            before = value
            if turned:
                while next_value < value:
                    places[j] = begin + next_value
                    j += 1
                    next_value += 1
                next_value += 1
            else:
                places[j] = begin + value
                j += 1
        if turned:
            while next_value < possible:
                places[j] = begin + next_value
                j += 1
                next_value += 1
        if parent < 0:
            for j in range(first, last):
                links[j] = -1
    _take_labels(links, labels)
    return at - filled // 8


@compiled
def move_rows(starts, order, values, out):
    """Write row order[i] of values as row i.

    starts (R + 1,) int64, order (R,) int64   values, out (m,) int32, out is written
    """
    at = 0
    for i in range(order.size):
        for j in range(starts[order[i]], starts[order[i] + 1]):
            out[at] = values[j]
            at += 1
