"""The run of a stream: chunk after chunk is trained on, reported and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from textmlr.corpus.batch import Batch
from textmlr.corpus.chunks import Chunk
from textmlr.corpus.notes import ReadingNotes
from textmlr.training.stream.checkpoints import Checkpoint, Checkpoints
from textmlr.training.stream.inputs import InputPart, Position, ResumedInput
from textmlr.training.stream.recent import StreamFigures
from textmlr.training.stream.stream_trainer import StreamTrainer

PIECE = 1 << 14  # documents that are trained on at a time, between looks at clock and signals
TICK = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The documents so far.

    documents  of this run;  seconds  it has taken
    labels     known;  so_far, lately   see StreamTrainer
    skipped    bad rows of the stream
    multilabel  whether documents have any number of labels
    """

    documents: int
    seconds: float
    labels: int
    so_far: StreamFigures
    lately: StreamFigures
    skipped: int
    multilabel: bool = False


Event = RunProgress | Checkpoint | ResumedInput


class Run:
    """One run over a stream.

    read  notes on how the documents of this run were read
    """

    def __init__(
        self,
        trainer: StreamTrainer,
        checkpoints: Checkpoints,
        watch: Callable[[Event], None],
        stopped: Callable[[], bool],
        threads: int | None = None,
    ) -> None:
        """
        watch    called with a RunProgress after some documents or some time, with a Checkpoint
                 when one is written, and with each ResumedInput
        stopped  whether to stop: asked between pieces and every TICK
        """
        self.trainer, self.checkpoints, self.threads = trainer, checkpoints, threads
        self._watch, self._stopped = watch, stopped
        self._began = time.monotonic()
        self._before = trainer.documents
        self.read = ReadingNotes()

    def learn(self, parts: Iterable[InputPart | ResumedInput | None]) -> None:
        """Train on parts (None: there is none yet) until they end or the run is stopped.

        A checkpoint is written at the end, even if a part cannot be read or trained on.
        """
        self.checkpoints.begin(self.trainer)
        try:
            for part in parts:
                if isinstance(part, ResumedInput):
                    self._watch(part)
                elif part is not None:
                    self._learn(part.chunk, part.position)
                self._look()
                if self._stopped():
                    break
        finally:
            self._tell()
            self._keep()

    def _learn(self, chunk: Chunk, position: Position | None) -> None:
        trainer = self.trainer
        self.read.add(chunk)
        trainer.read_from(chunk.name)
        if chunk.taken is not None:
            trainer.reads(chunk.taken)
        trainer.skipped += chunk.skipped
        if position is not None:
            position.skipped += chunk.skipped
            trainer.stands_at(position)
        assert chunk.labels is not None
        codes, names = chunk.labels
        first = 0
        while first < len(chunk) and not (first and self._stopped()):
            last = min(len(chunk), first + PIECE, first + self.checkpoints.left(trainer))
            part = slice(first, last)
            weights = None if chunk.weights is None else chunk.weights[part]
            batch = Batch(chunk.batch.text, chunk.batch.starts[part], chunk.batch.stops[part])
            trainer.learn_batch(batch, codes[part], names, weights, self.threads)
            if position is not None:
                position.add(chunk, part)
            first = last
            if first < len(chunk):
                self._look()

    def _look(self) -> None:
        """Report progress, and write a checkpoint when it is due."""
        self._tell()
        if self.checkpoints.due(self.trainer):
            self._keep()

    def _tell(self) -> None:
        trainer = self.trainer
        documents = trainer.documents - self._before
        seconds = time.monotonic() - self._began
        self._watch(
            RunProgress(
                documents,
                seconds,
                len(trainer.labels),
                trainer.so_far,
                trainer.lately,
                trainer.skipped,
                trainer.multilabel,
            )
        )

    def _keep(self) -> None:
        kept = self.checkpoints.keep(self.trainer)
        if kept is not None:
            self._watch(kept)
