"""Kernels' machine code on disk: its owners, its folders and its lifetime."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from conftest import compiled
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import textmlr
from textmlr.kernels import hash_table, linear
from textmlr.kernels.jit import machine_code, trusted_folders

ROOT = Path(__file__).parent.parent
PACKAGE = Path(textmlr.__file__).parent
posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows keeps users apart itself")
NAME = "hash_table.partition_sizes-0123456789ab-0123456789ab-0123456789ab.textmlr"


def function_of(kernel: Any) -> Callable[..., Any]:
    return getattr(kernel, "function", kernel)


ORIGIN = machine_code.Origin(function_of(hash_table.partition_sizes), ("u81r", "i", "i81w"))
OTHER = machine_code.Origin(function_of(linear.scores), ("f42r", "i"))
CODE = machine_code.MachineCode("textmlr_entry", "", ("abort",), bytes(range(256)) * 20)


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """AssertionError if the block hangs."""

    def end(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it hangs")  # TimeoutError would be an OSError, as of a file

    usual = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, usual)


@contextmanager
def mask(value: int) -> Iterator[None]:
    usual = os.umask(value)
    try:
        yield
    finally:
        os.umask(usual)


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file or folder another user's: really, where the tests run as root."""
    if os.geteuid() == 0:
        os.chown(path, 54321, 54321)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 54321)


def is_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def is_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def is_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)
    (path / "inside").touch()


def is_huge(path: Path) -> None:
    os.truncate(path, 1 << 40)


