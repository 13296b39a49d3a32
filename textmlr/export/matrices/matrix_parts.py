"""f(x) and labels of a corpus, all at once or chunk after chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.threads import chosen_threads
from textmlr.corpus.chunks import settled
from textmlr.corpus.label_sets import LabelSets, Targets, joined_targets, recoded
from textmlr.features.csr_features import Features
from textmlr.features.featurizer import Featurizer

if TYPE_CHECKING:
    from textmlr.corpus.chunks import Chunk

PART_ENTRIES = 1 << 17  # non-zeros, about, of a part that is made text at once


@dataclass(frozen=True, slots=True, eq=False)
class MatrixPart:
    """f(x) of some documents, in order, with their labels and weights.

    features  f(x)
    y         (n,) int32    codes of their labels, or sets of them; None: they are not known
    weights   (n,) float32  None: each counts 1
    """

    features: Features
    y: Targets | None = None
    weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.features)

    def rows(self, first: int, last: int) -> MatrixPart:
        """Documents first to last - 1."""
        own = self.features
        begin, end = int(own.indptr[first]), int(own.indptr[last])
        features = replace(
            own,
            indptr=own.indptr[first : last + 1] - begin,
            indices=own.indices[begin:end],
            values=own.values[begin:end],
            invalid=0,
        )
        y = None if self.y is None else self.y[first:last]
        weights = None if self.weights is None else self.weights[first:last]
        return MatrixPart(features, y, weights)


def has_sets(part: MatrixPart) -> bool:
    """Whether documents have label sets."""
    return isinstance(part.y, LabelSets)


def cut(parts: Iterable[MatrixPart]) -> Iterator[MatrixPart]:
    """The same documents in parts of about PART_ENTRIES non-zeros, of one document at least."""
    for part in parts:
        indptr = part.features.indptr
        first = 0
        while first < len(part):
            last = int(np.searchsorted(indptr, indptr[first] + PART_ENTRIES, "right")) - 1
            last = min(max(last, first + 1), len(part))
            yield part.rows(first, last)
            first = last


def fit(
    featurizer: Featurizer, chunks: Iterable[Chunk], threads: int | None = None
) -> tuple[MatrixPart, list[str]]:
    """Fit a featurizer on a corpus and return its f(x), as ``Featurizer.fit_transform`` does, with
    the labels that codes stand for, sorted; none where documents have none.

    Raises InputError for a corpus without documents.
    """
    threads = chosen_threads(threads)
    held = settled([chunk for chunk in chunks if len(chunk.batch)])
    labels = sorted({name for chunk in held if chunk.labels for name in chunk.labels[1]})
    batches = [chunk.batch for chunk in held]
    if featurizer.options.stateless:
        features = featurizer.featurize(batches, threads)
    else:
        counts = featurizer.fit_counts(batches, threads)
        featurizer.name_features(threads)
        features = featurizer.weigh(counts, counts.values, threads)
    codes = [_codes(chunk, labels) for chunk in held]
    weights = [chunk.weights for chunk in held if chunk.weights is not None]
    part = MatrixPart(
        features,
        joined_targets([y for y in codes if y is not None]) if labels else None,
        np.concatenate(weights) if weights else None,
    )
    return part, labels


def transform(
    featurizer: Featurizer,
    chunks: Iterable[Chunk],
    labels: Sequence[str],
    threads: int | None = None,
) -> Iterator[MatrixPart]:
    """f(x) of a fitted featurizer, chunk after chunk of a corpus.

    labels  what codes stand for
    Raises InputError for a document with a label that is not one of these.
    """
    for chunk in chunks:
        if len(chunk.batch):
            y = _codes(chunk, labels)
            yield MatrixPart(featurizer.featurize([chunk.batch], threads), y, chunk.weights)


def _codes(chunk: Chunk, labels: Sequence[str]) -> Targets | None:
    """The labels of a chunk as codes into a list."""
    if chunk.labels is None:
        return None
    codes, names = chunk.labels
    code_of = {label: code for code, label in enumerate(labels)}
    stranger = next((name for name in names if name not in code_of), None)
    if stranger is not None:
        raise InputError(
            f"label {stranger!r} is not one of the model's",
            place=chunk.name,
            mend="leave out its documents, or all labels with --no-labels",
        )
    return recoded(codes, np.array([code_of[name] for name in names], np.int32))
