"""The journal of trials: JSON lines, one a trial, each on the disk before the next is shown."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from hashlib import sha256
from math import isfinite
from os import PathLike
from threading import Lock
from typing import Any

import numpy as np

from textmlr.base.errors import InputError
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import arrays_of
from textmlr.training.tuning.space import Setting
from textmlr.training.tuning.trial import Figures, Trial

Json = dict[str, Any]
BEGIN = b'{"trial": '  # how a line begins


def fingerprint(corpus: Corpus) -> str:
    """A hash of a corpus's documents, labels and weights: 16 hexadecimal digits of SHA-256."""
    digest = sha256(json.dumps(corpus.labels).encode())
    for array in arrays_of(corpus.y) if corpus.is_multilabel else [corpus.y]:
        digest.update(np.ascontiguousarray(array).data)
    if corpus.weights is not None:
        digest.update(np.ascontiguousarray(corpus.weights).data)
    for batch in corpus.batches:
        for array in (batch.text, batch.starts, batch.stops):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


class Journal:
    """Trials of one search, in a file that grows by a line a trial; threads may share one.

    path    None: they are kept nowhere
    search  identity of the search (JSON values); it is in every line
    kept    the trials that were in the file, by setting, documents and folds; the default's by None
    torn    the last line was not whole, as after a crash, and is dropped
    """

    def __init__(self, path: str | PathLike[str] | None, search: Json) -> None:
        """Read the file, if there is one.

        Raises InputError if it cannot be read, a line is no trial, or one is of another search.
        """
        self.path = None if path is None else os.fspath(path)
        self.search = search
        self.kept: dict[tuple[Setting, int, int] | None, Trial] = {}
        self.torn = False
        self._lock = Lock()
        self._whole = 0  # bytes of whole lines
        self._cut = False  # the torn line is still to be cut off
        if self.path is not None:
            self._read(self.path)

    def append(self, trial: Trial) -> None:
        """Write a trial's line and wait until it is on the disk."""
        if self.path is None:
            return
        line: Json = {"trial": trial.number, "rung": trial.rung}
        line |= {"documents": trial.documents, "folds": trial.folds}
        line["figures"] = None if trial.figures is None else _written(trial.figures)
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
                    place=self.path,
                    mend="make room, or name another --journal",
                ) from error

    def _read(self, path: str) -> None:
        try:
            with open(path, "rb") as file:
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(
                error.strerror or str(error), place=path, mend="name another --journal"
            ) from error
        for number, raw in enumerate(lines, 1):
            try:
                trial, search = _parse(raw)
            except (
                ValueError,
                TypeError,
                KeyError,
                AttributeError,
                ArithmeticError,
                RecursionError,
            ) as error:
                if number == len(lines) and _is_torn(raw):
                    self.torn = self._cut = True
                    return
                raise InputError(
                    "not a trial of textmlr tune",
                    place=path,
                    line=number,
                    mend="delete the line, or name another --journal",
                ) from error
            self._check(search, path, number)
            of = trial.setting, trial.documents, trial.folds
            self.kept[of if trial.number else None] = trial
            self._whole += len(raw)

    def _check(self, search: Json, path: str, line: int) -> None:
        """Refuse a trial of another search."""
        for name, value in self.search.items():
            if search.get(name) != value:
                raise InputError(
                    f"a trial of another search: its {name} is {search.get(name)!r}, not {value!r}",
                    place=path,
                    line=line,
                    mend="give the corpus and options it is of, name another --journal, "
                    "or delete the file",
                )


def _is_torn(raw: bytes) -> bool:
    """Whether these may be the first bytes of a trial's line: no other line is dropped.

    After a loss of power a file may end in NUL bytes.
    """
    whole = raw.endswith(b"\n")
    written = raw.rstrip(b"\0")[: len(BEGIN)]
    return not whole and BEGIN.startswith(written)


def _parse(raw: bytes) -> tuple[Trial, Json]:
    """(trial, the whole line).  Raises errors of Python's own if it is no such line."""
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
        figures=None if figures is None else Figures(**_finite(figures)),
        problem=line.get("problem"),
        seconds=float(line["seconds"]),
        kept=True,
    )
    return trial, line


def _written(figures: Figures) -> Json:
    return {name: value for name, value in asdict(figures).items() if value is not None}


def _finite(figures: Json) -> dict[str, float]:
    """Numbers that can be compared, as trials are."""
    for name, value in figures.items():
        if type(value) not in (int, float) or not isfinite(value):
            raise ValueError(f"{name} is no number")
    return figures
