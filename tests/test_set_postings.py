"""Several labels a document with a sparse θ: sigmoids at the cost of touched labels."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import naive_postings
import naive_sets as naive
import numpy as np
import pytest
from posting_models import corpus, model_of

import textmlr
from textmlr import InputError, Model
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.label_sets import LabelSets
from textmlr.features.csr_features import Features
from textmlr.model.answer_stream import answer_blocks, ranked_blocks
from textmlr.model.heads import SIGMOIDS
from textmlr.model.scoring import Mixed
from textmlr.training.objective import Objective
from textmlr.training.support import set_judges
from textmlr.training.support.set_descent import SetDescent, empty_theta
from textmlr.training.support.set_judges import SetJudges

ASKED = [
    "w0 v0 c1 c2",
    "",
    "nothing known",
    "w3 w4 w5",
    "c0 c1 c2 c3 c4 c5 c6",
    "c1",
    b"w1 \xff c2",
]
COLUMNS, LABELS, BIAS, MOST = 14, 9, 0, 7


def sets_model(
    labels: int,
    *,
    bias: Any = None,
    size: float = 1.0,
    calibration: Mixed | None = None,
    threshold: float = 0.3,
    seed: int = 0,
) -> Model:
    """A model of sigmoids: centroids, noise, and a bias of about the base rates or a given one."""
    model = model_of(*corpus(labels, seed), share=0.0, scale=4.0)
    parts, postings = model.parts, model.parts.postings
    assert postings is not None
    own = np.full(labels, -np.log(labels)) if bias is None else np.asarray(bias)
    scaled = replace(
        postings,
        weights=postings.weights * np.float32(size),
        bias=own.astype(np.float32),
        scales=postings.scales * np.float32(size),
    )
    thresholds = np.full(labels, threshold)
    thresholds[::3] = 0.05
    calibration = Mixed() if calibration is None else calibration
    changed = {"calibration": calibration, "thresholds": thresholds, "postings": scaled}
    return Model.of(replace(parts, head=SIGMOIDS, **changed))


def by_brute_force(model: Model, texts: list[Any]) -> tuple[Any, Any]:
    """(scores, P) of texts over all labels, in float64."""
    parts, postings = model.parts, model.parts.postings
    assert postings is not None
    rows = model.featurizer.featurize(batches_of(texts), 1)
    entries = np.diff(postings.starts)
    scores = np.empty((len(texts), len(model.labels)))
    for i in range(len(texts)):
        own = slice(rows.indptr[i], rows.indptr[i + 1])
        used, x = rows.indices[own], rows.values[own].astype(float)
        if not entries[used].any():
            scores[i] = parts.base
            continue
        theta = postings.rows(used).astype(float)
        scores[i] = naive.scores(x, theta, postings.bias.astype(float), parts.calibration)
    return scores, naive.p_of(scores)


BIASES = {
    "as base rates": lambda n, rng: None,
    "one towers": lambda n, rng: np.where(np.arange(n) == n // 2, 1e4, -3.0),
    "all high": lambda n, rng: np.full(n, 50.0),
    "wide": lambda n, rng: rng.normal(0, 300, n),
    "beyond float32's exp": lambda n, rng: np.where(np.arange(n) % 2, 1e6, -1e6),
}


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("size", [1.0, 1e4])
@pytest.mark.parametrize("exponent", [0.0, -0.5])
def test_every_p_and_log_z_is_that_of_brute_force(bias: str, size: float, exponent: float) -> None:
    labels = 101
    calibration = Mixed(1.0, exponent, 3.0, 0.5)
    own = BIASES[bias](labels, np.random.default_rng(1))
    check_answers(sets_model(labels, bias=own, size=size, calibration=calibration))


@pytest.mark.parametrize("labels", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_labels_are_those_of_brute_force(labels: int) -> None:
    rng = np.random.default_rng(2)
    check_answers(sets_model(labels, bias=rng.normal(-8, 2, labels)), k=20)


def check_answers(model: Model, k: int = 7) -> None:
    scores, p = by_brute_force(model, ASKED)
    (batch,) = batches_of(ASKED)
    (answers,) = answer_blocks(model, [batch], 1)
    np.testing.assert_allclose(answers.probabilities, p, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(answers.scores, scores, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(answers.log_z, naive.soft_plus(scores).sum(1), rtol=1e-9, atol=1e-9)
    labels = p.shape[1]
    for codes in (np.arange(len(ASKED)) * 13 % labels, answers.best, np.full(len(ASKED), labels)):
        (ranked,) = ranked_blocks(model, [batch], 1, k, codes)
        assert ranked.log_z.tolist() == answers.log_z.tolist()
        for i, row in enumerate(answers.probabilities.tolist()):
            order, best = naive_postings.best(row, k)
            assert ranked.labels[i].tolist() == order
            assert ranked.probabilities[i].tolist() == best
            assert ranked.rank[i] == naive_postings.rank(row, int(codes[i]))
            assert ranked.of_truth[i] == (row[codes[i]] if codes[i] < labels else 0.0)


def test_sets_are_the_labels_above_their_thresholds() -> None:
    model = sets_model(60)
    p, cuts = model.probabilities(ASKED), model.thresholds
    assert cuts is not None
    wanted = [
        tuple(model.labels[i] for i in naive_postings.ranked(row) if row[i] >= cuts[i]) for row in p
    ]
    assert len({len(one) for one in wanted}) > 1
    assert model.predict(ASKED).tolist() == wanted
    for own, one in zip(model.classify(ASKED), wanted, strict=True):
        assert tuple(answer.label for answer in own) == one
    top = model.classify(ASKED, top=4, min_probability=0.02)
    for row, own in zip(p, top, strict=True):
        order = [i for i in naive_postings.ranked(row)[:4] if row[i] >= 0.02]
        assert [answer.label for answer in own] == [model.labels[i] for i in order]
    assert all(model.classify(ASKED, at_least_one=True))


def made_up(n: int = 60, seed: int = 0) -> tuple[Any, list[list[int]], Objective]:
    """(dense rows, sets, objective): sets of 0 to 3 labels, one label has no document."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((n, COLUMNS)) < 0.12, rng.random((n, COLUMNS)), 0).astype(np.float32)
    x[:, BIAS] = 1
    x[3, 1:] = 0
    sets = [sorted(rng.choice(LABELS - 1, rng.integers(4), replace=False)) for _ in range(n)]
    for i, own in enumerate(sets):
        x[i, [1 + label for label in own]] += np.float32(0.5)
    weights = rng.choice([0.5, 1.0, 2.0], n).astype(np.float32)
    weights[7] = 0
    indptr = np.concatenate([[0], np.cumsum((x != 0).sum(1))]).astype(np.int64)
    features = Features(indptr, np.nonzero(x)[1].astype(np.int32), x[x != 0], COLUMNS)
    y = LabelSets.of([[int(label) for label in own] for own in sets])
    return x, sets, Objective(features, y, weights, LABELS, head=SIGMOIDS)


