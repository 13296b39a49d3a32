"""Tuning where documents have several labels: folds, figures, the journal and the command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import corpus_of, documents
from test_sklearn_sets import lists_of
from test_tuning import told, tuned

from textmlr import Corpus, InputError, TrainingOptions, tune
from textmlr.cli import cli
from textmlr.corpus.label_sets import LabelSets
from textmlr.evaluation.multilabel.multilabel_evaluation import MultilabelEvaluation
from textmlr.model.heads import SIGMOIDS
from textmlr.training.calibration import Scored
from textmlr.training.corpus_training import train_corpus
from textmlr.training.tuning.folds import folds_of, stratified
from textmlr.training.tuning.journal import fingerprint
from textmlr.training.tuning.judging import figures_of

TEXTS, LISTS = lists_of(1, 300)
CORPUS = Corpus.of(TEXTS, LISTS, multilabel=True)
OTHER = Corpus.of(*lists_of(2, 90), multilabel=True)


def test_folds_have_as_many_of_each_label() -> None:
    rng = np.random.default_rng(0)
    has = rng.random((500, 4)) < [0.5, 0.2, 0.05, 0.02]
    sets = LabelSets.of([np.flatnonzero(row).tolist() for row in has])
    numbers = stratified(sets, 4, 5, 1)
    assert np.bincount(numbers).tolist() == [100] * 5
    rare = np.bincount(numbers[has[:, 3]], minlength=5)
    assert rare.max() - rare.min() <= 1
    everything = folds_of(CORPUS, False, TrainingOptions(), 5)
    held = np.sort(np.concatenate([fold.held for fold in everything]))
    np.testing.assert_array_equal(held, np.arange(len(CORPUS)))


def test_trials_do_not_depend_on_threads(tmp_path: Path) -> None:
    results = [
        tuned(tmp_path / str(threads), 6, CORPUS, threads=threads, metric="micro-f1")
        for threads in (1, 4)
    ]
    one, four = results
    assert told(one.trials) == told(four.trials)
    assert one.model.dumps() == four.model.dumps()
    assert one.model.is_multilabel
    best = max(trial.figures.micro_f1 for trial in one.trials if trial.rung == 1)
    assert one.best.figures.micro_f1 == best


def test_the_first_trial_is_what_train_does(tmp_path: Path) -> None:
    found = tuned(tmp_path / "journal", 1, CORPUS, OTHER, cv=None)
    model = train_corpus(CORPUS, validation=OTHER)
    assert found.model.parts.layers[0].tobytes() == model.parts.layers[0].tobytes()
    assert found.model.parts.thresholds.tobytes() == model.parts.thresholds.tobytes()
    held_out = model.record.held_out
    assert found.default.figures.accuracy == pytest.approx(held_out.accuracy, abs=0.03)


def test_figures_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(3)
    has = rng.random((400, 3)) < 0.3
    scores = (4 * has - 2 + rng.normal(size=has.shape)).astype(np.float32)
    sets = LabelSets.of([np.flatnonzero(row).tolist() for row in has])
    scored = Scored(scores, sets, np.ones(400, np.float32), SIGMOIDS)
    found = figures_of(scored, TrainingOptions(maximise="utility", calibration=False))
    answers = 1 / (1 + np.exp(-scores)) >= 0.5
    assert found.micro_f1 == pytest.approx(f1_score(has, answers, average="micro"))
    assert found.macro_f1 == pytest.approx(f1_score(has, answers, average="macro"))
    losses = np.logaddexp(0, np.where(has, -scores, scores)).sum(axis=1)
    assert found.loss == pytest.approx(losses.mean(), rel=1e-6)
    calibrated = figures_of(scored, TrainingOptions())
    assert calibrated.loss <= found.loss
    assert calibrated.accuracy == found.accuracy


def test_the_metric_is_of_sets_alone(tmp_path: Path) -> None:
    one = corpus_of(documents(300, 11))
    with pytest.raises(InputError, match=r"micro-f1.* is of documents with several labels"):
        tuned(tmp_path / "journal", 2, one, metric="micro-f1")


def test_a_journal_knows_the_sets(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first = tuned(journal, 3, CORPUS)
    line = json.loads(journal.read_text().splitlines()[0])
    assert set(line["figures"]) == {"loss", "accuracy", "micro_f1", "macro_f1"}
    again = tuned(journal, 3, CORPUS)
    assert all(trial.kept for trial in again.trials)
    assert told(again.trials) == told(first.trials)
    moved = Corpus.of(TEXTS, [LISTS[1], LISTS[0], *LISTS[2:]], multilabel=True)
    assert fingerprint(moved) != fingerprint(CORPUS)
    with pytest.raises(InputError, match="a trial of another search: its corpus"):
        tuned(journal, 3, moved)


def test_in_python() -> None:
    found = tune(CORPUS, seconds=None, trials=2, cv=1, metric="macro-f1", char_ngrams=None)
    assert found.model.is_multilabel
    assert found.best.figures.micro_f1 > 0.7


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tuning") / "films.tsv"
    lines = (f"{'|'.join(own)}\t{text}\n" for text, own in zip(TEXTS, LISTS, strict=True))
    path.write_text("".join(lines), "utf-8")
    return path


def test_the_command(joined: Path, tmp_path: Path) -> None:
    output = tmp_path / "model"
    options = ["tune", str(joined), "--label-separator", "|", "--multilabel", "-o", str(output)]
    options += ["--trials", "3", "--metric", "micro-f1", "--maximise", "macro-f1"]
    done = CliRunner().invoke(cli, options)
    assert done.exit_code == 0, done.output
    assert "P@1" in done.output
    assert "micro-F1" in done.output
    command = done.output.split("The same model: ")[1].splitlines()[0]
    assert "--label-separator '|'" in command
    before = output.read_bytes()
    again = CliRunner().invoke(cli, shlex.split(command)[1:])
    assert again.exit_code == 0, again.output
    assert output.read_bytes() == before


def test_the_best_model_answers(tmp_path: Path) -> None:
    found = tuned(tmp_path / "journal", 4, CORPUS, metric="micro-f1")
    evaluation = found.model.evaluate(OTHER)
    assert isinstance(evaluation, MultilabelEvaluation)
