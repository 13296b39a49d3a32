"""From documents to answers, the shortest way: features never leave a thread's scratch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import is_giant
from textmlr.features.canonical_text import Reading
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.prepared import PreparedFeaturizer
from textmlr.features.prepared_text import normal_form, prepared_document
from textmlr.features.prepared_text import prepared as prepared_text
from textmlr.kernels import normal_form as normal_form_kernels
from textmlr.kernels.code_points import Text
from textmlr.kernels.document_answer import AnswerArrays, ModelArrays, RowScratch
from textmlr.kernels.jit import bound
from textmlr.kernels.layers import Units
from textmlr.model.heads import SOFTMAX, Head
from textmlr.model.parameters import Network
from textmlr.model.ranked_answers import RankedAnswers
from textmlr.model.scoring import Calibration

# Bytes of a single document for which scratch is kept ready; longer ones take the general way.
SHORT = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A model's answers to n documents.

    scores         (n, L) float32, nats, calibrated; see ``Model.scores``
    log_z          (n,) float64, nats
    probabilities  (n, L) float64; rows sum to 1 by the softmax
    known          (n,) int64   distinct features of the vocabulary in each, the bias not counted;
                   0 where none of them has a weight, so that its answer is the base rates
    invalid        pieces of invalid UTF-8 in the text, read as U+FFFD
    """

    scores: NDArray[np.float32]
    log_z: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    known: NDArray[np.int64]
    invalid: int
    head: Head = SOFTMAX

    @classmethod
    def room(cls, documents: int, labels: int) -> Answers:
        """Answers yet to be written."""
        return cls(
            np.empty((documents, labels), np.float32),
            np.empty(documents),
            np.empty((documents, labels)),
            np.empty(documents, np.int64),
            0,
        )

    def __repr__(self) -> str:
        names = ".scores, .log_z, .probabilities, .known, .best"
        return f"<answers to {len(self):,} documents: {names}>"

    @property
    def best(self) -> NDArray[np.int64]:
        """(n,) the label that is the answer to each document."""
        return self.head.answers(self.probabilities)

    def __len__(self) -> int:
        return len(self.log_z)


class Answerer:
    """A featurizer and θ, ready to answer; threads may share one.

    network  θ, its first layer of R rows with columns
    columns  those of a hashed model that θ has rows for, None: all
    calibration  of the scores, its factor in θ already
    base     (L,) float32, scores of a document without a known word: none of its features
             has a weight that is not 0; (0,): such a document has those of the bias
    head     of the model
    tree     of the labels, which only models of fastText may have
    looks_up  whether P is looked up in a table of sigmoids, as fastText has it
    """

    tree: NDArray[np.int32] | None = None
    looks_up = False

    def __init__(
        self,
        featurizer: Featurizer,
        network: Network,
        columns: HashedColumns | None,
        calibration: Calibration,
        base: NDArray[np.float32],
        head: Head = SOFTMAX,
    ) -> None:
        self.featurizer, self.head = featurizer, head
        self._network = network
        kept = np.zeros(0, np.int32) if columns is None else columns.table
        self._theta = ModelArrays(frozen(kept), network.arrays(), frozen(calibration.array(base)))
        self._scratch = Scratch()
        self._own = threading.local()  # each thread's _Single and room for the network

    def answer(self, block: Batch) -> Answers:
        """Answers for the documents of a block."""
        featurizer, take = self.featurizer, self._scratch.take
        out = Answers.room(len(block), self._network.labels)
        room = self._room()
        outputs = AnswerArrays(out.scores, out.log_z, out.probabilities, out.known)
        if is_giant(block) or featurizer.asks_little:
            columns, counts, offsets, invalid = featurizer.counted_columns(block)
            unread = PreparedFeaturizer.of(
                featurizer.options, featurizer.columns, None, featurizer.idf
            )
            most = int(np.diff(offsets).max(initial=0))
            scratch = RowScratch(
                np.empty(0, np.uint64),
                np.empty(4 * most + 1, np.int64),
                np.empty(most + 1, np.int32),
                np.empty(most + 1, np.float32),
            )
            self.head.answer_counts(
                frozen(columns),
                frozen(counts),
                frozen(offsets),
                unread.arrays,
                self._theta,
                scratch,
                room,
                outputs,
            )
        else:
            prepared = featurizer.prepared()
            block = prepared_text(block, featurizer.options)
            longest = int((block.stops - block.starts).max(initial=0))
            most = prepared.most_grams(longest) + 1
            scratch = RowScratch(
                *prepared.room(self._scratch, longest),
                take("indices", most, np.int32),
                take("values", most, np.float32),
            )
            invalid = self.head.answer(
                prepared.text(block.text, block.is_ascii),
                frozen(block.starts),
                frozen(block.stops),
                prepared.arrays,
                self._theta,
                scratch,
                room,
                outputs,
            )
        return Answers(*outputs, int(invalid), self.head)

    def ranked(
        self, block: Batch, k: int, codes: NDArray[np.integer[Any]] | None = None
    ) -> RankedAnswers:
        """The k likeliest labels of each document of a block; see ``RankedAnswers``.

        k      0 to L
        codes  (n,) the documents' own labels, for P and rank of each; one that is no number of a
               label has P = 0 and rank L
        """
        from textmlr.kernels import ranking  # few answers are ranked

        answers = self.answer(block)
        out = RankedAnswers.room(len(block), k, codes)
        ranking.rank_rows(frozen(answers.probabilities), out.arrays())
        return replace(out, log_z=answers.log_z, known=answers.known, invalid=answers.invalid)

    def of_label(self, block: Batch, code: int) -> NDArray[np.float64]:
        """P of one label for each document of a block: (n,)."""
        return self.answer(block).probabilities[:, code].copy()

    def width(self, k: int) -> int:
        """How many numbers ``ranked`` holds of each document."""
        return self.labels

    @property
    def labels(self) -> int:
        """L."""
        return self._network.labels

    def probabilities_of(self, text: str | bytes) -> NDArray[np.float64] | None:
        """P of each label for one document: (1, L); None if it has to go the general way.

        With everything prepared a call costs microseconds, most of them the kernel's.
        """
        try:
            single: _Single = self._own.single
        except AttributeError:
            prepared = self.featurizer.prepared()
            single = self._own.single = _Single(
                prepared, self._network, self._theta, self.head.answer
            )
        return single.probabilities_of(text)

    def _room(self) -> Units:
        """This thread's scratch for the network."""
        try:
            room: Units = self._own.room
        except AttributeError:
            room = self._own.room = self._network.room()
        return room


