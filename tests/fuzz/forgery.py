"""Forgery: a model file taken apart, to be put together again with checksums that agree."""

from __future__ import annotations

import json
import lzma
import struct
import zlib
from typing import Any

import numpy as np

from textmlr.base.featurizer_options import MAX_HASH_BITS
from textmlr.base.tensor_file import header_checksum
from textmlr.model.small_file.compressed import FILTERS, deflate

Json = dict[str, Any]
HUGE = "1e999"  # valid JSON, and infinite


class Forgery:
    """A model file taken apart, to be changed and put together with checksums that agree.

    header, layout, data   the JSON, each tensor's entry, each tensor's bytes
    order                  of the data
    """

    def __init__(self, whole: bytes) -> None:
        size = int.from_bytes(whole[:8], "little")
        self.layout: Json = json.loads(whole[8 : 8 + size])
        version, _, content = self.layout.pop("__metadata__")["textmlr"].split(" ", 2)
        self.header: Any = json.loads(content)["header"]
        body = whole[8 + size :]
        self.data = {k: body[slice(*v["data_offsets"])] for k, v in self.layout.items()}
        self.order = sorted(self.layout, key=lambda k: self.layout[k]["data_offsets"])
        self.version: Any = int(version)
        self.text: list[tuple[str, str]] = []  # replaced in the JSON as it is written

    @property
    def columns(self) -> int:
        """To which it says that it hashes; 0 if it does not, or says nothing that may be."""
        options = self.header.get("featurizer") if isinstance(self.header, dict) else None
        bits = options.get("hash_bits") if isinstance(options, dict) else None
        return 1 << bits if type(bits) is int and 1 <= bits <= MAX_HASH_BITS else 0

    @property
    def packed(self) -> str:
        """The name of the tensor of streams."""
        return "sparse.streams" if "sparse.streams" in self.data else "small"

    @property
    def streams(self) -> list[bytes]:
        """What is in the streams of a small file, or of a sparse θ."""
        lengths, at, found = self.header["storage"]["lengths"], 0, []
        for length in lengths:
            stream = self.data[self.packed][at : at + length]
            found.append(_inflated(stream))
            at += length
        return found

    @streams.setter
    def streams(self, parts: list[bytes]) -> None:
        made = [deflate(part, quick=True) for part in parts]
        self.set_data(self.packed, b"".join(made))
        self.header["storage"]["lengths"] = [len(stream) for stream in made]

    def set_data(self, name: str, data: bytes) -> None:
        """Give a tensor other bytes, and the shape and place that they have."""
        self.data[name] = data
        width = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "F16": 2, "U8": 1}
        dtype = self.layout[name].get("dtype")
        each = width.get(dtype, 1) if isinstance(dtype, str) else 1
        shape = self.layout[name].get("shape")
        columns = shape[1] if isinstance(shape, list) and len(shape) == 2 else None
        count = len(data) // each
        if isinstance(columns, int) and columns > 0:
            self.layout[name]["shape"] = [count // columns, columns]
        else:
            self.layout[name]["shape"] = [count]

    def place(self) -> None:
        """Put the tensors one after the other, as wide as they are."""
        at = 0
        for name in self.order:
            end = at + len(self.data[name])
            self.layout[name]["data_offsets"] = [at, end]
            at = end

    def array(self, name: str) -> np.ndarray:
        """A tensor's numbers, a copy."""
        dtypes = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "U64": "u8", "I32": "i4"}
        dtype = np.dtype(dtypes.get(str(self.layout[name].get("dtype")), "u1"))
        data = self.data[name]
        return np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype).copy()

    def whole(self) -> bytes:
        """The file."""
        data = b"".join(self.data[name] for name in self.order)
        described: Json = {}
        for name, entry in self.layout.items():
            if isinstance(entry, dict):
                own = self.data.get(name, b"")
                described[name] = [entry.get("dtype"), entry.get("shape"), zlib.crc32(own)]
        content = _dumped({"header": self.header, "tensors": described})
        for old, new in self.text:
            content = content.replace(old, new, 1)
        encoded = content.encode("utf-8", "surrogatepass")
        entry = f"{self.version} {header_checksum(self.version, encoded):08x} {content}"
        raw = _dumped({"__metadata__": {"textmlr": entry}, **self.layout}).encode()
        raw += b" " * (-len(raw) % 8)
        return struct.pack("<Q", len(raw)) + raw + data


def _dumped(value: Any) -> str:
    return json.dumps(value).replace("Infinity", HUGE)


def _inflated(stream: bytes) -> bytes:
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS).decompress(stream)
