"""A sparse θ that was trained, from its file: its P are those of a softmax over all labels."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import naive_postings
import numpy as np
import posting_models
import pytest

import textmlr
from textmlr import Model
from textmlr.model.scoring import Mixed

UNHEARD = ["", "nothing known", "c1 c1 c2 c3", "w7", "w7 w8 w9 v1 unheard c1"]
SIZES = [1_200, pytest.param(30_000, marks=pytest.mark.slow)]


def trained(labels: int, path: Path, **options: object) -> Model:
    """A model of a made-up corpus, as its file has it."""
    texts, names = posting_models.corpus(labels)
    textmlr.train(texts, names, theta="sparse", **options).save(path)
    return Model.load(path)


@pytest.mark.parametrize("labels", SIZES)
def test_every_p_is_that_of_all_labels(labels: int, tmp_path: Path) -> None:
    model = trained(labels, tmp_path / "m.textmlr")
    texts = posting_models.corpus(labels, seed=1)[0][:20] + UNHEARD
    _, p = posting_models.by_brute_force(model, texts)
    found = model.probabilities(texts)
    assert found.shape == (len(texts), labels)
    np.testing.assert_allclose(found, p, atol=1e-9, rtol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
    assert (found > 0).all()


def test_figures_are_those_of_all_labels(tmp_path: Path) -> None:
    labels = 1_200
    model = trained(labels, tmp_path / "m.textmlr")
    texts, names = posting_models.corpus(labels, seed=2)
    texts, names = texts[::7], names[::7]
    judged = model.evaluate(texts, names, resamples=10)
    _, p = posting_models.by_brute_force(model, texts)
    code = {label: number for number, label in enumerate(model.labels)}
    truth = [code[name] for name in names]
    losses = [-math.log(p[i, y]) for i, y in enumerate(truth)]
    ranks = [naive_postings.rank(row, y) for row, y in zip(p, truth, strict=True)]
    assert judged.log_loss == pytest.approx(math.fsum(losses) / len(losses), rel=1e-7)
    assert judged.accuracy == pytest.approx(np.mean([rank == 0 for rank in ranks]), abs=1e-12)
    assert judged.ranks is not None


def test_the_gradient_of_a_loss_is_f_times_p_less_the_label(tmp_path: Path) -> None:
    """d(−ln P_y)/dθ_fℓ = f(x)_f·(P_ℓ − [ℓ = y]), by central differences of answers."""
    model = trained(300, tmp_path / "m.textmlr")
    postings = model.parts.postings
    assert postings is not None
    parts = replace(model.parts, calibration=Mixed())
    text, label = "w7 w8 v3 c1 c2 c4", 8
    x = model.featurizer.transform([text]).toarray()[0]
    p = Model.of(parts).probabilities([text])[0]
    step = 2.0**-7  # of weights in float32

    def loss(entry: int, move: float) -> float:
        weights = postings.weights.copy()
        weights[entry] += np.float32(move)
        moved = Model.of(replace(parts, postings=replace(postings, weights=weights)))
        return -math.log(moved.probabilities([text])[0, label])

    used = [
        (row, entry)
        for row in np.flatnonzero(x)
        for entry in range(postings.starts[row], postings.starts[row + 1])
    ]
    rng = np.random.default_rng(0)
    entries = rng.permutation(used)
    of_labels = np.isin(postings.labels[entries[:, 1]], [label, p.argmax()])
    assert of_labels.sum() > 3
    for row, entry in [*entries[of_labels].tolist(), *entries[:20].tolist()]:
        own = int(postings.labels[entry])
        slope = (loss(entry, step) - loss(entry, -step)) / (2 * step)
        assert slope == pytest.approx(x[row] * (p[own] - (own == label)), rel=1e-2, abs=1e-5)


@pytest.mark.slow
def test_two_threads_write_the_file_that_one_writes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{threads}.textmlr" for threads in (1, 2)]
    for threads, path in enumerate(paths, 1):
        trained(1_200, path, threads=threads)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    trained(1_200, paths[1], seed=7)
    assert paths[0].read_bytes() != paths[1].read_bytes()