BASE = np.linspace(-3, -1, LABELS).astype(np.float32)


def dense_of(theta: Any) -> Any:
    out = np.zeros((COLUMNS, LABELS))
    for row in range(COLUMNS):
        entries = slice(theta.starts[row], theta.starts[row + 1])
        out[row, theta.labels[entries]] = theta.weights[entries]
    return out


def test_weights_are_where_labels_and_features_met() -> None:
    x, sets, objective = made_up()
    documents = np.arange(len(sets))
    theta = empty_theta(objective, documents, BIAS, MOST, BASE)
    counts = [own if weight else [] for own, weight in zip(sets, objective.weights, strict=True)]
    there = naive.met(x, counts, LABELS, BIAS, MOST)
    assert 0 < there.any(1).sum() < COLUMNS - 1
    for row in range(COLUMNS):
        own = theta.labels[theta.starts[row] : theta.starts[row + 1]]
        assert own.tolist() == np.flatnonzero(there[row]).tolist()
    some = empty_theta(objective, documents[:5], BIAS, MOST, BASE)
    assert 0 < len(some.labels) < len(theta.labels)


def test_an_epoch_takes_the_steps_of_a_dense_theta() -> None:
    x, sets, objective = made_up()
    documents = np.flatnonzero(objective.weights > 0)
    theta = empty_theta(objective, documents, BIAS, MOST, BASE)
    descent = SetDescent(objective, documents, theta, 3)
    figures = descent.epoch(0.3, 0.1)
    order = np.random.default_rng([3, (1 << 31) + 24, 0]).permutation(documents)
    paces = np.linspace(0.3, 0.1, len(order) + 1)[:-1]
    there = naive.met(x[documents], [sets[i] for i in documents], LABELS, BIAS, MOST)
    wanted, bias = naive.steps(x, sets, objective.weights, order, paces, there, BASE, 16)
    assert len(order) > 3 * 16
    np.testing.assert_allclose(dense_of(theta), wanted, atol=1e-5)
    np.testing.assert_allclose(theta.bias, bias, atol=1e-5)
    assert 0 < figures.loss < naive.loss(BASE.astype(float), []) + 9
    assert 0 < figures.accuracy <= 1


