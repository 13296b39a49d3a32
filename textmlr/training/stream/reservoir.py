"""A random sample of a stream's documents, within so many bytes."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.batch import Batch
from textmlr.kernels import hashing
from textmlr.kernels.jit import as_python

SAMPLE_BYTES = 1 << 21
LONGEST = 1 << 16  # bytes of one document: the rest is not sampled
_mixed = as_python(hashing._split_mix)


class Reservoir:
    """The documents with the smallest random numbers, as many as there is room for.

    The number of a document depends only on the seed and on its place in the stream, so the sample
    does not depend on how the stream was cut or when it was asked for.
    Source: Vitter, ACM TOMS 11(1), 1985, has the problem; the numbers are SplitMix64's (Steele, Lea
    and Flood, OOPSLA 2014).
    """

    def __init__(self, seed: int) -> None:
        self._seed = np.uint64(seed)
        self._heap: list[tuple[int, bytes]] = []  # (−number, text): the largest number first
        self._bytes = 0
        self._bound = 1 << 64  # documents with this number or a larger one are out

    def add(self, batch: Batch, before: int) -> None:
        """Add documents of a stream, after so many before them."""
        numbers = self._numbers(before, len(batch))
        for i in np.flatnonzero(numbers < np.uint64(min(self._bound, (1 << 64) - 1))).tolist():
            number = int(numbers[i])
            if number >= self._bound:
                continue
            start, stop = int(batch.starts[i]), int(batch.stops[i])
            text = batch.text[start : min(stop, start + LONGEST)].tobytes()
            heapq.heappush(self._heap, (-number, text))
            self._bytes += len(text)
            while self._bytes > SAMPLE_BYTES:
                negative, out = heapq.heappop(self._heap)
                self._bytes -= len(out)
                self._bound = -negative

    def batch(self) -> Batch:
        """The sample, in an order of its own."""
        texts = [text for _, text in sorted(self._heap, reverse=True)]
        stops = np.cumsum([len(text) for text in texts], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), stops[:-1]]) if texts else stops
        return Batch(np.frombuffer(b"".join(texts), np.uint8), starts, stops)

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays from which ``restore`` makes the same again."""
        batch = self.batch()
        numbers = sorted(-negative for negative, _ in self._heap)
        bound = [] if self._bound == 1 << 64 else [self._bound]
        return {
            "sample.texts": batch.text,
            "sample.stops": batch.stops,
            "sample.numbers": np.array(numbers, np.uint64),
            "sample.bound": np.array(bound, np.uint64),
        }

    @classmethod
    def restore(cls, seed: int, arrays: dict[str, NDArray[Any]]) -> Reservoir:
        """Restore from a state.  Raises KeyError or ValueError for another."""
        own = cls(seed)
        text, stops = arrays["sample.texts"].tobytes(), arrays["sample.stops"].tolist()
        numbers = arrays["sample.numbers"].tolist()
        for number, start, stop in zip(numbers, [0, *stops][:-1], stops, strict=True):
            own._heap.append((-number, text[start:stop]))
        heapq.heapify(own._heap)
        own._bytes = len(text)
        own._bound = int(arrays["sample.bound"][0]) if len(arrays["sample.bound"]) else 1 << 64
        return own

    def _numbers(self, first: int, count: int) -> NDArray[np.uint64]:
        """Random numbers of documents from the number ``first`` on."""
        places = np.arange(first + 1, first + 1 + count, dtype=np.uint64)
        with np.errstate(over="ignore"):
            state = (self._seed + np.uint64(1)) * hashing.STAFFORD_2
            numbers: NDArray[np.uint64] = _mixed(state + places * hashing.GOLDEN)
        return numbers
