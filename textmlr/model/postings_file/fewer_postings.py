"""A sparse θ with fewer weights: those that say least are dropped, as are features without any.

A weight says much where the label's documents have much of the feature, whatever their number: so
it counts beside the scale of the label.  And a row of many labels, few documents each, costs many
bytes for what it says: so it counts times √(documents / labels) of the feature.

Documents are scaled to length 1 over the features that are known.  With fewer of these they are
longer; weights are multiplied by the length that is left: see ``small_file.ranked_features``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.model import Model
from textmlr.model.model_parts import ModelParts, UpdateState
from textmlr.model.postings import Postings
from textmlr.model.postings_file.feature_streams import row_counts
from textmlr.model.postings_file.settled_parts import settled
from textmlr.model.record import CompressionRecord
from textmlr.model.small_file.ranked_features import seen_again, square_idf

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RankedPostings:
    """The weights of a model with a sparse θ, those that say most first.

    parts   of the model
    order   (m,) int64   numbers of its entries
    counts  (R,) int64   documents of each row
    """

    parts: ModelParts
    order: Numbers
    counts: Numbers

    @classmethod
    def of(cls, model: Model) -> RankedPostings:
        """The weights of a model."""
        model.featurizer.name_features()
        parts = model.parts
        postings = _postings(parts)
        counts = row_counts(parts.featurizer, parts.columns)
        sizes = np.diff(postings.starts)
        documents = np.maximum(counts, 1) / np.maximum(sizes, 1)
        scales = postings.scales if postings.scales.all() else np.ones_like(postings.scales)
        says = np.abs(postings.weights) / scales[postings.labels]
        says *= np.repeat(np.sqrt(documents).astype(np.float32), sizes)
        return cls(parts, np.argsort(-says, kind="stable"), counts)

    def __len__(self) -> int:
        """m."""
        return len(self.order)

    def best(self, number: int) -> Model:
        """The model of so many weights."""
        parts, postings = self.parts, _postings(self.parts)
        keep = np.zeros(len(postings), np.bool_)
        keep[self.order[:number]] = True
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(keep)])[postings.starts]
        sizes = np.diff(ends)
        # Rows that were empty before stay, as do their words in the lengths of documents.
        rows = np.flatnonzero((sizes > 0) | (np.diff(postings.starts) == 0))
        length = np.float32(self._length(rows))
        sums, row_scales = postings.sums, postings.row_scales
        own = Postings(
            np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes[rows])]),
            postings.labels[keep],
            postings.weights[keep] * length,
            postings.bias,
            postings.scales * length,
            None if sums is None else sums[keep],
            None if row_scales is None else row_scales[rows],
        )
        bias = int(parts.featurizer.options.bias)
        compressed = CompressionRecord(from_features=parts.rows - bias, features=len(rows) - bias)
        small = replace(
            parts,
            **_features(parts, rows),
            postings=own,
            record=replace(parts.record, compressed=compressed),
            update_state=UpdateState(),
        )
        return Model.of(settled(small))

    def _length(self, rows: Numbers) -> float:
        """The root mean square length of new documents in these rows, of 1 in all."""
        featurizer, columns = self.parts.featurizer, self.parts.columns
        if featurizer.options.norm != "l2" or featurizer.vocabulary is None:
            return 1.0
        assert columns is None
        squares = seen_again(self.counts) * square_idf(featurizer)
        squares[: int(featurizer.options.bias)] = 0  # it is no part of the length
        whole = float(squares.sum())
        return float(np.sqrt(squares[rows].sum() / whole)) or 1.0 if whole else 1.0


def _postings(parts: ModelParts) -> Postings:
    assert parts.postings is not None
    return parts.postings


def _features(parts: ModelParts, rows: Numbers) -> dict[str, Any]:
    """The featurizer and columns of some rows, ascending."""
    featurizer, columns, vocabulary = parts.featurizer, parts.columns, parts.featurizer.vocabulary
    if vocabulary is None:
        assert columns is not None
        counted = columns.frequencies
        own = None if counted is None else counted[rows]
        return {"columns": HashedColumns.restore(columns.kept[rows], featurizer.columns, own)}
    bias, idf = int(featurizer.options.bias), featurizer.idf
    small = Featurizer.restore(
        featurizer.options,
        vocabulary.take(rows[bias:] - bias),
        None if idf is None else idf[rows],
        list(parts.labels),
        featurizer.documents,
    )
    small.invalid = featurizer.invalid
    return {"featurizer": small}
