"""From documents to answers where θ has weights only for labels that met the feature."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.corpus.batch import Batch
from textmlr.features.csr_features import Features
from textmlr.features.hashed_columns import HashedColumns
from textmlr.kernels import ranked_documents as kernels
from textmlr.kernels.exponentials import CHUNK
from textmlr.kernels.ranked_documents import PostingAnswerArrays, PostingModelArrays, RestArrays
from textmlr.kernels.touched_labels import TouchRoom
from textmlr.model.answering import Answerer, Answers
from textmlr.model.ranked_answers import RankedAnswers
from textmlr.model.scoring import Mixed, base_rates

if TYPE_CHECKING:
    from textmlr.model.model_parts import ModelParts

Reals = NDArray[np.float64]


class PostingsAnswerer(Answerer):
    """A model with a sparse θ, ready to answer as an ``Answerer`` does; threads may share one.

    kernel  answers rows of f(x), see ``ranked_documents.answer_rows``
    """

    kernel: Callable[..., None] = staticmethod(kernels.answer_rows)

    def __init__(self, parts: ModelParts) -> None:
        assert parts.postings is not None
        assert isinstance(parts.calibration, Mixed)
        self.featurizer, self.head = parts.featurizer, parts.head
        self._postings, self._mixed = parts.postings, parts.calibration
        self._columns = parts.columns
        always = np.full(1, self.featurizer.always_column, np.int32)
        has_row = always[0] >= 0 and (self._columns is None or self._columns.find(always)[0] >= 0)
        self._first = int(has_row)  # whether each row begins with the bias
        self._documents = parts.record.label_weights()
        self._scratch, self._own = Scratch(), threading.local()
        self._ready: PostingModelArrays | None = None

    @property
    def labels(self) -> int:
        """L."""
        return len(self._postings.bias)

    def answer(self, block: Batch) -> Answers:
        """Answers for the documents of a block."""
        out = Answers.room(len(block), self.labels)
        ranked = RankedAnswers.room(len(block), 0).arrays()
        outputs = out.scores, out.probabilities, out.log_z, out.known, ranked
        invalid = self._write(block, PostingAnswerArrays(*outputs))
        return Answers(out.scores, out.log_z, out.probabilities, out.known, invalid, self.head)

    def ranked(
        self, block: Batch, k: int, codes: NDArray[np.integer[Any]] | None = None
    ) -> RankedAnswers:
        """The k likeliest labels of each document of a block, as in ``Answerer``; the memory it
        takes does not grow with the number of labels times documents."""
        return self._ranked(block, RankedAnswers.room(len(block), k, codes))

    def of_label(self, block: Batch, code: int) -> Reals:
        """P of one label for each document of a block: (n,)."""
        codes = np.full(len(block), code, np.int64)
        room = RankedAnswers.room(len(block), 0, codes, are_ranked=False)
        return self._ranked(block, room).of_truth

    def answer_rows(self, rows: Features) -> Answers:
        """``answer`` of documents whose f(x) are made, in rows of θ."""
        out = Answers.room(len(rows), self.labels)
        ranked = RankedAnswers.room(len(rows), 0).arrays()
        outputs = out.scores, out.probabilities, out.log_z, out.known, ranked
        self._answer(rows, PostingAnswerArrays(*outputs))
        return replace(out, head=self.head)

    def ranked_rows(
        self, rows: Features, k: int, codes: NDArray[np.integer[Any]] | None = None
    ) -> RankedAnswers:
        """``ranked`` of documents whose f(x) are made, in rows of θ."""
        out = RankedAnswers.room(len(rows), k, codes)
        none = np.empty((0, self.labels), np.float32), np.empty((0, self.labels))
        self._answer(rows, PostingAnswerArrays(*none, out.log_z, out.known, out.arrays()))
        return out

    def width(self, k: int) -> int:
        """How many numbers ``ranked`` holds of each document."""
        return max(1, k)

    def probabilities_of(self, text: str | bytes) -> Reals | None:
        """None: every document goes the general way."""
        return None

    def _ranked(self, block: Batch, out: RankedAnswers) -> RankedAnswers:
        none = np.empty((0, self.labels), np.float32), np.empty((0, self.labels))
        outputs = PostingAnswerArrays(*none, out.log_z, out.known, out.arrays())
        return out.with_invalid(self._write(block, outputs))

    def _write(self, block: Batch, outputs: PostingAnswerArrays) -> int:
        """Have the kernel answer a block; return pieces of invalid UTF-8."""
        rows = self.featurizer.featurize([block], 1)
        if self._columns is not None:
            rows = _numbered(rows, self._columns)
        self._answer(rows, outputs)
        return rows.invalid

    def _answer(self, rows: Features, outputs: PostingAnswerArrays) -> None:
        """Have the kernel answer rows of θ."""
        self.kernel(
            frozen(rows.indptr),
            frozen(rows.indices),
            frozen(rows.values),
            self._first,
            self._model(),
            self._room(),
            outputs,
        )

    def _model(self) -> PostingModelArrays:
        """The model as kernels take it, made when it is first asked: labels have to be sorted."""
        ready = self._ready
        if ready is None:
            ready = self._ready = self._prepared()
        return ready

    def _prepared(self) -> PostingModelArrays:
        mixed = self._mixed
        bias = self._postings.bias.astype(np.float64)
        top = float(bias.max())
        powers = np.exp(bias - top)
        total = float(powers.sum())
        rates = base_rates(self._documents) if len(self._documents) else powers / total
        logs = np.log(np.maximum(rates, np.finfo(np.float64).tiny)).astype(np.float32)
        return PostingModelArrays(
            self._postings.arrays(),
            frozen(np.array([top, total, mixed.share, mixed.exponent, mixed.spread, mixed.least])),
            rest_of(powers, rates, mixed.share > 0),
            rest_of(rates, rates, False),
            frozen(logs),
        )

    def _room(self) -> Any:
        """This thread's scratch."""
        try:
            return self._own.room
        except AttributeError:
            labels = self.labels
            room = self._own.room = TouchRoom(
                np.zeros(labels),
                np.zeros(2 * labels, np.int32),
                np.zeros(labels + 1),
                np.zeros(labels + 1),
                np.zeros(CHUNK, np.int64),
            )
            return room


def _numbered(rows: Features, columns: HashedColumns) -> Features:
    """Rows with the numbers of their columns, without the columns that are not in use."""
    numbers = columns.find(rows.indices)
    known = numbers >= 0
    ends = np.append(0, np.cumsum(known))
    own = numbers[known], rows.values[known]
    return Features(ends[rows.indptr], *own, len(columns.kept), rows.invalid)


def rest_of(powers: Reals, rates: Reals, by_rate: bool) -> RestArrays:
    """Labels in order; one class of all unless they are in classes by rate."""
    if by_rate:
        order = np.lexsort((-powers, -rates))
        ordered = rates[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    else:
        order = np.argsort(-powers, kind="stable")
        starts = np.zeros(1, np.int64)
    starts = np.append(starts, len(powers)).astype(np.int64)
    own = frozen(order.astype(np.int32)), frozen(starts)
    return RestArrays(frozen(powers), frozen(rates), *own)
