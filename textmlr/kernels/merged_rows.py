"""Rows of sums by feature and label, of old documents and of new ones, as one."""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel


class SummedRows(NamedTuple):
    """Sums where feature and label met.

    starts (R + 1,) int64, labels (m,) int32   rows, see ``model.postings.Postings``
    sums   (m,) float32
    """

    starts: Any
    labels: Any
    sums: Any


@kernel
def count_merged(old, new, is_open, sizes):
    """Write how many labels each row has in one of two, or in both.

    old, new  SummedRows;  is_open (R,) uint8   0: the row takes nothing new
    sizes (R,) int64   written
    """
    for row in range(sizes.size):
        at, end = old.starts[row], old.starts[row + 1]
        size = end - at
        if is_open[row]:
            for j in range(new.starts[row], new.starts[row + 1]):
                label = new.labels[j]
                while at < end and old.labels[at] < label:
                    at += 1
                if at == end or old.labels[at] != label:
                    size += 1
        sizes[row] = size


@kernel
def merge_rows(old, new, is_open, learnt, out, added, learnt_out):
    """Write the rows of two as one, labels ascending.

    old, new, is_open   as in ``count_merged``;  learnt (m,) float32   of the old entries
    out   SummedRows with such starts: labels are written, and the old sums, 0 of a label that an
          old row lacks
    added (m',) float32        written: the new sums
    learnt_out (m',) float32   written: learnt, 0 where there was no entry
    """
    zero = np.float32(0)
    for row in range(is_open.size):
        at, end = old.starts[row], old.starts[row + 1]
        j, last = new.starts[row], new.starts[row + 1]
        if not is_open[row]:
            last = j
        for k in range(out.starts[row], out.starts[row + 1]):
            label = old.labels[at] if at < end else new.labels[j]
            if j < last:
                label = min(label, new.labels[j])
            out.labels[k] = label
            out.sums[k] = zero
            added[k] = zero
            learnt_out[k] = zero
            if at < end and old.labels[at] == label:
                out.sums[k] = old.sums[at]
                learnt_out[k] = learnt[at]
                at += 1
            if j < last and new.labels[j] == label:
                added[k] = new.sums[j]
                j += 1


@kernel
def add_on_grid(starts, labels, added, factors, bases, powers, chances, sums):
    """Add to sums that a file holds in few bits, and round them up or down by chance: on average
    nothing is lost, however small what is added.

    A sum is factor · base · 2^(symbol / S), see ``rounded_weights``.  Between two such numbers the
    upper one is taken with the probability by which the mean is the sum itself.

    starts (R + 1,) int64, labels (m,) int32, added (m,) float32   entries with added = 0 stay
    factors (R,) float32, bases (L,) float32, above 0;  a base of 0: sums of this label are not
            rounded
    powers (S,) float32   2^(i / S)
    chances (c,) float64  in [0, 1), one for each entry to which something is added, in order
    sums (m,) float32     updated
    """
    steps = powers.size
    at = 0
    for row in range(starts.size - 1):
        for j in range(starts[row], starts[row + 1]):
            if added[j] == 0:
                continue
            chance = chances[at]
            at += 1
            sums[j] += added[j]
            unit = np.float64(factors[row]) * np.float64(bases[labels[j]])
            if unit <= 0 or sums[j] <= 0:
                continue
            ratio = np.float64(sums[j]) / unit
            octave = np.int64(np.floor(np.log2(ratio)))
            rest = ratio * 2.0 ** np.float64(-octave)
            step = 0
            while step + 1 < steps and np.float64(powers[step + 1]) <= rest:
                step += 1
            low = np.float64(powers[step])
            high = np.float64(powers[step + 1]) if step + 1 < steps else 2.0
            if chance * (high - low) < rest - low:
                low = high
            sums[j] = np.float32(unit * low * 2.0 ** np.float64(octave))
