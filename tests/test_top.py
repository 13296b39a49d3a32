"""The features for and against each label: figures, order and display."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import corpus_of, documents
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import good, run
from test_model import doctored

from textmlr import FeaturizerOptions, InputError, Model, ModelFileError
from textmlr.base import tensor_file
from textmlr.base.training_options import TrainingOptions
from textmlr.cli.top import name_of
from textmlr.model.explanation import top_features
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.corpus_training import train_corpus

PAIRS = documents(200, 6)
TEXTS = [text for _, text in PAIRS]
QUICK = TrainingOptions(epochs=1, holdout=0.0)
OPTIONS = [
    FeaturizerOptions(),
    FeaturizerOptions(ngrams=(1, 1), char_ngrams=(3, 3), bias=False, idf=True),
    FeaturizerOptions(norm=None, term_frequency="raw"),
    FeaturizerOptions(hash_bits=7),
]


def model_of(options: FeaturizerOptions, labels: int = 3, zero: float = 0.0) -> Model:
    """A model of two or three labels, a share of its rows 0."""
    kept = sorted({label for label, _ in PAIRS})[:labels]
    pairs = [(label if label in kept else kept[0], text) for label, text in PAIRS]
    model = train_corpus(corpus_of(pairs), options, QUICK)
    theta = model.parts.layers[0].copy()
    theta[np.random.default_rng(1).uniform(size=len(theta)) < zero] = 0
    whole = Model(model.labels, model.featurizer, [theta], model.record, model.parts.columns)
    return without_zero_rows(whole)


@pytest.mark.parametrize(("labels", "zero"), [(2, 0.6), (3, 0.0)])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_figures(options: FeaturizerOptions, labels: int, zero: float) -> None:
    """Against the whole matrix of contributions, document by document."""
    model = model_of(options, labels, zero)
    theta = model.theta.astype(np.float64)
    rows = model.featurizer.transform(TEXTS).toarray().astype(np.float64)
    names = model.featurizer.feature_names()
    used = theta.any(axis=1)
    for label, found in enumerate(top_features.top_features(model, k=10**6)):
        assert found.label == model.labels[label]
        others = np.delete(theta, label, axis=1)
        weights = theta[:, label] - (others[:, 0] if labels == 2 else theta.mean(axis=1))
        contributions = (rows * weights).sum(axis=0)
        if options.bias:
            assert found.bias == pytest.approx(weights[0], abs=1e-5)
        else:
            assert found.bias is None
        assert found.by_contribution is not None
        for ranking, figures, of in (
            (found.by_weight, weights, "weight"),
            (found.by_contribution, contributions, "contribution"),
        ):
            for side, sign in ((ranking.most_for, 1), (ranking.most_against, -1)):
                order = "spread" if of == "contribution" else of
                told = [getattr(feature, order) for feature in side]
                assert all(sign * figure > 0 for figure in told)
                assert told == sorted(told, key=abs, reverse=True)
                for feature in side:
                    name = feature_name(feature)
                    column = names.index(name)
                    assert getattr(feature, of) == pytest.approx(figures[column], rel=1e-3)
                    assert feature.documents == np.count_nonzero(rows[:, column])
            shown = {feature_name(f) for f in (*ranking.most_for, *ranking.most_against)}
            clear = np.abs(figures) > 1e-4
            if of == "contribution":  # what every document has, alike, sets none apart
                clear &= np.count_nonzero(rows, axis=0) < len(rows)
            assert shown >= {
                name
                for name, c, u in zip(names, clear, used, strict=True)
                if c and u and name not in ("", "(bias)")
            }


def feature_name(feature: top_features.Feature) -> str:
    """As ``feature_names`` has it."""
    others = f" (+{feature.others} other{'s' if feature.others > 1 else ''})"
    return feature.name + (others if feature.others else "")


@given(st.lists(st.integers(-5, 5), max_size=30), st.integers(1, 40))
@settings(deadline=None)
def test_the_largest_above_0(figures: list[int], k: int) -> None:
    order = sorted(range(len(figures)), key=lambda i: -figures[i])
    expected = [i for i in order if figures[i] > 0][:k]
    assert top_features._largest(np.array(figures, np.float64), k) == expected


def test_labels_and_k() -> None:
    model = model_of(OPTIONS[0])
    some = top_features.top_features(model, [model.labels[2]], 3)
    assert [one.label for one in some] == [model.labels[2]]
    assert len(some[0].by_weight.most_for) == 3
    assert some[0].by_weight == top_features.top_features(model, k=3)[2].by_weight
    with pytest.raises(InputError, match="no label 'x'; the labels are romance, scifi"):
        top_features.top_features(model, ["x"])
    with pytest.raises(InputError, match="k=0"):
        top_features.top_features(model, k=0)


def test_totals_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m"
    model = model_of(OPTIONS[0], zero=0.5)
    model.save(path)
    _, t = tensor_file.load(path)
    assert model.parts.columns is not None
    sums = model.featurizer.transform(TEXTS).sum(axis=0)
    np.testing.assert_allclose(t["totals"], sums[model.parts.columns.kept[1:]], rtol=1e-5)
    assert top_features.top_features(Model.load(path)) == top_features.top_features(model)
    for bad in (
        -t["totals"],
        t["totals"] * np.float32(np.nan),
        t["totals"][1:],
        t["totals"].astype(np.float64),
    ):
        with pytest.raises(ModelFileError, match=r"total"):
            Model.load(doctored(model, path, totals=bad))
    less = Model.load(doctored(model, path, totals=None))
    assert less.featurizer.vocabulary is not None
    assert less.featurizer.vocabulary.totals is None
    assert [one.by_contribution for one in top_features.top_features(less)] == [None] * 3


def test_the_rows_are_still_those_of_the_corpus() -> None:
    """Training scales rows in place, and trials come before."""
    model = train_corpus(corpus_of(PAIRS))
    assert model.featurizer.vocabulary is not None
    sums = model.featurizer.transform(TEXTS).sum(axis=0)[1:]
    np.testing.assert_allclose(model.featurizer.vocabulary.totals, sums, rtol=1e-5)


def test_in_a_terminal(model_file: Path) -> None:
    label = Model.load(model_file).labels[1]
    shown = good("top", model_file).stdout
    for part in ("adds", "apart most", "docs", "bias", *Model.load(model_file).labels):
        assert part in shown
    assert "n-grams for" not in shown
    assert "n-grams for" in good("top", model_file, "--ngrams").stdout
    both = good("top", model_file, "--by", "both").stdout
    assert both.count("adds  ") == both.count("weight  ")
    one = good("top", model_file, "--label", label, "-k", "2", "--by", "weight").stdout
    assert "adds  " not in one
    assert len(one.splitlines()) < 10
    assert isinstance(run("top", model_file, "-k", "0").exception, InputError)


def test_json(model_file: Path) -> None:
    told = json.loads(good("top", model_file, "--json", "-k", "4").stdout)
    found = top_features.top_features(Model.load(model_file), k=4)
    assert told["labels"] == [one.as_dict() for one in found]
    told = json.loads(good("top", model_file, "--json", "--by", "weight").stdout)
    for one in (told["labels"][0], told["labels"][0]["words"]):
        assert "by_contribution" not in one
        assert "by_weight" in one


def test_two_labels_are_two_sides(tmp_path: Path) -> None:
    model = model_of(OPTIONS[0], 2)
    model.save(tmp_path / "m")
    shown = good("top", tmp_path / "m").stdout
    assert all(shown.count(f"for {label}") == 1 for label in model.labels)


def test_many_labels_have_a_row_each(tmp_path: Path) -> None:
    pairs = [(f"label {i % 20:02}", f"{text} own{i % 20}") for i, (_, text) in enumerate(PAIRS)]
    train_corpus(corpus_of(pairs), OPTIONS[0], QUICK).save(tmp_path / "m")
    shown = good("top", tmp_path / "m").stdout
    assert all(f"label {i:02}" in shown for i in range(20))
    assert len(shown.splitlines()) < 100
    assert "docs" in good("top", tmp_path / "m", "-k", "2").stdout


def test_hashed_columns_tell_what_shares_them(tmp_path: Path) -> None:
    model_of(OPTIONS[3]).save(tmp_path / "m")
    shown = good("top", tmp_path / "m").stdout
    assert "(+" in shown
    assert "hashed to the same column" in shown
    model_of(FeaturizerOptions(hash_bits=24)).save(tmp_path / "m")
    assert "(+" not in good("top", tmp_path / "m").stdout


def test_models_that_know_less(tmp_path: Path) -> None:
    path = doctored(model_of(OPTIONS[0]), tmp_path / "m", totals=None)
    result = good("top", path)
    assert "by weight alone" in result.stderr
    assert "adds  " not in result.stdout
    failed = run("top", path, "--by", "contribution")
    assert isinstance(failed.exception, InputError)
    path = doctored(model_of(OPTIONS[3]), tmp_path / "m", named__columns=None)
    failed = run("top", path)
    assert isinstance(failed.exception, InputError)


def test_names_are_safe_to_show() -> None:
    def shown(name: str, others: int = 0) -> str:
        return name_of(top_features.Feature(name, 1.0, 1.0, 1, others, 1.0, 1.0))

    assert shown("a b") == "a b"
    assert shown("char: ab") == "char:␣ab"
    assert shown("\x1b[31m") == "\\x1b[31m"
    assert shown("good", 2) == "good (+2)"
