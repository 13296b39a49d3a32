"""Folders that compiled code is kept in, and which of them may be trusted.

Loaded machine code runs with the rights of the user who loads it.  So a file counts only if it is a
regular one, belongs to the user or to root, and can be written by nobody else, in a folder of which
the same holds; both are opened once, without following links, and the open file is checked.
Folders above may belong to anybody: a folder put in the place of the user's is either not the
user's, and is refused, or holds files that the user made.
(Windows keeps the folders of users apart by itself.)
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_BYTES = 1 << 24  # the largest file; kernels have some thousands
DAYS_KEPT = 90  # days after a file was last used
MOST_KEPT = 32  # versions of one kernel
_DAY = 86400.0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_BY_DESCRIPTOR = os.open in os.supports_dir_fd
_PLAIN = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)  # else opening a pipe would wait for a writer
)
# ``machine_code.Origin.file_name``, or such a file that a killed process left unfinished; kernel
# and signature are groups.
_KERNEL = r"(\w+\.\w+)-[0-9a-f]{12}-[0-9a-f]{12}-([0-9a-f]{12})\.textmlr(?:\.[0-9a-f]{12}\.part)?"
_NUMBAS = r"numba-[0-9a-f]{12}"


def named_folder() -> list[Path]:
    """The folder of ours in the one that NUMBA_CACHE_DIR names, if it names one."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    return [Path(os.path.abspath(named), "textmlr")] if named else []


def users_folder() -> list[Path]:
    """The folder of ours in the system's cache folder of this user; there is none without a home,
    which containers' users lack."""
    home = os.path.expanduser("~") if os.environ.get("HOME") != "" else "~"  # or "~", too
    if os.name == "nt":
        place = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        place = os.path.join(home, "Library", "Caches")
    else:
        place = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(place):  # as the XDG Base Directory Specification says
            place = os.path.join(home, ".cache")
    return [Path(place, "textmlr")] if os.path.isabs(place) else []


def read(folder: Path, name: str) -> bytes | None:
    """The content of a file, None if there is none that may be trusted.

    A file that is used is dated anew, once a day at most.
    """
    try:
        with _opened(folder) as place:
            handle = os.open(_in(folder, name, place), os.O_RDONLY | _PLAIN, dir_fd=place)
    except OSError:  # there is none, or the folder may not be trusted
        return None
    try:
        status = os.fstat(handle)
        _check(status)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            return None
        content = os.read(handle, status.st_size)
        _date(handle, status)
        return content
    except OSError:  # it is another's, or the disk fails
        return None
    finally:
        os.close(handle)


def write(folder: Path, name: str, content: bytes, *, shared: bool) -> None:
    """Make a file, whole or not at all, in place of whatever has its name; remove what was not
    used for DAYS_KEPT days.

    shared  others may see into a folder that has to be made; else it is the user's alone
    Raises OSError where the folder cannot be written, or may not be trusted.
    """
    _make(folder, shared=shared)
    with _opened(folder) as place:
        temporary = f"{name}.{os.urandom(6).hex()}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
        handle = os.open(_in(folder, temporary, place), flags, 0o644, dir_fd=place)
        try:
            with open(handle, "wb") as file:
                file.write(content)
            _rename(folder, temporary, name, place)
        except BaseException:
            os.unlink(_in(folder, temporary, place), dir_fd=place)
            raise
        _remove_old(folder, name, place)


def own_folder(folder: Path, *, shared: bool) -> bool:
    """Whether a folder, made if there is none, is this user's alone, so that other programs may
    keep trusted files there; ``shared`` says whose the folder around it is."""
    try:
        _make(folder.parent, shared=shared)
        with _opened(folder.parent) as around:
            with suppress(FileExistsError):
                os.mkdir(_in(folder.parent, folder.name, around), 0o700, dir_fd=around)
            _remove_old(folder.parent, "", around)
        with _opened(folder) as place:
            if place is not None:
                status = os.fstat(place)
                if status.st_uid != os.geteuid():
                    return False
                _date(place, status)
        return os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


@contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """A descriptor of a folder, None where this system opens none; PermissionError if it may not
    be trusted."""
    if not _BY_DESCRIPTOR:
        yield None
        return
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _PLAIN)
    try:
        _check(os.fstat(place))
        yield place
    finally:
        os.close(place)


def _in(folder: Path, name: str, place: int | None) -> str:
    """A name as functions of ``os`` take it beside dir_fd=place."""
    return str(folder / name) if place is None else name


def _check(status: os.stat_result) -> None:
    if hasattr(os, "geteuid") and (
        status.st_uid not in (os.geteuid(), 0) or status.st_mode & _OTHERS_WRITE
    ):
        raise PermissionError("others can write it")


def _date(handle: int, status: os.stat_result) -> None:
    if time.time() - status.st_mtime > _DAY and os.utime in os.supports_fd:
        with suppress(OSError):  # it is root's, and only root can date it, or it cannot be written
            os.utime(handle)


def _make(folder: Path, *, shared: bool) -> None:
    """Make a folder where there is none; take from others what earlier releases let them do."""
    if shared:
        with suppress(FileExistsError):
            os.mkdir(folder, 0o755)
        return
    for one in reversed([folder, *folder.parents]):
        if not os.path.lexists(one):
            with suppress(FileExistsError):  # another process was first
                os.mkdir(one, 0o700)
    if _BY_DESCRIPTOR:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _PLAIN)
        try:
            status = os.fstat(place)
            if status.st_uid == os.geteuid() and status.st_mode & _OTHERS_WRITE:
                os.fchmod(place, 0o700)
        finally:
            os.close(place)


def _rename(folder: Path, temporary: str, name: str, place: int | None) -> None:
    old, new = _in(folder, temporary, place), _in(folder, name, place)
    try:
        os.replace(old, new, src_dir_fd=place, dst_dir_fd=place)
    except (IsADirectoryError, PermissionError):  # the latter on Windows
        _remove_tree(folder, name, place)
        os.replace(old, new, src_dir_fd=place, dst_dir_fd=place)


def _remove_tree(folder: Path, name: str, place: int | None) -> None:
    import shutil

    shutil.rmtree(_in(folder, name, place), dir_fd=place)


def _remove_old(folder: Path, name: str, place: int | None) -> None:
    """Remove files and folders of ours that were not used for DAYS_KEPT days, and those of one
    kernel beyond the MOST_KEPT newest.

    name  of the file of that kernel
    """
    matched = re.fullmatch(_KERNEL, name)
    own, now = [], time.time()
    for other in os.listdir(folder if place is None else place):
        found = re.fullmatch(_KERNEL, other)
        if not found and not re.fullmatch(_NUMBAS, other):
            continue
        with suppress(OSError):  # another process was first, or it is another user's
            status = os.stat(_in(folder, other, place), dir_fd=place, follow_symlinks=False)
            if now - status.st_mtime > DAYS_KEPT * _DAY:
                if stat.S_ISDIR(status.st_mode):
                    _remove_tree(folder, other, place)
                else:
                    os.unlink(_in(folder, other, place), dir_fd=place)
            elif found and matched and found.groups() == matched.groups():
                own.append((status.st_mtime, other))
    for _, other in sorted(own)[:-MOST_KEPT]:
        with suppress(OSError):
            os.unlink(_in(folder, other, place), dir_fd=place)
