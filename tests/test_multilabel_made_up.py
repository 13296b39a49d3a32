"""Training on label sets of made-up documents whose probabilities are known, or that tell of one
another, and with every kind of option: few documents, hashing, hidden layers, weights and more."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import SETS, corpus_of_sets, mostly_slow, set_documents
from numpy.typing import NDArray

import textmlr
from textmlr import Corpus, Model
from textmlr.training.corpus_training import train_corpus

WORDS = {"ngrams": (1, 1), "char_ngrams": None}
Pairs = list[tuple[list[str], str]]


def trained(pairs: Pairs, **options: Any) -> Model:
    lists, texts = zip(*pairs, strict=True)
    return textmlr.train(list(texts), list(lists), multilabel=True, **options)


def micro_f1(model: Model, corpus: Corpus) -> float:
    return float(model.evaluate(corpus).micro_f1)


# ----------------------------------------------------------------------------------- probabilities
def known(number: int, seed: int) -> tuple[list[str], NDArray[np.float64], Pairs]:
    """(texts, (n, 5) P of labels, documents whose labels are drawn by these): the log odds of a
    label are a sum over the distinct words of a text."""
    theta = np.random.default_rng(0).normal(0, 1.2, (40, 5))
    base = np.array([-3.5, -2.5, -1.5, -0.5, 0.5])
    rng = np.random.default_rng(seed)
    words = [rng.choice(40, 6, replace=False) for _ in range(number)]
    texts = [" ".join(f"word{i}" for i in own) for own in words]
    p = 1 / (1 + np.exp(-base - np.array([theta[own].sum(axis=0) for own in words])))
    hot = rng.random(p.shape) < p
    pairs = [
        ([f"label {i}" for i in np.flatnonzero(row)], text)
        for row, text in zip(hot, texts, strict=True)
    ]
    return texts, p, pairs


@pytest.mark.parametrize("options", mostly_slow([{}, {"hash_bits": 12}, {"seed": 5}]))
def test_probabilities_are_those_that_labels_were_drawn_by(options: dict[str, Any]) -> None:
    model = trained(known(4000, 1)[2], **WORDS, **options)
    texts, p, pairs = known(4000, 2)
    found = model.predict_proba(texts)
    assert np.abs(found - p).mean() < 0.04
    for least, most in ((0, 0.1), (0.1, 0.3), (0.3, 0.7), (0.7, 1)):
        own = (found >= least) & (found < most)
        assert own.sum() > 100
        assert abs(found[own].mean() - p[own].mean()) < 0.03
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1).mean()
    figures = model.evaluate(corpus_of_sets(pairs))
    assert figures.ece < 0.03
    assert figures.log_loss < entropy * 1.05


@pytest.mark.slow
def test_thresholds_serve_what_was_asked_for() -> None:
    pairs = known(3000, 3)[2]
    corpus = corpus_of_sets(known(4000, 4)[2])
    models = {
        goal: trained(pairs, **WORDS, maximise=goal)
        for goal in ("micro-f1", "macro-f1", "samples-f1")
    }
    for figure, goal in (("micro_f1", "micro-f1"), ("samples_f1", "samples-f1")):
        best = max(getattr(one.evaluate(corpus), figure) for one in models.values())
        assert getattr(models[goal].evaluate(corpus), figure) > best - 0.01
    own = models["micro-f1"].evaluate(corpus)
    assert own.micro_f1 > own.best.micro - 0.01
    careful = trained(pairs, **WORDS, maximise="utility", cost_false_positive=0.25)
    assert set(careful.parts.thresholds) == {0.2}


def test_a_label_of_five_documents_is_not_given_away_by_its_threshold() -> None:
    """They are any five: nothing tells of the label, and it must not be answered everywhere."""
    pairs = set_documents(1000, 6)
    rng = random.Random(6)
    for own, _ in rng.sample(pairs, 5):
        own.append("rare")
    model = trained(pairs, **WORDS)
    thresholds = dict(zip(model.labels, model.parts.thresholds, strict=True))
    assert 0.02 <= thresholds["rare"] < 0.6
    test = corpus_of_sets(set_documents(1000, 7))
    answers = [label for own in model.predict(test.texts) for label in own]
    assert answers.count("rare") < 50
    without = trained([([one for one in own if one != "rare"], text) for own, text in pairs])
    assert micro_f1(model, test) > micro_f1(without, test) - 0.01


# ----------------------------------------------------------------------------------- second pass
def following(number: int, seed: int, *, linked: bool) -> Pairs:
    """``cause`` is told by any number of its words; ``effect`` follows from it in six documents
    of ten, and no word tells of it.  Not linked, it stands in as many documents at random."""
    rng = random.Random(seed)
    made = []
    for _ in range(number):
        labels = [name for name in ("cause", "other") if rng.random() < 0.4]
        words = [f"common{rng.randrange(30)}" for _ in range(6)]
        words += [
            f"{name}{rng.randrange(40)}" for name in labels for _ in range(rng.choice((1, 9)))
        ]
        if rng.random() < (0.6 * ("cause" in labels) if linked else 0.24):
            labels.append("effect")
        made.append((labels, " ".join(words)))
    return made


def test_what_follows_from_another_label_is_learnt_from_it() -> None:
    model = trained(following(4000, 8, linked=True), **WORDS)
    calibration = model.parts.calibration
    assert calibration.second is not None
    cause, effect = (model.labels.index(name) for name in ("cause", "effect"))
    assert calibration.second.links[cause, effect] > 0.5
    test = corpus_of_sets(following(4000, 9, linked=True))
    alone = Model.of(replace(model.parts, calibration=replace(calibration, links=None)))
    assert model.evaluate(test).log_loss < 0.99 * alone.evaluate(test).log_loss
    why = model.explain("cause1 cause2 cause3 common4", label="effect")
    assert "cause" in [own.label for own in why.by_label]


def test_labels_that_say_nothing_of_others_have_no_second_pass() -> None:
    assert trained(following(4000, 10, linked=False), **WORDS).parts.calibration.second is None


# -------------------------------------------------------------------------------------- options
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no bias": {"bias": False},
    "hashed": {"hash_bits": 12},
    "hidden": {"hidden": (16,)},
    "nothing held out": {"holdout": 0},
    "no calibration": {"calibration": False},
    "macro": {"maximise": "macro-f1"},
    "utility": {"maximise": "utility", "cost_false_positive": 0.5},
    "exact": {"solver": "exact"},
    "l1": {"l1": 1e-3},
    "idf": {"idf": True},
    "adagrad": {"step": "adagrad"},
    "dropout": {"input_dropout": 0.2},
}


def check(model: Model, least: float) -> None:
    """It answers documents of its kind, most of them rightly."""
    test = corpus_of_sets(set_documents(300, 12))
    assert model.labels == list(SETS)
    p = model.predict_proba(test.texts)
    assert p.shape == (300, len(SETS))
    assert ((p >= 0) & (p <= 1)).all()
    assert ((model.parts.thresholds > 0) & (model.parts.thresholds <= 1)).all()
    assert micro_f1(model, test) > least
    assert abs(p.mean() - 0.3) < 0.1  # of the documents have each label


@pytest.mark.parametrize("kind", mostly_slow(KINDS, ["no bias", "hashed", "nothing held out"]))
@pytest.mark.parametrize("number", mostly_slow([60, 600], [60]))
def test_options(kind: str, number: int) -> None:
    check(trained(set_documents(number, 11), **WORDS, **KINDS[kind]), 0.6 if number == 60 else 0.9)


def test_weights_are_documents_that_stand_more_often() -> None:
    """Documents of weight 3 stand three times, to the exact solver; idf counts them once."""
    pairs = set_documents(80, 13)
    weights = [1.0 + 2 * (i % 2) for i in range(80)]
    options = {
        **WORDS,
        "idf": False,
        "solver": "exact",
        "l2": 1e-3,
        "tolerance": 1e-9,
        "holdout": 0,
    }
    often = [pair for i, pair in enumerate(pairs) for _ in range(1 + 2 * (i % 2))]
    weighted = trained(pairs, weights=weights, **options)
    check(weighted, 0.8)
    texts = [text for _, text in set_documents(50, 14)]
    np.testing.assert_allclose(
        weighted.predict_proba(texts), trained(often, **options).predict_proba(texts), atol=1e-3
    )


@pytest.mark.parametrize("solver", mostly_slow(["sgd", "exact"]))
def test_documents_of_a_validation_file(solver: Any) -> None:
    validation = corpus_of_sets(set_documents(200, 15))
    corpus = corpus_of_sets(set_documents(300, 16))
    options = textmlr.TrainingOptions(solver=solver)
    featurizer = textmlr.FeaturizerOptions(**WORDS)
    model = train_corpus(corpus, featurizer, options, validation=validation)
    assert model.record.held_out is not None
    assert model.record.held_out.origin == "validation"
    check(model, 0.9)


@pytest.mark.parametrize("lists", [[[], [], []], [["a"], [], ["a"]], [["a", "b"], [], ["b"]]])
def test_hardly_anything_to_learn(lists: list[list[str]]) -> None:
    texts = ["one two", "two three", "three four"]
    if len({one for own in lists for one in own}) < 2:
        with pytest.raises(textmlr.InputError):
            textmlr.train(texts, lists, multilabel=True)
        return
    model = textmlr.train(texts, lists, multilabel=True)
    p = model.predict_proba(texts)
    assert ((p > 0) & (p < 1)).all()
    assert all(set(own) <= {"a", "b"} for own in model.predict(texts))
