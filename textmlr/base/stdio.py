"""Standard input and output, also when they are closed, full or set not to wait."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from textmlr.base.errors import InputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

ESCAPED = "textmlr.escaped"  # name of how standard output treats what its encoding lacks
STDIN, STDOUT = "standard input", "standard output"


def standard_input() -> BinaryIO:
    """The bytes of standard input; reading waits for them.

    Raises InputError if it is closed.
    """
    buffer: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        raise InputError("closed", place=STDIN, mend="redirect a file into it")
    raw = raw_of(buffer)
    if not isinstance(raw, io.FileIO) or not hasattr(os, "get_blocking"):
        return buffer
    waits = os.get_blocking(raw.fileno())
    return buffer if waits else cast(BinaryIO, io.BufferedReader(_Waiting(raw)))


def hold_descriptors() -> None:
    """Open each of the three standard files that is closed on the null device, so that no other
    file gets its number; error messages are then lost, as asked for.  sys.stdin and sys.stdout stay
    None."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


class _Waiting(io.RawIOBase):
    """A file that other users have set not to wait (O_NONBLOCK): "nothing yet" is not its end.

    Setting it otherwise would change it for them, too.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def readinto(self, buffer: WriteableBuffer) -> int:
        import select  # late: few need it

        while (n := self._file.readinto(buffer)) is None:
            select.select([self._file], [], [])
        return n


@contextmanager
def to_standard_output() -> Iterator[BinaryIO]:
    """Standard output, for bytes, after all that was printed before.

    Raises BrokenPipeError where the reader is gone, InputError for other failures of a write.
    """
    try:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _refused(error) from error


def guard_output() -> None:
    """Make every failed write to standard output (a full disk, say) raise InputError, but
    BrokenPipeError where the reader is gone.  A failed write to standard error is ignored: no
    place is left to report it, and hours of training may continue.  Characters that standard output
    cannot show are escaped.

    Raises InputError if standard output is closed: the result would be computed and lost.
    """
    if type(raw_of(sys.stderr)) is io.FileIO:
        silent = io.BufferedWriter(_Silent(sys.stderr.fileno(), "wb", closefd=False))
        sys.stderr = _text_file(sys.stderr.encoding)(
            silent, sys.stderr.encoding, sys.stderr.errors, line_buffering=True
        )
    if sys.stdout is None:
        raise InputError("closed", place=STDOUT, mend="redirect it, to /dev/null to see nothing")
    old = sys.stdout
    if isinstance(old, io.TextIOWrapper) and isinstance(raw_of(old), io.FileIO):
        file = io.BufferedWriter(_Output(old.fileno(), "wb", closefd=False))
        often = old.line_buffering or old.write_through  # to a terminal; PYTHONUNBUFFERED
        # Text that its encoding lacks is escaped, unless PYTHONIOENCODING says otherwise.
        strict = old.errors in ("strict", "surrogateescape")
        errors = ESCAPED if strict else old.errors
        sys.stdout = _text_file(old.encoding)(file, old.encoding, errors, line_buffering=often)


class _Ascii(io.TextIOWrapper):
    """Text in ASCII that goes by another name: Click takes ASCII for a mistake of the surroundings,
    and writes UTF-8."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "ascii, escaped"


def _text_file(encoding: str) -> type[io.TextIOWrapper]:
    return _Ascii if codecs.lookup(encoding).name == "ascii" else io.TextIOWrapper


def _escape(error: UnicodeError) -> tuple[str, int]:
    """The characters that an encoding lacks as JSON escapes them, so that JSON is read back as it
    was: \\u00e9, and two of these for characters beyond U+FFFF."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[i : i + 2].hex() for i in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end


codecs.register_error(ESCAPED, _escape)


def raw_of(file: Any) -> Any:
    """The unbuffered file below a file of bytes or text."""
    buffer = getattr(file, "buffer", file)
    return getattr(buffer, "raw", buffer)


class _Silent(io.FileIO):
    """A file that ignores failed writes, unless its reader is gone."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return memoryview(data).nbytes


class _Output(io.FileIO):
    """A file whose errors name standard output; it waits until it can be written."""

    def write(self, data: ReadableBuffer) -> int:
        import select  # late: few need it

        try:
            while (n := super().write(data)) is None:  # its other users set it not to wait
                select.select([], [self], [])
            return n
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _refused(error) from error


def _refused(error: OSError) -> InputError:
    reason = (error.strerror or str(error)).lower()
    return InputError(
        f"cannot be written: {reason}", place=STDOUT, mend="redirect it to another place"
    )
