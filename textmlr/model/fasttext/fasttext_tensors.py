"""A model of fastText ↔ the header and tensors of a file of textmlr, which are verified."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import is_finite
from textmlr.base.file_checks import expect, take, tensor
from textmlr.base.limits import MOST_COUNT
from textmlr.features.fasttext_dictionary import FastTextDictionary
from textmlr.features.fasttext_featurizer import FastTextFeaturizer
from textmlr.model.fasttext.binary_file import MOST_LENGTH, VERSIONS
from textmlr.model.fasttext.fasttext_parts import LOSSES, FastTextParts
from textmlr.model.fasttext.label_tree import is_tree
from textmlr.model.fasttext.product_codes import CODES, ProductCodes

Json = dict[str, Any]
Tensors = dict[str, NDArray[Any]]
Path = str | PathLike[str]


def pack_fasttext(
    featurizer: FastTextFeaturizer, theta: NDArray[np.float32], own: FastTextParts
) -> tuple[Json, Tensors]:
    """(the entry of the header, tensors) of everything but labels and upper layers."""
    dictionary, codes = featurizer.dictionary, own.quantised
    about: Json = {
        "version": own.version,
        "loss": own.loss,
        "prefix": own.prefix,
        "words": dictionary.words,
        "ngrams": dictionary.ngrams,
        "characters": [dictionary.least, dictionary.most],
        "buckets": dictionary.buckets,
    }
    tensors: Tensors = {"entries": dictionary.names, "entry_bounds": dictionary.bounds}
    if dictionary.kept is not None:
        tensors["buckets"] = dictionary.kept
    if own.loss == "hs":
        tensors["tree"] = own.tree
    if codes is None:
        return about, tensors | {"theta.0": theta}
    about["width"] = codes.width
    tensors |= {"codes": codes.codes, "centroids": codes.centroids}
    if len(codes.norms):
        tensors |= {"norm_codes": codes.norm_codes, "norms": codes.norms}
    return about, tensors


def unpack_fasttext(
    about: Json, tensors: Tensors, labels: list[str], columns: int, path: Path
) -> tuple[FastTextFeaturizer, NDArray[np.float32], FastTextParts]:
    """(featurizer, first layer, what else it has);  columns  of the first layer."""
    loss, version = take(about, "loss", str, path), take(about, "version", int, path)
    expect(loss in LOSSES and version in VERSIONS, path, "its loss of fastText is not known")
    dictionary = _dictionary(about, tensors, path)
    tree = np.zeros((0, 2), np.int32)
    if loss == "hs":
        tree = tensor(tensors, "tree", np.int32, (len(labels) - 1, 2), path)
        expect(is_tree(tree), path, "its tree of labels is none")
    codes = _codes(about, tensors, dictionary.rows, columns, path) if "width" in about else None
    if codes is None:
        theta = tensor(tensors, "theta.0", np.float32, (dictionary.rows, columns), path)
    else:
        theta = codes.matrix()
    own = FastTextParts(
        version=version,
        loss=LOSSES[LOSSES.index(loss)],
        prefix=take(about, "prefix", str, path),
        tree=tree,
        quantised=codes,
    )
    return FastTextFeaturizer(dictionary, labels), theta, own


def _dictionary(about: Json, tensors: Tensors, path: Path) -> FastTextDictionary:
    names = tensor(tensors, "entries", np.uint8, (None,), path)
    bounds = tensor(tensors, "entry_bounds", np.int64, (None,), path)
    whole = len(bounds) > 0 and bounds[0] == 0 and bounds[-1] == len(names)
    expect(
        whole and bool((bounds[1:] >= bounds[:-1]).all()),
        path,
        "the bounds of its words are out of range",
    )
    words = _number(about, "words", 0, len(bounds) - 1, path)
    ngrams = _number(about, "ngrams", 1, MOST_LENGTH, path)
    lengths = take(about, "characters", list, path)
    expect(len(lengths) == 2, path, "its n-grams of characters have no two lengths")
    by_place = dict(enumerate(lengths))
    least = _number(by_place, 0, -MOST_COUNT, MOST_LENGTH, path)
    most = _number(by_place, 1, 0, MOST_LENGTH, path)
    uses = ngrams > 1 or most > 0
    buckets = _number(about, "buckets", int(uses), np.iinfo(np.int32).max, path)
    kept = None
    if "buckets" in tensors:
        kept = tensor(tensors, "buckets", np.int32, (None,), path)
        inside = bool(((kept >= 0) & (kept < max(buckets, 1))).all())
        expect(inside and len(np.unique(kept)) == len(kept), path, "its buckets are in disorder")
    own = FastTextDictionary(names, bounds, words, ngrams, least, most, buckets, kept)
    expect(own.rows <= np.iinfo(np.int32).max, path, "it has too many buckets")
    return own


def _number(values: Mapping[Any, Any], key: Any, low: int, high: int, path: Path) -> int:
    value = take(values, key, int, path)
    expect(low <= value <= high, path, f"{key!r} is out of range")
    return value


def _codes(about: Json, tensors: Tensors, rows: int, columns: int, path: Path) -> ProductCodes:
    width = _number(about, "width", 1, columns, path)
    codes = tensor(tensors, "codes", np.uint8, (rows, -(-columns // width)), path)
    centroids = tensor(tensors, "centroids", np.float32, (CODES * columns,), path)
    norm_codes, norms = np.zeros(0, np.uint8), np.zeros(0, np.float32)
    if "norms" in tensors:
        norms = tensor(tensors, "norms", np.float32, (CODES,), path)
        norm_codes = tensor(tensors, "norm_codes", np.uint8, (rows,), path)
    expect(is_finite(centroids) and is_finite(norms), path, "its centroids are not finite")
    own = ProductCodes(codes, centroids, width, columns, norm_codes, norms)
    file_bytes = sum(array.nbytes for array in tensors.values())
    problem = own.too_large(2 * file_bytes)  # what was imported is not refused now
    expect(problem is None, path, problem or "")
    return own
