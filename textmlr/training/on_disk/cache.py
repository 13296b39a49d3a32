"""A folder that belongs to one training run: what it has found so far, so that it can be gone on
with after whatever ended it.

``journal.json`` lists what is whole.  A stage is entered there after its files are on the disk,
with what each comes to (``corpus.disk_corpus.Sum``); what is not entered is done again, and so is
what is found to be other than it was written.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

from numpy.typing import NDArray

from textmlr.base import tensor_file
from textmlr.base.errors import InputError, ModelFileError
from textmlr.base.threads import available_threads, map_blocks
from textmlr.base.whole_files import atomic_write
from textmlr.corpus.disk_corpus import Sum, sum_of
from textmlr.training.on_disk import leftovers
from textmlr.training.on_disk.leftovers import CHECKPOINT, JOURNAL, LOCK
from textmlr.training.run_state import State

Json = dict[str, Any]
Arrays = dict[str, NDArray[Any]]
VERSION = 2
SHARE = 10  # a checkpoint is written no sooner than so many times what the last one took
KEPT = ("corpus", "rows")  # stages that further runs may use
# What a checkpoint goes on from: it is none where one of these stages is another.
BELOW = ("corpus", "choice", "rows", "trials")


@dataclass(frozen=True, slots=True)
class Work:
    """Some of the work on a large corpus is done.

    what   it is
    done, total   bytes; 0 where the total is not known
    """

    what: str
    done: int
    total: int


Watch = Callable[[Work], None]


class CacheError(InputError):
    """What the system refused while a cache was written: the run can be gone on with."""


class Cache:
    """The folder, held by one process at a time.

    identity  what the run depends on (JSON): of each part of it a dict
    resumed   there was something of a run that was cut off
    damaged   files that were not as they had been written, whose stages are made again
    every     seconds between checkpoints
    """

    def __init__(self, folder: str, identity: Json, every: float) -> None:
        self.folder, self.identity, self.every = folder, _plain(identity), every
        self.resumed = False
        self.damaged: list[str] = []
        self._stages: Json = {}
        self._lost: Json | None = None  # the corpus's stage, where its files are damaged
        self._kept = False  # text and rows are of use to further runs
        self._stale = False  # the folder has something of other runs
        self._saved: dict[str, tuple[float, float]] = {}  # when, and how long it took
        self._began = time.monotonic()
        self._lock = _locked(folder)
        with suppress(OSError):  # a folder that cannot be listed
            leftovers.remove_stale(folder)

    @classmethod
    def open(
        cls, folder: str, identity: Json, *, resume: bool, every: float, watch: Watch | None = None
    ) -> Self:
        """Take a folder, which need not exist.

        resume  go on from a run that was cut off.  Otherwise it is emptied, once ``begin`` is
                called, but for the text and rows of a kept one (``keep``) that are the same
        watch   called while what is taken over is verified
        Raises InUseError if another process has it, InputError if it is of another run that is
        to be gone on with, and if it is no cache.
        """
        cache = cls(folder, identity, every)
        try:
            cache._begin(watch, resume=resume)
        except BaseException:
            cache.release()
            raise
        return cache

    def _begin(self, watch: Watch | None, *, resume: bool) -> None:
        """Take over what the folder has of this run."""
        journal = self._read(resume=resume)
        if journal is None:
            self._write()
            return
        stages = journal["stages"]
        kept = {name: stage for name, stage in stages.items() if name in KEPT}
        checkpoints, broken = self._checkpoints(journal) if resume else (set(), [])
        if resume and stages and (not journal["kept"] or kept != stages or checkpoints):
            self._check(journal)
            self._stages, self.resumed = stages, True
            self.damaged += broken
        elif journal["kept"] and self._same_corpus(journal):
            self._stages = kept
        else:
            self._stale = True
            return
        self._kept = journal["kept"]
        self._verify(watch)
        self._write()
        with refusals(self.folder):
            leftovers.clear(self.folder, self._files() | checkpoints)

    def _same_corpus(self, journal: Json) -> bool:
        """Whether a run had the same files, as they are, and read them in the same way; what came
        through a pipe is never the same."""
        known = all(digest is not None for _, digest in self.identity["corpus"]["files"])
        return known and all(
            journal["identity"].get(part) == self.identity.get(part)
            for part in ("corpus", "reading", "versions")
        )

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

    def begin(self, name: str) -> None:
        """The files of a stage are about to be written: whatever there is of it is none any more.

        What the folder has of other runs is removed first.
        """
        if self._stale:
            self._stages, self._stale = {}, False
            self._write()  # no file is of a stage any more, whatever ends this
            with refusals(self.folder):
                leftovers.clear(self.folder, set())
        elif self._stages.pop(name, None) is not None:
            self._write()

    def enter(
        self,
        name: str,
        values: Json,
        key: Json | None = None,
        files: Mapping[str, Sum] | None = None,
        instead: str | None = None,
    ) -> None:
        """A stage is whole, its files on the disk.

        files    what they come to
        instead  a stage that is of no use any more, and its files with it
        """
        stage = _plain({"key": key, "values": values, "files": files or {}})
        if name == "corpus" and self._lost is not None:
            if stage != self._lost:  # what was read through a pipe: nothing of it was so before
                self._stages = {}
            self._lost = None
        gone = self._stages.pop(instead, {"files": {}})["files"] if instead else {}
        self._stages[name] = stage
        self._write()
        with refusals(self.folder):
            for file in gone:
                os.unlink(self.path(file))

    def once(self, name: str, find: Callable[[], Json]) -> Json:
        """What was found under this name before, or else what ``find`` finds now (JSON)."""
        if not self.has(name):
            self.enter(name, find())
        return self.values(name)

    def put(self, name: str, header: Mapping[str, Any], arrays: Arrays) -> None:
        """Write values and arrays to one file, whole or not at all."""
        with refusals(self.folder):
            tensor_file.save(self.path(name), header, arrays)

    def sum_of(self, name: str) -> Sum:
        """What a file comes to."""
        with refusals(self.folder):
            return sum_of(self.path(name))

    def get(self, name: str) -> tuple[Json, Arrays]:
        """What ``put`` wrote, verified.  Raises InputError where it is damaged."""
        path = self.path(name)
        try:
            return tensor_file.load(path)
        except ModelFileError as error:
            raise InputError(
                error.problem, place=path, mend="train again, without --resume"
            ) from error

    def load(self, run: str) -> State | None:
        """The state that a run was kept with last, None if it was not, or from other rows."""
        name = f"{run}{CHECKPOINT}"
        if not os.path.exists(self.path(name)):
            return None
        header, arrays = self.get(name)
        return (header, arrays) if header.get("of") == _bond(name, self._journal) else None

    def save(self, run: str, state: Callable[[], State], *, ended: bool) -> None:
        """Keep the state of a run; not if that was a short while ago, unless it has ended."""
        last, took = self._saved.get(run, (self._began, 0.0))
        began = time.monotonic()
        if not ended and began - last < max(self.every, SHARE * took):
            return
        header, arrays = state()
        name = f"{run}{CHECKPOINT}"
        self.put(name, header | {"of": _bond(name, self._journal)}, arrays)
        self._saved[run] = time.monotonic(), time.monotonic() - began

    def keep(self) -> None:
        """Leave text and rows for further runs, and give the folder back."""
        self._stages = {name: stage for name, stage in self._stages.items() if name in KEPT}
        self._kept = True
        self._write()
        with refusals(self.folder):
            leftovers.clear(self.folder, self._files())
        self.release()

    def remove(self) -> None:
        """Remove the folder; files in it that are not a cache's stay, and the folder with them."""
        with refusals(self.folder):
            if not leftovers.remove(self.folder):
                self._stages, self._kept = {}, False
                self._write()
                leftovers.clear(self.folder, set())
        self.release()

    def release(self) -> None:
        """Give the folder back, as it is."""
        with suppress(OSError):  # released before
            os.close(self._lock)

    @property
    def begun(self) -> bool:
        """Whether the folder has something that is not to be lost for a corpus that cannot be
        read."""
        return self._stale or self.resumed or self._kept or self.has("corpus")

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(os.path.getsize(self.path(name)) for name in os.listdir(self.folder))

    def _files(self) -> set[str]:
        """The files of all stages."""
        return {file for stage in self._stages.values() for file in stage["files"]}

    def _verify(self, watch: Watch | None) -> None:
        """Leave out the stages whose files are not as they were written."""
        files = {n: tuple(s) for stage in self._stages.values() for n, s in stage["files"].items()}
        done, total = 0, sum(size for size, _ in files.values())

        def whole(name: str) -> bool:
            try:
                path = self.path(name)
                return os.path.getsize(path) == files[name][0] and sum_of(path) == files[name]
            except OSError:
                return False

        for name, fine in zip(files, map_blocks(whole, files, available_threads()), strict=True):
            done += files[name][0]
            if watch is not None:
                watch(Work("verifying the cache", done, total))
            if not fine:
                self.damaged.append(name)
        for name, stage in list(self._stages.items()):
            if stage["files"].keys() & set(self.damaged):
                del self._stages[name]
                self._lost = stage if name == "corpus" else self._lost

    def _checkpoints(self, journal: Json) -> tuple[set[str], list[str]]:
        """(the checkpoints of a journal's run that can be gone on from, those that cannot)."""
        names = sorted(name for name in os.listdir(self.folder) if name.endswith(CHECKPOINT))
        whole = set()
        for name in names:
            with suppress(InputError):  # it is told of with those of other runs
                if self.get(name)[0].get("of") == _bond(name, journal):
                    whole.add(name)
        return whole, [name for name in names if name not in whole]

    @property
    def _journal(self) -> Json:
        return {
            "version": VERSION,
            "identity": self.identity,
            "kept": self._kept,
            "stages": self._stages,
        }

    def _read(self, *, resume: bool) -> Json | None:
        """The journal, verified; None where there is none."""
        path = self.path(JOURNAL)
        if not os.path.lexists(path):
            return None
        try:
            if not os.path.isfile(path):  # a pipe would block
                raise ValueError("it is not a file")
            with open(path, encoding="utf-8") as file:
                journal: Json = json.load(file)
            version = journal["version"]
            if version == VERSION and journal["digest"] != _digest(_undigested(journal)):
                raise ValueError("its checksum is wrong")
            if not {"identity", "stages", "kept"} <= set(journal):
                raise ValueError("it lists no stages")
        except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
            raise InputError(
                f"not the journal of a training run ({error})",
                place=path,
                mend="remove the folder, or give another --cache-dir",
            ) from error
        if version == VERSION:
            return journal
        if resume:
            raise InputError(
                "the run that was cut off was another version's of textmlr",
                place=self.folder,
                mend="train without --resume to begin anew",
            )
        return {"identity": {}, "stages": {}, "kept": False}  # all of it is stale

    def _check(self, journal: Json) -> None:
        """Refuse to go on with a run that is not this one."""
        for part in {**self.identity, **journal["identity"]}:
            before, now = journal["identity"].get(part) or {}, self.identity.get(part) or {}
            if "files" in before and "files" in now:
                problem = _changed(before, now, part)
            else:
                problem = _other(before, now)
            if problem:
                raise InputError(
                    problem, place=self.folder, mend="train without --resume to begin anew"
                )

    def _write(self) -> None:
        journal = self._journal
        with (
            refusals(self.folder),
            atomic_write(self.path(JOURNAL)) as temporary,
            open(temporary, "w", encoding="utf-8") as file,
        ):
            json.dump(journal | {"digest": _digest(journal)}, file)


