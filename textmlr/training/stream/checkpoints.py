"""Checkpoints: a model to use meanwhile, and the state to resume from."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from os import PathLike

from textmlr.base.durations import seconds_of
from textmlr.base.option_errors import refuse
from textmlr.model.record import Record
from textmlr.training.stream.stream_trainer import StreamTrainer

CHECKPOINT = ".checkpoint"  # behind the model file's name
SECONDS = 300.0  # between checkpoints
NEVER = 1 << 62
MOST_DOCUMENTS = 10**12  # between checkpoints


def checkpoint_of(model: str | PathLike[str]) -> str:
    """The name of a model file's checkpoint."""
    return os.fspath(model) + CHECKPOINT


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was written.

    documents  of the stream in all;  model, state  bytes of the two files, 0 for no model before
               there are two labels
    seconds    it took
    """

    documents: int
    model: int
    state: int
    seconds: float


@dataclass(slots=True)
class Checkpoints:
    """The times and the place at which checkpoints are written.

    path       of the model
    documents  between checkpoints: they are at multiples of it; None: by time
    seconds    between checkpoints, None: by documents
    last       the last checkpoint;  record  of the model among it
    """

    path: str
    documents: int | None = None
    seconds: float | None = SECONDS
    last: Checkpoint | None = None
    record: Record = field(default_factory=Record)
    _at: float = 0.0
    _documents: int = field(default=0)

    def begin(self, trainer: StreamTrainer) -> None:
        """Begin with a trainer that is new, or as it was last kept."""
        self._at, self._documents = time.monotonic(), trainer.documents

    def left(self, trainer: StreamTrainer) -> int:
        """Documents until one is due."""
        if self.documents is None:
            return NEVER
        return self.documents - trainer.documents % self.documents

    def due(self, trainer: StreamTrainer) -> bool:
        """Whether a checkpoint is due."""
        if trainer.documents == self._documents:
            return False
        if self.documents is not None:
            return trainer.documents % self.documents == 0
        assert self.seconds is not None
        return time.monotonic() - self._at >= self.seconds

    def keep(self, trainer: StreamTrainer) -> Checkpoint | None:
        """Write both files, each whole or not at all; None if there are no new documents.

        The state comes first, so that it is as new as the model whatever happens between.
        Raises InputError if they cannot be written.
        """
        if self.last is not None and self.last.documents == trainer.documents:
            return None
        if not trainer.documents:
            return None
        began = time.monotonic()
        # Made first: where weights are not finite it is refused, and the last checkpoint stays.
        model = trainer.model() if len(trainer.labels) > 1 else None
        state = trainer.save(checkpoint_of(self.path))
        size = 0
        if model is not None:
            size, self.record = model.save(self.path), model.record
        self._at, self._documents = time.monotonic(), trainer.documents
        self.last = Checkpoint(trainer.documents, size, state, self._at - began)
        return self.last


def every(text: str) -> tuple[int | None, float | None]:
    """--checkpoint-every, such as 100000, 60s, 5m or 1h, as (documents, seconds).

    Raises InputError for anything else.

    >>> every("100000"), every("5m")
    ((100000, None), (None, 300.0))
    """
    whole = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_DOCUMENTS))
    if whole and 1 <= int(text) <= MOST_DOCUMENTS:
        return int(text), None
    if (seconds := seconds_of(text)) is not None:
        return None, seconds
    wanted = "a number of documents such as 100000, or a time such as 60s, 5m or 1h"
    raise refuse("checkpoint_every", text, wanted)
