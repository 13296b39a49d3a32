"""Summaries: wrapped in a terminal, plain in a pipe, with chance beside the figures; the note on
labels that are never answered."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import mostly_slow

from textmlr import Corpus, FeaturizerOptions, TrainingOptions
from textmlr.cli import terminal
from textmlr.cli.terminal import cells, show_rows, wrapped
from textmlr.cli.training_summary import fit_rows
from textmlr.model.record import HeldOutRecord, Record
from textmlr.model.record_chance import held_out_chance
from textmlr.training.calibration import TELLING, Scored
from textmlr.training.corpus_training import train_corpus
from textmlr.training.training_notes import training_notes

ROWS = [
    ("n-grams", "words 1-2 + characters 4"),
    ("labels", ", ".join(f"label{number} ({number})" for number in range(40))),
    ("", "tried on 576 documents, held-out log loss: words 1-2 1.345, characters 4 1.025"),
    ("標籤", "文件 " * 60 + "x" * 30),
]
WORDS = ["good", "fine", "nice", "well", "bad", "poor", "grim", "ill"]


@pytest.mark.parametrize("columns", [20, 60, 80, 100, 160])
def test_rows_wrap_between_words(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No line is longer than the terminal, no word is cut, and values hang under their first
    line."""
    monkeypatch.setattr(terminal, "columns_of", lambda *, err=False: columns)
    show_rows(ROWS)
    lines = capsys.readouterr().out.splitlines()
    indent = 2 + len("n-grams") + 2
    room = max(columns - indent, terminal.LEAST_COLUMNS)
    assert all(cells(line) <= max(indent + room, indent + 30) for line in lines)
    if columns >= 60:
        assert all(cells(line) <= columns for line in lines)
    assert [word for line in lines for word in line.split()] == [
        word for row in ROWS for part in row for word in part.split()
    ]
    values = [line for line in lines if line.startswith(" " * indent)]
    assert len(values) >= len(lines) - 3
    assert all(line[indent] != " " for line in values)


def test_a_pipe_has_a_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS)
    assert len(capsys.readouterr().out.splitlines()) == len(ROWS)


def test_wrapping_keeps_every_word() -> None:
    text = "one two  three " + "w" * 50
    assert " ".join(wrapped(text, 10)) == text
    assert wrapped("", 10) == [""]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal of its own")
@pytest.mark.parametrize("columns", [60, 100])
def test_the_columns_are_those_of_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w") as screen:
        monkeypatch.setattr("sys.stderr", screen)
        assert terminal.columns_of(err=True) == columns
    os.close(ours)


def _record(**held: object) -> Record:
    values = {"documents": 10, "folds": 0, "origin": "corpus", "loss": 0.5, "accuracy": 0.75}
    corpus = train_corpus(_corpus([6, 3, 3]), threads=1).record.corpus
    assert corpus is not None
    return Record(
        corpus=replace(corpus, per_label=(6, 3, 3), weight_per_label=None),
        held_out=HeldOutRecord(**values | {"trials": ()} | held),
    )


def _corpus(sizes: list[int]) -> Corpus:
    texts, labels = [], []
    rng = np.random.default_rng(5)
    for code, size in enumerate(sizes):
        for _ in range(size):
            texts.append(" ".join(rng.choice(WORDS[2 * code : 2 * code + 3], 4)))
            labels.append(f"l{code}")
    return Corpus.of(texts, labels)


def test_chance_is_the_commonest_label_and_the_shares() -> None:
    found = held_out_chance(_record())
    assert found is not None
    assert found.accuracy == 0.5
    assert found.log_loss == pytest.approx(1.5 * math.log(2))
    rows = dict(fit_rows(_record()))
    assert rows["accuracy"] == "0.7500 held out (chance 0.5000: always the commonest label)"
    assert rows["log loss"] == "0.5000 nats held out (chance 1.0397: the labels' shares)"


def test_chance_of_other_documents_is_not_known() -> None:
    assert held_out_chance(_record(origin="validation")) is None
    assert held_out_chance(_record(documents=0, loss=None, accuracy=None)) is None
    assert held_out_chance(Record()) is None
    assert dict(fit_rows(_record(origin="validation")))["accuracy"] == "0.7500 held out"


def test_never_answered_are_labels_that_documents_have() -> None:
    y = np.array([0] * TELLING + [1] * TELLING + [2] * (TELLING - 1) + [3], np.int32)
    scores = np.zeros((len(y), 5), np.float32)
    scores[:, 0] = 1
    weights = np.ones(len(y), np.float32)
    assert Scored(scores, y, weights).never_answered == (1,)
    scores[0, 1] = 2
    assert Scored(scores, y, weights).never_answered == ()
    weights[y == 1] = 0  # they do not count
    scores[0, 1] = 0
    assert Scored(scores, y, weights).never_answered == ()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "exact"},
        {"solver": "exact", "l2": 1e-3},
        {"holdout": 0.2, "class_weight": "balanced"},
    ],
    ids=str,
)
@pytest.mark.parametrize("documents", mostly_slow([120, 400, 6000]))
def test_a_label_that_is_never_answered_is_told(
    documents: int, options: dict[str, object], tmp_path: Path
) -> None:
    """Labels drawn at random, one of them rare: it is no answer, in each way of judging."""
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, 3)) for _ in range(documents)]
    labels = rng.choice(["common", "rare"], documents, p=[0.92, 0.08])
    corpus = Corpus.of(texts, labels.tolist())
    words = FeaturizerOptions(ngrams=(1, 1), char_ngrams=None)
    model = train_corpus(corpus, words, TrainingOptions(**options), threads=1)
    notes = [note for note in training_notes(corpus, None, model) if "never" in note]
    if options.get("class_weight") or "l2" in options:
        assert not any("--class-weight" in note for note in notes) or "l2" in options
        if "l2" in options:  # nothing was held out: nothing is known
            assert not notes
    else:
        assert notes == [
            "1 label is never the answer to held-out documents (F1 0): rare; --class-weight "
            "balanced, more documents of such labels, or a smaller --min-df help"
        ]
    size = model.save(tmp_path / "m")
    assert size > 0
    assert b"never_answered" not in (tmp_path / "m").read_bytes()
