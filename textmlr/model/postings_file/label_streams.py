"""Names of labels, and the documents of each, ↔ the streams of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.file_checks import expect, take
from textmlr.base.string_blobs import blob_of
from textmlr.model.postings_file.front_streams import front_coded, restored_names
from textmlr.model.small_file.compressed import from_planes, planes

Json = dict[str, Any]
Path = str | PathLike[str]
Bytes = NDArray[np.uint8]
NOTHING = np.zeros(0, np.uint8)
# The lists of a record's corpus with a number a label, and their types there.
LISTS = {"per_label": np.int64, "weight_per_label": np.float64}


@dataclass(frozen=True, slots=True, eq=False)
class LabelStreams:
    """Labels as a file has them.

    streams    their names, and the lists of the record
    about      the description of the streams
    record     the record; without its lists where it is to be written
    documents  (L,) int64 of each label; zeros where they are not known
    names, offsets   the labels, as ``string_blobs`` has them
    """

    streams: list[Bytes]
    about: Json
    record: Json
    documents: NDArray[np.int64]
    names: Bytes
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, labels: Sequence[str], record: Json) -> LabelStreams:
        """The streams of labels, and of a record's JSON."""
        names, offsets = blob_of(labels)
        shared, rest = front_coded(names, offsets)
        about: Json = {"labels": len(labels), "label_names": len(names), "label_rest": len(rest)}
        streams, corpus = [shared, rest], dict(record.get("corpus") or {})
        documents = np.zeros(len(labels), np.int64)
        for name, dtype in LISTS.items():
            values = corpus.get(name)
            kind = int if dtype is np.int64 else float
            fits = values is not None and all(type(value) is kind for value in values)
            about[name] = fits
            streams.append(planes(np.array(corpus.pop(name), dtype)) if fits else NOTHING)
            if fits and kind is int:
                documents = np.array(values, np.int64)
        bare = record | {"corpus": corpus} if "corpus" in record else record
        return cls(streams, about, bare, documents, names, offsets)

    @staticmethod
    def sizes(about: Json, path: Path) -> list[int]:
        """The sizes of the streams that are so described."""
        labels, rest = take(about, "labels", int, path), take(about, "label_rest", int, path)
        expect(labels >= 0 and rest >= 0, path, "the numbers of its labels are out of range")
        expect(take(about, "label_names", int, path) >= 0, path, "its labels are out of range")
        return [labels, rest, *(8 * labels * take(about, name, bool, path) for name in LISTS)]

    @classmethod
    def restored(cls, streams: list[Bytes], about: Json, record: Json, path: Path) -> LabelStreams:
        """The labels again, and the record with its lists."""
        names, offsets = restored_names(streams[0], streams[1], about["label_names"], path)
        documents = np.zeros(about["labels"], np.int64)
        for (name, dtype), stream in zip(LISTS.items(), streams[2:], strict=True):
            if about[name]:
                corpus = take(record, "corpus", dict, path)
                expect(name not in corpus, path, f"record.corpus.{name} stands twice")
                values = from_planes(stream, dtype)
                record = record | {"corpus": corpus | {name: values.tolist()}}
                if dtype is np.int64:
                    documents = values
        return cls(streams, about, record, documents, names, offsets)
