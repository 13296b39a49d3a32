"""Parts of a model ↔ the header and tensors of its file; all that is read is verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from math import isfinite, log
from os import PathLike
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import is_finite
from textmlr.base.errors import ModelFileError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.file_checks import check_blob, expect, take, tensor
from textmlr.base.limits import MOST_COUNT
from textmlr.base.training_options import MOST_LAYERS, Activation
from textmlr.corpus.duplicates import Sketch
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.hashed_names import ColumnNames
from textmlr.features.vocabulary import Vocabulary
from textmlr.model.heads import SOFTMAX, Head, header_of, read_head
from textmlr.model.parameters import LINEAR
from textmlr.model.record import Record, read_record
from textmlr.model.scoring import Calibration
from textmlr.model.small_file.theta_storage import PLAIN, Storage

MOST_IDF = 64.0  # 1 + ln of that is less
MOST_MULTIPLIER = 1e6  # of scores, by calibration: of real ones it is about 1
Json = dict[str, Any]
Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a Model is made of; see there."""

    labels: Sequence[str]
    featurizer: Featurizer
    layers: Sequence[NDArray[np.float32]]
    record: Record
    columns: HashedColumns | None
    calibration: Calibration
    storage: Storage = PLAIN
    activation: Activation = LINEAR
    squares: Sequence[NDArray[np.float32]] = ()
    trained_on: Sketch | None = None
    head: Head = SOFTMAX


def pack(parts: Parts, *, quick: bool = False) -> tuple[Json, Tensors]:
    """(header, tensors) for ``modelfile.save``; ``quick`` of a small form only to see how large
    it is, about."""
    labels, label_offsets = _blob(parts.labels)
    tensors: dict[str, NDArray[Any]] = {"labels": labels, "label_offsets": label_offsets}
    storage: Json = {"dtype": "float32"}
    if parts.storage.dtype == "float32":
        tensors |= _plain(parts)
    else:
        from textmlr.model.small_file.form import pack_small  # few models are small

        storage, tensors["small"] = pack_small(
            parts.featurizer, parts.layers[0], parts.columns, parts.storage, quick=quick
        )
    tensors |= {f"theta.{i}": layer for i, layer in enumerate(parts.layers) if i}
    tensors |= {f"squares.{i}": own for i, own in enumerate(parts.squares)}
    header = {
        "featurizer": asdict(parts.featurizer.options),
        "documents": parts.featurizer.documents,
        "calibration": asdict(parts.calibration),
        "widths": [layer.shape[1] for layer in parts.layers],
        "activation": parts.activation,
        "record": parts.record.as_json(),
        "storage": storage,
        **header_of(parts.head),
    }
    if (sketch := parts.trained_on) is not None:
        header["trained_on"] = {"bound": sketch.bound}
        tensors["trained_on.low"], tensors["trained_on.high"] = sketch.packed()
    return header, tensors


def _plain(parts: Parts) -> Tensors:
    """Features and θ as they are in memory."""
    tensors: Tensors = {"theta.0": parts.layers[0]}
    vocabulary = parts.featurizer.vocabulary
    if vocabulary is not None:
        # In this order a look shows whoever loads them that none stands twice.
        ascending = np.argsort(vocabulary.hashes)
        hashes = vocabulary.hashes[ascending]
        if parts.columns is not None:
            vocabulary = vocabulary.take(_features_of(parts.columns, parts.featurizer.options))
        tensors |= {
            "hashes": hashes,
            "hash_ids": ascending.astype(np.int32),
            "frequencies": vocabulary.frequencies,
            "names": vocabulary.names,
            "name_offsets": vocabulary.name_offsets,
        }
        if vocabulary.totals is not None:
            tensors["totals"] = vocabulary.totals
    if (named := parts.featurizer.column_names) is not None:
        tensors |= {f"named.{field.name}": getattr(named, field.name) for field in fields(named)}
    if parts.columns is not None:
        tensors["columns"] = parts.columns.kept
        if parts.columns.frequencies is not None:
            tensors["frequencies"] = parts.columns.frequencies
    if parts.featurizer.idf is not None:
        tensors["idf"] = parts.featurizer.idf
    return tensors


