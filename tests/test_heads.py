"""The seam of heads: another output layer trains, saves, answers and is judged as the softmax."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from textmlr import Corpus, InputError, Model, ModelFileError, TrainingOptions
from textmlr.evaluation import evaluation, labelled_answers
from textmlr.kernels import document_answer
from textmlr.model import heads
from textmlr.model.heads import SOFTMAX, Curve, Head
from textmlr.model.small_file.compression import compress
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.calibration import Scored, calibrate, shrink
from textmlr.training.corpus_training import train_corpus
from textmlr.training.update.model_update import update_model

WORDS = {"scifi": ["robot", "orbit"], "western": ["sheriff", "saddle"], "romance": ["kiss", "vow"]}


# ---------------------------------------------------------------- a head of independent sigmoids
#     log z = sum over l of log(1 + exp s_l),  P(l | x) = 1 / (1 + exp −s_l)
def _p(scores: Any) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(np.asarray(scores, np.float64), -500, 500)))


def _write_log_z(scores: Any, out: Any) -> None:
    out[:] = np.logaddexp(0, scores.astype(np.float64)).sum(axis=1)


def _write_p(scores: Any, log_z: Any, out: Any) -> None:
    out[:] = _p(scores)


def _write_tempered(scores: Any, y: Any, t: Any, losses: Any, slopes: Any, curves: Any) -> None:
    own, hot = t[:, None] * scores, np.eye(scores.shape[1])[y]
    losses[:] = (np.logaddexp(0, own) - hot * own).sum(axis=1)
    slopes[:] = ((_p(own) - hot) * own).sum(axis=1)
    curves[:] = (_p(own) * (1 - _p(own)) * own * own).sum(axis=1)


def _epoch(*arrays: Any) -> None:
    """See ``sgd.epoch``: of the linear model, without Adagrad."""
    (indptr, indices, values), y, order, steps, (theta, _, _) = arrays[:5]
    first, last, l2, scale, _, _ = steps
    loss = right = 0.0
    for visit, i in enumerate(order):
        step = first + (last - first) * visit / len(order)
        own = slice(indptr[i], indptr[i + 1])
        scores = scale * (values[own].astype(np.float64) @ theta[indices[own]])
        hot = np.arange(len(scores)) == y[i]
        loss += float(np.logaddexp(0, scores).sum() - scores[y[i]])
        right += float(scores.argmax() == y[i])
        scale *= 1 - step * l2
        theta[indices[own]] -= np.outer(values[own], step / scale * (_p(scores) - hot))
    arrays[-1][:] = loss, right, scale


def _answer(*arrays: Any) -> int:
    return int(_rewritten(document_answer.answer, arrays))


def _answer_counts(*arrays: Any) -> None:
    _rewritten(document_answer.answer_counts, arrays)


def _rewritten(kernel: Any, arrays: Any) -> Any:
    """The softmax's answers, their log z and P written over."""
    scores, log_z, p, _ = arrays[-1]
    invalid = kernel(*arrays)
    _write_log_z(scores, log_z)
    p[:] = _p(scores)
    return invalid


def _curve(by: Any, x: Any, wanted: Any, weights: Any) -> Curve:
    scores, weights = np.einsum("j,jnl->nl", x, by), weights[:, None]
    p = _p(scores)
    value = float((weights * np.logaddexp(0, scores) - wanted * scores).sum())
    slope = ((weights * p - wanted) * by).sum(axis=(1, 2))
    return Curve(value, slope, np.einsum("inl,jnl,nl->ij", by, by, weights * p * (1 - p)))


def _log_losses(p: Any, codes: Any, least: float) -> Any:
    hot = np.arange(p.shape[1]) == codes[:, None]
    return -np.log(np.clip(np.where(hot, p, 1 - p), least, 1)).sum(axis=1)


SIGMOIDS = Head(
    name="logistic",
    log_z_kernel=_write_log_z,
    p_kernel=_write_p,
    tempered_kernel=_write_tempered,
    epoch=_epoch,
    answer=_answer,
    answer_counts=_answer_counts,
    curve=_curve,
    log_losses=_log_losses,
    log_p=lambda scores, log_z: -np.logaddexp(0, -scores),
    link=lambda log_p: log_p - np.log1p(-np.exp(np.minimum(log_p, -1e-9))),
    onnx=(
        ("Softplus", ["scores"], ["costs"], {}),
        ("ReduceSum", ["costs", "axis 1"], ["log_z"], {"keepdims": 0}),
        ("Sigmoid", ["scores"], ["probabilities"], {}),
    ),
    about=["A text classifier: P(label | document) = 1 / (1 + exp(-score)) of each label."],
)
# ------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Known while a test runs."""
    heads.register(SIGMOIDS)
    yield
    heads._HEADS.pop(SIGMOIDS.name, None)


