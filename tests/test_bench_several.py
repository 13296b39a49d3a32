"""The bench of several labels a document: its figures against scikit-learn's, and a run of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import set_documents, write_tsv

BENCH = Path(__file__).parent.parent / "bench"
sys.path.append(str(BENCH))  # the benches import each other as scripts do

import several_corpora  # noqa: E402
import several_figures  # noqa: E402

pytestmark = pytest.mark.slow


def made(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(P, truth) of 400 documents and 6 labels; the last label is of none."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 41, (400, 6)) / 40
    truth = rng.random(scores.shape) < scores
    truth[:, 5] = False
    return scores, truth


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, truth = made(seed)
    given = scores >= 0.5
    expected = [
        metrics.f1_score(truth, given, average=a, zero_division=0) for a in ("micro", "macro")
    ]
    assert several_figures.f1_of(given, truth) == pytest.approx(expected)
    shares = scores.clip(1e-15, 1 - 1e-15)
    loss = sum(metrics.log_loss(truth[:, i], shares[:, i], labels=[0, 1]) for i in range(6))
    assert several_figures.log_loss(scores, truth) == pytest.approx(loss)


@pytest.mark.parametrize("seed", range(3))
def test_cuts_are_the_best_of_all(seed: int) -> None:
    scores, truth = made(seed)
    common, own = several_figures.cuts_of(scores, truth, 0.05)
    grid = np.append(np.unique(scores), 2)
    micro = max(several_figures.f1_of(scores >= cut, truth)[0] for cut in grid)
    assert several_figures.f1_of(scores >= common, truth)[0] == pytest.approx(micro)
    for i in range(5):
        pair = scores[:, [i]], truth[:, [i]]
        best = max(several_figures.f1_of(pair[0] >= cut, pair[1])[0] for cut in grid[grid >= 0.05])
        assert several_figures.f1_of(pair[0] >= own[i], pair[1])[0] == pytest.approx(best)
    assert own[5] == common  # no document has the label


def test_calibrated_scores_have_hardly_an_error() -> None:
    rng = np.random.default_rng(1)
    p = rng.random((20_000, 3))
    assert several_figures.calibration_error(p, rng.random(p.shape) < p) < 0.01
    assert several_figures.calibration_error(p**2, rng.random(p.shape) < p) > 0.1


def test_a_run(tmp_path: Path) -> None:
    for part, number in (("train", 300), ("test", 80)):
        (tmp_path / "made").mkdir(exist_ok=True)
        pairs = [("|".join(own), text) for own, text in set_documents(number, number)]
        write_tsv(tmp_path / "made" / f"{part}.tsv", pairs)
    assert several_corpora.several(tmp_path / "made")
    told = tmp_path / "told.json"
    script = [sys.executable, BENCH / "several_labels.py", "--data", tmp_path, "--json", told]
    done = subprocess.run([*script, "--systems", "textmlr"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(told.read_text())
    assert not row["failure"]
    assert len(row["micro"]) == 4  # the last is of the labels that textmlr answers
    assert min(row["micro"]) > 0.9
    assert row["log_loss"] < 0.3
    assert row["train_cpu"] > 0
    assert row["peak"] > 20
    assert "| made | textmlr |" in done.stdout
