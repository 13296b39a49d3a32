"""Few documents: each judges every trial, and probabilities lie near the base rates."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import corpus_of, documents, objective_of
from scipy.optimize import minimize
from scipy.special import log_softmax

from textmlr import FeaturizerOptions, TrainingOptions
from textmlr.cli.training_summary import fit_rows
from textmlr.model.model import Model
from textmlr.model.scoring import Calibration, Shrunk, base_rates
from textmlr.training import calibration as module
from textmlr.training.calibration import Scored, calibrate, calibrate_or_shrink, shrink
from textmlr.training.corpus_training import train_corpus
from textmlr.training.cross_fitting import Crossed, repeats_of
from textmlr.training.held_out import FEW_DOCUMENTS, FOLDS, LEAST_HELD_OUT
from textmlr.training.objective import Objective
from textmlr.training.sgd.descent import SGD
from textmlr.training.sgd.fit import Fit, fit
from textmlr.training.sgd.runs import ColumnFacts
from textmlr.training.sgd.trial_run import Progress

PAIRS = documents(60, 11)
Documents = list[tuple[str, str]]


def noise(number: int, shares: dict[str, float], seed: int) -> Documents:
    """Documents whose words tell nothing of their labels."""
    rng = random.Random(seed)
    labels = rng.choices(list(shares), list(shares.values()), k=number)
    return [(label, " ".join(f"w{rng.randrange(300)}" for _ in range(12))) for label in labels]


def loss_of(model: Model, pairs: Documents) -> float:
    p = model.probabilities([text for _, text in pairs])
    codes = [model.labels.index(label) for label, _ in pairs]
    return float(-np.log(p[np.arange(len(pairs)), codes]).mean())


def made(n: int, labels: int, signal: float, seed: int = 3) -> tuple[Scored, np.ndarray]:
    rng = np.random.default_rng(seed)
    shares = np.arange(labels, 0, -1) / np.arange(labels + 1).sum()
    y = rng.choice(labels, n, p=shares).astype(np.int32)
    scores = rng.normal(size=(n, labels))
    scores[np.arange(n), y] += signal
    weights = rng.uniform(0.5, 1.5, n).astype(np.float32)
    rates = base_rates(np.bincount(y, weights, labels) + 1.0)
    return Scored((3 * scores).astype(np.float32), y, weights), rates


def naive_shrink(
    scored: Scored, rates: np.ndarray, counts: np.ndarray, biased: bool, repeats: int, luck: float
) -> tuple[float, float]:
    """(factor, prior) by a general optimiser, as ``shrink`` states the problem."""
    scores, y = scored.scores.astype(float), scored.y
    weights = scored.weights / scored.weights.sum(dtype=float)
    n = len(y) / repeats
    unit = np.exp(np.log(scores.std(axis=1)).mean())
    offsets = np.log(counts) - np.log(counts).mean()

    def losses(t: float, u: float) -> tuple[float, float]:
        logs = log_softmax(t * scores / unit + u * offsets, axis=1)
        plain = -weights @ logs[np.arange(len(y)), y]
        return plain, plain - 3.0 / n * weights @ (logs @ rates) + 10.0 / n * u * u / 2

    free = minimize(
        lambda x: losses(x[0], x[1] if biased else 0.0)[1],
        [1.0, 0.0],
        bounds=[(0.01, None), (None, None)],
        tol=1e-12,
    ).x
    known = -weights @ np.log(rates)[y]
    gained = (known - losses(free[0], free[1] if biased else 0.0)[0]) * n
    t = max(free[0] * (max(1 - luck / gained, 0.5) if gained > 0 else 0.5 if luck else 1.0), 0.01)
    u = minimize(lambda x: losses(t, x[0])[1], [0.0], tol=1e-12).x[0] if biased else 0.0
    return t / unit, u


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(("labels", "signal"), [(2, 0.0), (2, 1.5), (5, 0.3), (5, 3.0)])
def test_shrinkage_against_a_general_optimiser(labels: int, signal: float, biased: bool) -> None:
    """The constants stand here as numbers: another RATES_PRIOR, WEIGHT_PRIOR, LUCK, LEAST_KEPT or
    LEAST_FACTOR is another answer."""
    scored, rates = made(60, labels, signal)
    counts = base_rates(np.arange(1.0, labels + 1))  # others than the rates: weights are balanced
    for repeats, lucky in ((1, True), (2, True), (1, False)):
        found, told = shrink(scored, rates, counts, biased=biased, repeats=repeats, lucky=lucky)
        factor, prior = naive_shrink(scored, rates, counts, biased, repeats, 1.0 * lucky)
        assert found.factor == pytest.approx(factor, rel=2e-3)
        assert found.prior == pytest.approx(prior, abs=2e-3)
        logs = log_softmax(
            found.factor * scored.scores.astype(float) + found.offsets(counts), axis=1
        )
        own = logs[np.arange(60), scored.y]
        assert told.loss == pytest.approx(-np.average(own, weights=scored.weights), rel=1e-5)


def test_scores_that_tell_the_contrary_are_all_but_dropped() -> None:
    scored, rates = made(60, 3, -2.0)
    found, told = shrink(scored, rates, rates, biased=True)
    unit = np.exp(np.log(scored.scores.std(axis=1)).mean())
    assert found.factor == pytest.approx(0.01 / unit, rel=1e-5)
    known = -np.average(np.log(rates)[scored.y], weights=scored.weights)
    assert told.loss < (known + np.log(3)) / 2  # nearer to the base rates than to equal shares


def test_the_usual_exponent_is_what_few_documents_are_given() -> None:
    """Of few documents the exponent is about −0.5 with many labels, and 0 with two: constants that
    a test can only hold by their numbers."""
    assert (module.USUAL_EXPONENT, module.EXPONENT_PRIOR, module.FACTOR_PRIOR) == (-0.5, 30.0, 10.0)
    rng = np.random.default_rng(1)
    for labels, exponent in ((2, 0.0), (4, -0.5)):
        scores = rng.normal(size=(6, labels)).astype(np.float32)
        scored = Scored(scores, np.zeros(6, np.int32), np.ones(6, np.float32))
        assert calibrate(scored)[0].exponent == pytest.approx(exponent, abs=0.08)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "shares"),
    [
        (200, {"a": 0.915, "b": 0.085}),
        (100, {"a": 0.5, "b": 0.5}),
        (150, {"a": 0.6, "b": 0.3, "c": 0.1}),
        (300, {"a": 0.4, "b": 0.25, "c": 0.15, "d": 0.1, "e": 0.06, "f": 0.04}),
        (500, {"a": 0.6, "b": 0.3, "c": 0.1}),
        (500, {"a": 0.915, "b": 0.085}),
        (1000, {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}),
    ],
)
def test_noise_costs_what_the_base_rates_cost(number: int, shares: dict[str, float]) -> None:
    learnt, tested = noise(number, shares, 5), noise(2000, shares, 6)
    model = train_corpus(corpus_of(learnt), threads=1)
    counts = np.array([sum(one == label for one, _ in learnt) for label in model.labels])
    logs = np.log(counts / counts.sum())
    rates = -np.mean([logs[model.labels.index(label)] for label, _ in tested])
    few_of_several = number < FEW_DOCUMENTS and len(shares) > 2
    assert loss_of(model, tested) < rates + (0.03 if few_of_several else 0.02)


@pytest.mark.parametrize("labels", [2, 4])
def test_more_documents_are_shrunk_where_they_gain_nothing(labels: int) -> None:
    for signal, is_shrunk in ((0.0, True), (1.0, False)):
        scored, rates = made(600, labels, signal)
        found, loss = calibrate_or_shrink(scored, rates, rates, biased=True)
        plain, plain_loss = calibrate(scored)
        assert isinstance(found, Shrunk) is is_shrunk
        if is_shrunk:
            known = -float((scored.weights * np.log(rates)[scored.y]).sum() / scored.weights.sum())
            assert loss < known + 0.01
            assert loss < plain_loss
            assert found.factor < plain.factor
        else:
            assert (found, loss) == (plain, plain_loss)


def test_signal_is_kept() -> None:
    model = train_corpus(corpus_of(documents(100, 1)), threads=1)
    tested = documents(300, 2)
    right = np.mean(
        [
            a[0].label == label
            for a, (label, _) in zip(model.classify([t for _, t in tested]), tested, strict=True)
        ]
    )
    confidence = model.probabilities([text for _, text in tested]).max(axis=1).mean()
    assert right > 0.85
    assert abs(confidence - right) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("number", [20, 21, 50, FEW_DOCUMENTS - 1])
def test_all_documents_judge_from_twenty_on(number: int) -> None:
    record = train_corpus(corpus_of(documents(number, 7)), threads=2).record.as_json()
    held = record["held_out"]
    assert (held["documents"], held["folds"]) == (number, FOLDS)
    assert len(held["trials"]) == record["final"]["averaged"] == 6  # three powers, two runs
    assert "prior" in record["final"]["calibration"]
    assert len(record["ngrams"]) == 2


def test_who_has_fewer_or_more_documents_is_not_crossed() -> None:
    few = train_corpus(corpus_of(documents(LEAST_HELD_OUT - 1, 7)), threads=1).record.as_json()
    assert (few["held_out"]["documents"], few["held_out"]["folds"]) == (0, 0)
    more = train_corpus(corpus_of(documents(FEW_DOCUMENTS, 7)), threads=1).record.as_json()
    assert "prior" not in more["final"]["calibration"]
    none = train_corpus(
        corpus_of(PAIRS), training_options=TrainingOptions(holdout=0.0), threads=1
    ).record.as_json()
    assert none["held_out"]["documents"] == 0


def test_each_document_is_scored_by_who_never_saw_it() -> None:
    objective = objective_of(PAIRS)
    crossed = Crossed.of(objective, 1)
    assert crossed is not None
    assert crossed.repeats == repeats_of(60) == 4
    for repeat in range(crossed.repeats):
        parts = crossed.parts[repeat * FOLDS : (repeat + 1) * FOLDS]
        assert sorted(np.concatenate(parts).tolist()) == list(range(60))
        if repeat % 2 == 0:  # each label over all parts
            assert {tuple(np.bincount(objective.y[part], minlength=3)) for part in parts} == {
                (2, 2, 2)
            }
    for number, part in enumerate(crossed.parts):
        assert not np.isin(part, crossed.others(number)).any()


def test_labels_of_one_document_judge_nothing() -> None:
    pairs = [*PAIRS[:40], ("alone", "a lone document"), ("another", "of its own")]
    record = train_corpus(corpus_of(pairs), threads=1).record.as_json()
    assert record["held_out"]["documents"] == 40
    singles = [(f"label {i}", f"text {i}") for i in range(30)]
    record = train_corpus(corpus_of(singles), threads=1).record.as_json()
    assert record["held_out"]["documents"] == 0


def test_all_labels_but_one_alike() -> None:
    pairs = [("a", text) for _, text in PAIRS[:49]] + [("b", "something else")]
    model = train_corpus(corpus_of(pairs), threads=1)
    assert model.record.held_out.documents == 49
    assert np.isfinite(model.probabilities(["robot", ""])).all()


def test_documents_of_weight_zero_are_as_if_not_there() -> None:
    weights = [1.0] * 60 + [0.0] * 300
    corpus = corpus_of([*PAIRS, *documents(300, 3)], weights)
    held = train_corpus(corpus, threads=1).record.held_out.as_json()
    assert (held["documents"], held["folds"]) == (60, FOLDS)


@pytest.mark.slow
def test_threads_change_nothing() -> None:
    models = [train_corpus(corpus_of(PAIRS), threads=threads) for threads in (1, 2, 4)]
    assert len({model.theta.tobytes() for model in models}) == 1
    assert models[0].record == models[1].record == models[2].record


def runs_of(objective: Objective, found: Fit, scales: list[np.ndarray | None]) -> np.ndarray:
    """The mean of θ of all trials' plans over all documents, each times its own factor."""
    theta, options = np.zeros((objective.columns, objective.labels)), TrainingOptions().decided()
    for trial, scale in zip(found.trials, scales, strict=True):
        rows = objective if scale is None else objective.scaled(scale.astype(np.float32))
        run = SGD.start(rows, np.arange(60), trial.epochs, trial.learning_rate, options)
        while run.done < run.epochs:
            run.epoch()
        own = run.network.theta * trial.calibration.factor / len(found.trials)
        theta += own if scale is None else own * scale[:, None]
    return theta


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_added_is_in_the_bias_and_nowhere_else(threads: int) -> None:
    """Its sum over labels is 0, other rows are those of the average times the factor, and without a
    bias nothing is added."""
    objective, options = objective_of(PAIRS), TrainingOptions()
    idf = np.linspace(1.0, 4.0, objective.columns)
    found = fit(objective, options, columns=ColumnFacts(idf, 0), threads=threads)
    assert [trial.idf_power for trial in found.trials] == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    assert [trial.epochs for trial in found.trials[:2]] == [20, 5]
    assert found.averaged == 6
    c = found.calibration
    assert isinstance(c, Shrunk)
    theta = runs_of(objective, found, [None, None, idf, idf, idf**2, idf**2]) * c.factor
    rates = base_rates(np.bincount(objective.y, minlength=3).astype(float))
    np.testing.assert_allclose(found.layers[0][1:], theta[1:], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found.layers[0][0], theta[0] + c.offsets(rates), rtol=1e-4, atol=1e-5
    )
    without = fit(objective, options).calibration
    assert isinstance(without, Shrunk)
    assert without.prior == 0
    bare = train_corpus(corpus_of(PAIRS), FeaturizerOptions(bias=False), threads=1)
    assert bare.record.final.calibration.prior == 0