def _locked(folder: str) -> int:
    """A descriptor by which this process holds a folder, which is made if it is not there."""
    path = os.path.join(folder, LOCK)
    while True:
        with refusals(folder):
            if not leftovers.is_cache(folder):
                raise _foreign(folder)
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


def _foreign(folder: str) -> InputError:
    return InputError(
        "is not a cache: there are other files in it, and no journal",
        place=folder,
        mend="give another --cache-dir, or remove the folder",
    )


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


def _digest(values: Any) -> str:
    """A digest of JSON values."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _bond(name: str, journal: Json) -> str:
    """What tells whether a checkpoint is of a journal's run, and of its rows."""
    stages = {stage: journal["stages"].get(stage) for stage in BELOW}
    return _digest([name, journal["identity"], stages])


def _undigested(journal: Json) -> Json:
    return {name: value for name, value in journal.items() if name != "digest"}


def _changed(before: Json, now: Json, part: str) -> str | None:
    """How the files of one part of a run differ, see ``identity.contents``."""
    if before["sources"] != now["sources"]:
        shown = [", ".join(found["sources"]) or "none" for found in (before, now)]
        what = "files" if part == "corpus" else f"--{part}"
        return f"the run that was cut off had other {what} ({shown[0]}, now {shown[1]})"
    if before["files"] == now["files"]:
        return None
    old, new = dict(before["files"]), dict(now["files"])
    changed = [name for name in (new | old) if new.get(name, 0) != old.get(name, 0)]
    return f"{changed[0]} has changed since the run was cut off"


def _other(before: Json, now: Json) -> str | None:
    """How the values of one part of a run differ."""
    for name in sorted(now.keys() | before.keys()):
        old, new = before.get(name), now.get(name)
        if old != new:
            shown = f"({_shown(old)}, now {_shown(new)})"
            return f"the run that was cut off had another {name} {shown}"
    return None


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value}"
