"""``base.whole_files``: files appear whole or not at all, and each further promise of it.

Most of these tests kill a mutant of that module, made by a mutation tool, that all others let live.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from textmlr import InputError
from textmlr.base import whole_files
from textmlr.base.whole_files import atomic_files, atomic_write, check_writable

posix = pytest.mark.skipif(os.name != "posix", reason="this system has no such links and locks")
linux = pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="this system has no /proc")


def write(path: Path, content: str = "new") -> None:
    with atomic_write(path) as temporary:
        Path(temporary).write_text(content)


def write_all(paths: list[Path], fault: Exception | None = None) -> None:
    with atomic_files(paths) as temporaries:
        for temporary in temporaries:
            Path(temporary).write_text("new")
        if fault is not None:
            raise fault


@contextmanager
def standard_input(path: Path) -> Iterator[None]:
    kept = os.dup(0)
    try:
        with open(path) as file:
            os.dup2(file.fileno(), 0)
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@linux
def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    path, before = tmp_path / "m", os.listdir("/proc/self/fd")
    (tmp_path / ".m.0123456789ab.part").touch()  # left by another, and removed
    write(path)
    write_all([path, tmp_path / "n"])
    with pytest.raises(ZeroDivisionError), atomic_write(path):
        _ = 1 / 0
    with pytest.raises(InputError), atomic_files([path, tmp_path]):
        pass
    check_writable(path, ["-", str(path.parent / "o")])
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert sorted(os.listdir(tmp_path)) == ["m", "n"]


def test_what_is_renamed_is_on_the_disk_and_so_is_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that loses its power has the old file or the new, never an empty one."""
    done: list[tuple[str, int]] = []
    fsync, replace = os.fsync, os.replace

    def sync(handle: int) -> None:
        fsync(handle)
        done.append(("sync", os.fstat(handle).st_ino))

    def rename(old: str, new: str) -> None:
        done.append(("rename", os.stat(old).st_ino))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    (tmp_path / "other").mkdir()
    paths = [tmp_path / "m", tmp_path / "other/n"]
    write_all(paths)
    files = [path.stat().st_ino for path in paths]
    folders = [path.parent.stat().st_ino for path in paths]
    assert done[:4] == [("sync", file) for file in files] + [("rename", file) for file in files]
    assert sorted(done[4:]) == sorted(("sync", folder) for folder in folders)


@posix
def test_a_link_that_is_named_like_a_temporary_file_is_none(tmp_path: Path) -> None:
    """It is not opened: what it leads to is another's."""
    (tmp_path / "theirs").write_text("old")
    os.symlink("theirs", tmp_path / ".m.0123456789ab.part")
    write(tmp_path / "m")
    assert sorted(os.listdir(tmp_path)) == [".m.0123456789ab.part", "m", "theirs"]


@posix
def test_a_temporary_file_is_open_to_no_more_than_the_new_file(tmp_path: Path) -> None:
    usual = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "m") as temporary:
            assert stat.S_IMODE(os.stat(temporary).st_mode) == 0o640
        assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o640
        (tmp_path / "m").chmod(0o755)  # as a file system without permissions may have it
        with atomic_write(tmp_path / "m") as temporary:
            assert stat.S_IMODE(os.stat(temporary).st_mode) == 0o640
        assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o755
    finally:
        os.umask(usual)


@posix
@pytest.mark.parametrize("allowed", [True, False])
def test_a_replaced_file_hands_on_its_owner_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    """To root it is; others write a file of their own."""
    path = tmp_path / "m"
    path.write_text("old")
    real, asked = os.stat, []

    def foreign(name: str, **options: Any) -> os.stat_result:
        found = real(name, **options)
        if str(name) != str(path):
            return found
        return os.stat_result([*found[:4], 4711, 4712, *found[6:]])

    def chown(name: str, user: int, group: int) -> None:
        asked.append((user, group))
        if not allowed:
            raise PermissionError(errno.EPERM, "not yours")

    monkeypatch.setattr(os, "stat", foreign)
    monkeypatch.setattr(os, "chown", chown)
    write(path)
    assert asked == [(4711, 4712)]
    assert path.read_text() == "new"


@posix
def test_an_owner_that_stays_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems refuse even that with errors of their own."""

    def chown(*_: object) -> None:
        raise AssertionError("it was set")

    write(tmp_path / "m")
    monkeypatch.setattr(os, "chown", chown)
    write(tmp_path / "m", "newer")
    assert (tmp_path / "m").read_text() == "newer"


def test_a_file_that_may_not_be_written_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder may be written, and so renaming would succeed."""
    path = tmp_path / "m"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda name, mode: name != str(path) or mode != os.W_OK)
    for call in (write, check_writable):
        with pytest.raises(InputError, match="cannot be written: the file is read-only"):
            call(path)
    assert path.read_text() == "old"