@pytest.mark.slow
def test_the_average_is_judged_as_it_answers() -> None:
    """The held-out loss is that of the average, which the trials' scores were calibrated for as
    one; hidden layers and what is not calibrated are the best trial's."""
    held = train_corpus(corpus_of(PAIRS), threads=1).record.held_out.as_json()
    losses = [trial["loss"] for trial in held["trials"]]
    assert held["loss"] not in losses
    assert held["loss"] < max(losses)
    for options in (TrainingOptions(hidden=(4,)), TrainingOptions(calibration=False)):
        held = train_corpus(corpus_of(PAIRS), training_options=options, threads=1).record.as_json()
        assert "averaged" not in held["final"]
        assert held["held_out"]["loss"] == min(t["loss"] for t in held["held_out"]["trials"])


def test_one_plan_is_no_average() -> None:
    """The summary tells of other runs where there are some."""
    one = TrainingOptions(learning_rate=4.0, idf_power=1.0)
    told = train_corpus(corpus_of(PAIRS), training_options=one, threads=1).record
    assert len(told.held_out.trials) == 1
    assert "averaged" not in told.final.as_json()
    assert not any("averaged" in value for _, value in fit_rows(told))
    uneven = [pair for i, pair in enumerate(PAIRS) if pair[0] != "western" or i % 5 == 0]
    rows = dict(fit_rows(train_corpus(corpus_of(uneven), threads=1).record))
    assert rows[""] == "averaged with 5 other runs"
    assert rows["calibration"].endswith("× log base rates)")