def corpus_of(documents: int, seed: int = 0) -> Corpus:
    rng = np.random.default_rng(seed)
    labels = [*WORDS]
    texts, own = [], []
    for i in range(documents):
        label = labels[i % 3]
        others = [word for words in WORDS.values() for word in words]
        drawn = [*rng.choice(WORDS[label], 2), *rng.choice(others, 1), "a"]
        texts.append(" ".join(drawn))
        own.append(label)
    return Corpus.of(texts, own)


@pytest.fixture(scope="module")
def trained() -> Model:
    heads.register(SIGMOIDS)
    return train_corpus(corpus_of(240), head="logistic", threads=2)


@pytest.mark.slow
def test_another_head_trains_saves_and_answers(trained: Model, tmp_path: Path) -> None:
    assert trained.parts.head is SIGMOIDS
    trained.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert loaded.parts.head is SIGMOIDS
    texts = ["robot in orbit", "a sheriff, a saddle", "a kiss", "nothing known"]
    p, scores = loaded.probabilities(texts), loaded.scores(texts)
    np.testing.assert_allclose(p, _p(scores), rtol=1e-12)
    np.testing.assert_array_equal(p[:1], loaded.probabilities(texts[:1]))  # the short way
    np.testing.assert_allclose(loaded.log_z(texts), np.logaddexp(0, scores).sum(axis=1), rtol=1e-6)
    assert [row[0].label for row in loaded.classify(texts[:3])] == ["scifi", "western", "romance"]
    assert not np.allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[3], 1 / 3, rtol=1e-5)  # the base rates
    long = "robot orbit " * 2000  # past ``answering.SHORT``
    np.testing.assert_allclose(loaded.probabilities([long]), _p(loaded.scores([long])), rtol=1e-12)


@pytest.mark.slow
def test_it_minimises_its_own_loss(trained: Model) -> None:
    """The mean loss of answers is near the least that sigmoids can have, and far below chance."""
    answered = labelled_answers.answer(trained, corpus_of(90, seed=1))
    judged = evaluation.judge(answered, resamples=20)
    scores = trained.scores([corpus_of(90, seed=1).batches[0][i] for i in range(90)])
    own = SIGMOIDS.losses(scores, answered.codes)
    assert judged.log_loss == pytest.approx(own.mean(), rel=1e-6)
    assert judged.log_loss < 0.5 * (np.log(3) + 2 * np.log(1.5))
    assert judged.accuracy > 0.9
    held = trained.record.held_out.as_json()
    assert held["documents"]
    assert held["loss"] == pytest.approx(judged.log_loss, abs=0.2)


@pytest.mark.parametrize("head", [SOFTMAX, SIGMOIDS], ids=lambda head: head.name)
def test_a_head_agrees_with_itself(head: Head) -> None:
    """P is the slope of log z, tempered losses are losses, curves have their own slopes."""
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(7, 3)).astype(np.float32)
    y = rng.integers(3, size=7).astype(np.int32)
    ahead = np.array([head.log_z(scores + 1e-3 * np.eye(3, dtype=np.float32)[i]) for i in range(3)])
    back = np.array([head.log_z(scores - 1e-3 * np.eye(3, dtype=np.float32)[i]) for i in range(3)])
    p = head.probabilities(scores)
    np.testing.assert_allclose((ahead - back).T / 2e-3, p, atol=1e-3)
    np.testing.assert_allclose(head.log_p(scores, head.log_z(scores)), np.log(p), rtol=1e-5)
    losses, slopes, curvatures = head.tempered(scores, y, np.ones(7))
    np.testing.assert_allclose(losses, head.losses(scores, y), rtol=1e-6)
    np.testing.assert_allclose(head.log_losses(p, y, 1e-15), losses, rtol=1e-6)
    assert head.loss(scores, y, np.ones(7, np.float32)) == pytest.approx(losses.sum())
    above, below = (head.tempered(scores, y, np.exp(np.full(7, e))) for e in (1e-4, -1e-4))
    np.testing.assert_allclose((above[0] - below[0]) / 2e-4, slopes, atol=1e-6)
    assert (curvatures >= 0).all()
    by, wanted = rng.normal(size=(2, 7, 3)), rng.random((7, 3))
    x = np.array([0.4, -0.3])
    given = wanted, wanted.sum(axis=1)
    curve = head.curve(by, x, *given)
    steps = 1e-4 * np.eye(2)
    values = [[head.curve(by, x + s, *given).value for s in (step, -step)] for step in steps]
    np.testing.assert_allclose([(a - b) / 2e-4 for a, b in values], curve.slope, rtol=1e-5)
    slopes = np.array(
        [(head.curve(by, x + s, *given).slope - head.curve(by, x - s, *given).slope) for s in steps]
    )
    np.testing.assert_allclose(slopes / 2e-4, curve.curvature, rtol=1e-5, atol=1e-8)


