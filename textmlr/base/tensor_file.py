"""The file of tensors: arrays and one JSON header in a safetensors file, whole or not at all.

It knows nothing of models (``model.model_file`` does).  In the file's ``__metadata__`` one entry,
"textmlr", holds ``VERSION CRC JSON``: the version of the format, the CRC-32 of the version, a space
and the JSON (of format 4 that of the JSON alone), and the JSON with the header and each tensor's
dtype, shape and checksum.  The checksum of up to CHECKED
bytes is their CRC-32; that of more is the CRC-32 of the CRC-32s (little-endian) of each CHECKED of
them, which several threads can compute.  A changed or missing byte anywhere makes one of these
disagree.

Source: the safetensors format, version 0.4 and later (8 bytes of header size, JSON, data).
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from math import isfinite
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.file_bytes import ModelSource, name_of, read_bytes
from textmlr.base.file_checks import Path, expect, refuse_file, take
from textmlr.base.magic_bytes import FASTTEXT, METADATA_KEY, SIZE_BYTES
from textmlr.base.threads import available_threads, map_blocks
from textmlr.base.whole_files import atomic_write

FORMAT_VERSION = 7  # the newest that is read
USUAL_VERSION = 5  # that is written, unless what is written says another
OLDEST_VERSION = 4  # that is read: a header of it may lack what later ones have
CHECKED = 1 << 22  # bytes
# The most bytes of the JSON, or its largest share of the file: Python takes up to thirty times as
# many to hold it.  Real ones have a few thousand, the names of the corpus's files, and a number a
# label.
MOST_HEADER = 1 << 20
MOST_SHARE = 1 / 16
MOST_DIMENSIONS = 2
MOST_DEPTH = 32  # levels of the JSON; real ones have 6
_LARGEST_HEADER = 100_000_000  # bytes; safetensors' own limit
_DTYPES = {  # in the order of arrays in a file
    "U64": np.uint64,
    "I64": np.int64,
    "F64": np.float64,
    "F32": np.float32,
    "I32": np.int32,
    "F16": np.float16,
    "U8": np.uint8,
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}


def save(
    path: Path,
    header: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    version: int = USUAL_VERSION,
) -> int:
    """Write header and tensors to one file; return its size in bytes.

    header   JSON values
    tensors  float64, float32, float16, int64, uint64, int32 or uint8 arrays, by name
    version  the oldest version of the format that knows all of it: what reads only older ones
             refuses the file
    The same input gives the same bytes.  The file appears under its name whole, or not at all.
    Raises InputError if it cannot be written, TypeError or ValueError for a header that is not
    JSON, and for arrays of other types.
    """
    arrays, head = _checked(header, tensors, version, os.fspath(path))
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        file.write(head)
        for array in arrays:
            file.write(array.reshape(-1).view(np.uint8).data)
        return file.tell()


def dumps(
    header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], version: int = USUAL_VERSION
) -> bytes:
    """The bytes of the file that ``save`` would write."""
    arrays, head = _checked(header, tensors, version, None)
    return b"".join([head, *(array.reshape(-1).view(np.uint8).data for array in arrays)])


def _checked(
    header: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    version: int,
    place: str | None,
) -> tuple[list[NDArray[Any]], bytes]:
    """``_serialised``.  Raises InputError for a header that ``load`` would refuse."""
    arrays, head = _serialised(header, tensors, version)
    if len(head) > _most_header(len(head) + sum(array.nbytes for array in arrays)):
        problem, mend = "its header would be too large", "train on fewer, larger files"
        raise InputError(problem, place=place, mend=mend)
    return arrays, head


def header_checksum(version: int, content: bytes) -> int:
    """The CRC-32 of a format's version and the JSON after it."""
    return zlib.crc32(content if version == OLDEST_VERSION else b"%d %b" % (version, content))


def size_of(
    header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], version: int = USUAL_VERSION
) -> int:
    """Bytes of the file that ``save`` would write."""
    arrays, head = _serialised(header, tensors, version)
    return len(head) + sum(array.nbytes for array in arrays)


