"""Training: reproducible, stopped by held-out documents, never a NaN."""

from __future__ import annotations

from dataclasses import replace

import naive_linear as naive
import numpy as np
import pytest
from conftest import corpus_of, documents, objective_of
from sklearn.linear_model import LogisticRegression

from textmlr import InputError
from textmlr.base.training_options import DEFAULT_IDF_POWER, IDF_POWERS, TrainingOptions
from textmlr.features.csr_features import Features
from textmlr.model.parameters import Network
from textmlr.model.scoring import Calibration
from textmlr.training.calibration import Scored, calibrate
from textmlr.training.corpus_training import train_corpus
from textmlr.training.held_out import hold_out
from textmlr.training.objective import Objective
from textmlr.training.rows import document_weights
from textmlr.training.sgd import descent as solver
from textmlr.training.sgd import trials
from textmlr.training.sgd.descent import SGD
from textmlr.training.sgd.fit import fit
from textmlr.training.sgd.runs import ColumnFacts, Runs
from textmlr.training.sgd.trial_run import WORSE, Progress, TrialRun

OPTIONS = TrainingOptions().decided()
PAIRS = documents(300, 11)
TEST = documents(300, 12)


def accuracy(model, pairs: list[tuple[str, str]]) -> float:
    answers = model.classify([text for _, text in pairs])
    return float(np.mean([a[0].label == y for a, (y, _) in zip(answers, pairs, strict=True)]))


def dense_of(objective: Objective) -> np.ndarray:
    rows = objective.features
    return naive.dense(rows.indptr, rows.indices, rows.values, rows.columns)


def finish(run: SGD, epochs: int) -> SGD:
    for _ in range(epochs):
        run.epoch()
    return run


def test_the_same_seed_gives_the_same_bits_whatever_the_threads() -> None:
    objective = objective_of(PAIRS)

    def theta(seed: int, threads: int) -> bytes:
        options = TrainingOptions(epochs=4, seed=seed)
        return fit(objective, options, threads=threads).layers[0].tobytes()

    assert theta(1, 1) == theta(1, 2) == theta(1, 4)
    assert theta(1, 1) != theta(2, 1)