def test_calibration_asks_the_head() -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(3, size=4000).astype(np.int32)
    scores = (3 * np.eye(3)[y] - 2 + rng.normal(size=(4000, 3))).astype(np.float32)
    scored = Scored(4 * scores, y, np.ones(4000, np.float32), SIGMOIDS)
    calibration, loss = calibrate(scored)
    assert calibration.factor < 0.8  # scores that are far too loud
    assert loss < scored.loss
    rates = np.full(3, 1 / 3)
    few = replace(scored, scores=scored.scores[:40], y=y[:40], weights=scored.weights[:40])
    assert shrink(few, rates, rates, biased=True)[1].loss < few.loss


@pytest.mark.slow
def test_few_documents_and_choices_go_the_same_way() -> None:
    model = train_corpus(corpus_of(40), head="logistic")
    assert model.parts.head is SIGMOIDS
    assert model.classify(["robot orbit"])[0][0].label == "scifi"


@pytest.mark.slow
def test_the_exact_solver_refuses_what_it_cannot_minimise(trained: Model) -> None:
    for options in (TrainingOptions(solver="exact"), TrainingOptions(l1=1e-3)):
        with pytest.raises(InputError, match="no exact solver for the head 'logistic'"):
            train_corpus(corpus_of(60), training_options=options, head="logistic")
    with pytest.raises(InputError, match="no exact solver for the head 'logistic'"):
        update_model(trained, corpus_of(30, seed=3))


@pytest.mark.slow
def test_explanations_compression_and_copies_keep_the_head(trained: Model, tmp_path: Path) -> None:
    why = trained.explain("a robot and a saddle in orbit")
    assert why.answer == why.label == "scifi"
    assert why.probability == pytest.approx(float(_p(why.score)), rel=1e-5)
    assert trained.counterfactual("robot orbit").label == "scifi"
    size = trained.save(tmp_path / "model")
    assert compress(trained, size - 300).parts.head is SIGMOIDS
    assert without_zero_rows(trained).parts.head is SIGMOIDS
    for other in (pickle.loads(pickle.dumps(trained)), copy.deepcopy(trained)):
        assert other.parts.head is SIGMOIDS
        assert other.classify(["kiss"]) == trained.classify(["kiss"])


@pytest.mark.slow
def test_a_head_that_is_not_known_is_refused(trained: Model, tmp_path: Path) -> None:
    trained.save(tmp_path / "model")
    with pytest.raises(InputError, match="head='sigmas' is not one of 'softmax', 'sigmoids'"):
        train_corpus(corpus_of(30), head="sigmas")
    del heads._HEADS["logistic"]
    try:
        with pytest.raises(ModelFileError, match="its head is not known"):
            Model.load(tmp_path / "model")
    finally:
        heads.register(SIGMOIDS)


def test_a_softmax_model_does_not_name_its_head(tmp_path: Path) -> None:
    model = train_corpus(corpus_of(60))
    model.save(tmp_path / "model")
    assert b"softmax" not in (tmp_path / "model").read_bytes()
    assert Model.load(tmp_path / "model").parts.head is SOFTMAX


def test_ties_go_to_the_first_label() -> None:
    rows = np.array([[0.25, 0.5, 0.5], [0.1, 0.1, 0.1]])
    assert SOFTMAX.answers(rows).tolist() == [1, 0]
    assert heads.ranked_rows(rows).tolist() == [[1, 2, 0], [0, 1, 2]]
    assert [heads.ranked(row) for row in rows.tolist()] == [[1, 2, 0], [0, 1, 2]]
    assert SOFTMAX.right(rows, np.array([1, 1])).tolist() == [True, False]


def test_gradient_of_the_objective_is_the_heads() -> None:
    """∂ loss / ∂ θ by the shared kernel, with P of sigmoids, against finite differences."""
    from textmlr import FeaturizerOptions
    from textmlr.model.parameters import Network
    from textmlr.training.rows import Rows

    options = TrainingOptions()
    rows = Rows.of(corpus_of(30), FeaturizerOptions(ngrams=(1, 1), idf=False), options, 1, SIGMOIDS)
    objective = rows.in_memory
    rng = np.random.default_rng(1)
    theta = rng.normal(size=(objective.columns, 3)).astype(np.float32)
    found = objective.gradient(theta)
    for f, label in ((0, 0), (2, 1), (3, 2)):
        values = []
        for step in (1e-2, -1e-2):
            moved = theta.copy()
            moved[f, label] += np.float32(step)
            values.append(objective.value(Network.of([moved])))
        assert (values[0] - values[1]) / 2e-2 == pytest.approx(found[f, label], abs=1e-4)
