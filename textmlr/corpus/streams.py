"""Streams: the bytes of a file, standard input or URL, decompressed, and refused as InputErrors."""

from __future__ import annotations

import io
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ENDINGS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}
# RFC 1952 (gzip, deflate), RFC 8878 (zstd), bzip2's level, then the first block or the end, and
# the .xz file format, 2.1.1.1.
_MAGIC = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08)|(?P<zstd>\x28\xb5\x2f\xfd)|(?P<xz>\xfd7zXZ\x00)"
    rb"|(?P<bzip2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))"
)
_MAGIC_BYTES = 10
_MAY_BE_MAGIC = (b"\x1f\x8b", b"\x28\xb5", b"\xfd7", b"BZh")
_CHUNK = 1 << 20
BOM = b"\xef\xbb\xbf"
HEAD = 1 << 16  # bytes that show a format, and hold a CSV file's line of names


def ending_of(name: str) -> str | None:
    """The ending of a name that says how the file is compressed, None if it is not."""
    return next((ending for ending in ENDINGS if name.lower().endswith(ending)), None)


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """What the system refuses within, as InputErrors that name the file."""
    try:
        yield
    except OSError as error:
        mend = "check the path and its permissions"
        if isinstance(error, IsADirectoryError):
            mend = "name the files in it"
        raise InputError(error.strerror or str(error), place=name, mend=mend) from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(str(error), place=name, mend="check the path") from None  # NUL in it


