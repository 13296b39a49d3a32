"""Spans of bytes, copied."""

from textmlr.kernels.jit import kernel


@kernel
def gather(blob, starts, stops, out):
    """Write blob[starts[i]:stops[i]] one after the other to out.

    blob (bytes,) uint8;  starts, stops (n,) int64;  out (sum of lengths,) uint8
    """
    at = 0
    for i in range(starts.size):
        size = stops[i] - starts[i]
        out[at : at + size] = blob[starts[i] : stops[i]]
        at += size
