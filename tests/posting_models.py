"""Models of many labels with a sparse θ, made by hand: centroids and noise for what was learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import naive_linear
import naive_postings
import numpy as np
import pytest
import scipy.sparse as sp

from textmlr import FeaturizerOptions, Model
from textmlr.corpus.in_memory import batches_of
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.model_parts import ModelParts
from textmlr.model.postings import Postings
from textmlr.model.record import CorpusRecord, Record
from textmlr.model.scoring import Calibration, Mixed
from textmlr.model.small_file.theta_storage import PLAIN

OPTIONS = FeaturizerOptions(ngrams=(1, 2), char_ngrams=None, min_df=1)


def corpus(labels: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """(texts, labels): one to four short documents of each label, some of their words its own."""
    rng = np.random.default_rng(seed)
    texts, names = [], []
    for i in range(labels):
        own = [f"w{i}", f"v{i // 3}"]
        for _ in range(1 + int(rng.integers(4))):
            common = [f"c{int(j)}" for j in rng.zipf(1.6, 4) % 50]
            words = [*own, *common]
            rng.shuffle(words)
            texts.append(" ".join(words))
            names.append(f"label {i:06}")
    return texts, names


def model_of(
    texts: list[str],
    names: list[str],
    *,
    share: float = 0.1,
    learnt: float = 0.3,
    scale: float = 8.0,
    options: FeaturizerOptions = OPTIONS,
    calibration: Mixed | None = None,
    seed: int = 0,
) -> Model:
    """Centroids times a scale and random learnt parts, 1/16 nat apart."""
    labels, y = np.unique(names, return_inverse=True)
    many = len(labels)
    featurizer = Featurizer(options).fit(texts)
    featurizer.name_features()
    columns = None
    own = featurizer.featurize(batches_of(texts), 1)
    if options.hash_bits is not None:
        columns, _ = HashedColumns.of(own, 1)
        own = columns.renumber(own)
    width = featurizer.columns if columns is None else len(columns.kept)
    x = sp.csr_matrix((own.values, own.indices, own.indptr), shape=(len(texts), width))
    always = featurizer.always_column
    if always >= 0:
        row = always if columns is None else int(columns.find(np.array([always], np.int32))[0])
        x = x @ sp.diags((np.arange(width) != row).astype(np.float32))
    by_label = sp.csr_matrix((np.ones(len(y)), (y, np.arange(len(y)))), shape=(many, len(y)))
    sums = (by_label @ x).tocsr()
    sums.eliminate_zeros()
    counts = np.bincount(y, minlength=many)
    lengths = np.sqrt(np.asarray(sums.multiply(sums).sum(axis=1))).ravel()
    scales = (scale / np.maximum(lengths, 1e-9)).astype(np.float32)
    rows: Any = sums.T.tocsr()
    rows.sort_indices()
    starts, found = rows.indptr.astype(np.int64), rows.indices.astype(np.int32)
    values = rows.data.astype(np.float32)
    rng = np.random.default_rng(seed)
    noise = np.round(rng.normal(scale=learnt, size=len(found)) * 16) / 16
    row_scales = (1 + np.arange(width) % 3 / 4).astype(np.float32)
    weights = np.repeat(row_scales, np.diff(starts)) * scales[found] * np.sqrt(values)
    weights += noise.astype(np.float32)
    bias = (0.5 * np.log(counts)).astype(np.float32)
    weights = weights.astype(np.float32)
    postings = Postings(starts, found, weights, bias, scales, values, row_scales)
    record = Record(
        corpus=CorpusRecord(
            files=("by hand",), documents=len(texts), per_label=tuple(counts.tolist())
        )
    )
    parts = ModelParts(
        labels.tolist(),
        featurizer,
        (),
        record,
        columns,
        Mixed(share=share) if calibration is None else calibration,
        postings=postings,
    )
    return Model.of(parts)


def saved(model: Model, path: Path) -> Model:
    """The model as its file has it, which is written."""
    settled = pytest.importorskip("textmlr.model.postings_file.settled_parts").settled
    settled_model = Model.of(settled(model.parts))
    settled_model.save(path)
    return settled_model


def dense_twin(model: Model) -> Model:
    """The model with a dense θ of the same weights, for one without a multiplier and a share."""
    parts, postings = model.parts, model.parts.postings
    assert postings is not None
    assert parts.columns is None
    theta = postings.dense()
    theta[parts.featurizer.always_column] = postings.bias
    twin = replace(parts, layers=(theta,), postings=None, calibration=Calibration(), storage=PLAIN)
    return Model.of(twin)


def by_brute_force(model: Model, texts: list[Any]) -> tuple[Any, Any]:
    """(scores before they are mixed, P) of texts by brute force over all labels, in float64."""
    parts = model.parts
    postings = parts.postings
    assert postings is not None
    rows = model.featurizer.featurize(batches_of(texts), 1)
    if parts.columns is not None:
        rows = parts.columns.renumber(rows)
    x = naive_linear.dense(rows.indptr, rows.indices, rows.values, postings.rows_number)
    labels = len(model.labels)
    rates = np.array(naive_postings.base_rates(parts.record.label_weights()))
    share = getattr(parts.calibration, "share", 0.0)
    entries = np.diff(postings.starts)
    scores, p = np.empty((len(x), labels)), np.empty((len(x), labels))
    for i, features in enumerate(x):
        used = np.flatnonzero(features)
        theta = postings.rows(used).astype(np.float64)
        sums = features[used] @ theta
        times = naive_postings.multiplier(sums, parts.calibration)
        scores[i] = times * sums + postings.bias.astype(np.float64)
        p[i] = rates
        if entries[used].any():
            p[i] = naive_postings.probabilities(scores[i].tolist(), rates.tolist(), share)
        else:
            scores[i] = np.log(rates)
    return scores, p
