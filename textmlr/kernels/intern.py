"""Hashes to columns: distinct within a document, counted over the corpus, looked up in a table.

All tables are open addressing with linear probing (Knuth, TAOCP 3, 6.4, algorithm L), sized to
a power of two, indexed by the low bits of hashes that are mixed already; an empty key is 0.
"""

import math

import numpy as np

from textmlr.jit import kernel, prefetch

U32 = np.uint64(32)
EMPTY = np.uint64(0)
LOWER = np.uint64(0xFFFFFFFF)
UPPER = np.uint64(0xFFFFFFFF00000000)
# Slots are fetched so many look-ups ahead: as many as a core waits for at once, about.
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
def count_partitions(
    hashes, places, edges, least, keys, slots, out_hashes, out_places, out_counts
):  # fmt: skip
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
            hashes[begin:end], places[begin:end], table, slots,
            out_hashes[at:], out_places[at:], out_counts[at:],
        )  # fmt: skip
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


@kernel
def _sort(pairs, scratch, ends, n, bits):
    """Sort pairs[:n] by their upper 32 bits, of which the lowest ``bits`` matter.

    Insertion sort when short, else radix sort by bytes (Knuth, TAOCP 3, 5.2.5, algorithm R).
    """
    if n <= 32:
        for i in range(1, n):
            pair = pairs[i]
            j = i - 1
            while j >= 0 and pairs[j] >> U32 > pair >> U32:
                pairs[j + 1] = pairs[j]
                j -= 1
            pairs[j + 1] = pair
        return
    digit = 0
    while digit * 8 < bits:
        shift = np.uint64(32 + 8 * digit)
        ends[:] = 0
        for i in range(n):
            ends[np.int64((pairs[i] >> shift) & np.uint64(255))] += 1
        total = 0
        for value in range(256):
            size = ends[value]
            ends[value] = total
            total += size
        for i in range(n):
            value = np.int64((pairs[i] >> shift) & np.uint64(255))
            scratch[ends[value]] = pairs[i]
            ends[value] += 1
        pairs[:n] = scratch[:n]
        digit += 1


@kernel
def rows(columns, counts, offsets, bias, bits, pairs, scratch, ends, indices, values, indptr):
    """Write CSR rows of counts: sorted by column, equal columns added up, column −1 left out.

    columns, counts  (m,) int32         of documents offsets[i]:offsets[i + 1]
    offsets          (n + 1,) int64
    bias             bool               begin each row with column 0, value 1
    bits             int                columns are below 2^bits; 0 leaves the rows unsorted, and
                                        equal columns apart (a vocabulary has none)
    pairs, scratch   (longest,) uint64  scratch; longest document
    ends             (256,) int64       scratch
    indices (m + n,) int32, values (m + n,) float32, indptr (n + 1,) int64  written
    """
    at = 0
    indptr[0] = 0
    for document in range(offsets.size - 1):
        n = 0
        for i in range(offsets[document], offsets[document + 1]):
            if columns[i] >= 0:
                pairs[n] = (np.uint64(columns[i]) << U32) | np.uint64(counts[i])
                n += 1
        if bits > 0:
            _sort(pairs, scratch, ends, n, bits)
        if bias:
            indices[at] = 0
            values[at] = 1.0
            at += 1
        begin = at
        for i in range(n):
            column = np.int32(pairs[i] >> U32)
            value = np.float32(pairs[i] & np.uint64(0xFFFFFFFF))
            if at > begin and indices[at - 1] == column:
                values[at - 1] += value
            else:
                indices[at] = column
                values[at] = value
                at += 1
        indptr[document + 1] = at


@kernel
def document_frequency(indices, out):
    """out[column] += 1 for each entry of CSR rows without duplicates.

    indices (nnz,) int32;  out (V,) int32
    """
    for i in range(indices.size):
        out[indices[i]] += 1


@kernel
def number_columns(grams, first_id, width, numbers, out, sizes):
    """Write the number of the column of each n-gram, −1 for those that are not counted.

    grams   (m,) uint64;  first_id, width   see ``fold``
    numbers (V,) int32    number of each column
    out     (m,) int32    written: numbers below c, the length of sizes
    sizes   (c,) int64    n-grams of each number are added to it
    """
    for i in range(grams.size):
        number = numbers[first_id + _fold_one(grams[i], width)]
        out[i] = -1
        if 0 <= number < sizes.size:
            out[i] = number
            sizes[number] += 1


@kernel
def sort_by_column(grams, numbers, first, cursor, out, places):
    """Copy n-grams to the places of their columns, in order: a step of a counting sort.

    grams (m,) uint64, numbers (m,) int32   those of numbers below 0 are left out
    first   int          place of grams[0] among all
    cursor  (c,) int64   where the next of each number goes; updated
    out (t,) uint64, places (t,) int64   written: the n-grams and their places among all
    """
    for i in range(grams.size):
        number = numbers[i]
        if number >= 0:
            at = cursor[number]
            cursor[number] = at + 1
            out[at] = grams[i]
            places[at] = first + i


