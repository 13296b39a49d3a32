"""Rows as lines of text, made column by column with Arrow: no Python object a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from textmlr.matrices.parts import Part

# What Vowpal Wabbit reads as something else than part of a name, and the escapes' own sign.
SPECIAL = {"%": "%25", " ": "%20", ":": "%3A", "|": "%7C", "\t": "%09", "\n": "%0A", "\r": "%0D"}


class SvmlightLines:
    """Lines ``code index:value index:value``, the indices ascending, as liblinear, XGBoost and
    scikit-learn's load_svmlight_file read them.

    A code is that of the document's label, 0 where it has none.  Values are the shortest that
    float32 reads back.

    first_index  of column 0
    Source: Joachims, SVMlight, "Using SVMlight: input files"; LIBLINEAR's README.
    """

    def __init__(self, first_index: int = 1) -> None:
        self._first = first_index

    def render(self, part: Part) -> bytes:
        """The lines of some documents."""
        codes = np.zeros(len(part), np.int32) if part.y is None else part.y
        names = pa.array(part.features.indices.astype(np.int64) + self._first)
        return _join(_text(pa.array(codes)), part, _text(names))


class VwLines:
    """Lines ``code | name:value name:value`` of Vowpal Wabbit, or ``code weight | ...``.

    Codes count from 1, as ``--oaa`` wants them; a document without a label has none.  In names %,
    space, :, | and line ends are written as in URLs (%25, %20, %3A, %7C …).

    names  of the columns; None: numbers are their names (hashing)
    Source: the Vowpal Wabbit wiki, "Input format".
    """

    def __init__(self, names: Sequence[str] | None) -> None:
        self._names = None
        if names is not None:
            table = str.maketrans(SPECIAL)
            # Nameless are features that count in a row's length only; no other begins like this.
            shown = [name.translate(table) or f"%column{i}" for i, name in enumerate(names)]
            self._names = pa.array(shown, pa.large_string())

    def render(self, part: Part) -> bytes:
        """The lines of some documents."""
        if self._names is None:
            names = _text(pa.array(part.features.indices))
        else:
            names = self._names.take(pa.array(part.features.indices))
        before = pa.array([""] * len(part), pa.large_string())
        if part.y is not None:
            before = pc.binary_join_element_wise(_text(pa.array(part.y + 1)), " ", "")
            if part.weights is not None:
                before = pc.binary_join_element_wise(before, _text(pa.array(part.weights)), " ", "")
        return _join(pc.binary_join_element_wise(before, "|", ""), part, names)


def _text(array: pa.Array) -> pa.Array:
    return array.cast(pa.large_string())


def _join(before: pa.Array, part: Part, names: pa.Array) -> bytes:
    """Lines of what comes before a row, and its entries name:value.

    before  (n,), names  (nnz,)
    """
    features = part.features
    entries = pc.binary_join_element_wise(names, _text(pa.array(features.values)), ":")
    rows = pa.LargeListArray.from_arrays(pa.array(features.indptr), entries)
    gaps = pa.array(_gaps(features.indptr), pa.large_string())
    joined = pc.binary_join(rows, " ")
    lines = pc.binary_join_element_wise(before, gaps, joined, "\n", "")
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, np.int64)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])].tobytes()


def _gaps(indptr: NDArray[np.int64]) -> NDArray[np.object_]:
    """What stands between a label and its row: nothing where that has no entries."""
    return np.where(np.diff(indptr) > 0, " ", "").astype(object)
