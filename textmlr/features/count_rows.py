"""Rows of counts: from columns of distinct n-grams to CSR."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen, pages
from textmlr.base.threads import map_blocks
from textmlr.features.csr_features import Features
from textmlr.features.ngrams import HashedBlock
from textmlr.kernels import csr_rows

Columns = NDArray[np.int32]
RADIX = 256


def write_rows(
    hashed: HashedBlock,
    columns: Columns,
    bias: bool,
    bits: int,
    indices: NDArray[np.int32],
    values: NDArray[np.float32],
    scratch: Scratch,
) -> NDArray[np.int64]:
    """Write CSR rows of counts to indices and values, which have room; return indptr.

    columns  (m,) of each n-gram, −1 for none
    bias  whether each row begins with column 0, value 1
    bits  the columns are below 2^bits, for sorting; 0: as they come
    """
    longest = int(np.diff(hashed.offsets).max(initial=0))
    indptr = np.empty(len(hashed.offsets), np.int64)
    csr_rows.rows(
        frozen(columns),
        frozen(hashed.counts),
        frozen(hashed.offsets),
        bias,
        bits,
        scratch.take("pairs", longest, np.uint64),
        scratch.take("sorting", longest, np.uint64),
        scratch.take("ends", RADIX, np.int64),
        csr_rows.Csr(indptr, indices, values),
    )
    return indptr


def block_rows(
    hashed: HashedBlock, columns: Columns, bias: bool, width: int, scratch: Scratch
) -> Features:
    """The sorted rows of one block;  width  V, the rest as in ``write_rows``."""
    most = len(columns) + len(hashed.offsets) - 1
    indices = scratch.take("indices", most, np.int32)
    values = scratch.take("values", most, np.float32)
    indptr = write_rows(hashed, columns, bias, width.bit_length(), indices, values, scratch)
    size = int(indptr[-1])
    made = scratch.lasting(indices[:size]), scratch.lasting(values[:size])
    return Features(indptr, *made, width, hashed.invalid)


def joined_rows(
    hashed: list[HashedBlock],
    columns: list[Columns],
    bias: bool,
    bits: int,
    scratch: Scratch,
    threads: int,
) -> csr_rows.Csr:
    """The rows of all blocks, in order, as ``write_rows`` writes those of one.

    hashed, columns  are emptied: the memory of each block is free when its rows are written
    """
    # Room for all rows at once: with 100 MB and more, each copy counts.
    sizes = [int(np.count_nonzero(c >= 0)) for c in columns]
    room = [s + bias * (len(h.offsets) - 1) for s, h in zip(sizes, hashed, strict=True)]
    ends = np.cumsum(room).tolist()
    indices, values = pages(ends[-1], np.int32), pages(ends[-1], np.float32)
    waiting: list[tuple[HashedBlock, Columns] | None]
    waiting = list(zip(hashed, columns, strict=True))
    hashed.clear()
    columns.clear()

    def fill(block: int) -> NDArray[np.int64]:
        part = slice(ends[block] - room[block], ends[block])
        own, waiting[block] = waiting[block], None  # the last to hold it: its memory is free soon
        assert own is not None
        return write_rows(*own, bias, bits, indices[part], values[part], scratch)

    indptrs = list(map_blocks(fill, range(len(room)), threads))
    at = 0
    for block, indptr in enumerate(indptrs):
        size, begin = int(indptr[-1]), ends[block] - room[block]
        if at < begin:  # hashing made columns equal in blocks before
            for array in (indices, values):
                array[at : at + size] = array[begin : begin + size]
        indptr += at
        at += size
    joined = np.concatenate([np.zeros(1, np.int64), *(indptr[1:] for indptr in indptrs)])
    return csr_rows.Csr(joined, indices[:at], values[:at])
