"""Calibration: the least held-out loss, within bounds, and the same arithmetic in every path."""

from __future__ import annotations

import json
from pathlib import Path

import naive_linear as naive
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import corpus_of, documents, objective_of
from scipy.special import logsumexp

from textmlr import FeaturizerOptions, ModelFileError
from textmlr.base import tensor_file
from textmlr.base.arrays import frozen
from textmlr.base.training_options import TrainingOptions
from textmlr.cli import cli
from textmlr.corpus.in_memory import batches_of
from textmlr.features.csr_features import Features
from textmlr.features.featurizer import Featurizer
from textmlr.kernels import linear as kernels
from textmlr.kernels import softmax
from textmlr.model.model import Model
from textmlr.model.parameters import Network
from textmlr.model.scoring import Calibration, score
from textmlr.training.calibration import (
    EXPONENT_PRIOR,
    FACTOR_PRIOR,
    USUAL_EXPONENT,
    Scored,
    calibrate,
)
from textmlr.training.corpus_training import train_corpus
from textmlr.training.held_out import FOLDS
from textmlr.training.objective import Objective
from textmlr.training.rows import Rows
from textmlr.training.sgd import trials
from textmlr.training.sgd.descent import SGD
from textmlr.training.sgd.fit import fit

PAIRS = documents(300, 11)
TEXTS = [text for _, text in documents(40, 5)] + ["", "nothing known at all?", "robot " * 500]


def loss_of(objective: Objective, scores: np.ndarray) -> float:
    scores = scores.astype(float)
    own = scores[np.arange(len(scores)), objective.y]
    return float((logsumexp(scores, axis=1) - own).mean())


