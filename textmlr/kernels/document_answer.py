"""The whole way of a document in one go: text to row, and on to scores, log z and probabilities.

Each document passes through scratch that stays in cache, so that nothing but answers (or rows)
is written to memory.  The steps are the kernels of the other files.

Options of a featurizer come as one array of int64, indexed by the names below.
"""

import numpy as np

from textmlr.kernels.csr_rows import _sort, _weigh_row
from textmlr.kernels.hash_table import _find, _fold_one
from textmlr.kernels.jit import kernel, prefetch
from textmlr.kernels.layers import SUMS, _forward
from textmlr.kernels.linear import _calibrate
from textmlr.kernels.softmax import _softmax
from textmlr.kernels.tokens import ngrams, split

SYMBOLS, MIN_LENGTH, LOW, HIGH, CHAR_LOW, CHAR_HIGH = 0, 1, 2, 3, 4, 5
BIAS, TERM_FREQUENCY, UNIT_NORM = 6, 7, 8
WIDTH = 9  # columns that hashes are folded to, 0 for a vocabulary
BITS = 10  # columns are below 2^bits; 0 leaves rows in the order of occurrence
OPTIONS = 11  # how many there are
# Where base scores begin in what ``linear._calibrate`` reads: one array less to hand over is a
# twentieth of the time that a short document takes.
BASE = 3

WINDOW = 16  # the longest n-gram: textmlr/base/options.py, MAX_NGRAM
DIGITS = 256  # of a radix sort
AHEAD = 24  # slots are fetched so many look-ups ahead
SPARSE = -2  # first in a table of which column has which number: it is to be bisected


@kernel
def _find_columns(grams, options, table, hashes, idf, columns):
    """Write the columns of those n-grams that have one, in order; return how many they are.

    grams (g,) uint64;  table, hashes  as ``fill_table`` has them, or empty with hashing
    idf   (V,) float32 or (0,)   fetched for later
    columns (g,) int64  written
    """
    bias = options[BIAS]
    known = 0
    if options[WIDTH] > 0:
        for i in range(grams.size):
            columns[i] = bias + _fold_one(grams[i], options[WIDTH])
        return grams.size
    mask = np.uint64(table.size - 1)
    for i in range(min(AHEAD, grams.size)):
        prefetch(table, np.int64(grams[i] & mask))
    for i in range(grams.size):
        if i + AHEAD < grams.size:
            prefetch(table, np.int64(grams[i + AHEAD] & mask))
        number = _find(grams[i], table, hashes)
        if number >= 0:
            columns[known] = bias + number
            known += 1
            if idf.size > 0:
                prefetch(idf, bias + number)
    return known


@kernel
def _count(columns, slots, indices, values, first):
    """Write the distinct columns and their counts from ``first`` on, in order of occurrence;
    return where they end.

    columns (m,) int64 or int32, those below 0 are left out
    slots   (s,) int64  scratch; s at least the power of two that is >= 2m
    indices int32, values float32   written
    """
    mask = 1
    while mask < 2 * columns.size:
        mask <<= 1
    slots[:mask] = 0
    mask -= 1
    at = first
    for i in range(columns.size):
        column = np.int64(columns[i])
        if column < 0:
            continue
        slot = column & mask
        while slots[slot] != 0 and indices[first + slots[slot] - 1] != column:
            slot = (slot + 1) & mask
        if slots[slot] == 0:
            slots[slot] = at - first + 1
            indices[at] = column
            values[at] = 1.0
            at += 1
        else:
            values[first + slots[slot] - 1] += np.float32(1.0)
    return at


@kernel
def _add_up(columns, counts, slots, indices, values, first):
    """``_count`` of columns that stand for several n-grams each.

    columns, counts (m,) int32   n-grams of each column; one may occur several times
    """
    mask = 1
    while mask < 2 * columns.size:
        mask <<= 1
    slots[:mask] = 0
    mask -= 1
    at = first
    for i in range(columns.size):
        column = np.int64(columns[i])
        if column < 0:
            continue
        slot = column & mask
        while slots[slot] != 0 and indices[first + slots[slot] - 1] != column:
            slot = (slot + 1) & mask
        if slots[slot] == 0:
            slots[slot] = at - first + 1
            indices[at] = column
            values[at] = np.float32(counts[i])
            at += 1
        else:
            values[first + slots[slot] - 1] += np.float32(counts[i])
    return at


