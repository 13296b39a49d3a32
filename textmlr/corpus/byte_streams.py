"""Streams: the bytes of a file, standard input or URL, decompressed, text as UTF-8, and refused as
InputErrors."""

from __future__ import annotations

import io
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base import limits
from textmlr.base.errors import FormatError, InputError
from textmlr.base.magic_bytes import ARROW, PARQUET
from textmlr.base.option_mentions import mention
from textmlr.corpus.decompression import (
    ENDINGS,
    MAGIC,
    MAGIC_BYTES,
    MAY_BE_MAGIC,
    READ_BYTES,
    XZ_MEMORY,
    LimitedReader,
    RejoinedFile,
    ending_of,
    lzma_error_class,
    reader_of,
)
from textmlr.corpus.refusals import most_memory, refusals, too_large, too_long
from textmlr.corpus.text_encodings import (
    BOM,
    MARK_BYTES,
    SEVERAL,
    DecodedReader,
    first_invalid,
    is_utf8_for,
    marked,
    may_be_marked,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Archives by their endings, and by what their first member has at byte 257 (POSIX tar) or 0 (zip).
_ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tzst", ".7z", ".rar")
_ARCHIVE = re.compile(
    rb"PK\x03\x04|PK\x05\x06|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|.{257}ustar", re.DOTALL
)
_BEFORE, _BEHIND = 1 << 12, 1 << 18  # bytes around what is no UTF-8
HEAD = 1 << 16  # bytes that show a format, and hold a CSV file's line of names


class Invalid(NamedTuple):
    """Bytes that are no UTF-8: the file, the line, and its text from there on.

    mixed  the text before has several characters of UTF-8
    named  instead: the encoding that was named, though the text is UTF-8
    """

    name: str
    line: int
    sample: bytes
    mixed: bool = False
    named: str = ""


class Stream:
    """The bytes of one source, from first to last, decompressed; text in other encodings is UTF-8.

    name     for messages
    path     as the user wrote it; its ending may say what the file is
    limited  hold decompressed data to MOST_RATIO and XZ_MEMORY
    live     ``head`` ends with the first line that is not blank, and ``read`` gives what is there;
             compressed data come as the decompressor gives them
    invalid  where the first bytes are that are no UTF-8, as far as ``check_text`` was called
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
        encoding: str | None = None,
    ) -> None:
        """Look at the first bytes of an open file.

        renamable  it is compressed if its name says so; otherwise its first bytes may say it
        encoding   of text, where no byte order mark says it
        Raises InputError where the two disagree, and for an archive.
        """
        self.name, self.path, self.limited, self.live = name, path, limited, live
        self.invalid: Invalid | None = None
        self._encoding, self._begun, self._decoded = encoding, False, False
        self._several = False  # characters of UTF-8 were seen
        self._file, self._peeked = file, b""
        self._seeks = path != "-"  # standard input may stand anywhere
        ending = ending_of(path)
        with refusals(name):
            head = b""
            while len(head) < MAGIC_BYTES and (chunk := file.read(MAGIC_BYTES - len(head))):
                head += chunk
                if live and b"\n" in head and not head.startswith(MAY_BE_MAGIC):
                    break  # a short line, and the next may be long in coming
        bare = path.lower().removesuffix(ending or "")
        if bare.endswith(_ARCHIVES) or (ending is None and _ARCHIVE.match(head)):
            raise _archive(name)
        found = MAGIC.match(head)
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
            source = RejoinedFile(head, file)
            own = reader_of(
                kind, io.BufferedReader(source, READ_BYTES), XZ_MEMORY if limited else None
            )
            self._reader = LimitedReader(own, source, name) if limited else own

    def _begin(self) -> None:
        """Before anything is read: find out whether text is to be decoded."""
        if self._begun:
            return
        self._begun = True
        with self._refusals():
            while len(self._peeked) < MARK_BYTES and may_be_marked(self._peeked):
                chunk = self._next(MARK_BYTES - len(self._peeked))
                if not chunk:
                    break
                self._peeked += chunk
        found = marked(self._peeked) or self._encoding
        if found is None or self._peeked.startswith(BOM):
            return
        if self._peeked.startswith((PARQUET, ARROW)):
            raise FormatError(
                "a table of Parquet or Arrow, whose text is UTF-8 always",
                place=self.name,
                mend=f"leave {mention('encoding')} out",
            )
        if found == self._encoding and not marked(self._peeked):
            with self._refusals():
                while not self.live and len(self._peeked) < HEAD:
                    chunk = self._next(HEAD - len(self._peeked))
                    if not chunk:
                        break
                    self._peeked += chunk
            if is_utf8_for(self._peeked, found):
                self.invalid = Invalid(self.name, 1, b"", named=found)
        self._reader = DecodedReader(self._peeked, self._reader, found, self.name)
        self._peeked, self._seeks, self._decoded = b"", False, True

    def check_text(self, text: NDArray[np.uint8], line: int) -> None:
        """Note the first bytes that are no UTF-8 in ``invalid``, if none are noted yet.

        text  of whole lines, of which the first has the number ``line``
        """
        if self.invalid is not None or self._decoded:
            return
        at = first_invalid(text)
        if at >= 0:
            begin = bytes(text[max(at - _BEFORE, 0) : at]).rfind(b"\n") + 1
            line += int(np.count_nonzero(text[:at] == 10))
            sample = bytes(text[max(at - _BEFORE, 0) + begin : at + _BEHIND])
            mixed = self._several or int(np.count_nonzero(text[:at] >= 0xC0)) >= SEVERAL
            self.invalid = Invalid(self.name, line, sample, mixed)
        elif not self._several:
            self._several = int(np.count_nonzero(text[:HEAD] >= 0xC0)) >= SEVERAL

    def head(self) -> bytes:
        """The first HEAD bytes, or all; ``read`` still gives them."""
        self._begin()
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
        """The next bytes, so many or all that are left; if live, those that are there."""
        self._begin()
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
        """Some bytes, without waiting for more if live; none at the end."""
        read = self._reader.read
        if self.live:  # Python's raw files have no other than such
            read = getattr(self._reader, "read1", read)
        chunk: bytes = read(most)
        return chunk

    def rest(self, unit: str | None = None) -> NDArray[np.uint8]:
        """All bytes that are left, (bytes,) uint8, writable: into one allocation if the file says
        how large it is.

        unit  "line": they are lines, held to MOST_DOCUMENT bytes as they come (those of a file
              that says its size are checked when it is split); "document": they are one document;
              None: neither
        Raises InputError also for more bytes than memory holds, before memory runs out.
        """
        self._begin()
        with self._refusals():
            try:
                if isinstance(self._reader, io.FileIO):
                    return self._rest_of_file(self._reader, unit)
                return self._drain(unit)
            except MemoryError:  # the process may have less than the machine
                raise too_large(self.name, len(self._peeked)) from None

    def reader(self) -> io.BufferedReader:
        """The bytes that are left as a file."""
        return io.BufferedReader(_AsFile(self), READ_BYTES)

    def random(self) -> Any:
        """A file that pyarrow reads by random access: itself, or else all of it in memory."""
        import pyarrow as pa

        self._begin()
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
        if size > most_memory():
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
        begin = buffer.rfind(b"\n") + 1 if unit == "line" else 0  # where the last line begins
        memory = most_memory()
        while chunk := self._reader.read(READ_BYTES):
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
        lzma_error = lzma_error_class() if self.kind == "xz" else ()
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


def _is_arrow(file: Any) -> bool:
    return type(file).__module__.startswith("pyarrow")


def _archive(name: str) -> InputError:
    return InputError(
        "an archive, and archives are not unpacked",
        place=name,
        mend="unpack it, and name the files or the folder",
    )


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
