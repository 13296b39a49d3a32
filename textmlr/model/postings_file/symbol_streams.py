"""Symbols of entries ↔ the words of a stream, and the frequencies by which they are coded."""

from __future__ import annotations

from os import PathLike
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import BLOCK_ENTRIES, frozen
from textmlr.base.file_checks import expect
from textmlr.kernels import symbol_coding as kernels
from textmlr.kernels.symbol_coding import BITS, SYMBOLS, TOTAL

Bytes = NDArray[np.uint8]
# Documents of a label from which its next class begins; those without any are the first.
CLASSES = (1, 2, 3, 4, 5, 7, 10, 17, 41)
OWN_CONTEXTS = len(CLASSES) + 1
SUM_CONTEXTS, LEARNT_CONTEXTS = 256, 32  # of the parent's symbol
ESCAPE = 255  # of a number that stands apart


class Entries(NamedTuple):
    """Entries whose symbols are coded.

    links   (m,) int32   of ``CodedRows``
    labels  (m,) int32
    classes (L,) uint8   of the labels, see ``classes_of``
    """

    links: NDArray[np.int32]
    labels: NDArray[np.int32]
    classes: Bytes

    def frozen(self) -> Entries:
        """As kernels take them to read."""
        return Entries(frozen(self.links), frozen(self.labels), frozen(self.classes))


def classes_of(documents: NDArray[np.int64]) -> Bytes:
    """The class of each label by its documents, (L,) uint8."""
    return np.searchsorted(CLASSES, documents, side="right").astype(np.uint8)


def coded_symbols(symbols: Bytes, entries: Entries, most: int) -> tuple[Bytes, NDArray[np.int64]]:
    """(words as bytes, (C, SYMBOLS) frequencies) of symbols;  most  contexts of parents."""
    links, labels, classes = entries.frozen()
    counts = np.zeros((most + OWN_CONTEXTS, SYMBOLS), np.int64)
    kernels.count_symbols(frozen(symbols), links, labels, classes, most, counts)
    frequencies = _shares(counts)
    words = np.empty(len(symbols) + 2, np.uint16)
    size = kernels.encode_symbols(
        frozen(symbols),
        links,
        labels,
        classes,
        most,
        frozen(frequencies),
        frozen(_starts(frequencies)),
        words,
    )
    return words[len(words) - size :].astype("<u2").view(np.uint8), frequencies


def restored_symbols(
    stream: Bytes,
    frequencies: NDArray[np.int64],
    entries: Entries,
    most: int,
    path: str | PathLike[str],
) -> Bytes:
    """The symbols again.  Raises ModelFileError where the stream is not that of so many."""
    sums = frequencies.sum(axis=1)
    fits = bool(((sums == TOTAL) | (sums == 0)).all() and (frequencies >= 0).all())
    expect(fits and len(stream) % 2 == 0, path, "the frequencies of its symbols are damaged")
    slots = np.zeros((len(sums), TOTAL), np.uint8)
    for own, row, total in zip(slots, frequencies, sums.tolist(), strict=True):
        if total:
            own[:] = np.repeat(np.arange(SYMBOLS, dtype=np.uint8), row)
    shares = (frequencies << BITS | _starts(frequencies) % TOTAL).astype(np.uint32)
    links, labels, classes = entries.frozen()
    symbols = np.empty(len(labels), np.uint8)
    whole = kernels.decode_symbols(
        frozen(stream.view("<u2").astype(np.uint16, copy=False)),
        links,
        labels,
        classes,
        most,
        frozen(slots),
        frozen(shares),
        symbols,
    )
    expect(bool(whole), path, "the symbols of its weights are damaged")
    return symbols


def as_symbols(numbers: NDArray[np.int32]) -> tuple[Bytes, NDArray[np.int32]]:
    """(symbols of whole numbers: 0, −1, 1, −2, …; those that are too large, in order)."""
    symbols = np.empty(len(numbers), np.uint8)
    for first in range(0, len(numbers), BLOCK_ENTRIES):
        part = numbers[first : first + BLOCK_ENTRIES].astype(np.int64)
        symbols[first : first + BLOCK_ENTRIES] = np.minimum((part << 1) ^ (part >> 63), ESCAPE)
    return symbols, numbers[symbols == ESCAPE]


def from_symbols(
    symbols: Bytes, large: NDArray[np.int32], path: str | PathLike[str]
) -> NDArray[np.int32]:
    """The whole numbers again."""
    folded = np.arange(SYMBOLS, dtype=np.int32)
    numbers: NDArray[np.int32] = ((folded >> 1) ^ -(folded & 1))[symbols]
    apart = symbols == ESCAPE
    expect(int(apart.sum()) == len(large), path, "its large weights are not so many")
    numbers[apart] = large
    return numbers


def _starts(frequencies: NDArray[np.int64]) -> NDArray[np.int64]:
    starts: NDArray[np.int64] = np.cumsum(frequencies, axis=1) - frequencies
    return starts


def _shares(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frequencies that add up to TOTAL where a context has any, at least 1 of each symbol there."""
    sums = counts.sum(axis=1, keepdims=True)
    shares: NDArray[np.int64] = np.maximum(counts * TOTAL // np.maximum(sums, 1), counts > 0)
    for own, total in zip(shares, sums[:, 0].tolist(), strict=True):
        missing = TOTAL - int(own.sum()) if total else 0
        if missing >= 0:
            own[own.argmax()] += missing
        for _ in range(-missing):
            own[own.argmax()] -= 1
    return shares