SPOILED: dict[str, Callable[[Path], object]] = {
    "the group can write it": lambda path: path.chmod(0o664),
    "everybody can write it": lambda path: path.chmod(0o646),
    "a link": is_link,
    "a pipe": is_pipe,
    "a folder": is_folder,
    "huge": is_huge,
}
SPOILED_FOLDERS: dict[str, Callable[[Path], object]] = {
    "the group can write it": lambda path: path.chmod(0o775),
    "everybody can write it": lambda path: path.chmod(0o757),
    "sticky": lambda path: path.chmod(0o1777),
    "a link": is_link,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache folder with a file."""
    made = tmp_path / "cache"
    trusted_folders.write(made, NAME, b"content", shared=False)
    assert trusted_folders.read(made, NAME) == b"content"
    return made


@posix
@pytest.mark.parametrize("how", SPOILED)
def test_only_a_file_that_nobody_else_can_write_is_read(folder: Path, how: str) -> None:
    """The rest is replaced, by what is read again."""
    SPOILED[how](folder / NAME)
    with at_most(20):
        assert trusted_folders.read(folder, NAME) is None
        trusted_folders.write(folder, NAME, b"anew", shared=False)
        assert trusted_folders.read(folder, NAME) == b"anew"
    assert stat.S_IMODE((folder / NAME).lstat().st_mode) == 0o644
    assert {path.name for path in folder.iterdir()} <= {NAME, "elsewhere"}


@posix
@pytest.mark.parametrize("how", SPOILED_FOLDERS)
def test_only_a_folder_that_nobody_else_can_write_is_read(folder: Path, how: str) -> None:
    SPOILED_FOLDERS[how](folder)
    assert trusted_folders.read(folder, NAME) is None
    if how == "a link":
        with pytest.raises(OSError, match=r"."):
            trusted_folders.write(folder, NAME, b"anew", shared=False)
    else:  # an earlier release made it so
        trusted_folders.write(folder, NAME, b"anew", shared=False)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert trusted_folders.read(folder, NAME) == b"anew"


@posix
@pytest.mark.parametrize("whose", ["file", "folder"])
def test_what_another_user_owns_is_not_read(
    folder: Path, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_away(folder / NAME if whose == "file" else folder, monkeypatch)
    assert trusted_folders.read(folder, NAME) is None
    if whose == "folder":
        with pytest.raises(PermissionError):
            trusted_folders.write(folder, NAME, b"anew", shared=False)
        assert not trusted_folders.own_folder(folder / "numba-0123456789ab", shared=True)


@posix
def test_what_root_owns_is_read_by_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = os.fstat

    def roots(handle: int) -> os.stat_result:
        told = usual(handle)
        return os.stat_result((*told[:4], 0, *told[5:]))

    monkeypatch.setattr(os, "fstat", roots)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert trusted_folders.read(folder, NAME) == b"content"
    # Numba's own files are not checked one by one: only a folder of one's own will do.
    assert not trusted_folders.own_folder(folder / "numba-0123456789ab", shared=False)


@posix
@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022])
def test_others_can_write_nothing_that_is_made(tmp_path: Path, umask: int) -> None:
    with mask(umask):
        trusted_folders.write(tmp_path / "new" / "cache", NAME, b"content", shared=False)
        trusted_folders.write(tmp_path / "beside", NAME, b"content", shared=True)
        assert trusted_folders.own_folder(tmp_path / "beside" / "numba-0123456789ab", shared=True)
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
    }
    assert modes == {
        "new": 0o700,
        "new/cache": 0o700,
        f"new/cache/{NAME}": 0o644,
        "beside": 0o755,
        f"beside/{NAME}": 0o644,
        "beside/numba-0123456789ab": 0o700,
    }
    assert trusted_folders.read(tmp_path / "beside", NAME) == b"content"


def test_a_write_that_fails_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="space"):
        trusted_folders.write(folder, NAME, b"anew", shared=False)
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert trusted_folders.read(folder, NAME) == b"content"


def test_files_stay_as_long_as_they_are_used(folder: Path) -> None:
    """Whatever version of the package uses them; files that are not ours stay for ever."""
    day, now = 86400, time.time()
    ages = {
        "linear.loss-aaaaaaaaaaaa-aaaaaaaaaaaa-aaaaaaaaaaaa.textmlr": 89,
        "linear.loss-aaaaaaaaaaaa-bbbbbbbbbbbb-aaaaaaaaaaaa.textmlr": 91,
        "linear._loss-aaaaaaaaaaaa-bbbbbbbbbbbb-aaaaaaaaaaaa.textmlr.0123456789ab.part": 91,
        "movies.textmlr": 900,
        "numba-000000000000": 89,
        "numba-111111111111": 91,
        "numba-mine": 900,
    }
    for name, age in ages.items():
        path = folder / name
        if name.startswith("numba"):
            path.mkdir()
            (path / "inside").touch()
        else:
            path.touch()
        os.utime(path, (now - age * day,) * 2)
    trusted_folders.write(folder, NAME, b"anew", shared=False)
    assert {path.name for path in folder.iterdir()} == {
        NAME,
        *(name for name, age in ages.items() if age != 91),
    }

    for hours, dated in ((20, False), (30, True)):
        os.utime(folder / NAME, (now - hours * 3600,) * 2)
        assert trusted_folders.read(folder, NAME) == b"anew"
        assert ((folder / NAME).stat().st_mtime > now - 60) == dated


def test_versions_of_a_kernel_are_many_but_not_endless(folder: Path) -> None:
    other = NAME.replace("ab.textmlr", "ac.textmlr")  # another signature
    trusted_folders.write(folder, other, b"", shared=False)
    os.utime(folder / other, (1e9 + time.time() % 1, time.time() - 9999))
    for number in range(trusted_folders.MOST_KEPT + 3):
        name = NAME.replace("-0123456789ab-0", f"-{number:012x}-0", 1)
        trusted_folders.write(folder, name, b"", shared=False)
        os.utime(folder / name, (0, time.time() - 1000 + number))
    left = sorted(path.name for path in folder.iterdir() if path.name not in (NAME, other))
    assert (folder / other).exists()
    assert (folder / NAME).exists()
    assert len(left) == trusted_folders.MOST_KEPT - 1
    assert left[0] == NAME.replace("-0123456789ab-0", f"-{4:012x}-0", 1)


def test_two_versions_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = property(lambda self: [(tmp_path / "cache", False)])
    monkeypatch.setattr(machine_code.Origin, "folders", place)
    assert machine_code.keep(ORIGIN, CODE)
    with monkeypatch.context() as later:
        later.setattr(machine_code, "source_digest", lambda package: "0123456789ab")
        assert machine_code.find(ORIGIN) is None
        assert machine_code.keep(ORIGIN, replace(CODE, result="i"))
        assert machine_code.find(ORIGIN) == replace(CODE, result="i")
    assert machine_code.find(ORIGIN) == CODE


def sealed(rest: bytes) -> bytes:
    """With the right digest, as only the user could make it."""
    return sha256(rest).digest() + rest


def test_what_was_packed_is_unpacked() -> None:
    content = machine_code.packed(ORIGIN, CODE)
    assert machine_code.unpacked(ORIGIN, content) == CODE
    assert sealed(content[32:]) == content


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_was_altered_is_no_code(data: st.DataObject) -> None:
    """Cut, longer, or with any other bytes: the digest sees it."""
    content = machine_code.packed(ORIGIN, CODE)
    at = data.draw(st.integers(0, len(content) - 1))
    how = data.draw(st.sampled_from(["flip", "cut", "grow", "replace"]))
    if how == "flip":
        altered = bytearray(content)
        altered[at] ^= data.draw(st.integers(1, 255))
        spoiled = bytes(altered)
    elif how == "cut":
        spoiled = content[:at]
    elif how == "grow":
        spoiled = content + data.draw(st.binary(min_size=1))
    else:
        spoiled = content[:at] + data.draw(st.binary()) + content[at:]
        if spoiled == content:
            return
    assert machine_code.unpacked(ORIGIN, spoiled) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@example(field="name", value="other")
@example(field="codes", value=["i"])
@example(field="bytes", value=3)
@example(field="result", value="x")
@example(field="entry", value=None)
@example(field="symbols", value=["abort", 1])
@example(field="symbols", value=["a\0b", "no such symbol"])
@given(
    field=st.sampled_from(["name", "codes", "entry", "result", "symbols", "bytes", "more"]),
    value=JSON,
)
def test_a_head_of_the_wrong_kind_is_no_code(field: str, value: Any) -> None:
    """Under a right digest: nothing there is taken for what it is not."""
    line, _, image = machine_code.packed(ORIGIN, CODE)[32:].partition(b"\n")
    head = json.loads(line) | {field: value}
    found = machine_code.unpacked(ORIGIN, sealed(json.dumps(head).encode() + b"\n" + image))
    if found is not None:
        assert isinstance(found.entry, str)
        assert replace(found, entry=CODE.entry, result="", symbols=CODE.symbols) == CODE
        assert field in ("entry", "result", "symbols")
        assert found.result in ("", "b", "i", "d")


HEADS = [b"", b"\n", b"{}", b"[]", b"null", b"{", b'"text"', b"\xff", b"[" * 100_000]


@pytest.mark.parametrize("head", HEADS, ids=range(len(HEADS)))
def test_a_head_that_is_none_is_no_code(head: bytes) -> None:
    assert machine_code.unpacked(ORIGIN, sealed(head + b"\n" + CODE.image)) is None


@pytest.mark.parametrize(
    "other",
    [
        OTHER,
        replace(ORIGIN, checked=True),
        replace(ORIGIN, codes=("u81w", "i", "i81w")),
    ],
    ids=["kernel", "checked", "signature"],
)
def test_code_of_another_is_no_code_of_this(other: machine_code.Origin) -> None:
    """Whole, in a file of this one's name."""
    assert machine_code.unpacked(ORIGIN, machine_code.packed(other, CODE)) is None
    assert machine_code.unpacked(other, machine_code.packed(other, CODE)) == CODE


def test_the_source_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and contents of all modules of the package, and the compiler's; without source, what
    was compiled of it."""
    package = tmp_path / "kernels_of_a_test"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for made in (
        {"__init__.py": b"", "a.py": b"x = 1"},
        {"a.py": b"x = 2"},
        {"b.py": b"x = 3"},
        {"b.txt": b"x = 3"},
        {"a.pyc": b"1"},
    ):
        for name, content in made.items():
            (package / name).write_bytes(content)
        found.append(machine_code.source_digest.__wrapped__(package.name))
    assert len(set(found)) == 3
    assert found[2] == found[3] == found[4]
    for path in package.glob("*.py"):
        path.unlink()
    assert machine_code.source_digest.__wrapped__(package.name) not in found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"NUMBA_CACHE_DIR": "/n", "XDG_CACHE_HOME": "/x"}, ["/n", "beside", "/x"]),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, ["beside", "/x"]),
        ({"XDG_CACHE_HOME": "x", "HOME": "/h"}, ["beside", "/h/.cache"]),
        ({"HOME": "/h"}, ["beside", "/h/.cache"]),
        ({}, ["beside"]),
        ({"HOME": ""}, ["beside"]),
        ({"NUMBA_CACHE_DIR": "/n"}, ["/n", "beside"]),
    ],
)
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of XDG")
def test_where_code_is_looked_for(
    given: dict[str, str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    def nobody(uid: int) -> None:
        raise KeyError(uid)

    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    beside = PACKAGE / "kernels" / "__pycache__"
    assert [*ORIGIN.folders] == [
        (beside, True) if place == "beside" else (Path(place, "textmlr"), False)
        for place in expected
    ]


RUN = """
import sys
import numpy as np
from textmlr.kernels import jit
from textmlr.base.arrays import frozen
from textmlr.kernels import hash_table
compiled = []
jit.watch_compiling(lambda kernel, seconds: compiled.append(kernel) if seconds else None)
def run():
    sizes = np.zeros(2, np.int64)
    kernel = jit.kernel(hash_table.partition_sizes.function)
    kernel(frozen(np.array([1, 2**63], np.uint64)), 63, sizes)
    assert sizes.tolist() == [1, 1]
    done = len(compiled)
    compiled.clear()
    return done
"""
DAMAGED = (
    RUN
    + """
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from textmlr.kernels.jit import machine_code
place = Path(os.environ["NUMBA_CACHE_DIR"], "textmlr")
machine_code.Origin.folders = property(lambda self: [(place, False)])
print(run())
path, = place.iterdir()
whole = path.read_bytes()
def sealed(rest):
    return sha256(rest).digest() + rest
own = machine_code.Origin(hash_table.partition_sizes.function, ("u81r", "i", "i81w"))
other = replace(own, codes=("u81w", "i", "i81w"))
code = machine_code.unpacked(own, whole)
assert whole[-1500:-1499] != b"~"
def replaced(content):
    path.write_bytes(content)
def to_folder():
    path.unlink()
    path.mkdir()
    (path / "inside").touch()
def to_pipe():
    path.unlink()
    os.mkfifo(path)
ways = {
    "head no JSON": lambda: replaced(sealed(b"nonsense" + whole[32:])),
    "object cut": lambda: replaced(whole[: len(whole) // 2]),
    "no such entry": lambda: replaced(machine_code.packed(own, replace(code, entry="other"))),
    "a byte of the object": lambda: replaced(whole[:-1500] + b"~" + whole[-1499:]),
    "another's": lambda: replaced(machine_code.packed(other, code)),
    "empty": lambda: replaced(b""),
    "huge": lambda: os.truncate(path, 1 << 40),
    "a folder": to_folder,
    "a pipe": to_pipe,
}
for name, spoil in ways.items():
    assert run() == 0, name
    spoil()
    print(name, run(), flush=True)
print(run(), path.read_bytes() == whole)
try:
    machine_code.link(replace(code, entry="other"), own.codes)
except RuntimeError as error:
    print(error)
"""
)
WAYS = [
    "head no JSON",
    "object cut",
    "no such entry",
    "a byte of the object",
    "another's",
    "empty",
    "huge",
    "a folder",
    "a pipe",
]


def child(code: str, place: Path, *, cwd: Path = ROOT, **environment: str) -> tuple[str, str]:
    """(stdout, stderr) of Python code that keeps kernels in a folder of its own."""
    caches = {name: str(place) for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME")}
    numba = {"NUMBA_CACHE_DIR": "", "NUMBA_DISABLE_JIT": "0", "NUMBA_BOUNDSCHECK": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | numba | caches | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.slow
@compiled
@posix
def test_what_is_damaged_is_compiled_again_and_replaced(tmp_path: Path) -> None:
    told, _ = child(DAMAGED, tmp_path, NUMBA_CACHE_DIR=str(tmp_path))
    assert told.splitlines() == [
        "1",
        *(f"{way} 1" for way in WAYS),
        "0 True",
        "there is no other in the code",
    ]


PLANTED = RUN + "print(run())"


def copied(place: Path) -> Path:
    """A copy of the package that nothing can be kept beside, not by root either."""
    package = place / "textmlr"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "kernels" / "__pycache__").write_bytes(b"")
    return package


@pytest.mark.slow
@compiled
@posix
def test_code_in_a_cache_that_all_can_write_is_not_run(tmp_path: Path) -> None:
    copied(tmp_path)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    there = {"cwd": tmp_path, "PYTHONPATH": str(tmp_path)}
    assert child(PLANTED, shared, **there)[0] == "1\n"
    own = shared / "textmlr"
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert child(PLANTED, shared, **there)[0] == "0\n"
    own.chmod(0o777)
    assert child(PLANTED, shared, **there)[0] == "1\n"
    assert stat.S_IMODE(own.stat().st_mode) == 0o700


HOMELESS = "import os, pwd\ndel os.environ['HOME'], os.environ['XDG_CACHE_HOME']\n"
HOMELESS += "def nobody(uid): raise KeyError(uid)\npwd.getpwuid = nobody\n"


@compiled
@posix
def test_without_a_home_kernels_beside_the_package_are_loaded(tmp_path: Path) -> None:
    run = RUN + "run()\nprint(run())"
    assert child(HOMELESS + run, tmp_path) == ("0\n", "")


@pytest.mark.slow
@compiled
@posix
def test_without_any_folder_kernels_are_compiled_into_memory(tmp_path: Path) -> None:
    """One line says so, however many kernels there are."""
    copied(tmp_path)
    more = """
import warnings
from textmlr.__main__ import _show_warning
warnings.showwarning = _show_warning
from textmlr.kernels import linear
print(run(), run())
"""
    told, errors = child(HOMELESS + RUN + more, tmp_path, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert told == "1 1\n"
    assert errors.splitlines() == [
        "Warning: compiled kernels cannot be kept, and each run compiles them again; set "
        "NUMBA_CACHE_DIR to a folder that is yours and that nobody else can write"
    ]
    assert not list(tmp_path.rglob("*.textmlr"))


INSTALLED = (
    RUN
    + """
import textmlr
from textmlr.cli import VERBS, cli
for verb in ("", *VERBS):
    cli.main([*verb.split(), "--help"], standalone_mode=False)
from textmlr.export.json import scorer
assert "function" in scorer()
print()
print(run(), textmlr.__file__)
"""
)


@pytest.mark.slow
@compiled
@pytest.mark.parametrize("how", ["sourceless", "zip"])
def test_an_install_without_source_or_in_an_archive_runs(tmp_path: Path, how: str) -> None:
    """And keeps its kernels."""
    package = copied(tmp_path / "from")
    (package / "kernels" / "__pycache__").unlink()
    if how == "sourceless":
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", "-b", package], check=True, cwd=tmp_path
        )
        for path in package.rglob("*.py"):
            path.unlink()
        # Not where it was compiled: code names that place for ever.
        place = tmp_path / "to"
        package.parent.rename(place)
    else:
        place = tmp_path / "to.zip"
        with zipfile.ZipFile(place, "w") as archive:
            for path in sorted(package.rglob("*")):
                archive.write(path, path.relative_to(package.parent))
        shutil.rmtree(package.parent)
    for compilations in (1, 0):
        told, errors = child(INSTALLED, tmp_path / "users", cwd=tmp_path, PYTHONPATH=str(place))
        assert told.splitlines()[-1].split()[0] == str(compilations)
        assert told.splitlines()[-1].split()[1].startswith(str(place))
        assert errors == ""