def test_objective_of_many_blocks_is_that_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 7 documents, the last one shorter, against the dense twin."""
    plain = objective_of(PAIRS)
    rng = np.random.default_rng(8)
    weights = rng.uniform(0, 2, len(PAIRS)).astype(np.float32)
    objective = Objective(plain.features, plain.y, weights, plain.labels, 0.2)
    theta = rng.normal(size=(plain.features.columns, 3)).astype(np.float32)
    monkeypatch.setattr("textmlr.model.scoring.BLOCK_SCORES", 7 * 3)
    x, total = dense_of(objective), weights.sum(dtype=float)
    mean = naive.loss(x, theta, plain.y, weights) / total
    penalty = 0.1 * float((theta.astype(float) ** 2).sum())
    assert objective.evaluate(Network.of([theta]))[0] == pytest.approx(mean, rel=1e-6)
    assert objective.value(Network.of([theta])) == pytest.approx(mean + penalty, rel=1e-6)
    right = (x @ theta).argmax(axis=1) == plain.y
    assert objective.evaluate(Network.of([theta]))[1] == pytest.approx(
        (weights * right).sum() / total
    )
    want = naive.gradient(x, theta, plain.y, weights) / total + 0.2 * theta
    np.testing.assert_allclose(objective.gradient(theta), want, rtol=1e-4, atol=1e-6)
    square = weights @ (x**2).sum(axis=1) / total
    assert objective.mean_square_length() == pytest.approx(square, rel=1e-6)


def test_objective_over_some_documents() -> None:
    plain = objective_of(PAIRS)
    weights = np.arange(len(PAIRS), dtype=np.float32)
    objective = Objective(plain.features, plain.y, weights, plain.labels, 0.2)
    some = np.array([0, 3, 4, 150, len(PAIRS) - 1])
    part = objective.take(some)
    assert part.features.columns == plain.features.columns
    np.testing.assert_array_equal(dense_of(part), dense_of(objective)[some])
    assert part.y.tolist() == plain.y[some].tolist()
    assert part.weights.tolist() == weights[some].tolist()
    assert (part.labels, part.l2) == (3, 0.2)


def test_weight_two_is_the_document_twice_and_weight_zero_is_its_absence() -> None:
    plain = objective_of(PAIRS)
    n = len(PAIRS)
    times = np.random.default_rng(9).integers(0, 3, n)
    weighted = Objective(plain.features, plain.y, times.astype(np.float32), plain.labels, 0.1)
    copies = plain.take(np.repeat(np.arange(n), times))
    copies = Objective(copies.features, copies.y, copies.weights, plain.labels, 0.1)
    theta = np.random.default_rng(10).normal(size=(plain.features.columns, 3)).astype(np.float32)
    assert weighted.value(Network.of([theta])) == pytest.approx(
        copies.value(Network.of([theta])), rel=1e-12
    )
    assert weighted.evaluate(Network.of([theta]))[1] == pytest.approx(
        copies.evaluate(Network.of([theta]))[1], rel=1e-12
    )
    np.testing.assert_allclose(weighted.gradient(theta), copies.gradient(theta), atol=1e-9)
    square = copies.mean_square_length()
    assert weighted.mean_square_length() == pytest.approx(square, rel=1e-6)


def test_every_epoch_has_an_order_of_its_own() -> None:
    run = SGD.start(objective_of(PAIRS), np.arange(len(PAIRS)), 3, 1.0, OPTIONS)
    orders = []
    for _ in range(3):
        orders.append(run._order().tolist())
        run.epoch()
    assert all(sorted(order) == list(range(len(PAIRS))) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_labels_of_documents_of_weight_zero_change_no_bit() -> None:
    plain = objective_of(PAIRS)
    weights = np.ones(len(PAIRS), np.float32)
    weights[::4] = 0
    thetas = []
    for label in (0, 2):
        y = plain.y.copy()
        y[::4] = label
        objective = Objective(plain.features, y, weights, plain.labels)
        result = fit(objective, TrainingOptions(epochs=3, holdout=0))
        thetas.append(result.layers[0].tobytes())
    assert thetas[0] == thetas[1]
    heavy = Objective(plain.features, y, np.ones_like(weights), plain.labels)
    other = fit(heavy, TrainingOptions(epochs=3, holdout=0))
    assert other.layers[0].tobytes() != thetas[0]


def test_held_out_documents_teach_a_trial_nothing() -> None:
    """Each trial is, to the bit, a run over the other documents, judged on the held-out ones."""
    objective, options = objective_of(PAIRS), TrainingOptions(epochs=4)
    result = fit(objective, options)
    held = hold_out(objective, options.holdout, options.seed)
    assert held is not None
    rest = np.array([i for i in range(len(PAIRS)) if i not in set(held.tolist())])
    assert len(result.trials) > 1
    for trial in result.trials:
        part, everything = objective.take(rest), np.arange(len(rest))
        run = SGD.start(part, everything, options.epochs, trial.learning_rate, options.decided())
        judge, found = objective.take(held), finish(run, trial.epochs).network
        assert calibrate(Scored.of(judge, found)) == (trial.calibration, trial.loss)
        assert judge.evaluate(found)[1] == trial.accuracy


def test_validation_documents_judge_in_place_of_held_out_ones() -> None:
    objective = objective_of(PAIRS)
    judge = objective.take(np.arange(0, len(PAIRS), 5))
    options = TrainingOptions(epochs=4, learning_rate=4.0, calibration=False)
    events: list[Progress] = []
    result = fit(objective, options, validation=judge, watch=events.append)
    assert {event.epoch.documents for event in events} == {len(PAIRS)}
    assert result.held_out == len(judge.y)
    [trial] = result.trials
    run = SGD.start(objective, np.arange(len(PAIRS)), 4, 4.0, options.decided())
    assert judge.evaluate(finish(run, trial.epochs).network) == (trial.loss, trial.accuracy)
    record = train_corpus(
        corpus_of(PAIRS), validation=corpus_of(TEST[:50])
    ).record.held_out.as_json()
    assert record["documents"] == 50
    assert record["from"] == "validation"


def test_sorted_trains_as_well_as_shuffled() -> None:
    ordered = sorted(PAIRS)
    assert accuracy(train_corpus(corpus_of(ordered)), TEST) == pytest.approx(
        accuracy(train_corpus(corpus_of(PAIRS)), TEST), abs=0.03
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
    for seed in range(20):
        most = hold_out(objective, 0.95, seed)
        assert most is not None
        kept = np.bincount(y) - np.bincount(y[most], minlength=5)
        assert kept.min() >= 1
        assert np.abs(kept - 0.05 * np.bincount(y)).max() <= 1


def test_held_out_documents_of_weight_are_on_both_sides() -> None:
    """Two documents weigh anything: where both, or neither, would be held out, none are."""
    plain = objective_of(PAIRS)
    seen = set()
    for seed in range(40):
        held = hold_out(plain, 0.5, seed)
        assert held is not None
        weights = np.zeros(len(PAIRS), np.float32)
        weights[:2] = 1
        inside = len({0, 1} & set(held.tolist()))
        few = Objective(plain.features, plain.y, weights, plain.labels)
        assert (hold_out(few, 0.5, seed) is None) == (inside != 1)
        seen.add(inside)
    assert seen == {0, 1, 2}


@pytest.fixture
def one_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """No held-out documents are too few to calibrate by."""
    monkeypatch.setattr(trials, "ENOUGH_HELD_OUT", 1)


@pytest.mark.usefixtures("one_judge")
def test_the_chosen_trial_is_the_one_the_final_run_repeats() -> None:
    events: list[Progress] = []
    objective = objective_of(PAIRS)
    result = fit(objective, TrainingOptions(epochs=6), watch=events.append)
    assert result.judged is not None
    assert result.judged.loss == min(trial.loss for trial in result.trials)
    assert result.learning_rate == result.judged.learning_rate
    assert result.epochs == result.judged.epochs
    final = [event for event in events if event.run == "final"]
    assert [event.epoch.number for event in final] == list(range(1, result.epochs + 1))
    assert all(event.held_out is None for event in final)
    trials = [event for event in events if event.run == "trial"]
    own = (result.judged.learning_rate, result.judged.epochs, result.judged.loss)
    assert own in [
        (e.epoch.learning_rate, e.epoch.number, e.held_out[0]) for e in trials if e.held_out
    ]
    assert result.held_out == pytest.approx(30, abs=3)


def test_the_best_trial_need_not_be_the_first() -> None:
    """Labels at random are learnt least badly by the smallest steps."""
    rng = np.random.default_rng(0)
    noise = objective_of([(f"l{rng.integers(2)}", text) for _, text in PAIRS])
    result = fit(noise, TrainingOptions(epochs=5, calibration=False))
    first, *others = result.trials
    assert result.judged in others
    assert result.judged.loss == min(trial.loss for trial in result.trials) < first.loss
    assert result.learning_rate == result.judged.learning_rate < first.learning_rate


@pytest.mark.parametrize("patience", [1, 2, 40])
def test_patience_ends_a_trial(patience: int) -> None:
    """Labels at random: there is nothing to learn, and the held-out loss says so at once."""
    rng = np.random.default_rng(0)
    noise = [(f"l{rng.integers(2)}", text) for _, text in PAIRS]
    events: list[Progress] = []
    options = TrainingOptions(epochs=40, patience=patience, learning_rate=8.0, calibration=False)
    result = fit(objective_of(noise), options, watch=events.append)
    losses = [event.held_out[0] for event in events if event.held_out is not None]
    worse = [loss > WORSE * min(losses[:i], default=loss) for i, loss in enumerate(losses)]
    enough = [
        i for i in range(len(losses)) if i >= patience and all(worse[i - patience + 1 : i + 1])
    ]
    [trial] = result.trials
    if patience < 40:  # the first run of so many is the end
        assert enough == [len(losses) - 1]
        assert len(losses) < 40
        assert trial.epochs == 1 + int(np.argmin(losses)) < len(losses)
    else:
        assert enough == []
        assert trial.epochs == len(events) - 40 == 40  # and as many of the final run
        assert len(losses) == 1  # a run so short beside its patience is judged at its end
    assert trial.loss in losses
    assert result.epochs == trial.epochs


def test_the_factor_is_in_theta() -> None:
    objective = objective_of(PAIRS)
    plain = fit(objective, TrainingOptions(epochs=4, learning_rate=2.0, calibration=False))
    result = fit(objective, TrainingOptions(epochs=4, learning_rate=2.0))
    assert plain.calibration == Calibration()
    assert result.judged is not None
    assert result.calibration == result.judged.calibration != plain.calibration
    factor = np.float32(result.calibration.factor)
    assert result.layers[0].tobytes() == (factor * plain.layers[0]).tobytes()


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5])
def test_steps_scaled_by_idf_are_steps_in_w(power: float) -> None:
    """θ = d·w, where w is learnt from the rows d·f(x)."""
    objective = objective_of(PAIRS, l2=0.01)
    idf = np.random.default_rng(4).uniform(0.5, 4, objective.features.columns)
    scale = (idf**power).astype(np.float32)
    options = TrainingOptions(epochs=3, holdout=0, idf_power=power, l2=0.01)
    result = fit(objective, options, columns=ColumnFacts(idf))
    values = objective.features.values * scale[objective.features.indices]
    rows = replace(objective.features, values=values)
    scaled = Objective(rows, objective.y, objective.weights, objective.labels, 0.01)
    run = SGD.start(scaled, np.arange(len(PAIRS)), 3, result.learning_rate, options.decided())
    assert result.layers[0].tobytes() == (finish(run, 3).network.theta * scale[:, None]).tobytes()
    assert result.idf_power == power


@pytest.mark.usefixtures("one_judge")
def test_held_out_documents_choose_the_power_of_idf() -> None:
    objective = objective_of(PAIRS)
    idf = np.random.default_rng(4).uniform(0.5, 4, objective.features.columns)
    result = fit(objective, TrainingOptions(), columns=ColumnFacts(idf))
    assert {trial.idf_power for trial in result.trials} == set(IDF_POWERS)
    assert result.judged == min(result.trials, key=lambda trial: trial.loss)
    assert result.idf_power == result.judged.idf_power
    assert (
        fit(objective, TrainingOptions(holdout=0), columns=ColumnFacts(idf)).idf_power
        == DEFAULT_IDF_POWER
    )
    assert fit(objective, TrainingOptions()).idf_power == 0


@pytest.mark.usefixtures("one_judge")
def test_trials_over_some_documents_are_judged_by_a_twin_over_all_but_the_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objective = objective_of(PAIRS)
    options = TrainingOptions()
    monkeypatch.setattr(trials, "TRIAL_NONZEROS", 5 * len(objective.features.indices) // 2)
    results, events = [], []
    for threads in (1, 2, 4):
        result = fit(objective, options, threads=threads, watch=events.append)
        results.append((result.layers[0].tobytes(), result.judged, result.trials))
    assert results[0] == results[1] == results[2]
    visited = {event.epoch.documents for event in events if event.run == "trial"}
    held = hold_out(objective, options.holdout, options.seed)
    assert held is not None
    rest = np.setdiff1d(np.arange(len(PAIRS)), held)
    assert visited == {len(PAIRS) // 2, len(rest)}
    _, judged, tried = results[0]
    assert judged not in tried
    run = SGD.start(objective, rest, judged.epochs, judged.learning_rate, options.decided())
    found = finish(run, judged.epochs).network
    assert calibrate(Scored.of(objective.take(held), found)) == (judged.calibration, judged.loss)


def test_no_holdout_runs_every_epoch() -> None:
    result = fit(objective_of(PAIRS), TrainingOptions(epochs=4, holdout=0))
    assert result.epochs == 4
    assert result.trials == ()
    assert result.judged is None


@pytest.mark.usefixtures("any_number")
@pytest.mark.parametrize("rate", [1e3, 1e6, 1e30, 1e308])
@pytest.mark.parametrize("holdout", [0.0, 0.1])
def test_a_step_that_diverges_is_halved(rate: float, holdout: float) -> None:
    options = TrainingOptions(learning_rate=rate, holdout=holdout, epochs=5)
    events: list[Progress] = []
    objective = objective_of(PAIRS)
    result = fit(objective, options, watch=events.append)
    assert np.isfinite(result.layers[0]).all()
    assert sum(event.epoch.halved for event in events) > 0
    assert result.learning_rate < rate
    assert objective.evaluate(Network.of(result.layers))[1] > 0.9


def test_a_diverged_epoch_leaves_no_trace() -> None:
    """A run begun 2^20 too fast ends on the bits of one begun at the rate it was halved to."""
    objective = objective_of(PAIRS)
    everything = np.arange(len(PAIRS))
    run = SGD.start(objective, everything, 4, 4.0 * 2**20, OPTIONS)
    halved = [run.epoch().halved for _ in range(4)]
    assert halved[0] > 0
    assert halved[1:] == [0, 0, 0]
    assert run.learning_rate == 4.0 * 2.0 ** (20 - halved[0])
    calm = finish(SGD.start(objective, everything, 4, run.learning_rate, OPTIONS), 4)
    assert run.network.theta.tobytes() == calm.network.theta.tobytes()


def test_divergence_on_the_way_begins_anew() -> None:
    """With half the step, to the bits of a run that was begun with it."""
    objective = objective_of(PAIRS)
    everything = np.arange(len(PAIRS))
    run = finish(SGD.start(objective, everything, 6, 4.0, OPTIONS), 2)
    run.learning_rate *= 2.0**30
    told = run.epoch()
    assert told.halved > 0
    assert (told.number, run.done) == (1, 1)
    calm = SGD.start(objective, everything, 6, run.learning_rate, OPTIONS)
    assert calm.epoch().halved == 0
    assert finish(run, 5).network.theta.tobytes() == finish(calm, 5).network.theta.tobytes()


@pytest.mark.parametrize(("rise", "noticed"), [(1.1, False), (4.0, True)])
@pytest.mark.parametrize("done", [0, 2])
def test_a_loss_that_multiplies_is_a_step_too_large_and_noise_is_not(
    rise: float, noticed: bool, done: int
) -> None:
    """Noise moves an epoch's loss by some hundredths; a step that overshoots multiplies it, and is
    noticed long before the loss is not finite."""
    objective = objective_of(PAIRS)
    run, same = (
        finish(SGD.start(objective, np.arange(len(PAIRS)), 6, 0.1, OPTIONS), done) for _ in range(2)
    )
    run.last_loss = same.epoch().loss / rise
    assert run.last_loss > 0.1  # so that the rise counts, not its nats
    assert (run.epoch().halved > 0) == noticed


def test_halving_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "MAX_HALVINGS", 5)
    run = SGD.start(objective_of(PAIRS), np.arange(len(PAIRS)), 4, 1e30, OPTIONS)
    with pytest.raises(ArithmeticError, match="5 halvings"):
        run.epoch()
    assert not run.network.theta.any()  # it would begin anew


def test_a_penalty_larger_than_the_step_allows() -> None:
    result = fit(objective_of(PAIRS, l2=10.0), TrainingOptions(l2=10.0, epochs=5))
    assert np.isfinite(result.layers[0]).all()
    assert np.abs(result.layers[0]).max() < 0.1
    run = SGD.start(objective_of(PAIRS, l2=10.0), np.arange(len(PAIRS)), 5, 4.0, OPTIONS)
    assert run.learning_rate * run.objective.unit * 10 > 1  # θ would change its sign each step
    assert run.epoch().halved > 0
    assert run.learning_rate * run.objective.unit * 10 < 1


def test_the_optimum_of_logistic_regression_is_approached() -> None:
    l2 = 1e-2
    objective = objective_of(PAIRS, l2)
    n = len(objective.y)
    matrix = objective.features.to_scipy()
    other = LogisticRegression(C=1 / (n * l2), fit_intercept=False, tol=1e-10, max_iter=5000)
    best = np.ascontiguousarray(other.fit(matrix, objective.y).coef_.T, np.float32)
    run = SGD.start(objective, np.arange(n), 200, 4.0, OPTIONS)
    for _ in range(200):
        run.epoch()
    assert objective.value(run.network) == pytest.approx(
        objective.value(Network.of([best])), rel=1e-3
    )
    assert np.abs(objective.gradient(best)).max() < 1e-5


def test_weights_are_numbers_of_visits() -> None:
    objective = objective_of(PAIRS)
    n = len(objective.y)
    weights = np.random.default_rng(5).uniform(0, 3, n).astype(np.float32)
    weights[:10] = 0
    weighted = Objective(objective.features, objective.y, weights, objective.labels)
    run = SGD.start(weighted, np.arange(n), 3, 1.0, OPTIONS)
    visits = np.bincount(run._order(), minlength=n)
    share = weights.astype(float) * n / weights.sum(dtype=float)
    assert visits.sum() == n
    assert ((visits >= np.floor(share - 1e-6)) & (visits <= np.ceil(share + 1e-6))).all()
    plain = SGD.start(objective, np.arange(n), 3, 1.0, OPTIONS)
    assert sorted(plain._order()) == list(range(n))
    assert plain._order().tolist() != list(range(n))


def test_documents_of_weight_zero_teach_nothing() -> None:
    spoilt = [("western", text) for label, text in PAIRS if label == "scifi"]
    weights = [1.0] * len(PAIRS) + [0.0] * len(spoilt)
    kept = train_corpus(corpus_of(PAIRS + spoilt, weights))
    taught = train_corpus(corpus_of(PAIRS + spoilt))
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
    models = {c: train_corpus(corpus, training_options=o) for c, o in options.items()}
    scifi = [pair for pair in TEST if pair[0] == "scifi"]
    assert accuracy(models["balanced"], scifi) > accuracy(models[None], scifi)


def test_what_cannot_be_learnt_from() -> None:
    one = [("a", "x"), ("a", "y")]
    with pytest.raises(InputError, match="1 label"):
        train_corpus(corpus_of(one))
    with pytest.raises(InputError, match="weight 0"):
        train_corpus(corpus_of([("a", "x"), ("b", "y")], [0, 0]))
    with pytest.raises(InputError, match="same label"):
        train_corpus(corpus_of([("a", "x"), ("b", "y")], [1, 0]))
    with pytest.raises(InputError, match="'opera' is not in the training corpus"):
        train_corpus(corpus_of(PAIRS), validation=corpus_of([("opera", "x"), ("scifi", "y")]))


@pytest.mark.slow
def test_a_separable_corpus_without_penalty_ends_finite() -> None:
    pairs = [("a", "x"), ("b", "y")] * 50
    model = train_corpus(corpus_of(pairs), training_options=TrainingOptions(l2=0.0, epochs=50))
    assert np.isfinite(model.theta).all()
    assert accuracy(model, pairs) == 1


def test_two_documents_are_enough() -> None:
    model = train_corpus(corpus_of([("a", "x x"), ("b", "y")]))
    assert [a[0].label for a in model.classify(["x", "y"])] == ["a", "b"]
    assert model.record.held_out.documents == 0


@pytest.mark.usefixtures("any_number")
def test_no_step_is_small_enough() -> None:
    options = TrainingOptions(learning_rate=1e300, l2=1e300, epochs=2)
    with pytest.raises(InputError, match="lower the learning rate or the penalty"):
        train_corpus(corpus_of(PAIRS), training_options=options)


@pytest.mark.parametrize(("share", "chosen"), [(1.0, 8.0), (0.5, 4.0), (0.05, 2.0)])
def test_the_less_trials_saw_the_smaller_a_step_is_taken(
    monkeypatch: pytest.MonkeyPatch, share: float, chosen: float
) -> None:
    """Losses 1.04, 1.02 and 1 of steps 2, 4 and 8: the trials' documents may be fewer than all."""
    losses = {2.0: 1.04, 4.0: 1.02, 8.0: 1.0}
    objective = objective_of(PAIRS)
    visits = share * 270 / 300 * len(objective.features.indices) * 5
    monkeypatch.setattr(trials, "TRIAL_NONZEROS", int(visits))

    def tried(search: trials.Search, plans: list[tuple[float, float]], threads: int) -> None:
        search.trials += [
            TrialRun(power, rate, 5, Calibration(), losses[rate], 0.5) for power, rate in plans
        ]

    monkeypatch.setattr(trials.Search, "run_all", tried)
    search = trials.Search(Runs(objective, TrainingOptions(epochs=5).decided()))
    assert search.sampled == (share < 1)
    assert search.run(1).learning_rate == chosen
