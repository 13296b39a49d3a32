"""Numbers that make no sense are refused at once, with one that does, by the command line and in
Python alike."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import pytest
from click.testing import CliRunner

from textmlr import FeaturizerOptions, InputError, Model, TrainingOptions, read_corpus
from textmlr.base.threads import chosen_threads
from textmlr.base.training_options import MAX_IDF_POWER
from textmlr.base.tuning_options import TuningOptions
from textmlr.base.update_options import UpdateOptions
from textmlr.cli import VERBS, cli
from textmlr.cli.value_types import (
    Duration,
    Listed,
    ListedColumns,
    NgramRangeType,
    Number,
    Probability,
    Size,
    Widths,
)
from textmlr.export.predictions.prediction_columns import ColumnChoice
from textmlr.model.explanation.top_features import top_features
from textmlr.model.small_file.compression import compress
from textmlr.training.stream.checkpoints import every

HUGE, LONG = str(10**24), "1" + "0" * 400
ABSURD = ("0", "-1", HUGE, "nan", "inf", "-inf", "1e308", LONG, "9" * 5000)
NUMERIC = (Duration, NgramRangeType, Number, Probability, Size, Widths)
# Where 0 says something.
NOUGHT = {
    "cost_false_positive",
    "holdout",
    "idf_power",
    "l1",
    "l2",
    "dropout",
    "input_dropout",
    "seed",
    "asked",
    "min_probability",
}
# What a verb needs besides the option, and what an option needs to mean something.
GIVEN = {
    "train": ["c.tsv", "-o", "o"],
    "tune": ["c.tsv", "-o", "o"],
    "update": ["m", "c.tsv"],
    "classify": ["-m", "m", "d.txt"],
    "explain": ["-m", "m", "d.txt"],
    "evaluate": ["-m", "m", "c.tsv"],
    "compare": ["m", "m", "c.tsv"],
    "top": ["m"],
    "info": ["m"],
    "featurize": ["c.tsv", "-o", "o.npz"],
    "export": ["m", "--output-format", "json", "-o", "o"],
    "compress": ["m", "-o", "o", "--max-size", "20kB"],
}
NEEDS = {
    "dropout": ["--hidden", "4"],
    "tolerance": ["--solver", "exact"],
    "cost_false_positive": ["--maximise", "utility"],
}


def command(verb: str) -> click.Command:
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


def numeric_options() -> Iterator[tuple[str, click.Option]]:
    for verb in VERBS:
        for option in command(verb).params:
            if not isinstance(option, click.Option) or option.is_flag:
                continue
            if isinstance(option.type, NUMERIC) or option.name == "checkpoint_every":
                yield verb, option


# What makes sense of --memory depends on the corpus.
OPTIONS = [pair for pair in numeric_options() if (pair[0], pair[1].name) != ("train", "memory")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model_file: Path, train_tsv: Path) -> Path:
    folder = tmp_path_factory.mktemp("absurd")
    (folder / "m").write_bytes(model_file.read_bytes())
    (folder / "c.tsv").write_bytes(train_tsv.read_bytes())
    (folder / "d.txt").write_text("a robot in orbit")
    return folder


def test_all_are_walked() -> None:
    """No verb has an option with a type that this file does not know."""
    words = click.types.StringParamType, click.Choice, click.types.BoolParamType
    known = (*NUMERIC, Listed, ListedColumns, *words)
    for verb in VERBS:
        for option in command(verb).params:
            assert isinstance(option.type, known), (verb, option.name, option.type)
    assert len(OPTIONS) > 50


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "option"), OPTIONS, ids=[f"{verb}-{option.name}" for verb, option in OPTIONS]
)
def test_command_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, verb: str, option: click.Option
) -> None:
    monkeypatch.chdir(place)
    before = sorted(path.name for path in place.iterdir())
    for value in ABSURD:
        if value == "0" and option.name in NOUGHT:
            continue
        # A click.Option's value is given apart: a value such as -1 is no option.
        usual = [*GIVEN[verb], *NEEDS.get(str(option.name), [])]
        if option.opts[-1] in usual:  # no option is given twice
            del usual[(at := usual.index(option.opts[-1])) : at + 2]
        given = [*usual, f"{option.opts[-1]}={value}"]
        if option.opts[-1] == "-k":
            given[-1:] = ["-k", value]
        began = time.process_time()
        result = CliRunner().invoke(cli, [verb, *given])
        told = f"{result.output} {result.exception}"
        refused = result.exit_code == 2 or isinstance(result.exception, InputError)
        assert refused, (given[-1][:60], result.exit_code, told[-400:])
        assert time.process_time() - began < 2, given[-1][:60]
        assert len(told) < 1500, told
        assert " such as " in told or "is not a probability, a number of 0 to 1" in told
        assert "Traceback" not in told
    assert sorted(path.name for path in place.iterdir()) == before


SENSIBLE = {
    FeaturizerOptions: {"min_token_length", "min_df", "max_df", "max_features", "hash_bits"},
    TrainingOptions: {
        "epochs",
        "learning_rate",
        "cost_false_positive",
        "idf_power",
        "l2",
        "l1",
        "holdout",
        "patience",
        "tolerance",
        "dropout",
        "input_dropout",
        "seed",
    },
    UpdateOptions: {"holdout", "seed"},
    TuningOptions: {"seconds", "trials", "cv"},
}
IN_PYTHON = [-1, 10**24, 10**400, 10**5000, math.nan, math.inf, -math.inf, 1e308, True, "1"]


@pytest.mark.parametrize("stage", SENSIBLE)
def test_all_numbers_of_the_dataclasses_are_walked(stage: type) -> None:
    def numeric(kind: Any) -> bool:
        return kind in (int, float) or any(
            numeric(one) for one in get_args(kind) if one is not kind
        )

    hints = get_type_hints(stage)
    found = {f.name for f in dataclasses.fields(stage) if numeric(hints[f.name])}
    assert found - {"ngrams", "char_ngrams", "hidden"} == SENSIBLE[stage]


@pytest.mark.parametrize(
    ("stage", "option"),
    [(stage, option) for stage, own in SENSIBLE.items() for option in sorted(own)],
)
def test_python(stage: type, option: str) -> None:
    """Refused, with a value that is taken."""
    needs = {
        "dropout": {"hidden": (4,)},
        "tolerance": {"solver": "exact"},
        "cost_false_positive": {"maximise": "utility"},
    }.get(option, {})
    absurd = IN_PYTHON if option in NOUGHT else [0, *IN_PYTHON]
    for value in absurd:
        with pytest.raises(InputError) as refused:
            stage(**{option: value}, **needs)
        told = str(refused.value)
        assert told.startswith(f"{option}=")
        assert len(told) < 250
        such_as = told.rpartition("give one such as ")[2]
        number = float(such_as) if "." in such_as or "e" in such_as else int(such_as)
        stage(**{option: number}, **needs)


@pytest.mark.parametrize("value", [(0,), (10**24,), (10**400,), (-1,), (1.5,), (math.nan,)])
def test_widths_in_python(value: tuple[Any, ...]) -> None:
    with pytest.raises(InputError, match=r"hidden=.* give one such as 64"):
        TrainingOptions(hidden=value)


@pytest.mark.slow
@pytest.mark.parametrize("value", [0, -1, 10**24, 10**400, math.nan, math.inf, 1.5, "3", True])
def test_functions(model_file: Path, value: Any) -> None:
    """What verbs take that is no field of a dataclass."""
    model = Model.load(model_file)
    calls = {
        "threads": lambda: chosen_threads(value),
        "top": lambda: model.classify(["a robot"], top=value),
        "k": lambda: top_features(model, k=value),
        "max_size": lambda: compress(model, value),
    }
    for option, call in calls.items():
        with pytest.raises(InputError, match=rf"^{option}=.*; give one such as "):
            call()
    with pytest.raises(InputError, match=r"^threads="):
        model.probabilities(["a robot", "a saddle"], threads=value)
    with pytest.raises(InputError, match=r"^top="):
        ColumnChoice(top=value)


@pytest.mark.parametrize(
    "text", ["0", "1e3", HUGE, LONG, f"{HUGE}s", f"{LONG}h", "9" * 5000, "nans"]
)
def test_checkpoints(text: str) -> None:
    with pytest.raises(InputError, match="such as 60s, 5m or 1h"):
        every(text)


@pytest.mark.slow
def test_the_widest_that_is_taken_works(train_tsv: Path) -> None:
    """Steps as large as they may be diverge, and are told of: no number is out of range."""
    from textmlr.training.corpus_training import train_corpus

    corpus = read_corpus([train_tsv])
    words = FeaturizerOptions(ngrams=(1, 1))
    widest = TrainingOptions(
        learning_rate=1e6, l2=1e6, idf_power=MAX_IDF_POWER, seed=(1 << 63) - 1, epochs=1
    )
    assert len(train_corpus(corpus, words, widest).labels) == 3
    few = FeaturizerOptions(ngrams=(1, 1), max_features=(1 << 31) - 1, min_token_length=1)
    assert len(train_corpus(corpus, few, TrainingOptions(epochs=1)).labels) == 3