@kernel
def heaviest(grams, places, edges, slots, counts, best, best_counts, distinct):
    """Find the n-gram that occurs most in each column, the first of several.

    grams (t,) uint64, places (t,) int64   sorted by column
    edges   (c + 1,) int64   column i has grams[edges[i]:edges[i + 1]]
    slots   (s,) int32, counts (g,) int32   scratch: g the most n-grams of a column, s at least
                             the power of two that is >= 2g
    best    (c,) int64       written: its place, −1 for a column without n-grams
    best_counts, distinct (c,) int32   written: how often it occurs, how many different there are
    """
    for column in range(best.size):
        begin = edges[column]
        size = edges[column + 1] - begin
        mask = 1
        while mask < 2 * size:
            mask <<= 1
        slots[:mask] = 0
        mask -= 1
        different = 0
        heavy = -1
        most = 0
        for i in range(size):
            # Folding took the upper half of the hash: in a column only the lower half differs.
            slot = np.int64(grams[begin + i] & np.uint64(mask))
            while slots[slot] != 0 and grams[begin + slots[slot] - 1] != grams[begin + i]:
                slot = (slot + 1) & mask
            if slots[slot] == 0:
                slots[slot] = i + 1
                counts[i] = 0
                different += 1
            own = slots[slot] - 1
            counts[own] += 1
            if counts[own] > most or (counts[own] == most and own < heavy):
                heavy = own
                most = counts[own]
        best[column] = places[begin + heavy] if heavy >= 0 else -1
        best_counts[column] = most
        distinct[column] = different


@kernel
def column_totals(indices, values, totals, counts):
    """totals[column] += value and counts[column] += 1 for each entry of CSR rows whose column is
    below their lengths.

    indices (m,) int32;  values (m,) float32;  totals (c,) float64;  counts (d,) int32
    """
    for i in range(indices.size):
        column = indices[i]
        if column < totals.size:
            totals[column] += np.float64(values[i])
        if column < counts.size:
            counts[column] += 1


@kernel
def rank(frequencies, ends, kept, numbers):
    """Number the columns that occur by descending frequency, ties by column: a counting sort
    (Knuth, TAOCP 3, 5.2, algorithm D).

    frequencies (V,) int32
    ends    (largest frequency + 1,) int64   scratch, all 0 on entry
    kept    (R,) int32   written: the columns of positive frequency, in that order
    numbers (V,) int32   written: the place of each column in kept, −1 for frequency 0
    """
    for column in range(frequencies.size):
        ends[frequencies[column]] += 1
    at = 0
    for frequency in range(ends.size - 1, -1, -1):
        size = ends[frequency]
        ends[frequency] = at
        at += size
    for column in range(frequencies.size):
        frequency = frequencies[column]
        numbers[column] = -1
        if frequency > 0:
            number = ends[frequency]
            ends[frequency] = number + 1
            kept[number] = column
            numbers[column] = number


@kernel
def map_columns(numbers, indices):
    """Put numbers[column] in the place of each column; return whether none is negative.

    numbers (V,) int32;  indices (m,) int32  overwritten
    """
    least = np.int32(0)
    for i in range(indices.size):
        number = numbers[indices[i]]
        indices[i] = number
        least = min(least, number)
    return least >= 0


@kernel
def _weigh_row(indices, values, first, last, term_frequency, idf, unit_norm):
    """``weigh`` for the entries first:last, the bias not among them."""
    squares = 0.0
    for i in range(first, last):
        weight = np.float64(values[i])
        if term_frequency == 0:
            weight = 1.0
        elif term_frequency == 2 and weight != 1.0:
            weight = 1.0 + math.log(weight)
        if idf.size > 0:
            weight *= np.float64(idf[indices[i]])
        values[i] = weight
        squares += weight * weight
    if unit_norm and squares > 0.0:
        inverse = 1.0 / math.sqrt(squares)
        for i in range(first, last):
            values[i] = np.float64(values[i]) * inverse


@kernel
def weigh(indices, values, indptr, bias, term_frequency, idf, unit_norm):
    """Turn counts into weights, in place: w = tf(count)·idf, then w / ‖w‖₂ in each row.

    tf is 1 (binary, 0), count (raw, 1) or 1 + ln count (log, 2).

    indices (nnz,) int32, indptr (n + 1,) int64   CSR rows
    values  (nnz,) float32   counts in, weights out; the bias at the head of a row stays 1
    idf     (V,) float32, or (0,) for none
    unit_norm  bool;  a row of no features stays as it is
    Sums in float64.  Source: Salton and Buckley, Inf. Process. Manage. 24(5), 1988, table 1.
    """
    for document in range(indptr.size - 1):
        first = indptr[document] + (1 if bias else 0)
        _weigh_row(indices, values, first, indptr[document + 1], term_frequency, idf, unit_norm)
