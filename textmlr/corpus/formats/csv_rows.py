"""Rows of a CSV file: spans of their fields, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.corpus.formats.csv_header import Header
from textmlr.corpus.formats.lines import intern
from textmlr.corpus.formats.table_columns import ColumnPlaces
from textmlr.kernels import csv_records as kernels

# Status of a row: kernels.csv_records's first, then these.
NO_LABEL, BAD_LABEL, BAD_WEIGHT, NO_TRUTH = range(10, 14)


@dataclass(frozen=True, slots=True, eq=False)
class CsvRows:
    """Rows of a block.

    line, row      line ends and rows of the file before the block
    escape         a byte, or kernels.NO_ESCAPE
    behind         number of good rows with text behind a closing quote, and the first of them
    slots          of each column: its place in starts, -1 if it is not there
    starts, stops  (n, W) int64   spans of fields
    lines, counts  (n,) int64     line ends of the block before each row; its fields
    status         (n,) uint8
    """

    name: str
    header: Header
    places: ColumnPlaces
    line: int
    row: int
    escape: int
    behind: tuple[int, int]
    text: NDArray[np.uint8]
    slots: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    lines: NDArray[np.int64]
    counts: NDArray[np.int64]
    status: NDArray[np.uint8]

    def spans(self, column: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Spans of one column, two times (n,) int64."""
        slot = int(self.slots[column])
        own = (np.ascontiguousarray(side[:, slot]) for side in (self.starts, self.stops))
        starts, stops = (frozen(side) for side in own)
        return starts, stops

    def interned(self, column: int) -> tuple[NDArray[np.int32], list[str | None]]:
        """(codes of a column's fields, −1 in bad rows; the distinct fields, None if not UTF-8)."""
        own = (self.status != kernels.GOOD).astype(np.uint8)
        return intern(frozen(self.text), *self.spans(column), own)
