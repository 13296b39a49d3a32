"""A featurizer and θ ↔ their form in a small file: a description and one array of streams.

Features stand in the order of their names (hashed columns in their own), so that each name begins
as the one before does; hashes are made anew from the names.  In memory they are by descending
document frequency again, ties by name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import ModelFileError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.file_checks import check_blob, expect, take
from textmlr.base.limits import MOST_COUNT
from textmlr.base.threads import machine_memory
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.name_hashes import hashes_of
from textmlr.features.row_weights import inverse_document_frequency
from textmlr.features.vocabulary import Vocabulary
from textmlr.model.small_file.compressed import expand, from_planes, planes, squeeze
from textmlr.model.small_file.front_coding import front_code, restore
from textmlr.model.small_file.theta_storage import (
    HIGHEST,
    SMALL,
    ThetaStorage,
    expected_codes,
    scale_of,
    whole_numbers,
)

Json = dict[str, Any]
Path = str | PathLike[str]
Bytes = NDArray[np.uint8]
NOTHING = np.zeros(0, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Small:
    """The contents of a small file, as Model has them; idf None where the options have none."""

    vocabulary: Vocabulary | None
    columns: HashedColumns | None
    idf: NDArray[np.float32] | None
    theta: NDArray[np.float32]
    storage: ThetaStorage


def by_frequency(frequencies: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order in memory of features that are in the order of their names."""
    return np.argsort(-frequencies, kind="stable")


def by_name(vocabulary: Vocabulary) -> tuple[NDArray[np.int64], list[bytes]]:
    """(the order of the features' names, the names in it)."""
    blob, ends = vocabulary.names.tobytes(), vocabulary.name_offsets.tolist()
    names = [blob[ends[i] : ends[i + 1]] for i in range(len(ends) - 1)]
    order = sorted(range(len(names)), key=names.__getitem__)
    return np.array(order, np.int64), [names[i] for i in order]


def pack_small(
    featurizer: Featurizer,
    theta: NDArray[np.float32],
    columns: HashedColumns | None,
    storage: ThetaStorage,
    *,
    quick: bool = False,
) -> tuple[Json, Bytes]:
    """(description, streams) of the features and θ of a model.

    Raises ValueError where θ is not as the storage says, or features have no names.
    """
    options, vocabulary, documents = featurizer.options, featurizer.vocabulary, featurizer.documents
    bias = int(options.bias)
    about: Json = {"dtype": storage.dtype, "rows": len(theta), "odd": 0, "names": 0, "rest": 0}
    if vocabulary is not None:
        if columns is not None:
            raise ValueError("features without a row of theta have no place in a small file")
        order, names = by_name(vocabulary)
        shared, rest = front_code(names)
        frequencies = vocabulary.frequencies[order]
        made = hashes_of(*_joined(names))
        odd = np.flatnonzero(made != vocabulary.hashes[order])
        about |= {"odd": len(odd), "names": sum(map(len, names)), "rest": len(rest)}
        parts = [
            shared,
            rest,
            planes(frequencies),
            planes(odd),
            planes(vocabulary.hashes[order][odd]),
        ]
        rows = np.concatenate([np.zeros(bias, np.int64), order + bias])
        counts = np.concatenate([np.full(bias, documents), frequencies])
    else:
        assert columns is not None
        rows = np.argsort(columns.kept, kind="stable")
        parts = [planes(np.diff(columns.kept[rows], prepend=np.int32(0)))]
        counts = np.ones(len(rows), np.int64)
    about["idf"], coded = _coded_idf(featurizer, rows)
    parts.append(coded)
    theta = theta[rows]
    about["mirrored"] = theta.shape[1] == 2 and np.array_equal(theta[:, 0], -theta[:, 1])
    if about["mirrored"]:
        theta = theta[:, :1]
    if storage.dtype == "int8":
        about["top"] = storage.top
        own = storage.codes[rows]
        # Bytes wrap around, and back again when they are read.
        parts.append(own - expected_codes(counts, storage.top))
        parts.append(whole_numbers(theta, own).view(np.uint8).reshape(-1))
    else:
        half = theta.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), theta):
            raise ValueError("theta is not in numbers of 16 bits")
        parts.append(planes(half.reshape(-1)))
    stream, about["lengths"] = squeeze(parts, quick=quick)
    return about, stream