class _Single:
    """One thread's memory, and the kernel with it, for one short document at a time."""

    def __init__(
        self,
        prepared: PreparedFeaturizer,
        network: Network,
        theta: ModelArrays,
        kernel: Callable[..., Any],
    ) -> None:
        self._kernel = kernel
        self._shape = (1, network.labels)
        most = prepared.most_grams(SHORT) + 1
        span = np.zeros(2, np.int64)
        self._stop = span[1:]  # the kernel sees it frozen, as it does all spans
        self._prepared = prepared
        self._own_tokens = prepared.options.has_own_tokens
        self._changes: Callable[[NDArray[np.uint8]], bool] | None = None
        scratch = RowScratch(
            *prepared.room(Scratch(), SHORT),
            np.empty(most, np.int32),
            np.empty(most, np.float32),
        )
        spans = frozen(span[:1]), frozen(span[1:])
        self._middle = (*spans, prepared.arrays, theta, scratch, network.room())
        self._rest = np.empty(self._shape, np.float32), np.empty(1)
        self._known = np.empty(1, np.int64)
        self._calls: dict[bool, Callable[..., Any]] = {}

    def probabilities_of(self, text: str | bytes) -> NDArray[np.float64] | None:
        """P of each label for the document, see ``Answerer.probabilities_of``."""
        if self._own_tokens:
            return None
        ascii_only = text.isascii()
        if isinstance(text, str):
            try:
                text = text.encode()
            except UnicodeEncodeError:  # a lone surrogate
                return None
        read = np.frombuffer(text, np.uint8)
        if not ascii_only and len(text) <= SHORT and self._is_changed(read):
            read = np.frombuffer(prepared_document(text, self._prepared.options), np.uint8)
        if len(read) > SHORT:
            return None
        call = self._calls.get(ascii_only)
        if call is None:
            call = self._calls[ascii_only] = self._bind(ascii_only)
        self._stop[0] = len(read)
        out = np.empty(self._shape)
        call(read, out)
        return out

    def _is_changed(self, text: NDArray[np.uint8]) -> bool:
        """Whether the text is another before it is read."""
        options = self._prepared.options
        if not Reading.of(options).changes:
            return False
        if self._changes is None:
            form, spans = normal_form(options), self._middle[:2]
            changed = np.zeros(1, np.uint8)
            run = bound(normal_form_kernels.changes, text, *spans, form, changed)
            self._changes = lambda text: bool(run(text, *spans, form, changed))
        self._stop[0] = len(text)
        return self._changes(text)

    def _bind(self, ascii_only: bool) -> Callable[..., Any]:
        """The kernel, bound to all arguments but text and result."""
        middle, known = self._middle, self._known
        scores, log_z = self._rest
        tables = self._prepared.read_with(ascii_only)
        some = Text(np.frombuffer(b"", np.uint8), *tables)
        answers = AnswerArrays(scores, log_z, np.empty(self._shape), known)
        run = bound(self._kernel, some, *middle, answers)

        def call(text: NDArray[np.uint8], out: NDArray[np.float64]) -> None:
            answers = AnswerArrays(scores, log_z, out, known)
            run(Text(text, *tables), *middle, answers)

        return call
