"""Progress: a line a stage in pipes and in the log, silence otherwise; each verb tells the first
compile."""

from __future__ import annotations

import logging
from collections.abc import Callable

import click
import pytest
from conftest import documents

from textmlr import Corpus, train, tune, update
from textmlr.base.compiling import COMPILING, TEXT
from textmlr.cli import VERBS, cli
from textmlr.cli.verb import Verb
from textmlr.training import stage_lines, training_progress
from textmlr.training.exact.penalty_path import Penalty
from textmlr.training.ngram_choice import Candidate
from textmlr.training.on_disk.stage_progress import Work
from textmlr.training.sgd.epoch import Epoch
from textmlr.training.sgd.trial_run import Progress
from textmlr.training.stage_lines import SECONDS_A_LINE, StageLines, logged
from textmlr.training.training_events import Event, Stage
from textmlr.training.training_progress import TrainingProgress, is_shown

MOST_LINES = 8  # of a training with nothing to wait for
NO_COMPILING = ("guide", "completion")
COMMANDS = {verb: cli.get_command(click.Context(cli), verb) for verb in VERBS}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stage_lines, "time", clock)
    return clock


def epoch(run: str, number: int) -> Progress:
    return Progress(run, 0.0, Epoch(number, 90, 0.5, 1.25, 0.5, 0, 100), None)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    labels, texts = zip(*documents(120, seed=3), strict=True)
    return Corpus.of(list(texts), list(labels))


# --------------------------------------------------------------------------- a line a stage
def test_a_stage_is_told_once(clock: Clock) -> None:
    lines: list[str] = []
    watch = StageLines(lines.append).watch
    events: list[Event] = [
        Stage("features", 100, 2),
        *(Work("counting n-grams", done, 4_000_000) for done in (0, 1_000_000, 2_000_000)),
        Candidate((1, 2), None, 100, 0.5, 0.75),
        Candidate((1, 2), (4, 4), 100, 0.25, 0.875),
        Stage("fit", 100, 2, 50, 900, 5, 400),
        *(epoch("trial", number) for number in range(1, 30)),
        *(epoch("final", number) for number in range(1, 30)),
    ]
    for event in events:
        clock.seconds += 0.5
        watch(event)
    assert lines == [
        "reading the words of 100 documents of 2 labels",
        "counting n-grams",
        "tried words 1-2: held-out log loss 0.500, accuracy 0.750",
        "tried words 1-2 + characters 4: held-out log loss 0.250, accuracy 0.875",
        "50 features, which take 400 B of memory; choosing the step size",
        "training on all documents",
    ]


@pytest.mark.parametrize(
    "event", [Work("sorting", 1_000_000, 4_000_000), epoch("trial", 2), epoch("update", 2)]
)
def test_a_long_stage_has_a_line_a_minute(event: Event, clock: Clock) -> None:
    lines: list[str] = []
    watch = StageLines(lines.append).watch
    watch(event)
    told = len(lines)
    for _ in range(180):
        clock.seconds += 1
        watch(event)
    # A trial has no line of its own: its first comes when the clock is a minute old.
    assert len(lines) - told == 180 / SECONDS_A_LINE


def test_penalties_are_told_once_a_minute(clock: Clock) -> None:
    lines: list[str] = []
    watch = StageLines(lines.append).watch
    for _ in range(60):
        clock.seconds += 2
        watch(Penalty(0.5, 0.25, 0.75))
    assert lines == ["tried the penalty λ = 0.5: held-out log loss 0.250, accuracy 0.750"] * 2


# --------------------------------------------------------------------------- in Python
def verbs(corpus: Corpus) -> dict[str, Callable[[bool], object]]:
    model = train(corpus)
    return {
        "train": lambda verbose: train(corpus, verbose=verbose),
        "exact": lambda verbose: train(corpus, solver="exact", verbose=verbose),
        "tune": lambda verbose: tune(corpus, trials=2, verbose=verbose),
        "update": lambda verbose: update(model, corpus, verbose=verbose),
    }


@pytest.mark.slow
def test_python_is_silent_unless_it_is_verbose(
    corpus: Corpus, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, verb in verbs(corpus).items():
        capfd.readouterr()
        verb(False)
        assert capfd.readouterr() == ("", ""), name
        verb(True)
        out, err = capfd.readouterr()
        assert not out, name
        lines = [line for line in err.splitlines() if line != TEXT]
        assert 0 < len(lines) <= MOST_LINES, (name, lines)
        assert "\x1b" not in err, name


def test_the_log_has_the_lines_of_a_pipe(
    corpus: Corpus, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, "textmlr"):
        train(corpus, verbose=True)
    told = [one.message for one in caplog.records if one.levelno == logging.INFO]
    shown = [line for line in capfd.readouterr().err.splitlines() if line != TEXT]
    assert told == [line for line in shown if not line.startswith("Warning: ")]
    assert told[0].startswith("reading the words of 120 documents")


@pytest.mark.parametrize("widgets", [False, True])
def test_a_notebook_without_widgets_has_a_line_a_stage(
    widgets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rich would only warn that there are none."""
    monkeypatch.setattr(training_progress, "is_notebook", lambda: True)
    monkeypatch.setattr(training_progress, "find_spec", lambda name: object() if widgets else None)
    assert is_shown(quiet=False) == widgets
    assert not is_shown(quiet=True)
    assert (TrainingProgress(quiet=False).bar is not None) == widgets


def test_nobody_listens() -> None:
    logger = logging.getLogger("textmlr")
    assert not logger.isEnabledFor(logging.INFO)
    logged(None)(epoch("trial", 1))
    assert any(isinstance(one, logging.NullHandler) for one in logger.handlers)


# --------------------------------------------------------------------------- the first compile
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_tells_the_first_compile(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = COMMANDS[verb]
    assert isinstance(command, Verb)
    assert command.compiles == (verb not in NO_COMPILING)
    if not command.compiles:
        return

    def compiles(**options: object) -> None:
        for _ in range(3):
            COMPILING.note("kernel", 0.0)
            COMPILING.note("kernel", 1.5)

    monkeypatch.setattr(command, "callback", compiles)
    context = click.Context(command)
    command.invoke(context)
    assert capsys.readouterr().err == TEXT + "\n"
    assert COMPILING.seconds == 4.5
    context.params["quiet"] = True
    command.invoke(context)
    assert not capsys.readouterr().err