def unpack_small(
    about: Json, stream: Bytes, options: FeaturizerOptions, labels: int, documents: int, path: Path
) -> Small:
    """Features and θ again.  Raises ModelFileError where they cannot be those of a model."""
    dtype = take(about, "dtype", str, path)
    expect(dtype in SMALL, path, "the type of its weights is not known")
    rows, lengths = take(about, "rows", int, path), take(about, "lengths", list, path)
    mirrored = take(about, "mirrored", bool, path)
    expect(
        int(options.bias) <= rows < MOST_COUNT and (labels == 2 or not mirrored),
        path,
        "the shape of theta is impossible",
    )
    _check_memory(rows, labels, path)
    width = 1 if mirrored else labels
    named = options.hash_bits is None
    own = rows - int(options.bias)
    sizes = _feature_sizes(about, own, path) if named else [4 * rows]
    sizes.append(_idf_size(about, options, own, path))
    sizes += [rows, rows * width] if dtype == "int8" else [2 * rows * width]
    parts = expand(stream, lengths, sizes, path)
    vocabulary, columns, order = None, None, None
    if named:
        vocabulary, order = _vocabulary(parts[:5], about, options, path)
        always = np.full(int(options.bias), documents, np.int64)
        counts = np.concatenate([always, vocabulary.frequencies])
        parts = parts[5:]
    else:
        kept = np.cumsum(from_planes(parts[0], np.int32), dtype=np.int64)
        ascending = bool((kept[1:] > kept[:-1]).all() and (kept[:1] >= 0).all())
        expect(
            ascending and bool((kept[-1:] < 1 << (options.hash_bits or 0)).all()),
            path,
            "its columns are out of range",
        )
        columns = HashedColumns.restore(kept.astype(np.int32), 1 << (options.hash_bits or 0))
        counts = np.ones(rows, np.int64)
        parts = parts[1:]
    idf = _idf(about, parts[0], options, counts, documents, path)
    theta, storage = _theta(about, parts[1:], (rows, width), counts, path)
    if mirrored:
        theta = np.concatenate([theta, -theta], axis=1)
    if vocabulary is not None and order is not None:
        vocabulary = vocabulary.take(order)
        all_rows = np.concatenate([np.arange(int(options.bias)), order + int(options.bias)])
        theta = np.ascontiguousarray(theta[all_rows])
        codes = storage.codes[all_rows] if len(storage.codes) else storage.codes
        storage = ThetaStorage(storage.dtype, codes, storage.top)
        idf = None if idf is None else idf[all_rows]
    return Small(vocabulary, columns, idf, theta, storage)


def _joined(names: list[bytes]) -> tuple[Bytes, NDArray[np.int64]]:
    """names and name_offsets of Vocabulary."""
    offsets = np.zeros(len(names) + 1, np.int64)
    offsets[1:] = np.cumsum(np.fromiter(map(len, names), np.int64, len(names)))
    return np.frombuffer(b"".join(names), np.uint8), offsets


def _check_memory(rows: int, labels: int, path: Path) -> None:
    """Refuse θ that cannot fit before any of it is made."""
    available = machine_memory()
    expect(
        8 * rows * labels < available,
        path,
        f"{rows:,} features × {labels:,} labels do not fit in memory",
    )


def _feature_sizes(about: Json, own: int, path: Path) -> list[int]:
    odd, rest = take(about, "odd", int, path), take(about, "rest", int, path)
    expect(
        0 <= odd <= own and take(about, "names", int, path) >= 0,
        path,
        "the numbers of its features are out of range",
    )
    return [own, rest, 8 * own, 8 * odd, 8 * odd]


def _vocabulary(
    parts: list[Bytes], about: Json, options: FeaturizerOptions, path: Path
) -> tuple[Vocabulary, NDArray[np.int64]]:
    """(the vocabulary in the order of names, the order in memory)."""
    blob, offsets = _joined(restore(parts[0], parts[1], about["names"], path))
    check_blob(blob, offsets, path, "names")
    frequencies = read_frequencies(parts[2], options, path)
    hashes = hashes_of(blob, offsets)
    read_odd_hashes(hashes, parts[3], parts[4], path)
    return Vocabulary(hashes, frequencies, blob, offsets), by_frequency(frequencies)


