"""Batch: documents as spans of one byte buffer, the form in which text meets the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batch:
    """Documents that lie in one buffer.

    Document i is text[starts[i]:stops[i]], UTF-8 (or nearly: invalid bytes are read as U+FFFD).
    Starts and stops rather than one array of offsets, so that the lines of a TSV file and the
    values of an Arrow array are both used where they lie, without a copy.

    text    (bytes,) uint8
    starts  (n,) int64, within text
    stops   (n,) int64, starts[i] <= stops[i]
    """

    text: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def __repr__(self) -> str:
        return f"<Batch of {len(self):,} documents, {self.text_bytes:,} bytes of text>"

    @property
    def text_bytes(self) -> int:
        """Bytes of text in the documents (not of the buffer they lie in)."""
        return int((self.stops - self.starts).sum())

    @property
    def is_ascii(self) -> bool:
        """Whether the documents, and the bytes between them, are ASCII."""
        if not len(self):
            return True
        # They lie close together: the bytes between them (labels) cost little.
        span = self.text[int(self.starts.min()) : int(self.stops.max())]
        return not len(span) or int(span.max()) < 0x80

    def __getitem__(self, i: int) -> bytes:
        return self.text[self.starts[i] : self.stops[i]].tobytes()

    def compact(self, rows: NDArray[np.int64]) -> Batch:
        """Some of the documents (numbers, ascending), in a buffer of their own."""
        starts, lengths = self.starts[rows], self.stops[rows] - self.starts[rows]
        stops = np.cumsum(lengths)
        total = int(stops[-1]) if len(rows) else 0
        text = self.text[np.arange(total) + np.repeat(starts - (stops - lengths), lengths)]
        text.flags.writeable = False
        return Batch(text, stops - lengths, stops)


ASCII_SPACE = " \t\n\r\x0b\x0c"  # what labels are stripped of


def joined_texts(texts: Sequence[bytes]) -> Batch:
    """Texts in one buffer."""
    stops = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), stops[:-1]]) if len(texts) else stops
    return Batch(np.frombuffer(b"".join(texts), np.uint8), starts, stops)
