"""Names in alphabetical order ↔ two streams, front-coded."""

from __future__ import annotations

from os import PathLike

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.file_checks import check_blob, expect
from textmlr.kernels import name_parts

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]


def front_coded(names: Bytes, offsets: Offsets) -> tuple[Bytes, Bytes]:
    """(shared, rest) of ``kernels.name_parts.front_code``;  names, offsets  as in Vocabulary."""
    shared = np.empty(len(offsets) - 1, np.uint8)
    rest = np.empty(len(names) + len(shared), np.uint8)
    size = name_parts.front_code(frozen(names), frozen(offsets), shared, rest)
    return shared, rest[:size]


def restored_names(
    shared: Bytes, rest: Bytes, size: int, path: str | PathLike[str]
) -> tuple[Bytes, Offsets]:
    """(names, offsets) again.  Raises ModelFileError unless they are UTF-8 of so many bytes."""
    fits = size <= len(rest) + int(shared.sum(dtype=np.int64))
    expect(fits, path, "its names are not as long as it says")
    names, offsets = np.empty(size, np.uint8), np.empty(len(shared) + 1, np.int64)
    whole = name_parts.restore_names(frozen(shared), frozen(rest), names, offsets)
    expect(bool(whole), path, "its names are not as long as it says")
    check_blob(names, offsets, path, "names")
    return names, offsets


def taken(names: Bytes, offsets: Offsets, order: Offsets) -> tuple[Bytes, Offsets]:
    """(names, offsets) of name order[i] as name i."""
    sizes = np.diff(offsets)[order]
    own = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    out = np.empty(int(own[-1]), np.uint8)
    name_parts.take_names(frozen(names), frozen(offsets), frozen(order), frozen(own), out)
    return out, own


def hashed(names: Bytes, offsets: Offsets) -> NDArray[np.uint64]:
    """``features.name_hashes.hashes_of``, by a kernel."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    name_parts.hash_names(frozen(names), frozen(offsets), hashes)
    return hashes
