"""The surroundings of the tests, and a check that they leave them as they were.

Tests get a HOME and a folder for temporary files of their own, and may change nothing outside of
these: at the end, every file of the checkout and of the installed package is as it was.  That
covers more than ``git status --porcelain --ignored``, and works without Git.
Only byte code and compiled kernels, which Python and textmlr keep for the next run, may be new, and
these must be whole.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import marshal
import os
import shutil
import stat
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
from hypothesis.configuration import set_hypothesis_home_dir

import textmlr

ROOT = Path(__file__).parent.parent
LARGE = 1 << 24  # a file of more bytes is known by its size and time
# Not looked at: Git's own, and what checks that may run meanwhile keep.
PASSED_OVER = {".git", ".mypy_cache", ".ruff_cache"}
# Folders that caches of other programs are made in, below HOME.
OTHERS_CACHES = (".cache",)
# What is in TMPDIR until its makers remove it when Python ends, or is not ours to remove:
# onnxruntime writes .ses.
REMOVED_LATER = ("sklearn_testing_", ".ses")


@contextmanager
def own_places(folder: Path) -> Iterator[None]:
    """Have the tests and their children use HOME and temporary files below a folder, and only
    them; AssertionError with a list of what is left in them that they should have removed."""
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir()
    temporary.mkdir()
    usual = dict(os.environ)
    for name in [name for name in usual if name.startswith(("XDG_", "TEXTMLR_"))]:
        del os.environ[name]
    os.environ["TMPDIR"] = str(temporary)
    if "HOME" in usual:  # a user without one stays so
        os.environ["HOME"] = str(home)
    tempfile.tempdir = None  # as Python has noted it
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(usual)
        tempfile.tempdir = None
    left = [
        f"left in TMPDIR: {name}"
        for name in sorted(os.listdir(temporary))
        if not name.startswith(REMOVED_LATER)
    ]
    for path in sorted(path for path in home.rglob("*") if not path.is_dir()):
        if not path.relative_to(home).as_posix().startswith(OTHERS_CACHES):
            left.append(f"left in HOME: {path.relative_to(home)}")
    assert not left, "\n".join(left)


class Files:
    """All files of the checkout and of the installed package, as they are when this is made."""

    def __init__(self) -> None:
        self.began = time.time()
        self.before = _known()

    def changed(self) -> list[str]:
        """A line for each file that is new, changed, gone or damaged since, and should not be."""
        now = _known()
        told = [
            f"removed: {path}"
            for path in sorted(self.before.keys() - now.keys())
            if not _is_kept(path)
        ]
        for path in sorted(now):
            if now[path] == self.before.get(path):
                continue
            if not _is_kept(path):
                told.append(f"{'changed' if path in self.before else 'new'}: {path}")
            elif path.suffix == ".pyc" and not is_whole(path):
                told.append(f"damaged byte code: {path}")
        return told + self._damaged_elsewhere()

    def _damaged_elsewhere(self) -> list[str]:
        """Byte code of other packages that was written since, and is not whole."""
        packages = Path(sysconfig.get_path("purelib"))
        new = [p for p in packages.rglob("*.pyc") if p.stat().st_mtime >= self.began - 1]
        return [f"damaged byte code: {path}" for path in sorted(new) if not is_whole(path)]


def is_whole(path: Path) -> bool:
    """Whether a file of byte code can be run; it is whole for other Pythons' as well."""
    content = path.read_bytes()
    if content[:4] != importlib.util.MAGIC_NUMBER:
        return len(content) > 16
    try:
        marshal.loads(content[16:])
    except (EOFError, ValueError, TypeError):
        return False
    return True


def _is_kept(path: Path) -> bool:
    """Whether a path is kept for later runs: byte code, compiled kernels, and folders of them."""
    if path.name == "__pycache__":
        return True
    if path.parent.name != "__pycache__":
        return False
    in_kernels = path.parent.parent.name == "kernels" and path.suffix == ".textmlr"
    return in_kernels or path.suffix in (".pyc", ".nbi", ".nbc")  # bench/ has Numba's own


def _known() -> dict[Path, str]:
    """Paths in the checkout and of the installed package, and what each is."""
    found = dict(_below(ROOT))
    for folder in {Path(sysconfig.get_path("purelib"), "textmlr"), Path(textmlr.__file__).parent}:
        found |= dict(_below(folder))  # nothing where there is none
    return found


def _below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Paths in a folder and the folders in it, but not in virtual environments."""
    for place, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in PASSED_OVER
            and not os.path.exists(os.path.join(place, name, "pyvenv.cfg"))
        ]
        for name in (*folders, *files):
            path = Path(place, name)
            if name != ".git":  # a file, in a work tree
                yield path, _what(path)


def _what(path: Path) -> str:
    """The digest of a file; the kind of anything else."""
    about = path.lstat()
    if stat.S_ISLNK(about.st_mode):
        return f"link to {os.readlink(path)}"
    if not stat.S_ISREG(about.st_mode):
        return f"{stat.S_IFMT(about.st_mode):o}"
    if about.st_size > LARGE:
        return f"{about.st_size} {about.st_mtime_ns}"
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


# Hypothesis and matplotlib look for their folders before any test runs.  No examples are kept from
# one run to the next.
_notes = tempfile.mkdtemp(prefix="textmlr-tests-")
atexit.register(shutil.rmtree, _notes, ignore_errors=True)
set_hypothesis_home_dir(Path(_notes, "hypothesis"))
os.environ["MPLCONFIGDIR"] = str(Path(_notes, "matplotlib"))
hypothesis.settings.register_profile(
    "textmlr",
    database=None,
    deadline=None,  # a loaded machine is no fault
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("textmlr")
