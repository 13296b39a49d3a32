"""Decompression of gzip, zstd, bzip2 and xz, held to a ratio and to memory."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from textmlr.base.errors import InputError
from textmlr.base.option_mentions import mention

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


ENDINGS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}
# RFC 1952 (gzip, deflate), RFC 8878 (zstd), bzip2's level, then the first block or the end, and
# the .xz file format, 2.1.1.1.
MAGIC = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08)|(?P<zstd>\x28\xb5\x2f\xfd)|(?P<xz>\xfd7zXZ\x00)"
    rb"|(?P<bzip2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))"
)
MAGIC_BYTES = 10
MAY_BE_MAGIC = (b"\x1f\x8b", b"\x28\xb5", b"\xfd7", b"BZh")
_XZ = b"\xfd7zXZ\x00"
READ_BYTES = 1 << 20  # bytes of the file at a time
# The most bytes that one byte may decompress to. Logs of one message over and over reach 200 with
# xz and zstd, a few canned answers 500 with bzip2; a bomb of zeros has 1,030 with gzip, thousands
# with the others.
MOST_RATIO = 1000
FREE_BYTES = 1 << 27  # any file may become so large, however small it is
XZ_MEMORY = 1 << 30  # bytes of xz's dictionary; xz -9 takes 64 MiB
LIFT = mention("compression_limit", False)


def check_ratio(name: str, read: int, made: int) -> None:
    """Refuse data that are far larger than the file they come from.

    read  bytes of the file so far;  made  bytes of data from them
    Raises InputError over MOST_RATIO and FREE_BYTES.
    """
    if made > FREE_BYTES and made > MOST_RATIO * max(read, 1):
        raise InputError(
            f"{read:,} bytes of it decompress to more than {made:,}, over {MOST_RATIO:,} times as "
            "many",
            place=name,
            mend=f"look at what it holds, and pass {LIFT} if that is meant",
        )


def ending_of(name: str) -> str | None:
    """The ending of a name that says how the file is compressed, None if it is not."""
    return next((ending for ending in ENDINGS if name.lower().endswith(ending)), None)


def lzma_error_class() -> type[Exception]:
    """The error of damaged .xz files; a Python may lack their module, so it is imported here."""
    import lzma

    return lzma.LZMAError


def reader_of(kind: str, stream: io.BufferedReader, xz_memory: int | None) -> Any:
    """A reader of decompressed bytes."""
    if kind == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=stream)
    if kind == "bzip2":
        import bz2

        return bz2.BZ2File(stream)
    if kind == "xz":
        return XzReader(stream, xz_memory)
    import pyarrow as pa

    return pa.CompressedInputStream(stream, "zstd")


class LimitedReader:
    """A reader of decompressed bytes that refuses far more of them than it read."""

    def __init__(self, reader: Any, source: RejoinedFile, name: str) -> None:
        self._reader, self._source, self._name = reader, source, name
        self._made = 0

    def read(self, most: int) -> bytes:
        """Some of the next bytes, none at the end."""
        chunk: bytes = self._reader.read(most)
        self._made += len(chunk)
        check_ratio(self._name, self._source.read_bytes, self._made)
        return chunk


class XzReader:
    """A reader like lzma.LZMAFile, with a limit on the memory of its dictionary."""

    def __init__(self, stream: io.BufferedReader, memory: int | None) -> None:
        self._stream, self._memory = stream, memory
        self._decompressor = self._new()

    def _new(self) -> Any:
        import lzma

        return lzma.LZMADecompressor(memlimit=self._memory)

    def read(self, most: int) -> bytes:
        """Some of the next bytes, none at the end; bytes behind the last stream are ignored."""
        while True:
            if self._decompressor.eof:
                raw = self._decompressor.unused_data + self._stream.read(READ_BYTES)
                if not raw.startswith(_XZ):
                    return b""
                self._decompressor = self._new()
            else:
                raw = self._stream.read(READ_BYTES) if self._decompressor.needs_input else b""
                if not raw and self._decompressor.needs_input:
                    raise EOFError
            chunk: bytes = self._decompressor.decompress(raw, most)
            if chunk:
                return chunk


class RejoinedFile(io.RawIOBase):
    """A stream with the bytes put back that were read from its head."""

    def __init__(self, head: bytes, stream: Any) -> None:
        self._head = head
        self._stream = stream
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        chunk = self._head[: len(view)] or self._stream.read(len(view)) or b""
        self._head = self._head[len(view) :]
        self.read_bytes += len(chunk)
        view[: len(chunk)] = chunk
        return len(chunk)
