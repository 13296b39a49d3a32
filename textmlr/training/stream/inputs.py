"""The position of a stream in its input files, so that a resumed run trains on no document twice.

A file is recognised by its path and its first documents: as many as were trained on, with the same
text, labels and weights.  So it may have grown meanwhile, and be compressed or not.  Pipes and
addresses cannot be read again, and have no position.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256
from itertools import chain
from typing import Any

import numpy as np

from textmlr.corpus.batch import Batch
from textmlr.corpus.chunks import Chunk
from textmlr.corpus.duplicates import fingerprints
from textmlr.corpus.label_sets import LabelSets
from textmlr.corpus.sources import is_url, name_of

MOST_INPUTS = 10_000  # with a position: the last ones read
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class InputMark:
    """The part of an input that was trained on.

    key        its path, and 2 where a command names it for the second time, and so on
    documents  in that part;  skipped  bad rows that were counted with them
    digest     of the documents
    """

    key: Key
    documents: int
    skipped: int
    digest: str

    def as_json(self) -> list[Any]:
        """The JSON that ``of`` takes."""
        return [*self.key, self.documents, self.skipped, self.digest]

    @classmethod
    def of(cls, values: Sequence[Any]) -> InputMark:
        """The mark of this JSON.  Raises ValueError for values of another form."""
        path, number, documents, skipped, digest = values
        texts, numbers = (path, digest), (number, documents, skipped)
        if not all(isinstance(text, str) for text in texts) or not all(
            isinstance(own, int) and own >= 0 for own in numbers
        ):
            raise ValueError("an input has another form")
        return cls((path, number), documents, skipped, digest)


class Position:
    """The part of an input that was trained on, while it grows."""

    def __init__(self, key: Key) -> None:
        """Begin at the start of the input."""
        self.key = key
        self.documents = self.skipped = 0
        self._digest = sha256()

    def add(self, chunk: Chunk, part: slice) -> None:
        """The next documents of the input were trained on."""
        batch = Batch(chunk.batch.text, chunk.batch.starts[part], chunk.batch.stops[part])
        if not len(batch):
            return
        assert chunk.labels is not None
        codes, names = chunk.labels
        hashes = [blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8) for name in names]
        labels = np.array([int.from_bytes(one.digest(), "little") for one in hashes], np.uint64)
        rows = np.zeros((len(batch), 4), np.uint64)
        rows[:, 0] = fingerprints([batch], 1)
        rows[:, 1] = batch.stops - batch.starts  # fingerprints pass over space around a text
        own = codes[part]
        if isinstance(own, LabelSets):
            np.add.at(rows[:, 2], own.rows, labels[own.codes])
        else:
            rows[:, 2] = labels[own]
        if chunk.weights is not None:
            rows[:, 3] = chunk.weights[part].view(np.uint32)
            rows[:, 3] += np.uint64(1)
        self._digest.update(rows.data)
        self.documents += len(batch)

    @property
    def mark(self) -> InputMark:
        """The mark of the part so far."""
        return InputMark(self.key, self.documents, self.skipped, self._digest.hexdigest())


@dataclass(frozen=True, slots=True)
class ResumedInput:
    """A resumed run begins to read an input.

    name    of the input
    passed  documents at its beginning that were trained on before, and are not again
    before  documents of an input of this name that were trained on before; it does not begin with
            them if passed is 0;  None: the input cannot be read again
    """

    name: str
    passed: int
    before: int | None


@dataclass(frozen=True, slots=True, eq=False)
class InputPart:
    """Documents to train on, and their position, None for an input that cannot be read again."""

    chunk: Chunk
    position: Position | None


def parts_of(
    sources: Sequence[str],
    scan: Callable[[str], Iterator[Chunk]],
    known: Mapping[Key, InputMark],
    *,
    resumed: bool,
) -> Iterator[ResumedInput | InputPart]:
    """The documents of inputs, one after another, without those that were trained on before.

    sources  as ``corpus.sources.sources_of`` gives them;  scan  the documents of one
    known    the marks of inputs that were trained on before
    resumed  report each input, of which a part may have been trained on before
    """
    times: Counter[str] = Counter()
    for source in sources:
        if not _can_be_read_again(source):
            if resumed:
                yield ResumedInput(name_of(source), 0, None)
            for chunk in scan(source):
                yield InputPart(chunk, None)
            continue
        path = os.path.realpath(source)
        times[path] += 1
        key = path, times[path]
        position, chunks = Position(key), None
        before = known.get(key)
        if before is not None:
            chunks = _behind(scan(source), position, before)
            yield ResumedInput(source, 0 if chunks is None else before.documents, before.documents)
        if chunks is None:
            position, chunks = Position(key), scan(source)
        for chunk in chunks:
            yield InputPart(chunk, position)


def _can_be_read_again(source: str) -> bool:
    if source == "-" or is_url(source):
        return False
    try:
        mode = os.stat(source).st_mode
    except OSError:
        return True  # the error is for the reader to raise
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _behind(
    chunks: Iterator[Chunk], position: Position, before: InputMark
) -> Iterator[Chunk] | None:
    """The documents after those trained on, None where the input does not begin with these.

    The position moves past those.
    """
    skipped = 0
    for chunk in chunks:
        taken = min(len(chunk), before.documents - position.documents)
        position.add(chunk, slice(0, taken))
        if position.documents == before.documents:
            position.skipped = before.skipped
            if position.mark != before:
                return None
            return _rest(chunk, taken, chunks, skipped, before.skipped)
        skipped += chunk.skipped
    return None


def _rest(
    chunk: Chunk, taken: int, following: Iterator[Chunk], skipped: int, counted: int
) -> Iterator[Chunk]:
    """A chunk without its first documents, and the chunks that follow it.

    skipped  bad rows before the chunk;  counted  those that were counted already
    """
    assert chunk.labels is not None
    codes, names = chunk.labels
    batch = Batch(chunk.batch.text, chunk.batch.starts[taken:], chunk.batch.stops[taken:])
    weights = None if chunk.weights is None else chunk.weights[taken:]
    chunk = replace(chunk, batch=batch, labels=(codes[taken:], names), weights=weights)
    for one in chain([chunk], following):
        skipped, before = skipped + one.skipped, max(skipped, counted)
        yield replace(one, skipped=max(skipped - before, 0))
