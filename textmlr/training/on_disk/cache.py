"""Cache: a folder that belongs to one training run, so that it can be resumed.

``journal.json`` lists the stages that are whole.  A stage is entered there after its files are on
the disk, with the sum of each (``corpus.disk_corpus.Sum``).  A stage that is not entered is made
again, and so is one whose files are not as they were written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Self

from numpy.typing import NDArray

from textmlr.base import tensor_file
from textmlr.base.errors import InputError, ModelFileError
from textmlr.base.threads import available_threads, map_blocks
from textmlr.corpus.disk_corpus import Sum, sum_of
from textmlr.training.on_disk import cache_folder
from textmlr.training.on_disk.cache_errors import refusals
from textmlr.training.on_disk.cache_folder import CHECKPOINT
from textmlr.training.on_disk.stage_journal import (
    VERSION,
    Json,
    as_json,
    bond_of,
    check_same_run,
    read_journal,
    write_journal,
)
from textmlr.training.on_disk.stage_progress import Watch, Work
from textmlr.training.run_state import State

Arrays = dict[str, NDArray[Any]]
SHARE = 10  # a checkpoint is written no sooner than so many times what the last one took
KEPT = ("corpus", "rows")  # stages that further runs may use


class Cache:
    """The folder, held by one process at a time.

    identity  all that the run depends on (JSON), a dict for each part of it
    resumed   there was something of a run that was cut off
    damaged   files that were not as they had been written; their stages are made again
    every     seconds between checkpoints
    """

    def __init__(self, folder: str, identity: Json, every: float) -> None:
        self.folder, self.identity, self.every = folder, as_json(identity), every
        self.resumed = False
        self.damaged: list[str] = []
        self._stages: Json = {}
        self._lost: Json | None = None  # the corpus's stage, where its files are damaged
        self._kept = False  # text and rows are of use to further runs
        self._stale = False  # the folder has something of other runs
        self._saved: dict[str, tuple[float, float]] = {}  # when, and how long it took
        self._began = time.monotonic()
        self._lock = cache_folder.locked(folder)
        with suppress(OSError):  # a folder that cannot be listed
            cache_folder.remove_stale(folder)

    @classmethod
    def open(
        cls, folder: str, identity: Json, *, resume: bool, every: float, watch: Watch | None = None
    ) -> Self:
        """Take a folder, which need not exist.

        resume  continue a run that was cut off.  Otherwise ``begin`` empties the folder, but for
                the text and rows of a kept one (``keep``) that are the same
        watch   called while the files that are taken over are verified
        Raises InUseError if another process has it, InputError if another run is to be resumed,
        and if it is no cache.
        """
        cache = cls(folder, identity, every)
        try:
            cache._begin(watch, resume=resume)
        except BaseException:
            cache.release()
            raise
        return cache

    def _begin(self, watch: Watch | None, *, resume: bool) -> None:
        """Take over the stages of this run that the folder has."""
        journal = read_journal(self.folder, resume=resume)
        if journal is None:
            write_journal(self.folder, self._journal)
            return
        stages = journal["stages"]
        kept = {name: stage for name, stage in stages.items() if name in KEPT}
        checkpoints, broken = self._checkpoints(journal) if resume else (set(), [])
        if resume and stages and (not journal["kept"] or kept != stages or checkpoints):
            check_same_run(self.folder, journal["identity"], self.identity)
            self._stages, self.resumed = stages, True
            self.damaged += broken
        elif journal["kept"] and self._same_corpus(journal):
            self._stages = kept
        else:
            self._stale = True
            return
        self._kept = journal["kept"]
        self._verify(watch)
        write_journal(self.folder, self._journal)
        with refusals(self.folder):
            cache_folder.clear(self.folder, self._files() | checkpoints)

    def _same_corpus(self, journal: Json) -> bool:
        """Whether a run had the same files, as they are, and read them in the same way; a pipe is
        never the same."""
        known = all(digest is not None for _, digest in self.identity["corpus"]["files"])
        return known and all(
            journal["identity"].get(part) == self.identity.get(part)
            for part in ("corpus", "reading", "versions")
        )

    def path(self, name: str) -> str:
        """The path of a file in the folder."""
        return os.path.join(self.folder, name)

    def has(self, name: str, key: Json | None = None) -> bool:
        """Whether a stage is whole, and was made with this key."""
        stage = self._stages.get(name)
        return stage is not None and stage["key"] == as_json(key)

    def values(self, name: str) -> Json:
        """The values that were entered for a stage."""
        values: Json = self._stages[name]["values"]
        return values

    def begin(self, name: str) -> None:
        """Forget a stage, whose files are about to be written.

        Files of other runs are removed first.
        """
        if self._stale:
            self._stages, self._stale = {}, False
            write_journal(
                self.folder, self._journal
            )  # no file is of a stage any more, whatever ends this
            with refusals(self.folder):
                cache_folder.clear(self.folder, set())
        elif self._stages.pop(name, None) is not None:
            write_journal(self.folder, self._journal)

    def enter(
        self,
        name: str,
        values: Json,
        key: Json | None = None,
        files: Mapping[str, Sum] | None = None,
        instead: str | None = None,
    ) -> None:
        """Note that a stage is whole, its files on the disk.

        files    the sum of each
        instead  a stage that is of no more use, with its files
        """
        stage = as_json({"key": key, "values": values, "files": files or {}})
        if name == "corpus" and self._lost is not None:
            if stage != self._lost:  # read through a pipe: no stage was made of this text
                self._stages = {}
            self._lost = None
        gone = self._stages.pop(instead, {"files": {}})["files"] if instead else {}
        self._stages[name] = stage
        write_journal(self.folder, self._journal)
        with refusals(self.folder):
            for file in gone:
                os.unlink(self.path(file))

    def once(self, name: str, find: Callable[[], Json]) -> Json:
        """The values that are entered under this name, or else those that ``find`` gives (JSON)."""
        if not self.has(name):
            self.enter(name, find())
        return self.values(name)

    def put(self, name: str, header: Mapping[str, Any], arrays: Arrays) -> None:
        """Write values and arrays to one file, whole or not at all."""
        with refusals(self.folder):
            tensor_file.save(self.path(name), header, arrays)

    def sum_of(self, name: str) -> Sum:
        """The sum of a file."""
        with refusals(self.folder):
            return sum_of(self.path(name))

    def get(self, name: str) -> tuple[Json, Arrays]:
        """The values and arrays that ``put`` wrote.  Raises InputError where they are damaged."""
        path = self.path(name)
        try:
            return tensor_file.load(path)
        except ModelFileError as error:
            raise InputError(
                error.problem, place=path, mend="train again, without --resume"
            ) from error

    def load(self, run: str) -> State | None:
        """The last checkpoint of a run, None if there is none, or one of other rows."""
        name = f"{run}{CHECKPOINT}"
        if not os.path.exists(self.path(name)):
            return None
        header, arrays = self.get(name)
        return (header, arrays) if header.get("of") == bond_of(name, self._journal) else None

    def save(self, run: str, state: Callable[[], State], *, ended: bool) -> None:
        """Write a checkpoint of a run; not soon after the last one, unless the run has ended."""
        last, took = self._saved.get(run, (self._began, 0.0))
        began = time.monotonic()
        if not ended and began - last < max(self.every, SHARE * took):
            return
        header, arrays = state()
        name = f"{run}{CHECKPOINT}"
        self.put(name, header | {"of": bond_of(name, self._journal)}, arrays)
        self._saved[run] = time.monotonic(), time.monotonic() - began

    def keep(self) -> None:
        """Leave text and rows for further runs, and release the folder."""
        self._stages = {name: stage for name, stage in self._stages.items() if name in KEPT}
        self._kept = True
        write_journal(self.folder, self._journal)
        with refusals(self.folder):
            cache_folder.clear(self.folder, self._files())
        self.release()

    def remove(self) -> None:
        """Remove the folder; files in it that are not a cache's stay, and the folder with them."""
        with refusals(self.folder):
            if not cache_folder.remove(self.folder):
                self._stages, self._kept = {}, False
                write_journal(self.folder, self._journal)
                cache_folder.clear(self.folder, set())
        self.release()

    def release(self) -> None:
        """Release the folder, as it is."""
        with suppress(OSError):  # released before
            os.close(self._lock)

    @property
    def begun(self) -> bool:
        """Whether the folder has something to keep even if the corpus cannot be read."""
        return self._stale or self.resumed or self._kept or self.has("corpus")

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(os.path.getsize(self.path(name)) for name in os.listdir(self.folder))

    def _files(self) -> set[str]:
        """The files of all stages."""
        return {file for stage in self._stages.values() for file in stage["files"]}

    def _verify(self, watch: Watch | None) -> None:
        """Forget the stages whose files are not as they were written."""
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
        """(the checkpoints from which a journal's run can be resumed, the others)."""
        names = sorted(name for name in os.listdir(self.folder) if name.endswith(CHECKPOINT))
        whole = set()
        for name in names:
            with suppress(InputError):  # it is named with those of other runs
                if self.get(name)[0].get("of") == bond_of(name, journal):
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
