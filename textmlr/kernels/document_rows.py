"""Documents to rows of f(x) in one go, through scratch that stays in cache.

Only rows are written to memory.  The steps are the kernels of the other files.
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.csr_rows import _order, _weigh_row
from textmlr.kernels.featurizer_codes import BIAS, BITS, TERM_FREQUENCY, UNIT_NORM, WIDTH
from textmlr.kernels.hash_table import _find, _fold_one
from textmlr.kernels.jit import kernel, prefetch
from textmlr.kernels.ngram_hashes import WINDOW, ngrams
from textmlr.kernels.tokens import Tokens, split

DIGITS = 256  # digits of a radix sort
AHEAD = 24  # slots are fetched so many look-ups ahead


class FeaturizerArrays(NamedTuple):
    """A fitted featurizer.

    codes   (CODES,) int64   its options, see ``featurizer_codes``
    table, hashes            its vocabulary, as ``hash_table.fill_table`` has it; empty with hashing
    idf     (V,) float32, or (0,) for none
    """

    codes: Any
    table: Any
    hashes: Any
    idf: Any


@kernel
def _find_columns(grams, featurizer, columns):
    """Write the columns of those n-grams that have one, in order; return how many they are.

    grams (g,) uint64;  featurizer  FeaturizerArrays, of which idf is fetched for later
    columns (g,) int64  written
    """
    codes, table, hashes, idf = featurizer
    bias = codes[BIAS]
    known = 0
    if codes[WIDTH] > 0:
        for i in range(grams.size):
            columns[i] = bias + _fold_one(grams[i], codes[WIDTH])
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
def _count(columns, counts, slots, indices, values, first):
    """Write the distinct columns and their counts from ``first`` on, in order of occurrence;
    return where they end.

    columns (m,) int64 or int32, those below 0 are left out
    counts  (m,) int32   n-grams that each stands for; (0,): one each
    slots   (s,) int64   scratch; s at least the power of two that is >= 2m
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
        count = np.float32(counts[i]) if counts.size > 0 else np.float32(1.0)
        slot = column & mask
        while slots[slot] != 0 and indices[first + slots[slot] - 1] != column:
            slot = (slot + 1) & mask
        if slots[slot] == 0:
            slots[slot] = at - first + 1
            indices[at] = column
            values[at] = count
            at += 1
        else:
            values[first + slots[slot] - 1] += count
    return at


@kernel
def _grams(text, starts, stops, codes, words, numbers):
    """Hash the n-grams of one document: (first, last, invalid), its n-grams in words.

    text, starts, stops (1,) int64   as in ``tokens.split``
    words, numbers   scratch, see ``featurize``
    """
    most = stops[0] - starts[0] + 1  # tokens
    hashes = words[WINDOW : WINDOW + most]
    token_starts = numbers[4 : 4 + most]
    token_stops = numbers[4 + most : 4 + 2 * most]
    tokens = Tokens(hashes, token_starts, token_stops, numbers[0:2])
    invalid = split(text, starts, stops, codes, tokens)
    offsets = numbers[2:4]
    ngrams(text, tokens, codes, words[:WINDOW], words[WINDOW + most :], offsets)
    return WINDOW + most, WINDOW + most + offsets[1], invalid


@kernel
def _row(columns, codes, slots, indices, values, at):
    """Write the bias and the distinct columns of a document from ``at`` on; return their end."""
    if codes[BIAS] != 0:
        indices[at] = 0
        values[at] = 1.0
        at += 1
    return _count(columns, indices[:0], slots, indices, values, at)


@kernel
def featurize(text, starts, stops, featurizer, words, numbers, out):
    """Write f(x) of documents as CSR rows; return the number of invalid UTF-8 subparts.

    text Text, starts, stops (n,) int64   as in ``tokens.split``
    featurizer   FeaturizerArrays
    words    (WINDOW + t + 3g,) uint64   scratch, for at most t - 1 bytes and g n-grams a document
    numbers  (4 + 2t + 5g + DIGITS,) int64   scratch
    out      Csr   written; it has room for n + all n-grams
    """
    codes, idf = featurizer.codes, featurizer.idf
    indptr, indices, values = out
    invalid = 0
    at = 0
    indptr[0] = 0
    for document in range(starts.size):
        own = slice(document, document + 1)
        first, last, bad = _grams(text, starts[own], stops[own], codes, words, numbers)
        invalid += bad
        g = last - first
        used = 4 + 2 * (stops[document] - starts[document] + 1)
        columns = numbers[used : used + g]
        known = _find_columns(words[first:last], featurizer, columns)
        begin = at + (1 if codes[BIAS] != 0 else 0)
        at = _row(columns[:known], codes, numbers[used + g :], indices, values, at)
        if codes[BITS] > 0:
            _order(
                indices,
                values,
                begin,
                at,
                codes[BITS],
                words[last : last + g],
                words[last + g : last + 2 * g],
                numbers[used + g : used + g + DIGITS],
            )
        _weigh_row(indices, values, begin, at, codes[TERM_FREQUENCY], idf, codes[UNIT_NORM] != 0)
        indptr[document + 1] = at
    return invalid