def read_frequencies(part: Bytes, options: FeaturizerOptions, path: Path) -> NDArray[np.int64]:
    """Document frequencies.  Raises ModelFileError where one is too low."""
    frequencies: NDArray[np.int64] = from_planes(part, np.int64)
    fine = bool((frequencies >= options.least_frequency).all())
    expect(fine, path, "a document frequency is not positive")
    return frequencies


def read_odd_hashes(hashes: NDArray[np.uint64], odd: Bytes, others: Bytes, path: Path) -> None:
    """Write the hashes that do not follow from their names over those that do.

    odd  the numbers of those features;  others  their hashes
    Raises ModelFileError where a number is none, and where the hashes are not all different.
    """
    numbers = from_planes(odd, np.int64)
    fine = bool(((numbers >= 0) & (numbers < len(hashes))).all())
    expect(fine, path, "a hash belongs to no name")
    hashes[numbers] = from_planes(others, np.uint64)
    ascending = np.sort(hashes)
    expect(
        bool((ascending[:1] > 0).all() and (ascending[1:] > ascending[:-1]).all()),
        path,
        "a hash is 0, or stands twice",
    )


def _coded_idf(featurizer: Featurizer, rows: NDArray[np.int64]) -> tuple[str, Bytes]:
    """The form of idf, and its bytes: none where it follows from the document frequencies.

    rows  the order of the file; of hashed features all have an idf, in the order of their columns
    """
    idf, bias = featurizer.idf, int(featurizer.options.bias)
    if idf is None:
        return "none", NOTHING
    own, documents = idf[bias:], featurizer.documents
    counts = np.rint((1 + documents) / np.exp(own.astype(np.float64) - 1) - 1).astype(np.int64)
    if featurizer.vocabulary is not None:
        counts = featurizer.vocabulary.frequencies
    follows = (counts >= 0).all() and bool((idf[:bias] == 1).all())
    if not follows or not np.array_equal(_idf_of(counts, documents), own):
        return "bits", planes(idf if featurizer.vocabulary is None else idf[rows])
    return "frequencies", NOTHING if featurizer.vocabulary is not None else planes(counts)


def _idf_of(counts: NDArray[np.int64], documents: int) -> NDArray[np.float32]:
    return inverse_document_frequency(counts, documents).astype(np.float32)


def _idf_size(about: Json, options: FeaturizerOptions, own: int, path: Path) -> int:
    how = take(about, "idf", str, path)
    expect(
        how in (("bits", "frequencies") if options.uses_idf else ("none",)),
        path,
        "its idf is not what its options say",
    )
    width = own + int(options.bias) if options.hash_bits is None else 1 << options.hash_bits
    if how == "bits":
        return 4 * width
    hashed = how == "frequencies" and options.hash_bits is not None
    return 8 * (width - int(options.bias)) if hashed else 0


def _idf(
    about: Json,
    part: Bytes,
    options: FeaturizerOptions,
    counts: NDArray[np.int64],
    documents: int,
    path: Path,
) -> NDArray[np.float32] | None:
    """(V,) idf, in the order of the file."""
    if about["idf"] == "none":
        return None
    if about["idf"] == "bits":
        return from_planes(part, np.float32)
    bias = int(options.bias)
    own = counts[bias:] if options.hash_bits is None else from_planes(part, np.int64)
    expect(
        bool((own >= 0).all() and (own <= documents).all()),
        path,
        "a document frequency is out of range",
    )
    return np.concatenate([np.ones(bias, np.float32), _idf_of(own, documents)])


def _theta(
    about: Json, parts: list[Bytes], shape: tuple[int, int], counts: NDArray[np.int64], path: Path
) -> tuple[NDArray[np.float32], ThetaStorage]:
    """(θ of some shape, its storage), in the order of the file."""
    if about["dtype"] == "float16":
        theta = from_planes(parts[0], np.float16).astype(np.float32).reshape(shape)
        expect(bool(np.isfinite(theta).all()), path, "theta is not finite")
        return theta, ThetaStorage("float16")
    top = take(about, "top", int, path)
    expect(0 <= top <= HIGHEST, path, "the scale of theta is out of range")
    codes = parts[0] + expected_codes(counts, top)
    whole = parts[1].view(np.int8).reshape(shape)
    if (whole == -128).any():
        raise ModelFileError("a weight is out of range", place=os.fspath(path))
    return whole * scale_of(codes)[:, None], ThetaStorage("int8", codes, top)
