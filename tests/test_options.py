"""An option is written once: a field of a dataclass is all that its check, its place on the command
line, its parameter of an estimator and its documentation come from."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

import click
import pytest
from click.testing import CliRunner
from sklearn.base import BaseEstimator, clone

from textmlr import FeaturizerOptions, InputError, TrainingOptions, TuningOptions, UpdateOptions
from textmlr.base.options import OneOf, WholeNumber, documented, option, options_of
from textmlr.cli.stage_options import stages_options
from textmlr.cli.tune import LEFT_OUT
from textmlr.sklearn import TextClassifier, TextFeaturizer
from textmlr.sklearn.estimator_parameters import has_parameters
from textmlr.training.tuning.space import SEARCHED

STAGES = (FeaturizerOptions, TrainingOptions, UpdateOptions, TuningOptions)


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
    command = getattr(import_module(f"textmlr.cli.{verb}"), verb)
    return {option.name: option for option in command.params}


def test_verbs_have_the_options_of_their_stages() -> None:
    stages = {
        "train": (FeaturizerOptions, TrainingOptions),
        "tune": (FeaturizerOptions, TrainingOptions, TuningOptions),
        "update": (UpdateOptions,),
        "featurize": (FeaturizerOptions,),
    }
    for verb, own in stages.items():
        wanted = {one.name for stage in own for one in fields(stage)}
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
