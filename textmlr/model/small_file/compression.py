"""A smaller model that answers nearly the same: features dropped by contribution, θ rounded.

Weights are rounded to whole numbers of a scale that is √2 times smaller for twice the documents,
since that is how an error counts.  The features that contribute most are kept
(``ranked_features``), and the scale is the least of their contributions: below it there is little
but rounding.  So the number of features decides the size of the file, and a search finds it.
Layers above the first stay whole.
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
from textmlr.model.fasttext.fasttext_parts import refuse_fasttext
from textmlr.model.model import Model
from textmlr.model.model_file import pack
from textmlr.model.model_parts import UpdateState
from textmlr.model.record import CompressionRecord
from textmlr.model.small_file.form import by_frequency, by_name
from textmlr.model.small_file.ranked_features import RankedFeatures
from textmlr.model.small_file.theta_storage import (
    SMALL,
    ThetaStorage,
    finest,
    quantise,
)

SmallDtype = Literal["int8", "float16"]
MOST_BYTES = 1 << 50
NEAR = 0.995  # share of the size wanted that is near enough
ABOUT = 0.85  # share that is near enough to decide the scale
GUESS = 6.0  # bytes of a feature, to begin with
QUICK_RATIO = 0.8  # about the ratio of a file's size to that of one made quickly
POWER = 0.8  # about the power of the size that the number of features goes with
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
    A sparse θ has fewer weights, and only the features that have some: see ``fewer_postings``.
    Raises InputError where even a model of one feature is larger, and for no number of bytes.
    """
    check_kind("model", model, Model, MODEL_MEND)
    check_size(max_size)
    check_choice("dtype", dtype, SMALL)
    check_callable("watch", watch)
    size = tensor_file.size_of(*pack(model.parts))
    if size <= max_size:
        return model
    mend = "make it small by fasttext quantize, and import that"
    refuse_fasttext(model.parts.storage, "cannot be compressed here", mend)
    if model.parts.is_sparse:
        if dtype != "int8":
            raise InputError("a sparse theta has no weights of 16 bits", mend="use int8")
        from textmlr.model.postings_file.sparse_compression import compress_sparse

        return compress_sparse(model, size, max_size, watch)
    search = _SizeSearch(RankedFeatures.of(model), dtype, max_size, watch)
    return search.run()


def check_size(max_size: int) -> None:
    """Raise InputError for no number of bytes of a file."""
    check_integer("max_size", max_size, 1, MOST_BYTES, 1_000_000)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A model that was made, and the size of its file."""

    number: int
    model: Model
    size: int


class _SizeSearch:
    """The search for the number of features whose file is as large as it may be."""

    def __init__(
        self, features: RankedFeatures, dtype: SmallDtype, max_size: int, watch: Watch | None
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
        return number, model.parts.storage.top

    def _fill(self, least: _Candidate, now: _Candidate) -> _Candidate:
        """The largest that fits, with the scale of the second of two tries; the first fits."""
        top, fits, over = now.model.parts.storage.top, least, None
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

    def _between(self, tried: list[_Candidate]) -> int:
        """The number of features by the line through the two tries nearest to the size wanted."""
        wanted = (1 + NEAR) / 2 * self._max_size  # so that half of the tries are not above it
        a, b = sorted(tried, key=lambda one: abs(one.size - wanted))[:2]
        if a.size == b.size:
            return 0
        return round(a.number + (wanted - a.size) * (b.number - a.number) / (b.size - a.size))

    def _finer(self, now: _Candidate) -> _Candidate:
        """The model with the finest scale with which all features fit."""
        if self._dtype != "int8":
            return now
        theta, documents = self._scaled(self._features.chosen(self._most))
        # From the finest that 8 bits allow to the coarsest, which fits.
        low, finer = finest(theta, documents), now
        for _ in range(MOST_STEPS):
            ratio = finer.size / self._quick_size(finer.model)
            high = now.model.parts.storage.top
            while low < high:
                middle = (low + high) // 2
                if ratio * self._quick_size(self._make(self._most, middle)) <= self._max_size:
                    high = middle
                else:
                    low = middle + 1
            if low >= now.model.parts.storage.top:
                break
            finer = self._try(self._most, low)
            if finer.size <= self._max_size:
                return finer
            low += 1
        return now

    def _try(self, number: int, top: int | None) -> _Candidate:
        """The model of so many features; top None: the one that fits them."""
        model = self._make(number, top)
        size = tensor_file.size_of(*pack(model.parts))
        if self._watch is not None:
            self._watch(len(model.parts.layers[0]) - self._features.bias, size)
        return _Candidate(number, model, size)

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
                storage = ThetaStorage("int8", codes, top)
            else:
                theta, storage = _rounded(theta), ThetaStorage("float16")
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
    model: Model, rows: NDArray[np.int64], theta: NDArray[np.float32], storage: ThetaStorage
) -> Model:
    """The model of some rows of θ, in the order that they will have when read from a file."""
    featurizer, bias = model.featurizer, int(model.featurizer.options.bias)
    compressed = CompressionRecord(
        from_features=len(model.parts.layers[0]) - bias, features=len(rows) - bias
    )
    record = replace(model.record, compressed=compressed)
    columns, idf = None, featurizer.idf
    own = rows if model.parts.columns is None else model.parts.columns.kept[rows].astype(np.int64)
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
    options = featurizer.options
    if options.vocabulary is not None and vocabulary is not None:
        names = vocabulary.name_list() or options.vocabulary[:1]  # options name one at least
        options = replace(options, vocabulary=tuple(names))
    small = Featurizer.restore(options, vocabulary, idf, model.labels, featurizer.documents)
    if len(storage.codes):
        storage = replace(storage, codes=storage.codes[order])
    return Model.of(
        replace(
            model.parts,
            featurizer=small,
            layers=[theta[order], *model.parts.layers[1:]],
            record=record,
            columns=columns,
            storage=storage,
            update_state=UpdateState(),
            calibration=model.parts.calibration.halved(),
        )
    )
