"""A sparse θ that starts from zero: dense training, with weights where label and feature met."""

from __future__ import annotations

import naive_met as naive
import numpy as np
import pytest
from test_support_training import BIAS, COLUMNS, LABELS, made_up

import textmlr
from textmlr.base.arrays import frozen
from textmlr.base.training_options import TrainingOptions
from textmlr.kernels import met_rows
from textmlr.kernels.sgd import Steps
from textmlr.model.heads import SOFTMAX
from textmlr.model.model import Model
from textmlr.model.scoring import Mixed
from textmlr.training.calibration import Scored
from textmlr.training.sgd.fit import fit
from textmlr.training.sgd.runs import ColumnFacts
from textmlr.training.support.from_zero_calibration import SumsScored, _SumsFit, calibrate_sums
from textmlr.training.support.from_zero_fit import fit_from_zero
from textmlr.training.support.from_zero_runs import ZeroRuns
from textmlr.training.support.from_zero_weights import Met
from textmlr.training.support.theta_choice import ZERO_DOCUMENTS

SPARSE = TrainingOptions(theta="sparse").decided()


def spread(weights):
    """θ, (V, L)."""
    own = weights.entries
    out = np.zeros((COLUMNS, own.many))
    out[own.wide >= 0] = weights.dense
    for row in range(COLUMNS):
        entries = slice(own.starts[row], own.starts[row + 1])
        out[row, own.labels[entries]] = weights.narrow[entries]
    return out


def drawn(met, seed=3, size=1.0):
    """Weights that are not 0 where label and feature met."""
    weights, rng = met.zeros(), np.random.default_rng(seed)
    weights.dense[:] = size * rng.normal(size=met.met.shape) * met.met
    weights.narrow[:] = size * rng.normal(size=len(met.labels))
    return weights


def many_labels(n=400, labels=40, seed=1):
    """(dense rows, objective) of so many labels that some rows are not wide."""
    x, objective = made_up(n, seed=seed)
    rng = np.random.default_rng(seed)
    y = rng.integers(0, labels, n).astype(np.int32)
    y[:labels] = np.arange(labels)
    x[:, 5:] = 0
    x[np.arange(n), 5 + y % (COLUMNS - 5)] = 1
    indptr = np.concatenate([[0], np.cumsum((x != 0).sum(1))]).astype(np.int64)
    features = type(objective.features)(
        indptr, np.nonzero(x)[1].astype(np.int32), x[x != 0], COLUMNS
    )
    return x, type(objective)(features, y, objective.weights, labels, 1e-3)


@pytest.mark.parametrize("make", [made_up, many_labels])
def test_entries_are_where_label_and_feature_met(make) -> None:
    x, objective = make()
    everything = np.arange(len(x))
    met = Met.of(objective, everything, BIAS)
    wanted = naive.met(x, objective.y, objective.weights, objective.labels, BIAS)
    np.testing.assert_array_equal(spread(drawn(met)) != 0, wanted)
    np.testing.assert_array_equal(met.sizes, wanted.sum(1))
    wide = (met_rows.WIDE * wanted.sum(1) >= objective.labels) & (wanted.sum(1) > 0)
    np.testing.assert_array_equal(met.wide >= 0, wide)
    for row in range(COLUMNS):
        labels = met.labels[met.starts[row] : met.starts[row + 1]]
        assert (np.diff(labels) > 0).all()
    if make is many_labels:
        assert wide.any()
        assert not wide.all()
    some = everything[::3]
    few = Met.of(objective, some, BIAS)
    own = naive.met(x[some], objective.y[some], objective.weights[some], objective.labels, BIAS)
    np.testing.assert_array_equal(spread(drawn(few)) != 0, own)


@pytest.mark.parametrize("make", [made_up, many_labels])
@pytest.mark.parametrize("scale", [1.0, 1e-6])
@pytest.mark.parametrize("size", [1.0, 8.0])  # of large weights few labels have errors
def test_an_epoch_is_that_of_its_naive_twin(make, scale, size) -> None:
    x, objective = make()
    met = Met.of(objective, np.arange(len(x)), BIAS)
    weights = drawn(met, size=size / scale)
    theta = scale * spread(weights)
    order = np.random.default_rng(3).permutation(len(x))[:40].astype(np.int32)
    totals = np.zeros(3)
    steps = Steps(0.5, 0.1, 1e-3, scale, 0.0, 0)
    rows = objective.features.arrays()
    own = frozen(objective.codes), frozen(order), steps, weights.rows()
    met_rows.epoch(rows, *own, weights.step_room(rows), totals)
    wanted, loss, right, held = naive.epoch(
        x,
        objective.y,
        order,
        steps,
        theta,
        naive.met(x, objective.y, objective.weights, objective.labels, BIAS),
        met_rows.SHARED,
        met_rows.LEAST_ERROR,
    )
    found = totals[2] * spread(weights)
    # An error may be small enough to be left out in one and not in the other.
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-3)
    assert totals[0] == pytest.approx(loss, rel=1e-3)
    assert abs(totals[1] - right) <= 2  # of labels that score about the same
    assert held > 0
    assert not found[spread(drawn(met)) == 0].any()