def load(source: ModelSource) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read a file that ``save`` wrote: (header, tensors).

    source  its path, its bytes, or the file, opened for reading bytes
    Tensors are read-only views of the file's bytes in memory.  Everything is verified: sizes,
    offsets, dtypes, shapes and checksums.  Later changes of the file have no effect.
    Raises ModelFileError, naming the source, for anything but a whole file of ours.
    """
    path = name_of(source)
    view = read_bytes(source, path, lambda head: _header_size(head, path))
    layout, begin = _layout(view, path)
    metadata = layout.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not isinstance(metadata.get(METADATA_KEY), str):
        refuse_file(path, "a safetensors file, but not a textmlr model", "name a model of textmlr")
    content = _content(metadata[METADATA_KEY], path)
    described = take(content, "tensors", dict, path)
    expect(list(metadata) == [METADATA_KEY], path, "it has metadata that are not ours")
    expect(described.keys() == layout.keys(), path, "its tensors are not those it lists")
    tensors = {}
    end = 0
    for name, entry in sorted(layout.items(), key=lambda item: _offsets(item[1], path)):
        first, last = _offsets(entry, path)
        expect(first == end, path, f"there is a gap or an overlap before tensor {name!r:.40}")
        end = last
        array = _array(view, begin, entry, name, path)
        known = [entry["dtype"], entry["shape"], _checksum(array)]
        expect(known == described[name], path, f"the checksum of tensor {name!r:.40} is wrong")
        tensors[name] = array
    expect(begin + end == len(view), path, "its size is not what its header says")
    return take(content, "header", dict, path), tensors


def _serialised(
    header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], version: int
) -> tuple[list[NDArray[Any]], bytes]:
    """(the arrays in the order of the file, the bytes before them): the widest first, as
    safetensors' own library writes them, so that each is aligned."""
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    described: dict[str, list[Any]] = {
        name: [_NAMES[array.dtype], list(array.shape), _checksum(array)]
        for name, array in arrays.items()
    }
    content = _json({"header": header, "tensors": described})
    check = header_checksum(version, content.encode())
    layout: dict[str, Any] = {"__metadata__": {METADATA_KEY: f"{version} {check:08x} {content}"}}
    widths = [*_NAMES.values()]
    order = sorted(arrays, key=lambda name: (widths.index(described[name][0]), name))
    end = 0
    for name in order:
        dtype, shape, _ = described[name]
        first, end = end, end + arrays[name].nbytes
        layout[name] = {"dtype": dtype, "shape": shape, "data_offsets": [first, end]}
    raw = json.dumps(layout, separators=(",", ":"), ensure_ascii=False).encode()
    raw += b" " * (-len(raw) % 8)
    return [arrays[name] for name in order], len(raw).to_bytes(SIZE_BYTES, "little") + raw


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(array: NDArray[Any]) -> int:
    data = array.reshape(-1).view(np.uint8).data
    if len(data) <= CHECKED:
        return zlib.crc32(data)

    def part(first: int) -> int:
        return zlib.crc32(data[first : first + CHECKED])

    parts = list(map_blocks(part, range(0, len(data), CHECKED), available_threads()))
    return zlib.crc32(np.array(parts, "<u4").tobytes())


def _header_size(head: bytes | memoryview, path: Path) -> int:
    """Bytes of the safetensors header, by the first bytes of a file."""
    if bytes(head[: len(FASTTEXT)]) == FASTTEXT:
        refuse_file(path, "is a model of fastText", "import it: textmlr import, or import_model")
    size = int.from_bytes(head[:SIZE_BYTES], "little")
    if len(head) <= SIZE_BYTES or head[SIZE_BYTES] != ord("{") or size > _LARGEST_HEADER:
        refuse_file(path, "is not a textmlr model", "name a model of textmlr")
    return size


def _most_header(size: int) -> int:
    """The most bytes of the header of a file of this size."""
    return max(MOST_HEADER, int(size * MOST_SHARE))


