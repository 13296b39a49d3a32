"""Several labels a document from end to end, on the tickets that come with the project: trained by
the command line, asked, measured, explained, updated, made small and exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import textmlr
from textmlr import Corpus, Model, ReadingOptions
from textmlr.cli import cli
from textmlr.model.record import ExactRecord

DATA = Path(__file__).parent.parent / "data"
TRAIN, TEST = (str(DATA / f"tickets-{name}.tsv") for name in ("train", "test"))
LABELS = ["billing", "damaged", "delivery", "login", "refund", "urgent"]
ASKED = "My invoice is wrong and I need a new one today."


def run(*words: object) -> str:
    done = CliRunner().invoke(cli, [*map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def trained(path: Path, *options: object) -> Path:
    run("train", TRAIN, "--label-separator", "|", "-q", "-o", path, *options)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("tickets") / "tickets.textmlr")


@pytest.fixture(scope="module")
def model(path: Path) -> Model:
    return textmlr.load(path)


@pytest.fixture(scope="module")
def test_corpus() -> Corpus:
    return textmlr.read_corpus(TEST, ReadingOptions(label_separator="|", multilabel=True))


def figures(path: Path) -> dict[str, Any]:
    own: dict[str, Any] = json.loads(run("evaluate", "-m", path, TEST, "--json"))
    return own


def test_figures(path: Path) -> None:
    """Chance has micro-F1 .35 and log loss 3.1; a model that calls all labels rare says none."""
    own = figures(path)
    assert own["documents"] == 27
    assert own["micro_f1"] > 0.7
    assert own["macro_f1"] > 0.7
    assert own["log_loss"] < 1.6
    assert own["micro_f1"] > 2 * own["chance"]["micro_f1"]


def test_answers_in_a_file_are_those_of_python(
    path: Path, model: Model, test_corpus: Corpus, tmp_path: Path
) -> None:
    told = tmp_path / "answers.parquet"
    run("classify", "-m", path, "--corpus", TEST, "--each-label", "-q", "-o", told)
    table = pq.read_table(told)
    p = np.stack([table[f"P({label})"].to_numpy() for label in LABELS], axis=1)
    np.testing.assert_array_equal(p, model.predict_proba(test_corpus.texts))
    assert ((p > 0) & (p < 1)).all()
    assert p.sum(axis=1).std() > 0.1  # they are no shares of one
    thresholds = np.asarray(model.parts.thresholds)
    lists = [
        [LABELS[i] for i in np.argsort(-row, kind="stable") if row[i] >= thresholds[i]] for row in p
    ]
    assert table["predicted"].to_pylist() == lists
    assert [list(one) for one in model.predict(test_corpus.texts)] == lists
    right = [set(own) == set(one) for own, one in zip(lists, test_corpus.labels_of, strict=True)]
    assert np.mean(right) > 0.5
    assert any(len(own) > 1 for own in lists)
    assert [] in lists


def test_reasons_add_up(path: Path) -> None:
    for label in LABELS:
        told = run("explain", "-m", path, "--text", ASKED, "--label", label, "--json")
        own = json.loads(told)
        p = float(run("classify", "-m", path, "--text", ASKED, "--label", label))
        assert own["probability"] == p
        assert 1 / (1 + np.exp(-own["margin"])) == pytest.approx(p, abs=1e-9)
        words = sum(word["margin"] for word in own["words"])
        assert words + own["bias"] == pytest.approx(own["margin"], abs=1e-4)


def test_an_update_learns_a_label_and_keeps_the_others(
    path: Path, model: Model, test_corpus: Corpus, tmp_path: Path
) -> None:
    new = tmp_path / "new.tsv"
    thanks = ["the tea was wonderful", "what a lovely shop", "you were very kind", "all is well"]
    lines = [f"praise\tThank you so much, {words}!\n" for words in thanks]
    lines.append("praise|delivery\tThank you so much, the parcel came a day early.\n")
    new.write_text("".join(lines))
    run("update", path, new, "-q", "-o", tmp_path / "updated.textmlr")
    updated = textmlr.load(tmp_path / "updated.textmlr")
    assert updated.labels == [*LABELS[:4], "praise", *LABELS[4:]]
    assert updated.predict("Thank you so much, how lovely!") == ("praise",)
    before, after = (one.predict_proba(test_corpus.texts) for one in (model, updated))
    moved = np.abs(np.delete(after, 4, axis=1) - before)
    assert moved.mean() < 0.05
    assert figures(tmp_path / "updated.textmlr")["micro_f1"] > 0.65


def test_small_and_exported(path: Path, model: Model, tmp_path: Path) -> None:
    small = tmp_path / "small.textmlr"
    run("compress", path, "-q", "-o", small, "--max-size", "40kB")
    assert small.stat().st_size <= 40_000
    assert figures(small)["micro_f1"] > 0.65
    exported = tmp_path / "tickets.json"
    run("export", path, "-o", exported)
    told = json.loads(exported.read_text(encoding="utf-8"))
    assert told["labels"] == LABELS
    assert told["thresholds"] == np.asarray(model.parts.thresholds).tolist()


def test_the_exact_solver(tmp_path: Path) -> None:
    exact = trained(tmp_path / "exact.textmlr", "--solver", "exact")
    record = textmlr.load(exact).record.final
    assert isinstance(record, ExactRecord)
    assert record.gap is not None
    assert 0 <= record.gap <= 1e-6 * record.value
    assert figures(exact)["micro_f1"] > 0.7


def test_the_first_label_alone(tmp_path: Path) -> None:
    """What stands before the sign is the label of a softmax, as it was for lines of fastText."""
    own = textmlr.load(trained(tmp_path / "first.textmlr", "--no-multilabel", "--skip-bad-lines"))
    assert not own.is_multilabel
    assert own.predict_proba(ASKED).sum() == pytest.approx(1)
    assert own.predict(ASKED) in LABELS


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--solver", "exact"), ("--hidden", "8"), ("--stream",)])
def test_threads_change_no_bit(options: tuple[str, ...], tmp_path: Path) -> None:
    models = []
    for threads in (1, 2, 4):
        own = trained(tmp_path / "own.textmlr", *options, "--threads", threads)
        asked = run(
            "classify",
            "-m",
            own,
            "--corpus",
            TEST,
            "-o",
            "-",
            "--output-format",
            "csv",
            "--each-label",
            "-q",
            "--threads",
            threads,
        )
        models.append((own.read_bytes(), asked))
    assert models[0] == models[1] == models[2]


@pytest.mark.slow
@pytest.mark.parametrize("maximise", ["macro-f1", "samples-f1", "utility"])
def test_other_goals(maximise: str, model: Model, tmp_path: Path) -> None:
    own = trained(tmp_path / "own.textmlr", "--maximise", maximise)
    other = textmlr.load(own)
    np.testing.assert_array_equal(other.predict_proba([ASKED]), model.predict_proba([ASKED]))
    assert figures(own)["micro_f1"] > 0.65
    if maximise == "utility":
        assert set(np.asarray(other.parts.thresholds).tolist()) == {0.5}
