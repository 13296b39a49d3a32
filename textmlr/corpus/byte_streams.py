"""Streams: the bytes of a file, standard input or URL, decompressed, and refused as InputErrors."""

from __future__ import annotations

import io
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base import limits
from textmlr.base.errors import InputError
from textmlr.base.threads import machine_memory

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
BOM = b"\xef\xbb\xbf"
_XZ = b"\xfd7zXZ\x00"
_CHUNK = 1 << 20
# The most that is decompressed of a byte. Logs of one message over and over reach 200 with xz and
# zstd, a few canned answers 500 with bzip2; a bomb of zeros has 1,030 with gzip, thousands with the
# others.
MOST_RATIO = 1000
FREE_BYTES = 1 << 27  # so much may come of any file, however small
XZ_MEMORY = 1 << 30  # of xz's dictionary; xz -9 takes 64 MiB
LIFT = "--no-compression-limit"
# Archives by their endings, and by what their first member has at byte 257 (POSIX tar) or 0 (zip).
_ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tzst", ".7z", ".rar")
_ARCHIVE = re.compile(
    rb"PK\x03\x04|PK\x05\x06|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|.{257}ustar", re.DOTALL
)
HEAD = 1 << 16  # bytes that show a format, and hold a CSV file's line of names


def check_ratio(name: str, read: int, made: int) -> None:
    """Refuse what is far larger than the file it comes from.

    read  bytes of the file so far;  made  bytes that came of them
    Raises InputError over MOST_RATIO and FREE_BYTES.
    """
    if made > FREE_BYTES and made > MOST_RATIO * max(read, 1):
        raise InputError(
            f"{read:,} bytes of it decompress to more than {made:,}, over {MOST_RATIO:,} times as "
            "many",
            place=name,
            mend=f"look at what it holds, and pass {LIFT} if that is meant",
        )


def too_long(name: str, line: int | None, what: str, size: int) -> InputError:
    """The error of a line, row or document of more than MOST_DOCUMENT bytes.

    size  bytes of it that were seen
    """
    return InputError(
        f"{what} of {size:,} bytes and more, over the {limits.MOST_DOCUMENT:,} that one may have",
        place=name,
        line=line,
        mend="look at whether it is text at all, and divide it",
    )


def too_large(name: str, size: int) -> InputError:
    """The error of a file of which so many bytes and more were to be in memory at once."""
    return InputError(
        f"{size:,} bytes and more are too many for the memory of this machine",
        place=name,
        mend="look at what it holds, or divide it",
    )


def _most_memory() -> int:
    """Bytes that a file may take in memory: a document always may."""
    return max(machine_memory(), limits.MOST_DOCUMENT)


def ending_of(name: str) -> str | None:
    """The ending of a name that says how the file is compressed, None if it is not."""
    return next((ending for ending in ENDINGS if name.lower().endswith(ending)), None)


@contextmanager
def unchanged(file: Any, name: str) -> Iterator[None]:
    """Refuse a file that another program wrote to meanwhile: what was read of it may be neither
    its old content nor its new.

    file  has a descriptor of a regular file; nothing is known of any other
    """
    before = _state(file)
    try:
        yield
    except (InputError, OSError):  # which the change may have caused
        _check_state(file, name, before)
        raise
    _check_state(file, name, before)


def _state(file: Any) -> tuple[int, int] | None:
    """(size, time of the last change in ns) of a regular file."""
    try:
        state = os.fstat(file.fileno())
    except (AttributeError, OSError, ValueError):  # not a file of the system's
        return None
    return (state.st_size, state.st_mtime_ns) if stat.S_ISREG(state.st_mode) else None


