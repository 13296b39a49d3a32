"""Errors of the system, and of files that are too large or change, as InputErrors."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from textmlr.base import limits
from textmlr.base.errors import InputError
from textmlr.base.threads import machine_memory


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
    """The error of a file that would take so many bytes of memory, or more."""
    return InputError(
        f"{size:,} bytes and more are too many for the memory of this machine",
        place=name,
        mend="look at what it holds, or divide it",
        guide="larger-than-memory",
    )


def most_memory() -> int:
    """Bytes that a file may take in memory: a document always may."""
    return max(machine_memory(), limits.MOST_DOCUMENT)


@contextmanager
def unchanged(file: Any, name: str) -> Iterator[None]:
    """Refuse a file that another program writes to meanwhile: the bytes that were read may be
    neither its old content nor its new.

    file  one with a descriptor of a regular file; any other is let through
    """
    before = _state(file)
    try:
        yield
    except (InputError, OSError):  # the change may have caused it
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
    """Turn errors of the system into InputErrors that name the file."""
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
