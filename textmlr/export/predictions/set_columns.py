"""Sets of labels as columns: lists, or in CSV and TSV one field with a separator between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.printable import plain
from textmlr.corpus.taken_columns import Taken
from textmlr.model.label_choice import LabelChoice

SEPARATOR = "|"  # of a model whose corpus had none


def separator_of(taken: Sequence[Taken]) -> str:
    """What stands between labels in one field: what stood between those of the training's files."""
    return next((own.separator for own in taken if own.separator is not None), SEPARATOR)


class SetColumns:
    """The columns of the labels that are documents' answers, and of their probabilities.

    labels     of the model
    choice     which are the answer
    separator  between labels in one field; None: a list
    Raises InputError for a label that holds the separator.
    """

    def __init__(
        self, labels: Sequence[str], choice: LabelChoice, separator: str | None, place: str
    ) -> None:
        self.choice, self._separator = choice, separator
        self._names = pa.array(labels, pa.string())
        held = next((one for one in labels if separator is not None and separator in one), None)
        if held is not None:
            raise InputError(
                f"label {plain(held)!r} holds {separator!r}, which stands between the labels of a "
                "document",
                place=place,
                mend="write .parquet, .arrow or .jsonl, which hold lists",
            )

    @property
    def types(self) -> tuple[pa.DataType, pa.DataType]:
        """Of the column of labels, and that of probabilities."""
        if self._separator is not None:
            return pa.string(), pa.string()
        return pa.list_(pa.string()), pa.list_(pa.float64())

    def arrays(self, rows: NDArray[np.float64]) -> list[pa.Array]:
        """Both columns, likeliest first;  rows (n, L), P of each label."""
        offsets, codes = self.choice.ranked(rows)
        documents = np.repeat(np.arange(len(rows)), np.diff(offsets))
        ends = pa.array(offsets.astype(np.int32))
        values = self._names.take(pa.array(codes)), pa.array(rows[documents, codes])
        if self._separator is None:
            return [pa.ListArray.from_arrays(ends, own) for own in values]
        texts = [own.cast(pa.string()) for own in values]
        return [pc.binary_join(pa.ListArray.from_arrays(ends, t), self._separator) for t in texts]