@posix
@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("folder", "is a directory"),
        ("pipe", "is a device or a pipe, not a file"),
        ("/dev/null", "is a device or a pipe, not a file"),
        ("/dev/fd/0", "is a device or a pipe, not a file"),
        ("/proc/self/status", "is a device or a pipe, not a file"),
        ("a\0b", "embedded null byte"),
    ],
)
@pytest.mark.parametrize("call", [write, check_writable])
def test_what_no_file_takes_the_place_of(
    tmp_path: Path,
    call: Callable[[Path], None],
    target: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Renaming would put a file in the place of a pipe, or a device."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    os.mkfifo("pipe")
    with pytest.raises(InputError, match=f"cannot be written: {told}; write to another place"):
        call(Path(target))
    assert sorted(os.listdir()) == ["folder", "pipe"]


def test_checking_leaves_nothing_and_notices_that_no_file_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_writable(tmp_path / "m")
    assert not os.listdir(tmp_path)
    assert not whole_files._unfinished
    real = os.open

    def refuse(name: str, flags: int, *more: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(name, flags, *more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match="m: cannot be written: read-only file system"):
        check_writable(tmp_path / "m")


@posix
@pytest.mark.parametrize("how", ["taken", "removed", "named alike"])
def test_a_temporary_file_that_another_process_takes_for_stale_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Between making a file and locking it, one that cleans up may have locked or removed it."""
    lock, seen = whole_files._lock, []

    def late(handle: int) -> bool | None:
        seen.append(handle)
        (name,) = (n for n in os.listdir(tmp_path) if n.endswith(".part") and n not in taken)
        taken.append(name)
        if len(seen) > 1:
            return lock(handle)
        if how == "taken":
            return False
        os.unlink(tmp_path / name)
        if how == "named alike":
            (tmp_path / name).touch()
        return lock(handle)

    taken: list[str] = []
    closed, close = [], os.close
    monkeypatch.setattr(whole_files, "_lock", late)
    monkeypatch.setattr(os, "close", lambda handle: (closed.append(handle), close(handle))[1])
    with atomic_write(tmp_path / "m") as temporary:
        assert len(seen) == 2
        assert seen[0] in closed
        assert whole_files._unfinished == {temporary}
        assert Path(temporary).name == taken[1]
        Path(temporary).write_text("new")
    assert (tmp_path / "m").read_text() == "new"


@posix
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOLCK, "no locks"), OSError(errno.EOPNOTSUPP, "none"), ImportError()]
)
def test_where_files_cannot_be_locked_they_are_written_and_none_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Nobody can tell there whether a temporary file is still being written."""
    import fcntl

    def flock(*_: object) -> None:
        raise error

    other = tmp_path / ".m.0123456789ab.part"
    other.touch()
    if isinstance(error, ImportError):
        monkeypatch.setitem(sys.modules, "fcntl", None)
    else:
        monkeypatch.setattr(fcntl, "flock", flock)
    write(tmp_path / "m")
    assert sorted(os.listdir(tmp_path)) == [other.name, "m"]


def test_a_process_that_ends_without_waiting_removes_what_it_was_writing(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "m") as temporary:
        (tmp_path / "other").touch()
        whole_files.discard_unfinished()
        assert os.listdir(tmp_path) == ["other"]
        whole_files.discard_unfinished()
        Path(temporary).touch()  # or renaming fails


def test_names_that_are_taken_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import secrets

    random = iter(["aa" * 6, "bb" * 6])
    monkeypatch.setattr(secrets, "token_hex", lambda size: next(random))
    monkeypatch.setattr(whole_files, "_remove_stale", lambda folder, begin: None)
    (tmp_path / f".m.{'aa' * 6}.part").write_text("theirs")
    write(tmp_path / "m")
    assert (tmp_path / f".m.{'aa' * 6}.part").read_text() == "theirs"
    assert (tmp_path / "m").read_text() == "new"
    assert not whole_files._unfinished


def test_a_folder_that_takes_no_file_leaves_nothing_to_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(name: str, flags: int, *more: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(name, flags, *more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match="m: cannot be written: no space left on device"):
        write(tmp_path / "m")
    assert not whole_files._unfinished


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("fault", ["written", "finished", "renamed"])
def test_whatever_fails_the_old_files_stay_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, number: int
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_: object) -> None:
        raise full

    paths = [tmp_path / "m", tmp_path / "n"][:number]
    for path in paths:
        path.write_text("old")
    if fault != "written":
        monkeypatch.setattr(os, "fsync" if fault == "finished" else "replace", refuse)
    named = paths[-1 if fault == "written" else 0].name
    with pytest.raises(InputError, match=f"{named}: cannot be written: no space left on device"):
        write_all(paths, full if fault == "written" else None)
    assert sorted(os.listdir(tmp_path)) == [path.name for path in paths]
    assert {path.read_text() for path in paths} == {"old"}
    assert not whole_files._unfinished


# What may not be written over ------------------------------------------------------------------


def test_only_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    """Folders beside, folders of a like name, names of nothing, and URLs are no hindrance."""
    for folder in ("texts", "texts2", "a"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m").write_text("old")
    path = tmp_path / "texts2/m"
    others = [str(tmp_path / "texts"), str(tmp_path / "a"), str(tmp_path / "a/m")]
    check_writable(path, [*others, "https://example.org/m", str(tmp_path / "none")])
    for inputs, told in (
        ([*others, str(tmp_path / "texts2")], "is a document of"),
        (["none", str(tmp_path)], "is a document of"),
        ([*others, str(path)], "is itself an input"),
    ):
        with pytest.raises(InputError, match=f"texts2/m: {told}.*, and would be overwritten"):
            check_writable(path, inputs)
    check_writable(tmp_path / "texts/new", [str(tmp_path / "texts")])  # it is not there yet


@posix
def test_standard_input_counts_where_it_is_read(tmp_path: Path) -> None:
    path, other = tmp_path / "m", tmp_path / "other"
    path.write_text("old")
    other.write_text("old")
    with standard_input(path):
        check_writable(path, [str(other)])
        check_writable(other, ["-"])
        with pytest.raises(InputError, match="m: is itself an input"):
            check_writable(path, ["-"])


def test_what_was_promised_is_told_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_files, "_promised", {})
    for name in ("new", "old", "grows", "same"):
        if name != "new":
            (tmp_path / name).write_text("old")
        if name == "grows":
            check_writable(tmp_path / name, grows=True)
        else:
            check_writable(tmp_path / name)
    assert whole_files.in_place() == []
    for name in ("new", "old", "grows"):
        write(tmp_path / name)
    assert whole_files.in_place() == [str(tmp_path / "new"), str(tmp_path / "old")]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"m: cannot be written: no such file"):
        write(tmp_path / "none/m")
    with pytest.raises(InputError, match=f"m: cannot be written: there is no folder {tmp_path}/n"):
        check_writable(tmp_path / "none/m")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file/m: cannot be written: not a directory"):
        check_writable(tmp_path / "file/m")


# Files that belong together --------------------------------------------------------------------


def test_files_together_are_renamed_where_no_signal_comes_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python raises the exceptions of signals in the main thread; one file is renamed in it."""
    renamed, replace = [], os.replace

    def rename(old: str, new: str) -> None:
        renamed.append((Path(new).name, threading.current_thread() is threading.main_thread()))
        replace(old, new)

    monkeypatch.setattr(os, "replace", rename)
    write(tmp_path / "m")
    write_all([tmp_path / "n", tmp_path / "o"])
    assert renamed == [("m", True), ("n", False), ("o", False)]


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_of_files_together_that_one_cannot_join_new_ones_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    """One that was there before is the new one or the old one, and whole."""
    names, replace = ["a", "b", "c"], os.replace
    (tmp_path / "b").write_text("old")

    def rename(old: str, new: str) -> None:
        if new == str(tmp_path / names[fails]):
            raise OSError(errno.EIO, "Input/output error")
        replace(old, new)

    monkeypatch.setattr(os, "replace", rename)
    with pytest.raises(InputError, match=rf"{names[fails]}: cannot be written: input/output"):
        write_all([tmp_path / name for name in names])
    assert os.listdir(tmp_path) == ["b"]
    assert (tmp_path / "b").read_text() == ("new" if fails == 2 else "old")


@posix
def test_a_signal_while_files_together_are_renamed_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, replace = threading.get_ident(), os.replace

    def rename(old: str, new: str) -> None:
        if new.endswith("a"):
            time.sleep(0.2)  # until the main thread waits
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.2)
        replace(old, new)

    monkeypatch.setattr(os, "replace", rename)
    paths = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(KeyboardInterrupt):
        write_all(paths)
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