def _check_state(file: Any, name: str, before: tuple[int, int] | None) -> None:
    after = _state(file)
    if before is None or after is None or after == before:
        return
    grown = after[0] - before[0]
    how = f", by {abs(grown):,} bytes {'more' if grown > 0 else 'less'}" if grown else ""
    raise InputError(f"changed while it was read{how}", place=name, mend="copy it first") from None


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
    limited  what is decompressed is held to MOST_RATIO and XZ_MEMORY
    live  ``head`` ends with the first line that is not blank, and ``read`` gives what is there.
          What is compressed comes as the decompressor gives it
    Every method raises InputError for what the system refuses and for compressed data that are
    not whole.
    """

    def __init__(
        self,
        file: Any,
        name: str,
        path: str,
        *,
        renamable: bool,
        limited: bool = True,
        live: bool = False,
    ) -> None:
        """Look at the first bytes of an open file.

        renamable  it is compressed if its name says so; otherwise its first bytes may say it
        Raises InputError where the two disagree, and for an archive.
        """
        self.name, self.path, self.limited, self.live = name, path, limited, live
        self._file, self._peeked = file, b""
        self._seeks = path != "-"  # standard input may stand anywhere
        ending = ending_of(path)
        with refusals(name):
            head = b""
            while len(head) < _MAGIC_BYTES and (chunk := file.read(_MAGIC_BYTES - len(head))):
                head += chunk
                if live and b"\n" in head and not head.startswith(_MAY_BE_MAGIC):
                    break  # a short line, and the next may be long in coming
        bare = path.lower().removesuffix(ending or "")
        if bare.endswith(_ARCHIVES) or (ending is None and _ARCHIVE.match(head)):
            raise _archive(name)
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
            source = _Rejoined(head, file)
            own = _reader(kind, io.BufferedReader(source, _CHUNK), XZ_MEMORY if limited else None)
            self._reader = _Limited(own, source, name) if limited else own

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
        if _ARCHIVE.match(self._peeked):
            raise _archive(self.name)
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

    def rest(self, unit: str | None = None) -> NDArray[np.uint8]:
        """All bytes that are left, (bytes,) uint8, writable: into one allocation if the file says
        how large it is.

        unit  "line": they are lines, which are held to MOST_DOCUMENT bytes as they come (those of
              a file that says its size, by whoever splits it); "document": they are one; None:
              neither
        Raises InputError too for what does not fit in memory, before memory goes.
        """
        with self._refusals():
            try:
                if isinstance(self._reader, io.FileIO):
                    return self._rest_of_file(self._reader, unit)
                return self._drain(unit)
            except MemoryError:  # of a process that may have less than the machine
                raise too_large(self.name, len(self._peeked)) from None

    def reader(self) -> io.BufferedReader:
        """The bytes that are left as a file."""
        return io.BufferedReader(_AsFile(self), _CHUNK)

    def random(self) -> Any:
        """What pyarrow reads by random access: the file itself, or else all of it in memory."""
        import pyarrow as pa

        with refusals(self.name):
            if self.kind is None and self._seeks and self._reader.seekable():
                self._reader.seek(0)
                self._peeked = b""
                if isinstance(self._reader, io.FileIO):
                    name = self._reader.name
                    file = pa.OSFile(name)
                    if not os.path.samestat(os.stat(name), os.fstat(self._reader.fileno())):
                        raise InputError(
                            "became another file while it was read",
                            place=name,
                            mend="read it again",
                        )
                    return file
                own = _is_arrow(self._reader)
                return self._reader if own else pa.PythonFile(self._reader, mode="r")
        return pa.BufferReader(pa.py_buffer(self.rest()))

    def _rest_of_file(self, file: io.FileIO, unit: str | None) -> NDArray[np.uint8]:
        size = os.fstat(file.fileno()).st_size
        if unit == "document" and size > limits.MOST_DOCUMENT:
            raise too_long(self.name, None, "a document", size)
        if size > _most_memory():
            raise too_large(self.name, size)
        head, self._peeked = self._peeked, b""
        buffer: NDArray[np.uint8] = np.empty(max(size, len(head)) + 1, np.uint8)
        filled = len(head)
        buffer[:filled] = np.frombuffer(head, np.uint8)
        while filled < buffer.size and (n := file.readinto(buffer.data[filled:])):
            filled += n
        if filled < buffer.size:
            return buffer[:filled]
        self._peeked = buffer.tobytes()  # a pipe, or a file that is still growing
        return self._drain(unit)

    def _drain(self, unit: str | None) -> NDArray[np.uint8]:
        # A bytearray grows in place, without a second copy.
        buffer = bytearray(self._peeked)
        self._peeked = b""
        begin = buffer.rfind(b"\n") + 1 if unit == "line" else 0  # of the last line
        memory = _most_memory()
        while chunk := self._reader.read(_CHUNK):
            if unit == "line" and (end := chunk.rfind(b"\n") + 1):
                begin = len(buffer) + end
            buffer += chunk
            if unit is not None and len(buffer) - begin > limits.MOST_DOCUMENT:
                line = buffer.count(b"\n") + 1 if unit == "line" else None
                raise too_long(self.name, line, f"a {unit}", len(buffer) - begin)
            if len(buffer) > memory:
                raise too_large(self.name, len(buffer))
        return np.frombuffer(buffer, np.uint8)

    def _too_much_memory(self, most: int, command: str) -> InputError:
        return InputError(
            f"decompressing it takes more than {most >> 20:,} MiB of memory ({self.kind}'s window)",
            place=self.name,
            mend=f"compress it with a smaller window, as {command} does",
        )

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
                except lzma_error as error:
                    if "emory" in str(error):
                        raise self._too_much_memory(XZ_MEMORY, "xz -9") from None
                except (zlib.error, ValueError) as error:
                    if isinstance(error, InputError):
                        raise
                except OSError as error:
                    if error.errno is not None:  # the system's, not the decompressor's
                        raise
                    if "too much memory" in str(error):
                        raise self._too_much_memory(1 << 27, "zstd -19") from None
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


def _archive(name: str) -> InputError:
    return InputError(
        "an archive, and archives are not unpacked",
        place=name,
        mend="unpack it, and name the files or the folder",
    )


def _reader(kind: str, stream: io.BufferedReader, xz_memory: int | None) -> Any:
    """A reader of decompressed bytes."""
    if kind == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=stream)
    if kind == "bzip2":
        import bz2

        return bz2.BZ2File(stream)
    if kind == "xz":
        return _Xz(stream, xz_memory)
    import pyarrow as pa

    return pa.CompressedInputStream(stream, "zstd")


class _Limited:
    """A reader of decompressed bytes that refuses what is far more than was read."""

    def __init__(self, reader: Any, source: _Rejoined, name: str) -> None:
        self._reader, self._source, self._name = reader, source, name
        self._made = 0

    def read(self, most: int) -> bytes:
        """Some of the next bytes, none at the end."""
        chunk: bytes = self._reader.read(most)
        self._made += len(chunk)
        check_ratio(self._name, self._source.read_bytes, self._made)
        return chunk


class _Xz:
    """What lzma.LZMAFile reads, with a limit on the memory that its dictionary takes."""

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
                raw = self._decompressor.unused_data + self._stream.read(_CHUNK)
                if not raw.startswith(_XZ):
                    return b""
                self._decompressor = self._new()
            else:
                raw = self._stream.read(_CHUNK) if self._decompressor.needs_input else b""
                if not raw and self._decompressor.needs_input:
                    raise EOFError
            chunk: bytes = self._decompressor.decompress(raw, most)
            if chunk:
                return chunk


class _Rejoined(io.RawIOBase):
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