@kernel
def _order(indices, values, first, last, bits, pairs, scratch, ends):
    """Sort the entries first:last by column, in place.

    pairs, scratch (last − first,) uint64, ends (256,) int64  scratch;  bits  as in ``_sort``
    """
    n = last - first
    for i in range(n):
        pairs[i] = (np.uint64(indices[first + i]) << np.uint64(32)) | np.uint64(values[first + i])
    _sort(pairs, scratch, ends, n, bits)
    for i in range(n):
        indices[first + i] = np.int32(pairs[i] >> np.uint64(32))
        values[first + i] = np.float32(pairs[i] & np.uint64(0xFFFFFFFF))


@kernel
def _grams(text, starts, stops, lower, kind, options, words, numbers):
    """Hash the n-grams of one document: (first, last, invalid), its n-grams in words.

    text (bytes,) uint8, starts, stops (1,) int64, lower, kind   as in ``text.split``
    words, numbers   scratch, see ``featurize``
    """
    most = stops[0] - starts[0] + 1  # tokens
    token_offsets = numbers[0:2]
    offsets = numbers[2:4]
    token_starts = numbers[4 : 4 + most]
    token_stops = numbers[4 + most : 4 + 2 * most]
    tokens = words[WINDOW : WINDOW + most]
    invalid = split(
        text,
        starts,
        stops,
        lower,
        kind,
        options[SYMBOLS] != 0,
        options[MIN_LENGTH],
        tokens,
        token_starts,
        token_stops,
        token_offsets,
    )
    grams = words[WINDOW + most :]
    ngrams(
        text,
        tokens,
        token_starts,
        token_stops,
        token_offsets,
        lower,
        kind,
        options[LOW],
        options[HIGH],
        options[CHAR_LOW],
        options[CHAR_HIGH],
        words[:WINDOW],
        grams,
        offsets,
    )
    return WINDOW + most, WINDOW + most + offsets[1], invalid


@kernel
def _row(columns, options, slots, indices, values, at):
    """Write the bias and the distinct columns of a document from ``at`` on; return their end."""
    if options[BIAS] != 0:
        indices[at] = 0
        values[at] = 1.0
        at += 1
    return _count(columns, slots, indices, values, at)


