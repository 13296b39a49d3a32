"""The distinct n-grams of a document, and how often each occurs; tables as in ``hash_table``."""

import numpy as np

from textmlr.kernels.jit import kernel


@kernel
def distinct(grams, gram_offsets, slots, stamps, stamp, hashes, counts, places, offsets):
    """Write each document's distinct n-grams, in order of first occurrence; return the next stamp.

    grams         (g,) uint64      hashes of n-grams, document by document
    gram_offsets  (n + 1,) int64   document i has grams[gram_offsets[i]:gram_offsets[i + 1]]
    slots, stamps (s,) int64       scratch; s a power of two >= twice the longest document.  A
                                   slot is in use if its stamp equals the document's, so that
                                   nothing need be cleared in between
    stamp         int              above all stamps in use; each document takes the next
    hashes (m,) uint64, counts (m,) int32   written
    places (m,) int64              written: number of the first occurrence in its document
    offsets (n + 1,) int64         written: document i has hashes[offsets[i]:offsets[i + 1]]
    """
    at = 0
    offsets[0] = 0
    for document in range(offsets.size - 1):
        first = gram_offsets[document]
        last = gram_offsets[document + 1]
        mask = np.int64(1)
        while mask < 2 * (last - first):
            mask <<= 1
        mask -= 1
        for gram in range(first, last):
            h = grams[gram]
            slot = np.int64(h & np.uint64(mask))
            while stamps[slot] == stamp and hashes[slots[slot]] != h:
                slot = (slot + 1) & mask
            if stamps[slot] == stamp:
                counts[slots[slot]] += 1
            else:
                stamps[slot] = stamp
                slots[slot] = at
                hashes[at] = h
                counts[at] = 1
                places[at] = gram - first
                at += 1
        stamp += 1
        offsets[document + 1] = at
    return stamp


@kernel
def distinct_more(grams, first_place, table, hashes, counts, places, state):
    """Add the next distinct n-grams of one document, until all are read or there is no room.

    grams   (g,) uint64   the next n-grams of the document
    first_place           number of grams[0] in the document
    table   (s,) int32    1 + number of a hash, 0 for an empty slot; s a power of two
    hashes (m,) uint64, counts, places (m,) int32   as in ``distinct``, added to
    state   (2,) int64    n-grams of ``grams`` read, and hashes there are; both updated.  There is
                          room for m hashes, and for half as many as the table has slots
    """
    mask = np.int64(table.size - 1)
    room = min(hashes.size, table.size // 2)
    at = state[0]
    found = state[1]
    while at < grams.size:
        h = grams[at]
        slot = np.int64(h & np.uint64(mask))
        while table[slot] != 0 and hashes[table[slot] - 1] != h:
            slot = (slot + 1) & mask
        if table[slot] != 0:
            counts[table[slot] - 1] += 1
        elif found == room:
            break
        else:
            hashes[found] = h
            counts[found] = 1
            places[found] = first_place + at
            found += 1
            table[slot] = found
        at += 1
    state[0] = at
    state[1] = found


@kernel
def enter(hashes, table):
    """Enter distinct hashes into a table of ``distinct_more``.

    hashes (m,) uint64;  table (s,) int32  all 0 on entry; s a power of two > m
    """
    mask = np.int64(table.size - 1)
    for i in range(hashes.size):
        slot = np.int64(hashes[i] & np.uint64(mask))
        while table[slot] != 0:
            slot = (slot + 1) & mask
        table[slot] = i + 1
