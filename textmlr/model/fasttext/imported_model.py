"""A model of fastText as a Model."""

from __future__ import annotations

from itertools import pairwise
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import check_kind, check_path
from textmlr.base.errors import ModelFileError
from textmlr.features.fasttext_dictionary import LABEL_PREFIX
from textmlr.features.fasttext_featurizer import FastTextFeaturizer
from textmlr.model.fasttext.binary_file import FastTextFile, Matrix, read_file
from textmlr.model.fasttext.fasttext_parts import TABLE_LOSSES, FastTextParts, thresholds_of
from textmlr.model.fasttext.label_tree import label_tree
from textmlr.model.fasttext.product_codes import ProductCodes
from textmlr.model.heads import SIGMOIDS, SOFTMAX
from textmlr.model.import_record import ImportRecord
from textmlr.model.model import Model
from textmlr.model.model_parts import ModelParts
from textmlr.model.record import CorpusRecord, Record, VersionsRecord
from textmlr.model.scoring import Calibration


def import_model(path: str | PathLike[str], *, label_prefix: str | None = None) -> Model:
    """The model of a file that fastText wrote, .bin or .ftz: supervised, with any loss.

    label_prefix  before the names of labels, which is left out; None: ``__label__``, where all
                  labels begin with it
    It answers as fastText does, and saves to a file of textmlr.  Probabilities are within 1e-5 of
    fastText's, which adds 1e-5 to each (with a tree of labels, to each branch), so that its own may
    be above 1.  Text may have several lines: fastText would see the first alone, and here a line
    break is a space.
    Raises ModelFileError if the file is no supervised model of fastText, or not whole, or its
    labels do not begin with the prefix.

    >>> import textmlr
    >>> model = textmlr.import_model("data/genres.ftz")
    >>> len(model.labels)
    12
    >>> model.predict("the ranch, the sheriff and the cattle of the west") in model.labels
    True
    """
    check_path("path", path)
    check_kind("label_prefix", label_prefix, str, "give the beginning of labels", optional=True)
    own = read_file(path)
    place = str(path)
    prefix = _prefix(own, label_prefix, place)
    names = own.dictionary.label_names(prefix)
    order = np.argsort(np.array(names, object), kind="stable")
    labels = [names[i] for i in order]
    _check_labels(labels, place)
    try:
        return Model.of(_parts(own, prefix, labels, order))
    except ValueError as error:
        raise ModelFileError(str(error), place=place, mend="copy the file again") from error


def _prefix(own: FastTextFile, wanted: str | None, place: str) -> str:
    prefix = LABEL_PREFIX if wanted is None else wanted
    encoded = prefix.encode()
    other = next((label for label in own.labels if not label.startswith(encoded)), None)
    if other is None:
        return prefix
    if wanted is None:
        return ""
    name = other.decode("utf-8", "replace")
    problem = f"has the label {name!r:.60}, which does not begin with {prefix!r:.40}"
    raise ModelFileError(problem, place=place, mend="give the prefix of its labels")


def _check_labels(labels: list[str], place: str) -> None:
    if len(labels) < 2:
        problem = "has no labels" if not labels else f"has one label, {labels[0]!r:.60}"
        raise ModelFileError(problem, place=place, mend="import a model of two labels or more")
    twice = next((a for a, b in pairwise(labels) if a == b), None)
    if twice is not None:
        problem = f"has two labels that read {twice!r:.60}"
        raise ModelFileError(problem, place=place, mend="name labels in UTF-8, each once")


def _parts(
    own: FastTextFile, prefix: str, labels: list[str], order: NDArray[np.int64]
) -> ModelParts:
    """The parts of the Model;  order  numbers of fastText's labels in the order of ours."""
    tree = np.zeros((0, 2), np.int32)
    output = _whole(own.output)
    output[~np.isfinite(output)] = 0.0
    if own.loss == "hs":
        renumbered = np.arange(2 * len(labels) - 1, dtype=np.int32)
        renumbered[order] = np.arange(len(labels))
        tree = renumbered[label_tree(own.counts)]
    else:
        output = output[order]  # with a tree, rows are its nodes'
    upper = np.zeros((output.shape[1] + 1, len(labels)), np.float32)
    upper[:-1] = output.T
    counts = tuple(own.counts[i] for i in order)
    documents = max(own.lines or sum(counts), 1)
    featurizer = FastTextFeaturizer(own.dictionary, labels)
    featurizer.documents = documents
    codes = own.input if isinstance(own.input, ProductCodes) else None
    theta = _whole(own.input)
    unset = np.flatnonzero(~np.isfinite(theta).all(axis=1))
    if codes is not None and len(unset):
        codes = codes.finite()
        theta = codes.matrix()
    else:
        theta[unset] = 0.0
    storage = FastTextParts(
        version=own.version, loss=own.loss, prefix=prefix, tree=tree, quantised=codes
    )
    return ModelParts(
        labels,
        featurizer,
        [theta, upper],
        Record(
            versions=VersionsRecord.now(),
            corpus=CorpusRecord(files=(), documents=documents, per_label=counts),
            imported=ImportRecord(
                program="fastText", version=own.version, loss=own.loss, unset_rows=len(unset)
            ),
        ),
        None,
        Calibration(),
        storage,
        activation="identity",
        head=SIGMOIDS if own.loss in TABLE_LOSSES else SOFTMAX,
        thresholds=thresholds_of(storage, len(labels)),
    )


def _whole(matrix: Matrix) -> NDArray[np.float32]:
    return matrix.matrix() if isinstance(matrix, ProductCodes) else matrix
