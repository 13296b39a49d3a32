"""Documents to 64-bit fingerprints: XXH64 over the bytes of their text, without space around it.

Source: Collet, xxHash fast digest algorithm, version 0.1.1, section "XXH64 algorithm description".
"""

import numpy as np

from textmlr.kernels.jit import kernel

PRIME_1 = np.uint64(0x9E3779B185EBCA87)
PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
PRIME_3 = np.uint64(0x165667B19E3779F9)
PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
PRIME_5 = np.uint64(0x27D4EB2F165667C5)
# The four lanes of seed 0: PRIME_1 + PRIME_2, PRIME_2, 0 and -PRIME_1, of 64 bits.
LANE_1 = np.uint64((0x9E3779B185EBCA87 + 0xC2B2AE3D27D4EB4F) & 0xFFFFFFFFFFFFFFFF)
LANE_4 = np.uint64((1 << 64) - 0x9E3779B185EBCA87)
ZERO, ONE = np.uint64(0), np.uint64(1)
U1, U2, U3, U4, U5, U6, U7, U8 = (np.uint64(n) for n in range(1, 9))
U11, U12, U16, U18, U23, U24, U27 = (np.uint64(n) for n in (11, 12, 16, 18, 23, 24, 27))
U29, U31, U32, U33, U37, U40, U41 = (np.uint64(n) for n in (29, 31, 32, 33, 37, 40, 41))
U46, U48, U52, U53, U56, U57, U63 = (np.uint64(n) for n in (46, 48, 52, 53, 56, 57, 63))


@kernel
def _word(text, i):
    """Eight bytes, little-endian: written so that LLVM sees that it is one load."""
    return (
        np.uint64(text[i])
        | np.uint64(text[i + U1]) << U8
        | np.uint64(text[i + U2]) << U16
        | np.uint64(text[i + U3]) << U24
        | np.uint64(text[i + U4]) << U32
        | np.uint64(text[i + U5]) << U40
        | np.uint64(text[i + U6]) << U48
        | np.uint64(text[i + U7]) << U56
    )


@kernel
def _half(text, i):
    """Four bytes, little-endian."""
    return (
        np.uint64(text[i])
        | np.uint64(text[i + U1]) << U8
        | np.uint64(text[i + U2]) << U16
        | np.uint64(text[i + U3]) << U24
    )


@kernel
def _round(lane, word):
    lane += word * PRIME_2
    return ((lane << U31) | (lane >> U33)) * PRIME_1


@kernel
def _merge(h, lane):
    return (h ^ _round(ZERO, lane)) * PRIME_1 + PRIME_4


@kernel
def _xxh64(text, i, stop):
    """XXH64 of text[i:stop], seed 0; i and stop are uint64."""
    length = stop - i
    if length >= U32:
        a, b, c, d = LANE_1, PRIME_2, ZERO, LANE_4
        while stop - i >= U32:
            a = _round(a, _word(text, i))
            b = _round(b, _word(text, i + U8))
            c = _round(c, _word(text, i + U16))
            d = _round(d, _word(text, i + U24))
            i += U32
        h = (a << U1) | (a >> U63)
        h += (b << U7) | (b >> U57)
        h += (c << U12) | (c >> U52)
        h += (d << U18) | (d >> U46)
        h = _merge(_merge(_merge(_merge(h, a), b), c), d)
    else:
        h = PRIME_5
    h += length
    while stop - i >= U8:
        h ^= _round(ZERO, _word(text, i))
        h = ((h << U27) | (h >> U37)) * PRIME_1 + PRIME_4
        i += U8
    if stop - i >= U4:
        h ^= _half(text, i) * PRIME_1
        h = ((h << U23) | (h >> U41)) * PRIME_2 + PRIME_3
        i += U4
    while i < stop:
        h ^= np.uint64(text[i]) * PRIME_5
        h = ((h << U11) | (h >> U53)) * PRIME_1
        i += ONE
    h = (h ^ (h >> U33)) * PRIME_2
    h = (h ^ (h >> U29)) * PRIME_3
    return h ^ (h >> U32)


@kernel
def fingerprints(text, starts, stops, out):
    """Write a fingerprint of each document: 0 for one without text, and for no other.

    ASCII whitespace at both ends of a document is no part of it.

    text (bytes,) uint8;  starts, stops (n,) int64   document i is text[starts[i]:stops[i]]
    out  (n,) uint64   overwritten
    """
    for document in range(starts.size):
        i = starts[document]
        stop = stops[document]
        while i < stop and (text[i] == 0x20 or 0x09 <= text[i] <= 0x0D):
            i += 1
        while i < stop and (text[stop - 1] == 0x20 or 0x09 <= text[stop - 1] <= 0x0D):
            stop -= 1
        if i == stop:
            out[document] = ZERO
        else:
            h = _xxh64(text, np.uint64(i), np.uint64(stop))
            out[document] = h if h != ZERO else ONE