@kernel
def featurize(
    text,
    starts,
    stops,
    lower,
    kind,
    options,
    table,
    hashes,
    idf,
    words,
    numbers,
    indices,
    values,
    indptr,
):
    """Write f(x) of documents as CSR rows; return the number of invalid UTF-8 subparts.

    text (bytes,) uint8, starts, stops (n,) int64, lower, kind   as in ``text.split``
    options (OPTIONS,) int64
    table, hashes   as ``hash_table.fill_table`` has them; empty with hashing
    idf      (V,) float32, or (0,) for none
    words    (WINDOW + t + 3g,) uint64   scratch, for at most t - 1 bytes and g n-grams a document
    numbers  (4 + 2t + 5g + DIGITS,) int64   scratch
    indices, values   written; (n + all n-grams,) int32 and float32
    indptr   (n + 1,) int64   written
    """
    invalid = 0
    at = 0
    indptr[0] = 0
    for document in range(starts.size):
        first, last, bad = _grams(
            text,
            starts[document : document + 1],
            stops[document : document + 1],
            lower,
            kind,
            options,
            words,
            numbers,
        )
        invalid += bad
        g = last - first
        used = 4 + 2 * (stops[document] - starts[document] + 1)
        columns = numbers[used : used + g]
        known = _find_columns(words[first:last], options, table, hashes, idf, columns)
        begin = at + (1 if options[BIAS] != 0 else 0)
        at = _row(columns[:known], options, numbers[used + g :], indices, values, at)
        if options[BITS] > 0:
            _order(
                indices,
                values,
                begin,
                at,
                options[BITS],
                words[last : last + g],
                words[last + g : last + 2 * g],
                numbers[used + g : used + g + DIGITS],
            )
        _weigh_row(
            indices, values, begin, at, options[TERM_FREQUENCY], idf, options[UNIT_NORM] != 0
        )
        indptr[document + 1] = at
    return invalid


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
def _keep(numbers, indices, values, n):
    """Renumber the first n entries of a row, in place, without those whose number is below 0;
    return how many are left.

    numbers (V,) int32, or as ``features.Columns.table`` has them where few are in use
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


@kernel
def _speaks(indices, values, first, last, theta):
    """Whether one of the entries first:last of a row has a weight in theta that is not 0.

    indices int32, values float32;  theta (V, W1) float32
    """
    for entry in range(first, last):
        row = theta[indices[entry]]
        if values[entry] != 0.0:
            for unit in range(row.size):
                if row[unit] != 0.0:
                    return True
    return False


@kernel
def _answer_row(
    n,
    options,
    idf,
    kept,
    theta,
    upper,
    shape,
    calibration,
    indices,
    values,
    work,
    rows,
    counts,
    scores,
    probabilities,
):
    """From the counts of a document's features to its answer: (distinct features, log z).

    n   entries of indices and values, the bias among them
    The other arrays are as ``answer`` has them; scores (L,), probabilities (L,) of the document.
    """
    first = 1 if options[BIAS] != 0 else 0
    _weigh_row(indices, values, first, n, options[TERM_FREQUENCY], idf, options[UNIT_NORM] != 0)
    if kept.size > 0:
        n = _keep(kept, indices, values, n)
    _forward(
        indices,
        values,
        0,
        n,
        theta,
        upper,
        shape,
        np.float32(1.0),
        0.0,
        np.uint64(0),
        work,
        rows,
        counts,
        work,
        rows,
    )
    # Only now, where the rows of theta are in cache.
    known = n - first
    if calibration.size > BASE and not _speaks(indices, values, first, n, theta):
        known = 0
        for label in range(scores.size):
            scores[label] = np.float32(calibration[BASE + label])
    else:
        for label in range(scores.size):
            scores[label] = work[SUMS, shape.size - 2, label]
        _calibrate(scores, calibration)
    return known, _softmax(scores, probabilities)


@kernel
def answer(
    text,
    starts,
    stops,
    lower,
    kind,
    options,
    table,
    hashes,
    idf,
    kept,
    theta,
    upper,
    shape,
    calibration,
    words,
    numbers,
    indices,
    values,
    work,
    rows,
    counts,
    scores,
    log_z,
    probabilities,
    known,
):
    """Answer for documents; return the number of invalid UTF-8 subparts.

    text to numbers   as in ``featurize``; here words may be (WINDOW + t + g,) and numbers
                      (4 + 2t + 5g,)
    kept              (V,) int32   row of theta of each column, −1 for none; (0,): all in order;
                      or a sparse table, see ``_bisect``
    theta             (V, W1) float32, or as many rows as there are
    upper, shape      the layers above, see ``network``;  work, rows, counts   its scratch
    calibration       (3,) float64, or (0,)   see ``linear._calibrate``; or (BASE + L,), where the
                      scores follow that a document has, as they are, if none of its features has
                      a weight; else it has those of the bias
    indices, values   (g + 1,) int32 and float32  scratch
    scores (n, L) float32, log_z (n,) float64, probabilities (n, L) float64   written
    known  (n,) int64   written: distinct features of each document, the bias not counted; 0 where
                      its scores are those of ``calibration``
    """
    invalid = 0
    for document in range(starts.size):
        first, last, bad = _grams(
            text,
            starts[document : document + 1],
            stops[document : document + 1],
            lower,
            kind,
            options,
            words,
            numbers,
        )
        invalid += bad
        used = 4 + 2 * (stops[document] - starts[document] + 1)
        columns = numbers[used : used + last - first]
        found = _find_columns(words[first:last], options, table, hashes, idf, columns)
        n = _row(columns[:found], options, numbers[used + last - first :], indices, values, 0)
        known[document], log_z[document] = _answer_row(
            n,
            options,
            idf,
            kept,
            theta,
            upper,
            shape,
            calibration,
            indices,
            values,
            work,
            rows,
            counts,
            scores[document],
            probabilities[document],
        )
    return invalid


@kernel
def answer_counts(
    columns,
    occurrences,
    offsets,
    options,
    idf,
    kept,
    theta,
    upper,
    shape,
    calibration,
    numbers,
    indices,
    values,
    work,
    rows,
    counts,
    scores,
    log_z,
    probabilities,
    known,
):
    """``answer`` for documents of which the distinct n-grams are counted already, to the same bits.

    columns, occurrences (m,) int32   the column of each distinct n-gram, in order of occurrence,
                                      −1 for one that is no feature, and how often it occurs
    offsets (n + 1,) int64            document i has those of offsets[i]:offsets[i + 1]
    numbers (4g,) int64               scratch, for at most g of them a document
    """
    bias = 1 if options[BIAS] != 0 else 0
    for document in range(offsets.size - 1):
        indices[0] = 0
        values[0] = 1.0
        begin = offsets[document]
        end = offsets[document + 1]
        n = _add_up(columns[begin:end], occurrences[begin:end], numbers, indices, values, bias)
        known[document], log_z[document] = _answer_row(
            n,
            options,
            idf,
            kept,
            theta,
            upper,
            shape,
            calibration,
            indices,
            values,
            work,
            rows,
            counts,
            scores[document],
            probabilities[document],
        )
