"""featurize: the features of documents, as a matrix or in a file for other programs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from textmlr.base.checks import MODEL_MEND, check_kind, check_path, check_threads
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_keywords import stages_of, takes_options
from textmlr.base.printable import plural
from textmlr.base.threads import chosen_threads
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.given_data import Data, Labels, Weights, as_corpus
from textmlr.corpus.label_sets import LabelSets, recoded
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.export.matrices.matrix_file import MatrixFile, write_matrix
from textmlr.export.matrices.matrix_parts import MatrixPart
from textmlr.features.featurizer import Featurizer
from textmlr.model.model import Model

STAGES = {"featurizer_options": FeaturizerOptions}
OTHERS = ("data", "labels", "text", "label", "weights", "reading", "model", "path")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FeatureMatrix:
    """The features of n documents.

    X           (n, V) float32 CSR, scipy's csr_array
    y           (n,) int32, codes into labels; of label sets (n, L) uint8 CSR, 1 where a document
                has a label
    labels      names of the labels, sorted
    weights     (n,) float32, or None: each document counts 1
    featurizer  fitted: its transform gives the same columns of further documents
    """

    X: csr_array
    y: NDArray[np.int32] | csr_array
    labels: list[str]
    weights: NDArray[np.float32] | None
    featurizer: Featurizer

    def __repr__(self) -> str:
        rows, columns = self.X.shape
        return (
            f"FeatureMatrix of {plural(rows, 'document')} and {plural(columns, 'column')}, "
            f"{plural(self.X.nnz, 'value')} not 0\n"
            f"{plural(len(self.labels), 'label')}\n"
            "look at: .X, .y, .labels, .weights, .featurizer"
        )


@takes_options(STAGES)
def featurize(
    data: Data,
    labels: Labels | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    weights: Weights | str | None = None,
    reading: ReadingOptions | None = None,
    model: Model | None = None,
    path: str | PathLike[str] | None = None,
    threads: int | None = None,
    **options: Any,
) -> FeatureMatrix:
    """The features f(x) of labelled documents, for other programs.

    data ... reading  as ``textmlr.train`` takes them
    model    whose features they are; None: a vocabulary is made of the documents
    path     also write them there: .npz, .svm (svmlight) or .vw, with labels and names beside it
    threads  None: one a processor.  Their number changes no bit
    Raises InputError for data that cannot be used, a label that the model does not have, options
    beside a model, and a file that cannot be written.

    >>> import textmlr
    >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine"]
    >>> found = textmlr.featurize(texts, ["scifi", "western", "scifi"], ngrams=(1, 1), min_df=1)
    >>> found.X.shape, found.y.tolist(), found.labels
    ((3, 9), [0, 1, 0], ['scifi', 'western'])
    >>> found.featurizer.feature_names()[:2]
    ['(bias)', 'robot']
    """
    check_kind("model", model, Model, MODEL_MEND, optional=True)
    check_path("path", path, optional=True)
    check_threads(threads)
    if model is not None and options:
        name = next(iter(options))
        raise InputError(f"{name} and model are both given", mend="a model has its own features")
    (own,) = stages_of(options, STAGES, OTHERS, {"reading": ReadingOptions})
    written = None if path is None else MatrixFile.of(os.fspath(path))
    own_reading: Any = {"reading": reading, "multilabel": model and model.is_multilabel}
    corpus = as_corpus(data, labels, text=text, label=label, weights=weights, **own_reading)
    part, names, featurizer = _part(corpus, model, own, chosen_threads(threads))
    if written is not None:
        columns = None if featurizer.options.hash_bits else featurizer.feature_names()
        write_matrix(written, iter([part]), labels=names, names=columns, threads=threads)
    assert part.y is not None
    y = part.y
    if isinstance(y, LabelSets):
        ones = np.ones(len(y.codes), np.uint8)
        y = csr_array((ones, y.codes, y.offsets), shape=(len(y), len(names)))
    return FeatureMatrix(part.features.to_scipy(), y, names, part.weights, featurizer)


def _part(
    corpus: Corpus, model: Model | None, options: FeaturizerOptions, threads: int
) -> tuple[MatrixPart, list[str], Featurizer]:
    """f(x) of a corpus, the labels that its codes stand for, and what made it."""
    if model is not None:
        code_of = {label: code for code, label in enumerate(model.labels)}
        for own in corpus.labels:
            if own not in code_of:
                raise InputError(f"the model has no label {own!r}", mend="leave it out")
        y = recoded(corpus.y, np.array([code_of[own] for own in corpus.labels], np.int32))
        features = model.featurizer.featurize(corpus.batches, threads)
        return MatrixPart(features, y, corpus.weights), model.labels, model.featurizer
    featurizer = Featurizer(options)
    if featurizer.options.stateless:
        features = featurizer.featurize(corpus.batches, threads)
    else:
        counts = featurizer.fit_counts(corpus.batches, threads)
        featurizer.name_features(threads)
        features = featurizer.weigh(counts, counts.values, threads)
    featurizer.labels = corpus.labels
    return MatrixPart(features, corpus.y, corpus.weights), corpus.labels, featurizer
