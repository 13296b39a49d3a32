"""Hashing and mixing of 64-bit numbers.

Each function computes one number; ``textmlr.kernels.jit.as_python`` of it does the same for whole
NumPy arrays.
"""

import numpy as np

from textmlr.kernels.jit import kernel

# Fowler, Noll and Vo: FNV-1a, 64 bits.
FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
# Odd multipliers of MurmurHash3's fmix64 (Appleby).
MURMUR_1 = np.uint64(0xFF51AFD7ED558CCD)
MURMUR_2 = np.uint64(0xC4CEB9FE1A85EC53)
# SplitMix64's (Steele, Lea and Flood, OOPSLA 2014, figure 15): its step, 2^64 / golden ratio, odd
# (Knuth, TAOCP 3, 6.4), and the multipliers of its finaliser, Stafford's variant 13 of fmix64.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
STAFFORD_1 = np.uint64(0xBF58476D1CE4E5B9)
STAFFORD_2 = np.uint64(0x94D049BB133111EB)
U27, U30, U31, U33 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(33)


@kernel
def _fnv(h, code):
    """FNV-1a: the hash h of what came before, and one more byte or code point, uint64."""
    return (h ^ code) * FNV_PRIME


@kernel
def _mix(h):
    """MurmurHash3's fmix64, kept off 0, which marks an empty slot in tables of hashes."""
    h = h ^ (h >> U33)
    h = h * MURMUR_1
    h = h ^ (h >> U33)
    h = h * MURMUR_2
    h = h ^ (h >> U33)
    return h + np.uint64(h == np.uint64(0))


@kernel
def _split_mix(z):
    """SplitMix64's finaliser."""
    z = (z ^ (z >> U30)) * STAFFORD_1
    z = (z ^ (z >> U27)) * STAFFORD_2
    return z ^ (z >> U31)
