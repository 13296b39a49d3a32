"""Arrays of bytes ↔ one array of their LZMA2 streams, which never unpack to more than declared."""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.file_checks import expect

# Fixed, so that no file can ask for more memory.  Rows of θ come back at some distance (an n-gram
# and those it contains have the same where they occur in the same documents).
DICTIONARY = 1 << 23
USUAL_PRESET, FAST_PRESET = 6, 1  # the second takes a fifth of the time, for a tenth more bytes
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": USUAL_PRESET, "dict_size": DICTIONARY}]
QUICK_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 0}]
# A file never declares more bytes than this many times its own: real models come to fifty.
MOST_RATIO = 4096
# Of a stream whose length is only guessed: θ of hundreds of labels has tens of millions of bytes.
PIECES, PIECE = 32, 1 << 16
FREE = 1 << 16  # bytes that any file may declare


def deflate(data: bytes, *, quick: bool = False, preset: int = USUAL_PRESET) -> bytes:
    """An LZMA2 stream; ``quick`` only to see how long it is, about: bytes that mean nothing."""
    if not quick:
        filters = [FILTERS[0] | {"preset": preset}]
        return lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters)
    some = _pieces(data)
    length = len(lzma.compress(some, format=lzma.FORMAT_RAW, filters=QUICK_FILTERS))
    return bytes(length if len(some) == len(data) else round(length * len(data) / len(some)))


def _pieces(data: bytes) -> bytes:
    """PIECES of the data at even distances, or all where it is not larger than these."""
    if len(data) <= PIECES * PIECE:
        return data
    starts = np.linspace(0, len(data) - PIECE, PIECES).astype(np.int64)
    return b"".join(data[start : start + PIECE] for start in starts.tolist())


def planes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes of a vector, all the first bytes of its elements, then all the second …"""
    width = array.dtype.itemsize
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little.view(np.uint8).reshape(-1, width).T).reshape(-1)


def from_planes(data: NDArray[np.uint8], dtype: Any) -> NDArray[Any]:
    """The vector of such bytes; their number is a multiple of the dtype's."""
    width = np.dtype(dtype).itemsize
    little: NDArray[Any] = np.ascontiguousarray(data.reshape(width, -1).T).reshape(-1)
    own: NDArray[Any] = little.view(np.dtype(dtype).newbyteorder("<")).astype(dtype, copy=False)
    return own


def squeeze(
    parts: Sequence[NDArray[np.uint8]], *, quick: bool = False, preset: int = USUAL_PRESET
) -> tuple[NDArray[np.uint8], list[int]]:
    """(the streams one after the other, how long each is); ``quick`` as in ``deflate``."""
    streams = [deflate(part.tobytes(), quick=quick, preset=preset) for part in parts]
    if sum(map(len, parts)) > _most(sum(map(len, streams))):
        raise InputError(
            "the weights are too many for a small file: nearly all of them are 0",
            mend="save the model as it is",
        )
    return np.frombuffer(b"".join(streams), np.uint8), [len(stream) for stream in streams]


def expand(
    data: NDArray[np.uint8], lengths: Sequence[int], sizes: Sequence[int], path: str | PathLike[str]
) -> list[NDArray[np.uint8]]:
    """The parts again, the i-th of sizes[i] bytes from a stream of lengths[i].

    Raises ModelFileError, before any memory is taken, for sizes that are out of all proportion,
    and where a stream is not whole or does not come to its size.
    """
    fits = all(type(n) is int and n >= 0 for n in (*lengths, *sizes))
    expect(
        fits and len(lengths) == len(sizes) and sum(lengths) == len(data),
        path,
        "the lengths of its streams are wrong",
    )
    expect(sum(sizes) <= _most(len(data)), path, "it declares more than so few bytes can hold")
    parts, begin = [], 0
    for length, size in zip(lengths, sizes, strict=True):
        part = _inflate(data[begin : begin + length].tobytes(), size)
        expect(part is not None, path, "a stream in it does not have its declared size")
        parts.append(np.frombuffer(part or b"", np.uint8))
        begin += length
    return parts


def _most(length: int) -> int:
    return MOST_RATIO * length + FREE


def _inflate(stream: bytes, size: int) -> bytes | None:
    """The bytes of a stream; None unless they are so many exactly."""
    # The window need not be larger than the output; LZMA's least is 4 KiB.
    filters = [FILTERS[0] | {"dict_size": min(DICTIONARY, max(size, 1 << 12))}]
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    try:
        # One byte more than there should be, so that the end of the stream is read too.
        out = decoder.decompress(stream, max_length=size + 1)
    except (lzma.LZMAError, EOFError):
        return None
    return out if len(out) == size and decoder.eof and not decoder.unused_data else None
