"""Strings as one array of bytes and the bounds of each, as files and kernels have them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def blob_of(
    strings: Sequence[str], errors: str = "strict"
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(blob, bounds) of n strings.

    blob    (bytes,) uint8   the strings one after the other, UTF-8
    bounds  (n + 1,) int64   string i is blob[bounds[i]:bounds[i + 1]]
    errors  of ``str.encode``, for lone surrogates.  "strict" raises UnicodeEncodeError

    >>> blob, bounds = blob_of(["a", "", "bc"])
    >>> blob.tobytes(), bounds.tolist()
    (b'abc', [0, 1, 1, 3])
    """
    encoded = [string.encode("utf-8", errors) for string in strings]
    bounds = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), bounds


def strings_of(
    blob: NDArray[np.uint8], bounds: NDArray[np.int64], errors: str = "strict"
) -> list[str]:
    """The strings of ``blob_of``;  errors  of ``bytes.decode``: "strict" raises
    UnicodeDecodeError."""
    whole = blob.tobytes()
    if whole.isascii():  # a character is a byte: no string is decoded by itself
        text = whole.decode("ascii")
        return [text[i:j] for i, j in pairwise(bounds.tolist())]
    if errors == "strict":
        text = whole.decode()
        is_start = np.append((blob & 0xC0) != 0x80, True)
        if is_start[bounds].all():  # each string is whole, as all of them are
            places = np.append(0, np.cumsum(is_start))[bounds].tolist()
            return [text[i:j] for i, j in pairwise(places)]
    return [whole[i:j].decode("utf-8", errors) for i, j in pairwise(bounds.tolist())]
