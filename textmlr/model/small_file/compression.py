"""A smaller model that answers nearly the same: features dropped by contribution, θ rounded.

What a feature contributes to scores is, on the mean over documents, √(E f(x)²)·‖θ_f‖ with θ_f less
its mean over labels, which changes no probability; with hidden layers, to the sums of the first of
them, with θ_f as it is, and the layers above stay whole.  E f(x)² is taken as proportional to the
documents that have the feature, times idf² where that is in f(x): all that needs is in the model.

Weights are rounded to whole numbers of a scale that is √2 as small for twice the documents, since
that is how an error counts.  Of features the most contributing are kept, and the scale is what the
least of these contributes: below it there is little but rounding.  So one number, of features,
decides the size of the file, and it is searched for.

Documents are scaled to length 1 over the features that are known.  With fewer known, those left
are longer; θ is multiplied by the length they had, √(Σ kept E f(x)² / Σ all E f(x)²).  New
documents have few of the rarest features: those that only the least number of documents have do
not count there (had one of these documents been new, they would not have been features).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from textmlr.base import tensor_file
from textmlr.base.checks import MODEL_MEND, check_callable, check_choice, check_integer, check_kind
from textmlr.base.errors import InputError
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.vocabulary import Vocabulary
from textmlr.model.file_parts import pack
from textmlr.model.model import Model
from textmlr.model.record import CompressionRecord
from textmlr.model.small_file.form import by_frequency, by_name
from textmlr.model.small_file.theta_storage import (
    HIGHEST,
    SMALL,
    Storage,
    finest,
    quantise,
    scale_of,
)

SmallDtype = Literal["int8", "float16"]
MOST_BYTES = 1 << 50
NEAR = 0.995  # of the size wanted: near enough
ABOUT = 0.85  # near enough to say what the scale is to be
GUESS = 6.0  # bytes of a feature, to begin with
QUICK_RATIO = 0.8  # of a file's size and of the one that is made quickly, about
POWER = 0.8  # of how the number of features goes with the size, about
SCALE_STEPS = 8
MOST_STEPS = 20
Watch = Callable[[int, int], None]


def compress(
    model: Model, max_size: int, *, dtype: SmallDtype = "int8", watch: Watch | None = None
) -> Model:
    """The model with as many features as a file of at most ``max_size`` bytes has room for.

    dtype  "int8": weights are whole numbers of 8 bits times a scale of their row, and all is
           deflated; "float16": weights are rounded to these alone
    watch  called with the features and bytes of each model that is tried
    A model whose file is small enough is returned as it is.
    Raises InputError where even a model of one feature is larger, and for no number of bytes.
    """
    check_kind("model", model, Model, MODEL_MEND)
    check_size(max_size)
    check_choice("dtype", dtype, SMALL)
    check_callable("watch", watch)
    if tensor_file.size_of(*pack(model.parts)) <= max_size:
        return model
    search = _Search(_Features.of(model), dtype, max_size, watch)
    return search.run()


def check_size(max_size: int) -> None:
    """Raise InputError for no number of bytes of a file."""
    check_integer("max_size", max_size, 1, MOST_BYTES, 1_000_000)


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    """A model's features, those that contribute most first.

    model        whose they are
    order        (R',) int64   rows of θ, the bias's not among them, by descending contribution
    contribution (R,) float64   of each row
    documents    (R,) int64   that have each feature, about
    squares      (R,) float64   E f(x)² in new documents, times any number; empty where lengths stay
    whole        the sum of squares over all features, those without a row too
    theta        (R, L) float32   of two labels (a, −a); with hidden layers the first, (R, W1)
    """

    model: Model
    order: NDArray[np.int64]
    contribution: NDArray[np.float64]
    documents: NDArray[np.int64]
    squares: NDArray[np.float64]
    whole: float
    theta: NDArray[np.float32]

    @classmethod
    def of(cls, model: Model) -> _Features:
        featurizer, theta = model.featurizer, model.layers[0]
        options, bias = featurizer.options, int(featurizer.options.bias)
        # Of scores only differences may count.
        are_scores = len(model.layers) == 1 and model.head.is_relative
        if are_scores and theta.shape[1] == 2:
            half = (theta[:, 0] - theta[:, 1]) / 2
            theta = np.stack([half, -half], axis=1)
        rows = np.arange(len(theta)) if model.columns is None else model.columns.kept
        squares, whole = np.zeros(0), 0.0
        if featurizer.vocabulary is None:
            documents = _hashed_documents(model)
        else:
            featurizer.name_features()
            all_documents = np.concatenate(
                [np.full(bias, featurizer.documents), _frequencies(featurizer.vocabulary)]
            )
            documents = all_documents[rows]
            if options.norm == "l2":
                every = _seen_again(all_documents) * _square_idf(featurizer)
                every[:bias] = 0  # it is no part of the length
                squares, whole = every[rows], float(every.sum())
        centred = theta - theta.mean(axis=1, keepdims=True) if are_scores else theta
        norm = np.sqrt(np.square(centred, dtype=np.float64).sum(axis=1))
        weights = documents * _square_idf(featurizer)[rows]
        contribution = np.sqrt(weights) * norm
        order = np.argsort(-contribution[bias:], kind="stable") + bias
        order = order[: np.count_nonzero(contribution[bias:])]
        return cls(model, order, contribution, documents, squares, whole, theta)

    @property
    def bias(self) -> int:
        """Rows of the bias, the first: 1 or 0."""
        return int(self.model.featurizer.options.bias)

    def length(self, rows: NDArray[np.int64]) -> float:
        """The root mean square length of new documents in these rows, of 1 in all."""
        if not self.whole:
            return 1.0
        return float(np.sqrt(self.squares[rows].sum() / self.whole)) or 1.0

    def chosen(self, number: int) -> NDArray[np.int64]:
        """Rows of the features that contribute most, so many, ascending, after the bias's."""
        return np.concatenate([np.arange(self.bias), np.sort(self.order[:number])])

    def top(self, number: int) -> int:
        """Code of the scale that fits so many features; see ``model.small_file.theta_storage``."""
        least = self.contribution[self.order[number - 1]] * self.length(self.chosen(number))
        scales = scale_of(np.arange(HIGHEST + 1).astype(np.uint8))
        return max(int(np.searchsorted(scales, least, side="right")) - 1, 0)


def _hashed_documents(model: Model) -> NDArray[np.int64]:
    """(R,) documents of each hashed column, times any number, about: a model does not hold them."""
    assert model.columns is not None
    storage, kept = model.storage, model.columns.kept
    if len(storage.codes):  # it was compressed before, by what was known then
        return np.exp2(np.clip(storage.top - storage.codes.astype(np.int64), 0, 80) / 2).astype(
            np.int64
        )
    if (kept[1:] > kept[:-1]).all():  # compressed to float16
        return np.ones(len(kept), np.int64)
    # Rows are by descending document frequency, which goes as the inverse rank (Zipf's law).
    return np.maximum(len(kept) // (np.arange(len(kept)) + 1), 1)


def _frequencies(vocabulary: Vocabulary) -> NDArray[np.int64]:
    """(v,) documents of each feature; what those without a name had lies between that of their
    neighbours, since features are by descending frequency."""
    known = np.flatnonzero(vocabulary.frequencies)
    if len(known) in (0, len(vocabulary)):
        return np.maximum(vocabulary.frequencies, 1)
    between = np.interp(np.arange(len(vocabulary)), known, np.log(vocabulary.frequencies[known]))
    return np.rint(np.exp(between)).astype(np.int64)


def _seen_again(documents: NDArray[np.int64]) -> NDArray[np.float64]:
    """Documents of each feature, 0 for the rarest, unless all are."""
    again = documents * (documents > documents.min(initial=0))
    return (again if again.any() else documents).astype(np.float64)


def _square_idf(featurizer: Featurizer) -> NDArray[np.float64]:
    """(V,) idf², 1 where idf is not in use."""
    if featurizer.idf is None:
        return np.ones(featurizer.columns)
    return np.square(featurizer.idf, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Try:
    """A model that was made, and the size of its file."""

    number: int
    model: Model
    size: int


class _Search:
    """For the number of features whose file is as large as it may be."""

    def __init__(
        self, features: _Features, dtype: SmallDtype, max_size: int, watch: Watch | None
    ) -> None:
        self._features, self._dtype, self._max_size = features, dtype, max_size
        self._watch = watch
        self._most = len(features.order)

    def run(self) -> Model:
        """The model.  Raises InputError if none is small enough."""
        least = self._try(min(self._most, 1), None)
        if least.size > self._max_size:
            raise InputError(
                f"no model fits in {self._max_size:,} bytes: labels, record and one feature take "
                f"{least.size:,}",
                mend=f"allow {least.size:,} bytes or more",
            )
        if not self._most:
            return least.model
        number, top = self._about_right(round((self._max_size - least.size) / GUESS))
        now = self._try(number, top)
        return self._fill(least, now).model

    def _about_right(self, number: int) -> tuple[int, int]:
        """(number of features, their scale) of about the size wanted, or of all features."""
        low, high = 0, self._most + 1  # too few, too many
        number = min(max(number, 1), self._most)
        for _ in range(SCALE_STEPS):
            model = self._make(number, None)
            share = self._max_size / (QUICK_RATIO * self._quick_size(model))
            if ABOUT <= share <= 1 / ABOUT or (number == self._most and share > 1):
                break
            low, high = (number, high) if share > 1 else (low, number)
            wanted = round(number * share**POWER)
            if not low < wanted < high:
                wanted = round(np.sqrt((low + 1) * (high - 1)))
            if not low < wanted < high:
                break
            number = wanted
        return number, model.storage.top

    def _fill(self, least: _Try, now: _Try) -> _Try:
        """The largest that fits, with the scale of the second of two, of which the first fits."""
        top, fits, over = now.model.storage.top, least, None
        tried = [least]
        for _ in range(MOST_STEPS):
            tried.append(now)
            if now.size > self._max_size:
                over = now if over is None or now.number < over.number else over
            elif now.number == self._most:
                return self._finer(now)
            else:
                fits = now if now.size >= fits.size else fits
                if now.size >= NEAR * self._max_size:
                    break
            high = self._most if over is None else over.number - 1
            if high <= fits.number:
                break
            number = self._between(tried)
            if number > high:
                number = high if over is None else (fits.number + high + 1) // 2
            elif number <= fits.number:
                number = (fits.number + high + 1) // 2
            now = self._try(number, top)
        return fits

    def _between(self, tried: list[_Try]) -> int:
        """The number of features that the two nearest to the size wanted tell."""
        wanted = (1 + NEAR) / 2 * self._max_size  # so that half of the tries are not above it
        a, b = sorted(tried, key=lambda one: abs(one.size - wanted))[:2]
        if a.size == b.size:
            return 0
        return round(a.number + (wanted - a.size) * (b.number - a.number) / (b.size - a.size))

    def _finer(self, now: _Try) -> _Try:
        """All features fit: the finest scale with which they do."""
        if self._dtype != "int8":
            return now
        theta, documents = self._scaled(self._features.chosen(self._most))
        # From the finest that 8 bits allow to the coarsest, which fits.
        low, finer = finest(theta, documents), now
        for _ in range(MOST_STEPS):
            ratio = finer.size / self._quick_size(finer.model)
            high = now.model.storage.top
            while low < high:
                middle = (low + high) // 2
                if ratio * self._quick_size(self._make(self._most, middle)) <= self._max_size:
                    high = middle
                else:
                    low = middle + 1
            if low >= now.model.storage.top:
                break
            finer = self._try(self._most, low)
            if finer.size <= self._max_size:
                return finer
            low += 1
        return now

    def _try(self, number: int, top: int | None) -> _Try:
        """The model of so many features; top None: what fits them."""
        model = self._make(number, top)
        size = tensor_file.size_of(*pack(model.parts))
        if self._watch is not None:
            self._watch(len(model.layers[0]) - self._features.bias, size)
        return _Try(number, model, size)

    def _quick_size(self, model: Model) -> int:
        """The size of a model's file if it were made quickly."""
        return tensor_file.size_of(*pack(model.parts, quick=True))

    def _make(self, number: int, top: int | None) -> Model:
        """The model of so many features, less those whose weights are all rounded to 0."""
        features = self._features
        rows = features.chosen(number)
        if top is None:
            top = features.top(number) if number else 0
        while True:
            theta, documents = self._scaled(rows)
            if self._dtype == "int8":
                theta, codes = quantise(theta, documents, top)
                storage = Storage("int8", codes, top)
            else:
                theta, storage = _rounded(theta), Storage("float16")
            used = np.union1d(np.arange(features.bias), np.flatnonzero(theta.any(axis=1)))
            if len(used) == len(rows):
                return _model_of(features.model, rows, theta, storage)
            rows = rows[used]

    def _scaled(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(θ of some features, times the length that is left; the documents of each)."""
        features = self._features
        theta = features.theta[rows] * np.float32(features.length(rows))
        theta[: features.bias] = features.theta[: features.bias]
        return theta, features.documents[rows]


def _rounded(theta: NDArray[np.float32]) -> NDArray[np.float32]:
    """θ in numbers of 16 bits; InputError where one is too large for that."""
    if np.abs(theta).max(initial=0) > np.finfo(np.float16).max:
        raise InputError("theta is too large for float16", mend="use int8")
    return theta.astype(np.float16).astype(np.float32)


def _model_of(
    model: Model, rows: NDArray[np.int64], theta: NDArray[np.float32], storage: Storage
) -> Model:
    """The model of some rows of θ, in the order that they will have when read from a file."""
    featurizer, bias = model.featurizer, int(model.featurizer.options.bias)
    compressed = CompressionRecord(
        from_features=len(model.layers[0]) - bias, features=len(rows) - bias
    )
    record = replace(model.record, compressed=compressed)
    columns, idf = None, featurizer.idf
    own = rows if model.columns is None else model.columns.kept[rows].astype(np.int64)
    if featurizer.vocabulary is None:
        order = np.argsort(own, kind="stable")
        columns = HashedColumns.restore(own[order].astype(np.int32), featurizer.columns)
        vocabulary = None
    else:
        vocabulary = featurizer.vocabulary.take(own[bias:] - bias)
        named, _ = by_name(vocabulary)
        named = named[by_frequency(vocabulary.frequencies[named])]
        vocabulary = vocabulary.take(named)
        order = np.concatenate([np.arange(bias), named + bias])
        idf = None if idf is None else idf[own][order]
    small = Featurizer.restore(
        featurizer.options, vocabulary, idf, model.labels, featurizer.documents
    )
    if len(storage.codes):
        storage = replace(storage, codes=storage.codes[order])
    return Model.of(
        replace(
            model.parts,
            featurizer=small,
            layers=[theta[order], *model.layers[1:]],
            record=record,
            columns=columns,
            storage=storage,
            squares=(),
            trained_on=None,
        )
    )
