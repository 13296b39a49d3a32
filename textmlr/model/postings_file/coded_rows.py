"""The labels of all rows of postings ↔ bits, most rows within the row of a shorter n-gram."""

from __future__ import annotations

from os import PathLike
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.file_checks import expect
from textmlr.features.vocabulary import Vocabulary
from textmlr.kernels import label_rows, name_parts
from textmlr.model.postings import Postings

Numbers = NDArray[np.int64]
MOST_BYTES = 5  # of one label, and of the end of the last one


class CodedRows(NamedTuple):
    """Rows as a file has them.

    bits   (bytes,) uint8   of ``kernels.label_rows``
    alone  (R,) uint8       1 for a row that is not within its parent's
    links  (m,) int32       number of the parent's entry of each entry, −1 for none
    """

    bits: NDArray[np.uint8]
    alone: NDArray[np.uint8]
    links: NDArray[np.int32]


def parents_of(vocabulary: Vocabulary, bias: int, sizes: Numbers) -> Numbers:
    """The parent of each row, (R,) int64: that of the n-gram within its own that has the fewest
    labels, −1 for none.

    vocabulary  its features are the rows behind ``bias`` others
    sizes       (R,) labels of each row
    """
    v = len(vocabulary)
    found = np.empty((v, 2), np.int64)
    name_parts.find_parents(
        frozen(vocabulary.names),
        frozen(vocabulary.name_offsets),
        np.full(2 << v.bit_length(), -1, np.int64),
        np.empty(v, np.uint64),
        np.empty((v, 2), np.uint64),
        found,
    )
    parents = np.full(len(sizes), -1, np.int64)
    name_parts.choose_parents(frozen(found), frozen(sizes), bias, parents)
    return parents


def coded_rows(postings: Postings, parents: Numbers) -> CodedRows:
    """The rows of postings;  parents  of ``parents_of``."""
    starts, labels = frozen(postings.starts), frozen(postings.labels)
    m, rows = len(labels), len(parents)
    links, alone = np.empty(m, np.int32), np.empty(rows, np.uint8)
    label_rows.link_rows(starts, labels, frozen(parents), links, alone)
    own = frozen(np.where(alone > 0, -1, parents))
    bits = np.empty(MOST_BYTES * (m + 1), np.uint8)
    size = label_rows.encode_rows(starts, labels, own, frozen(links), len(postings.bias), bits)
    assert size >= 0
    return CodedRows(bits[:size].copy(), alone, links)


def restored_rows(
    bits: NDArray[np.uint8],
    alone: NDArray[np.uint8],
    starts: Numbers,
    parents: Numbers,
    most: int,
    path: str | PathLike[str],
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(labels, links) again, of rows with such starts; the bits may be followed by zeros.

    most  labels there are
    Raises ModelFileError where the bits are not those of such rows.
    """
    sizes = np.diff(starts)
    own = np.where(alone > 0, -1, parents)
    room = np.where(own >= 0, sizes[own], most)
    expect(
        bool((alone <= 1).all() and (sizes <= room).all()),
        path,
        "a feature has more labels than there can be",
    )
    labels, links = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.int32)
    used = label_rows.decode_rows(frozen(bits), frozen(starts), frozen(own), most, labels, links)
    expect(used >= 0 and not bits[used:].any(), path, "the labels of its features are damaged")
    return labels, links