def unpack(header: Json, tensors: Tensors, path: str | PathLike[str]) -> Parts:
    """The parts that ``modelfile.load`` read from path.

    Raises ModelFileError where they cannot be those of a model.
    """
    options = _options(take(header, "featurizer", dict, path), path)
    documents = take(header, "documents", int, path)
    least = 0 if options.stateless else 1
    expect(least <= documents < MOST_COUNT, path, "the number of documents is out of range")
    blob = tensor(tensors, "labels", np.uint8, (None,), path)
    label_offsets = tensor(tensors, "label_offsets", np.int64, (None,), path)
    check_blob(blob, label_offsets, path, "labels")
    labels = _strings(blob, label_offsets)
    expect(len(labels) >= 2, path, "there are fewer than two labels")
    expect(
        all(a < b for a, b in pairwise(labels)),
        path,
        "the labels are not sorted, or one stands twice",
    )
    calibration = _calibration(take(header, "calibration", dict, path), path)
    record = read_record(take(header, "record", dict, path), len(labels), path)
    widths = _widths(header, len(labels), path)
    upper = [
        tensor(tensors, f"theta.{i}", np.float32, (below + 1, width), path)
        for i, (below, width) in enumerate(pairwise(widths), 1)
    ]
    activation = _activation(header, path)
    about = take(header, "storage", dict, path)
    vocabulary: Vocabulary | None
    if about == {"dtype": "float32"}:
        storage = PLAIN
        vocabulary, kept, idf = _unpack_plain(tensors, options, path)
        theta = tensor(tensors, "theta.0", np.float32, (None, widths[0]), path)
    else:
        from textmlr.model.small_file.form import unpack_small

        stream = tensor(tensors, "small", np.uint8, (None,), path)
        small = unpack_small(about, stream, options, widths[0], documents, path)
        vocabulary, kept, idf = small.vocabulary, small.columns, small.idf
        theta, storage = small.theta, small.storage
    if idf is not None:
        expect(bool(((idf >= 0) & (idf <= MOST_IDF)).all()), path, "idf is out of range")
    try:
        featurizer = Featurizer.restore(options, vocabulary, idf, labels, documents)
        if vocabulary is None and "named.columns" in tensors:
            featurizer.column_names = _column_names(tensors, featurizer.columns, path)
        layers = [theta, *upper]
        squares = _squares(tensors, layers, path)
        return Parts(
            labels,
            featurizer,
            layers,
            record,
            kept,
            calibration,
            storage,
            activation,
            squares,
            _trained_on(header, tensors, path),
            read_head(header, path),
        )
    except ValueError as error:
        raise ModelFileError(str(error), place=str(path)) from error


def _widths(header: Json, labels: int, path: str | PathLike[str]) -> list[int]:
    """The widths of all layers."""
    widths = take(header, "widths", list, path)
    fits = all(type(width) is int and width >= 1 for width in widths)
    expect(
        1 <= len(widths) <= MOST_LAYERS and fits and widths[-1] == labels,
        path,
        "the widths of its layers are impossible",
    )
    return widths


def _activation(header: Json, path: str | PathLike[str]) -> Activation:
    named = take(header, "activation", str, path)
    known: tuple[Activation, ...] = get_args(Activation)
    expect(named in known, path, "its activation is not known")
    return known[known.index(named)]


def _squares(
    tensors: Tensors, layers: list[NDArray[np.float32]], path: str | PathLike[str]
) -> list[NDArray[np.float32]]:
    """Squared gradients of the rows of all layers, or none where the file has none."""
    if not any(name.startswith("squares.") for name in tensors):
        return []
    squares = [
        tensor(tensors, f"squares.{i}", np.float32, (len(layer),), path)
        for i, layer in enumerate(layers)
    ]
    fine = all(is_finite(own) and bool((own >= 0).all()) for own in squares)
    expect(fine, path, "a sum of squared gradients is negative, or not finite")
    return squares


def _trained_on(header: Json, tensors: Tensors, path: str | PathLike[str]) -> Sketch | None:
    """The sketch of the documents it was trained on, None where the file has none."""
    if "trained_on" not in header:
        return None
    bound = take(take(header, "trained_on", dict, path), "bound", int, path)
    low = tensor(tensors, "trained_on.low", np.int32, (None,), path)
    high = tensor(tensors, "trained_on.high", np.uint8, (None,), path)
    return Sketch.unpacked(low, high, bound, path)


def _unpack_plain(
    tensors: Tensors, options: FeaturizerOptions, path: str | PathLike[str]
) -> tuple[Vocabulary | None, HashedColumns | None, NDArray[np.float32] | None]:
    """(vocabulary, columns, idf) of a file that has them as they are in memory."""
    vocabulary, kept, idf = None, None, None
    if options.hash_bits is not None:
        columns = 1 << options.hash_bits
    else:
        columns = int(options.bias) + len(tensor(tensors, "hashes", np.uint64, (None,), path))
    if options.hash_bits is not None or "columns" in tensors:
        kept = _columns(tensors, columns, options, path)
    if options.hash_bits is None:
        vocabulary = _vocabulary(tensors, options, kept, path)
    if options.uses_idf:
        idf = tensor(tensors, "idf", np.float32, (columns,), path)
    return vocabulary, kept, idf


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
        return FeaturizerOptions.of(fields)
    except (TypeError, ValueError) as error:
        problem = f"the featurizer's options are not understood ({error!s:.200})"
        raise ModelFileError(problem, place=str(path)) from error


