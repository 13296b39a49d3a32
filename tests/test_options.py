"""An option is written once: a field of a dataclass is all that its check, its place on the command
line, its parameter of an estimator and its documentation come from."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from sklearn.base import BaseEstimator, clone

import textmlr
from textmlr import (
    FeaturizerOptions,
    InputError,
    ReadingOptions,
    TrainingOptions,
    TuningOptions,
    UpdateOptions,
)
from textmlr.base.ngram_lengths import NgramLengths
from textmlr.base.options import (
    CountOrShare,
    Kind,
    OneOf,
    Option,
    RealNumber,
    Switch,
    WholeNumber,
    documented,
    option,
    options_of,
)
from textmlr.base.token_patterns import TokenPattern
from textmlr.base.training_options import LayerWidths
from textmlr.base.tuning_options import TimeLimit
from textmlr.base.word_lists import StopWords, Terms
from textmlr.cli import VERBS, cli
from textmlr.cli.stage_options import stages_options
from textmlr.cli.tune import LEFT_OUT
from textmlr.corpus.reading_kinds import Character, Column, Columns, Encoding, Prefix, Separator
from textmlr.sklearn import TextClassifier, TextFeaturizer
from textmlr.sklearn.estimator_parameters import has_parameters
from textmlr.training.tuning.space import SEARCHED

STAGES = (FeaturizerOptions, TrainingOptions, UpdateOptions, TuningOptions, ReadingOptions)


@documented
@dataclass(frozen=True, slots=True)
class Wider(TrainingOptions):
    """How θ is found, with one option more."""

    restarts: int = option(3, WholeNumber(1, 9, 3), "Train this often, and keep the best.")


@has_parameters([FeaturizerOptions, Wider], {"n_jobs": "Threads."})
class Estimator(BaseEstimator):  # type: ignore[misc]
    """An estimator."""


@click.command()
@stages_options("stages", (FeaturizerOptions, Wider))
def verb(stages: tuple[FeaturizerOptions, Wider]) -> None:
    """A verb."""
    click.echo(repr(stages))


class TestOneMoreField:
    def test_is_checked(self) -> None:
        assert Wider(restarts=9).restarts == 9
        with pytest.raises(InputError, match="restarts=10 is not a whole number from 1 to 9"):
            Wider(restarts=10)

    def test_is_an_option_of_the_command_line(self) -> None:
        run = CliRunner().invoke
        told = run(verb, ["--help"]).output
        assert "--restarts N" in told
        assert "Train this often, and keep the best.  [default: 3]" in " ".join(
            told.split()
        ).replace(" [default", "  [default")
        assert "restarts=5" in run(verb, ["--restarts", "5"]).output
        assert isinstance(run(verb, ["--restarts", "0"]).exception, InputError)

    def test_is_a_parameter_of_an_estimator(self) -> None:
        parameter = inspect.signature(Estimator).parameters["restarts"]
        assert (parameter.default, parameter.annotation) == (3, int)
        assert Estimator(restarts=4).get_params()["restarts"] == 4  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="unexpected keyword argument 'restart'"):
            Estimator(restart=4)  # type: ignore[call-arg]

    def test_is_documented(self) -> None:
        for one in (Wider, Estimator):
            assert "Train this often, and keep the best." in (one.__doc__ or "")


@pytest.mark.parametrize("stage", STAGES)
def test_every_field_is_an_option(stage: type) -> None:
    names = [one.name for one, _ in options_of(stage)]
    assert names == [one.name for one in fields(stage)]
    for one, own in options_of(stage):
        assert own.help.endswith(".")
        says = one.default is not None and one.default != "auto"
        assert says or own.unset, f"{one.name}: what its default comes to is not said"
        assert f"\n    {one.name} " in (stage.__doc__ or "")


def test_options_of_one_solver_say_what_to_do() -> None:
    for _, own in options_of(TrainingOptions):
        assert own.only is None or own.only.mend.spelled()


@pytest.mark.parametrize("estimator", [TextClassifier, TextFeaturizer])
def test_estimators(estimator: type) -> None:
    """Their constructors are as scikit-learn wants them, and whole when they are copied."""
    made = estimator(hash_bits=9)
    for copied in (clone(made), pickle.loads(pickle.dumps(made))):
        assert copied.get_params() == made.get_params()
        assert copied.hash_bits == 9
    parameters = inspect.signature(estimator).parameters
    assert all(one.kind is one.KEYWORD_ONLY for one in parameters.values())
    assert {one.name for one in fields(FeaturizerOptions)} <= set(parameters)
    assert estimator.__init__.__qualname__ == f"{estimator.__name__}.__init__"  # type: ignore[misc]


def of_command(verb: str) -> dict[str, Any]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return {option.name: option for option in command.params}


def test_verbs_have_the_options_of_their_stages() -> None:
    stages = {
        "train": (FeaturizerOptions, TrainingOptions, ReadingOptions),
        "tune": (FeaturizerOptions, TrainingOptions, TuningOptions),
        "update": (UpdateOptions,),
        "featurize": (FeaturizerOptions, ReadingOptions),
    }
    for verb, own in stages.items():
        pairs = [pair for stage in own for pair in options_of(stage)]
        wanted = {one.name for one, option in pairs if not option.python_only}
        assert not {one.name for one, option in pairs if option.python_only} & set(of_command(verb))
        if verb == "tune":
            wanted -= set(LEFT_OUT)
        assert wanted <= set(of_command(verb)), verb


def test_what_tune_searches_is_said() -> None:
    marked = {
        one.name
        for stage in (FeaturizerOptions, TrainingOptions)
        for one, own in options_of(stage)
        if own.searched
    }
    assert marked == SEARCHED
    shown = {name for name, option in of_command("tune").items() if _shown(option) == "searched"}
    assert shown == SEARCHED


def _shown(option: click.Parameter) -> object:
    return option.show_default if isinstance(option, click.Option) else None


def test_values_of_one_of_some() -> None:
    kind = OneOf("a", None)
    kind.check("letter", None)
    with pytest.raises(InputError, match="letter='b' is not one of 'a', None"):
        kind.check("letter", "b")


# ---------------------------------------------------------------- messages
BAD: dict[type[Kind], tuple[Any, str, Any, str]] = {
    # Of each kind: a bad value in Python, as it is typed, in a file, and what is said of it.
    WholeNumber: (-7, "-7", -7, r"a whole number from [\d,]+ to [\d,]+; give one such as \d+"),
    RealNumber: (-7.5, "-7.5", -7.5, r"a number from \S+ to (just below )?\S+; give one such as "),
    OneOf: ("zebra", "zebra", "zebra", "one of "),
    NgramLengths: ((7, 2), "7-2", "7-2", "a (pair .*|range) from 1 to 16"),
    LayerWidths: ("wide", "wide", "wide", "(a tuple of fewer than 16 )?widths"),
    CountOrShare: (
        1.5,
        "1.5",
        1.5,
        r"a number of documents, 1 or more, or a share of them, 0.0 to 1",
    ),
    TokenPattern: ("(", "(", "(", r"a regular expression: .* at character 1"),
    StopWords: ("no/where", "no/where", "no/where", r"a file that can be read \(No such file"),
    Terms: ("no/where", "no/where", "no/where", r"a file that can be read \(No such file"),
    TimeLimit: (-7.5, "soon", "soon", r"a (number|time) .*such as "),
    Column: ("", "", "", "the name or number of a column; give one such as 'text' or '2'"),
    Encoding: ("cp125", "cp125", "cp125", r"one that Python has for text; did you mean cp1252\?"),
    Character: ("::", "::", "::", "one character of ASCII; give one such as ';', and put"),
    Prefix: ("a b", "a b", "a b", "the beginning of a word, without spaces; give one such as "),
    Separator: ("", "", "", "a sign between labels; give one such as '.'"),
    Columns: ("a,,b", "a,,b", "a,,b", "a list of columns; give one such as 'billing,urgent'"),
}
VERB_OF: dict[type, str] = {
    FeaturizerOptions: "train",
    TrainingOptions: "train",
    UpdateOptions: "update",
    TuningOptions: "tune",
    ReadingOptions: "train",
}
WALKED = [
    (stage, one.name, own)
    for stage in STAGES
    for one, own in options_of(stage)
    if not own.python_only
]


def message(*arguments: str) -> str:
    found = CliRunner().invoke(cli, arguments)
    assert isinstance(found.exception, InputError), (arguments, found.output, found.exception)
    return str(found.exception)


@pytest.fixture
def place(
    tmp_path: Path, train_tsv: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("c.tsv").write_bytes(train_tsv.read_bytes())
    Path("m.textmlr").write_bytes(model_file.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("stage", "name", "own"), WALKED, ids=[f"{stage.__name__}.{name}" for stage, name, _ in WALKED]
)
def test_messages_name_option_value_and_range_once_as_they_were_written(
    place: Path, stage: type, name: str, own: Option
) -> None:
    option = of_command(VERB_OF[stage])[name]
    key = max(option.opts, key=len)[2:]
    given = [VERB_OF[stage], *(["m.textmlr"] if stage is UpdateOptions else []), "c.tsv"]
    if isinstance(own.kind, Switch):
        python, typed, written, wanted = 7, None, 7, "(True or False|true or false)"
    else:
        python, typed, written, wanted = BAD[type(own.kind)]
    with pytest.raises(InputError) as refused:
        stage(**{name: python})
    told = [(f"{name}={python!r}", str(refused.value))]
    if typed is not None:
        told.append((f"--{key} {shlex.quote(typed)}", message(*given, f"--{key}={typed}")))
    Path("o.toml").write_text(f"{key} = {json.dumps(written)}\n")
    text = message(*given, "--config", "o.toml")
    told.append((f"o.toml: {key} = {json.dumps(written)}", text))
    for setting, sentence in told:
        assert re.match(f"{re.escape(setting)} is not {wanted}", sentence), sentence
        assert sentence.count(" is not ") == 1, sentence
        assert sentence.count(" from ") <= 1, sentence
        assert sentence.count("one of ") <= 1, sentence
        assert sentence.count(name) + sentence.count(key) <= 2, sentence
        assert len(sentence) < 160, sentence


@pytest.mark.parametrize(
    ("options", "typed", "python"),
    [
        (
            {"dropout": 0.25},
            "--dropout 0.25 means nothing without hidden layers; leave it out, or give --hidden 64",
            "dropout=0.25 means nothing without hidden layers; leave it out, or give hidden=(64,)",
        ),
        (
            {"solver": "sgd", "l1": 0.5},
            "--l1 0.5 means nothing to --solver sgd; leave out --solver, or give --solver exact; "
            "or leave out --l1",
            "l1=0.5 means nothing to solver='sgd'; leave out solver, or give solver='exact'; or "
            "leave out l1",
        ),
        (
            {"l1": 0.5, "idf_power": 2.0},
            "--idf-power 2 means nothing to --solver exact, which --l1 asks for; leave it out: "
            "--idf weights the features themselves",
            "idf_power=2.0 means nothing to solver='exact', which l1 asks for; leave it out: "
            "idf=True weights the features themselves",
        ),
        (
            {"solver": "exact", "calibration": False},
            "--no-calibration means nothing to --solver exact; leave it out: the answer of the "
            "exact solver is the minimum, as it is",
            "calibration=False means nothing to solver='exact'; leave it out: the answer of the "
            "exact solver is the minimum, as it is",
        ),
        (
            {"solver": "exact", "hidden": (8, 4)},
            "the exact solver knows no --hidden: only a convex objective has one minimum; leave "
            "out --solver and --l1, or --hidden",
            "the exact solver knows no hidden: only a convex objective has one minimum; leave out "
            "solver and l1, or hidden",
        ),
    ],
)
def test_options_that_exclude_each_other(
    place: Path, options: dict[str, Any], typed: str, python: str
) -> None:
    with pytest.raises(InputError) as refused:
        TrainingOptions(**options)
    assert str(refused.value) == python
    assert str(copy.copy(refused.value)) == python
    assert str(pickle.loads(pickle.dumps(refused.value))) == python
    words = []
    for name, value in options.items():
        option = of_command("train")[name]
        if value is False:
            words.append(option.secondary_opts[0])
        else:
            words += [option.opts[0], getattr(option.type, "text", str)(value)]
    assert message("train", "c.tsv", *words) == typed


def test_tune_trains_no_sparse_theta(place: Path) -> None:
    with pytest.raises(InputError) as refused:
        textmlr.tune("c.tsv", trials=1, theta="sparse")
    told = "tune trains no theta='sparse'; leave it out, or give theta='dense'"
    assert str(refused.value) == told


def test_messages_of_the_featurizer(place: Path) -> None:
    assert message("train", "c.tsv", "--ngrams", "none", "--char-ngrams", "none") == (
        "--ngrams none and --char-ngrams none leave no features; leave one of them out, or give "
        "--ngrams 1-2"
    )
    assert message("featurize", "c.tsv", "-o", "x.npz", "--min-df=2", "--hash-bits=9") == (
        "--min-df 2 needs a vocabulary, and --hash-bits 9 none; leave out --min-df or --hash-bits"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train c.tsv --threads 0", "--threads 0 is not a whole number from 1 to 1,024; give one"),
        ("train c.tsv --memory lots", "--memory lots is not a size such as 500kB, 2GB or 1MiB"),
        ("train c.tsv --memory 9", "--memory of 9 bytes is too little to train in; give a size"),
        ("train c.tsv --checkpoint-every x", "--checkpoint-every x is not a time such as 90s, 5m"),
        ("train c.tsv --stream --checkpoint-every x", "--checkpoint-every x is not a number of"),
        ("train c.tsv --stream --no-holdout", "--no-holdout does not go with a stream: each"),
        ("train c.tsv --stream --theta sparse", "--theta does not go with a stream: where feature"),
        ("train c.tsv --stream --min-df 2", "--min-df does not go with a stream: how many"),
        ("train c.tsv --format npz", "--format npz is not a format to read; to write it, give --o"),
        ("classify -m m.textmlr --top 0 c.tsv", "--top 0 is not "),
        ("classify -m m.textmlr --min-probability 2 c.tsv", "--min-probability 2 is not a probab"),
        ("compress m.textmlr -o s --max-size x", "--max-size x is not a size such as 500kB, 2GB"),
        ("compress m.textmlr -o s --max-size 1MB --dtype f", "--dtype f is not one of int8, flo"),
        ("export m.textmlr --output-format xml", "--output-format xml is not one of json, onnx"),
        ("top m.textmlr -k 0", "--features 0 is not a whole number from 1 to 1,000,000; give"),
    ],
)
def test_messages_of_other_options(place: Path, words: str, told: str) -> None:
    assert message(*words.split()).startswith(told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("export m.textmlr --format json", "Error: --format is --output-format now\n"),
        ("featurize c.tsv -o x --corpus-format tsv", "Error: --corpus-format is --format now\n"),
        ("export m.textmlr", "Error: name a file that ends in .json or .onnx (-o), or give --outp"),
    ],
)
def test_old_spellings_are_told_by_their_new_ones(place: Path, words: str, told: str) -> None:
    found = CliRunner().invoke(cli, words.split())
    assert found.exit_code == 2
    assert told in found.output


def test_format_is_of_what_is_read_and_output_format_of_what_is_written() -> None:
    reads = {"tsv", "csv", "jsonl", "parquet", "arrow", "fasttext"}
    for verb in VERBS:
        options = {name: one for one in of_command(verb).values() for name in one.opts}
        if "--format" in options:
            assert reads <= set(options["--format"].type.choices), verb
        for name, one in options.items():
            assert name in ("--format", "--output-format") or "format" not in name, name
            if name == "--output-format":
                assert "-o" in options, verb
                assert one.help


def test_short_names_mean_one_thing_everywhere() -> None:
    meanings: dict[str, set[str]] = {}
    for verb in VERBS:
        for one in of_command(verb).values():
            for name in one.opts:
                if len(name) == 2:
                    meanings.setdefault(name, set()).add(max(one.opts, key=len))
    assert meanings == {
        "-o": {"--output"},
        "-m": {"--model"},
        "-q": {"--quiet"},
        "-k": {"--top", "--features"},
    }


def test_errors_of_reading_spell_options_as_they_were_written(place: Path) -> None:
    """In Python, on the command line, and in a file of options."""
    Path("bad.tsv").write_text("a\tx\nno tab\n")
    Path("o.toml").write_text("weighted = true\n")
    with pytest.raises(InputError, match=r"or pass reading=ReadingOptions\(skip_bad_lines=True\)$"):
        textmlr.train("bad.tsv")
    assert message("train", "bad.tsv").endswith("or pass --skip-bad-lines")
    Path("bad.tsv").write_text("a\tx\n")
    told = "no tab between weight and text in 'a\\tx'; write label<TAB>weight<TAB>text, or pass "
    assert told + "--skip-bad-lines, or leave out --weighted" in message(
        "train", "bad.tsv", "--weighted"
    )
    assert told + "--skip-bad-lines, or leave out weighted" in message(
        "train", "bad.tsv", "--config", "o.toml"
    )
    Path("t.csv").write_text("a,b\nx,y\n")
    assert "say which with --text-column and --label-column:" in message("train", "t.csv")
    with pytest.raises(InputError, match="say which with text='…' and label='…':"):
        textmlr.train("t.csv")
