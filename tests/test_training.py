"""Training: reproducible, stopped by held-out documents, never a NaN."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import documents
from sklearn.linear_model import LogisticRegression

from textmlr import FeaturizerOptions, InputError
from textmlr.corpus import Corpus
from textmlr.features import Features, Featurizer
from textmlr.features.texts import batches_of
from textmlr.learning import document_weights, train
from textmlr.options import TrainingOptions
from textmlr.training import Objective, Progress, Variant, fit
from textmlr.training.sgd import SGD
from textmlr.training.trainer import hold_out


def corpus_of(pairs: list[tuple[str, str]], weights: list[float] | None = None) -> Corpus:
    labels = sorted({label for label, _ in pairs})
    y = np.array([labels.index(label) for label, _ in pairs], np.int32)
    own = None if weights is None else np.array(weights, np.float32)
    return Corpus(batches_of([text for _, text in pairs]), y, labels, own, ["test"])


PAIRS = documents(300, 11)
TEST = documents(300, 12)


def objective_of(pairs: list[tuple[str, str]], l2: float = 0.0) -> Objective:
    corpus = corpus_of(pairs)
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1)))
    counts = featurizer.fit_counts(corpus.batches)
    rows = featurizer.weigh(counts, counts.values)
    return Objective(rows, corpus.y, np.ones(len(corpus), np.float32), len(corpus.labels), l2)


def accuracy(model, pairs: list[tuple[str, str]]) -> float:
    answers = model.classify([text for _, text in pairs])
    return float(np.mean([a[0].label == y for a, (y, _) in zip(answers, pairs, strict=True)]))


def test_sorted_trains_as_well_as_shuffled() -> None:
    ordered = sorted(PAIRS)
    assert accuracy(train(corpus_of(ordered)), TEST) == pytest.approx(
        accuracy(train(corpus_of(PAIRS)), TEST), abs=0.03
    )


def test_held_out_documents_are_stratified_and_seeded() -> None:
    y = np.repeat(np.arange(5), [100, 40, 10, 2, 1]).astype(np.int32)
    rows = Features(np.arange(154), np.zeros(153, np.int32), np.ones(153, np.float32), 1)
    objective = Objective(rows, y, np.ones(153, np.float32), 5)
    held = hold_out(objective, 0.25, seed=3)
    assert held is not None
    per_label = np.bincount(y[held], minlength=5)
    assert per_label[0] == 25
    assert per_label[1] == 10
    assert per_label[2] in (2, 3)
    assert per_label[3] <= 1
    assert per_label[4] == 0
    again, other = hold_out(objective, 0.25, 3), hold_out(objective, 0.25, 4)
    assert again is not None
    assert other is not None
    assert held.tolist() == again.tolist() != other.tolist()
    assert hold_out(objective, 0.05, 3) is None


def test_the_chosen_trial_is_the_one_the_final_run_repeats() -> None:
    events: list[Progress] = []
    objective = objective_of(PAIRS)
    result = fit([Variant(objective)], TrainingOptions(epochs=6), watch=events.append)
    assert result.chosen is not None
    assert result.chosen.loss == min(trial.loss for trial in result.trials)
    assert result.learning_rate == result.chosen.learning_rate
    assert result.epochs == result.chosen.epochs
    final = [event for event in events if event.run == "final"]
    assert [event.epoch.number for event in final] == list(range(1, result.epochs + 1))
    assert all(event.held_out is None for event in final)
    trials = [event for event in events if event.run == "trial"]
    assert min(e.held_out[0] for e in trials if e.held_out) == result.chosen.loss
    assert result.held_out == pytest.approx(30, abs=3)


def test_patience_ends_a_trial() -> None:
    """Labels at random: there is nothing to learn, and the held-out loss says so at once."""
    rng = np.random.default_rng(0)
    noise = [(f"l{rng.integers(2)}", text) for _, text in PAIRS]
    epochs: list[Progress] = []
    options = TrainingOptions(epochs=40, patience=1, learning_rate=8.0)
    result = fit([Variant(objective_of(noise))], options, watch=epochs.append)
    assert len([e for e in epochs if e.run == "trial"]) < 40
    assert result.epochs < 40


def test_no_holdout_runs_every_epoch() -> None:
    result = fit([Variant(objective_of(PAIRS))], TrainingOptions(epochs=4, holdout=0))
    assert result.epochs == 4
    assert result.trials == ()
    assert result.chosen is None


@pytest.mark.parametrize("rate", [1e3, 1e6, 1e30])
@pytest.mark.parametrize("holdout", [0.0, 0.1])
def test_a_step_that_diverges_is_halved(rate: float, holdout: float) -> None:
    options = TrainingOptions(learning_rate=rate, holdout=holdout, epochs=5)
    events: list[Progress] = []
    objective = objective_of(PAIRS)
    result = fit([Variant(objective)], options, watch=events.append)
    assert np.isfinite(result.theta).all()
    assert sum(event.epoch.halved for event in events) > 0
    assert result.learning_rate < rate
    assert objective.evaluate(result.theta)[1] > 0.9


def test_a_penalty_larger_than_the_step_allows() -> None:
    result = fit([Variant(objective_of(PAIRS, l2=10.0))], TrainingOptions(l2=10.0, epochs=5))
    assert np.isfinite(result.theta).all()
    assert np.abs(result.theta).max() < 0.1


def test_the_optimum_of_logistic_regression_is_approached() -> None:
    l2 = 1e-2
    objective = objective_of(PAIRS, l2)
    n = len(objective.y)
    matrix = objective.features.to_scipy()
    other = LogisticRegression(C=1 / (n * l2), fit_intercept=False, tol=1e-10, max_iter=5000)
    best = other.fit(matrix, objective.y).coef_.T.astype(np.float32)
    run = SGD.start(objective, np.arange(n), 200, 4.0, seed=1)
    for _ in range(200):
        run.epoch()
    assert objective.value(run.theta) == pytest.approx(objective.value(best), rel=1e-3)
    assert np.abs(objective.gradient(best)).max() < 1e-5


def test_weights_are_numbers_of_visits() -> None:
    objective = objective_of(PAIRS)
    n = len(objective.y)
    weights = np.random.default_rng(5).uniform(0, 3, n).astype(np.float32)
    weights[:10] = 0
    weighted = Objective(objective.features, objective.y, weights, objective.labels)
    run = SGD.start(weighted, np.arange(n), 3, 1.0, seed=1)
    visits = np.bincount(run._order(), minlength=n)
    share = weights.astype(float) * n / weights.sum(dtype=float)
    assert visits.sum() == n
    assert ((visits >= np.floor(share - 1e-6)) & (visits <= np.ceil(share + 1e-6))).all()
    plain = SGD.start(objective, np.arange(n), 3, 1.0, seed=1)
    assert sorted(plain._order()) == list(range(n))
    assert plain._order().tolist() != list(range(n))


def test_documents_of_weight_zero_teach_nothing() -> None:
    spoilt = [("western", text) for label, text in PAIRS if label == "scifi"]
    weights = [1.0] * len(PAIRS) + [0.0] * len(spoilt)
    kept = train(corpus_of(PAIRS + spoilt, weights))
    taught = train(corpus_of(PAIRS + spoilt))
    assert accuracy(kept, TEST) > 0.9
    assert accuracy(taught, TEST) < accuracy(kept, TEST)


def test_balanced_labels() -> None:
    rare = [pair for pair in PAIRS if pair[0] != "scifi"]
    rare += [pair for pair in PAIRS if pair[0] == "scifi"][:8]
    corpus = corpus_of(rare)
    weights = document_weights(corpus, "balanced")
    sums = np.bincount(corpus.y, weights)
    np.testing.assert_allclose(sums, sums.mean(), rtol=1e-5)
    assert weights.mean() == pytest.approx(1)
    options = {c: TrainingOptions(class_weight=c) for c in (None, "balanced")}
    models = {c: train(corpus, training_options=o) for c, o in options.items()}
    scifi = [pair for pair in TEST if pair[0] == "scifi"]
    assert accuracy(models["balanced"], scifi) > accuracy(models[None], scifi)


def test_what_cannot_be_learnt_from() -> None:
    one = [("a", "x"), ("a", "y")]
    with pytest.raises(InputError, match="1 label"):
        train(corpus_of(one))
    with pytest.raises(InputError, match="weight 0"):
        train(corpus_of([("a", "x"), ("b", "y")], [0, 0]))
    with pytest.raises(InputError, match="same label"):
        train(corpus_of([("a", "x"), ("b", "y")], [1, 0]))
    with pytest.raises(InputError, match="'opera' is not in the training corpus"):
        train(corpus_of(PAIRS), validation=corpus_of([("opera", "x"), ("scifi", "y")]))


def test_a_separable_corpus_without_penalty_ends_finite() -> None:
    pairs = [("a", "x"), ("b", "y")] * 50
    model = train(corpus_of(pairs), training_options=TrainingOptions(l2=0.0, epochs=50))
    assert np.isfinite(model.theta).all()
    assert accuracy(model, pairs) == 1


def test_two_documents_are_enough() -> None:
    model = train(corpus_of([("a", "x x"), ("b", "y")]))
    assert [a[0].label for a in model.classify(["x", "y"])] == ["a", "b"]
    assert model.record["held_out"]["documents"] == 0
