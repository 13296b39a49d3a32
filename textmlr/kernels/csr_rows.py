"""Distinct columns of documents → rows of a CSR matrix, and their weights."""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.hash_table import U32
from textmlr.kernels.jit import kernel


class Csr(NamedTuple):
    """Rows of a sparse matrix.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32
    """

    indptr: Any
    indices: Any
    values: Any


@kernel
def _sort(pairs, scratch, ends, n, bits):
    """Sort pairs[:n] by their upper 32 bits; the lowest ``bits`` of these matter.

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
def _order(indices, values, first, last, bits, pairs, scratch, ends):
    """Sort the entries first:last by column, in place.

    pairs, scratch (last − first,) uint64, ends (256,) int64  scratch;  bits  as in ``_sort``
    """
    n = last - first
    for i in range(n):
        pairs[i] = (np.uint64(indices[first + i]) << U32) | np.uint64(values[first + i])
    _sort(pairs, scratch, ends, n, bits)
    for i in range(n):
        indices[first + i] = np.int32(pairs[i] >> U32)
        values[first + i] = np.float32(pairs[i] & np.uint64(0xFFFFFFFF))


@kernel
def rows(columns, counts, offsets, bias, bits, pairs, scratch, ends, out):
    """Write CSR rows of counts: sorted by column, equal columns added up, column −1 left out.

    columns, counts  (m,) int32         of documents offsets[i]:offsets[i + 1]
    offsets          (n + 1,) int64
    bias             bool               begin each row with column 0, value 1
    bits             int                columns are below 2^bits; 0 leaves the rows unsorted, and
                                        equal columns apart (a vocabulary has none)
    pairs, scratch   (longest,) uint64  scratch; longest document
    ends             (256,) int64       scratch
    out              Csr   written; it has room for m + n entries
    """
    indptr, indices, values = out
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