@pytest.mark.slow
def test_trials_of_the_choice_of_features_are_not_made_again() -> None:
    """The same bits come of trials that were made before and of those that fit makes itself."""
    chosen = train_corpus(corpus_of(PAIRS), threads=1)
    tried = chosen.featurizer.options
    told: list[object] = []
    given = FeaturizerOptions(idf=False, ngrams=tried.ngrams, char_ngrams=tried.char_ngrams)
    again = train_corpus(corpus_of(PAIRS), given, threads=1, watch=told.append)
    assert again.theta.tobytes() == chosen.theta.tobytes()
    assert again.record.held_out == chosen.record.held_out
    runs = [event.run for event in told if isinstance(event, Progress)]
    assert runs.count("trial") == 6
    told.clear()
    train_corpus(corpus_of(PAIRS), threads=1, watch=told.append)
    assert {event.run for event in told if isinstance(event, Progress)} == {"final"}


@pytest.mark.slow
def test_balanced_labels_are_not_pulled_towards_the_frequent_one() -> None:
    """Weights make labels equal, and a run that has learnt little still leans to the label of most
    documents: what is added is of their number, not of their weight."""
    pairs = [pair for i, pair in enumerate(PAIRS) if pair[0] != "western" or i % 5 == 0]
    options = TrainingOptions(class_weight="balanced")
    model = train_corpus(corpus_of(pairs), training_options=options, threads=1)
    assert model.record.final.calibration.prior < -0.1
    tested = documents(300, 4)
    mean = model.probabilities([text for _, text in tested]).mean(axis=0)
    assert mean[model.labels.index("western")] > 0.25
    dull = noise(150, {"a": 0.8, "b": 0.2}, 5)
    p = train_corpus(corpus_of(dull), training_options=options, threads=1).probabilities(
        ["w1 w2", "w9"]
    )
    assert np.abs(p - 0.5).max() < 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("featurizer", "training"),
    [
        (FeaturizerOptions(hash_bits=12), TrainingOptions()),
        (FeaturizerOptions(), TrainingOptions(hidden=(4,))),
        (FeaturizerOptions(), TrainingOptions(epochs=12)),
        (FeaturizerOptions(), TrainingOptions(calibration=False)),
        (FeaturizerOptions(), TrainingOptions(class_weight="balanced")),
    ],
)
def test_other_ways_to_train(
    featurizer: FeaturizerOptions, training: TrainingOptions, tmp_path: Path
) -> None:
    pairs = [pair for i, pair in enumerate(PAIRS) if pair[0] != "western" or i % 3 == 0]
    model = train_corpus(corpus_of(pairs), featurizer, training_options=training, threads=1)
    assert model.record.held_out.folds == FOLDS
    model.save(tmp_path / "a.textmlr")
    loaded = Model.load(tmp_path / "a.textmlr")
    texts = [text for _, text in pairs]
    assert loaded.probabilities(texts).tobytes() == model.probabilities(texts).tobytes()
    if training.calibration is False:
        assert model.parts.calibration == Calibration()


@pytest.mark.slow
def test_the_exact_solver_is_judged_by_all_as_well() -> None:
    record = train_corpus(
        corpus_of(PAIRS), training_options=TrainingOptions(solver="exact"), threads=1
    ).record.as_json()
    held = record["held_out"]
    assert (held["documents"], held["folds"]) == (60, FOLDS)
    losses = [trial["loss"] for trial in held["trials"]]
    assert held["loss"] == min(losses)
    assert losses[:-1] == sorted(losses[:-1], reverse=True)
    naive = replace(TrainingOptions(solver="exact"), seed=1)
    again = train_corpus(corpus_of(PAIRS), training_options=naive, threads=2).record.as_json()
    assert again["held_out"] == held


def test_scores_that_are_all_alike() -> None:
    """Nothing to divide by."""
    scored = Scored(
        np.zeros((20, 2), np.float32), np.arange(20, dtype=np.int32) % 2, np.ones(20, np.float32)
    )
    rates = base_rates(np.array([10.0, 10.0]))
    found, told = shrink(scored, rates, rates, biased=True)
    assert np.isfinite(found.factor)
    assert told.loss == pytest.approx(np.log(2), rel=1e-6)
