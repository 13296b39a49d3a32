"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import PathLike

from textmlr.base.errors import InputError

_ENDING = ".part"
_RANDOM = 6  # random bytes in the name of a temporary file
_LONGEST = 200  # bytes of a name kept in that of its temporary file; most systems take 255

# Temporary files of this process that are not yet renamed.
_unfinished: set[str] = set()
# Promises of ``check_writable``: (path as given, file that was there then) by real path.
_promised: dict[str, tuple[str, tuple[int, int] | None]] = {}


@contextmanager
def atomic_write(path: str | PathLike[str]) -> Iterator[str]:
    """Give the name of a temporary file to write, beside path; on success it becomes path.

    It is fsynced, then renamed, and its folder fsynced.  On any failure, also an interrupt, it is
    removed and path stays as it was; the next writer of the same path removes the temporary file of
    a killed process.  A symbolic link at path is followed.  A replaced file hands on its
    permissions and, as far as the system allows, its owner.
    Raises InputError, naming path, for what the system refuses.
    """
    with atomic_files([path]) as (temporary,):
        yield temporary


@contextmanager
def atomic_files(paths: Sequence[str | PathLike[str]]) -> Iterator[list[str]]:
    """The same for files that belong together: on success all temporary files are renamed, in this
    order, or none is.

    The others belong to the last; failures while they are written name it.
    """
    made: list[_Temporary] = []
    try:
        for path in paths:
            made.append(_Temporary.of(path))
        try:
            yield [one.temporary for one in made]
            for one in made:
                one.finish()
            _place(made)
        except OSError as error:
            raise _refused(paths[-1], error) from error
    finally:
        for one in reversed(made):
            one.close()


@dataclass(frozen=True, slots=True)
class _Temporary:
    """A temporary file beside its final path, open and locked (``handle``)."""

    path: str | PathLike[str]
    final: str
    temporary: str
    handle: int

    @classmethod
    def of(cls, path: str | PathLike[str]) -> _Temporary:
        """A new one.  Raises InputError."""
        try:
            final = os.path.realpath(path)
            _check_replaceable(final)
            handle, temporary = _open_temporary(final)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise _refused(path, error) from error
        return cls(path, final, temporary, handle)

    def finish(self) -> None:
        """Make the written file durable.  Raises InputError."""
        try:
            _hand_on(self.final, self.temporary)
            _sync(self.temporary)
        except OSError as error:
            raise _refused(self.path, error) from error

    def close(self) -> None:
        """Remove it, unless it was renamed."""
        with suppress(OSError):  # it was, or is gone with its folder
            os.unlink(self.temporary)
        _unfinished.discard(self.temporary)
        os.close(self.handle)


def _place(made: list[_Temporary]) -> None:
    """Rename temporary files to their final paths; if one fails, those that are new are removed
    again.  Raises InputError."""

    def rename() -> None:
        new = []
        try:
            for one in made:
                if not os.path.exists(one.final):
                    new.append(one.final)
                os.replace(one.temporary, one.final)
            for folder in {os.path.dirname(one.final) for one in made}:
                _sync(folder)
        except OSError as error:
            for path in new:
                with suppress(OSError):  # it never came to be
                    os.unlink(path)
            raise _refused(one.path, error) from error

    if len(made) == 1:
        rename()
        return
    # Signals are raised in the main thread only: in another, none comes between two renamings.  A
    # signal before the first one stops it.
    failed: list[BaseException] = []
    begun, done = threading.Lock(), threading.Event()

    def run() -> None:
        if begun.acquire(blocking=False):
            try:
                rename()
            except BaseException as error:  # raised again in the waiting thread
                failed.append(error)
            finally:
                done.set()

    try:
        threading.Thread(target=run, name="textmlr renaming").start()
        done.wait()
    except BaseException:
        if not begun.acquire(blocking=False):
            done.wait()
        raise
    if failed:
        raise failed[0]


def discard_unfinished() -> None:
    """Remove all temporary files, in a process that ends without waiting for the threads that write
    them."""
    for temporary in list(_unfinished):
        with suppress(OSError):  # it was never made, or is gone
            os.unlink(temporary)


def in_place() -> list[str]:
    """The files that ``check_writable`` was asked about and this process has written since, by the
    names given to it."""
    return [path for final, (path, before) in _promised.items() if _identity(final) != before]


def _identity(path: str) -> tuple[int, int] | None:
    """The identity of a file, which one that takes its place does not share."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_dev, state.st_ino


def check_writable(
    path: str | PathLike[str], inputs: Iterable[str] = (), *, grows: bool = False
) -> None:
    """Raise InputError now if ``atomic_write`` would fail, rather than after hours of work.

    inputs  files and folders that are read, "-" for standard input: path may be none of them, nor
            an existing file in such a folder; names of no file are skipped
    grows   the file is appended to, not replaced: ``in_place`` leaves it out
    """
    try:
        final = os.path.realpath(path)
        _check_replaceable(final)
        folder = os.path.dirname(final)
        if not os.path.isdir(folder):
            raise FileNotFoundError(2, f"there is no folder {folder}")
        for name in inputs:
            _check_other(path, final, name)
        _Temporary.of(path).close()
        if not grows:
            _promised[final] = os.fspath(path), _identity(final)
    except InputError:
        raise
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
        what = f"is a document of {name}" if inside else "is itself an input"
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
        _unfinished.add(temporary)
        try:
            # Nobody may read more of it than of the file that it replaces; the system applies the
            # user's mask.
            handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, mode)
        except OSError as error:
            _unfinished.discard(temporary)
            if isinstance(error, FileExistsError):
                continue
            raise
        if _lock(handle) is False or not _is_there(temporary, handle):
            os.close(handle)  # another process took it for a stale one before it was locked
            _unfinished.discard(temporary)
            continue
        return handle, temporary


def _remove_stale(folder: str, begin: str) -> None:
    """Remove the temporary files of ended processes: those that nobody has locked."""
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


_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def _lock(handle: int) -> bool | None:
    """Lock an open file until it is closed; False if another has locked it, None where the system
    or the file system lacks such locks."""
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
    """Whether the path still names the open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _hand_on(final: str, temporary: str) -> None:
    """Give a file the permissions of the one that it replaces, and its owner where that is allowed
    (root may)."""
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
    """Refuse a path that a file must not replace: a folder, a device, a pipe, a read-only file."""
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
    reason = str(error) if isinstance(error, ValueError) else error.strerror or str(error)
    return InputError(
        f"cannot be written: {reason.lower()}", place=os.fspath(path), mend="write to another place"
    )


def make_folder(folder: str | PathLike[str]) -> None:
    """Make a folder, if it is not there.  Raises InputError where that cannot be."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot be made a folder: {(error.strerror or str(error)).lower()}",
            place=os.fspath(folder),
            mend="name another folder",
        ) from error