def _calibration(fields: Json, path: str | PathLike[str]) -> Calibration:
    expect(
        fields.keys() == Calibration.__dataclass_fields__.keys()
        and all(type(value) is float and isfinite(value) for value in fields.values())
        and -1 <= fields["exponent"] <= 0
        and min(fields["factor"], fields["spread"], fields["least"]) > 0
        and fields["exponent"] * (log(fields["least"]) - log(fields["spread"]))
        <= log(MOST_MULTIPLIER),
        path,
        "the calibration is out of range",
    )
    return Calibration(**fields)


def _columns(
    tensors: dict[str, NDArray[Any]],
    width: int,
    options: FeaturizerOptions,
    path: str | PathLike[str],
) -> HashedColumns:
    """The columns; their frequencies are there with hashing, in files that know of updates."""
    kept = tensor(tensors, "columns", np.int32, (None,), path)
    frequencies = None
    if options.hash_bits is not None and "frequencies" in tensors:
        frequencies = tensor(tensors, "frequencies", np.int64, (len(kept),), path)
        expect(bool((frequencies > 0).all()), path, "a document frequency is not positive")
    try:
        return HashedColumns.restore(kept, width, frequencies)
    except ValueError as error:
        raise ModelFileError(str(error), place=str(path)) from error


def _features_of(columns: HashedColumns, options: FeaturizerOptions) -> NDArray[np.int64]:
    """Numbers in the vocabulary of the columns but the bias, the first."""
    return columns.kept[int(options.bias) :].astype(np.int64) - int(options.bias)


def _vocabulary(
    tensors: dict[str, NDArray[Any]],
    options: FeaturizerOptions,
    columns: HashedColumns | None,
    path: str | PathLike[str],
) -> Vocabulary:
    """The vocabulary; where θ has rows for some columns, only those features have names."""
    ascending = tensor(tensors, "hashes", np.uint64, (None,), path)
    size = len(ascending)
    expect(bool((ascending[:1] > 0).all()), path, "a hash is 0")
    expect(bool((ascending[1:] > ascending[:-1]).all()), path, "the hashes are not ascending")
    ids = tensor(tensors, "hash_ids", np.int32, (size,), path)
    in_range = bool(((ids >= 0) & (ids < size)).all())
    expect(
        in_range and bool((np.bincount(ids, minlength=size) == 1).all()),
        path,
        "the hashes are not numbered one by one",
    )
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
    totals = _totals(tensors, "totals", named, path) if "totals" in tensors else None
    if own is None:
        return Vocabulary(hashes, frequencies, names, offsets, totals)
    return Vocabulary.partly_named(hashes, own, frequencies, names, offsets, totals)


def _column_names(
    tensors: dict[str, NDArray[Any]], width: int, path: str | PathLike[str]
) -> ColumnNames:
    """What is known of some of ``width`` hashed columns."""
    columns = tensor(tensors, "named.columns", np.int32, (None,), path)
    size = len(columns)
    in_range = bool(((columns >= 0) & (columns < width)).all())
    expect(
        in_range and bool((columns[1:] > columns[:-1]).all()),
        path,
        "the named columns are out of range, or not ascending",
    )
    names = tensor(tensors, "named.names", np.uint8, (None,), path)
    offsets = tensor(tensors, "named.name_offsets", np.int64, (size + 1,), path)
    check_blob(names, offsets, path, "names of columns")
    expect(bool((np.diff(offsets) > 0).all()), path, "the name of a column is empty")
    others = tensor(tensors, "named.others", np.int32, (size,), path)
    shares = tensor(tensors, "named.shares", np.float32, (size,), path)
    frequencies = tensor(tensors, "named.frequencies", np.int32, (size,), path)
    expect(
        bool((others >= 0).all() and (frequencies > 0).all())
        and bool(((shares > 0) & (shares <= 1)).all()),
        path,
        "what is known of the named columns is out of range",
    )
    totals = _totals(tensors, "named.totals", size, path)
    return ColumnNames(columns, names, offsets, others, shares, frequencies, totals)


def _totals(
    tensors: dict[str, NDArray[Any]], name: str, size: int, path: str | PathLike[str]
) -> NDArray[np.float32]:
    totals = tensor(tensors, name, np.float32, (size,), path)
    expect(is_finite(totals) and bool((totals >= 0).all()), path, "a feature's total is negative")
    return totals
