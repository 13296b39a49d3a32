"""Names of hashed columns: the n-gram that occurs most in each, and what shares it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import naive
import numpy as np
import pytest
from conftest import corpus_of, documents
from test_model import doctored

from textmlr import FeaturizerOptions, InputError, Model, ModelFileError
from textmlr.base import tensor_file
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.reading import read_corpus
from textmlr.features.csr_features import Features
from textmlr.features.hashed_columns import estimated_totals, sampled_rows
from textmlr.features.ngrams import Hasher
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training import feature_names
from textmlr.training.corpus_training import train_corpus

DATA = Path(__file__).parent.parent / "data"
PAIRS = [*documents(150, 8), ("scifi", "ÜBER 字が。 überall"), ("crime", "")]
TEXTS = [text for _, text in PAIRS]
QUICK = TrainingOptions(epochs=1, holdout=0.0)
OPTIONS = [
    FeaturizerOptions(hash_bits=6),
    FeaturizerOptions(hash_bits=12, ngrams=(1, 3), bias=False),
    FeaturizerOptions(hash_bits=10, ngrams=(2, 2), char_ngrams=(2, 3)),
]


@cache
def column_of(name: str, options: FeaturizerOptions) -> int:
    """The column of an n-gram, by the Hasher: that of the longest n-gram of its text."""
    assert options.hash_bits is not None
    text, char = name, name.startswith("char:")
    alone = FeaturizerOptions(ngrams=(1, 3))
    if char:
        alone = FeaturizerOptions(ngrams=None, char_ngrams=(2, 3), punctuation=True)
        text = name[5:].strip(" ")
    _, grams = Hasher(alone).read(batches_of([text])[0])
    names = naive.grams(naive.tokens(text, alone), alone)
    bias = int(options.bias)
    width = (1 << options.hash_bits) - bias
    return bias + ((int(grams[names.index(name)]) >> 32) * width >> 32)


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_most_frequent_n_gram_names_a_column(options: FeaturizerOptions) -> None:
    model = train_corpus(corpus_of(PAIRS), options, QUICK)
    named = model.featurizer.column_names
    assert named is not None
    rows = model.featurizer.transform(TEXTS)
    by_column: dict[int, Counter[str]] = {}
    for text in TEXTS:
        for name in naive.grams(naive.tokens(text, options), options):
            by_column.setdefault(column_of(name, options), Counter())[name] += 1
    assert set(named.columns.tolist()) == set(by_column)
    names = model.featurizer.feature_names()
    assert len(names) == 1 << options.hash_bits
    for i, column in enumerate(named.columns.tolist()):
        found = by_column[column].most_common()
        assert named.name(i) == found[0][0]
        assert named.others[i] == len(found) - 1
        assert named.shares[i] == pytest.approx(found[0][1] / sum(n for _, n in found))
        own = rows[:, [column]].toarray()
        assert named.frequencies[i] == np.count_nonzero(own)
        assert named.totals[i] == pytest.approx(own.sum(), rel=1e-5)
        end = {0: "", 1: " (+1 other)"}.get(len(found) - 1, f" (+{len(found) - 1} others)")
        assert names[column] == found[0][0] + end
    assert [n for c, n in enumerate(names) if c not in by_column and n] == (
        ["(bias)"] if options.bias else []
    )


def test_collisions_are_there_to_be_shown() -> None:
    named = train_corpus(corpus_of(PAIRS), OPTIONS[0], QUICK).featurizer.column_names
    assert named is not None
    assert (named.others > 3).any()


def test_the_heaviest_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train_corpus(corpus_of(PAIRS), OPTIONS[1], QUICK)
    assert whole.featurizer.column_names is not None
    monkeypatch.setattr(feature_names, "NAMED", 20)
    model = train_corpus(corpus_of(PAIRS), OPTIONS[1], QUICK)
    named = model.featurizer.column_names
    assert named is not None
    assert model.parts.layers[0].tobytes() == whole.parts.layers[0].tobytes()
    theta = model.theta.astype(np.float64)
    norms = np.linalg.norm(theta - theta.mean(axis=1, keepdims=True), axis=1)
    heaviness = norms * model.featurizer.transform(TEXTS).sum(axis=0)
    expected = np.sort(np.argsort(-heaviness)[:20])
    assert named.columns.tolist() == expected.tolist()
    monkeypatch.setattr(feature_names, "CANDIDATES", 10)
    fewer = train_corpus(corpus_of(PAIRS), OPTIONS[1], QUICK).featurizer.column_names
    assert fewer is not None
    assert model.parts.columns is not None
    assert set(fewer.columns.tolist()) == set(model.parts.columns.kept[:10].tolist())


def test_names_from_a_sample_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a part of the text: each name is an n-gram of it, wherever blocks are cut."""
    corpus = read_corpus([str(DATA / "genres-train.tsv")])
    monkeypatch.setattr(feature_names, "SAMPLE_BYTES", (30_000, 30_000))
    found = []
    for size in (1 << 16, 3000):
        monkeypatch.setattr(feature_names, "BLOCK_BYTES", size)
        model = train_corpus(corpus, FeaturizerOptions(hash_bits=12), QUICK)
        named = model.featurizer.column_names
        assert named is not None
        names = [named.name(i) for i in range(len(named))]
        found.append((names, named.others.tolist(), named.columns.tolist()))
    assert found[0] == found[1]
    for name, column in zip(names[::100], found[0][2][::100], strict=True):
        assert column_of(name, FeaturizerOptions(hash_bits=12)) == column


