"""Evaluations in Python and in a terminal: data of any form, chance, and what is said last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from test_evaluation import random_answers

from textmlr import Comparison, Corpus, Evaluation, InputError, compare, evaluate, train
from textmlr.cli.evaluation_screen import sentences, show_evaluation


# ------------------------------------------------------------------------------ beside chance
def test_chance_by_hand() -> None:
    p = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.2, 0.8, 0.0], [0.3, 0.7, 0.0]])
    y = np.array([0, 1, 1, 2], np.int32)
    figures = Evaluation.of(["a", "b", "c"], y, p)
    assert (figures.chance.label, figures.chance.source) == ("b", "test")
    assert figures.chance.accuracy == 0.5
    assert figures.chance.log_loss == pytest.approx(0.25 * 2 * np.log(4) + 0.5 * np.log(2))
    assert figures.never_answered == ("c",)
    assert figures.as_dict()["never_answered"] == ["c"]
    assert figures.as_dict()["chance"]["label"] == "b"
    assert "answered" not in figures.as_dict()


def test_chance_is_of_the_training_documents() -> None:
    corpus = Corpus.of(["good fun"] * 30 + ["bad bore"] * 10, ["pos"] * 30 + ["neg"] * 10)
    model = train(corpus)
    figures = evaluate(model, ["good", "bad", "bad", "odd"], ["pos", "neg", "neg", "new"])
    assert (figures.chance.label, figures.chance.source) == ("pos", "training")
    assert figures.chance.accuracy == 0.25
    unknown = -np.log(np.finfo(np.float64).eps)
    assert figures.chance.log_loss == pytest.approx(
        (-np.log(0.75) - 2 * np.log(0.25) + unknown) / 4
    )
    assert figures.never_answered == ()  # a label the model does not know cannot be


def test_any_data_can_be_evaluated(tmp_path: Path) -> None:
    texts, labels = ["good fun", "bad bore"] * 30, ["pos", "neg"] * 30
    model = train(Corpus.of(texts, labels))
    whole = evaluate(model, texts, labels)
    path = tmp_path / "test.csv"
    path.write_text("review,stars\n" + "".join(map("{},{}\n".format, texts, labels)))
    frame = {"review": texts, "stars": labels}
    assert evaluate(model, Corpus.of(texts, labels)) == whole
    assert evaluate(model, path, label="stars") == whole
    assert evaluate(model, frame, text="review", label="stars", verbose=True) == whole
    assert compare(model, model, frame, label="stars").accuracy.value == 0
    assert compare(model, model, texts, labels) == compare(model, model, path, label="stars")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((["a", "b"], np.array([0]), np.ones((1, 2))), r"Evaluation\.of\(labels, y, prob"),
        ((None, ["a"], ["b"]), "model takes a Model, not None"),
        (("m.textmlr", ["a"], ["b"]), "model takes a Model, not 'm.textmlr'"),
    ],
)
def test_what_is_no_model_is_told(arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(InputError, match=told):
        evaluate(*arguments)


def test_no_documents_to_evaluate_or_compare_by() -> None:
    model = train(Corpus.of(["good fun", "bad bore"] * 30, ["pos", "neg"] * 30))
    with pytest.raises(InputError, match="no documents to evaluate"):
        evaluate(model, Corpus.of([], []))
    with pytest.raises(InputError, match="no documents to compare by"):
        compare(model, model, Corpus.of([], []))


def test_results_are_shown_in_three_lines() -> None:
    names, y, p = random_answers(300, 12, 1)
    figures = Evaluation.of(names, y, p)
    sides = figures.answered, figures.answered
    for shown in (repr(figures), repr(Comparison.of(*sides))):
        lines = shown.splitlines()
        assert len(lines) == 3
        assert max(map(len, lines)) < 180
    assert f"accuracy {figures.accuracy:.4f}" in repr(figures)
    assert f"chance {figures.chance.accuracy:.4f}" in str(figures)
    assert len(repr(figures.labels[0])) < 200


def test_a_notebook_shows_figures_and_reliability() -> None:
    names, y, p = random_answers(300, 12, 1)
    odd = ["<script>alert(1)</script>", *names[1:]]
    html = Evaluation.of(odd, y, p)._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert html.count("<circle") == len(Evaluation.of(names, y, p).reliability)
    for tag in ("div", "table", "svg", "style", "tbody", "p", "tr", "td"):
        assert len(re.findall(f"<{tag}[ >]", html)) == html.count(f"</{tag}>")


# ------------------------------------------------------------------------------------ the screen
def screen(result: Evaluation, *, everything: bool = False, columns: int = 80) -> list[str]:
    """The lines that the command line shows."""
    runner = CliRunner(env={"COLUMNS": str(columns)})
    command = click.command()(lambda: show_evaluation(result, (), everything=everything))
    return runner.invoke(command, catch_exceptions=False).stdout.splitlines()


def many_labels(labels: int, name: str = "label-{}") -> Evaluation:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(labels), 20 * labels)
    y = rng.integers(0, labels, len(p)).astype(np.int32)
    return Evaluation.of([name.format(i) for i in range(labels)], y, p)


@pytest.mark.parametrize("labels", [1, 2, 5, 6, 77, 200])
def test_an_evaluation_fits_one_screen_and_says_the_most_last(labels: int) -> None:
    lines = screen(many_labels(labels))
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    at = [
        next(i for i, line in enumerate(lines) if line.strip().startswith(name))
        for name in ("ECE", "log loss", "accuracy", "Chance: always", "Look at")
    ]
    assert at == sorted(at)
    assert len(lines) - at[2] <= 5
    if labels > 5:
        assert f"  {labels - 4} more: --all" in lines
    every = screen(many_labels(labels), everything=True)
    assert sum(line.startswith("  label-") for line in every) == labels


@pytest.mark.parametrize("columns", [60, 100, 160])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    long = "a-label-of-a-corpus-that-says-all-there-is-to-say-about-it-{}"
    for everything in (False, True):
        lines = screen(many_labels(20, long), everything=everything, columns=columns)
        assert max(map(len, lines)) <= columns
        assert not any(line.endswith(" ") for line in lines)


def test_labels_are_shown_as_they_are() -> None:
    lines = screen(many_labels(3, "[red]{}\x1b[31m"))
    assert any(line.startswith("  [red]0\\x1b[31m ") for line in lines)
    assert "Chance: always [red]" in "\n".join(lines)


def look_at(p: Any, y: Any, labels: Sequence[str] = ("a", "b", "c")) -> str:
    result = Evaluation.of(labels, np.array(y, np.int32), np.array(p, float))
    return " ".join(sentences(result)[1].split())


def test_what_to_look_at_is_what_is_wrong() -> None:
    sure = np.eye(3)[[0, 1, 2] * 20]
    assert look_at(sure, [0, 1, 2] * 20) == "Look at more documents: every answer is right."
    never = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1]] * 30)
    assert "Look at c: never answered (F1 0); more documents" in look_at(
        never, [0, 1, 0, 1, 2] * 12
    )
    assert "--class-weight balanced" in look_at(never, [0, 1, 0, 1, 2] * 12)
    even = np.array([[0.5, 0.4, 0.1], [0.1, 0.5, 0.4], [0.4, 0.1, 0.5]] * 20)
    assert "above chance" in look_at(even, [1, 2, 0] * 20)
    shy, bad = [0.999, 0.001, 0], [0, 1, 0]
    assert "Look at log loss" in look_at([shy] * 50 + [bad] * 50, [0] * 50 + [1] * 30 + [0] * 20)
    doubtful = 0.5 * sure + 0.5 / 3
    assert "Look at ECE: probabilities are 33 points off" in look_at(doubtful, [0, 1, 2] * 20)
    some = [0, 1, 2] * 20
    some[0] = 1
    assert "Look at b, most often taken for a" in look_at(sure * 0.97 + 0.01, some)


def test_a_model_that_knows_the_documents_is_told() -> None:
    corpus = Corpus.of([f"good fun {i}" for i in range(30)] + ["bad bore"] * 30, ["a", "b"] * 30)
    told = sentences(evaluate(train(corpus), corpus))[1]
    assert told.startswith("Look at other documents: the model was trained on most of these")


def test_warnings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    corpus = Corpus.of(["good fun", "bad bore"] * 30, ["pos", "neg"] * 30)
    model = train(corpus)
    caplog.clear()
    with caplog.at_level("WARNING", "textmlr"):
        evaluate(model, ["good fun", "odd"], ["pos", "new"])
        compare(model, model, ["odd"], ["new"])
    assert [message.split(" ", 1)[1] for message in caplog.messages] == [
        "of 2 documents also occurs in the corpus that the model was trained on; "
        "answers to them say nothing of new ones",
        "document with labels the model does not know (new); they count as wrong",
        "document with labels A does not know (new); they count as wrong",
        "document with labels B does not know (new); they count as wrong",
    ]
