"""Features ↔ the streams of a file: names, document frequencies and idf."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.file_checks import expect, take
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.row_weights import inverse_document_frequency
from textmlr.features.vocabulary import Vocabulary
from textmlr.model.postings_file.feature_order import column_order, memory_order, name_order
from textmlr.model.postings_file.front_streams import front_coded, hashed, restored_names, taken
from textmlr.model.small_file.compressed import from_planes, planes
from textmlr.model.small_file.form import read_frequencies, read_odd_hashes

Json = dict[str, Any]
Path = str | PathLike[str]
Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
NOTHING = np.zeros(0, np.uint8)


class Restored(NamedTuple):
    """Features as Model has them.

    counts  (R,) int64   documents of each row; 0 where that is not known
    """

    vocabulary: Vocabulary | None
    columns: HashedColumns | None
    idf: NDArray[np.float32] | None
    counts: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class FeatureStreams:
    """Features as a file has them: streams, the last of which is idf, and their description."""

    streams: list[Bytes]
    about: Json

    @classmethod
    def of(cls, featurizer: Featurizer, columns: HashedColumns | None) -> FeatureStreams:
        """The streams of the features of a ``settled`` model."""
        vocabulary = featurizer.vocabulary
        about: Json = {"odd": 0, "names": 0, "rest": 0, "counted": True}
        if vocabulary is not None:
            by_name = name_order(vocabulary.names, vocabulary.name_offsets)
            names, offsets = taken(vocabulary.names, vocabulary.name_offsets, by_name)
            hashes = vocabulary.hashes[by_name]
            odd = np.flatnonzero(hashed(names, offsets) != hashes)
            shared, rest = front_coded(names, offsets)
            frequencies = planes(vocabulary.frequencies[by_name])
            streams = [shared, rest, frequencies, planes(odd), planes(hashes[odd])]
            about |= {"odd": len(odd), "names": len(names), "rest": len(rest)}
        else:
            assert columns is not None
            by_column = np.argsort(columns.kept, kind="stable")
            counted = columns.frequencies
            about["counted"] = counted is not None
            streams = [
                planes(np.diff(columns.kept[by_column], prepend=np.int32(0))),
                NOTHING if counted is None else planes(counted[by_column]),
            ]
        idf = featurizer.idf
        about["idf"] = "none"
        if idf is not None:
            made = _idf_of(_all_counts(vocabulary, columns, featurizer.columns), featurizer)
            about["idf"] = "frequencies" if np.array_equal(made, idf) else "bits"
        streams.append(planes(idf) if idf is not None and about["idf"] == "bits" else NOTHING)
        return cls(streams, about)

    @staticmethod
    def sizes(about: Json, options: FeaturizerOptions, path: Path) -> list[int]:
        """The sizes of the streams that are so described."""
        rows, how = take(about, "rows", int, path), take(about, "idf", str, path)
        expect(
            how in (("bits", "frequencies") if options.uses_idf else ("none",)),
            path,
            "its idf is not what its options say",
        )
        bits = 4 * (how == "bits")
        if options.hash_bits is not None:
            counted = take(about, "counted", bool, path)
            return [4 * rows, 8 * rows * counted, bits << options.hash_bits]
        v = rows - int(options.bias)
        odd, rest = take(about, "odd", int, path), take(about, "rest", int, path)
        expect(
            0 <= odd <= v and rest >= 0 and take(about, "names", int, path) >= 0,
            path,
            "the numbers of its features are out of range",
        )
        return [v, rest, 8 * v, 8 * odd, 8 * odd, bits * rows]


def restored(
    streams: list[Bytes], about: Json, options: FeaturizerOptions, documents: int, path: Path
) -> Restored:
    """The features of streams;  documents  of training.  Raises ModelFileError."""
    if options.hash_bits is None:
        vocabulary, columns = _vocabulary(streams, about, options, path), None
        width = len(vocabulary) + int(options.bias)
        always = np.full(int(options.bias), documents, np.int64)
        counts = np.concatenate([always, vocabulary.frequencies])
    else:
        width = 1 << options.hash_bits
        vocabulary, columns = None, _columns(streams, about, width, path)
        own = columns.frequencies
        counts = np.zeros(about["rows"], np.int64) if own is None else own
    idf = None
    if about["idf"] == "bits":
        idf = from_planes(streams[-1], np.float32)
    elif about["idf"] == "frequencies":
        fits = bool((counts <= documents).all())
        expect(fits, path, "a document frequency is out of range")
        idf = _idf(_all_counts(vocabulary, columns, width), documents, int(options.bias))
    return Restored(vocabulary, columns, idf, counts)


def row_counts(featurizer: Featurizer, columns: HashedColumns | None) -> Numbers:
    """``Restored.counts`` of a model's features."""
    vocabulary = featurizer.vocabulary
    if vocabulary is not None:
        always = np.full(int(featurizer.options.bias), featurizer.documents, np.int64)
        return np.concatenate([always, vocabulary.frequencies])
    assert columns is not None
    own = columns.frequencies
    return np.zeros(len(columns.kept), np.int64) if own is None else own


def _all_counts(
    vocabulary: Vocabulary | None, columns: HashedColumns | None, width: int
) -> Numbers:
    """Documents of each column but the bias's, (V,) int64, as far as they are known."""
    counts = np.zeros(width, np.int64)
    if vocabulary is not None:
        counts[width - len(vocabulary) :] = vocabulary.frequencies
    elif columns is not None and columns.frequencies is not None:
        counts[columns.kept] = columns.frequencies
    return counts


def _idf_of(counts: Numbers, featurizer: Featurizer) -> NDArray[np.float32]:
    return _idf(counts, featurizer.documents, int(featurizer.options.bias))


def _idf(counts: Numbers, documents: int, bias: int) -> NDArray[np.float32]:
    """idf of all columns, (V,) float32; 1 of the bias."""
    idf = inverse_document_frequency(counts, documents).astype(np.float32)
    idf[:bias] = 1
    return idf


def _vocabulary(
    streams: list[Bytes], about: Json, options: FeaturizerOptions, path: Path
) -> Vocabulary:
    """The vocabulary in the order of memory."""
    names, offsets = restored_names(streams[0], streams[1], about["names"], path)
    frequencies = read_frequencies(streams[2], options, path)
    hashes = hashed(names, offsets)
    read_odd_hashes(hashes, streams[3], streams[4], path)
    order = memory_order(frequencies, offsets, np.arange(len(hashes)))
    return Vocabulary(hashes[order], frequencies[order], *taken(names, offsets, order))


def _columns(streams: list[Bytes], about: Json, width: int, path: Path) -> HashedColumns:
    """The columns in the order of memory."""
    kept = np.cumsum(from_planes(streams[0], np.int32), dtype=np.int64)
    ascending = bool((kept[1:] > kept[:-1]).all() and (kept[:1] >= 0).all())
    expect(ascending and bool((kept[-1:] < width).all()), path, "its columns are out of range")
    frequencies = from_planes(streams[1], np.int64) if about["counted"] else None
    order = np.arange(len(kept))
    if frequencies is not None:
        expect(bool((frequencies > 0).all()), path, "a document frequency is not positive")
        order = column_order(kept, frequencies)
        frequencies = frequencies[order]
    return HashedColumns.restore(kept[order].astype(np.int32), width, frequencies)
