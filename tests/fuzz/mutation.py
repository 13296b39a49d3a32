"""Inputs by chance alone: for the quick tests, and where there is no atheris."""

from __future__ import annotations

import random
from collections.abc import Sequence

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0xC2, 0xE2, 0xF0, 10, 13, 34, 9)


def mutant(rng: random.Random, pool: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """One of the pool, changed in a few places."""
    data = bytearray(rng.choice(pool))
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8, 13))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 16, 64)))
        match rng.randrange(8):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1 if data:
                data[at % len(data)] = rng.choice(INTERESTING)
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[at:end] * rng.choice((1, 1, 2, 20))
            case 4 if words:
                data[at:at] = rng.choice(words)
            case 5:
                other = rng.choice(pool)
                begin = rng.randrange(len(other) + 1)
                data[at:] = other[begin:]
            case 6:
                data[at:at] = rng.randbytes(rng.choice((1, 2, 8)))
            case _:
                data[at:end] = rng.randbytes(end - at)
    return bytes(data)