def test_totals_of_many_rows_are_estimated() -> None:
    rng = np.random.default_rng(1)
    n, width = 20_000, 40
    rows = [np.sort(rng.choice(width, 5, replace=False)) for _ in range(n)]
    values = rng.uniform(0.5, 1.5, 5 * n).astype(np.float32)
    indices = np.concatenate(rows).astype(np.int32)
    features = Features(np.arange(0, 5 * n + 1, 5), indices, values, width)
    frequencies = np.bincount(indices, minlength=width)
    true = np.bincount(indices, values, minlength=width)

    def sample(most: int) -> list[Features]:
        parts = [slice(5 * part.start, 5 * part.stop) for part in sampled_rows(n, 5 * n, most)]
        return [replace(features, indices=indices[part], values=values[part]) for part in parts]

    np.testing.assert_allclose(estimated_totals(sample(5 * n), frequencies), true, rtol=1e-6)
    some = estimated_totals(sample(n), frequencies)
    assert some.tolist() != true.astype(np.float32).tolist()
    np.testing.assert_allclose(some, true, rtol=0.05)
    first = estimated_totals(sample(n), frequencies[:7])
    assert first.tolist() == some[:7].tolist()


@pytest.mark.slow
def test_same_file_whatever_the_threads_and_after_a_round_trip(tmp_path: Path) -> None:
    files = []
    for threads in (1, 2, 4):
        files.append(tmp_path / f"{threads}")
        train_corpus(corpus_of(PAIRS), OPTIONS[0], threads=threads).save(files[-1])
    Model.load(files[0]).save(tmp_path / "again")
    assert len({file.read_bytes() for file in (*files, tmp_path / "again")}) == 1
    names = Model.load(files[0]).featurizer.feature_names()
    assert names == train_corpus(corpus_of(PAIRS), OPTIONS[0]).featurizer.feature_names()


def test_without_names() -> None:
    model = train_corpus(corpus_of(PAIRS), OPTIONS[0], QUICK)
    assert without_zero_rows(model).featurizer.column_names is not None
    model.featurizer.fit(TEXTS)
    with pytest.raises(InputError, match="no names"):
        model.featurizer.feature_names()


def test_every_tensor_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "m"
    model = train_corpus(corpus_of(PAIRS), OPTIONS[0], QUICK)
    model.save(path)
    _, t = tensor_file.load(path)
    own = {name.removeprefix("named."): array for name, array in t.items() if "named." in name}
    assert len(own) == 7
    ones = np.ones(len(own["columns"]))
    bad = {
        "columns": [
            own["columns"][::-1],
            own["columns"] + 64,
            own["columns"] - 9,
            own["columns"].astype(np.int64),
        ],
        "names": [own["names"][:-1], own["names"] | 0xC0],
        "name_offsets": [own["name_offsets"][::-1], own["name_offsets"] * 0],
        "others": [own["others"][1:], own["others"] - 100],
        "shares": [own["shares"] * 0, own["shares"] + 1, own["shares"] * np.float32(np.nan)],
        "frequencies": [own["frequencies"] * 0, own["frequencies"][1:]],
        "totals": [own["totals"] - 10_000, own["totals"] * np.float32(np.inf), ones],
    }
    assert bad.keys() == own.keys()
    for name, arrays in bad.items():
        for array in [*arrays, None]:
            if array is None and name == "columns":
                continue  # a model without names
            with pytest.raises(ModelFileError):
                Model.load(doctored(model, path, **{f"named__{name}": array}))
    assert Model.load(doctored(model, path, named__columns=None)).featurizer.column_names is None
