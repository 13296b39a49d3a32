"""A model with a sparse θ ↔ its form in a file: a description, streams, bits and words.

Names of labels and features stand in alphabetical order, front-coded; features are in memory by
descending document frequency (``settled_parts``).  Small arrays are compressed streams, the labels
of all rows are bits (``coded_rows``), and the symbols of sums and of what was learnt are words
(``symbol_streams``).
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.file_checks import expect, take, tensor
from textmlr.base.limits import MOST_COUNT
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.vocabulary import Vocabulary
from textmlr.kernels.symbol_coding import SYMBOLS
from textmlr.model.model_parts import ModelParts
from textmlr.model.postings import Postings
from textmlr.model.postings_file import feature_streams as features
from textmlr.model.postings_file.coded_rows import coded_rows, parents_of, restored_rows
from textmlr.model.postings_file.feature_streams import FeatureStreams
from textmlr.model.postings_file.label_streams import LabelStreams
from textmlr.model.postings_file.rounded_postings import (
    MOST_STEP,
    PostingCodes,
    codes_of,
    factors_of,
    from_short,
    postings_of,
    short_of,
)
from textmlr.model.postings_file.settled_parts import settled
from textmlr.model.postings_file.symbol_streams import (
    LEARNT_CONTEXTS,
    OWN_CONTEXTS,
    SUM_CONTEXTS,
    Entries,
    as_symbols,
    classes_of,
    coded_symbols,
    from_symbols,
    restored_symbols,
)
from textmlr.model.small_file.compressed import FAST_PRESET, expand, from_planes, planes, squeeze
from textmlr.model.small_file.theta_storage import ThetaStorage

Json = dict[str, Any]
Path = str | PathLike[str]
Bytes = NDArray[np.uint8]
Tensors = dict[str, NDArray[Any]]
NOTHING = np.zeros(0, np.uint8)
TENSORS = ("sparse.streams", "sparse.rows", "sparse.sums", "sparse.learnt")
# A file never declares more of each than so many a byte of it: labels, features, weights, and bytes
# of its streams.  Real ones have a tenth of these at most; others are filled up with zeros.
MOST_OF_BYTE = {"labels": 1, "rows": 1, "entries": 8, "bytes": 64}
MOST_ENTRIES = 1 << 31  # they are numbered by int32
FREE = 1 << 16  # bytes that any file may count besides its own


class Sparse(NamedTuple):
    """The contents of such a file, as ModelParts has them."""

    vocabulary: Vocabulary | None
    columns: HashedColumns | None
    idf: NDArray[np.float32] | None
    postings: Postings
    storage: ThetaStorage


def pack_sparse(parts: ModelParts, record: Json) -> tuple[Json, Tensors, Json]:
    """(description, tensors, the record without what the tensors have) of a model.

    Parts that are not ``settled``, which no training leaves so, are settled.  Raises ValueError
    where they say that they are, and are not.
    """
    if parts.storage.dtype != "postings":
        parts = settled(parts)
    postings = parts.postings
    assert postings is not None
    storage, bias = parts.storage, int(parts.featurizer.options.bias)
    names = LabelStreams.of(parts.labels, record)
    own = FeatureStreams.of(parts.featurizer, parts.columns)
    sizes = np.diff(postings.starts)
    if parts.featurizer.vocabulary is None:
        parents = np.full(len(sizes), -1, np.int64)
    else:
        parents = parents_of(parts.featurizer.vocabulary, bias, sizes)
    rows = coded_rows(postings, parents)
    codes = codes_of(
        postings, factors_of(parts.featurizer.idf, parts.columns, len(sizes)), storage.top
    )
    entries = Entries(rows.links, postings.labels, classes_of(names.documents))
    sums, sum_tables = _coded(codes.symbols, entries, SUM_CONTEXTS)
    whole, large = as_symbols(codes.learnt)
    learnt, learnt_tables = _coded(whole if storage.top else None, entries, LEARNT_CONTEXTS)
    bases = planes(short_of(codes.bases)) if postings.sums is not None else NOTHING
    row_scales = NOTHING if postings.row_scales is None else planes(short_of(postings.row_scales))
    streams = [
        *names.streams,
        *own.streams,
        planes(features.row_counts(parts.featurizer, parts.columns) - sizes),
        np.packbits(rows.alone),
        planes(postings.bias),
        planes(short_of(postings.scales)),
        row_scales,
        bases,
        sum_tables,
        learnt_tables,
        planes(large),
    ]
    packed, lengths = squeeze(streams, preset=FAST_PRESET)
    about: Json = {
        "dtype": storage.dtype,
        "step": storage.top,
        "rows": len(sizes),
        "entries": len(postings),
        "summed": postings.sums is not None,
        "row_scales": postings.row_scales is not None,
        "large": len(large),
        **names.about,
        **own.about,
        "lengths": lengths,
    }
    bits = rows.bits
    claims = _claims(about, sum(map(len, streams)))
    missing = _least(claims) - sum(map(len, (packed, bits, sums, learnt)))
    if missing > 0:
        bits = np.concatenate([bits, np.zeros(missing, np.uint8)])
    tensors = dict(zip(TENSORS, (packed, bits, sums, learnt), strict=True))
    return about, tensors, names.record


@dataclass(frozen=True, slots=True, eq=False)
class SparseFile:
    """What was read of a file, its streams expanded.

    about    the description
    streams  of labels, of features, and of postings
    """

    about: Json
    tensors: Tensors
    options: FeaturizerOptions
    labels: LabelStreams
    features: list[Bytes]
    postings: list[Bytes]
    path: Path

    @classmethod
    def read(
        cls, header: Json, tensors: Tensors, options: FeaturizerOptions, path: Path
    ) -> SparseFile:
        """Read a file's header and tensors; ModelFileError where they cannot be those of a model,
        before any memory is taken that the size of the file does not vouch for."""
        about = take(header, "storage", dict, path)
        found = [tensor(tensors, name, np.uint8, (None,), path) for name in TENSORS]
        entries = take(about, "entries", int, path)
        rows, large = take(about, "rows", int, path), take(about, "large", int, path)
        bias = int(options.bias)
        expect(
            0 <= large <= entries < MOST_ENTRIES and bias <= rows < MOST_COUNT,
            path,
            "the shape of theta is impossible",
        )
        step = take(about, "step", int, path)
        expect(0 <= step <= MOST_STEP, path, "the step of its weights is out of range")
        names = LabelStreams.sizes(about, path)
        own = FeatureStreams.sizes(about, options, path)
        count = about["labels"]
        summed, learnt = take(about, "summed", bool, path), step > 0
        contexts = [
            summed * (SUM_CONTEXTS + OWN_CONTEXTS),
            learnt * (LEARNT_CONTEXTS + OWN_CONTEXTS),
        ]
        scaled = take(about, "row_scales", bool, path)
        theta = [8 * rows, -(-rows // 8), 4 * count, 4 * count, scaled * 4 * rows]
        theta += [summed * 4 * count]
        theta += [2 * SYMBOLS * some for some in contexts] + [4 * large]
        sizes = [*names, *own, *theta]
        # idf of all columns, without a bound by the file's size but by the options alone
        counted = sum(sizes) - (own[-1] if options.hash_bits is not None else 0)
        expect(
            _least(_claims(about, counted)) <= sum(map(len, found)),
            path,
            "it declares more than so few bytes can hold",
        )
        streams = expand(found[0], take(about, "lengths", list, path), sizes, path)
        cut, end = len(names), len(names) + len(own)
        labels = LabelStreams.restored(
            streams[:cut], about, take(header, "record", dict, path), path
        )
        return cls(about, tensors, options, labels, streams[cut:end], streams[end:], path)

    def header(self, header: Json) -> Json:
        """The header, with all of the record."""
        return header | {"record": self.labels.record}

    @property
    def label_tensors(self) -> Tensors:
        """The labels as the tensors that other files have."""
        return {"labels": self.labels.names, "label_offsets": self.labels.offsets}

    def contents(self, documents: int) -> Sparse:
        """Features and θ;  documents  of training.  Raises ModelFileError as ``read`` does."""
        about, path = self.about, self.path
        own = features.restored(self.features, about, self.options, documents, path)
        row_sizes, alone, bias, scales, row_scales, bases, *others = self.postings
        sum_tables, learnt_tables, large = others
        count, rows = about["labels"], about["rows"]
        sizes = own.counts - from_planes(row_sizes, np.int64)
        fits = bool(((sizes >= 0) & (sizes <= count)).all()) and sizes.sum() == about["entries"]
        expect(fits, path, "the numbers of labels of its features are out of range")
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        if own.vocabulary is None:
            parents = np.full(rows, -1, np.int64)
        else:
            parents = parents_of(own.vocabulary, int(self.options.bias), sizes)
        flags = np.unpackbits(alone)
        expect(not flags[rows:].any(), path, "there are more features than it says")
        bits = self.tensors["sparse.rows"]
        labels, links = restored_rows(bits, flags[:rows], starts, parents, count, path)
        entries = Entries(links, labels, classes_of(self.labels.documents))
        symbols = self._symbols("sparse.sums", sum_tables, entries, SUM_CONTEXTS)
        learnt = self._symbols("sparse.learnt", learnt_tables, entries, LEARNT_CONTEXTS)
        learnt = NOTHING if learnt is None else learnt
        whole = from_symbols(learnt, from_planes(large, np.int32), path)
        base = from_short(from_planes(bases, np.int32)) if about["summed"] else np.ones(count)
        expect(bool((base > 0).all() and (base < np.inf).all()), path, "a sum is out of range")
        codes = PostingCodes(symbols, base.astype(np.float32), whole)
        bare = Postings(
            starts,
            labels,
            np.zeros(len(labels), np.float32),
            from_planes(bias, np.float32),
            from_short(from_planes(scales, np.int32)),
            row_scales=self._row_scales(row_scales),
        )
        factors = factors_of(own.idf, own.columns, rows)
        with np.errstate(over="ignore"):
            postings = postings_of(codes, bare, factors, about["step"])
        storage = ThetaStorage("postings", top=about["step"])
        return Sparse(own.vocabulary, own.columns, own.idf, postings, storage)

    def _row_scales(self, stream: Bytes) -> NDArray[np.float32] | None:
        if not self.about["row_scales"]:
            return None
        own = from_short(from_planes(stream, np.int32))
        sound = bool((own > 0).all() and (own < np.inf).all())
        expect(sound, self.path, "the scale of a feature is out of range")
        return own

    def _symbols(self, name: str, tables: Bytes, entries: Entries, most: int) -> Bytes | None:
        """The symbols of a tensor; None where there are no tables."""
        stream = self.tensors[name]
        if not len(tables):
            expect(not len(stream), self.path, "it has words without frequencies")
            return None
        frequencies = from_planes(tables, np.uint16).astype(np.int64).reshape(-1, SYMBOLS)
        return restored_symbols(stream, frequencies, entries, most, self.path)


def _coded(symbols: Bytes | None, entries: Entries, most: int) -> tuple[Bytes, Bytes]:
    """(words, frequencies as planes) of symbols; nothing of none."""
    if symbols is None:
        return NOTHING, NOTHING
    words, frequencies = coded_symbols(symbols, entries, most)
    return words, planes(frequencies.reshape(-1).astype(np.uint16))


def _claims(about: Json, size: int) -> dict[str, int]:
    """What a file declares, by the names of MOST_OF_BYTE;  size  bytes of its streams."""
    return {"bytes": size} | {name: about[name] for name in ("labels", "rows", "entries")}


def _least(claims: dict[str, int]) -> int:
    """The fewest bytes of a file that may declare that."""
    return max(-(-claims[name] // most) for name, most in MOST_OF_BYTE.items()) - FREE
