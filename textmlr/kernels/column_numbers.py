"""Columns that occur: their numbers, totals and ranks, and the n-gram that occurs most in each."""

import numpy as np

from textmlr.kernels.hash_table import _fold_one
from textmlr.kernels.jit import kernel

SPARSE = -2  # first in a table of column numbers that is bisected


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
def _bisect(table, column):
    """The number of a column in a sparse table, −1 if it has none.

    table (2 + 2R,) int32   SPARSE, V, R columns ascending, the number of each
    """
    rows = (table.size - 2) >> 1
    low, high = 2, 2 + rows
    while low < high:
        middle = (low + high) >> 1
        if table[middle] < column:
            low = middle + 1
        else:
            high = middle
    if low < 2 + rows and table[low] == column:
        return table[low + rows]
    return np.int32(-1)


@kernel
def _renumber_row(numbers, indices, values, n):
    """Renumber the first n entries of a row, in place, without those whose number is below 0;
    return how many are left.

    numbers (V,) int32, or as ``HashedColumns.table`` has them where few are in use
    indices int32, values float32   updated
    """
    at = 0
    sparse = numbers[0] == SPARSE
    for entry in range(n):
        number = _bisect(numbers, indices[entry]) if sparse else numbers[indices[entry]]
        if number >= 0:
            indices[at] = number
            values[at] = values[entry]
            at += 1
    return at
