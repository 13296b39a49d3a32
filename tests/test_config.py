"""--config FILE: options from TOML, or from the JSON that train and tune print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from textmlr import InputError
from textmlr.cli import VERBS, cli
from textmlr.cli.config_file import options_of_verb
from textmlr.cli.train import train
from textmlr.model.model import Model


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def good(*arguments: str | Path) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    return result


@pytest.fixture
def place(tmp_path: Path, train_tsv: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("c.tsv").write_bytes(train_tsv.read_bytes())
    return tmp_path


def trained(text: str, *options: str) -> Model:
    """The model that train makes with a file of options."""
    Path("o.toml").write_text(text)
    good("train", "c.tsv", "--config", "o.toml", "-q", "-o", "m", *options)
    return Model.load("m")


class TestValues:
    @pytest.mark.parametrize(
        ("text", "typed"),
        [
            ("epochs = 2\nlearning-rate = 4", "--epochs 2 --learning-rate 4"),
            ("[train]\nepochs = 2\nl2 = 1e-5", "--epochs 2 --l2 1e-5"),
            ("\ufeffepochs = 2\r\n", "--epochs 2"),
            ("learning_rate = 0.5", "--learning-rate 0.5"),
            ('ngrams = "1-3"\nchar_ngrams = "none"', "--ngrams 1-3 --char-ngrams none"),
            ("ngrams = [1, 2]\nchar-ngrams = 3", "--ngrams 1-2 --char-ngrams 3"),
            ("hidden = [6, 4]\nepochs = 1", "--hidden 6,4 --epochs 1"),
            ("hidden = 6\nepochs = 1", "--hidden 6 --epochs 1"),
            ("idf = true\nlowercase = false", "--idf --no-lowercase"),
            ("no-holdout = true", "--no-holdout"),
            ("no-holdout = false\nweighted = false", ""),
            ("no-compression-limit = true", "--no-compression-limit"),
            ('solver = "exact"\nnorm = "none"', "--solver exact --norm none"),
            ('class-weight = "balanced"\nseed = 7', "--class-weight balanced --seed 7"),
            ("hash-bits = 9\nstream = true", "--hash-bits 9 --stream"),
        ],
    )
    def test_are_as_if_typed(self, place: Path, text: str, typed: str) -> None:
        trained(text)
        good("train", "c.tsv", *typed.split(), "-q", "-o", "n")
        assert Path("m").read_bytes() == Path("n").read_bytes()

    def test_what_is_typed_wins_over_the_table_of_the_verb_and_that_over_the_top(
        self, place: Path
    ) -> None:
        text = "epochs = 1\nmin-df = 2\nseed = 5\n[train]\nmin-df = 3\nseed = 6\n[tune]\nseed = 9\n"
        model = trained(text, "--seed", "7")
        assert model.featurizer.options.min_df == 3
        assert model.record.option("epochs") == 1
        assert model.record.option("seed") == 7

    def test_options_of_other_verbs_do_not_disturb(self, place: Path) -> None:
        text = 'report = "r"\nmin-probability = 0.5\n[tune]\ntime = "1s"\n[classify]\ntop = 3\n'
        trained(text, "--epochs", "1")
        good("info", "-m", "m")

    def test_where_to_write(self, place: Path) -> None:
        Path("o.toml").write_text('[train]\noutput = "there"\nquiet = true\n')
        assert good("train", "c.tsv", "--config", "o.toml").output == ""
        assert Path("there").exists()
        assert not Path("model.textmlr").exists()

    def test_several_of_one_and_what_is_required(self, place: Path) -> None:
        trained("epochs = 1")
        Path("o.toml").write_text(
            '[classify]\ncorpus = ["c.tsv", "c.tsv"]\noutput = "a.csv"\n'
            '[compress]\noutput = "small"\nmax-size = "20kB"\n'
            '[featurize]\noutput = "X.npz"\nmin-df = 2\n'
        )
        good("classify", "-m", "m", "--config", "o.toml")
        assert len(Path("a.csv").read_text().splitlines()) == 601
        good("compress", "m", "--config", "o.toml")
        good("featurize", "c.tsv", "--config", "o.toml")
        assert Path("small").exists()
        assert Path("X.npz").exists()

    def test_options_of_a_file_count_as_given(self, place: Path) -> None:
        """Such as those that exclude each other, and those that tune leaves as they are."""
        Path("o.toml").write_text('no-holdout = true\nvalidation = "c.tsv"\n')
        result = run("train", "c.tsv", "--config", "o.toml")
        assert "--no-holdout and --validation exclude each other" in result.output
        Path("o.toml").write_text("epochs = 1\n[tune]\ntrials = 2\n")
        told = json.loads(good("tune", "c.tsv", "--config", "o.toml", "-q", "--json").stdout)
        assert "epochs" not in told["tuning"]["searched"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("epoch = 3", "o.toml: epoch is not an option; did you mean epochs?"),
            ("zebra = 3", "o.toml: zebra is not an option; textmlr train --help-all lists"),
            ("[train]\ntrails = 3", "o.toml: trails is not an option of train"),
            ("[tune]\ntrails = 3", "o.toml: trails is not an option of tune; did you mean trials?"),
            ("[trian]\nepochs = 3", "o.toml: [trian] is no verb that takes options; did you mean"),
            ("[info]\njson = true", "o.toml: [info] is no verb that takes options; tables are"),
            ("config = 'x'", "o.toml: config is not an option"),
            ("help = true", "o.toml: help is not an option"),
            ("min-df = 2\nmin_df = 3", "o.toml: min_df and min-df are one option"),
            ("epochs = 0", "o.toml: epochs = 0 is not a whole number from 1 to 100,000; give"),
            ("[train]\nepochs = 0", "o.toml: epochs = 0 is not a whole number"),
            ("epochs = '3x'", 'o.toml: epochs = "3x" is not a whole number'),
            ("epochs = true", "o.toml: epochs = true is not text or a number"),
            ("epochs = [3]", "o.toml: epochs = [3] is not text or a number"),
            ("[train.epochs]\nx = 3", 'o.toml: epochs = {"x": 3} is not text or a number'),
            ("seed = 1979-05-27", 'o.toml: seed = "1979-05-27" is not text or a number'),
            ("idf = 1", "o.toml: idf = 1 is not true or false"),
            ("no-holdout = 'yes'", 'o.toml: no-holdout = "yes" is not true or false'),
            ("ngrams = [2, 1]", 'o.toml: ngrams = "2-1" is not a range from 1 to 16'),
            ("solver = 'fast'", 'o.toml: solver = "fast" is not one of sgd, exact'),
            ("dropout = 0.1", "o.toml: dropout = 0.1 means nothing without hidden layers; leave"),
            ("l1 = 0.1\nepochs = 1", "o.toml: epochs = 1 means nothing to solver"),
            ("memory = 'much'", 'o.toml: memory = "much" is not a size such as 500kB'),
            ("memory = 10", "o.toml: memory of 10 bytes is too little"),
            ("threads = 0", "o.toml: threads = 0 is not a whole number"),
            ("epochs 3", "o.toml: is not TOML: Expected '='"),
            ("epochs = 3\nepochs = 4", "o.toml: is not TOML: Cannot overwrite a value"),
            ('{"epochs": ', "o.toml: is not JSON: "),
            ('{"config": 3}', 'o.toml: "config" holds no options'),
        ],
    )
    def test_name_the_file_and_the_key(self, place: Path, text: str, told: str) -> None:
        Path("o.toml").write_text(text)
        result = run("train", "c.tsv", "--config", "o.toml")
        assert isinstance(result.exception, InputError), (result.output, result.exception)
        assert str(result.exception).startswith(told)
        assert not Path("model.textmlr").exists()

    def test_of_a_file_that_cannot_be_read(self, place: Path) -> None:
        Path("binary").write_bytes(b"\xff\xfe\x00")
        for path, told in (("none.toml", "none.toml: No such file"), (".", ".: Is a directory")):
            assert told in str(run("train", "c.tsv", "--config", path).exception)
        assert "binary: is not TOML" in str(run("train", "c.tsv", "--config", "binary").exception)

    def test_of_what_is_typed_speak_of_what_is_typed(self, place: Path) -> None:
        Path("o.toml").write_text("l1 = 0.1\n")
        result = run("train", "c.tsv", "--config", "o.toml", "--epochs", "2")
        assert str(result.exception).startswith("--epochs 2 means nothing to --solver exact")


class TestRoundTrip:
    @pytest.mark.parametrize(
        "typed",
        [
            "",
            "--epochs 2 --ngrams 1-3 --char-ngrams none --no-lowercase --idf-power 1.5",
            "--l1 1e-4 --l2 1e-5 --tolerance 1e-4 --norm none --no-compression-limit",
            "--hidden 6,4 --dropout 0.25 --epochs 1 --activation tanh",
            "--no-holdout --seed 5 --class-weight balanced --threads 1 --memory 1GB",
            "--stream --hash-bits 9 --checkpoint-every 100",
            "--format tsv --validation v.tsv --skip-bad-lines --no-calibration",
        ],
    )
    def test_train(self, place: Path, test_tsv: Path, typed: str) -> None:
        Path("v.tsv").write_bytes(test_tsv.read_bytes())
        told = good("train", "c.tsv", *typed.split(), "-o", "m", "-q", "--json").stdout
        Path("run.json").write_text(told)
        config = json.loads(told)["config"]
        words = {word[2:].removeprefix("no-") for word in typed.split() if word.startswith("--")}
        kept = words - {"threads", "memory", "checkpoint-every"}  # they change no model
        assert {key.removeprefix("no-") for key in config["train"]} == kept
        Path("config.json").write_text(json.dumps(config))
        lines = [f"{key} = {json.dumps(value)}" for key, value in config["train"].items()]
        Path("config.toml").write_text("\n".join(lines))
        for number, path in enumerate(("run.json", "config.json", "config.toml")):
            again = good(
                "train", "c.tsv", "--config", path, "-o", f"m{number}", "-q", "--json"
            ).stdout
            assert Path("m").read_bytes() == Path(f"m{number}").read_bytes()
            assert json.loads(again)["config"] == config

    def test_tune(self, place: Path) -> None:
        """What tune found, train takes."""
        told = good("tune", "c.tsv", "--trials", "6", "-q", "--json", "-o", "m").stdout
        Path("tuned.json").write_text(told)
        good("train", "c.tsv", "--config", "tuned.json", "-o", "n", "-q")
        assert Path("m").read_bytes() == Path("n").read_bytes()


def test_verbs_that_read_a_corpus_take_a_file_of_options() -> None:
    import click

    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        names = {name for one in command.params for name in one.opts}
        assert ("--config" in names) == ("--format" in names), verb


def test_keys_are_the_long_names_of_options() -> None:
    keys = options_of_verb(train)
    assert {"text-column", "learning-rate", "output", "no-holdout", "json"} <= set(keys)
    assert "config" not in keys
    assert "help-all" not in keys
