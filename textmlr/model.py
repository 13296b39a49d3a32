"""Model = labels + Featurizer + θ: text → scores → log z → P(Y=ℓ | x; θ)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from math import isfinite
from os import PathLike
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textmlr import __version__, modelfile
from textmlr.answering import Answerer, Answers
from textmlr.arrays import is_finite
from textmlr.corpus.batch import Batch
from textmlr.errors import InputError, ModelFileError
from textmlr.features import Featurizer
from textmlr.features.columns import Columns
from textmlr.features.hashing import blocks_of
from textmlr.features.texts import batches_of
from textmlr.features.vocabulary import SortedIndex, Vocabulary
from textmlr.modelfile import check_blob, expect, take, tensor
from textmlr.options import FeaturizerOptions
from textmlr.parallel import available_threads, map_blocks
from textmlr.scoring import Calibration

Json = dict[str, Any]
Real = TypeVar("Real", np.float32, np.float64)
T = TypeVar("T")


class Answer(NamedTuple):
    """P(Y=label | x; θ) of one label for one document; label None is the answer "unsure", with
    the probability of the likeliest label."""

    label: str | None
    probability: float


class Model:
    """A trained classifier; threads may share one.

    labels      L label names, sorted
    featurizer  fitted
    layers      θ as a list of layers; the linear model is the list of one, (V, L) float32, or
                (R, L) with columns
    columns     the R columns that θ has rows for, in their order, where the others' are 0 (all
                those that do not occur, with hashing); None: all
    calibration what scores are multiplied by, its factor already in θ
    record      how it was trained: options, figures, versions (JSON)
    """

    def __init__(
        self,
        labels: Sequence[str],
        featurizer: Featurizer,
        layers: Sequence[NDArray[np.float32]],
        record: Json,
        columns: Columns | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.labels = list(labels)
        self.featurizer = featurizer
        self.layers = list(layers)
        self.record = record
        self.columns = columns
        self.calibration = calibration or Calibration()
        rows = featurizer.columns if columns is None else len(columns.kept)
        if self.layers[0].shape != (rows, len(self.labels)):
            raise ValueError(f"theta is {self.layers[0].shape}, not ({rows}, {len(self.labels)})")
        if not is_finite(self.layers[0]):
            raise ValueError("theta is not finite")
        self._answerer = Answerer(featurizer, self.layers[0], columns, self.calibration)

    @property
    def theta(self) -> NDArray[np.float32]:
        """The (V, L) parameters of the linear model; with columns they are made anew."""
        if self.columns is None:
            return self.layers[0]
        theta = np.zeros((self.featurizer.columns, len(self.labels)), np.float32)
        theta[self.columns.kept] = self.layers[0]
        return theta

    @property
    def kept(self) -> Json:
        """What of θ is not 0: "features" (rows, the bias's not counted) and "weights"."""
        rows = self._used()
        bias = int(self.featurizer.options.bias)
        return {"features": len(rows) - bias, "weights": int(np.count_nonzero(self.layers[0]))}

    def _used(self) -> NDArray[np.int64]:
        """Numbers of the rows of θ that are not all 0, and of the bias's, ascending."""
        rows = np.flatnonzero(self.layers[0].any(axis=1))
        if self.featurizer.options.bias:
            bias = 0 if self.columns is None else self.columns.numbers[0]
            rows = np.union1d(rows, bias)
        return rows

    def without_zero_rows(self) -> Model:
        """The same answers, to the bit, from a θ without the rows that are 0.

        Features without a row lose their names and document frequencies too; see
        ``Featurizer.keep`` for what stays of them.  The bias has a row always.
        """
        rows = self._used()
        if len(rows) == len(self.layers[0]):
            return self
        kept = rows if self.columns is None else self.columns.kept[rows].astype(np.int64)
        featurizer, columns = self.featurizer, None
        if featurizer.options.hash_bits is None:
            featurizer = featurizer.keep(kept)
        if featurizer.columns != len(rows):
            columns = Columns.restore(kept.astype(np.int32), featurizer.columns)
        return Model(
            self.labels, featurizer, [self.layers[0][rows]], self.record, columns, self.calibration
        )

    def scores(self, texts: Any, *, threads: int | None = None) -> NDArray[np.float32]:
        """θᵀf(x, ℓ), calibrated, for each document and label: (n, L) float32, nats."""
        return self._stack(texts, threads, lambda answers: answers.scores)

    def log_z(self, texts: Any, *, threads: int | None = None) -> NDArray[np.float64]:
        """log z(x; θ) of each document: (n,) float64, nats."""
        return self._stack(texts, threads, lambda answers: answers.log_z)

    def probabilities(self, texts: Any, *, threads: int | None = None) -> NDArray[np.float64]:
        """P(Y=ℓ | x; θ) for each document and label: (n, L) float64; rows sum to 1.

        texts  documents, see ``textmlr.features.texts.batches_of``
        """
        if type(texts) is list and len(texts) == 1 and type(texts[0]) in (str, bytes):
            quick = self._answerer.probabilities_of(texts[0])
            if quick is not None:
                return quick
        return self._stack(texts, threads, lambda answers: answers.probabilities)

    def classify(
        self,
        texts: Any,
        *,
        top: int | None = 1,
        min_probability: float = 0.0,
        threads: int | None = None,
    ) -> list[list[Answer]]:
        """For each document its most probable labels, best first: ``top`` of them, None for all.

        Ties are in the order of the labels.  Where the best has a probability below
        ``min_probability`` the answer is "unsure": an Answer with label None comes first, before
        the labels if several are asked for, in place of the one otherwise.  So the first Answer
        is what the model says.
        Raises InputError for top below 1 and a min_probability outside 0 to 1.
        """
        if top is not None and top < 1:
            raise InputError(f"top={top} labels", mend="ask for 1 or more, or None for all")
        if not 0 <= min_probability <= 1:
            raise InputError(f"min_probability={min_probability}", mend="give a number of 0 to 1")
        labels = self.labels
        rows = self.probabilities(texts, threads=threads)
        answers = []
        if top == 1:
            for i, b in enumerate(rows.argmax(axis=1).tolist()):
                share = rows.item(i, b)
                answers.append([Answer(labels[b] if share >= min_probability else None, share)])
            return answers
        for row in rows.tolist():
            order = sorted(range(len(row)), key=row.__getitem__, reverse=True)[:top]
            several = [Answer(labels[label], row[label]) for label in order]
            if row[order[0]] < min_probability:
                several.insert(0, Answer(None, row[order[0]]))
            answers.append(several)
        return answers

    def stream(self, batches: Sequence[Batch], threads: int | None = None) -> Iterator[Answers]:
        """Answers for block after block of documents, in order."""
        return self.map_answers(lambda answers: answers, batches, threads)

    def map_answers(
        self,
        function: Callable[[Answers], T],
        batches: Sequence[Batch],
        threads: int | None = None,
    ) -> Iterator[T]:
        """function(answers) for block after block of documents, in order; it is called in the
        thread that found the answers, while other threads go on to the next blocks."""
        self.featurizer.prepared(sum(batch.text_bytes for batch in batches))

        def run(block: Batch) -> T:
            return function(self._answerer.answer(block))

        return map_blocks(run, blocks_of(batches), threads or available_threads())

    def save(self, path: str | PathLike[str]) -> int:
        """Write the model to one file, whole or not at all; return its size in bytes.

        Raises InputError if the file cannot be written.
        """
        labels, label_offsets = _blob(self.labels)
        tensors: dict[str, NDArray[Any]] = {"labels": labels, "label_offsets": label_offsets}
        tensors |= {f"theta.{i}": layer for i, layer in enumerate(self.layers)}
        vocabulary = self.featurizer.vocabulary
        if vocabulary is not None:
            index = SortedIndex.of(vocabulary.hashes)
            if self.columns is not None:
                vocabulary = vocabulary.take(_features_of(self.columns, self.featurizer.options))
            tensors |= {
                "hashes": index.hashes,
                "hash_ids": index.ids,
                "frequencies": vocabulary.frequencies,
                "names": vocabulary.names,
                "name_offsets": vocabulary.name_offsets,
            }
        if self.columns is not None:
            tensors["columns"] = self.columns.kept
        if self.featurizer.idf is not None:
            tensors["idf"] = self.featurizer.idf
        header = {
            "featurizer": asdict(self.featurizer.options),
            "documents": self.featurizer.documents,
            "calibration": asdict(self.calibration),
            "record": self.record,
        }
        return modelfile.save(path, header, tensors)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Model:
        """Read a model, memory-mapped; everything in the file is verified.

        Raises ModelFileError if the file is not a whole model.
        """
        header, tensors = modelfile.load(path)
        options = _options(take(header, "featurizer", dict, path), path)
        documents = take(header, "documents", int, path)
        expect(documents >= 0, path, "the number of documents is negative")
        blob = tensor(tensors, "labels", np.uint8, (None,), path)
        label_offsets = tensor(tensors, "label_offsets", np.int64, (None,), path)
        check_blob(blob, label_offsets, path, "labels")
        labels = _strings(blob, label_offsets)
        expect(len(labels) >= 2, path, "there are fewer than two labels")
        expect(
            all(a < b for a, b in pairwise(labels)),
            path, "the labels are not sorted, or one stands twice",
        )  # fmt: skip
        vocabulary, index, kept = None, None, None
        if options.hash_bits is not None:
            columns = 1 << options.hash_bits
        else:
            columns = int(options.bias) + len(tensor(tensors, "hashes", np.uint64, (None,), path))
        if options.hash_bits is not None or "columns" in tensors:
            kept = _columns(tensors, columns, path)
        if options.hash_bits is None:
            vocabulary, index = _vocabulary(tensors, options, kept, path)
        idf = None
        if options.uses_idf:
            idf = tensor(tensors, "idf", np.float32, (columns,), path)
            expect(bool(np.isfinite(idf).all() and (idf >= 0).all()), path, "idf is out of range")
        calibration = _calibration(take(header, "calibration", dict, path), path)
        theta = tensor(tensors, "theta.0", np.float32, (None, len(labels)), path)
        try:
            featurizer = Featurizer.restore(options, vocabulary, index, idf, labels, documents)
            record = take(header, "record", dict, path)
            return cls(labels, featurizer, [theta], record, kept, calibration)
        except ValueError as error:
            raise ModelFileError(str(error), place=str(path)) from error

    def _stack(
        self, texts: Any, threads: int | None, part: Callable[[Answers], NDArray[Real]]
    ) -> NDArray[Real]:
        """part(answers) of all documents, as one array."""
        parts = list(self.map_answers(part, batches_of(texts), threads))
        return np.concatenate(parts) if parts else part(Answers.room(0, len(self.labels)))

    def __getstate__(self) -> Json:
        """For pickle and copy: everything but this process's scratch."""
        return {name: value for name, value in vars(self).items() if name != "_answerer"}

    def __setstate__(self, state: Json) -> None:
        vars(self).update(state)
        self._answerer = Answerer(self.featurizer, self.layers[0], self.columns, self.calibration)


def versions() -> Json:
    """What a model's answers depend on besides the model."""
    return {"textmlr": __version__, "unicode": unicodedata.unidata_version}


def _blob(strings: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    encoded = [string.encode() for string in strings]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    offsets[1:] = np.cumsum([len(string) for string in encoded])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _strings(blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> list[str]:
    whole, ends = blob.tobytes(), offsets.tolist()
    return [whole[i:j].decode() for i, j in pairwise(ends)]


def _options(fields: Json, path: str | PathLike[str]) -> FeaturizerOptions:
    try:
        values: Json = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        return FeaturizerOptions(**values)
    except (TypeError, ValueError) as error:
        problem = f"the featurizer's options are not understood ({error})"
        raise ModelFileError(problem, place=str(path)) from error


def _calibration(fields: Json, path: str | PathLike[str]) -> Calibration:
    expect(
        fields.keys() == Calibration.__dataclass_fields__.keys()
        and all(type(value) is float and isfinite(value) for value in fields.values())
        and -1 <= fields["exponent"] <= 0
        and min(fields["factor"], fields["spread"], fields["least"]) > 0,
        path, "the calibration is out of range",
    )  # fmt: skip
    return Calibration(**fields)


def _columns(tensors: dict[str, NDArray[Any]], width: int, path: str | PathLike[str]) -> Columns:
    try:
        return Columns.restore(tensor(tensors, "columns", np.int32, (None,), path), width)
    except ValueError as error:
        raise ModelFileError(str(error), place=str(path)) from error


def _features_of(columns: Columns, options: FeaturizerOptions) -> NDArray[np.int64]:
    """Numbers in the vocabulary of the columns but the bias, the first."""
    return columns.kept[int(options.bias) :].astype(np.int64) - int(options.bias)


def _vocabulary(
    tensors: dict[str, NDArray[Any]],
    options: FeaturizerOptions,
    columns: Columns | None,
    path: str | PathLike[str],
) -> tuple[Vocabulary, SortedIndex]:
    """The vocabulary; where θ has rows for some columns, only those features have names."""
    ascending = tensor(tensors, "hashes", np.uint64, (None,), path)
    size = len(ascending)
    expect(bool((ascending[:1] > 0).all()), path, "a hash is 0")
    expect(bool((ascending[1:] > ascending[:-1]).all()), path, "the hashes are not ascending")
    ids = tensor(tensors, "hash_ids", np.int32, (size,), path)
    in_range = bool(((ids >= 0) & (ids < size)).all())
    expect(in_range and bool((np.bincount(ids, minlength=size) == 1).all()), path,
           "the hashes are not numbered one by one")  # fmt: skip
    hashes = np.empty(size, np.uint64)
    hashes[ids] = ascending
    own = None
    if columns is not None:
        kept = columns.kept
        ascending_columns = bool((kept[1:] > kept[:-1]).all())
        begins = not options.bias or bool((kept[:1] == 0).any())
        expect(ascending_columns and begins, path, "the columns of theta are not in order")
        own = _features_of(columns, options)
    named = size if own is None else len(own)
    frequencies = tensor(tensors, "frequencies", np.int64, (named,), path)
    expect(bool((frequencies > 0).all()), path, "a document frequency is not positive")
    names = tensor(tensors, "names", np.uint8, (None,), path)
    offsets = tensor(tensors, "name_offsets", np.int64, (named + 1,), path)
    check_blob(names, offsets, path, "names")
    index = SortedIndex(ascending, ids)
    if own is None:
        return Vocabulary(hashes, frequencies, names, offsets), index
    return Vocabulary.partly_named(hashes, own, frequencies, names, offsets), index