def _layout(view: memoryview, path: Path) -> tuple[dict[str, Any], int]:
    """(the safetensors header, the offset of the data)."""
    size = _header_size(view, path)
    expect(size <= _most_header(len(view)), path, "its header is too large")
    if SIZE_BYTES + size > len(view):
        refuse_file(path, "is cut short")
    # numpy reads unaligned views slowly or not at all; the format aligns the data to 8 bytes.
    expect(size % 8 == 0, path, "its header is not aligned")
    return _parse(bytes(view[SIZE_BYTES : SIZE_BYTES + size]), path), SIZE_BYTES + size


def _content(value: str, path: Path) -> dict[str, Any]:
    """The JSON of our metadata entry, checked."""
    version, _, rest = value.partition(" ")
    check, _, content = rest.partition(" ")
    expect(
        version.isascii() and version.isdecimal() and len(version) < 9,
        path,
        "its format version is unreadable",
    )
    if int(version) > FORMAT_VERSION:
        refuse_file(path, f"was made by a newer textmlr (format {int(version)})", "upgrade textmlr")
    if 1 <= int(version) < OLDEST_VERSION:
        refuse_file(
            path, f"was made by an older textmlr (format {int(version)})", "train the model again"
        )
    expect(int(version) >= OLDEST_VERSION, path, f"its format version is {int(version)}")
    encoded = content.encode("utf-8", "surrogatepass")
    known = f"{header_checksum(int(version), encoded):08x}"
    expect(check == known, path, "the checksum of its header is wrong")
    return _parse(encoded, path)


def _parse(data: bytes, path: Path) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice")
        return found

    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    def finite(number: str) -> float:
        if not isfinite(value := float(number)):
            raise ValueError(f"{number} is too large")
        return value

    try:
        value = json.loads(
            data, object_pairs_hook=once, parse_constant=no_constant, parse_float=finite
        )
        if isinstance(value, dict):
            _check_depth(value)
    except (ValueError, RecursionError) as error:  # JSON and Unicode errors are ValueErrors
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        refuse_file(path, f"its header is no JSON ({reason:.80})")
    if not isinstance(value, dict):
        refuse_file(path, "its header is no JSON object")
    return value


def _check_depth(value: Any) -> None:
    """Raise RecursionError for JSON nested deeper than any header: copying or writing it would."""
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [
            one
            for outer in level
            for one in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(one, dict | list)
        ]
    if level:
        raise RecursionError


def _offsets(entry: Any, path: Path) -> tuple[int, int]:
    """data_offsets of a tensor's entry, (first, end) with 0 <= first <= end."""
    expect(isinstance(entry, dict), path, "a tensor's entry is no object")
    pair = take(entry, "data_offsets", list, path)
    fits = len(pair) == 2 and all(type(offset) is int for offset in pair)
    expect(fits and 0 <= pair[0] <= pair[1], path, "a tensor's offsets are out of range")
    return pair[0], pair[1]


def _array(
    view: memoryview, begin: int, entry: dict[str, Any], name: str, path: Path
) -> NDArray[Any]:
    """A tensor as a view of the file."""
    dtype = _DTYPES.get(take(entry, "dtype", str, path))
    shape = take(entry, "shape", list, path)
    if dtype is None:
        refuse_file(path, f"tensor {name!r:.40} has dtype {entry['dtype']!r:.20}")
    possible = all(type(size) is int and 0 <= size <= len(view) for size in shape)
    expect(
        possible and len(shape) <= MOST_DIMENSIONS,
        path,
        f"tensor {name!r:.40} has an impossible shape",
    )
    first, last = _offsets(entry, path)
    count = 1
    for size in shape:
        count *= size
        # Python's integers do not overflow, and this keeps them small.
        expect(count <= len(view), path, f"tensor {name!r:.40} is larger than the file")
    expect(
        count * np.dtype(dtype).itemsize == last - first,
        path,
        f"tensor {name!r:.40} is not as long as its shape says",
    )
    expect(begin + last <= len(view), path, "is cut short")
    expect(first % np.dtype(dtype).itemsize == 0, path, f"tensor {name!r:.40} is not aligned")
    if not count:
        return np.empty(shape, dtype)
    return np.frombuffer(view, dtype, count, begin + first).reshape(shape)
