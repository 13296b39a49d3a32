"""Answers as text, a block at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.kernels import answer_text as kernels

UNSURE = "unsure"  # the answer where no label is likely enough


class Lines:
    """Lines label<TAB>probability, the likeliest first; threads may share one.

    Ties are in the order of the labels, and before a document's lines stands an empty one, if
    they are several.  With a column: lines with its probability and nothing else.
    Probabilities have ten significant digits, as "%.10g" has them.
    Where the likeliest label's is below ``least``, the answer is UNSURE: a line of it, with that
    probability, comes first, before those of several labels or in place of the one.

    labels  L names without control characters
    top     how many labels of each document, None for all
    column  the one label that is asked for, None for those of top
    least   the least probability of an answer, 0 for none; of no effect on a column
    """

    def __init__(
        self, labels: Sequence[str], top: int | None, column: int | None, least: float = 0.0
    ) -> None:
        encoded = [label.encode() for label in (*labels, UNSURE)]
        self._names = frozen(np.frombuffer(b"".join(encoded), np.uint8))
        self._ends = frozen(np.cumsum([len(name) for name in encoded], dtype=np.int64))
        self._top = min(top or len(labels), len(labels))
        self._column = column
        self._least = float(least)
        self._line = max(map(len, encoded)) + 2 + kernels.NUMBER
        self._scratch = Scratch()

    def render(self, probabilities: NDArray[np.float64]) -> bytes:
        """The lines of a block of documents;  probabilities (n, L) float64."""
        n, labels = probabilities.shape
        take = self._scratch.take
        out = take("out", n * (1 + (self._top + 1) * self._line), np.uint8)
        if self._column is not None:
            numbers = np.ascontiguousarray(probabilities[:, self._column])
            size = kernels.write_numbers(frozen(numbers), out)
        else:
            size = kernels.write(
                frozen(probabilities),
                self._top,
                self._least,
                self._names,
                self._ends,
                take("order", labels, np.int64),
                take("sorting", labels, np.int64),
                out,
            )
        return out[:size].tobytes()
