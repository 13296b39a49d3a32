"""θ of a stream: each document is predicted as it comes, and then trained on.

There is one pass, of unknown length, so that no step size falls by a schedule.  The steps of each
weight are divided by the root of its squared gradients so far (``kernels.streaming``), and rare
features take longer ones, by the root of idf so far.

The cut of documents into parts changes nothing: every number is that of one document after the
other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen, is_finite, pages
from textmlr.base.errors import InputError
from textmlr.base.threads import machine_memory
from textmlr.corpus.label_sets import LabelSets, Targets, arrays_of
from textmlr.features.csr_features import Features
from textmlr.kernels import linear as linear_kernels
from textmlr.kernels import streaming as kernels
from textmlr.model.heads import SOFTMAX, Head, Kernel
from textmlr.model.scoring import BLOCK_SCORES
from textmlr.training.calibration import Scored
from textmlr.training.stream.recent import Recent, StreamFigures, figures_of

MOST_LABELS = 10_000
# Measured on corpora of 2 to 77 labels in one pass: the loss is near its least from half to one
# and a half times the rate.
RATE = 0.4
# Of sets of labels, on corpora of 42 to 448 labels: the loss is within a tenth of its least there.
SETS_RATE = 0.6
IDF_POWER = 0.5
LANES = 16  # columns of theta are made in multiples of so many, beyond so many
FIRST_ROWS = 1 << 12


class StreamLearner:
    """θ and all that the kernels keep beside it, after the documents so far.

    width      V, hashed columns
    labels     L
    documents  so far
    rate, power   see ``kernels.streaming``; rate in units of 1 / √(mean ‖f(x)‖²)
    lengths    sum of ‖f(x)‖² where rows are of different lengths, so that their mean is followed;
               None: ‖f(x)‖² is ``length`` of all
    totals     (weight, weight·loss, weight·right) of all documents
    used       rows of theta that belong to columns
    head       how scores become P and a loss
    The rows of theta are those of columns in the order in which they occurred first.
    """

    def __init__(
        self,
        width: int,
        rate: float | None,
        power: float | None,
        *,
        length: float | None,
        bias: bool,
        head: Head = SOFTMAX,
    ) -> None:
        """Begin without documents.

        length  ‖f(x)‖² of every row, None where they differ
        bias    column 0 is always on
        """
        self.width, self.length, self.bias, self.head = width, length, bias, head
        self.rate = (SETS_RATE if head.has_sets else RATE) if rate is None else rate
        self.power = IDF_POWER if power is None else power
        self.labels = self.documents = self.used = 0
        self.lengths = 0.0
        self.unit = 0.0 if length is None else 1 / length
        self.totals = np.zeros(3)
        self.numbers = np.full(width, -1, np.int32)
        self.kept, self.tallies = rows_of(0)
        self.theta, self.squares = (np.zeros((0, 1), np.float32) for _ in range(2))
        self.recent = Recent.of(1, sets=head.has_sets)

    def learn(self, features: Features, y: Targets, weights: NDArray[np.float32]) -> None:
        """Predict documents and train on them, one after the other.

        features  over V columns
        y         of n, as the head takes them; the code of a new label is the number of labels
                  before it
        weights   (n,) as they count
        Raises InputError for more labels or columns than there is memory for; then none of the
        documents has been trained on.
        """
        known = np.maximum.accumulate(np.append(self.labels, highest_of(y) + 1))
        self._reserve(features.indices, int(known[-1]))
        rows, paces = self._admit(features)
        documents = kernels.StreamRows(
            frozen(features.indptr),
            frozen(rows),
            frozen(features.values),
            frozen(paces),
            arrays_of(y),
            frozen(weights),
        )
        lengths = None
        if self.length is None:
            lengths = np.empty(len(y))
            linear_kernels.square_lengths(documents.indptr, documents.values, lengths)
        for first, last in self._parts(known):
            before = self.labels
            while self.labels < known[first + 1]:
                self._add_label()
            if lengths is not None:
                self._measure(lengths[first:last])
            self._take(documents, y[first:last], first, before)

    def _admit(self, features: Features) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(rows, paces) of the features' entries."""
        rows = np.empty(len(features.indices), np.int32)
        paces = np.empty(len(features.indices), np.float32)
        self.used = kernels.admit(
            features.arrays(),
            self.documents,
            float(self.power),
            self.numbers,
            self.kept,
            self.tallies,
            self.used,
            rows,
            paces,
        )
        return rows, paces

    def _parts(self, known: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """The documents of each call of the kernel: a new label begins a part, and where rows have
        different lengths every power of two of the documents does.

        known  (n + 1,) labels before the first document, and after each
        """
        before, n = self.documents, len(known) - 1
        edges = {0, n, *np.flatnonzero(np.diff(known)).tolist()}
        if self.length is None:
            powers = (1 << k for k in range((before + n).bit_length()))
            edges |= {power - before for power in powers if 0 < power - before < n}
        ordered = sorted(edges)
        for begin, end in pairwise(ordered):
            most = max(1, BLOCK_SCORES // self.theta.shape[1])
            for first in range(begin, end, most):
                yield first, min(end, first + most)

    def _measure(self, lengths: NDArray[np.float64]) -> None:
        """Follow the mean of ‖f(x)‖², which is that of the documents before the last power of
        two."""
        if self.documents & (self.documents - 1) == 0:
            mean = self.lengths / self.documents if self.documents else float(lengths[0])
            self.unit = 1 / (mean or 1.0)
        self.lengths = _added(self.lengths, lengths)

    def _take(self, documents: kernels.StreamRows, y: Targets, first: int, before: int) -> None:
        """Train on the documents of y, which are those from the first on.

        before  labels that earlier documents have; new ones are the first document's
        """
        n, width = len(y), self.theta.shape[1]
        scores, right = np.empty((n, width), np.float32), np.empty(n, np.uint8)
        losses = np.empty(n)
        learn: Kernel = kernels.learn_sets if self.head.has_sets else kernels.learn
        learn(
            documents,
            first,
            first + n,
            self.rate * self.unit**0.5,
            kernels.FLOOR / self.unit,
            self.labels,
            self.theta,
            self.squares,
            kernels.StreamAnswers(scores, losses, right),
            np.empty(width, np.float32),
        )
        weights = documents.weights[first : first + n]
        log_z = np.zeros(n) if isinstance(y, LabelSets) else losses + scores[np.arange(n), y]
        if before < self.labels:
            losses[0], right[0] = self._newly(scores[0], y[:1], before)
        heavy = weights.astype(np.float64)
        for i, sums in enumerate((heavy, heavy * losses, heavy * right)):
            self.totals[i] = _added(float(self.totals[i]), sums)
        self.recent.add(self.documents, (scores, y, weights, losses, log_z, right))
        self.documents += n

    def _newly(self, scores: NDArray[np.float32], y: Targets, before: int) -> tuple[float, bool]:
        """(loss, whether it is right) of a document with new labels, which no answer has had."""
        loss, right = (self.labels - before) * np.log1p(self.documents), False
        if isinstance(y, LabelSets) and before:
            old = y.recoded(np.where(np.arange(self.labels) < before, np.arange(self.labels), -1))
            rows = scores[None, :before]
            loss += float(self.head.losses(rows, old)[0])
            right = bool(self.head.right(rows, old)[0])
        return loss, right

    def _add_label(self) -> None:
        """A new label begins as likely as one document among all so far, in the predictions of
        the latest documents too."""
        score = np.float32(0)
        if self.bias:
            score = np.float32(self._rare_score())
            self.theta[self.numbers[0], self.labels] = score
        self.recent.scores[:, self.labels] = score
        self.labels += 1

    def _rare_score(self) -> float:
        """The score of a label as likely as one document among all so far (nats)."""
        if self.head.has_sets:
            return -float(np.log(max(self.documents, 1)))
        log_z = self.recent.log_z[: self.documents]
        return float((log_z.mean() if len(log_z) else 0.0) - np.log1p(self.documents))

    def _reserve(self, columns: NDArray[np.int32], labels: int) -> None:
        """Make room for rows of these columns and for so many labels, and some more, so that it is
        made seldom.  Raises InputError where memory has none."""
        if labels > MOST_LABELS:
            raise InputError(
                f"the stream has more than {MOST_LABELS:,} labels",
                mend="see whether label and text are in their places",
            )
        have, width = self.theta.shape
        rows, wide = (
            self.used + len(np.unique(columns[self.numbers[columns] < 0])),
            wide_for(labels),
        )
        if rows <= have and wide == width:
            return
        check_room(rows, wide)
        room = have if rows <= have else min(max(2 * have, rows, FIRST_ROWS), self.width)
        if room > have:
            kept, tallies = rows_of(room)
            kept[: self.used] = self.kept[: self.used]
            tallies[: self.used] = self.tallies[: self.used]
            self.kept, self.tallies = kept, tallies
        for name in ("theta", "squares"):
            wider = pages(room * wide, np.float32).reshape(room, wide)
            wider[: self.used, :width] = getattr(self, name)[: self.used]
            setattr(self, name, wider)
        if wide > width:
            self.recent.widen(wide)

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """Documents that have the column of each row, (used,)."""
        return self.tallies[: self.used, 0].astype(np.int64)

    @property
    def sums(self) -> NDArray[np.float64]:
        """The sum of f(x) in the column of each row, (used,)."""
        return self.tallies[: self.used, 1]

    @property
    def so_far(self) -> StreamFigures:
        """The figures of all documents."""
        weight, loss, right = self.totals.tolist()
        return figures_of(self.documents, weight, loss, right)

    @property
    def lately(self) -> StreamFigures:
        """The figures of the latest documents, ``recent.RECENT`` at most."""
        return self.recent.figures(self.documents)

    def scored(self) -> Scored | None:
        """The latest documents that count, with their scores from before training on them; None
        for none, or where there are no labels to tell apart."""
        recent, n = self.recent, self.documents
        counts = np.flatnonzero(recent.weights[:n] > 0)
        if self.labels < 2 or not len(counts):
            return None
        scores = np.ascontiguousarray(recent.scores[counts, : self.labels])
        y = recent.targets(counts, self.labels)
        return Scored(scores, y, recent.weights[counts], self.head)

    @property
    def is_finite(self) -> bool:
        """Whether all weights are finite."""
        return is_finite(self.theta[: self.used])


def highest_of(y: Targets) -> NDArray[np.int64]:
    """(n,) the highest code of each document, -1 for none."""
    if not isinstance(y, LabelSets):
        return y.astype(np.int64)
    out = np.full(len(y), -1)
    some = y.sizes > 0
    out[some] = y.codes[y.offsets[1:][some] - 1]
    return out


def wide_for(labels: int) -> int:
    """Columns of theta for so many labels: it becomes wider seldom, by a quarter at least."""
    if labels <= LANES:
        return 1 << max(0, labels - 1).bit_length()
    wide = LANES
    while wide < labels:
        wide = -(-max(wide + LANES, wide * 5 // 4) // LANES) * LANES
    return wide


def check_room(rows: int, width: int) -> None:
    """Refuse θ and its sums where they would not fit in memory."""
    needed = 8 * rows * width
    available = machine_memory()
    if needed > available:
        raise InputError(
            f"{rows:,} features × {width:,} labels need {needed / 2**30:.1f} GiB, and this machine "
            f"has {available / 2**30:.1f} GiB",
            mend="start again with fewer columns (--hash-bits)",
            guide="limits",
        )


def rows_of(rows: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Pages of zeros for so many rows: (rows,) int32, and (rows, 2) float64."""
    return pages(rows, np.int32), pages(2 * rows, np.float64).reshape(rows, 2)


def _added(total: float, values: NDArray[np.float64]) -> float:
    """A sum to which values are added one by one, so that how they are cut changes no bit."""
    return float(np.cumsum(np.concatenate([[total], values]))[-1])
