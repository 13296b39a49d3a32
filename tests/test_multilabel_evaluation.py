"""Multi-label models evaluated and compared, in Python and on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn import metrics
from test_multilabel_figures import random_sets

import textmlr
from textmlr import FeaturizerOptions, InputError, Model, MultilabelComparison, MultilabelEvaluation
from textmlr.cli import cli
from textmlr.cli.multilabel_screen import sentences_of, show_multilabel
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import LabelSets
from textmlr.evaluation.multilabel.multilabel_evaluation import judge_sets
from textmlr.evaluation.multilabel.set_answers import SetAnswers
from textmlr.features.featurizer import Featurizer
from textmlr.model.heads import SIGMOIDS
from textmlr.model.record import CorpusRecord, Record

WORDS = {"comedy": "laugh", "romance": "kiss", "scifi": "robot", "western": "sheriff"}
TEXTS = ["a robot kiss", "the sheriff must laugh", "a plain day", "robot sheriff", "kiss and laugh"]
SETS = [["scifi", "romance"], ["western"], [], ["scifi", "western"], ["romance"]]


def model_of(seed: int | None = None, thresholds: float = 0.5) -> Model:
    """A model that gives a label to documents with its word, more or less."""
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1), min_df=1, idf=False, norm=None))
    names = featurizer.fit(TEXTS).feature_names()
    theta = np.zeros((len(names), len(WORDS)), np.float32)
    theta[0] = -2
    for label, word in enumerate(WORDS.values()):
        theta[names.index(word), label] = 4
    if seed is not None:
        theta += np.random.default_rng(seed).normal(0, 2, theta.shape).astype(np.float32)
    record = Record(corpus=CorpusRecord(files=("made.tsv",), documents=9, per_label=(2, 3, 3, 3)))
    cuts = np.full(len(WORDS), thresholds)
    return Model(list(WORDS), featurizer, [theta], record, head=SIGMOIDS, thresholds=cuts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    lines = ["|".join(own) + "\t" + text for own, text in zip(SETS, TEXTS, strict=True)]
    (folder / "test.tsv").write_text("\n".join(lines) + "\n")
    model_of().save(folder / "a.textmlr")
    model_of(seed=3).save(folder / "b.textmlr")
    return folder


def run(*arguments: object) -> str:
    done = CliRunner().invoke(cli, [str(one) for one in arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def refused(*arguments: object) -> str:
    done = CliRunner().invoke(cli, [str(one) for one in arguments])
    assert isinstance(done.exception, InputError)
    return str(done.exception)


# ----------------------------------------------------------------------------------------- Python
def test_a_model_of_label_sets_has_figures_of_label_sets() -> None:
    model = model_of()
    result = model.evaluate(TEXTS, SETS)
    assert isinstance(result, MultilabelEvaluation)
    true = np.array([[label in own for label in WORDS] for own in SETS])
    said = model.predict_proba(TEXTS) >= 0.5
    assert result.f1.micro == pytest.approx(metrics.f1_score(true, said, average="micro"))
    assert result.chance.source == "training"
    assert result.at_rank[0].propensity_scored is not None
    same = textmlr.evaluate(model, Corpus.of(TEXTS, SETS))
    assert same == result


def test_documents_of_a_label_each_are_sets_of_one() -> None:
    result = model_of().evaluate(TEXTS[:2], ["scifi", "western"])
    assert isinstance(result, MultilabelEvaluation)
    assert result.labels_a_document == 1


def test_labels_that_are_not_known_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "textmlr"):
        result = model_of().evaluate(["a robot", "odd"], [["scifi", "odd", "new"], ["odd"]])
    assert "2 documents with labels the model does not know (new, odd)" in caplog.text
    assert [row.label for row in result.labels][-2:] == ["new", "odd"]


def test_two_models_are_compared() -> None:
    a, b = model_of(), model_of(seed=3)
    result = a.compare(b, TEXTS * 20, SETS * 20)
    assert isinstance(result, MultilabelComparison)
    for side, model in ((result.a, a), (result.b, b)):
        alone = model.evaluate(TEXTS * 20, SETS * 20)
        assert side.micro_f1 == pytest.approx(alone.f1.micro)
        assert side.micro_f1_interval == pytest.approx(alone.intervals.micro_f1)
        assert side.log_loss == pytest.approx(alone.log_loss)
        assert side.precision_at_1 == pytest.approx(alone.at_rank[0].precision)
    assert result.micro_f1.value == pytest.approx(result.b.micro_f1 - result.a.micro_f1)
    assert result.micro_f1.p < 0.01
    counts = result.exact_both, result.exact_a, result.exact_b, result.exact_neither
    assert sum(counts) == result.documents == 100
    assert next(result.verdict()).startswith("A is better by ")
    assert json.loads(json.dumps(result.as_dict()))["verdict"] == list(result.verdict())
    assert repr(result).count("\n") == 2
    other = b.compare(a, TEXTS * 20, SETS * 20)
    assert other.log_loss.value == -result.log_loss.value
    assert next(other.verdict()).startswith("B is better by ")


def test_equal_models_show_no_difference() -> None:
    result = model_of().compare(model_of(), TEXTS, SETS)
    assert all("no difference" in sentence for sentence in result.verdict())
    assert result.macro_f1.interval == (0, 0)


def test_a_label_that_no_document_has_or_gets_makes_no_difference() -> None:
    names, true, p, cuts = random_sets(60, 6, 2)
    sets = LabelSets.of([np.flatnonzero(row).tolist() for row in true])
    a = SetAnswers(names, sets, p, cuts)
    b = SetAnswers([*names, "idle"], sets, np.pad(p, ((0, 0), (0, 1))), np.append(cuts, 0.5))
    result = MultilabelComparison.of(a, b)
    assert result.macro_f1.value == 0
    assert result.macro_f1.interval == (0, 0)
    assert result.a.macro_f1 == pytest.approx(judge_sets(b, resamples=3).macro_f1)


def test_what_cannot_be_compared_is_told() -> None:
    one = textmlr.train(["a robot", "a saddle"], ["scifi", "western"])
    with pytest.raises(InputError, match=r"B gives a document any number of labels, and A"):
        one.compare(model_of(), ["a robot"], ["scifi"])
    p, half = np.array([[0.5]]), np.array([0.5])
    sides = [SetAnswers(["a"], LabelSets.of([own]), p, half) for own in ([0], [])]
    with pytest.raises(InputError, match="not to the same documents"):
        MultilabelComparison.of(*sides)


# ----------------------------------------------------------------------------- on the command line
def test_the_screen_and_json(folder: Path) -> None:
    arguments = ["evaluate", "-m", folder / "a.textmlr", folder / "test.tsv"]
    screen = run(*arguments, "--label-separator", "|")
    result = model_of().evaluate(TEXTS, SETS)
    assert f"micro-F1    {result.f1.micro:.4f}" in screen
    found = json.loads(run(*arguments, "--label-separator", "|", "--json"))
    assert found["micro_f1"] == result.f1.micro
    assert found["labels"][2]["label"] == "scifi"
    assert found["documents"] == 5
    some = run(*arguments, "--label-separator", "|", "--min-probability", 0.31)
    assert "P ≥ 0.31" in some
    assert "P ≥ 0.31" not in screen


def test_models_are_compared_on_the_command_line(folder: Path) -> None:
    arguments = ["compare", folder / "a.textmlr", folder / "b.textmlr", folder / "test.tsv"]
    screen = run(*arguments, "--label-separator", "|")
    result = model_of().compare(model_of(seed=3), TEXTS, SETS)
    assert f"samples-F1       {result.a.samples_f1:.4f}  {result.b.samples_f1:.4f}" in screen
    assert "exact            both" in screen
    found = json.loads(run(*arguments, "--label-separator", "|", "--json"))
    assert found["micro_f1"]["value"] == result.micro_f1.value
    textmlr.train(["a robot", "a saddle"], ["scifi", "western"]).save(folder / "one.textmlr")
    told = refused("compare", folder / "one.textmlr", *arguments[2:])
    assert "B gives a document any number of labels, and A gives it one" in told


def test_compress_says_what_it_costs(folder: Path) -> None:
    arguments = ["compress", folder / "b.textmlr", folder / "test.tsv", "--label-separator", "|"]
    size = len(model_of(seed=3).dumps()) - 200
    arguments += ["-o", folder / "small.textmlr", "--max-size", size]
    assert re.search(r"micro-F1 +0\.\d+ → 0\.\d+", run(*arguments))
    found = json.loads(run(*arguments, "--json"))["evaluation"]
    assert found["a"]["micro_f1"] == model_of(seed=3).evaluate(TEXTS, SETS).f1.micro


# ------------------------------------------------------------------------------------- the screen
def screen(result: MultilabelEvaluation, *, everything: bool = False, columns: int = 80):
    runner = CliRunner(env={"COLUMNS": str(columns)})
    command = click.command()(lambda: show_multilabel(result, (), everything=everything))
    return runner.invoke(command, catch_exceptions=False).stdout.splitlines()


def many_labels(labels: int, name: str = "label-{}") -> MultilabelEvaluation:
    _, true, p, cuts = random_sets(200, labels, 0)
    sets = LabelSets.of([np.flatnonzero(row).tolist() for row in true])
    counts = true.sum(axis=0).astype(np.float64)
    names = [name.format(i) for i in range(labels)]
    own = SetAnswers(names, sets, p, cuts, trained_on=counts, trained_documents=200.0)
    return judge_sets(own, resamples=20)


@pytest.mark.slow
@pytest.mark.parametrize("labels", [1, 2, 5, 6, 77, 500])
def test_an_evaluation_fits_one_screen_and_says_the_most_last(labels: int) -> None:
    result = many_labels(labels)
    lines = screen(result)
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80
    at = [
        next(i for i, line in enumerate(lines) if line.strip().startswith(name))
        for name in ("ECE", "log loss", "micro-F1", "Chance: ", "Look at")
    ]
    assert at == sorted(at)
    if labels > 4:
        assert f"  {labels - 2} more: --all" in lines
    every = screen(result, everything=True)
    assert sum(line.startswith("  label-") for line in every) == labels


@pytest.mark.parametrize("columns", [60, 100, 160])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    result = many_labels(20, "a-label-of-a-corpus-that-says-all-there-is-to-say-about-it-{}")
    for everything in (False, True):
        lines = screen(result, everything=everything, columns=columns)
        assert max(map(len, lines)) <= columns
        assert not any(line.endswith(" ") for line in lines)


def test_labels_are_shown_as_they_are() -> None:
    lines = screen(many_labels(3, "[red]{}\x1b[31m"))
    assert any(line.startswith("  [red]0\\x1b[31m ") for line in lines)
    html = many_labels(3, "<script>{}")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def look_at(true: object, p: object, cut: float = 0.5) -> str:
    result = MultilabelEvaluation.of([*"abc"], np.array(true), np.array(p, float), cut)
    return sentences_of(result)[1]


def test_what_to_look_at_is_what_is_wrong() -> None:
    true = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 0, 1]] * 20)
    sure = np.where(true, 0.99, 0.01)
    assert look_at(true, sure) == "Look at more documents: every answer is right."
    half = np.where(np.arange(80)[:, None] % 8 == 0, 0.4, 0.02)
    assert "above chance" in look_at(true, 1 - sure)
    assert "ECE: probabilities are 30 points off" in look_at(true, np.where(true, 0.7, 0.3))
    assert "thresholds: P ≥ 0.99 for all" in look_at(true, np.where(true, 0.99, half), 0.3)
    hidden = true.copy()
    hidden[:76, 2] = 0
    assert "Look at c: never answered" in look_at(hidden, np.where(hidden, [0.99, 0.99, 0.4], 0.01))
    some = true.copy()
    some[0] = 0, 1, 0
    assert "Look at b, most often answered as a" in look_at(some, sure)
    few = true.copy()
    few[0] = 0, 0, 0
    assert "a label too many or too few" in look_at(few, sure)


def test_what_chance_alone_would_show_is_not_said() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.2, 0.8, (9, 3))
    few = look_at(rng.random(p.shape) < p, p)
    assert "ECE" not in few
    assert "thresholds" not in few
    p = np.repeat(p, 200, axis=0)
    many = look_at(rng.random(p.shape) < np.clip(2 * p - 0.5, 0, 1), p)
    assert "ECE" in many


def test_a_model_that_knows_the_documents_is_told() -> None:
    from textmlr.corpus.duplicates import Overlap

    _, true, p, cuts = random_sets(10, 3, 0)
    sets = LabelSets.of([np.flatnonzero(row).tolist() for row in true])
    own = SetAnswers([*"abc"], sets, p, cuts, overlap=Overlap(9, exact=True))
    told = sentences_of(judge_sets(own, resamples=3))[1]
    assert told.startswith("Look at other documents: the model was trained on most of these")


# ------------------------------------------------------------- the kind of labels that models give
def test_a_model_of_one_label_takes_the_first_of_several(tmp_path: Path) -> None:
    one = textmlr.train(["a robot", "a saddle"] * 10, ["scifi", "western"] * 10)
    texts, sets = ["a robot", "a saddle"], [["scifi", "western"], ["western"]]
    frame = {"text": texts, "labels": sets}
    (tmp_path / "x.tsv").write_text("scifi|western\ta robot\nwestern\ta saddle\n")
    reading = textmlr.ReadingOptions(label_separator="|")
    with pytest.raises(InputError, match="several labels, and here each has one"):
        one.evaluate(Corpus.of(texts, sets))
    results = [
        one.evaluate(texts, sets),
        one.evaluate(frame, label="labels"),
        one.evaluate(tmp_path / "x.tsv", reading=reading),
    ]
    assert {result.accuracy for result in results} == {1.0}
    many = model_of()
    assert many.evaluate(Corpus.of(texts, sets)).labels_a_document == 1.5
    assert many.evaluate(frame, label="labels").labels_a_document == 1.5
    assert many.evaluate(tmp_path / "x.tsv", reading=reading).labels_a_document == 1.5
    (tmp_path / "one.tsv").write_text("scifi\ta robot\n\ta saddle\n")
    assert many.evaluate(tmp_path / "one.tsv").labels_a_document == 0.5
    assert many.evaluate(["a robot"], ["scifi"]).labels_a_document == 1


@pytest.mark.slow
def test_the_columns_of_training_are_read_again(tmp_path: Path) -> None:
    """Separator and indicator columns need not be given twice."""
    rows = [
        (text, *(int(label in own) for label in WORDS))
        for text, own in zip(TEXTS * 8, SETS * 8, strict=True)
    ]
    header = ",".join(["text", *WORDS])
    lines = [",".join(map(str, row)) for row in rows]
    (tmp_path / "columns.csv").write_text("\n".join([header, *lines]) + "\n")
    reading = textmlr.ReadingOptions(label_columns=tuple(WORDS))
    model = textmlr.train(tmp_path / "columns.csv", reading=reading)
    assert model.evaluate(tmp_path / "columns.csv").labels_a_document == pytest.approx(1.2)
    joined = ["|".join(own) + "\t" + text for text, own in zip(TEXTS * 8, SETS * 8, strict=True)]
    (tmp_path / "joined.tsv").write_text("\n".join(joined) + "\n")
    reading = textmlr.ReadingOptions(label_separator="|")
    model = textmlr.train(tmp_path / "joined.tsv", reading=reading)
    assert model.evaluate(tmp_path / "joined.tsv").labels_a_document == pytest.approx(1.2)
    assert model.compare(model, tmp_path / "joined.tsv").documents == 40


@pytest.mark.slow
def test_learning_curves_are_of_micro_f1(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    lines = ["|".join(own) + "\t" + text for text, own in zip(TEXTS * 30, SETS * 30, strict=True)]
    (tmp_path / "train.tsv").write_text("\n".join(lines) + "\n")
    run("train", tmp_path / "train.tsv", "--label-separator", "|", "-o", tmp_path / "m.textmlr")
    arguments = ["evaluate", "-m", tmp_path / "m.textmlr", tmp_path / "train.tsv", "--json"]
    more = ["--report", tmp_path / "r", "--training", tmp_path / "train.tsv"]
    found = json.loads(run(*arguments, *more))
    curve = found["learning_curve"]
    assert [point["documents"] for point in curve] == [9, 19, 38, 75, 150]
    assert curve[-1]["micro_f1"] == found["micro_f1"]
    assert curve[-1]["log_loss"] == found["log_loss"]
    assert "Learning curve: micro-F1 and log loss" in (tmp_path / "r" / "report.html").read_text()
