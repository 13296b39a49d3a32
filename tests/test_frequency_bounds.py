"""min_df and max_df as numbers and as shares of documents, as scikit-learn means them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

import textmlr
from textmlr import Featurizer, FeaturizerOptions, InputError
from textmlr.cli import cli

DATA = Path(__file__).parent.parent / "data"
PLAIN = {"term_frequency": "raw", "idf": False, "norm": None, "bias": False}
SCIKIT = r"(?u)\b\w\w+\b"


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return textmlr.read_corpus(DATA / "genres-train.tsv").texts


@pytest.mark.parametrize("pattern", [SCIKIT, r"\w+"])
@pytest.mark.parametrize(
    ("low", "high"),
    [
        (1, 1.0),
        (1, 1),
        (2, 2),
        (1.0, 1.0),
        (0.0, 1.0),
        (0.01, 0.5),
        (0.0, 0.01),
        (3, 0.3),
        (0.002, 40),
        (1 / 3, 2 / 3),
    ],
)
def test_as_scikit_learn_means_them(
    texts: list[str], pattern: str, low: float, high: float
) -> None:
    vectorizer = CountVectorizer(min_df=low, max_df=high, token_pattern=pattern)
    options = FeaturizerOptions(
        **PLAIN,
        min_df=low,
        max_df=high,
        ngrams=(1, 1),
        token_pattern=pattern,
        punctuation=pattern == SCIKIT,
    )
    featurizer = Featurizer(options)
    try:
        other = vectorizer.fit_transform(texts)
    except ValueError:  # scikit-learn wants one feature at least
        with pytest.raises(InputError, match="no feature occurs in"):
            featurizer.fit(texts)
        return
    mine = featurizer.fit_transform(texts)
    column, names = featurizer.vocabulary_, vectorizer.get_feature_names_out()
    assert column.keys() == set(names)
    assert abs(mine[:, [column[name] for name in names]] - other).sum() == 0


bounds = st.one_of(st.none(), st.integers(1, 12), st.floats(0, 1))


@given(st.lists(st.text("abcd ", max_size=8), min_size=1, max_size=12), bounds, bounds)
@settings(max_examples=200, deadline=None)
def test_naively(documents: list[str], low: float | None, high: float | None) -> None:
    n = len(documents)
    options = {"min_df": low, "max_df": high, "ngrams": (1, 1)}
    smallest = max(1, math.ceil(low * n)) if isinstance(low, float) else low or 1
    largest = math.floor(high * n) if isinstance(high, float) else high or n
    of_a_kind = type(low) is type(high) and low is not None
    if (high is not None and largest < smallest) or (of_a_kind and high < low):
        with pytest.raises(InputError, match="which leaves no features"):
            Featurizer(FeaturizerOptions(**options)).fit(documents)
        return
    featurizer = Featurizer(FeaturizerOptions(**options)).fit(documents)
    counts = {word: sum(word in text.split() for text in documents) for word in _words(documents)}
    least = low * n if isinstance(low, float) else low or 1
    most = high * n if isinstance(high, float) else high or n
    kept = {word for word, count in counts.items() if least <= count <= most}
    assert set(featurizer.feature_names()[1:]) == kept


def _words(documents: list[str]) -> set[str]:
    return {word for text in documents for word in text.split()}


def test_with_max_features(texts: list[str]) -> None:
    options = FeaturizerOptions(min_df=0.01, max_df=0.3, ngrams=(1, 1))
    every = Featurizer(options).fit(texts)
    some = Featurizer(FeaturizerOptions(min_df=0.01, max_df=0.3, max_features=50, ngrams=(1, 1)))
    assert some.fit(texts).feature_names() == every.feature_names()[:51]
    assert every.vocabulary is not None
    assert every.vocabulary.frequencies.max() <= 0.3 * len(texts)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_df": 2, "min_df": 3}, "max_df=2 is below min_df=3, which leaves no features"),
        ({"max_df": 0.1, "min_df": 0.2}, "max_df=0.1 is below min_df=0.2, which leaves no"),
        ({"max_df": 2, "hash_bits": 9}, "max_df=2 needs a vocabulary, and hash_bits=9 none"),
        ({"max_df": 2.0}, "max_df=2.0 is not a number of documents, 1 or more, or a share of"),
        ({"min_df": True}, "min_df=True is not a number of documents"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as refused:
        FeaturizerOptions(**options)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_df": 0.1}, "max_df=0.1 is 0 of 4 documents, which leaves no features; raise max_df"),
        ({"max_df": 0.5, "min_df": 3}, "max_df=0.5 is 2 of 4 documents, and min_df=3 3, which"),
        ({"max_df": 2, "min_df": 0.7}, "max_df=2 is 2 of 4 documents, and min_df=0.7 3, which"),
    ],
)
def test_bounds_that_leave_nothing_of_a_corpus(options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as refused:
        Featurizer(FeaturizerOptions(**options)).fit(["a b", "a c", "a", "b"])
    assert str(refused.value).startswith(told)


def test_an_update_counts_among_the_new_documents() -> None:
    texts = ["robot orbit", "the kiss", "the robot", "the vows"] * 5
    options = {"max_df": 0.5, "min_df": 1, "ngrams": (1, 1), "char_ngrams": None}
    model = textmlr.train(texts, ["a", "b", "a", "b"] * 5, **options)
    assert "the" not in model.featurizer.feature_names()
    after = model.update(["the probe", "the engine", "the probe", "clone"], ["a", "a", "a", "b"])
    added = set(after.featurizer.feature_names()) - set(model.featurizer.feature_names())
    assert added == {"probe", "engine", "clone"}
    one = model.update(["mesa"], ["b"])  # half of one document is none
    assert one.featurizer.feature_names() == model.featurizer.feature_names()


def test_a_model_keeps_what_was_given(tmp_path: Path, train_tsv: Path) -> None:
    for low, high in ((1, 1.0), (0.25, 400), (2, 0.5)):
        model = textmlr.train(train_tsv, min_df=low, max_df=high, epochs=1, ngrams=(1, 1))
        model.save(tmp_path / "m")
        own = textmlr.load(tmp_path / "m").featurizer.options
        assert (own.min_df, own.max_df) == (low, high)
        assert (type(own.min_df), type(own.max_df)) == (type(low), type(high))


def test_on_the_command_line_a_point_makes_a_share(tmp_path: Path, train_tsv: Path) -> None:
    for low, high, wanted in (
        ("1", "1.0", (1, 1.0)),
        ("1e-3", "5", (0.001, 5)),
        ("0.5", ".75", (0.5, 0.75)),
    ):
        arguments = ["train", str(train_tsv), "-o", str(tmp_path / "m"), "--ngrams", "1", "--json"]
        done = CliRunner().invoke(cli, [*arguments, "--min-df", low, "--max-df", high])
        told = json.loads(done.stdout)
        given_low, given_high = (told["config"]["train"][name] for name in ("min-df", "max-df"))
        assert (given_low, given_high) == wanted
        assert (type(given_low), type(given_high)) == tuple(map(type, wanted))
        shown = CliRunner().invoke(cli, ["info", str(tmp_path / "m")]).output
        assert f"--max-df {float(high) if '.' in high else high} " in shown
        (tmp_path / "o.json").write_text(done.stdout)
        again = CliRunner().invoke(cli, [*arguments, "--config", str(tmp_path / "o.json")])
        features = json.loads(again.stdout)["featurizer"]
        assert (features["min_df"], features["max_df"]) == wanted


def test_tune_keeps_them(train_tsv: Path) -> None:
    found = textmlr.tune(train_tsv, seconds=None, trials=3, max_df=2, ngrams=(1, 1), epochs=2)
    assert found.model.featurizer.options.max_df == 2
    assert all(trial.problem is None for trial in found.trials)


def test_counts_of_numpy_are_taken_as_shares() -> None:
    assert FeaturizerOptions(max_df=np.float64(0.5)).bounds(10).most == 5