class Stream:
    """The bytes of one source, from first to last, decompressed.

    name  for messages
    path  as the user wrote it; its ending may say what the file is
    live  ``head`` ends with the first line that is not blank, and ``read`` gives what is there.
          What is compressed comes as the decompressor gives it
    Every method raises InputError for what the system refuses and for compressed data that are
    not whole.
    """

    def __init__(
        self, file: Any, name: str, path: str, *, renamable: bool, live: bool = False
    ) -> None:
        """Look at the first bytes of an open file.

        renamable  it is compressed if its name says so; otherwise its first bytes may say it
        Raises InputError where the two disagree.
        """
        self.name, self.path, self.live = name, path, live
        self._file, self._peeked = file, b""
        self._seeks = path != "-"  # standard input may stand anywhere
        ending = ending_of(path)
        with refusals(name):
            head = b""
            while len(head) < _MAGIC_BYTES and (chunk := file.read(_MAGIC_BYTES - len(head))):
                head += chunk
                if live and b"\n" in head and not head.startswith(_MAY_BE_MAGIC):
                    break  # a short line, and the next may be long in coming
        found = _MAGIC.match(head)
        kind = found.lastgroup if found else None
        if ending is not None and head and kind != ENDINGS[ending]:
            raise InputError(
                f"not {ENDINGS[ending]} data, though its name ends in {ending}",
                place=name,
                mend="rename it as what it is, or compress it",
            )
        if ending is None and kind is not None and renamable:
            right = next(end for end in ENDINGS if ENDINGS[end] == kind)
            mend = f"rename it so that its name ends in {right}"
            raise InputError(
                f"binary data: the file is compressed by {kind}", place=name, mend=mend
            )
        self.kind = kind
        if kind is None:
            self._peeked = head
            self._reader: Any = file
        else:
            self._reader = _reader(kind, io.BufferedReader(_Rejoined(head, file), _CHUNK))

    def head(self) -> bytes:
        """The first bytes, HEAD of them or all there are; they are still there to be read."""
        with self._refusals():
            while len(self._peeked) < HEAD:
                if self.live and b"\n" in self._peeked.removeprefix(BOM).lstrip():
                    break
                chunk = self._next(HEAD - len(self._peeked))
                if not chunk:
                    break
                self._peeked += chunk
        return self._peeked

    def read(self, most: int) -> bytes:
        """The next bytes, so many or all that are left; live, as many as there are."""
        chunk, self._peeked = self._peeked[:most], self._peeked[most:]
        if self.live and chunk:
            return chunk
        with self._refusals():
            # A pipe gives less at a time.
            while len(chunk) < most and (more := self._next(most - len(chunk))):
                chunk += more
                if self.live:
                    break
        return chunk

    def _next(self, most: int) -> bytes:
        """Some bytes, live without waiting for more than there are; none at the end."""
        read = self._reader.read
        if self.live:  # Python's raw files have no other than such
            read = getattr(self._reader, "read1", read)
        chunk: bytes = read(most)
        return chunk

    def rest(self) -> NDArray[np.uint8]:
        """All bytes that are left, (bytes,) uint8, writable: into one allocation if the file says
        how large it is."""
        with self._refusals():
            if isinstance(self._reader, io.FileIO):
                return self._rest_of_file(self._reader)
            return self._drain()

    def reader(self) -> io.BufferedReader:
        """The bytes that are left as a file."""
        return io.BufferedReader(_AsFile(self), _CHUNK)

    def random(self, *, mapped: bool) -> Any:
        """What pyarrow reads by random access: the file itself, or else all of it in memory.

        mapped  its bytes are used where they lie; else pages that were read would count as memory
                of this process, however large the file
        """
        import pyarrow as pa

        with refusals(self.name):
            if self.kind is None and self._seeks and self._reader.seekable():
                self._reader.seek(0)
                self._peeked = b""
                if isinstance(self._reader, io.FileIO):
                    name = self._reader.name
                    return pa.memory_map(name) if mapped else pa.OSFile(name)
                own = _is_arrow(self._reader)
                return self._reader if own else pa.PythonFile(self._reader, mode="r")
        return pa.BufferReader(pa.py_buffer(self.rest()))

    def _rest_of_file(self, file: io.FileIO) -> NDArray[np.uint8]:
        head, self._peeked = self._peeked, b""
        size = os.fstat(file.fileno()).st_size
        buffer: NDArray[np.uint8] = np.empty(max(size, len(head)) + 1, np.uint8)
        filled = len(head)
        buffer[:filled] = np.frombuffer(head, np.uint8)
        while filled < buffer.size and (n := file.readinto(buffer.data[filled:])):
            filled += n
        if filled < buffer.size:
            return buffer[:filled]
        self._peeked = buffer.tobytes()  # a pipe, or a file that is still growing
        return self._drain()

    def _drain(self) -> NDArray[np.uint8]:
        # A bytearray grows in place, without a second copy.
        buffer = bytearray(self._peeked)
        self._peeked = b""
        while chunk := self._reader.read(_CHUNK):
            buffer += chunk
        return np.frombuffer(buffer, np.uint8)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        if self.kind is None:
            with refusals(self.name):
                yield
            return
        problem = f"the {self.kind} data are corrupt"
        lzma_error = _lzma_error() if self.kind == "xz" else ()
        try:
            with refusals(self.name):
                try:
                    yield
                    return
                except EOFError:
                    problem = f"the {self.kind} data are truncated"
                except lzma_error:
                    pass
                except (zlib.error, ValueError) as error:
                    if isinstance(error, InputError):
                        raise
                except OSError as error:
                    if error.errno is not None:  # the system's, not the decompressor's
                        raise
                    if "truncated" in str(error).lower():
                        problem = f"the {self.kind} data are truncated"
        except InputError:
            raise
        raise InputError(problem, place=self.name, mend="copy or compress the file again")


def _lzma_error() -> type[Exception]:
    import lzma

    return lzma.LZMAError


def _is_arrow(file: Any) -> bool:
    return type(file).__module__.startswith("pyarrow")


def _reader(kind: str, stream: io.BufferedReader) -> Any:
    """A reader of decompressed bytes."""
    if kind == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=stream)
    if kind == "bzip2":
        import bz2

        return bz2.BZ2File(stream)
    if kind == "xz":
        import lzma

        return lzma.LZMAFile(stream)
    import pyarrow as pa

    return pa.CompressedInputStream(stream, "zstd")


class _Rejoined(io.RawIOBase):
    """A stream with the bytes put back that were read from its head."""

    def __init__(self, head: bytes, stream: Any) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        chunk = self._head[: len(view)] or self._stream.read(len(view)) or b""
        self._head = self._head[len(view) :]
        view[: len(chunk)] = chunk
        return len(chunk)


class _AsFile(io.RawIOBase):
    """A Stream as a file of Python's."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        chunk = self._stream.read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)
