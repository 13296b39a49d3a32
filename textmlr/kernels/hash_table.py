"""Hashes to columns: distinct within a document, counted over the corpus, looked up in a table.

All tables are open addressing with linear probing (Knuth, TAOCP 3, 6.4, algorithm L), sized to
a power of two, indexed by the low bits of hashes that are mixed already; an empty key is 0.
"""

import numpy as np

from textmlr.kernels.jit import kernel, prefetch

U32 = np.uint64(32)
EMPTY = np.uint64(0)
LOWER = np.uint64(0xFFFFFFFF)
UPPER = np.uint64(0xFFFFFFFF00000000)
# Slots are fetched so many look-ups ahead: about as many as a core waits for at once.
AHEAD = 16


@kernel
def partition_sizes(hashes, shift, sizes):
    """Count hashes by their top bits: sizes[h >> shift] += 1 for each.

    hashes  (m,) uint64;  sizes (2^(64 − shift),) int64, added to
    """
    for i in range(hashes.size):
        sizes[np.int64(hashes[i] >> np.uint64(shift))] += 1


@kernel
def partition(hashes, shift, first, first_place, cursor, out_hashes, out_places):
    """Scatter hashes, with their places first_place + i, to some partitions of their top bits.

    first       number of the first partition that is wanted
    cursor      (p + 1,) int64   next free position of the partitions from ``first`` on, advanced;
                                 what belongs to others goes to cursor[p], one over the other
    out_hashes  (m,) uint64, out_places (m,) int64   written
    """
    others = np.uint64(cursor.size - 1)
    for i in range(hashes.size):
        # No branch, which would be mispredicted half of the time; below first wraps to the top.
        p = min((hashes[i] >> np.uint64(shift)) - np.uint64(first), others)
        to = cursor[np.int64(p)]
        out_hashes[to] = hashes[i]
        out_places[to] = first_place + i
        cursor[np.int64(p)] = to + np.int64(p != others)


@kernel
def _count(hashes, places, keys, slots, out_hashes, out_places, out_counts):
    """Count equal hashes; return how many are distinct.  In order of first occurrence.

    hashes  (m,) uint64 with places (m,) int64
    keys    (s,) uint64  scratch, all 0 on entry; s a power of two > m
    slots   (s,) int32   scratch
    out_*   (m,)  written: the hash, the place of its first occurrence, its count (int64)
    """
    mask = np.int64(keys.size - 1)
    found = 0
    for i in range(hashes.size):
        h = hashes[i]
        slot = np.int64(h & np.uint64(mask))
        while keys[slot] != h and keys[slot] != EMPTY:
            slot = (slot + 1) & mask
        if keys[slot] == EMPTY:
            keys[slot] = h
            slots[slot] = found
            out_hashes[found] = h
            out_places[found] = places[i]
            out_counts[found] = 1
            found += 1
        else:
            out_counts[slots[slot]] += 1
    return found


@kernel
def count_partitions(hashes, places, edges, least, keys, slots, out_hashes, out_places, out_counts):
    """``_count`` for several partitions; keep what occurs ``least`` times, return how many.

    hashes  (m,) uint64, places (m,) int64   partition p is at edges[p]:edges[p + 1]
    edges   (p + 1,) int64
    keys    (s,) uint64, slots (s,) int32    scratch; s a power of two > twice the largest
    out_*   (m,)  written, see ``_count``
    """
    at = 0
    for p in range(edges.size - 1):
        begin = edges[p]
        end = edges[p + 1]
        size = 2
        while size <= 2 * (end - begin):
            size *= 2
        table = keys[:size]
        for slot in range(size):
            table[slot] = EMPTY
        found = _count(
            hashes[begin:end],
            places[begin:end],
            table,
            slots,
            out_hashes[at:],
            out_places[at:],
            out_counts[at:],
        )
        last = at + found
        for i in range(at, last):
            if out_counts[i] >= least:
                out_hashes[at] = out_hashes[i]
                out_places[at] = out_places[i]
                out_counts[at] = out_counts[i]
                at += 1
    return at


@kernel
def fill_table(hashes, table):
    """Enter the number of each hash, with its upper half to tell it by; return how many were
    entered (fewer than all if any repeats).

    hashes  (v,) uint64, not 0
    table   (s,) uint64  all 0 on entry; s a power of two > v.  An entry is the upper 32 bits of
                         a hash above 1 + its number: half as much memory to miss as whole hashes
                         with their numbers, and the hash itself is in ``hashes``
    """
    mask = np.uint64(table.size - 1)
    entered = 0
    for i in range(hashes.size):
        if i + AHEAD < hashes.size:
            prefetch(table, np.int64(hashes[i + AHEAD] & mask))
        h = hashes[i]
        slot = np.int64(h & mask)
        while table[slot] != EMPTY and not _is_entry(table[slot], h, hashes):
            slot = np.int64(np.uint64(slot + 1) & mask)
        if table[slot] == EMPTY:
            table[slot] = (h & UPPER) | np.uint64(i + 1)
            entered += 1
    return entered


@kernel
def _is_entry(entry, h, hashes):
    """Whether an entry of a table is that of a hash."""
    return (entry ^ h) & UPPER == EMPTY and hashes[np.int64(entry & LOWER) - 1] == h


@kernel
def _find(h, table, hashes):
    """Return the number of a hash in the table, −1 if it is not there.

    table, hashes  as in ``fill_table``
    """
    mask = np.int64(table.size - 1)
    slot = np.int64(h & np.uint64(mask))
    while table[slot] != EMPTY:
        if _is_entry(table[slot], h, hashes):
            return np.int64(table[slot] & LOWER) - 1
        slot = (slot + 1) & mask
    return -1


@kernel
def look_up(hashes, table, known, first_id, columns):
    """columns[i] = first_id + number of hashes[i] in the table, −1 if it is not there.

    hashes  (m,) uint64;  table, known  as ``fill_table`` made it of ``known``
    columns (m,) int32  written; it may lie in the memory of hashes
    """
    mask = np.uint64(table.size - 1)
    for i in range(hashes.size):
        if i + AHEAD < hashes.size:
            prefetch(table, np.int64(hashes[i + AHEAD] & mask))
        number = _find(hashes[i], table, known)
        columns[i] = first_id + number if number >= 0 else -1


@kernel
def _fold_one(h, width):
    """A number below width, taken from the upper 32 bits of a hash.

    The range reduction is a multiplication (Lemire, ACM TOMACS 29(1), 2019).
    """
    return np.int64(((h >> U32) * np.uint64(width)) >> U32)


@kernel
def fold(hashes, first_id, width, columns):
    """columns[i] = first_id + ``_fold_one`` of hashes[i] and width.

    hashes (m,) uint64;  columns (m,) int32 written; it may lie in the memory of hashes
    """
    for i in range(hashes.size):
        columns[i] = first_id + _fold_one(hashes[i], width)
