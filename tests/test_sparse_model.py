"""A θ without its zero rows: the same answers, a smaller file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import documents
from test_model import TEXTS, corpus_of

from textmlr import FeaturizerOptions, ModelFileError
from textmlr.base import tensor_file
from textmlr.base.training_options import TrainingOptions
from textmlr.model.model import Model
from textmlr.model.model_facts import kept_of
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.corpus_training import train_corpus

PAIRS = documents(200, 4)
QUICK = TrainingOptions(epochs=1, holdout=0.0)


def sparse(options: FeaturizerOptions, share: float) -> Model:
    """A trained model with that share of the rows of θ set to 0."""
    model = train_corpus(corpus_of(PAIRS), options, QUICK)
    theta = model.parts.layers[0].copy()
    theta[np.random.default_rng(1).uniform(size=len(theta)) < share] = 0
    return Model(model.labels, model.featurizer, [theta], model.record, model.parts.columns)


OPTIONS = [
    FeaturizerOptions(),
    FeaturizerOptions(idf=True),
    FeaturizerOptions(norm=None),
    FeaturizerOptions(norm=None, idf=True, bias=False),
    FeaturizerOptions(hash_bits=12),
    FeaturizerOptions(hash_bits=12, idf=True, bias=False),
]


@pytest.mark.parametrize("share", [0.7, 1.0])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_same_answers_from_a_smaller_file(
    options: FeaturizerOptions, share: float, tmp_path: Path
) -> None:
    whole = sparse(options, share)
    small = without_zero_rows(whole)
    rows = np.flatnonzero(whole.theta.any(axis=1))
    if options.bias:
        rows = np.union1d(rows, [0])
    assert len(small.parts.layers[0]) == len(rows) < len(whole.parts.layers[0])
    assert kept_of(small.parts) == {
        "features": len(rows) - options.bias,
        "weights": np.count_nonzero(whole.theta),
    }
    if options.norm is None and options.hash_bits is None:
        np.testing.assert_array_equal(small.theta, whole.theta[rows])
        assert small.parts.columns is None
    else:
        np.testing.assert_array_equal(small.theta, whole.theta)
    sizes = {}
    for name, model in (("whole", whole), ("small", small)):
        path = tmp_path / name
        sizes[name] = model.save(path)
        assert os.path.getsize(path) == sizes[name]
    assert sizes["small"] < sizes["whole"]
    loaded = Model.load(tmp_path / "small")
    for model in (small, loaded):
        for texts in (TEXTS, TEXTS[:1]):
            assert model.scores(texts).tobytes() == whole.scores(texts).tobytes()
            assert model.probabilities(texts).tobytes() == whole.probabilities(texts).tobytes()
    assert loaded.save(tmp_path / "again") == sizes["small"]
    assert (tmp_path / "again").read_bytes() == (tmp_path / "small").read_bytes()
    assert without_zero_rows(loaded) is loaded


@pytest.mark.parametrize("norm", ["l2", None])
def test_names_of_features_without_a_row_are_gone(norm, tmp_path: Path) -> None:
    whole = sparse(FeaturizerOptions(norm=norm), 0.7)
    without_zero_rows(whole).save(tmp_path / "m")
    small = Model.load(tmp_path / "m")
    used = whole.parts.layers[0].any(axis=1)
    used[0] = True
    names = whole.featurizer.feature_names()
    kept = [name for name, own in zip(names, used, strict=True) if own]
    found = small.featurizer.feature_names()
    assert [name for name in found if name] == kept
    assert len(found) == (len(names) if norm else len(kept))
    assert all(bool(found[i]) == used[i] for i in range(len(names)) if norm)
    counts = whole.featurizer.vocabulary.frequencies[used[1:]]
    frequencies = small.featurizer.vocabulary.frequencies
    np.testing.assert_array_equal(frequencies[frequencies > 0], counts)


def test_dropping_again_drops_more() -> None:
    first = without_zero_rows(sparse(FeaturizerOptions(), 0.5))
    theta = first.parts.layers[0].copy()
    theta[1::2] = 0
    less = Model(first.labels, first.featurizer, [theta], first.record, first.parts.columns)
    second = without_zero_rows(less)
    assert len(second.parts.layers[0]) == (len(theta) + 1) // 2
    assert second.scores(TEXTS).tobytes() == less.scores(TEXTS).tobytes()
    names = second.featurizer.feature_names()
    assert all(names[column] for column in second.parts.columns.kept)
    assert sum(map(bool, names)) == len(second.parts.columns.kept)


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    without_zero_rows(sparse(FeaturizerOptions(), 0.5)).save(tmp_path / "m")
    header, tensors = tensor_file.load(tmp_path / "m")
    for columns in (tensors["columns"][::-1], tensors["columns"] + 1, tensors["columns"][1:]):
        tensor_file.save(tmp_path / "bad", header, tensors | {"columns": columns})
        with pytest.raises(ModelFileError):
            Model.load(tmp_path / "bad")
