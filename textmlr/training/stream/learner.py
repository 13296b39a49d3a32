"""θ learnt from documents as they come, each of which is predicted before it is learnt from.

One pass, of which no one knows how long it will be: no step size falls by a schedule.  Steps are
divided by what the documents so far have told of each weight (``kernels.streaming``), and rare
features take longer ones, by the root of idf as it is so far.

What is learnt does not depend on how the documents were cut into parts: every number is that of
learning them one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen, is_finite, pages
from textmlr.base.errors import InputError
from textmlr.base.threads import machine_memory
from textmlr.features.csr_features import Features
from textmlr.kernels import linear as linear_kernels
from textmlr.kernels import streaming as kernels
from textmlr.model.scoring import BLOCK_SCORES, Calibration
from textmlr.training.calibration import Scored, calibrate

RECENT = 4096  # documents whose predictions are kept
MOST_LABELS = 10_000
# Measured on corpora of 2 to 77 labels in one pass: the loss is near its least from half to one
# and a half times the rate.
RATE = 0.4
IDF_POWER = 0.5
LANES = 16  # columns of theta are made in multiples of so many, beyond so many
FIRST_ROWS = 1 << 12

Arrays = dict[str, NDArray[Any]]


class Figures(NamedTuple):
    """Of documents, each predicted before it was learnt from.

    weight of the documents;  accuracy;  loss, mean −log P(y | x) (nats); 0 without documents
    """

    documents: int
    weight: float
    accuracy: float
    loss: float


@dataclass(slots=True, eq=False)
class Recent:
    """What was predicted of the latest documents, that of number n at n modulo RECENT.

    scores (RECENT, W) float32, y (RECENT,) int32, weights (RECENT,) float32
    losses, log_z (RECENT,) float64 (nats), right (RECENT,) uint8
    """

    scores: NDArray[np.float32]
    y: NDArray[np.int32]
    weights: NDArray[np.float32]
    losses: NDArray[np.float64]
    log_z: NDArray[np.float64]
    right: NDArray[np.uint8]

    @classmethod
    def of(cls, width: int) -> Recent:
        """Of no documents."""
        return cls(
            np.zeros((RECENT, width), np.float32),
            np.zeros(RECENT, np.int32),
            np.zeros(RECENT, np.float32),
            np.zeros(RECENT),
            np.zeros(RECENT),
            np.zeros(RECENT, np.uint8),
        )


class Progressive:
    """What has been learnt so far.

    width      V, hashed columns
    labels     L
    documents  that were learnt from
    rate, power   see ``kernels.streaming``; rate in units of 1 / √(mean ‖f(x)‖²)
    lengths    sum of ‖f(x)‖² where rows are of different lengths, so that their mean is followed;
               None: ‖f(x)‖² is ``length`` of all
    totals     (weight, weight·loss, weight·right) of all documents
    used       rows of theta that belong to columns
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
    ) -> None:
        """Nothing yet.

        length  ‖f(x)‖² of every row, None where they differ
        bias    column 0 is always on
        """
        self.width, self.length, self.bias = width, length, bias
        self.rate = RATE if rate is None else rate
        self.power = IDF_POWER if power is None else power
        self.labels = self.documents = self.used = 0
        self.lengths = 0.0
        self.unit = 0.0 if length is None else 1 / length
        self.totals = np.zeros(3)
        self.numbers = np.full(width, -1, np.int32)
        self.kept, self.tallies = _rows_of(0)
        self.theta, self.squares = (np.zeros((0, 1), np.float32) for _ in range(2))
        self.recent = Recent.of(1)

    def learn(self, features: Features, y: NDArray[np.int32], weights: NDArray[np.float32]) -> None:
        """Predict and learn from documents, one after the other.

        features  over V columns
        y         (n,) codes; that of a label that is new is the number of labels before it
        weights   (n,) as they count
        Raises InputError for more labels or columns than there is memory for; then none of the
        documents has been learnt.
        """
        self._reserve(features.indices, max(self.labels, int(y.max(initial=-1)) + 1))
        rows, paces = self._admit(features)
        own = features.indptr, rows, features.values, paces, y, weights
        documents = kernels.StreamRows(*(frozen(array) for array in own))
        lengths = None
        if self.length is None:
            lengths = np.empty(len(y))
            linear_kernels.square_lengths(documents.indptr, documents.values, lengths)
        for first, last in self._parts(y):
            new = int(y[first]) == self.labels
            if new:
                self._add_label()
            if lengths is not None:
                self._measure(lengths[first:last])
            self._take(documents, first, last, new=new)

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

    def _parts(self, y: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
        """Documents that one call learns: a new label begins a part, and where rows have
        different lengths every power of two of the documents does."""
        highest = np.maximum.accumulate(y)
        starts = np.flatnonzero(highest > np.concatenate([[self.labels - 1], highest[:-1]]))
        before = self.documents
        edges = {0, len(y), *starts.tolist()}
        if self.length is None:
            powers = (1 << k for k in range((before + len(y)).bit_length()))
            edges |= {power - before for power in powers if 0 < power - before < len(y)}
        ordered = sorted(edges)
        for begin, end in pairwise(ordered):
            most = max(1, BLOCK_SCORES // self.theta.shape[1])
            for first in range(begin, end, most):
                yield first, min(end, first + most)

    def _measure(self, lengths: NDArray[np.float64]) -> None:
        """Follow the mean of ‖f(x)‖²: it is that of the documents before the last power of two."""
        if self.documents & (self.documents - 1) == 0:
            mean = self.lengths / self.documents if self.documents else float(lengths[0])
            self.unit = 1 / (mean or 1.0)
        self.lengths = _added(self.lengths, lengths)

    def _take(self, documents: kernels.StreamRows, first: int, last: int, *, new: bool) -> None:
        """Learn from documents first to last, of which the first has a label seen never before."""
        n, width = last - first, self.theta.shape[1]
        scores, right = np.empty((n, width), np.float32), np.empty(n, np.uint8)
        losses = np.empty(n)
        kernels.learn(
            documents,
            first,
            last,
            self.rate * self.unit**0.5,
            kernels.FLOOR / self.unit,
            self.labels,
            self.theta,
            self.squares,
            kernels.StreamAnswers(scores, losses, right),
            np.empty(width, np.float32),
        )
        y, weights = documents.y[first:last], documents.weights[first:last]
        log_z = losses + scores[np.arange(n), y]
        if new:
            losses[0], right[0] = np.log1p(self.documents), 0
        heavy = weights.astype(np.float64)
        for i, sums in enumerate((heavy, heavy * losses, heavy * right)):
            self.totals[i] = _added(float(self.totals[i]), sums)
        latest = slice(max(0, n - RECENT), n)
        at = (self.documents + np.arange(n)[latest]) % RECENT
        made: tuple[NDArray[Any], ...] = (scores, y, weights, losses, log_z, right)
        for field, own in zip(fields(self.recent), made, strict=True):
            getattr(self.recent, field.name)[at] = own[latest]
        self.documents += n

    def _add_label(self) -> None:
        """A label that is new begins as likely as one document among all so far, and was so in
        what was predicted before."""
        score = np.float32(0)
        if self.bias:
            log_z = self.recent.log_z[: min(self.documents, RECENT)]
            score = np.float32((log_z.mean() if len(log_z) else 0.0) - np.log1p(self.documents))
            self.theta[self.numbers[0], self.labels] = score
        self.recent.scores[:, self.labels] = score
        self.labels += 1

    def _reserve(self, columns: NDArray[np.int32], labels: int) -> None:
        """Make room for rows of these columns and for so many labels; for more than is needed, so
        that it is made seldom.  Raises InputError if that cannot be."""
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
            kept, tallies = _rows_of(room)
            kept[: self.used] = self.kept[: self.used]
            tallies[: self.used] = self.tallies[: self.used]
            self.kept, self.tallies = kept, tallies
        for name in ("theta", "squares"):
            wider = pages(room * wide, np.float32).reshape(room, wide)
            wider[: self.used, :width] = getattr(self, name)[: self.used]
            setattr(self, name, wider)
        if wide > width:
            scores = np.zeros((RECENT, wide), np.float32)
            scores[:, :width] = self.recent.scores
            self.recent.scores = scores

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """Documents that have the column of each row, (used,)."""
        return self.tallies[: self.used, 0].astype(np.int64)

    @property
    def sums(self) -> NDArray[np.float64]:
        """The sum of f(x) in the column of each row, (used,)."""
        return self.tallies[: self.used, 1]

    @property
    def so_far(self) -> Figures:
        """Of all documents."""
        weight, loss, right = self.totals.tolist()
        return _figures(self.documents, weight, loss, right)

    @property
    def lately(self) -> Figures:
        """Of the latest, RECENT at most."""
        recent, n = self.recent, min(self.documents, RECENT)
        weights = recent.weights[:n].astype(np.float64)
        loss, right = float(weights @ recent.losses[:n]), float(weights @ recent.right[:n])
        return _figures(n, float(weights.sum()), loss, right)

    def calibration(self) -> Calibration:
        """What makes the probabilities fit those that the latest documents were predicted with,
        before they were learnt from."""
        recent, n = self.recent, min(self.documents, RECENT)
        counts = np.flatnonzero(recent.weights[:n] > 0)
        if self.labels < 2 or not len(counts):
            return Calibration()
        scores = np.ascontiguousarray(recent.scores[counts, : self.labels])
        return calibrate(Scored(scores, recent.y[counts], recent.weights[counts]))[0]

    @property
    def is_finite(self) -> bool:
        """Whether all weights are."""
        return is_finite(self.theta[: self.used])

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """(JSON, arrays) from which ``restore`` makes the same again."""
        about = {
            "width": self.width,
            "length": self.length,
            "bias": self.bias,
            "rate": self.rate,
            "power": self.power,
            "labels": self.labels,
            "documents": self.documents,
            "lengths": self.lengths,
            "unit": self.unit,
        }
        used, labels = slice(self.used), slice(self.labels)
        arrays: Arrays = {
            "totals": self.totals,
            "kept": self.kept[used],
            "tallies": self.tallies[used],
            "theta": self.theta[used, labels],
            "squares": self.squares[used, labels],
        }
        n = min(self.documents, RECENT)
        for field in fields(self.recent):
            array = getattr(self.recent, field.name)[:n]
            arrays[f"recent.{field.name}"] = array[:, labels] if array.ndim == 2 else array
        return about, arrays

    @classmethod
    def restore(cls, about: dict[str, Any], arrays: Arrays) -> Progressive:
        """From a state.  Raises KeyError, TypeError or ValueError where it is none."""
        for name in ("width", "labels", "documents"):
            if type(about[name]) is not int or about[name] < 0:
                raise ValueError(f"{name} is no number of them")
        for name in ("rate", "power", "lengths", "unit"):
            if type(about[name]) not in (int, float) or not isfinite(about[name]):
                raise ValueError(f"{name} is no number")
        own = cls(
            about["width"],
            about["rate"],
            about["power"],
            length=about["length"],
            bias=about["bias"],
        )
        if arrays["totals"].shape != own.totals.shape:
            raise ValueError("totals are not three")
        labels, rows = about["labels"], len(arrays["kept"])
        wide = wide_for(labels)
        if not (0 <= labels <= MOST_LABELS and arrays["theta"].shape == (rows, labels)):
            raise ValueError("theta does not have its rows and labels")
        kept = arrays["kept"]
        if len(kept) and not 0 <= kept.min() <= kept.max() < own.width:
            raise ValueError("a column is out of range")
        check_room(rows, wide)
        room = max(rows, FIRST_ROWS)
        own.kept, own.tallies = _rows_of(room)
        own.theta, own.squares = (
            pages(room * wide, np.float32).reshape(room, wide) for _ in range(2)
        )
        for name in ("kept", "tallies"):
            getattr(own, name)[:rows] = arrays[name]
        for name in ("theta", "squares"):
            getattr(own, name)[:rows, :labels] = arrays[name]
        own.numbers[kept] = np.arange(rows, dtype=np.int32)
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{name} is not finite")
        for name in ("squares", "tallies", "recent.weights"):
            if len(arrays[name]) and arrays[name].min() < 0:
                raise ValueError(f"{name} is below 0")
        recent = arrays["recent.y"]
        if len(recent) and not 0 <= recent.min() <= recent.max() < labels:
            raise ValueError("a label is out of range")
        own.recent = Recent.of(wide)
        n = min(about["documents"], RECENT)
        for field in fields(own.recent):
            array, saved = getattr(own.recent, field.name), arrays[f"recent.{field.name}"]
            if array.ndim == 2:
                array = array[:, :labels]
            array[:n] = saved
        own.totals = np.array(arrays["totals"])
        own.labels, own.documents, own.used = labels, about["documents"], rows
        own.lengths, own.unit = about["lengths"], about["unit"]
        return own


def wide_for(labels: int) -> int:
    """Columns that theta has for so many labels: it becomes wider seldom, by a quarter at least."""
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
            mend="begin anew with fewer columns (--hash-bits)",
        )


def _rows_of(rows: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    return pages(rows, np.int32), pages(2 * rows, np.float64).reshape(rows, 2)


def _added(total: float, values: NDArray[np.float64]) -> float:
    """A sum to which values are added one by one, so that how they are cut changes no bit."""
    return float(np.cumsum(np.concatenate([[total], values]))[-1])


def _figures(documents: int, weight: float, loss: float, right: float) -> Figures:
    return Figures(documents, weight, right / (weight or 1.0), loss / (weight or 1.0))
