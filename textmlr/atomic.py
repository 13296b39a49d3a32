"""Files that are there whole or not at all; and standard output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from typing import BinaryIO

from textmlr.errors import InputError

LONG_NAME = 200  # bytes; of 255, its temporary file's needs some more


@contextmanager
def atomic_write(path: str | PathLike[str]) -> Iterator[str]:
    """Give the name of a temporary file to write, beside path; on success it becomes path.

    It is fsynced, then renamed, and its folder fsynced.  On any failure, an interrupt too, it
    is removed and path stays as it was.  A symbolic link at path is followed.
    Raises InputError, naming path, for what the system refuses.
    """
    import tempfile  # late: reading a model imports this module too

    final = os.path.realpath(path)
    folder, name = os.path.split(final)
    try:
        _check_replaceable(final)
        shown = name if len(os.fsencode(name)) <= LONG_NAME else "long-name"
        handle, temporary = tempfile.mkstemp(prefix=f".{shown}.", suffix=".part", dir=folder)
    except OSError as error:
        raise _refused(path, error) from error
    try:
        os.close(handle)
        yield temporary
        # mkstemp's file is for its owner alone; the mask is read by setting it.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        _sync(temporary)
        os.replace(temporary, final)
        _sync(folder)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        with suppress(FileNotFoundError):  # it has become path
            os.unlink(temporary)


@contextmanager
def to_standard_output() -> Iterator[BinaryIO]:
    """Standard output, for bytes; what was printed before is before them.

    Raises InputError for what the system refuses, but BrokenPipeError where the reader is gone.
    """
    import sys

    try:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _refused("standard output", error) from error


def check_writable(path: str | PathLike[str]) -> None:
    """Raise InputError now if ``atomic_write`` would fail, rather than after hours of work."""
    final = os.path.realpath(path)
    folder = os.path.dirname(final)
    try:
        _check_replaceable(final)
        if not os.path.isdir(folder):
            raise FileNotFoundError(2, f"there is no folder {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, f"no permission to write in {folder}")
    except OSError as error:
        raise _refused(path, error) from error


def _check_replaceable(final: str) -> None:
    """Refuse what a file is not to take the place of: a folder, a device, a pipe."""
    with suppress(FileNotFoundError):
        os.stat(final)  # which refuses a name that is too long
    if os.path.isdir(final):
        raise IsADirectoryError(21, "is a directory")
    if os.path.exists(final) and not os.path.isfile(final):
        raise OSError(22, "is a device or a pipe, not a file")


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refused(path: str | PathLike[str], error: OSError) -> InputError:
    reason = (error.strerror or str(error)).lower()
    return InputError(
        f"cannot be written: {reason}", place=os.fspath(path), mend="write to another place"
    )
