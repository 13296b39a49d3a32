"""The bytes of a file, from a path, from memory, or from a file that is open."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable
from os import PathLike
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from textmlr.base.arrays import pages
from textmlr.base.checks import check_path, taken
from textmlr.base.errors import InputError, ModelFileError
from textmlr.base.file_checks import AGAIN, expect, refuse_file
from textmlr.base.magic_bytes import SIZE_BYTES

# What a function that reads a model takes, for those who read a signature.
ModelSource: TypeAlias = "str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO"

# Bytes that an open file is asked for: memory of so many goes back when it is freed.
PIECE = 1 << 26


def name_of(source: ModelSource) -> str:
    """The name of a source in messages.

    Raises InputError for what is none of them.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return "the bytes"
    if callable(getattr(source, "read", None)) and not isinstance(source, type):
        named = getattr(source, "name", None)
        return named if isinstance(named, str) and named else "the file"
    try:
        check_path("path", source)
    except InputError:
        raise taken(
            "path",
            source,
            "the path of a model, its bytes, or a file opened for reading bytes",
            "give its name, a str or pathlib.Path",
        ) from None
    return os.fspath(source)  # type: ignore[arg-type]


def read_bytes(
    source: ModelSource, name: str, check: Callable[[bytes | memoryview], Any]
) -> memoryview:
    """The bytes of a source, read-only, in memory of their own.

    name   of the source, for messages
    check  raises an error for the first bytes of what is no model, before all are read
    A mapped file would open faster, but overwriting it in place (cp over a model in use) would
    change verified bytes, or end the process by SIGBUS.
    Raises ModelFileError for what cannot be read, and InputError for a file opened as text.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _copied(memoryview(source), name, check)
    if isinstance(source, str | PathLike):
        return _of_path(source, name, check)
    return _of_file(source, name, check)


def _copied(given: memoryview, name: str, check: Callable[[bytes | memoryview], Any]) -> memoryview:
    if len(given) and not given.c_contiguous:
        refuse_file(name, "do not lie one after another", "give bytes(view)")
    given = given.cast("B") if given.nbytes else memoryview(b"")
    _check_size(len(given), name)
    check(given[: SIZE_BYTES + 1])
    view = pages(len(given), np.uint8).data
    view[:] = given
    return view.toreadonly()


def _check_size(size: int, name: str) -> None:
    if size <= SIZE_BYTES:
        refuse_file(name, "is empty, or cut short", AGAIN)


def _of_path(
    path: str | PathLike[str], name: str, check: Callable[[bytes | memoryview], Any]
) -> memoryview:
    try:
        # A FIFO would block, a device might never end: only files are opened.
        if not stat.S_ISREG(os.stat(path).st_mode):
            refuse_file(name, "is not a file", "name a model file")
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            _check_size(size, name)
            check(file.read(SIZE_BYTES + 1))
            file.seek(0)
            view, filled = pages(size, np.uint8).data, 0
            while filled < size and (n := file.readinto(view[filled:])):
                filled += n
            expect(filled == size, name, "is cut short")
            return view.toreadonly()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        refuse_file(name, reason, "check the path, or train a model first (textmlr train)")
    except ModelFileError:
        raise
    except ValueError as error:  # a NUL in the path
        refuse_file(name, str(error), "check the path")


def _of_file(file: BinaryIO, name: str, check: Callable[[bytes | memoryview], Any]) -> memoryview:
    """All bytes that an open file still has: it need not seek, and may give a few at a time."""
    pieces: deque[bytes] = deque()
    size = 0
    checked = False
    while piece := _piece(file, PIECE if checked else SIZE_BYTES + 1 - size, name):
        pieces.append(piece)
        size += len(piece)
        if not checked and size > SIZE_BYTES:
            check(b"".join(pieces))
            checked = True
    _check_size(size, name)
    view, filled = pages(size, np.uint8).data, 0
    while pieces:
        piece = pieces.popleft()
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
    return view.toreadonly()


def _piece(file: BinaryIO, size: int, name: str) -> bytes:
    try:
        piece: Any = file.read(size)
    except Exception as error:  # of zip, of the network: each library has its own
        reason = str(error) or type(error).__name__
        raise ModelFileError(
            f"cannot be read: {reason}", place=name, mend="open it for reading bytes, open(…, 'rb')"
        ) from error
    if isinstance(piece, str):
        problem = "is opened as text, and a model is bytes"
        raise InputError(problem, place=name, mend="open it with open(…, 'rb')")
    if not isinstance(piece, bytes | bytearray | memoryview):
        problem = f"its read() gave {type(piece).__name__}, not bytes"
        raise ModelFileError(problem, place=name, mend="open it for reading bytes")
    return bytes(piece)
