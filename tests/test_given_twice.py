"""An option of one value that is given twice is refused on every verb: one of the values would be
lost, and nobody would know which."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from textmlr.cli import VERBS, cli


def _command(verb: str) -> click.Command:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return command


def _options() -> list[tuple[str, click.Option]]:
    return [
        (verb, option)
        for verb in VERBS
        for option in _command(verb).params
        if isinstance(option, click.Option) and option.name not in ("help", "help_all")
    ]


ONE_VALUE = [
    (verb, max(one.opts, key=len))
    for verb, one in _options()
    if not one.is_flag and not one.multiple
]
LISTS = [(verb, one) for verb, one in _options() if one.multiple]
PAIRS = [(verb, one) for verb, one in _options() if one.is_flag and one.secondary_opts]
FLAGS = [
    (verb, one)
    for verb, one in _options()
    if one.is_flag and not one.secondary_opts and one.expose_value
]


def _said(words: list[str]) -> str:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2, result.output
    return result.output


@pytest.mark.parametrize(("verb", "name"), ONE_VALUE)
def test_two_values_are_refused(verb: str, name: str) -> None:
    said = _said([verb, name, "first", "corpus.tsv", f"{name}=the second"])
    assert f"{name} takes one value, and 2 are given" in said
    assert f"{name} first and {name} 'the second': leave out one of them" in said


@pytest.mark.parametrize(("verb", "option"), PAIRS)
def test_a_flag_and_its_opposite_exclude_each_other(verb: str, option: click.Option) -> None:
    names = [option.opts[0], option.secondary_opts[0]]
    said = _said([verb, *names, "corpus.tsv"])
    assert f"{names[0]} and {names[1]} exclude each other: give one of them" in said


@pytest.mark.parametrize(("verb", "option"), [*FLAGS, *PAIRS])
def test_flags_may_repeat(verb: str, option: click.Option) -> None:
    name = option.opts[0]
    once, twice = (
        CliRunner().invoke(cli, [verb, *[name] * times, "no-such-corpus.tsv"]) for times in (1, 2)
    )
    assert (once.exit_code, once.output) == (twice.exit_code, twice.output)


def test_there_are_options_of_each_kind() -> None:
    assert len(ONE_VALUE) > 50
    assert LISTS
    assert PAIRS
    assert FLAGS


def test_short_names_and_three_values() -> None:
    said = _said(["train", "-o", "a", "-ob", "--output", "c", "corpus.tsv"])
    listed = "--output a, --output b and --output c"
    assert f"--output takes one value, and 3 are given, {listed}: leave out all but one" in said


def test_the_same_value_twice_is_refused() -> None:
    assert "2 are given, --epochs 2 and --epochs 2" in _said(
        ["train", "--epochs", "2", "--epochs", "2", "corpus.tsv"]
    )


def test_a_file_of_options_and_the_command_line_are_no_repetition(tmp_path: Path) -> None:
    config = tmp_path / "options.toml"
    config.write_text("epochs = 3\nformat = 'tsv'\n")
    corpus = tmp_path / "corpus.tsv"
    corpus.write_text("a\tone thing\nb\tanother thing\n" * 20)
    words = ["train", str(corpus), "--config", str(config), "--epochs", "1", "--no-holdout"]
    result = CliRunner().invoke(cli, [*words, "-o", str(tmp_path / "m.textmlr"), "--json"])
    assert result.exit_code == 0, result.output
    assert '"epochs": 1' in result.output
