"""Training ends with finite weights, whatever it is given; where nothing can be learnt, it says so.

A warning of NumPy is an error here, as everywhere in the suite.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import documents, objective_of

from textmlr import (
    Corpus,
    FeaturizerOptions,
    InputError,
    Model,
    TrainingOptions,
    TuningOptions,
    UpdateOptions,
)
from textmlr.base.training_options import MAX_IDF_POWER
from textmlr.features.csr_features import Features
from textmlr.training.corpus_training import train_corpus
from textmlr.training.exact.solver import minimise
from textmlr.training.objective import Objective
from textmlr.training.sgd.descent import SGD
from textmlr.training.tuning.search import search_settings
from textmlr.training.update.model_update import update_model

F, T = FeaturizerOptions, TrainingOptions
WORDS = [f"word{i}" for i in range(40)]
ASKED = ["word1 word2", "", "the same words", "unknown", "word1 " * 1000, "\xff"]


def texts(number: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=5)) for _ in range(number)]


def two(number: int) -> list[str]:
    return ["a", "b"] * (number // 2)


# Corpora from which something, or nothing, can be learnt.
CORPORA: dict[str, Callable[[], Corpus]] = {
    "all the same": lambda: Corpus.of(["the same words"] * 40, two(40)),
    "all the same, 3 to 1": lambda: Corpus.of(["the same words"] * 40, ["a", "a", "a", "b"] * 10),
    "two documents": lambda: Corpus.of(["one thing", "other matter"], ["a", "b"]),
    "two alike": lambda: Corpus.of(["one thing"] * 2, ["a", "b"]),
    "a document a label": lambda: Corpus.of(texts(12), [f"label{i}" for i in range(12)]),
    "contradictory": lambda: Corpus.of(2 * texts(30), ["a"] * 30 + ["b"] * 30),
    "nearly one label": lambda: Corpus.of(texts(300), ["a"] * 298 + ["b"] * 2),
    "weights far apart": lambda: Corpus.of(texts(60), two(60), np.logspace(-30, 30, 60)),
    "tiny weights": lambda: Corpus.of(texts(60), two(60), np.full(60, 1e-30)),
    "huge weights": lambda: Corpus.of(texts(60), two(60), np.full(60, 1e30)),
    "a label of tiny weights": lambda: Corpus.of(texts(60), two(60), [1e30, 1e-30] * 30),
    "one word often": lambda: Corpus.of([*texts(40), "word1 " * 200_000], [*two(40), "a"]),
    "empty": lambda: Corpus.of([""] * 30, ["a", "b", "b"] * 10),
    "two empty": lambda: Corpus.of(["", ""], ["a", "b"]),
    "space and dots": lambda: Corpus.of([" \n ", "...", ""] * 10, two(30)),
    "no UTF-8": lambda: Corpus.of([b"\xff\xfe\xff"] * 20, two(20)),
}
RAW = F(ngrams=(1, 1), term_frequency="raw", norm=None)
WORD = F(ngrams=(1, 1), char_ngrams=None)
OPTIONS: dict[str, tuple[F, T]] = {
    "usual": (F(), T()),
    "nothing held out": (WORD, T(holdout=0.0)),
    "the longest steps": (WORD, T(learning_rate=1e6)),
    "the shortest steps": (WORD, T(learning_rate=1e-9)),
    "the highest l2": (WORD, T(l2=1e12)),
    "l2 of 1e-30": (WORD, T(l2=1e-30)),
    "no l2": (WORD, T(l2=0.0)),
    "idf to the highest": (WORD, T(idf_power=MAX_IDF_POWER)),
    "balanced": (WORD, T(class_weight="balanced")),
    "raw counts": (RAW, T()),
    "raw counts, idf": (F(ngrams=(1, 1), term_frequency="raw", norm=None, idf=True), T()),
    "one hashed bit": (F(hash_bits=1), T()),
    "hashed, raw": (F(hash_bits=12, term_frequency="raw", norm=None), T()),
    "adagrad": (WORD, T(step="adagrad")),
    "adagrad, the longest steps": (RAW, T(step="adagrad", learning_rate=1e6)),
    "hidden": (WORD, T(hidden=(8,))),
    "hidden, raw": (RAW, T(hidden=(8,))),
    "hidden, the longest steps": (WORD, T(hidden=(8,), step="plain", learning_rate=1e6)),
    "hidden, the highest l2": (WORD, T(hidden=(8, 4), activation="tanh", l2=1e12)),
    "hidden, dropped": (WORD, T(hidden=(8,), dropout=0.9, input_dropout=0.9)),
    "exact": (WORD, T(solver="exact")),
    "exact, raw": (RAW, T(solver="exact")),
    "exact, hashed": (F(ngrams=(1, 1), hash_bits=6), T(solver="exact")),
    "exact, the highest l2": (WORD, T(solver="exact", l2=1e12)),
    "exact, l2 of 1e-30": (WORD, T(solver="exact", l2=1e-30)),
    "the highest l1": (WORD, T(l1=1e12)),
    "l1 of 1e-3": (RAW, T(l1=1e-3)),
    "elastic, the highest l2": (WORD, T(l1=1e-3, l2=1e12)),
}
# What training sees of these is as of "all the same" and "empty": one set of options has them too.
LIKE_OTHERS = ("all the same, 3 to 1", "space and dots", "no UTF-8")
# With these options there is a step large enough, and no penalty too strong, to learn the prior.
LEARN = ["usual", "nothing held out", "l2 of 1e-30", "raw counts", "exact", "exact, l2 of 1e-30"]


def check(model: Model, folder: Path) -> None:
    """Finite θ, probabilities that sum to 1, a record that is JSON, and a file that is read."""
    assert all(np.isfinite(layer).all() for layer in model.parts.layers)
    p = model.probabilities(ASKED)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-9)
    json.dumps(model.record.as_json(), allow_nan=False)
    model.save(folder / "model")
    assert (Model.load(folder / "model").probabilities(ASKED) == p).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_training_and_updates_end_finite(name: str, tmp_path: Path) -> None:
    turn = [*OPTIONS].index(name)
    for which, corpus in CORPORA.items():
        if which in LIKE_OTHERS and name != "usual":
            continue
        model = train_corpus(corpus(), *OPTIONS[name], threads=1)
        check(model, tmp_path)
        turn += 1
        if turn % 2 and name != "usual":  # each option and each corpus meets updates often enough
            continue
        new = Corpus.of([*texts(8, 1), "a new word", "the same words"], [*two(8), "z", "z"])
        if len(model.parts.layers) == 1 or model.parts.update_state.squares:
            check(update_model(model, new, UpdateOptions(holdout=0.0), threads=1), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARN)
def test_where_nothing_can_be_learnt_the_answer_is_the_prior(name: str) -> None:
    """As near as steps of a stochastic solver over so few documents end; the exact one is there."""
    near = 1e-3 if name.startswith("exact, ") else 0.12
    for which in ("all the same", "all the same, 3 to 1", "empty", "no UTF-8", "space and dots"):
        corpus = CORPORA[which]()
        prior = np.bincount(corpus.y) / len(corpus)
        p = train_corpus(corpus, *OPTIONS[name], threads=1).probabilities([corpus.text(0)])
        np.testing.assert_allclose(p[0], prior, atol=near, err_msg=which)


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["sgd", "exact"])
def test_all_but_a_few_of_one_label(solver: str) -> None:
    many = texts(100_000)
    for i in range(10):
        many[i * 9_000] = f"odd {many[i]}"
    y = np.zeros(len(many), np.int32)
    y[np.arange(10) * 9_000] = 1
    corpus = Corpus.of(many, [("usual", "rare")[code] for code in y])
    model = train_corpus(corpus, WORD, T(solver=solver), threads=2)  # type: ignore[arg-type]
    p = model.probabilities(["word1 word2", "odd word1 word2"])
    rare = model.labels.index("rare")
    assert p[0, rare] < 1e-3
    assert p[1, rare] > 100 * p[0, rare]


def test_what_has_no_minimum_is_refused() -> None:
    alone = CORPORA["two documents"]()
    with pytest.raises(InputError, match=r"at infinity.*l2"):
        train_corpus(alone, WORD, T(solver="exact", l2=0.0))
    with pytest.raises(InputError, match="no feature"):
        train_corpus(CORPORA["empty"](), F(bias=False), T())
    with pytest.raises(InputError, match="same label"):
        train_corpus(Corpus.of(texts(4), two(4), [1, 0, 1, 0]), WORD, T())


def test_without_a_penalty_contradictions_have_a_minimum_at_0() -> None:
    model = train_corpus(CORPORA["contradictory"](), WORD, T(solver="exact", l2=0.0))
    assert model.record.final.converged
    np.testing.assert_allclose(model.probabilities(texts(3)), 0.5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("l2", [1e-3, 1e-14, 1e-18, 1e-25, 1e-100, 1e-300])
def test_the_exact_solver_at_any_penalty(l2: float) -> None:
    """Its value is never above that at θ = 0, however little of λ float64 can see."""
    for pairs in ([("a", "x"), ("b", "x")] * 20, [("a", "x y"), ("b", "y z"), ("b", "x y")] * 9):
        objective = objective_of(pairs, l2)
        found = minimise(objective, tolerance=1e-6)
        assert np.isfinite(found.theta).all()
        assert found.value <= np.log(2) * (1 + 1e-9)


@pytest.mark.parametrize("l2", [1.0, 0.025, 1e-3])
def test_two_documents_that_pull_against_each_other(l2: float) -> None:
    rows = Features(np.arange(3), np.zeros(2, np.int32), np.ones(2, np.float32), 1)
    objective = Objective(rows, np.array([0, 1], np.int32), np.ones(2, np.float32), 2, l2)
    found = minimise(objective, tolerance=1e-6)
    assert found.converged
    np.testing.assert_allclose(found.theta, 0, atol=1e-3)


def test_noise_of_few_documents_is_no_divergence() -> None:
    """What units are dropped decides the loss of two documents, whatever the step: a run that
    began anew at each rise would never end."""
    objective = objective_of([("a", "one thing"), ("b", "other matter")])
    options = T(hidden=(8,), holdout=0.0, seed=1).decided()
    run = SGD.start(objective, np.arange(2), 10, 0.1, options)
    while run.done < run.epochs:
        run.epoch()
    assert 0 < run.halvings < 40


@pytest.mark.usefixtures("any_number")
def test_divergence_is_still_seen() -> None:
    """A step far too large is halved until the loss falls, and not taken for noise."""
    corpus = CORPORA["all the same, 3 to 1"]()
    for seed in range(6):
        options = T(hidden=(8,), step="plain", learning_rate=1e30, seed=seed, holdout=0.0)
        final = train_corpus(corpus, WORD, options, threads=1).record.final.as_json()
        assert final["loss"] < 0.75
        assert 80 < final["halvings"] < 120


def test_a_weight_above_0_stays_above_it() -> None:
    model = train_corpus(CORPORA["a label of tiny weights"](), WORD, T(holdout=0.0))
    assert model.labels == ["a", "b"]
    assert model.probabilities(texts(5))[:, 0].min() > 0.99


@pytest.mark.parametrize("options", [T(), T(solver="exact"), T(hidden=(8,)), T(l1=1e-3)])
def test_validation_files_that_hold_nothing_known(options: T, tmp_path: Path) -> None:
    corpus = Corpus.of(texts(60), two(60))
    for judges in (
        Corpus.of(["strange"] * 3, ["a", "b", "a"]),
        Corpus.of(["", " "], ["b", "b"]),
        Corpus.of(["?"], ["a"]),
    ):
        check(train_corpus(corpus, WORD, options, validation=judges, threads=1), tmp_path)
    with pytest.raises(InputError, match="'z' is not in the training corpus"):
        train_corpus(corpus, WORD, options, validation=Corpus.of(["x"], ["z"]))
    with pytest.raises(InputError, match="weight 0"):
        train_corpus(corpus, WORD, options, validation=Corpus.of(["x"], ["a"], [0]))


@pytest.mark.slow
@pytest.mark.parametrize("which", ["all the same", "contradictory", "weights far apart", "empty"])
def test_tuning_ends_finite(which: str, tmp_path: Path) -> None:
    tuned = search_settings(
        CORPORA[which](), WORD, T(), TuningOptions(seconds=None, trials=6), threads=1
    )
    check(tuned.model, tmp_path)


def test_extreme_options_are_refused_or_learnt_with() -> None:
    for wrong in ({"learning_rate": np.inf}, {"l2": np.nan}, {"idf_power": 1e30}, {"l1": -1.0}):
        with pytest.raises(InputError, match="is not"):
            T(**wrong)


def test_weights_out_of_range_are_refused() -> None:
    for wrong in (1e39, np.nan, np.inf, -1.0):
        with pytest.raises(InputError, match="finite number >= 0"):
            Corpus.of(["x", "y"], ["a", "b"], [1.0, wrong])


# --- the estimators of scikit-learn


def matrices() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    some, y = rng.random((40, 4)), np.array([0, 1] * 20)
    return {
        "all the same": (np.ones((40, 3)), y),
        "zeros": (np.zeros((40, 3)), y),
        "contradictory": (np.vstack([some, some]), np.repeat([0, 1], 40)),
        "tiny": (some * 1e-38, y),
        "far apart": (some * np.array([1e-30, 1e-10, 1.0, 1e14]), y),
        "two": (np.eye(2), np.array([0, 1])),
        "a row a class": (rng.random((9, 3)), np.arange(9)),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"C": 1e300},
        {"C": 1e-300},
        {"l1_ratio": 1.0, "C": 1e-300},
        {"l1_ratio": 0.5},
        {"solver": "sgd"},
        {"solver": "sgd", "learning_rate": 1e6},
        {"class_weight": "balanced"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_classifiers_of_matrices_end_finite(options: dict) -> None:
    pytest.importorskip("sklearn")
    from textmlr.sklearn import MultinomialLogisticClassifier

    for name, (x, y) in matrices().items():
        fitted = [MultinomialLogisticClassifier(**options).fit(x, y)]
        if "l1_ratio" not in options and "class_weight" not in options:
            parts = MultinomialLogisticClassifier(**options)
            fitted.append(parts.partial_fit(x, y, classes=np.unique(y)).partial_fit(x, y))
        for classifier in fitted:
            p = classifier.predict_proba(x)
            assert np.isfinite(classifier.coef_).all()
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
            if name in ("all the same", "zeros"):
                np.testing.assert_allclose(p, 0.5, atol=0.1)


def test_numbers_beyond_float32_are_refused() -> None:
    pytest.importorskip("sklearn")
    from scipy.sparse import csr_array

    from textmlr.sklearn import MultinomialLogisticClassifier

    x, y = matrices()["contradictory"]
    classifier = MultinomialLogisticClassifier().fit(x * 1e2, y)
    for wrong in (x * 1e16, -x * 1e16, csr_array(x * 1e16)):
        with pytest.raises(InputError, match="scale its columns"):
            MultinomialLogisticClassifier().fit(wrong, y)
        with pytest.raises(InputError, match="scale its columns"):
            classifier.predict(wrong)


@pytest.mark.slow
def test_text_classifiers_end_finite() -> None:
    pytest.importorskip("sklearn")
    from textmlr.sklearn import TextClassifier

    for which in ("all the same", "two documents", "a document a label", "contradictory", "empty"):
        corpus = CORPORA[which]()
        own = [corpus.text(i) for i in range(len(corpus))]
        labels = [corpus.labels[code] for code in corpus.y]
        whole = TextClassifier(ngrams=(1, 1), n_jobs=1).fit(own, labels)
        parts = TextClassifier(ngrams=(1, 1), n_jobs=1)
        for first in range(0, len(own), 10):
            part = slice(first, first + 10)
            parts.partial_fit(own[part], labels[part], classes=corpus.labels)
        for fitted in (whole, parts):
            np.testing.assert_allclose(fitted.predict_proba(ASKED).sum(axis=1), 1, rtol=1e-9)


def test_usual_documents_are_learnt_as_ever() -> None:
    """None of the guards above stands in the way: what can be learnt is."""
    (known, y), (new, truth) = (
        ([text for _, text in pairs], [label for label, _ in pairs])
        for pairs in (documents(300, 1), documents(90, 2))
    )
    for options in (T(), T(solver="exact"), T(hidden=(8,)), T(l1=1e-3)):
        model = train_corpus(Corpus.of(known, y), WORD, options)
        right = [answers[0].label for answers in model.classify(new)]
        assert np.mean([a == b for a, b in zip(right, truth, strict=True)]) > 0.8
