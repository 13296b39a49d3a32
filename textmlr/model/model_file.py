"""ModelParts of a model ↔ the header and tensors of its file; all that is read is verified."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import isfinite, log
from operator import lt
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import is_finite
from textmlr.base.errors import ModelFileError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.file_checks import AGAIN, check_blob, expect, take, tensor
from textmlr.base.limits import MOST_COUNT
from textmlr.base.string_blobs import blob_of, strings_of
from textmlr.base.tensor_file import USUAL_VERSION
from textmlr.base.training_options import MOST_LAYERS, Activation
from textmlr.corpus.duplicates import Sketch
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.feature_tensors import (
    Tensors,
    column_names,
    feature_tensors,
    named_tensors,
    read_features,
)
from textmlr.model.heads import header_of, read_head
from textmlr.model.model_parts import ModelParts, UpdateState
from textmlr.model.postings import Postings
from textmlr.model.record import read_record
from textmlr.model.scoring import Bent, Calibration, Mixed
from textmlr.model.second_pass import SecondPass
from textmlr.model.small_file.theta_storage import PLAIN, ThetaStorage

if TYPE_CHECKING:
    from textmlr.model.postings_file.sparse_form import SparseFile

LISTS = ("stop_words", "vocabulary")  # options whose values are tensors, where there are some
MOST_IDF = 64.0  # 1 + ln of that is less
MOST_MULTIPLIER = 1e6  # calibration multiplies scores by no more: real ones have about 1
LEAST_EXPONENT = -2  # of a sparse θ, whose largest score stands for the spread
SETS_VERSION = 6  # of the format, from which on a document may have several labels
SPARSE_VERSION = 7  # of the format, from which on θ may be sparse
Json = dict[str, Any]


class Packed(NamedTuple):
    """What ``tensor_file.save`` writes of a model, and the oldest version that knows all of it."""

    header: Json
    tensors: Tensors
    version: int = USUAL_VERSION


def pack(parts: ModelParts, *, quick: bool = False) -> Packed:
    """A model for ``tensor_file.save``; ``quick`` of a small form only to see how large it is,
    about."""
    options = parts.featurizer.options.as_json()
    lists: Tensors = {}
    for name in LISTS:
        if options[name] is not None:  # the header has no room for thousands of words
            lists[name], lists[f"{name}_offsets"] = blob_of(options.pop(name))
    own, tensors = _own_form(parts, quick=quick)
    tensors |= lists
    tensors |= {f"theta.{i}": layer for i, layer in enumerate(parts.layers) if i}
    tensors |= {f"squares.{i}": own for i, own in enumerate(parts.update_state.squares)}
    header = {
        "featurizer": options,
        "documents": parts.featurizer.documents,
        "calibration": parts.calibration.as_json(),
        "widths": [layer.shape[1] for layer in parts.layers] or [len(parts.labels)],
        "activation": parts.activation,
        **header_of(parts.head),
        **own,
    }
    if (sketch := parts.update_state.trained_on) is not None:
        header["trained_on"] = {"bound": sketch.bound}
        tensors["trained_on.low"], tensors["trained_on.high"] = sketch.packed()
    if (second := parts.calibration.second) is not None:
        header["second"] = list(second.slopes)
        half = second.links.astype(np.float16)  # of a small model
        tensors["second.links"] = half if (half == second.links).all() else second.links
        tensors |= {"second.scales": second.scales, "second.offsets": second.offsets}
    version = USUAL_VERSION if parts.postings is None else SPARSE_VERSION
    if parts.thresholds is None:
        return Packed(header, tensors, version)
    tensors["thresholds"] = parts.thresholds
    return Packed(header, tensors, max(version, SETS_VERSION))


def _own_form(parts: ModelParts, *, quick: bool) -> tuple[Json, Tensors]:
    """(record and storage of the header, tensors of labels, features and the first layer)."""
    featurizer, storage = parts.featurizer, parts.storage.dtype
    header: Json = {"record": parts.record.as_json(), "storage": {"dtype": "float32"}}
    if parts.postings is not None:
        from textmlr.model.postings_file.sparse_form import pack_sparse  # few models are sparse

        header["storage"], tensors, header["record"] = pack_sparse(parts, header["record"])
        return header, tensors | named_tensors(featurizer)
    labels, label_offsets = blob_of(parts.labels)
    tensors = {"labels": labels, "label_offsets": label_offsets}
    theta = parts.layers[0]
    if parts.fasttext is not None:
        from textmlr.features.fasttext_featurizer import FastTextFeaturizer  # few are imported
        from textmlr.model.fasttext.fasttext_tensors import pack_fasttext

        assert isinstance(featurizer, FastTextFeaturizer)
        header["fasttext"], own = pack_fasttext(featurizer, theta, parts.fasttext)
        return header, tensors | own
    if storage == "float32":
        own = feature_tensors(featurizer, parts.columns)
        return header, tensors | {"theta.0": theta} | own
    from textmlr.model.small_file.form import pack_small  # few models are small

    header["storage"], tensors["small"] = pack_small(
        featurizer, theta, parts.columns, parts.storage, quick=quick
    )
    return header, tensors


def to_write(parts: ModelParts) -> Packed:
    """``pack``; InputError for a model with a tokenizer, which is a function of Python."""
    parts.featurizer.options.check_written()
    return pack(parts)


def unpack(header: Json, tensors: Tensors, path: str | PathLike[str]) -> ModelParts:
    """The parts that ``tensor_file.load`` read from path.

    Raises ModelFileError where they cannot be those of a model.
    """
    options = _options(take(header, "featurizer", dict, path) | _lists(tensors, path), path)
    documents = take(header, "documents", int, path)
    least = 0 if options.stateless else 1
    expect(least <= documents < MOST_COUNT, path, "the number of documents is out of range")
    sparse = None
    if _is_sparse(header):
        from textmlr.model.postings_file.sparse_form import SparseFile

        sparse = SparseFile.read(header, tensors, options, path)
        header, tensors = sparse.header(header), tensors | sparse.label_tensors
    blob = tensor(tensors, "labels", np.uint8, (None,), path)
    label_offsets = tensor(tensors, "label_offsets", np.int64, (None,), path)
    check_blob(blob, label_offsets, path, "labels")
    labels = strings_of(blob, label_offsets)
    expect(len(labels) >= 2, path, "there are fewer than two labels")
    expect(
        all(map(lt, labels, labels[1:])),
        path,
        "the labels are not sorted, or one stands twice",
    )
    calibration = _calibration(take(header, "calibration", dict, path), sparse is not None, path)
    calibration = _second_pass(calibration, header, tensors, len(labels), path)
    record = read_record(take(header, "record", dict, path), len(labels), path)
    widths = _widths(header, len(labels), path)
    upper = [
        tensor(tensors, f"theta.{i}", np.float32, (below + 1, width), path)
        for i, (below, width) in enumerate(pairwise(widths), 1)
    ]
    activation = _activation(header, path)
    try:
        if sparse is None:
            first = _first_layer(header, tensors, options, labels, widths[0], documents, path)
        else:
            first = _sparse_layer(sparse, tensors, labels, documents, path)
        layers = [*first.theta, *upper]
        squares = _squares(tensors, layers, path)
        thresholds = _thresholds(tensors, first.storage, len(labels), path)
        told = record.thresholds is not None and thresholds is None
        expect(not told, path, "tensor 'thresholds' is missing, of which the record tells")
        return ModelParts(
            labels,
            first.featurizer,
            layers,
            record,
            first.kept,
            calibration,
            first.storage,
            activation,
            UpdateState(squares, _trained_on(header, tensors, path)),
            read_head(header, path),
            thresholds,
            first.postings,
        )
    except ModelFileError:  # it names the file
        raise
    except ValueError as error:
        raise ModelFileError(str(error), place=str(path), mend=AGAIN) from error


class _FirstLayer(NamedTuple):
    """The featurizer and the layer on it, as ModelParts has them: one, or none beside postings."""

    featurizer: Featurizer
    theta: list[NDArray[np.float32]]
    kept: HashedColumns | None = None
    storage: ThetaStorage = PLAIN
    postings: Postings | None = None


def _first_layer(
    header: Json,
    tensors: Tensors,
    options: FeaturizerOptions,
    labels: list[str],
    width: int,
    documents: int,
    path: str | PathLike[str],
) -> _FirstLayer:
    about = take(header, "storage", dict, path)
    if "fasttext" in header:
        from textmlr.model.fasttext.fasttext_tensors import unpack_fasttext  # few are imported

        own = take(header, "fasttext", dict, path)
        foreign, theta, fasttext = unpack_fasttext(own, tensors, labels, width, path)
        foreign.documents = documents
        return _FirstLayer(foreign, [theta], storage=fasttext)
    storage = PLAIN
    if about == {"dtype": "float32"}:
        vocabulary, kept, idf = read_features(tensors, options, path)
        theta = tensor(tensors, "theta.0", np.float32, (None, width), path)
    else:
        from textmlr.model.small_file.form import unpack_small

        stream = tensor(tensors, "small", np.uint8, (None,), path)
        small = unpack_small(about, stream, options, width, documents, path)
        vocabulary, kept, idf = small.vocabulary, small.columns, small.idf
        theta, storage = small.theta, small.storage
    featurizer = Featurizer.restore(options, vocabulary, idf, labels, documents)
    _check_featurizer(featurizer, tensors, path)
    return _FirstLayer(featurizer, [theta], kept, storage)


def _is_sparse(header: Json) -> bool:
    about = header.get("storage")
    return isinstance(about, dict) and about.get("dtype") == "postings"


def _sparse_layer(
    file: SparseFile,
    tensors: Tensors,
    labels: list[str],
    documents: int,
    path: str | PathLike[str],
) -> _FirstLayer:
    own = file.contents(documents)
    featurizer = Featurizer.restore(file.options, own.vocabulary, own.idf, labels, documents)
    _check_featurizer(featurizer, tensors, path)
    return _FirstLayer(featurizer, [], own.columns, own.storage, own.postings)


def _check_featurizer(featurizer: Featurizer, tensors: Tensors, path: str | PathLike[str]) -> None:
    """Check idf, and give hashed columns their names."""
    idf = featurizer.idf
    if idf is not None:
        expect(bool(((idf >= 0) & (idf <= MOST_IDF)).all()), path, "idf is out of range")
    if featurizer.vocabulary is None and "named.columns" in tensors:
        featurizer.column_names = column_names(tensors, featurizer.columns, path)


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


def _second_pass(
    calibration: Calibration, header: Json, tensors: Tensors, labels: int, path: str | PathLike[str]
) -> Calibration:
    """The calibration with its second pass over labels, if the file has one."""
    if "second" not in header:
        return calibration
    slopes = take(header, "second", list, path)
    kind = np.float16 if getattr(tensors.get("second.links"), "itemsize", 0) == 2 else np.float32
    links = tensor(tensors, "second.links", kind, (labels, labels), path).astype(np.float32)
    scales = tensor(tensors, "second.scales", np.float64, (labels,), path)
    offsets = tensor(tensors, "second.offsets", np.float64, (labels,), path)
    fits = all(bool((np.abs(own) <= MOST_MULTIPLIER).all()) for own in (links, scales, offsets))
    straight = len(slopes) == 3 and all(
        type(slope) is float and 0 < slope <= MOST_MULTIPLIER for slope in slopes
    )
    expect(
        fits and straight and isinstance(calibration, Bent),
        path,
        "the second pass over its labels is out of range",
    )
    assert isinstance(calibration, Bent)
    low, middle, high = slopes
    return replace(calibration, links=SecondPass(links, scales, offsets, (low, middle, high)))


def _thresholds(
    tensors: Tensors, storage: ThetaStorage, labels: int, path: str | PathLike[str]
) -> NDArray[np.float64] | None:
    """The least P of each label that is an answer; None where a document has one label."""
    if "thresholds" in tensors:
        return tensor(tensors, "thresholds", np.float64, (labels,), path)
    if storage.dtype == "fasttext":  # a file of format 5 has none
        from textmlr.model.fasttext.fasttext_parts import thresholds_of

        return thresholds_of(storage, labels)
    return None


def _lists(tensors: Tensors, path: str | PathLike[str]) -> Json:
    """The options that are lists of words."""
    found = {}
    for name in LISTS:
        if name in tensors:
            blob = tensor(tensors, name, np.uint8, (None,), path)
            offsets = tensor(tensors, f"{name}_offsets", np.int64, (None,), path)
            check_blob(blob, offsets, path, name)
            found[name] = strings_of(blob, offsets)
    return found


def _options(fields: Json, path: str | PathLike[str]) -> FeaturizerOptions:
    try:
        return FeaturizerOptions.of(fields)
    except (TypeError, ValueError) as error:
        problem = f"the featurizer's options are not understood ({error!s:.200})"
        raise ModelFileError(problem, place=str(path)) from error


def _calibration(fields: Json, is_sparse: bool, path: str | PathLike[str]) -> Calibration:
    kind: type[Calibration] = Bent if "offset" in fields else Calibration
    kind = Mixed if is_sparse else kind
    expect(
        fields.keys() == kind().as_json().keys()
        and all(type(value) is float and isfinite(value) for value in fields.values())
        and all(0 < fields.get(name, 1.0) <= MOST_MULTIPLIER for name in ("low", "middle", "high"))
        and 0 <= fields.get("share", 0.0) <= 1
        and (LEAST_EXPONENT if is_sparse else -1) <= fields["exponent"] <= 0
        and min(fields["factor"], fields["spread"], fields["least"]) > 0
        and fields["exponent"] * (log(fields["least"]) - log(fields["spread"]))
        <= log(MOST_MULTIPLIER),
        path,
        "the calibration is out of range",
    )
    return kind(**fields)
