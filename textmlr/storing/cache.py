"""A folder that belongs to one training run: what it has found so far, so that it can be gone on
with after whatever ended it.

``journal.json`` lists what is whole.  A stage is entered there after its files are on the disk;
what is not entered is done again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

from numpy.typing import NDArray

from textmlr import modelfile
from textmlr.atomic import atomic_write
from textmlr.errors import InputError
from textmlr.training.sgd import State

Json = dict[str, Any]
Arrays = dict[str, NDArray[Any]]
VERSION = 1
SHARE = 10  # a checkpoint is written no sooner than so many times what the last one took


@dataclass(frozen=True, slots=True)
class Work:
    """Some of the work on a large corpus is done.

    what   it is
    done, total   bytes of text; 0 where the total is not known
    """

    what: str
    done: int
    total: int


class CacheError(InputError):
    """What the system refused while a cache was written: the run can be gone on with."""


class Cache:
    """The folder, held by one process at a time.

    identity  what the run depends on (JSON): of each part of it a dict
    resumed   there was something of a run that was cut off
    every     seconds between checkpoints
    """

    def __init__(self, folder: str, identity: Json, every: float) -> None:
        self.folder, self.identity, self.every = folder, identity, every
        self.resumed = False
        self._stages: Json = {}
        self._saved: dict[str, tuple[float, float]] = {}  # when, and how long it took
        self._began = time.monotonic()
        with refusals(folder):
            os.makedirs(folder, exist_ok=True)
            self._lock = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise InUseError(
                "another training is writing it", place=folder,
                mend="wait for it, or give another --cache-dir",
            ) from None  # fmt: skip

    @classmethod
    def open(cls, folder: str, identity: Json, *, resume: bool, every: float) -> Self:
        """Take a folder, which need not exist.

        resume  go on from a run that was cut off.  Otherwise it is emptied, but for the text and
                rows of a kept one (``keep``) that are the same
        Raises InUseError if another process has it, InputError if it is of another run that is
        to be gone on with.
        """
        cache = cls(folder, identity, every)
        try:
            cache._begin(resume=resume)
        except BaseException:
            cache.release()
            raise
        return cache

    def _begin(self, *, resume: bool) -> None:
        """Take over what the folder has of this run, and remove what it has of others."""
        journal = self._read()
        if journal is not None and resume:
            self._check(journal)
            self._stages = journal["stages"]
            self.resumed = bool(self._stages)
        elif journal is not None and journal["kept"] and self._same_corpus(journal):
            own = ("corpus", "rows")
            self._stages = {name: s for name, s in journal["stages"].items() if name in own}
            self._write()
        else:
            self._empty()

    def _same_corpus(self, journal: Json) -> bool:
        """Whether a run had the same files, as they are; what came through a pipe is never."""
        files = _plain(self.identity)["corpus"]
        return None not in files.values() and bool(journal["identity"]["corpus"] == files)

    def path(self, name: str) -> str:
        """The path of a file of the folder."""
        return os.path.join(self.folder, name)

    def has(self, name: str, key: Json | None = None) -> bool:
        """Whether a stage is whole, and was made with this key."""
        stage = self._stages.get(name)
        return stage is not None and stage["key"] == _plain(key)

    def values(self, name: str) -> Json:
        """What was entered for a stage."""
        values: Json = self._stages[name]["values"]
        return values

    def enter(self, name: str, values: Json, key: Json | None = None) -> None:
        """A stage is whole, its files on the disk."""
        self._stages[name] = {"key": _plain(key), "values": _plain(values)}
        self._write()

    def once(self, name: str, find: Callable[[], Json]) -> Json:
        """What was found under this name before, or else what ``find`` finds now (JSON)."""
        if not self.has(name):
            self.enter(name, find())
        return self.values(name)

    def put(self, name: str, header: Mapping[str, Any], arrays: Arrays) -> None:
        """Write values and arrays to one file, whole or not at all."""
        with refusals(self.folder):
            modelfile.save(self.path(name), header, arrays)

    def get(self, name: str) -> tuple[Json, Arrays]:
        """What ``put`` wrote, verified.  Raises ModelFileError where it is damaged."""
        return modelfile.load(self.path(name))

    def load(self, run: str) -> State | None:
        """The state that a run was kept with last, None if it was not."""
        name = f"{run}.checkpoint"
        return self.get(name) if os.path.exists(self.path(name)) else None

    def save(self, run: str, state: Callable[[], State], *, ended: bool) -> None:
        """Keep the state of a run; not if that was a short while ago, unless it has ended."""
        last, took = self._saved.get(run, (self._began, 0.0))
        began = time.monotonic()
        if not ended and began - last < max(self.every, SHARE * took):
            return
        self.put(f"{run}.checkpoint", *state())
        self._saved[run] = time.monotonic(), time.monotonic() - began

    def keep(self) -> None:
        """Leave text and rows for further runs, and give the folder back."""
        for name in os.listdir(self.folder):
            if name.endswith(".checkpoint"):
                os.unlink(self.path(name))
        own = ("corpus", "rows")
        self._stages = {name: stage for name, stage in self._stages.items() if name in own}
        self._write(kept=True)
        self.release()

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)
        self.release()

    def release(self) -> None:
        """Give the folder back, as it is."""
        with suppress(OSError):  # released before
            os.close(self._lock)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(os.path.getsize(self.path(name)) for name in os.listdir(self.folder))

    def _read(self) -> Json | None:
        path = self.path("journal.json")
        if not os.path.exists(path):
            return None
        try:
            with open(path, encoding="utf-8") as file:
                journal: Json = json.load(file)
            whole = journal["version"] == VERSION and {"identity", "stages", "kept"} <= set(journal)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise InputError(
                f"not the journal of a training run ({error})", place=path,
                mend="remove the folder, or give another --cache-dir",
            ) from error  # fmt: skip
        return journal if whole else None

    def _check(self, journal: Json) -> None:
        """Refuse to go on with a run that is not this one."""
        for part, now in _plain(self.identity).items():
            before = journal["identity"].get(part, {})
            for name in sorted(now.keys() | before.keys()):
                old, new = before.get(name), now.get(name)
                if old != new:
                    raise InputError(
                        f"the run that was cut off had another {name} ({_shown(old)}, now "
                        f"{_shown(new)})"
                        if part != "corpus"
                        else f"{name} has changed since the run was cut off",
                        place=self.folder,
                        mend="train without --resume to begin anew",
                    )

    def _empty(self) -> None:
        with refusals(self.folder):
            names = set(os.listdir(self.folder)) - {"lock"}
            if names and "journal.json" not in names:
                raise InputError(
                    "is not a cache: there are other files in it", place=self.folder,
                    mend="give another --cache-dir",
                )  # fmt: skip
            for name in names:
                os.unlink(self.path(name))
        self._stages = {}
        self._write()

    def _write(self, *, kept: bool = False) -> None:
        journal = {
            "version": VERSION, "identity": _plain(self.identity), "kept": kept,
            "stages": self._stages,
        }  # fmt: skip
        with (
            refusals(self.folder),
            atomic_write(self.path("journal.json")) as temporary,
            open(temporary, "w", encoding="utf-8") as file,
        ):
            json.dump(journal, file, ensure_ascii=False)


class InUseError(InputError):
    """Another process has the folder."""


@contextmanager
def refusals(folder: str) -> Iterator[None]:
    """What the system refuses within, as CacheErrors that name the folder."""
    try:
        yield
    except CacheError:
        raise
    except InputError as error:  # atomic_write's
        if isinstance(error.__cause__, OSError) or "cannot be written" in error.problem:
            raise CacheError(error.problem, place=folder, mend=_ROOM) from error
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CacheError(f"cannot be written: {reason}", place=folder, mend=_ROOM) from error


_ROOM = "make room, or name another place with --cache-dir"


def _plain(values: Any) -> Any:
    """As it comes back from JSON."""
    return json.loads(json.dumps(values))


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value}"
