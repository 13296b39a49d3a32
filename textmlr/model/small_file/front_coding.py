"""Names in order, front-coded: each without the beginning that it shares with the one before."""

from __future__ import annotations

from os import PathLike

import numpy as np
from numpy.typing import NDArray

from textmlr.base.file_checks import check_blob, expect

END = 0xFF  # ends a suffix; no byte of UTF-8
MOST_SHARED = 255


def front_code(names: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(bytes each name has in common with the one before, at most MOST_SHARED; the rest of each,
    ended by END)."""
    shared = bytearray()
    rest: list[bytes] = []
    before = b""
    for name in names:
        most = min(len(name), len(before), MOST_SHARED)
        same = 0
        while same < most and name[same] == before[same]:
            same += 1
        shared.append(same)
        rest.append(name[same:])
        before = name
    end = bytes([END])
    blob = b"".join(part + end for part in rest)
    return np.frombuffer(bytes(shared), np.uint8), np.frombuffer(blob, np.uint8)


def restore(
    shared: NDArray[np.uint8], rest: NDArray[np.uint8], most: int, path: str | PathLike[str]
) -> list[bytes]:
    """The names again, which must be UTF-8 and take ``most`` bytes in all."""
    parts = rest.tobytes().split(bytes([END]))
    expect(parts.pop() == b"" and len(parts) == len(shared), path, "its names are not so many")
    lengths = np.fromiter(map(len, parts), np.int64, len(parts)) + shared
    expect(int(lengths.sum()) == most, path, "its names are not as long as it says")
    names: list[bytes] = []
    before = b""
    for same, part in zip(shared.tolist(), parts, strict=True):
        expect(same <= len(before), path, "a name begins with more than the one before has")
        before = before[:same] + part
        names.append(before)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    check_blob(np.frombuffer(b"".join(names), np.uint8), offsets, path, "names")
    return names
