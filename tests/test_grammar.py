"""One grammar of the command line: models, documents and messages in every verb alike."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from textmlr.base.errors import InputError
from textmlr.base.magic_bytes import is_model_file, models_in
from textmlr.cli import cli

MODELS = Path(__file__).parent / "models"
CORPUS = "romance\ta wedding and a kiss\nscifi\ta robot in orbit\nwestern\tthe sheriff's horse\n"
# What each verb needs besides its model.
AFTER = {
    "classify": "doc.txt",
    "explain": "doc.txt",
    "evaluate": "test.tsv",
    "top": "",
    "info": "",
    "featurize": "test.tsv -o x.npz",
    "export": "-o out.json",
    "compress": "-o small.textmlr --max-size 100kB",
    "update": "test.tsv -o new.textmlr --no-holdout",
}
NO_USUAL_MODEL = ("featurize",)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: two models, a corpus and a document."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TEXTMLR_MODEL", raising=False)
    for number, name in enumerate(("genres.textmlr", "other.textmlr")):
        shutil.copy(MODELS / "linear.textmlr", name)
        os.utime(name, (1e9 - number, 1e9 - number))  # genres is the newest
    Path("test.tsv").write_text(CORPUS, encoding="utf-8")
    Path("doc.txt").write_text("a robot in orbit", encoding="utf-8")
    return tmp_path


def run(line: str) -> Result:
    return CliRunner().invoke(cli, shlex.split(line))


def answered(line: str) -> str:
    """What a command prints, without the times in it."""
    result = run(line)
    assert result.exit_code == 0, (line, result.output, result.exception)
    for name in ("new.textmlr", "small.textmlr"):  # they would be models like any other
        Path(name).unlink(missing_ok=True)
    return "\n".join(row for row in result.stdout.split("\n") if "seconds" not in row)


def refused(line: str) -> str:
    """The message of a command that is refused."""
    result = run(line)
    assert result.exit_code != 0, (line, result.output)
    if isinstance(result.exception, InputError):
        return str(result.exception)
    assert result.exit_code == 2, (line, result.output, result.exception)
    return result.stderr


def mended(line: str) -> str:
    """The command that the message of a refused one names, which must work."""
    found = re.search("[:;] textmlr (.*)", refused(line))
    assert found is not None, refused(line)
    answered(found[1])
    return found[1]


@pytest.mark.parametrize("verb", AFTER)
def test_the_model_goes_the_same_way_in_every_verb(
    verb: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = AFTER[verb]
    named = answered(f"{verb} -m genres.textmlr {after}")
    assert answered(f"{verb} --model genres.textmlr {after}") == named
    assert answered(f"{verb} {after} -m genres.textmlr") == named
    assert answered(f"{verb} genres.textmlr {after}") == named
    if verb in NO_USUAL_MODEL:
        return
    assert "no model is named, and there is no model.textmlr here" in refused(f"{verb} {after}")
    monkeypatch.setenv("TEXTMLR_MODEL", "genres.textmlr")
    assert answered(f"{verb} {after}") == named
    monkeypatch.setenv("TEXTMLR_MODEL", "")
    shutil.copy("genres.textmlr", "model.textmlr")
    plain = answered(f"{verb} {after}").replace("model.textmlr", "genres.textmlr")
    assert plain.replace("model.json", "genres.json") == named


@pytest.mark.parametrize("verb", AFTER)
def test_what_is_mixed_up_is_mended(verb: str, folder: Path) -> None:
    after = AFTER[verb]
    good = f"{verb} -m genres.textmlr {after}".strip()
    assert mended(f"{verb} -m genres.textmlr other.textmlr {after}") == good
    assert mended(f"{verb} genres.textmlr other.textmlr {after}") == good
    assert mended(f"{verb} -m genres.textmlr -m other.textmlr {after}") == good
    assert mended(f"{verb} -m nothing.textmlr {after}") == good
    assert mended(f"{verb} nothing.textmlr {after}") == good
    assert mended(f"{verb} -m test.tsv {after}") == good
    if verb not in NO_USUAL_MODEL:
        assert mended(f"{verb} {after}") == good
    shutil.move("genres.textmlr", "deep.textmlr")
    os.mkdir("models")
    shutil.move("deep.textmlr", "models/genres.textmlr")
    assert mended(f"{verb} -m models {after}") == good.replace("genres", "models/genres")


@pytest.mark.parametrize("verb", [verb for verb, after in AFTER.items() if after[:1].isalpha()])
def test_words_in_the_wrong_order_are_mended(verb: str, folder: Path) -> None:
    first, *rest = AFTER[verb].split()
    good = f"{verb} -m genres.textmlr {AFTER[verb]}"
    assert mended(f"{verb} {first} genres.textmlr {' '.join(rest)}") == good
    assert mended(f"{verb} -m {first} genres.textmlr {' '.join(rest)}".strip()) in (
        good,
        " ".join([f"{verb} -m genres.textmlr", *rest, first]),
    )


def test_compare_takes_two_models(folder: Path) -> None:
    both = answered("compare genres.textmlr other.textmlr test.tsv")
    assert answered("compare -m genres.textmlr other.textmlr test.tsv") == both
    assert answered("compare -m genres.textmlr -m other.textmlr test.tsv") == both
    good = "compare genres.textmlr other.textmlr test.tsv"
    shutil.copytree(folder, "deep")
    for line in (
        "compare genres.textmlr test.tsv other.textmlr",
        "compare test.tsv genres.textmlr other.textmlr",
        "compare genres.textmlr other.textmlr test.tsv deep/other.textmlr",
        "compare genres.textmlr nothing.textmlr test.tsv",
        "compare test.tsv",
    ):
        assert mended(line) == good
    assert mended("compare other.textmlr test.tsv") == good
    assert "CORPUS" in refused("compare genres.textmlr other.textmlr")
    assert "nothing: no such file" in refused("compare genres.textmlr nothing test.tsv")


def test_a_verb_that_takes_a_model_alone(folder: Path) -> None:
    assert "top takes a model alone, not test.tsv" in refused("top genres.textmlr test.tsv")
    assert "is not a textmlr model" in refused("top test.tsv")


@pytest.mark.parametrize(
    "line",
    [
        "train genres.textmlr -o new.textmlr",
        "train genres.textmlr test.tsv -o new.textmlr",
        "tune genres.textmlr -o new.textmlr",
        "train test.tsv --validation genres.textmlr -o new.textmlr",
        "update -m genres.textmlr test.tsv --test other.textmlr -o new.textmlr",
        "classify -m genres.textmlr --corpus other.textmlr -o out.csv",
        "classify -m genres.textmlr --lines other.textmlr",
    ],
)
def test_a_model_is_no_corpus(line: str, folder: Path) -> None:
    assert "is a model, not " in refused(line)


def test_the_variable_that_names_no_model_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMLR_MODEL", "gone.textmlr")
    assert "TEXTMLR_MODEL=gone.textmlr: no such file" in refused("top")


def test_a_missing_argument_is_told_before_the_model(folder: Path) -> None:
    for verb in ("evaluate", "update", "compare"):
        options = "-m genres.textmlr other.textmlr" if verb == "compare" else ""
        assert "Missing argument 'CORPUS...'" in refused(f"{verb} {options}")


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.textmlr")), ids=lambda path: path.stem)
def test_every_model_is_known_by_its_bytes(path: Path) -> None:
    assert is_model_file(str(path))


def test_no_other_file_is_taken_for_a_model(folder: Path) -> None:
    os.mkfifo("pipe")
    os.mkdir("x.textmlr")
    Path("empty").touch()
    Path("foreign.safetensors").write_bytes(b'\x18\0\0\0\0\0\0\0{"__metadata__":{"a":"b"}}')
    for name in ("pipe", "x.textmlr", "empty", "foreign.safetensors", "test.tsv", "gone", "a\0b"):
        assert not is_model_file(name)
    assert models_in(".") == ["genres.textmlr", "other.textmlr"]
    assert models_in("gone") == []
