"""Training of a sparse θ: sums by label, documents taken out of them, steps with exact z."""

from __future__ import annotations

import naive_support as naive
import numpy as np
import pytest

import textmlr
from textmlr.base.arrays import frozen
from textmlr.base.training_options import TrainingOptions
from textmlr.features.csr_features import Features
from textmlr.kernels import support_scalars, support_steps
from textmlr.training.objective import Objective
from textmlr.training.support import left_out
from textmlr.training.support.block_descent import BIAS_PACE, BlockDescent
from textmlr.training.support.closed_form import paces_of
from textmlr.training.support.label_sums import LabelSums
from textmlr.training.support.left_out import LeftOut, Scalars, fit_scalars
from textmlr.training.support.share_calibration import Judges
from textmlr.training.support.support_choice import SupportChoice
from textmlr.training.support.support_fit import fit_support

LABELS, COLUMNS, BIAS, MOST = 9, 14, 0, 7
SCALARS = Scalars(7.0, 0.6, 0.4, 0.1, 0.0)
ROW_SCALES = np.linspace(0.5, 4, COLUMNS, dtype=np.float32)
TEMPER = (-0.7, 2.5, 1.5)


def made_up(n=60, seed=0, weighted=True):
    """(dense rows, objective): labels have 1 to 20 documents, one has none; some rows are empty but
    for the bias, and one document weighs nothing."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((n, COLUMNS)) < 0.3, rng.random((n, COLUMNS)), 0).astype(np.float32)
    x[:, BIAS] = 1
    x[3, 1:] = 0
    y = np.minimum(rng.geometric(0.3, n) - 1, LABELS - 2).astype(np.int32)
    y[5] = LABELS - 2
    for label in range(1, COLUMNS):
        x[y == label % LABELS, label] += np.float32(0.5)
    weights = rng.choice([0.5, 1.0, 2.0], n).astype(np.float32) if weighted else np.ones(n)
    if weighted:
        weights[7] = 0
    indptr = np.concatenate([[0], np.cumsum((x != 0).sum(1))]).astype(np.int64)
    features = Features(indptr, np.nonzero(x)[1].astype(np.int32), x[x != 0], COLUMNS)
    return x, Objective(features, y, weights.astype(np.float32), LABELS)


def dense(sums, values):
    """(V, L) of entries."""
    out = np.zeros((COLUMNS, LABELS))
    for row in range(COLUMNS):
        entries = slice(sums.starts[row], sums.starts[row + 1])
        out[row, sums.labels[entries]] = values[entries]
    return out


def descent_of(objective, sums, scalars, threads=1, shifts=None, temper=(0, 1, 1)):
    """A run that begins with the sums alone."""
    theta = support_steps.SupportTheta(
        frozen(sums.starts),
        frozen(sums.labels),
        sums.rooted(scalars.scales(sums)),
        scalars.bias(sums),
        np.empty(LABELS),
        frozen(paces_of(sums)),
        np.array(temper, np.float32),
    )
    if shifts is None:
        shifts = LeftOut.of(objective, sums).shifts(scalars, sums, objective.codes)
    return BlockDescent(objective, shifts, theta, threads, seed=0)


def test_sums_are_those_of_labels_and_features_that_met() -> None:
    x, objective = made_up()
    sums = LabelSums.of(objective, BIAS, MOST, ROW_SCALES)
    met = naive.support(x, objective.y, objective.weights, LABELS, BIAS, MOST)
    wanted = naive.sums(x, objective.y, objective.weights, LABELS) * met
    assert 0 < met.any(1).sum() < COLUMNS - 1  # some features are in too many labels
    assert len(sums.labels) == met.sum()
    for row in range(COLUMNS):
        own = sums.labels[sums.starts[row] : sums.starts[row + 1]]
        assert own.tolist() == np.flatnonzero(met[row]).tolist()
    np.testing.assert_allclose(dense(sums, sums.sums), wanted, rtol=1e-6)
    np.testing.assert_allclose(sums.squares, naive.squares(wanted, ROW_SCALES), rtol=1e-6)
    assert sums.counts[LABELS - 1] == 0


def test_a_document_is_taken_out_as_if_it_had_not_been_there() -> None:
    x, objective = made_up()
    sums = LabelSums.of(objective, BIAS, MOST, ROW_SCALES)
    left = LeftOut.of(objective, sums)
    shifts = left.shifts(SCALARS, sums, objective.codes).sum(axis=1)
    scalars = SCALARS.attraction, SCALARS.prior, SCALARS.norm_power
    kept = np.diff(sums.starts) > 0
    able = set(left.able.tolist())
    for i, label in enumerate(objective.y):
        weights = objective.weights.copy()
        whole = naive.sums(x * kept, objective.y, weights, LABELS)
        counts = np.bincount(objective.y, weights, minlength=LABELS)
        before = naive.scores(x[i] * kept, whole, ROW_SCALES, counts, *scalars)[label]
        others = (objective.y == label) & (weights > 0)
        others[i] = False
        assert (i in able) == bool(weights[i] > 0 and others.any())
        if i not in able:
            continue
        weights[i] = 0
        rest = naive.sums(x * kept, objective.y, weights, LABELS)
        counts = np.bincount(objective.y, weights, minlength=LABELS)
        after = naive.scores(x[i] * kept, rest, ROW_SCALES, counts, *scalars)[label]
        assert shifts[i] == pytest.approx(after - before, rel=1e-3, abs=2e-3)


def test_losses_are_exact() -> None:
    x, objective = made_up()
    sums = LabelSums.of(objective, BIAS, MOST, ROW_SCALES)
    shifts = np.zeros((len(x), 2), np.float32)
    for temper in ((0, 1, 1), TEMPER):
        run = descent_of(objective, sums, SCALARS, shifts=shifts, temper=temper)
        theta = dense(sums, run.theta.weights)
        found = run.losses(np.arange(len(x)))
        drawn = x @ theta
        times = np.array([[naive.times(row, temper)] for row in drawn])
        pairs = zip(times * drawn + run.theta.bias, objective.y, strict=True)
        wanted = [naive.loss(own, y) for own, y in pairs]
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_scores_of_ten_thousand_stay_finite() -> None:
    x, objective = made_up()
    sums = LabelSums.of(objective, BIAS, MOST, ROW_SCALES)
    run = descent_of(objective, sums, SCALARS)
    run.theta.weights[:] *= np.float32(1e4)
    losses = run.losses(np.arange(len(x)))
    assert np.isfinite(losses).all()
    figures = run.epoch(np.arange(len(x)), 1.0, 0.0)
    assert np.isfinite(figures.loss)
    assert np.isfinite(run.theta.weights).all()


def test_a_step_is_the_gradient_where_label_and_feature_met() -> None:
    x, objective = made_up()
    sums = LabelSums.of(objective, BIAS, MOST, ROW_SCALES)
    met = dense(sums, np.ones(len(sums.labels))) > 0
    for i in (0, 1, 3, 20):
        run = descent_of(objective, sums, SCALARS, temper=TEMPER)
        theta, bias = dense(sums, run.theta.weights), run.theta.bias.astype(np.float64)
        own = x[i] @ theta
        own[objective.y[i]] += run.shifts[i, 0]
        times = naive.times(own, TEMPER)
        own = times * own + bias
        own[objective.y[i]] += run.shifts[i, 1]
        error = naive.error(own, objective.y[i])
        error[np.abs(error) < 1e-3] = 0
        touched = met[x[i] != 0].any(0)
        touched[objective.y[i]] = True
        error[~touched] = 0  # the bias of labels that it does not touch stays as it is
        step = 0.3 * float(objective.weights[i])
        run.epoch(np.array([i]), 0.3, 0.0)
        paces = dense(
            sums, np.ones(len(sums.labels)) * np.repeat(run.theta.paces, np.diff(sums.starts))
        )
        wanted = theta - step * times * paces * np.outer(x[i], error)
        np.testing.assert_allclose(dense(sums, run.theta.weights), wanted, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(run.theta.bias, bias - BIAS_PACE * step * error, atol=1e-4)


def test_derivatives_of_the_scalars() -> None:
    _, objective = made_up(weighted=False)
    sums = LabelSums.of(objective, BIAS, MOST, ROW_SCALES)
    left = LeftOut.of(objective, sums)
    fit = left_out._ScalarFit.of(objective, sums, left, left.able)
    at = np.array([1.5, 0.4, 0.3])
    rows = fit.loss(at, 0.1)[1]
    first = support_scalars.FIRST
    for k in range(3):
        move = np.zeros(3)
        move[k] = 1e-5
        above, below = fit.loss(at + move, 0.1)[1], fit.loss(at - move, 0.1)[1]
        slope = (above[:, 0] - below[:, 0]) / 2e-5
        np.testing.assert_allclose(rows[:, first + k], slope, rtol=1e-4, atol=1e-6)
        assert (rows[:, support_scalars.HESSIAN + 4 * k] >= -1e-9).all()
    p = np.exp(-rows[:, 0])
    shifts = left.shifts(Scalars(np.exp(1.5), 0.4, 0.3, 0.1, 0.0), sums, objective.codes)
    run = descent_of(objective, sums, Scalars(np.exp(1.5), 0.4, 0.3, 0.1, 0.0), shifts=shifts)
    np.testing.assert_allclose(p, np.exp(-run.losses(left.able)), rtol=1e-3)


def test_the_scalars_fit_better_than_where_they_begin() -> None:
    _, objective = made_up(300)
    sums = LabelSums.of(objective, BIAS, MOST, ROW_SCALES)
    left = LeftOut.of(objective, sums)
    fit = left_out._ScalarFit.of(objective, sums, left, left.able)
    found = fit_scalars(objective, sums, left, 1)
    begun, _ = fit.loss(np.array(left_out.BEGINNING), left_out.BEGINNING_SHARE)
    assert found.loss < begun
    assert 0 < found.share < 1


def test_calibration_lowers_the_loss_of_documents_that_judge() -> None:
    _, objective = made_up(400)
    sums = LabelSums.of(objective, BIAS, MOST, ROW_SCALES)
    left = LeftOut.of(objective, sums)
    run = descent_of(objective, sums, SCALARS)
    able, rates = left.able, sums.counts / sums.counts.sum()
    own = objective.take(able)
    judges = Judges(
        own.features.arrays(),
        own.codes,
        left.shifts(SCALARS, sums, objective.codes)[able],
        own.weights.astype(np.float64),
        rates[own.codes],
    )
    losses, right = judges._losses(run.theta, np.arange(len(able)), np.ones((len(able), 1)))[1]
    np.testing.assert_allclose(losses[:, 0], run.losses(able), rtol=1e-4, atol=1e-4)
    found, judged = judges.calibrate(run.theta)
    plain, plainly = judges.calibrate(run.theta, tempered=False)
    assert (plain.factor, plain.exponent) == (1, 0)
    assert judged.loss < plainly.loss <= np.average(losses[:, 0], weights=judges.weights) + 1e-9
    assert found.factor != 1
    assert 0 <= judged.accuracy <= 1
    assert set(right.ravel()) <= {0.0, 1.0}


def test_labels_of_one_document_each_are_trained() -> None:
    model = textmlr.train(["a robot", "the saddle", "old ship"], ["x", "y", "z"], theta="sparse")
    assert model.predict("robot") == "x"
    assert model.record.final.epochs == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("epochs", [0, 2])
def test_threads_change_no_bit(weighted: bool, epochs: int) -> None:
    _, objective = made_up(400, weighted=weighted)
    options = TrainingOptions(theta="sparse").decided()
    frequencies, choice = objective.documents_of(), SupportChoice(0.75, 0.2, epochs)
    own = {"bias": BIAS, "frequencies": frequencies, "choice": choice}
    one, two = (fit_support(objective, options, threads=n, **own) for n in (1, 3))
    assert one.epochs == epochs
    assert one.postings.weights.tobytes() == two.postings.weights.tobytes()
    assert one.postings.bias.tobytes() == two.postings.bias.tobytes()
    assert one.calibration == two.calibration


def test_a_model_in_memory_answers_as_its_file(tmp_path) -> None:
    texts = [f"w{i % 7} w{i % 11} w{i % 3} common" for i in range(60)]
    model = textmlr.train(texts, [f"l{i % 7}" for i in range(60)], theta="sparse")
    model.save(tmp_path / "m")
    loaded = textmlr.load(tmp_path / "m")
    assert (loaded.probabilities(texts) == model.probabilities(texts)).all()
    assert loaded.record.final == model.record.final
    assert loaded.record.held_out == model.record.held_out
    assert loaded.record.final.weights == len(loaded.parts.postings)
    np.testing.assert_allclose(model.probabilities(texts).sum(1), 1, atol=1e-9)


def test_steps_are_taken_where_they_help_or_are_asked_for() -> None:
    rng = np.random.default_rng(2)
    texts = [f"w{i % 30} " + " ".join(f"c{k}" for k in rng.integers(0, 40, 6)) for i in range(600)]
    labels = [f"l{i % 30}" for i in range(600)]
    asked = textmlr.train(texts, labels, theta="sparse", epochs=1)
    assert asked.record.final.epochs == 1
    chosen = textmlr.train(texts, labels, theta="sparse")
    assert chosen.record.held_out.loss <= asked.record.held_out.loss + 0.05
    noise = [f"l{k}" for k in rng.integers(0, 30, 600)]
    assert textmlr.train(texts, noise, theta="sparse").record.held_out.loss < np.log(30) + 0.3
