"""Integrated gradients of networks: they add up, and each is the integral it is said to be."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import naive_network as naive
import numpy as np
import pytest
from conftest import corpus_of, documents

from textmlr import FeaturizerOptions, TrainingOptions
from textmlr.base.training_options import Activation
from textmlr.model.explanation import integrated_gradients
from textmlr.model.explanation.integrated_gradients import GradientPath
from textmlr.model.model import Model
from textmlr.model.record import Record
from textmlr.training.corpus_training import train_corpus

PAIRS = documents(60, 5)
WORDS = FeaturizerOptions(ngrams=(1, 2), char_ngrams=None)
WIDTHS = [(3,), (7, 3), (7, 5, 3), (6, 5, 4, 3)]  # the last are the labels
ACTIVATIONS: list[Activation] = ["relu", "tanh", "identity"]
GROWS = {name: functions[0] for name, functions in naive.GROWS.items()}


def path_of(
    widths: tuple[int, ...], activation: Activation, size: float, seed: int = 0
) -> GradientPath:
    """Between random sums of that size, through random layers; slopes of each score."""
    rng = np.random.default_rng(seed)
    upper = [
        rng.normal(size=(below + 1, width)).astype(np.float32) for below, width in pairwise(widths)
    ]
    start, stop = size * rng.normal(size=(2, widths[0]))
    below = np.zeros((0, widths[0]), np.float32)
    return GradientPath.of([below, *upper], activation, start, stop, np.eye(widths[-1]))


def scores_of(path: GradientPath, sums: np.ndarray) -> np.ndarray:
    """Of documents with those sums (m, W1), by the naive twin."""
    layers = [np.eye(len(path.start)), *path.upper]
    return naive.scores(sums, layers, path.activation)[0]


def summed(path: GradientPath, steps: int) -> np.ndarray:
    """The mean slopes by the midpoint rule and central differences: (W1, L)."""
    places = (np.arange(steps) + 0.5) / steps
    at = path.start + places[:, None] * path.change
    made = []
    for unit in np.eye(len(path.start)):
        ends = [scores_of(path, at + sign * 1e-6 * unit) for sign in (1, -1)]
        made.append(((ends[0] - ends[1]) / 2e-6).mean(axis=0))
    return np.array(made)


@pytest.mark.parametrize("size", [0.0, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [*WIDTHS, (120, 60, 4)])
def test_mean_slopes_are_complete(
    widths: tuple[int, ...], activation: Activation, size: float
) -> None:
    """Times the path they are the difference of the scores, whatever the activation does on it."""
    for seed in range(3):
        path = path_of(widths, activation, size, seed)
        empty, whole = scores_of(path, np.array([path.start, path.start + path.change]))
        np.testing.assert_allclose(path.scores(np.array([0.0, 1.0])), [empty, whole], atol=1e-9)
        near = 1e-9 if activation != "tanh" else 1e-5
        np.testing.assert_allclose(path.change @ path.mean_slopes(), whole - empty, atol=near)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", WIDTHS)
def test_each_mean_slope_is_the_integral(widths: tuple[int, ...], activation: Activation) -> None:
    path = path_of(widths, activation, 1.0, 4)
    expected = summed(path, 20_000)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(path.mean_slopes(), expected, atol=2e-3)


@pytest.mark.parametrize("size", [0.3, 5.0, 3000.0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_one_hidden_layer_in_closed_form(activation: Activation, size: float) -> None:
    """A unit's mean slope is that of the secant, (g(b) − g(a)) / (b − a)."""
    path = path_of((9, 3), activation, size, 2)
    g = GROWS[activation]
    secant = (g(path.start + path.change) - g(path.start)) / path.change
    expected = secant[:, None] * path.upper[0][:-1]
    np.testing.assert_allclose(path.mean_slopes(), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_two_units_undo_is_seen_in_each(activation: Activation) -> None:
    """The score is the same at both ends, and its slope odd about the middle: sums alone would not
    tell a wrong integral from a right one."""
    start, stop = np.array([-300.0, -700.0]), np.array([700.0, 300.0])
    upper = np.array([[1], [-1], [0]], np.float32)
    path = GradientPath.of(
        [np.zeros((0, 2), np.float32), upper], activation, start, stop, np.ones((1, 1))
    )
    g = GROWS[activation]
    rise = (g(stop) - g(start)) / (stop - start)
    np.testing.assert_allclose(path.mean_slopes()[:, 0], [rise[0], -rise[1]], rtol=1e-6)


def test_units_at_the_corner_all_the_way() -> None:
    """Sums that are 0 from beginning to end are off, as in kernels, and break nothing."""
    upper = [np.ones((3, 2), np.float32), np.ones((3, 1), np.float32)]
    upper[0][-1] = 0
    below = np.zeros((0, 2), np.float32)
    ends = np.zeros(2), np.array([0.0, 1.0])
    path = GradientPath.of([below, *upper], "relu", *ends, np.ones((1, 1)))
    np.testing.assert_allclose(path.mean_slopes()[:, 0], [0, 2])


def test_long_ways_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    path = path_of((40, 30, 3), "relu", 3.0)
    at_once = path.mean_slopes()
    monkeypatch.setattr(integrated_gradients, "NODES", 3)
    np.testing.assert_allclose(path.mean_slopes(), at_once, atol=1e-12)


# --- of models


def network_of(widths: tuple[int, ...], activation: Activation, seed: int = 1) -> Model:
    """Of random weights, its scores some nats apart."""
    own = train_corpus(corpus_of(PAIRS), WORDS, TrainingOptions(epochs=1, holdout=0.0))
    rng = np.random.default_rng(seed)
    rows = [len(own.parts.layers[0]), *(width + 1 for width in widths[:-1])]
    layers = [
        rng.normal(size=(below, width)).astype(np.float32)
        for below, width in zip(rows, widths, strict=True)
    ]
    return Model.of(  # which knows no base rates: the empty document has the bias's scores
        replace(own.parts, layers=layers, columns=None, activation=activation, record=Record())
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", WIDTHS[1:])
def test_shares_add_up_to_the_score(widths: tuple[int, ...], activation: Activation) -> None:
    model = network_of(widths, activation)
    empty = model.scores([""])[0]
    for _, text in PAIRS[:5]:
        for label, score, least in zip(model.labels, model.scores([text])[0], empty, strict=True):
            why = model.explain(text, label)
            assert why.bias == pytest.approx(least, abs=1e-4)
            shares = [feature.contribution for feature in why.features]
            assert max(map(abs, shares)) > 0.05
            assert why.bias + sum(shares) == pytest.approx(score, abs=1e-4)
            assert why.bias + sum(word.contribution for word in why.words) == pytest.approx(
                score, abs=1e-4
            )
            for feature in why.features:
                assert feature.contribution == pytest.approx(feature.value * feature.weight)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_shares_are_those_of_the_naive_integral(activation: Activation) -> None:
    """From f(x) on: ∂score/∂f(x)_f by central differences, at places of α·f(x)."""
    model = network_of((6, 5, 3), activation)
    names = model.featurizer.feature_names()
    text = PAIRS[0][1]
    layers = [layer.astype(float) for layer in model.parts.layers]
    row = model.featurizer.transform([text]).toarray()[0].astype(float)
    places = (np.arange(1000) + 0.5) / 1000
    path = places[:, None] * row
    path[:, 0] = row[0]  # the bias is there from the beginning
    why = model.explain(text, model.labels[1])
    assert len(why.features) > 10
    for feature in why.features:
        column = names.index(feature.names[0])
        step = np.zeros(len(row))
        step[column] = 1e-6
        ends = [naive.scores(path + sign * step, layers, activation)[0][:, 1] for sign in (1, -1)]
        slope = float((ends[0] - ends[1]).mean() / 2e-6)
        assert feature.weight == pytest.approx(slope, abs=5e-3)
        assert feature.contribution == pytest.approx(row[column] * slope, abs=5e-3)


def test_without_activation_it_is_the_linear_model() -> None:
    """Θ = θ_1Θ_2 of weights, and biases that are in the bias's row."""
    model = network_of((4, 3), "identity")
    first, second = (layer.astype(float) for layer in model.parts.layers)
    theta = first @ second[:-1]
    theta[0] += second[-1]
    linear = Model.of(replace(model.parts, layers=[theta.astype(np.float32)]))
    for _, text in PAIRS[:5]:
        one, other = (own.explain(text, "scifi", "western") for own in (model, linear))
        assert one.method == other.method == "exact"
        assert one.bias == pytest.approx(other.bias, abs=1e-5)
        assert one.bias_margin == pytest.approx(other.bias_margin, abs=1e-5)
        shares = [
            {f.names: (f.weight, f.contribution, f.margin) for f in own.features}
            for own in (one, other)
        ]
        assert shares[0].keys() == shares[1].keys()
        for names, numbers in shares[0].items():
            assert numbers == pytest.approx(shares[1][names], abs=1e-4)


def test_what_a_linear_model_cannot_know_is_explained() -> None:
    """Of the exclusive or, each of two words has a part: b speaks against the label with a, and for
    it alone."""
    kinds = [("a b", "no"), ("a y", "yes"), ("x b", "yes"), ("x y", "no")]
    corpus = corpus_of([(label, text) for text, label in kinds * 100])
    options = FeaturizerOptions(ngrams=(1, 1), char_ngrams=None)
    model = train_corpus(corpus, options, TrainingOptions(hidden=(16,), dropout=0.0))
    for text, label in kinds:
        why = model.explain(text, label)
        assert why.answer == label
        assert why.method == "integrated gradients"
        assert why.margin > 1
        assert len(why.words) == 2
        found = model.counterfactual(text)
        assert found.label == label
        assert (found.new_label != label) == bool(found.words)
