"""--l1, from the command line to the model file and back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.training_options import TrainingOptions
from textmlr.cli import cli
from textmlr.corpus.reading import read_corpus
from textmlr.model.model import Model
from textmlr.model.record import Record
from textmlr.training.corpus_training import train_corpus
from textmlr.training.exact.solver import SolverStep
from textmlr.training.training_events import Event

ROOT = Path(__file__).parent.parent


def run(*arguments: object) -> str:
    done = CliRunner().invoke(cli, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("options", [[], ["--hash-bits", "14"], ["--norm", "none"]], ids=str)
def test_train_classify_and_info(options, train_tsv: Path, test_tsv: Path, tmp_path: Path) -> None:
    dense, sparse = tmp_path / "dense", tmp_path / "sparse"
    whole = json.loads(
        run("train", train_tsv, "-o", dense, "--solver", "exact", "--l2", 1e-3, "--json", *options)
    )
    told = json.loads(run("train", train_tsv, "-o", sparse, "--l1", 1e-3, "--json", *options))
    assert told["options"]["solver"] == "exact"
    assert told["options"]["l1"] == told["final"]["l1"] == 1e-3
    assert told["final"]["l2"] == 0
    assert told["final"]["converged"]
    assert told["final"]["gap"] <= 1e-6 * told["final"]["value"]
    assert told["bytes"] == sparse.stat().st_size < dense.stat().st_size == whole["bytes"]
    assert "features_kept" not in whole["final"]

    model = Model.load(sparse)
    rows = model.theta.any(axis=1)
    assert told["final"]["features_kept"] == rows[1:].sum() < len(rows)
    assert told["final"]["weights_kept"] == np.count_nonzero(model.theta) > 0
    right = np.mean(
        [
            answer[0].label == line.split("\t")[0]
            for line, answer in zip(
                test_tsv.read_text().splitlines(),
                model.classify([x.split("\t")[1] for x in test_tsv.read_text().splitlines()]),
                strict=True,
            )
        ]
    )
    assert right > 0.6
    text = run("info", sparse)
    kept = f"{told['final']['features_kept']} features, {told['final']['weights_kept']} weights"
    assert f"kept         {kept} not 0" in text
    assert "on absolute weights (l1 = 0.001)" in text
    about = json.loads(run("info", sparse, "--json"))
    assert about["final"] == told["final"]
    assert kept in run("train", train_tsv, "-o", sparse, "--l1", 1e-3, *options)


def test_dropping_rows_changes_no_answer(train_tsv: Path, tmp_path: Path) -> None:
    """The saved model against the one with all rows: θ put back into a dense model's place."""
    corpus = read_corpus([str(train_tsv)])
    texts = [line.split("\t")[1] for line in train_tsv.read_text().splitlines()]
    featurizer_options = FeaturizerOptions(idf=True)
    dense = train_corpus(corpus, featurizer_options, TrainingOptions(solver="exact", l2=1e-3))
    sparse = train_corpus(corpus, featurizer_options, TrainingOptions(l1=1e-3))
    whole = Model(dense.labels, dense.featurizer, [sparse.theta], Record())
    sparse.save(tmp_path / "m")
    loaded = Model.load(tmp_path / "m")
    assert len(loaded.parts.layers[0]) < len(whole.parts.layers[0]) / 2
    assert loaded.probabilities(texts).tobytes() == whole.probabilities(texts).tobytes()


def test_same_file_whatever_the_threads(train_tsv: Path, tmp_path: Path) -> None:
    files = []
    for threads in (1, 2, 4):
        path = tmp_path / str(threads)
        run("train", train_tsv, "-o", path, "--l1", 5e-4, "--l2", 1e-4, "--threads", threads, "-q")
        files.append(path.read_bytes())
    assert files[0] == files[1] == files[2]


def test_a_huge_penalty_leaves_a_model_of_no_features(train_tsv: Path, tmp_path: Path) -> None:
    told = json.loads(run("train", train_tsv, "-o", tmp_path / "m", "--l1", 10, "--json"))
    assert (told["final"]["features_kept"], told["final"]["weights_kept"]) == (0, 0)
    model = Model.load(tmp_path / "m")
    assert model.probabilities(["robot"]).tolist() == [[1 / 3] * 3]


def test_rounds_are_told_and_validation_is_judged(train_tsv: Path, test_tsv: Path) -> None:
    seen: list[Event] = []
    model = train_corpus(
        read_corpus([str(train_tsv)]),
        None,
        TrainingOptions(l1=1e-3),
        validation=read_corpus([str(test_tsv)]),
        watch=seen.append,
    )
    steps = [event for event in seen if isinstance(event, SolverStep)]
    assert {step.method for step in steps} == {"proximal"}
    held_out = model.record.held_out.as_json()
    assert held_out["documents"] == 90
    assert held_out["accuracy"] > 0.6


def test_sgd_with_l1_is_refused(train_tsv: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    command = [sys.executable, "-m", "textmlr", "train", train_tsv, "-o", out, "--l1", "1e-3"]
    done = subprocess.run([*command, "--solver", "sgd"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "leave out --solver, or give --solver exact" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()
    for wrong in (-1e-3, float("inf"), "1", True):
        with pytest.raises(InputError, match="l1="):
            TrainingOptions(l1=wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="epochs=3 means nothing to solver='exact'"):
        TrainingOptions(l1=1e-3, epochs=3)


def test_the_solver_is_decided_by_l1() -> None:
    assert TrainingOptions(l1=1e-3).decided().solver == "exact"
    assert TrainingOptions(l1=1e-3).decided().l2 == 0
    assert TrainingOptions(l1=1e-3, l2=1e-4).decided().l2 == 1e-4
    assert TrainingOptions().decided().solver == "sgd"
    assert TrainingOptions(solver="exact").decided().l2 is None