def test_scores_are_products() -> None:
    x, objective = many_labels()
    weights = drawn(Met.of(objective, np.arange(len(x)), BIAS))
    out = np.empty((len(x), objective.labels), np.float32)
    weights.scores(objective.features.arrays(), out)
    np.testing.assert_allclose(out, x @ spread(weights), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(weights.row(BIAS), spread(weights)[BIAS])
    scale = np.arange(1, COLUMNS + 1, dtype=np.float32)
    wanted = scale[:, None] * spread(weights)
    weights.scale_rows(scale)
    np.testing.assert_allclose(spread(weights), wanted, rtol=1e-6)


def test_a_model_has_its_weights() -> None:
    x, objective = many_labels()
    weights = drawn(Met.of(objective, np.arange(len(x)), BIAS))
    postings, theta = weights.postings(BIAS), spread(weights)
    np.testing.assert_array_equal(postings.bias, theta[BIAS])
    theta[BIAS] = 0
    np.testing.assert_array_equal(postings.dense(), theta)
    assert len(postings) == np.count_nonzero(theta)
    unbiased = drawn(Met.of(objective, np.arange(len(x)), None))
    np.testing.assert_array_equal(unbiased.postings(None).dense(), spread(unbiased))


def test_scores_of_ten_thousand_stay_finite() -> None:
    x, objective = many_labels()
    weights, totals = drawn(Met.of(objective, np.arange(len(x)), BIAS), size=1e4), np.zeros(3)
    rows, order = objective.features.arrays(), frozen(np.arange(len(x), dtype=np.int32))
    steps = Steps(0.5, 0.1, 1e-6, 1.0, 0.0, 0)
    own = frozen(objective.codes), order, steps, weights.rows(), weights.step_room(rows), totals
    met_rows.epoch(rows, *own)
    assert np.isfinite(totals).all()
    assert np.isfinite(weights.theta).all()


def test_where_all_met_it_is_dense_training_but_for_small_errors() -> None:
    """Steps that all labels share are 0 there: errors of all labels add up to 0."""
    x, objective = made_up(600, weighted=False)
    x += np.float32(0.01)
    x[:, BIAS] = 1
    indptr = np.arange(len(x) + 1, dtype=np.int64) * COLUMNS
    indices = np.tile(np.arange(COLUMNS, dtype=np.int32), len(x))
    features = type(objective.features)(indptr, indices, x.ravel(), COLUMNS)
    y = np.minimum(objective.y, LABELS - 2)
    objective = type(objective)(features, y, objective.weights, LABELS - 1, 1e-6)
    options = TrainingOptions(learning_rate=2.0, epochs=3, seed=4)
    facts = ColumnFacts(None, BIAS)
    dense = fit(objective, options, columns=facts)
    sparse = fit_from_zero(objective, TrainingOptions(**_given(options)), columns=facts)
    postings = sparse.postings
    assert (np.diff(postings.starts)[1:] == LABELS - 1).all()
    assert dense.calibration.exponent <= 0
    scale = dense.calibration.factor / sparse.fitted.factor
    theta = dense.layers[0] / scale
    np.testing.assert_allclose(postings.dense()[1:], theta[1:], rtol=0.02, atol=0.02)
    found, wanted = (own - own.mean() for own in (postings.bias, theta[BIAS]))
    np.testing.assert_allclose(found, wanted, rtol=0.02, atol=0.02)


def _given(options):
    return {
        "theta": "sparse",
        "learning_rate": options.learning_rate,
        "epochs": options.epochs,
        "seed": options.seed,
    }


@pytest.mark.parametrize("n", [120, 600])
@pytest.mark.parametrize("weighted", [False, True])
def test_threads_change_no_bit(n, weighted) -> None:
    _, objective = made_up(n, weighted=weighted)
    facts = ColumnFacts(np.linspace(1, 2, COLUMNS), BIAS)
    one, two = (fit_from_zero(objective, SPARSE, columns=facts, threads=k) for k in (1, 3))
    assert one.postings.weights.tobytes() == two.postings.weights.tobytes()
    assert one.postings.bias.tobytes() == two.postings.bias.tobytes()
    assert one.calibration == two.calibration
    assert one.postings.sums is None
    assert not one.postings.scales.any()


def test_weights_stand_only_where_label_and_feature_met() -> None:
    for n in (120, 600):
        x, objective = made_up(n)
        found = fit_from_zero(objective, SPARSE, columns=ColumnFacts(None, BIAS))
        met = naive.met(x, objective.y, objective.weights, LABELS, None)
        met[BIAS] = False
        postings = found.postings
        assert len(postings) == met.sum()
        assert not postings.dense()[met == 0].any()


def test_the_calibration_is_at_the_minimum() -> None:
    rng = np.random.default_rng(2)
    bias = rng.normal(size=5).astype(np.float32)
    scores = (3 * rng.normal(size=(300, 5)) + bias).astype(np.float32)
    y = np.array([rng.choice(5, p=_softmax(row / 2)) for row in scores], np.int32)
    scored = SumsScored.at(Scored(scores, y, np.ones(300, np.float32), SOFTMAX), bias)
    found, loss = calibrate_sums(scored)
    assert isinstance(found, Mixed)
    sums = scores.astype(np.float64) - bias
    tops = np.maximum(np.maximum(sums.max(1), 1e-9), found.least)
    t = (tops / found.spread) ** found.exponent
    p = [_softmax(found.factor * (a * row + bias)) for a, row in zip(t, sums, strict=True)]
    assert loss == pytest.approx(-np.mean(np.log([one[k] for one, k in zip(p, y, strict=True)])))
    fit = _SumsFit(scored)
    at = np.array([np.log(found.factor), found.exponent])
    if found.exponent < 0:
        np.testing.assert_allclose(fit._measure(at)[2], 0, atol=1e-3)
    for k in range(2):
        move = np.zeros(2)
        move[k] = 1e-5
        there = np.array([0.2, -0.3])
        slope = (fit._measure(there + move)[0] - fit._measure(there - move)[0]) / 2e-5
        assert fit._measure(there)[2][k] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def _softmax(row):
    p = np.exp(row - row.max())
    return p / p.sum()


def corpus(labels=4, documents=ZERO_DOCUMENTS, seed=0):
    """Texts whose labels have words of their own, and words that all share."""
    rng = np.random.default_rng(seed)
    y = [k for k in range(labels) for _ in range(documents)]
    texts = [
        " ".join([*(f"s{w}" for w in rng.integers(0, 30, 5)), f"w{k}x{rng.integers(3)}"]) for k in y
    ]
    return texts, [f"label{k}" for k in y]


@pytest.mark.parametrize("documents", [ZERO_DOCUMENTS, 8 * ZERO_DOCUMENTS])
def test_labels_of_many_documents_start_from_zero(documents, tmp_path) -> None:
    texts, labels = corpus(documents=documents)
    model = textmlr.train(texts, labels, theta="sparse")
    final = model.record.final
    assert final.solver == "support"
    assert final.attraction == 0
    assert final.idf_power is not None
    assert model.record.held_out.trials
    assert np.mean(model.predict(texts) == np.array(labels)) > 0.95
    p = model.probabilities(texts)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-9)
    model.save(tmp_path / "m")
    loaded = Model.load(tmp_path / "m")
    assert (loaded.probabilities(texts) == p).all()
    assert loaded.record.final == final
    again = textmlr.train(texts, labels, theta="sparse", threads=3)
    again.save(tmp_path / "n")
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes()


def test_labels_of_few_documents_start_from_their_sums() -> None:
    texts, labels = corpus(documents=ZERO_DOCUMENTS - 1)
    model = textmlr.train(texts, labels, theta="sparse")
    assert model.record.final.attraction > 0


def test_without_a_bias_and_with_hashed_columns() -> None:
    texts, labels = corpus(documents=100)
    for options in ({"bias": False}, {"hash_bits": 10}, {"bias": False, "hash_bits": 10}):
        model = textmlr.train(texts, labels, theta="sparse", **options)
        assert np.mean(model.predict(texts) == np.array(labels)) > 0.9
        assert model.record.final.attraction == 0


def test_a_label_without_weight_is_never_touched() -> None:
    texts, labels = corpus(documents=100)
    weights = [0.0 if label == "label3" else 1.0 for label in labels]
    model = textmlr.train(texts, labels, weights=weights, theta="sparse")
    assert not model.parts.postings.column(model.labels.index("label3")).any()


def test_options_are_those_of_dense_training() -> None:
    own = ZeroRuns.decided(SPARSE)
    assert own == TrainingOptions().decided()
