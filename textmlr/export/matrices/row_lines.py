"""Rows as lines of text, made by Arrow column by column, without a Python object a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.export.matrices.matrix_parts import MatrixPart

# Characters that Vowpal Wabbit does not take in a name, and the sign of the escapes.
SPECIAL = {"%": "%25", " ": "%20", ":": "%3A", "|": "%7C", "\t": "%09", "\n": "%0A", "\r": "%0D"}


class SvmlightLines:
    """Lines ``code index:value index:value``, the indices ascending, as liblinear, XGBoost and
    scikit-learn's load_svmlight_file read them.

    The code is that of the document's label, 0 where it is not known; of a label set the codes with
    commas between, as load_svmlight_file(multilabel=True) reads them.  A value has the fewest
    digits that float32 reads back.

    first_index  of column 0
    Source: Joachims, SVMlight, "Using SVMlight: input files"; LIBLINEAR's README.
    """

    def __init__(self, first_index: int = 1) -> None:
        self._first = first_index

    def render(self, part: MatrixPart) -> bytes:
        """The lines of some documents."""
        codes = np.zeros(len(part), np.int32) if part.y is None else part.y
        names = pa.array(part.features.indices.astype(np.int64) + self._first)
        return _join(_labels(codes), part, _text(names))


class VwLines:
    """Lines ``code | name:value name:value`` of Vowpal Wabbit, or ``code weight | ...``.

    Codes count from 1, as ``--oaa`` wants them; those of label sets count from 0, with commas
    between, as ``--multilabel_oaa`` does.  A document without a label has none.  In names %, space,
    :, | and line ends are written as in URLs (%25, %20, %3A, %7C …).

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

    def render(self, part: MatrixPart) -> bytes:
        """The lines of some documents."""
        if self._names is None:
            names = _text(pa.array(part.features.indices))
        else:
            names = self._names.take(pa.array(part.features.indices))
        before = pa.array([""] * len(part), pa.large_string())
        if part.y is not None:
            y = part.y
            before = _glued(_labels(y if isinstance(y, LabelSets) else y + 1), " ")
            if part.weights is not None:
                before = _glued(before, _text(pa.array(part.weights)), " ")
        return _join(_glued(before, "|"), part, names)


def _labels(y: Targets) -> pa.Array:
    """The codes of each document's labels, with commas between."""
    if not isinstance(y, LabelSets):
        return _text(pa.array(y))
    lists = pa.LargeListArray.from_arrays(pa.array(y.offsets), _text(pa.array(y.codes)))
    return pc.binary_join(lists, pa.scalar(",", pa.large_string()))


def _text(array: pa.Array) -> pa.Array:
    return array.cast(pa.large_string())


def _glued(*pieces: pa.Array | str) -> pa.Array:
    """Pieces side by side, row for row; a str is the same in every row."""
    kind = pa.large_string()
    whole = [pa.scalar(piece, kind) if isinstance(piece, str) else piece for piece in pieces]
    return pc.binary_join_element_wise(*whole, pa.scalar("", kind))


def _join(before: pa.Array, part: MatrixPart, names: pa.Array) -> bytes:
    """Lines of a text before each row and the row's entries name:value.

    before  (n,), names  (nnz,)
    """
    features = part.features
    offsets, data = _buffers(_glued(" ", names, ":", _text(pa.array(features.values))))
    # The entries of a row follow one another in the buffer as they are to stand in its line.
    rows = pa.LargeStringArray.from_buffers(
        len(features), pa.py_buffer(offsets[features.indptr].tobytes()), pa.py_buffer(data)
    )
    offsets, data = _buffers(_glued(before, rows, "\n"))
    return data[int(offsets[0]) : int(offsets[-1])].tobytes()


def _buffers(array: pa.Array) -> tuple[NDArray[np.int64], memoryview]:
    """(offsets (n + 1,) int64, text) of an array of large strings."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return ends, memoryview(data)
