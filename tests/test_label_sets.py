"""Label sets, and sigmoids over them: kernels, gradients and training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmlr import Corpus, FeaturizerOptions, InputError, TrainingOptions
from textmlr.base.arrays import frozen
from textmlr.corpus.label_sets import (
    LabelSets,
    all_known,
    as_codes,
    joined_targets,
    label_counts,
    strata,
)
from textmlr.features.csr_features import Features
from textmlr.kernels import sigmoids
from textmlr.kernels.layers import Layers
from textmlr.kernels.sgd import Squares, Steps
from textmlr.model.heads import SIGMOIDS, SOFTMAX
from textmlr.model.parameters import LINEAR, Network
from textmlr.training.held_out import hold_out
from textmlr.training.objective import Objective
from textmlr.training.rows import few_features

LISTS = st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=8)


@given(LISTS, st.data())
def test_label_sets_are_lists(lists: list[list[int]], data: st.DataObject) -> None:
    sets, own = LabelSets.of(lists), [sorted(set(one)) for one in lists]
    assert sets.tolist() == own
    assert len(sets) == len(own)
    pairs = [(row, code) for row, codes in enumerate(own) for code in reversed(codes)]
    rows, codes = np.array(pairs, np.int64).reshape(-1, 2).T
    assert LabelSets.of_pairs(rows, codes, len(own)).tolist() == own
    chosen = data.draw(st.lists(st.integers(0, max(len(own) - 1, 0)), max_size=5 * bool(own)))
    assert sets[np.array(chosen, np.int64)].tolist() == [own[i] for i in chosen]
    first, last = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 8))
    assert sets[first:last].tolist() == own[first:last]
    assert sets[::2].tolist() == own[::2]
    assert joined_targets([sets, sets[first:]]).tolist() == own + own[first:]
    counts = [sum(code in one for one in own) for code in range(5)]
    assert label_counts(sets, 5).tolist() == counts
    assert sets.indicator(5).sum(axis=0).tolist() == counts
    known = np.array([True, False, True, True, False])
    assert all_known(sets, known).tolist() == [all(known[code] for code in one) for one in own]
    numbers = as_codes(sets).tolist()
    distinct = {*zip(map(tuple, own), numbers, strict=True)}
    assert len({*numbers}) == len({*map(tuple, own)}) == len(distinct)
    new = np.array([3, -1, 0, 0, 1], np.int32)
    assert sets.recoded(new).tolist() == [
        sorted({int(new[code]) for code in one} - {-1}) for one in own
    ]


def test_the_rarest_label_is_drawn_by() -> None:
    sets = LabelSets.of([[0], [0, 1], [], [0, 1, 2], [0]])
    assert strata(sets).tolist() == [0, 1, 3, 2, 0]
    codes = np.array([1, 0], np.int32)
    assert strata(codes) is codes


def objective_of(documents: int, labels: int, seed: int = 0) -> Objective:
    """Random rows and sets; label 0 is in half of the documents."""
    rng = np.random.default_rng(seed)
    x = rng.random((documents, 6)).astype(np.float32) * (rng.random((documents, 6)) < 0.6)
    rows, columns = np.nonzero(x)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=documents))])
    features = Features(indptr, columns.astype(np.int32), x[rows, columns].astype(np.float32), 6)
    y = LabelSets.of(
        [np.flatnonzero(rng.random(labels) < 0.5 / (1 + np.arange(labels))) for _ in x]
    )
    weights = (0.5 + rng.random(documents)).astype(np.float32)
    return Objective(features, y, weights, labels, 0.01, head=SIGMOIDS)


def dense(objective: Objective) -> tuple[np.ndarray, np.ndarray]:
    x = objective.features.to_scipy().toarray().astype(float)
    return x, objective.y.indicator(objective.labels).astype(float)


def naive_losses(scores: np.ndarray, hot: np.ndarray) -> np.ndarray:
    """The sum over labels of the binary cross-entropy."""
    return (np.logaddexp(0, scores) - hot * scores).sum(axis=1)


@pytest.mark.parametrize("labels", [2, 5, 37])
def test_loss_and_gradient(labels: int) -> None:
    objective = objective_of(30, labels)
    x, hot = dense(objective)
    theta = np.random.default_rng(1).normal(0, 1, (6, labels)).astype(np.float32)
    shares = objective.weights / objective.weights.sum(dtype=float)

    def value(own: np.ndarray) -> float:
        return float(shares @ naive_losses(x @ own, hot)) + 0.005 * float((own**2).sum())

    network = Network.of([theta])
    assert objective.value(network) == pytest.approx(value(theta.astype(float)), rel=1e-5)
    gradient = objective.gradient(theta)
    for f, label in ((0, 0), (3, labels - 1), (5, 1)):
        ahead, behind = theta.astype(float), theta.astype(float)
        ahead[f, label] += 1e-5
        behind[f, label] -= 1e-5
        slope = (value(ahead) - value(behind)) / 2e-5
        assert gradient[f, label] == pytest.approx(slope, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("labels", [2, 5, 37])
def test_an_epoch_takes_the_steps_of_the_naive_one(labels: int) -> None:
    objective = objective_of(30, labels)
    x, hot = dense(objective)
    order = np.random.default_rng(2).permutation(30).astype(np.int32)
    network = Network.zeros(6, (labels,), LINEAR)
    totals = np.empty(3)
    none = np.zeros((0, labels), np.float32)
    objective.head.epoch(
        objective.features.arrays(),
        objective.y.arrays,
        order,
        Steps(0.5, 0.1, 0.02, 1.0, 0.0, 0),
        Layers(network.theta, network.upper, frozen(network.shape)),
        Squares(none, none),
        network.frozen_room(training=True),
        totals,
    )
    theta, loss, right = np.zeros((6, labels)), 0.0, 0
    for visit, i in enumerate(order):
        step = 0.5 - 0.4 * visit / len(order)
        scores = x[i] @ theta
        loss += naive_losses(scores[None], hot[i][None])[0]
        right += bool(hot[i][scores == scores.max()].any())
        theta *= 1 - step * 0.02
        theta -= step * np.outer(x[i], 1 / (1 + np.exp(-scores)) - hot[i])
    np.testing.assert_allclose(totals[2] * network.theta, theta, rtol=2e-4, atol=1e-5)
    assert totals[0] == pytest.approx(loss, rel=1e-4)
    assert totals[1] == right


def test_the_sigmoid_of_training_is_the_sigmoid() -> None:
    """A document of two features, of which one has the scores and the other no weights: a step of
    length 1 leaves −P there."""
    scores = np.array([0.0, 1e-8, *np.linspace(-30, 30, 601), 1e4, -1e4], np.float32)
    network = Network.zeros(2, (len(scores),), LINEAR)
    network.theta[0] = scores
    none, totals = np.zeros((0, len(scores)), np.float32), np.empty(3)
    two = Features(np.array([0, 2]), np.arange(2, dtype=np.int32), np.ones(2, np.float32), 2)
    sigmoids.epoch(
        two.arrays(),
        LabelSets.of([[]]).arrays,
        np.zeros(1, np.int32),
        Steps(1.0, 1.0, 0.0, 1.0, 0.0, 0),
        Layers(network.theta, network.upper, frozen(network.shape)),
        Squares(none, none),
        network.frozen_room(training=True),
        totals,
    )
    exact = 1 / (1 + np.exp(-np.clip(scores.astype(float), -50, 50)))
    np.testing.assert_allclose(-network.theta[1], exact, atol=4e-7)


def test_large_scores_are_finite() -> None:
    scores = np.array([[1e4, -1e4, 1e4]], np.float32)
    right, wrong = LabelSets.of([[0, 2]]), LabelSets.of([[1]])
    assert SIGMOIDS.losses(scores, right).tolist() == [0.0]
    assert SIGMOIDS.losses(scores, wrong).tolist() == [3e4]
    p = SIGMOIDS.probabilities(scores)
    assert p.tolist() == [[1, 0, 1]]
    assert np.isfinite(SIGMOIDS.log_losses(p, wrong, 1e-9)).all()


def test_log_losses_are_the_losses() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 3, (5, 4)).astype(np.float32)
    y = LabelSets.of([[0, 1], [], [3], [0, 1, 2, 3], [2]])
    p = SIGMOIDS.probabilities(scores)
    np.testing.assert_allclose(SIGMOIDS.log_losses(p, y, 0.0), SIGMOIDS.losses(scores, y))
    # A label that the model does not know has P = 0.
    unknown = LabelSets.of([[0, 1, 4], [], [3], [0, 1, 2, 3], [2]])
    more = SIGMOIDS.log_losses(p, unknown, 1e-6) - SIGMOIDS.log_losses(p, y, 1e-6)
    np.testing.assert_allclose(more, [-np.log(1e-6), 0, 0, 0, 0])


def test_the_softmax_takes_no_sets() -> None:
    with pytest.raises(InputError, match=r"have sets of labels.*multilabel=False") as raised:
        SOFTMAX.targets(LabelSets.of([[0]]))
    told = raised.value.with_options(lambda mentions: "--no-multilabel")  # as in a shell
    assert str(told).endswith("; read the corpus with --no-multilabel")
    assert SIGMOIDS.targets(np.array([1, 0])).tolist() == [[1], [0]]


def test_documents_are_held_out_where_each_has_a_label_of_its_own() -> None:
    objective = objective_of(300, 5)
    own = LabelSets.of([[*codes, 5 + i] for i, codes in enumerate(objective.y.tolist())])
    held = hold_out(replace(objective, y=own, labels=305), 0.1, 1)
    assert held is not None
    assert len(held) == 30


def test_losses_are_finite_where_p_is_1() -> None:
    scores = np.array([[40.0, -40.0]], np.float32)
    p = SIGMOIDS.probabilities(scores)
    assert p[0, 0] == 1
    losses = SIGMOIDS.log_losses(p, LabelSets.of([[0]]), 0.0)
    assert losses.tolist() == pytest.approx([0.0], abs=1e-12)


def test_hidden_layers_need_no_fewer_features() -> None:
    """θ has a column a hidden unit then, not a label."""
    names = [f"label {i}" for i in range(400)]
    corpus = Corpus.of(["a text"] * 400, [[name, names[0]] for name in names])
    wanted = FeaturizerOptions()
    assert few_features(wanted, corpus, TrainingOptions()).max_features == (1 << 24) // 400
    assert few_features(wanted, corpus, TrainingOptions(hidden=(16,))) is wanted
    assert few_features(FeaturizerOptions(min_df=1), corpus, TrainingOptions()).max_features is None
