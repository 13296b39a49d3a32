"""The folder of a cache: its lock, its files and their removal, which may be cut off at any point.

A folder is renamed first, so that no run takes its rest for a cache of its own.  Its journal goes
last, so that the next run with the same folder knows the rest as a cache's, and removes it.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from contextlib import suppress

from textmlr.base.errors import InputError
from textmlr.training.on_disk.cache_errors import InUseError, refusals

JOURNAL, LOCK = "journal.json", "lock"
CHECKPOINT = ".checkpoint"
_PART = r"\.{}\.[0-9a-f]{{12}}\.part"  # a killed process's file of ``atomic_write``
_FILES = (
    r"(lock|journal\.json|text|lengths|labels|set_sizes|weights|counts|counted|rows|ends|rows-[0-9]{5,}"
    r"|(final|twin)\.checkpoint)"
)
_OWN = re.compile(f"{_FILES}|{_PART.format(_FILES)}")
_BEGUN = re.compile(f"lock|{_PART.format('journal[.]json')}")
_GONE = r"\.gone-[0-9a-f]{6}"


def locked(folder: str) -> int:
    """A descriptor by which this process holds a folder.  The folder is made if need be."""
    path = os.path.join(folder, LOCK)
    while True:
        with refusals(folder):
            if not is_cache(folder):
                raise InputError(
                    "is not a cache: there are other files in it, and no journal",
                    place=folder,
                    mend="give another --cache-dir, or remove the folder",
                )
            os.makedirs(folder, exist_ok=True)
            try:
                lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:  # another process has removed the folder meanwhile
                continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise InUseError(
                "another training is writing it",
                place=folder,
                mend="wait for it, or give another --cache-dir",
            ) from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(lock)):
                return lock
        os.close(lock)  # it was another process's, which has removed it


def is_cache(folder: str) -> bool:
    """Whether a folder is a cache, or may become one: it has a journal, or only files that come
    before one."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return True
    return JOURNAL in names or all(_BEGUN.fullmatch(name) for name in names)


def clear(folder: str, spared: set[str]) -> None:
    """Remove a cache's files, but for lock, journal, and those that are spared.  Other files
    stay."""
    for name in os.listdir(folder):
        if _OWN.fullmatch(name) and name not in spared | {LOCK, JOURNAL}:
            os.unlink(os.path.join(folder, name))


def remove(folder: str) -> bool:
    """Remove a cache that this process holds.  False if it must stay: it holds other files, is a
    link (the user's own), or cannot be renamed."""
    if os.path.islink(folder) or any(not _OWN.fullmatch(name) for name in os.listdir(folder)):
        return False
    gone = f"{folder}.gone-{secrets.token_hex(3)}"
    try:
        os.rename(folder, gone)
    except OSError:
        return False
    _remove_files(gone)
    return True


def remove_stale(folder: str) -> None:
    """Remove the rest of this folder where a process was killed while it removed it."""
    parent, name = os.path.split(folder)
    pattern = re.compile(re.escape(name) + _GONE)
    for other in os.listdir(parent or "."):
        if pattern.fullmatch(other):
            with suppress(OSError):  # it is gone, or not ours to remove
                _remove_unlocked(os.path.join(parent, other))


def _remove_unlocked(gone: str) -> None:
    names = os.listdir(gone)
    if not is_cache(gone) or any(not _OWN.fullmatch(name) for name in names):
        return
    if LOCK not in names:  # all else but the journal is gone
        _remove_files(gone)
        return
    handle = os.open(os.path.join(gone, LOCK), os.O_RDWR)
    try:
        fcntl.flock(
            handle, fcntl.LOCK_EX | fcntl.LOCK_NB
        )  # another process that has it removes the folder
        _remove_files(gone)
    finally:
        os.close(handle)


def _remove_files(gone: str) -> None:
    last = (LOCK, JOURNAL)
    names = [name for name in os.listdir(gone) if _OWN.fullmatch(name) and name not in last]
    for name in (*names, *last):
        with suppress(FileNotFoundError):  # another process removes it too
            os.unlink(os.path.join(gone, name))
    with suppress(OSError):  # other files in it stay
        os.rmdir(gone)
