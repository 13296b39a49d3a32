"""Hashed columns that occur: numbered by frequency, and θ has rows for no others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import as_python, documents
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr import FeaturizerOptions, Model, TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.in_memory import batches_of
from textmlr.features import hashed_columns as columns_module
from textmlr.features.csr_features import Features
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.kernels import (
    code_points,
    column_numbers,
    csr_rows,
    document_answer,
    document_rows,
    hash_table,
    hashing,
    layers,
    linear,
    ngram_hashes,
    softmax,
    tokens,
)
from textmlr.model.parameters import Network
from textmlr.model.scoring import score
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.corpus_training import train_corpus

PAIRS = documents(200, 5)
ROWS = st.lists(st.sets(st.integers(0, 15)), min_size=1, max_size=8)


def features_of(rows: list[set[int]], width: int = 16) -> Features:
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    indices = np.array([column for row in rows for column in sorted(row)], np.int32)
    return Features(indptr, indices, np.arange(1, len(indices) + 1, dtype=np.float32), width)


def model_of(options: FeaturizerOptions) -> Model:
    labels = sorted({label for label, _ in PAIRS})
    y = np.array([labels.index(label) for label, _ in PAIRS], np.int32)
    return train_corpus(
        Corpus(batches_of([text for _, text in PAIRS]), y, labels, None, ["t"]), options
    )


@given(ROWS, st.integers(1, 3))
@settings(deadline=None, max_examples=50)
def test_columns_are_numbered_by_descending_frequency(rows: list[set[int]], threads: int) -> None:
    columns, frequencies = HashedColumns.of(features_of(rows), threads)
    counts = Counter(column for row in rows for column in row)
    assert columns.kept.tolist() == sorted(counts, key=lambda column: (-counts[column], column))
    assert frequencies.tolist() == [counts[column] for column in columns.kept.tolist()]
    again = HashedColumns.restore(columns.kept, 16)
    assert again.numbers.tolist() == columns.numbers.tolist()


@given(ROWS, ROWS)
@settings(deadline=None, max_examples=50)
def test_other_rows_lose_the_columns_that_are_not_in_use(
    known: list[set[int]], others: list[set[int]]
) -> None:
    columns, _ = HashedColumns.of(features_of(known), 1)
    rows = features_of(others)
    dense = rows.to_scipy().toarray()
    made = columns.renumber(rows)
    assert made.columns == len(columns.kept)
    assert made.to_scipy().toarray().tolist() == dense[:, columns.kept].tolist()


@pytest.mark.parametrize("kept", [[0, 16], [-1], [3, 3]])
def test_impossible_columns_are_refused(kept: list[int]) -> None:
    with pytest.raises(ValueError, match="a column is"):
        HashedColumns.restore(np.array(kept, np.int32), 16)


@pytest.mark.slow
@pytest.mark.parametrize("idf", [None, True])
def test_a_hashed_model_is_as_large_as_what_occurs(tmp_path: Path, idf: bool | None) -> None:
    options = FeaturizerOptions(hash_bits=22, idf=idf, char_ngrams=None)
    model = model_of(options)
    assert model.parts.columns is not None
    assert model.parts.layers[0].shape == (len(model.parts.columns.kept), len(model.labels))
    size = model.save(tmp_path / "m.textmlr")
    if idf is None:
        assert size < 1_000_000 < model.theta.nbytes
    loaded = Model.load(tmp_path / "m.textmlr")
    new = ["robots and kisses", "", "words that no document of the corpus has: xyzzy", PAIRS[0][1]]
    assert loaded.scores(new).tobytes() == model.scores(new).tobytes()
    rows = model.featurizer.featurize(batches_of(new))
    want = score(rows, Network.of([model.theta]))
    want[1] = model.parts.base  # the empty document's
    np.testing.assert_allclose(model.scores(new), want, atol=1e-5)
    # The length of a row counts all its columns, in use or not.
    if idf is None:
        plain = Featurizer(options).transform(new).toarray()
        np.testing.assert_allclose(rows.to_scipy().toarray(), plain)


def test_rows_of_many_blocks_are_renumbered_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the first block already has columns that are not in use."""
    monkeypatch.setattr("textmlr.features.hashed_columns.BLOCK_ENTRIES", 2)
    columns, _ = HashedColumns.of(features_of([{1, 2}, {2, 3}]), 1)
    rows = features_of([{0, 15}, {1, 9}, {2, 3}, {3}])
    dense = rows.to_scipy().toarray()
    made = columns.renumber(rows)
    assert made.to_scipy().toarray().tolist() == dense[:, columns.kept].tolist()


@pytest.mark.filterwarnings("ignore:overflow")  # of hashes, where kernels run as Python
def test_few_of_very_many_columns_are_bisected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a few KB may say that it hashes to 2^30: no table of 4 GB is made."""
    labels, texts = zip(*documents(60, 3), strict=True)
    options = FeaturizerOptions(hash_bits=12, ngrams=(1, 2))
    path = tmp_path / "m"
    train_corpus(Corpus.of(texts, labels), options, TrainingOptions(epochs=1)).save(path)
    dense = Model.load(path)
    monkeypatch.setattr(columns_module, "DENSE", 0)
    monkeypatch.setattr(columns_module, "DENSE_SHARE", 0)
    sparse = Model.load(path)
    assert dense.parts.columns is not None
    assert sparse.parts.columns is not None
    assert len(dense.parts.columns.table) == 1 << 12
    assert len(sparse.parts.columns.table) == 2 + 2 * len(sparse.parts.columns.kept)
    assert sparse.parts.columns.numbers.tolist() == dense.parts.columns.numbers.tolist()
    every = np.arange(1 << 12)
    assert sparse.parts.columns.find(every).tolist() == dense.parts.columns.numbers.tolist()
    strange = [*texts, "nothing known", "ünd", ""]
    assert sparse.probabilities(strange).tobytes() == dense.probabilities(strange).tobytes()
    assert sparse.probabilities(["robot"]).tobytes() == dense.probabilities(["robot"]).tobytes()
    assert sparse.explain(texts[0]).as_dict() == dense.explain(texts[0]).as_dict()
    again = without_zero_rows(sparse)
    assert again.probabilities(texts).tobytes() == dense.probabilities(texts).tobytes()
    rows = document_rows, csr_rows, column_numbers, hash_table, hashing, code_points, tokens
    as_python(monkeypatch, document_answer, linear, layers, ngram_hashes, softmax, *rows)
    plain = Model.load(path).probabilities(texts[:2])
    assert np.allclose(plain, dense.probabilities(texts[:2]), atol=1e-6)


def test_a_column_twice_among_very_many() -> None:
    kept = np.array([5, 3, 5], np.int32)
    with pytest.raises(ValueError, match="twice"):
        HashedColumns.restore(kept, 1 << 30)
