"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from os import PathLike

from textmlr.errors import InputError

_ENDING = ".part"
_RANDOM = 6  # bytes that tell temporary files of one name apart
_LONGEST = 200  # bytes of a name that stand in its temporary file's, of the 255 that most take


@contextmanager
def atomic_write(path: str | PathLike[str]) -> Iterator[str]:
    """Give the name of a temporary file to write, beside path; on success it becomes path.

    It is fsynced, then renamed, and its folder fsynced.  On any failure, an interrupt too, it
    is removed and path stays as it was; what a process that was killed has left is removed by the
    next that writes the same path.  A symbolic link at path is followed.  A file that is replaced
    hands on its permissions, and its owner as far as the system lets it.
    Raises InputError, naming path, for what the system refuses.
    """
    try:
        final = os.path.realpath(path)
        _check_replaceable(final)
        handle, temporary = _open_temporary(final)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _refused(path, error) from error
    try:
        yield temporary
        _hand_on(final, temporary)
        _sync(temporary)
        os.replace(temporary, final)
        _sync(os.path.dirname(final))
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        with suppress(OSError):  # it has become path, or is gone with its folder
            os.unlink(temporary)
        os.close(handle)


def check_writable(path: str | PathLike[str], inputs: Iterable[str] = ()) -> None:
    """Raise InputError now if ``atomic_write`` would fail, rather than after hours of work.

    inputs  files and folders that are read, "-" for standard input: path may be none of them, nor
            any file in such a folder that is there already; other names are passed over
    """
    try:
        final = os.path.realpath(path)
        _check_replaceable(final)
        folder = os.path.dirname(final)
        if not os.path.isdir(folder):
            raise FileNotFoundError(2, f"there is no folder {folder}")
        for name in inputs:
            _check_other(path, final, name)
        handle, temporary = _open_temporary(final)
        os.unlink(temporary)
        os.close(handle)
    except (OSError, ValueError) as error:
        raise _refused(path, error) from error


def _check_other(path: str | PathLike[str], final: str, name: str) -> None:
    """Refuse to write over a file that is read."""
    if not os.path.exists(final):
        return
    if name == "-":
        with suppress(OSError):  # closed
            if os.path.samestat(os.fstat(0), os.stat(final)):
                name = final
    if not os.path.exists(name):
        return
    inside = os.path.isdir(name) and final.startswith(os.path.join(os.path.realpath(name), ""))
    if inside or os.path.samefile(final, name):
        what = f"is a document of {name}" if inside else "is itself what is read"
        raise InputError(
            f"{what}, and would be overwritten", place=os.fspath(path), mend="write to another file"
        )


def _open_temporary(final: str) -> tuple[int, str]:
    """(descriptor, name) of a new file beside ``final``, locked as long as it is open."""
    folder, name = os.path.split(final)
    while len(os.fsencode(name)) > _LONGEST:
        name = name[:-1]
    begin = f".{name}."
    _remove_stale(folder, begin)
    mode = (os.stat(final).st_mode & 0o666) if os.path.exists(final) else 0o666
    while True:
        temporary = os.path.join(folder, begin + secrets.token_hex(_RANDOM) + _ENDING)
        try:
            # Others may read no more of it than they may of what it replaces; the system takes
            # off what the user's mask says.
            handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, mode)
        except FileExistsError:
            continue
        if _lock(handle) is False or not _is_there(temporary, handle):
            os.close(handle)  # who cleans up took it for a stale one before it was locked
            continue
        return handle, temporary


def _remove_stale(folder: str, begin: str) -> None:
    """Remove the temporary files of processes that are no more: those that nobody has locked."""
    pattern = re.compile(re.escape(begin) + f"[0-9a-f]{{{2 * _RANDOM}}}" + re.escape(_ENDING))
    for name in os.listdir(folder):
        if pattern.fullmatch(name):
            with suppress(OSError):  # it is another's, or gone
                _remove_unlocked(os.path.join(folder, name))


def _remove_unlocked(path: str) -> None:
    handle = os.open(path, os.O_RDWR | _NO_LINK)
    try:
        if _lock(handle):
            os.unlink(path)
    finally:
        os.close(handle)


_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def _lock(handle: int) -> bool | None:
    """Lock an open file for whoever holds it open; False if another does, None if the system, or
    the file's, knows no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_there(path: str, handle: int) -> bool:
    """Whether the open file still has its name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _hand_on(final: str, temporary: str) -> None:
    """Give a file the permissions of the one that it replaces, and its owner where that is allowed
    (to root)."""
    if not os.path.exists(final):
        return
    old = os.stat(final)
    if hasattr(os, "chown"):
        new = os.stat(temporary)
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            with suppress(PermissionError):
                os.chown(temporary, old.st_uid, old.st_gid)
    os.chmod(temporary, old.st_mode & 0o777)


def _check_replaceable(final: str) -> None:
    """Refuse what a file is not to take the place of: a folder, a device, a pipe, what may not be
    written to."""
    if final.startswith(("/dev/fd/", "/proc/")):  # what /dev/stdout is a link to
        raise OSError(22, "is a device or a pipe, not a file")
    try:
        mode = os.stat(final).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "is a directory")
    if not stat.S_ISREG(mode):
        raise OSError(22, "is a device or a pipe, not a file")
    if not os.access(final, os.W_OK):
        raise PermissionError(13, "the file is read-only")


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refused(path: str | PathLike[str], error: OSError | ValueError) -> InputError:
    if isinstance(error, InputError):
        return error
    reason = str(error) if isinstance(error, ValueError) else error.strerror or str(error)
    return InputError(
        f"cannot be written: {reason.lower()}", place=os.fspath(path), mend="write to another place"
    )
