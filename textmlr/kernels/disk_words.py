"""Data of training on disk: hashes to numbers in one table, rows as words of 32 bits.

A row is the number of its entries and a word an entry: its column in the lower ``bits``, its count
above them; where the count is too large for that, 0, and the count is the next word.
"""

import numpy as np

from textmlr.kernels.jit import kernel, prefetch

EMPTY = np.uint64(0)
ONE = np.uint64(1)
NUMBER = np.uint64(32)  # bits below the number in the second half of a slot
LOWER = np.uint64(0xFFFFFFFF)
AHEAD = 16  # slots are fetched so many look-ups ahead, as in ``hash_table``
# Places in the state of a table.
ENTRIES, NEXT, SPARE, MISSED = range(4)


@kernel
def intern(hashes, table, most, spare, born, period, state, numbers):
    """Count each hash in the table, entering those that are new; write their numbers.

    hashes  (m,) uint64, none 0
    table   (2s,) uint64   s a power of two: slot i is the hash at 2i and, at 2i + 1, its number
            above 32 bits of its count; the hash of an empty slot is 0
    most    int            entries at most, below s
    spare   (f,) int32     numbers that may be given again, the last first
    born    (n,) int32     written: the period each number was given in; (0,): not kept
    period  int
    state   (4,) int64     updated: entries, the next number never given, spare numbers left, and
            hashes that found no room, whose number is −1
    numbers (m,) int32     written
    """
    mask = np.uint64(table.size // 2 - 1)
    for i in range(hashes.size):
        if i + AHEAD < hashes.size:
            prefetch(table, np.int64((hashes[i + AHEAD] & mask) << ONE))
        h = hashes[i]
        at = np.int64((h & mask) << ONE)
        while table[at] != EMPTY and table[at] != h:
            at += 2
            if at == table.size:
                at = 0
        if table[at] == h:
            table[at + 1] += ONE
            numbers[i] = np.int32(table[at + 1] >> NUMBER)
        elif state[ENTRIES] >= most:
            state[MISSED] += 1
            numbers[i] = -1
        else:
            number = state[NEXT]
            if state[SPARE] > 0:
                state[SPARE] -= 1
                number = np.int64(spare[state[SPARE]])
            else:
                state[NEXT] += 1
            if born.size > 0:
                born[number] = period
            table[at] = h
            table[at + 1] = (np.uint64(number) << NUMBER) | ONE
            state[ENTRIES] += 1
            numbers[i] = number


@kernel
def _enter(table, mask, h, content):
    """Write an entry to the first empty slot from its own on."""
    at = np.int64((h & mask) << ONE)
    while table[at] != EMPTY:
        at += 2
        if at == table.size:
            at = 0
    table[at] = h
    table[at + 1] = content


@kernel
def move(table, larger):
    """Enter all entries of a table in a larger one, (2s,) uint64, all 0 on entry."""
    mask = np.uint64(larger.size // 2 - 1)
    for at in range(0, table.size, 2):
        if table[at] != EMPTY:
            _enter(larger, mask, table[at], table[at + 1])


@kernel
def tally(table, born, floors, counts):
    """counts[c] += 1 for each entry, of at most c documents; the last stands for all above.

    table, born  as in ``hash_table``
    floors  (p,) int64   for each period, the most documents that a hash new in it may have had
            uncounted
    counts  (c,) int64
    """
    for at in range(0, table.size, 2):
        if table[at] != EMPTY:
            bound = np.int64(table[at + 1] & LOWER)
            if born.size > 0:
                bound += floors[born[np.int64(table[at + 1] >> NUMBER)]]
            counts[min(bound, counts.size - 1)] += 1


@kernel
def prune(table, born, floors, bound, spare):
    """Take out the entries of at most ``bound`` documents; return how many.

    table, born, floors  as in ``tally``
    spare  (f,) int32    written: the numbers of those taken out

    Source: Manku and Motwani, Approximate frequency counts over data streams, VLDB 2002, 4.2.
    """
    taken = 0
    begin = 0
    while table[begin] != EMPTY:  # some slot is empty: entries from behind it on stay in place
        begin += 2
    mask = np.uint64(table.size // 2 - 1)
    for step in range(0, table.size, 2):
        at = begin + step
        if at >= table.size:
            at -= table.size
        h = table[at]
        if h == EMPTY:
            continue
        content = table[at + 1]
        table[at] = EMPTY
        number = np.int64(content >> NUMBER)
        most = np.int64(content & LOWER)
        if born.size > 0:
            most += floors[born[number]]
        if most <= bound:
            spare[taken] = number
            taken += 1
        else:
            _enter(table, mask, h, content)
    return taken


@kernel
def extract(table, least, hashes, numbers, counts):
    """Write the entries counted ``least`` times or more; return how many.

    hashes (m,) uint64, numbers (m,) int32, counts (m,) int64   written
    """
    found = 0
    for at in range(0, table.size, 2):
        if table[at] != EMPTY:
            count = np.int64(table[at + 1] & LOWER)
            if count >= least:
                hashes[found] = table[at]
                numbers[found] = np.int32(table[at + 1] >> NUMBER)
                counts[found] = count
                found += 1
    return found


@kernel
def renumber(
    indptr, indices, values, numbers, born, period, bias, out_indptr, out_indices, out_values
):
    """Write rows with numbers[column] in place of each column, those below 0 left out.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   CSR rows of counts
    numbers (c,) int32;  born (c,) int32   a column given in a later period than the rows' is
            another's, and left out;  (0,): no column is
    bias    bool   begin each row with column 0, value 1
    out_indptr (n + 1,), out_indices, out_values (nnz + n,)   written
    """
    at = 0
    out_indptr[0] = 0
    for row in range(indptr.size - 1):
        if bias:
            out_indices[at] = 0
            out_values[at] = 1.0
            at += 1
        for j in range(indptr[row], indptr[row + 1]):
            column = indices[j]
            number = numbers[column]
            if number >= 0 and (born.size == 0 or born[column] <= period):
                out_indices[at] = number
                out_values[at] = values[j]
                at += 1
        out_indptr[row + 1] = at


@kernel
def encode(indptr, indices, values, order, bits, words, ends):
    """Write rows of counts as words, in the given order; entries of columns below 0 are left out.

    indptr (n + 1,) int64, indices (nnz,) int32 below 2^bits, values (nnz,) float32   counts
    order  (n,) int64    the rows
    words  (2·nnz + n,) uint32   written;  ends (n,) int64   written: where each of them ends
    """
    at = 0
    most = np.int64(1) << (32 - bits)
    for place in range(order.size):
        row = order[place]
        head = at
        entries = 0
        at += 1
        for j in range(indptr[row], indptr[row + 1]):
            column = indices[j]
            if column >= 0:
                count = np.int64(values[j])
                entries += 1
                if count < most:
                    words[at] = np.uint32(column | (count << bits))
                    at += 1
                else:
                    words[at] = np.uint32(column)
                    words[at + 1] = np.uint32(count)
                    at += 2
        words[head] = entries
        ends[place] = at


@kernel
def decode(words, bits, indptr, indices, values):
    """Read the rows that ``encode`` wrote; return how many words they take, −1 where something has
    changed them: they are not rows with as many entries as there is room for.

    words  (w,) uint32
    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32   written
    """
    mask = (np.int64(1) << bits) - 1
    at = 0
    entry = 0
    indptr[0] = 0
    for row in range(indptr.size - 1):
        if at >= words.size:
            return -1
        last = entry + np.int64(words[at])
        at += 1
        if last > indices.size or at + last - entry > words.size:
            return -1
        while entry < last:
            if at >= words.size:
                return -1
            word = np.int64(words[at])
            count = word >> bits
            at += 1
            if count == 0:
                if at >= words.size:
                    return -1
                count = np.int64(words[at])
                at += 1
            indices[entry] = word & mask
            values[entry] = count
            entry += 1
        indptr[row + 1] = entry
    return at if entry == indices.size else -1


@kernel
def note_first(indptr, indices, document, first):
    """Write the first document each column occurs in.

    indptr (n + 1,) int64, indices (nnz,) int32   CSR rows of the documents from ``document`` on
    first  (V,) int64   updated where it is −1
    """
    for row in range(indptr.size - 1):
        for j in range(indptr[row], indptr[row + 1]):
            if first[indices[j]] < 0:
                first[indices[j]] = document + row
