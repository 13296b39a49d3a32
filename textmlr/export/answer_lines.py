"""Answers as text, a block at a time: lines label<TAB>probability."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.printable import plain
from textmlr.model.heads import likeliest, ranked_rows
from textmlr.model.label_choice import LabelChoice

if TYPE_CHECKING:
    import pyarrow as pa

UNSURE = "unsure"  # the answer where no label is likely enough
NO_LABEL = "no label"  # that of a document which may have several

# From so many numbers on Arrow writes them: importing it takes as long as Python takes for these.
MANY = 1 << 17
ZEROS = 6  # the most zeros before the first digit of a number without an exponent, as in Arrow


class LabelLines:
    """Lines label<TAB>probability, the likeliest first; threads may share one.

    Ties are in the order of the labels, and an empty line stands before the lines of a document
    that has several.  With a column, a line has the probability of that label and nothing else.
    A probability has the fewest digits that float64 reads back, see ``shortest``.
    Where the likeliest label's is below ``least``, the first line is UNSURE with that probability,
    before the lines of several labels or in place of the only one.

    Where documents may have several labels, the lines of a document are those of its answer, or of
    the ``top`` likeliest that are no less than ``least``.  Where there is none, a line NO_LABEL has
    the probability of the likeliest.

    labels     L names without control characters
    top        how many labels of each document, None for all
    column     the one label that is asked for, None for those of top
    least      the least probability of an answer, 0 for none; of no effect on a column
    documents  how many there are in all
    choice     of a multi-label model: which labels are a document's answer, given without a top
    """

    def __init__(
        self,
        labels: Sequence[str],
        top: int | None,
        column: int | None,
        least: float = 0.0,
        documents: int = 1,
        choice: LabelChoice | None = None,
    ) -> None:
        names = [f"{name}\t" for name in (*labels, UNSURE if choice is None else NO_LABEL)]
        # The second half are names in the first of several lines.
        self._names = [*names, *(f"\n{name}" for name in names), ""]
        self._top = min(top or len(labels), len(labels))
        self._column = column
        self._least = least
        self._choice, self._by_choice = choice, top is None
        numbers = documents * (self._top if column is None else 1)
        self._joined = _joined_by_arrow if numbers >= MANY else _joined

    def render(self, probabilities: NDArray[np.float64]) -> bytes:
        """The lines of a block of documents;  probabilities (n, L) float64."""
        n = len(probabilities)
        if self._column is not None:
            nameless = np.full(n, len(self._names) - 1)
            return self._joined(self._names, nameless, probabilities[:, self._column])
        if self._choice is not None:
            return self._of_sets(probabilities, self._choice)
        order = likeliest(probabilities)[:, None] if self._top == 1 else ranked_rows(probabilities)
        order = order[:, : self._top]
        return self.of_ranked(order, np.take_along_axis(probabilities, order, axis=1))

    def of_ranked(self, order: NDArray[np.int64], shares: NDArray[np.float64]) -> bytes:
        """The lines of documents that have one label;  order, shares (n, top), the labels and
        their probabilities, the likeliest first."""
        labels = len(self._names) // 2 - 1
        unsure = shares[:, 0] < self._least
        if self._top == 1:
            best = np.where(unsure, labels, order[:, 0])
            return self._joined(self._names, best, np.ascontiguousarray(shares[:, 0]))
        order = order.copy()
        order[~unsure, 0] += labels + 1
        if unsure.any():
            order = np.insert(order, 0, 2 * labels + 1, axis=1)
            shares = np.insert(shares, 0, shares[:, 0], axis=1)
            kept = np.ones(order.shape, bool)
            kept[:, 0] = unsure
            order, shares = order[kept], shares[kept]
        return self._joined(self._names, order.ravel(), shares.ravel())

    def _of_sets(self, p: NDArray[np.float64], choice: LabelChoice) -> bytes:
        """The lines of documents that may have several labels."""
        n, labels = p.shape
        if self._by_choice:
            offsets, codes = choice.ranked(p)
            sizes = np.diff(offsets)
        else:
            order = ranked_rows(p)[:, : self._top]
            likely = np.take_along_axis(p, order, axis=1) >= self._least
            sizes, codes = likely.sum(axis=1), order[likely]
        ends = np.cumsum(np.maximum(sizes, 1))
        begins = ends - np.maximum(sizes, 1)
        names = np.full(int(ends[-1]) if n else 0, labels)
        shares = np.zeros(len(names))
        none = sizes == 0
        shares[begins[none]] = p[none].max(axis=1)
        own = np.ones(len(names), np.bool_)
        own[begins[none]] = False
        names[own], shares[own] = codes, p[np.repeat(np.arange(n), sizes), codes]
        if self._by_choice or self._top > 1:
            names[begins] += labels + 1
        return self._joined(self._names, names, shares)


def lines_of_few(
    labels: Sequence[str],
    codes: NDArray[np.int64],
    shares: NDArray[np.float64],
    least: float = 0.0,
    documents: int = 1,
) -> bytes:
    """``LabelLines.of_ranked`` of a few of very many labels, whose names are made safe here.

    codes, shares (n, k)   the labels of each document and their probabilities, likeliest first
    """
    own, places = np.unique(codes, return_inverse=True)
    names = [plain(labels[i]) for i in own.tolist()]
    lines = LabelLines(names, codes.shape[1], None, least, documents)
    return lines.of_ranked(places.reshape(codes.shape), shares)


def lines_of_numbers(numbers: NDArray[np.float64], documents: int = 1) -> bytes:
    """A line of each number, as a column of ``LabelLines`` has it."""
    join = _joined_by_arrow if documents >= MANY else _joined
    return join([""], np.zeros(len(numbers), np.int64), np.ascontiguousarray(numbers))


def shortest(numbers: NDArray[np.float64]) -> list[str]:
    """Numbers of 0 to 1 as Arrow writes them: the fewest digits that float64 reads back, with an
    exponent below 10^-6.

    >>> shortest(np.array([0, 0.5, 1 / 3, 1.25e-5, 1e-7, 1]))
    ['0', '0.5', '0.3333333333333333', '0.0000125', '1e-7', '1']
    """
    texts = list(map(repr, numbers.tolist()))
    for i in np.flatnonzero((numbers < 1e-4) | (numbers == 1.0)).tolist():
        digits, _, exponent = texts[i].partition("e-")
        if not exponent:
            texts[i] = digits.removesuffix(".0")
        elif int(exponent) > ZEROS:
            texts[i] = f"{digits}e-{int(exponent)}"
        else:
            texts[i] = f"0.{'0' * (int(exponent) - 1)}{digits.replace('.', '')}"
    return texts


def _joined(names: list[str], codes: NDArray[np.int64], numbers: NDArray[np.float64]) -> bytes:
    """Lines of a name and a number each;  codes (k,) into names."""
    begins = map(names.__getitem__, codes.tolist())
    return "".join(chain.from_iterable(zip(begins, shortest(numbers), repeat("\n")))).encode()


def _joined_by_arrow(
    names: list[str], codes: NDArray[np.int64], numbers: NDArray[np.float64]
) -> bytes:
    """``_joined`` by Arrow, which runs side by side in threads."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # From buffers: pa.array and pa.scalar would import pandas.
    encoded = [name.encode() for name in (*names, "\n")]
    ends = np.cumsum([0, *map(len, encoded)])
    strings = pa.LargeStringArray.from_buffers(
        len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))
    )
    begins = strings.take(_arrow(pa.int64(), codes))
    texts = _arrow(pa.float64(), numbers).cast(pa.large_string())
    lines = pc.binary_join_element_wise(begins, texts, strings[-1], strings[-2])
    _, offsets, data = lines.buffers()
    text: bytes = data.to_pybytes()
    return text[: np.frombuffer(offsets, np.int64)[len(lines)]]


def _arrow(kind: pa.DataType, values: NDArray[Any]) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(
        kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))]
    )