def test_one_step_is_the_gradient_of_the_loss() -> None:
    x, sets, objective = made_up()
    for i in (0, 3, 20):
        theta = empty_theta(objective, np.arange(len(sets)), BIAS, LABELS, BASE)
        before = theta.bias.astype(float).copy()
        SetDescent(objective, np.array([i]), theta, 0).epoch(1e-3, 1e-3)
        pace = 1e-3 * objective.weights[i]
        met = naive.met(x, sets, LABELS, BIAS, LABELS)
        for row in range(1, COLUMNS):
            for label in range(LABELS):
                shift = np.zeros(LABELS)
                shift[label] = 1e-5 * x[i, row]
                up, down = (naive.loss(before + s * shift, sets[i]) for s in (1, -1))
                slope = (up - down) / 2e-5 * met[row, label]
                assert dense_of(theta)[row, label] == pytest.approx(-pace * slope, abs=2e-8)
        own = before - pace * (naive.p_of(before) - np.isin(np.arange(LABELS), sets[i]))
        np.testing.assert_allclose(theta.bias, own, atol=1e-6)


def judges_of(objective: Objective) -> tuple[Any, SetJudges]:
    theta = empty_theta(objective, np.arange(len(objective.y)), BIAS, LABELS, BASE)
    theta.weights[:] = np.random.default_rng(5).normal(size=len(theta.weights))
    return theta, SetJudges.of(objective, np.arange(len(objective.y)), theta)


