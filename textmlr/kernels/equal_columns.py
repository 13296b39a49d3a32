"""Columns of a CSR matrix that are equal, bit for bit, made one."""

import numpy as np

from textmlr.kernels.hashing import _split_mix
from textmlr.kernels.jit import kernel

ALONE = -1


@kernel
def hash_columns(indptr, indices, values, bits, frequencies, hashes):
    """Write the document frequency of each column, and a hash of its documents and values.

    indptr (n + 1,) int64, indices (nnz,) int32
    values (nnz,) float32, bits (nnz,) uint32   the same numbers as floats and as their bits
    frequencies (V,) int32, hashes (V,) uint64   overwritten; the hash of a column is the sum of
                                                 those of its entries
    """
    frequencies[:] = 0
    hashes[:] = np.uint64(0)
    for i in range(indptr.size - 1):
        for j in range(indptr[i], indptr[i + 1]):
            column = indices[j]
            frequencies[column] += 1
            hashes[column] += _split_mix((np.uint64(i) << np.uint64(32)) ^ np.uint64(bits[j]))


@kernel
def lead(frequencies, hashes, slots, leaders):
    """Write the first column of the same frequency and hash, the leader, of each column.

    frequencies (V,) int32, hashes (V,) uint64
    slots   (2^b,) int32     −1 throughout, more than V; scratch
    leaders (V,) int32       overwritten; ALONE for columns of a single document
    """
    mask = slots.size - 1
    for column in range(frequencies.size):
        if frequencies[column] == 1:
            leaders[column] = ALONE
            continue
        slot = np.int64(hashes[column] & np.uint64(mask))
        while True:
            other = slots[slot]
            if other < 0:
                slots[slot] = column
                leaders[column] = column
                break
            if hashes[other] == hashes[column] and frequencies[other] == frequencies[column]:
                leaders[column] = other
                break
            slot = (slot + 1) & mask


@kernel
def part(indptr, indices, values, leaders, seen, value_of):
    """Make a column its own leader if it differs from its leader in any document.

    With equal frequencies, equal values wherever a column is are equal columns.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32
    leaders  (V,) int32     updated
    seen     (V,) int32     −1 throughout; scratch: the last document with a leader in it
    value_of (V,) float32   scratch: its value there
    """
    for i in range(indptr.size - 1):
        for j in range(indptr[i], indptr[i + 1]):
            if leaders[indices[j]] == indices[j]:
                seen[indices[j]] = i
                value_of[indices[j]] = values[j]
        for j in range(indptr[i], indptr[i + 1]):
            leader = leaders[indices[j]]
            if leader < 0 or leader == indices[j]:
                continue
            if seen[leader] != i or value_of[leader] != values[j]:
                leaders[indices[j]] = indices[j]


@kernel
def merge(indptr, indices, values, numbers, roots, squares, alone, out_indptr, out_indices, out):
    """Write the matrix with one column for each leader, √members times as long.

    indptr (n + 1,) int64, indices (nnz,) int32, values (nnz,) float32
    numbers  (V,) int32     new number of each leader, −1 for all other columns of a group, −2 for
                            columns of a single document
    roots    (V,) float64   √members of each leader
    squares, alone (n,) float64   written: ‖·‖² of each row, and of its columns no other row has
    out_indptr (n + 1,) int64, out_indices (m,) int32, out (m,) float32   written
    """
    at = 0
    out_indptr[0] = 0
    for i in range(indptr.size - 1):
        own = 0.0
        rest = 0.0
        for j in range(indptr[i], indptr[i + 1]):
            square = np.float64(values[j]) * np.float64(values[j])
            number = numbers[indices[j]]
            if number == -2:
                own += square
                continue
            rest += square
            if number >= 0:
                out_indices[at] = number
                out[at] = np.float32(roots[indices[j]] * np.float64(values[j]))
                at += 1
        squares[i] = own + rest
        alone[i] = own
        out_indptr[i + 1] = at
