"""The journal of trials: JSON lines, one a trial, each on the disk before the next is shown."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from hashlib import sha256
from os import PathLike
from threading import Lock
from typing import Any

import numpy as np

from textmlr.corpus import Corpus
from textmlr.errors import InputError
from textmlr.tuning.space import Setting
from textmlr.tuning.trial import Figures, Trial

Json = dict[str, Any]


def fingerprint(corpus: Corpus) -> str:
    """A hash of a corpus's documents, labels and weights: 16 hexadecimal digits of SHA-256."""
    digest = sha256(json.dumps(corpus.labels).encode())
    digest.update(np.ascontiguousarray(corpus.y).data)
    if corpus.weights is not None:
        digest.update(np.ascontiguousarray(corpus.weights).data)
    for batch in corpus.batches:
        for array in (batch.text, batch.starts, batch.stops):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


class Journal:
    """Trials of one search, in a file that grows by a line a trial; threads may share one.

    search  what the trials are of (JSON values); it is in every line
    kept    the trials that were in the file, by setting, documents and folds; the default's by None
    torn    the last line was not whole, as after a crash, and is dropped
    """

    def __init__(self, path: str | PathLike[str], search: Json) -> None:
        """Read the file, if there is one.

        Raises InputError if it cannot be read, a line is no trial, or one is of another search.
        """
        self.path = os.fspath(path)
        self.search = search
        self.kept: dict[tuple[Setting, int, int] | None, Trial] = {}
        self.torn = False
        self._lock = Lock()
        self._whole = 0  # bytes of whole lines
        self._cut = False  # what is torn off is still to be cut
        self._read()

    def append(self, trial: Trial) -> None:
        """Write a trial's line and wait until it is on the disk."""
        line: Json = {"trial": trial.number, "rung": trial.rung}
        line |= {"documents": trial.documents, "folds": trial.folds}
        line["figures"] = None if trial.figures is None else asdict(trial.figures)
        if trial.problem is not None:
            line["problem"] = trial.problem
        line |= {"seconds": round(trial.seconds, 3), "options": trial.setting.as_json()}
        raw = (json.dumps(line | self.search, ensure_ascii=False) + "\n").encode()
        with self._lock:
            try:
                with open(self.path, "ab") as file:
                    if self._cut:
                        file.truncate(self._whole)
                        self._cut = False
                    file.write(raw)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise InputError(
                    f"cannot be written: {(error.strerror or str(error)).lower()}",
                    place=self.path, mend="make room, or name another --journal",
                ) from error  # fmt: skip

    def _read(self) -> None:
        try:
            with open(self.path, "rb") as file:
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(
                error.strerror or str(error), place=self.path, mend="name another --journal"
            ) from error
        for number, raw in enumerate(lines, 1):
            try:
                trial, search = _parse(raw)
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines) and not raw.endswith(b"\n"):
                    self.torn = self._cut = True
                    return
                raise InputError(
                    "not a trial of textmlr tune", place=self.path, line=number,
                    mend="delete the line, or name another --journal",
                ) from error  # fmt: skip
            self._check(search, number)
            of = trial.setting, trial.documents, trial.folds
            self.kept[of if trial.number else None] = trial
            self._whole += len(raw)

    def _check(self, search: Json, line: int) -> None:
        """Refuse a trial of another search."""
        for name, value in self.search.items():
            if search.get(name) != value:
                raise InputError(
                    f"a trial of another search: its {name} is {search.get(name)!r}, not {value!r}",
                    place=self.path, line=line,
                    mend="give the corpus and options it is of, name another --journal, "
                    "or delete the file",
                )  # fmt: skip


def _parse(raw: bytes) -> tuple[Trial, Json]:
    """(trial, all of the line).  ValueError, TypeError or KeyError if it is no such line."""
    if not raw.endswith(b"\n"):
        raise ValueError("not a whole line")
    line = json.loads(raw)
    figures = line["figures"]
    trial = Trial(
        number=int(line["trial"]),
        setting=Setting.from_json(line["options"]),
        rung=float(line["rung"]),
        documents=int(line["documents"]),
        folds=int(line["folds"]),
        figures=None if figures is None else Figures(**figures),
        problem=line.get("problem"),
        seconds=float(line["seconds"]),
        kept=True,
    )
    return trial, line