def test_the_loss_of_judges_and_its_derivatives() -> None:
    x, sets, objective = made_up()
    theta, judges = judges_of(objective)
    multipliers = np.random.default_rng(6).uniform(0.5, 2, len(sets))
    at = np.array([0.8, -0.3])

    def wanted(given: Any) -> float:
        own = given[0] * multipliers[:, None] * (x @ dense_of(theta)) + theta.bias + given[1]
        losses = [naive.loss(row, labels) for row, labels in zip(own, sets, strict=True)]
        penalty = set_judges.FACTOR_PRIOR / 2 * (given[0] - 1) ** 2
        return float((objective.weights @ losses + penalty) / objective.weights.sum())

    value, slope, curvature = judges._loss(at, multipliers)
    assert value == pytest.approx(wanted(at), rel=1e-6)
    for j in range(2):
        step = np.eye(2)[j] * 1e-4
        assert slope[j] == pytest.approx((wanted(at + step) - wanted(at - step)) / 2e-4, rel=1e-4)
        ahead, behind = (judges._loss(at + s * step, multipliers)[1] for s in (1, -1))
        np.testing.assert_allclose((ahead - behind) / 2e-4, curvature[j], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("maximise", [None, "samples-f1", "macro-f1", "utility"])
def test_one_threshold_of_many_labels_is_the_best_of_all_scores(
    maximise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, objective = made_up(400)
    options = TrainingOptions(theta="sparse", maximise=maximise).decided()
    theta = empty_theta(objective, np.arange(400), BIAS, LABELS, BASE)
    SetDescent(objective, np.arange(400), theta, 1).epoch(2.0, 0.5)
    judges = SetJudges.of(made_up(400, 1)[2], np.arange(400), theta)
    single = judges.tune(options)
    assert single.scales is not None
    monkeypatch.setattr(set_judges, "MOST_SINGLE", 2)
    tuned = judges.tune(options)
    assert tuned.scales is None
    assert len(set(tuned.thresholds.values.tolist())) == 1
    cut = tuned.thresholds.values[0]
    if maximise == "utility":
        assert cut == 0.5
    p = naive.p_of(
        judges.bias + tuned.offset + (judges._scores() - judges.bias) * multipliers(judges, tuned)
    )
    hot, objective = judges.sets.indicator(LABELS), made_up(400, 1)[2]

    def micro(at: float) -> float:
        answers, w = p >= at, objective.weights[:, None]
        return float(2 * (w * (answers & hot)).sum() / (w * (answers.astype(int) + hot)).sum())

    answers, w = p >= cut, objective.weights[:, None]
    each = 2 * (w * (answers & hot)).sum(0) / (w * (answers.astype(int) + hot)).sum(0).clip(1e-9)
    assert tuned.thresholds.macro_f1 == pytest.approx(float(each.mean()), abs=1e-6)
    if maximise is None:
        assert tuned.thresholds.micro_f1 == pytest.approx(micro(cut), abs=1e-6)
        assert micro(cut) >= 0.8 * max(micro(at) for at in np.linspace(0.02, 0.9, 60))


def multipliers(judges: SetJudges, tuned: Any) -> Any:
    c = tuned.calibration
    tops = np.maximum(np.maximum(judges._tops(), set_judges.NARROWEST), c.least)
    return (c.factor * (tops / c.spread) ** c.exponent)[:, None]


def test_judges_beyond_the_room_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    _, sets, objective = made_up()
    monkeypatch.setattr(set_judges, "TOUCHED", 100)
    _, judges = judges_of(objective)
    assert 0 < len(judges.weights) < len(sets)
    assert len(judges.labels) == judges.starts[-1] <= 100


TEXTS, NAMES = corpus(40)


def joined() -> tuple[list[str], list[list[str]]]:
    """Documents of two labels each, and some of none."""
    rng = np.random.default_rng(4)
    texts, labels = [], []
    for _ in range(1_200):
        i, j = rng.integers(len(TEXTS), size=2)
        texts.append(f"{TEXTS[i]} {TEXTS[j]}")
        labels.append(sorted({NAMES[i], NAMES[j]}))
    return [*texts, "c1", "c2 c3"], [*labels, [], []]


@pytest.fixture(scope="module")
def trained() -> Model:
    return textmlr.train(*joined(), theta="sparse", ngrams=(1, 1), char_ngrams=None)


def test_a_trained_model_answers_and_its_file_too(trained: Model, tmp_path: Path) -> None:
    assert trained.parts.is_sparse
    assert trained.is_multilabel
    trained.save(tmp_path / "m.textmlr")
    loaded = textmlr.load(tmp_path / "m.textmlr")
    texts, labels = joined()
    assert np.array_equal(loaded.probabilities(texts), trained.probabilities(texts))
    assert loaded.predict(texts).tolist() == trained.predict(texts).tolist()
    figures = loaded.evaluate(texts, labels)
    assert figures.micro_f1 > 0.9
    assert figures.log_loss < 0.5 * figures.chance.log_loss
    assert loaded.dumps() == trained.dumps()


def test_threads_change_no_bit(trained: Model) -> None:
    again = textmlr.train(*joined(), theta="sparse", ngrams=(1, 1), char_ngrams=None, threads=2)
    assert again.dumps() == trained.dumps()


def test_explanation_adds_up(trained: Model) -> None:
    text = joined()[0][0]
    label = trained.predict(text)[0]
    why = trained.explain(text, label)
    shares = sum(feature.contribution for feature in why.features) + why.bias
    assert shares == pytest.approx(why.score, abs=1e-4)
    assert why.score == pytest.approx(
        float(trained.scores(text)[trained.labels.index(label)]), abs=1e-4
    )


def test_top_info_and_exports(trained: Model, tmp_path: Path) -> None:
    label = trained.labels[0]
    assert trained.top(label, 3).by_weight.most_for
    assert trained.info()["theta"] == "sparse"
    for name in ("m.json", "m.onnx"):
        with pytest.raises(InputError, match="with a sparse theta"):
            trained.export(tmp_path / name)


def test_few_documents_and_none_held_out() -> None:
    texts, labels = joined()
    model = textmlr.train(texts[:12], labels[:12], theta="sparse", ngrams=(1, 1))
    assert set(model.thresholds.tolist()) == {0.5}
    model = textmlr.train(texts, labels, theta="sparse", holdout=0, ngrams=(1, 1), epochs=1)
    assert model.record.held_out is not None
    assert model.record.held_out.documents == 0


def test_validation_documents_judge() -> None:
    texts, labels = joined()
    judges = texts[:200], labels[:200]
    model = textmlr.train(
        texts[200:], labels[200:], theta="sparse", ngrams=(1, 1), validation=judges
    )
    assert model.record.held_out is not None
    assert model.record.held_out.origin == "validation"


def test_on_disk_it_is_refused_in_a_sentence(tmp_path: Path) -> None:
    texts, labels = joined()
    path = tmp_path / "c.tsv"
    lines = [f"{'|'.join(own)}\t{text}\n" for text, own in zip(texts, labels, strict=True)]
    path.write_text("".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "textmlr", "train", str(path), "--label-separator", "|"]
    command += ["--theta", "sparse", "-o", str(tmp_path / "m"), "--memory", "64MB"]
    command += ["--work-dir", str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_options_of_dense_training_are_refused() -> None:
    with pytest.raises(InputError, match="means nothing"):
        textmlr.train(*joined(), theta="sparse", l2=0.1)