@pytest.mark.slow
@pytest.mark.parametrize("size", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("labels", [2, 3])
def test_factor_and_exponent_make_the_loss_least(size: float, labels: int) -> None:
    """No other factor or exponent near by has a lower loss, the penalties included."""
    kept = [pair for pair in PAIRS if labels == 3 or pair[0] != "western"]
    objective = objective_of(kept)
    rng = np.random.default_rng(3)
    sizes = np.exp(rng.normal(size=(objective.features.columns, 1)))
    theta = (size * sizes * rng.normal(size=(objective.features.columns, labels))).astype(
        np.float32
    )
    found, loss = calibrate(Scored.of(objective, Network.of([theta])))
    scores = score(objective.features, Network.of([theta])).astype(float)
    assert loss == pytest.approx(loss_of(objective, naive.calibrated(scores, found)), rel=1e-9)
    spreads = scores.std(axis=1)
    assert found.spread == pytest.approx(np.exp(np.log(spreads).mean()))
    assert found.least == pytest.approx(np.quantile(spreads, 0.05))
    usual = USUAL_EXPONENT if labels > 2 else 0.0

    def penalised(factor: float, exponent: float) -> float:
        other = Calibration(factor, exponent, found.spread, found.least)
        prior = FACTOR_PRIOR * np.log(factor) ** 2 + EXPONENT_PRIOR * (exponent - usual) ** 2
        return loss_of(objective, naive.calibrated(scores, other)) + prior / 2 / len(kept)

    least = penalised(found.factor, found.exponent)
    assert -1 <= found.exponent <= 0
    for by in (0.95, 1.05):
        assert penalised(found.factor * by, found.exponent) > least
    for step in (-0.05, 0.05):
        if -1 <= found.exponent + step <= 0:
            assert penalised(found.factor, found.exponent + step) > least


def test_calibration_stays_finite_where_every_document_is_right() -> None:
    rows = Features(np.array([0, 1, 2]), np.array([0, 1], np.int32), np.ones(2, np.float32), 2)
    objective = Objective(rows, np.array([0, 1], np.int32), np.ones(2, np.float32), 2)
    theta = np.array([[1, -1], [-1, 1]], np.float32)
    found, loss = calibrate(Scored.of(objective, Network.of([theta])))
    assert 1 < found.factor < 3
    assert 0 < loss < objective.evaluate(Network.of([theta]))[0]


def test_documents_that_all_score_alike() -> None:
    """Without any spread there is nothing to fit, and nothing to divide by."""
    rows = Features(np.array([0, 0, 0]), np.zeros(0, np.int32), np.zeros(0, np.float32), 1)
    objective = Objective(rows, np.array([0, 1], np.int32), np.ones(2, np.float32), 3)
    found, loss = calibrate(Scored.of(objective, Network.of([np.zeros((1, 3), np.float32)])))
    assert all(np.isfinite(value) for value in (found.factor, found.exponent, found.spread))
    assert loss == pytest.approx(np.log(3))


def test_derivatives_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(20, 4)).astype(np.float32)
    scores[0] = 1e4, -1e4, 0, 0
    y = rng.integers(0, 4, 20).astype(np.int32)
    factors = np.exp(rng.normal(size=20) / 2)

    def measure(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        out = tuple(np.empty(20) for _ in range(3))
        softmax.tempered_loss(frozen(scores), frozen(y), frozen(factors), *out)
        return out

    losses, slopes, curvatures = measure(factors)
    scaled = factors[:, None] * scores.astype(float)
    np.testing.assert_allclose(
        losses, logsumexp(scaled, axis=1) - scaled[np.arange(20), y], rtol=1e-12, atol=1e-12
    )
    h = 1e-5
    ahead, behind = measure(factors * np.exp(h)), measure(factors * np.exp(-h))
    np.testing.assert_allclose(slopes, (ahead[0] - behind[0]) / 2 / h, rtol=1e-6, atol=1e-6)
    # The second derivative by log t is the curvature and the slope.
    second = (ahead[1] - behind[1]) / 2 / h
    np.testing.assert_allclose(curvatures + slopes, second, rtol=1e-5, atol=1e-5)
    assert (curvatures >= 0).all()


def test_spreads() -> None:
    scores = np.random.default_rng(1).normal(size=(20, 5)).astype(np.float32)
    scores[3] = 7
    out = np.empty(20)
    kernels.spreads(frozen(scores), out)
    np.testing.assert_allclose(out, scores.astype(float).std(axis=1), rtol=1e-12, atol=1e-12)


@pytest.fixture(scope="module")
def model() -> Model:
    return train_corpus(corpus_of(PAIRS))


@pytest.mark.slow
def test_every_path_multiplies_the_scores_alike(model: Model, tmp_path: Path) -> None:
    """Together, one by one, of a loaded model (without a table of its features): the same bits."""
    calibration = model.parts.calibration
    assert calibration.exponent < 0
    assert calibration.factor == 1  # it is in θ
    rows = model.featurizer.featurize(batches_of(TEXTS))
    plain = score(rows, Network.of([model.theta])).astype(float)
    scores = model.scores(TEXTS)
    want = naive.calibrated(plain, calibration)
    counts = model.record.corpus.per_label
    want = naive.with_base(want, rows.to_scipy().toarray(), model.theta, 1, counts)
    np.testing.assert_allclose(scores, want, rtol=1e-5, atol=1e-5)
    probabilities = model.probabilities(TEXTS)
    share = np.exp(scores - logsumexp(scores.astype(float), axis=1)[:, None])
    np.testing.assert_allclose(probabilities, share, rtol=1e-6)
    model.save(tmp_path / "a.textmlr")
    loaded = Model.load(tmp_path / "a.textmlr")
    assert loaded.parts.calibration == calibration
    for i, text in enumerate(TEXTS):
        for one in (model, loaded):
            assert one.probabilities([text]).tobytes() == probabilities[i].tobytes()
            assert one.scores([text]).tobytes() == scores[i].tobytes()


def test_the_model_is_as_sure_as_it_was_on_the_held_out_documents(model: Model) -> None:
    """What is in the file is what the trial was judged by, the factor moved into θ."""
    final = model.record.final.calibration.as_json()
    assert model.parts.calibration == Calibration(**final).absorbed()
    assert model.parts.calibration.spread == final["spread"] * final["factor"]


def test_calibration_can_be_left_off(train_tsv: Path, tmp_path: Path) -> None:
    path = tmp_path / "plain.textmlr"
    arguments = ["train", str(train_tsv), "-o", str(path), "--no-calibration", "--json"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["final"]["calibration"] == {
        "factor": 1.0,
        "exponent": 0.0,
        "spread": 1.0,
        "least": 1.0,
    }
    assert Model.load(path).parts.calibration == Calibration()


def test_calibration_changes_no_answer() -> None:
    corpus = corpus_of(PAIRS)
    bare = train_corpus(
        corpus,
        training_options=TrainingOptions(calibration=False, learning_rate=4.0, idf_power=1.0),
    )
    sure = train_corpus(corpus, training_options=TrainingOptions(learning_rate=4.0, idf_power=1.0))
    assert [a[0].label for a in bare.classify(TEXTS)] == [a[0].label for a in sure.classify(TEXTS)]
    assert not np.allclose(bare.probabilities(TEXTS), sure.probabilities(TEXTS))


@pytest.mark.parametrize(
    "change",
    [
        {"exponent": 0.5},
        {"exponent": -2.0},
        {"spread": 0.0},
        {"least": -1.0},
        {"factor": "1"},
        {"factor": None},
        {"more": 1.0},
    ],
)
def test_a_calibration_out_of_range_is_refused(
    model: Model, change: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "a.textmlr"
    model.save(path)
    header, tensors = tensor_file.load(path)
    header["calibration"] |= change
    tensor_file.save(path, header, dict(tensors))
    with pytest.raises(ModelFileError, match="calibration"):
        Model.load(path)


def test_rows_as_new_are_what_a_featurizer_makes_of_them() -> None:
    """Held-out rows, without the columns that no other document has, against a featurizer that
    never saw them."""
    corpus, options = corpus_of(PAIRS[:40]), FeaturizerOptions(idf=False, char_ngrams=None)
    rows = Rows.of(corpus, options, TrainingOptions(), 1)
    held, others = np.arange(0, 40, 4), np.setdiff1d(np.arange(40), np.arange(0, 40, 4))
    seen = rows.objective.take(others).documents_of()
    new = rows.objective.take(held).as_new(seen)
    assert len(new.features.indices) < len(rows.objective.take(held).features.indices)
    fitted = Featurizer(options).fit([PAIRS[i][1] for i in others])
    plain = fitted.transform([PAIRS[i][1] for i in held])
    names = rows.featurizer.feature_names()
    order = {name: column for column, name in enumerate(fitted.feature_names())}
    for i in range(len(held)):
        row = slice(*new.features.indptr[i : i + 2])
        ours = {
            order[names[column]]: value
            for column, value in zip(
                new.features.indices[row].tolist(), new.features.values[row].tolist(), strict=True
            )
        }
        theirs = plain[[i], :].tocoo()
        assert ours == pytest.approx(dict(zip(theirs.col.tolist(), theirs.data, strict=True)))


def test_rows_without_a_length_stay_as_they_are() -> None:
    """Hashed rows count columns that were never seen; others have no length to keep."""
    for options in (FeaturizerOptions(hash_bits=12), FeaturizerOptions(norm=None)):
        rows = Rows.of(corpus_of(PAIRS[:40]), options, TrainingOptions(), 1)
        assert rows.objective.unit_from is None
        part = rows.objective.take(np.arange(5))
        assert part.as_new(np.zeros(part.features.columns, np.int32)) is part


def test_few_documents_are_all_held_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each document is scored once, by a run that did not learn from it."""
    objective, options = objective_of(PAIRS), TrainingOptions(epochs=3, learning_rate=2.0)
    results = [fit(objective, options, threads=threads) for threads in (1, 2, 4)]
    assert results[0].judged == results[1].judged == results[2].judged
    assert len({result.layers[0].tobytes() for result in results}) == 1
    result = results[0]
    assert result.held_out == len(PAIRS)
    assert result.folds == FOLDS
    [trial] = result.trials
    assert result.judged is not None
    assert result.judged.calibration != trial.calibration
    everything, parts = np.arange(len(PAIRS)), []
    rng = np.random.default_rng([options.seed, (1 << 31) + 3])
    by_label = np.lexsort((rng.random(len(PAIRS)), objective.y))
    for part in range(FOLDS):
        held = np.sort(by_label[part::FOLDS])
        assert set(np.bincount(objective.y[held])) == {10}
        run = SGD.start(objective, np.setdiff1d(everything, held), 3, 2.0, options.decided())
        while run.done < run.epochs:
            run.epoch()
        parts.append(Scored.of(objective.take(held), run.network))
    scored = Scored.joined(parts)
    assert calibrate(scored) == (result.judged.calibration, result.judged.loss)
    assert scored.accuracy == result.judged.accuracy
    monkeypatch.setattr(trials, "ENOUGH_HELD_OUT", 30)
    plain = fit(objective, options)
    assert (plain.folds, plain.held_out, plain.judged) == (0, 30, plain.trials[0])
