"""Shells complete verbs, options, formats, models and labels, quickly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from textmlr import Model
from textmlr.base.tensor_file import load, save
from textmlr.cli import VERBS, cli
from textmlr.model.label_list import labels_in

MODELS = Path(__file__).parent / "models"
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def with_labels(path: Path, labels: list[str]) -> Path:
    """A model with other labels, as far as its list of them goes."""
    header, tensors = load(MODELS / "linear.textmlr")
    encoded = [label.encode() for label in labels]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    text = np.frombuffer(b"".join(encoded), np.uint8)
    save(path, header, {**tensors, "labels": text, "label_offsets": offsets})
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "textmlr"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m textmlr "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    shutil.copy(MODELS / "linear.textmlr", tmp_path / "genres.textmlr")
    with_labels(tmp_path / "model.textmlr", ["Sci-Fi & Fact", "it's", "robots", "été"])
    (tmp_path / "deep").mkdir()
    shutil.copy(MODELS / "hidden.textmlr", tmp_path / "deep")
    (tmp_path / "test.tsv").write_text("scifi\ta robot\n", encoding="utf-8")
    return tmp_path


def answers(folder: Path, shell: str, *words: str, model: str = "") -> list[str]:
    """What textmlr answers to a shell that has these words, of which the last is not finished."""
    surroundings = {
        **os.environ,
        "COMP_WORDS": "\n".join(["textmlr", *words]) if shell != "fish" else " ".join(words[:-1]),
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words)),
        "_TEXTMLR_COMPLETE": f"{shell}_complete",
        "TEXTMLR_MODEL": model,
        "PYTHONIOENCODING": "utf-8",
    }
    program = [sys.executable, "-m", "textmlr"]
    done = subprocess.run(program, cwd=folder, env=surroundings, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.decode().splitlines() if line]


def test_verbs_options_and_formats(folder: Path) -> None:
    assert answers(folder, "bash", "cl") == ["classify"]
    assert answers(folder, "bash", "train", "test.tsv", "--epo") == ["--epochs"]
    assert answers(folder, "bash", "export", "--output-format", "") == ["json", "onnx"]
    assert answers(folder, "bash", "completion", "") == ["bash", "zsh", "fish"]
    assert sorted(answers(folder, "bash", "")) == sorted(VERBS)


def test_models(folder: Path) -> None:
    assert answers(folder, "bash", "classify", "-m", "g") == ["genres.textmlr"]
    assert answers(folder, "bash", "top", "deep/") == ["deep/hidden.textmlr"]
    assert answers(folder, "bash", "compare", "genres.textmlr", "m") == ["model.textmlr"]
    # The shell completes these, as files.
    assert answers(folder, "bash", "compare", "genres.textmlr", "model.textmlr", "m") == []
    assert answers(folder, "bash", "train", "t") == []


def test_labels_of_the_model_that_is_named_or_usual(folder: Path) -> None:
    ask = (folder, "bash", "classify")
    assert answers(*ask, "-m", "genres.textmlr", "--label", "") == ["romance", "scifi", "western"]
    assert answers(*ask, "genres.textmlr", "--label", "s") == ["scifi"]
    assert answers(*ask, "--label", "r") == ["robots"]
    assert answers(*ask, "--label", "", model="genres.textmlr") == ["romance", "scifi", "western"]
    assert answers(*ask, "--label", "", model="test.tsv") == []
    assert answers(folder, "bash", "explain", "--against", "r") == ["robots"]
    assert answers(folder, "bash", "top", "genres.textmlr", "--label", "w") == ["western"]


def test_labels_are_quoted_as_a_shell_wants_them(folder: Path) -> None:
    ask = ("classify", "--label")
    odd = ["Sci-Fi & Fact", "it's", "robots", "été"]
    assert answers(folder, "bash", *ask, "") == [r"Sci-Fi\ \&\ Fact", r"it\'s", "robots", "été"]
    assert answers(folder, "bash", *ask, '"Sci') == ["Sci-Fi & Fact"]
    assert answers(folder, "zsh", *ask, "") == odd
    assert answers(folder, "fish", "textmlr", *ask, "") == odd
    assert answers(folder, "zsh", "cl")[0].startswith("classify:Say how likely")
    assert answers(folder, "fish", "textmlr", "cl")[0].startswith("classify\tSay how likely")


@needs_bash
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["cla"], ["classify"]),
        (["classify", "-m", "gen"], ["genres.textmlr"]),
        (["classify", "--label", "Sci"], [r"Sci-Fi\ \&\ Fact"]),
        (["classify", "--label", "x"], []),
        (["train", "--format", "p"], ["parquet"]),
    ],
)
def test_bash(words: list[str], found: list[str], folder: Path) -> None:
    quoted = " ".join(f"'{word}'" for word in ["textmlr", *words])
    script = (
        'PATH="$PWD/bin:$PATH"; eval "$(textmlr completion bash)" || exit 3\n'
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}\n"
        '_textmlr_completion textmlr; printf "%s\\n" "${COMPREPLY[@]}"; complete -p textmlr'
    )
    command = ["bash", "--norc", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *shown, registered = done.stdout.splitlines()
    assert [line for line in shown if line] == found
    assert "-o default" in registered  # other words are completed as files
    assert registered.endswith("-F _textmlr_completion textmlr")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell: str, folder: Path) -> None:
    """Each is a script of its shell, says how to keep it, and is what Click's own way gives."""
    script = CliRunner().invoke(cli, ["completion", shell]).stdout
    assert script.startswith("#compdef textmlr\n#" if shell == "zsh" else "# Completion of textmlr")
    assert f"textmlr completion {shell} > ~/" in script
    surroundings = {**os.environ, "_TEXTMLR_COMPLETE": f"{shell}_source"}
    done = subprocess.run(
        [sys.executable, "-m", "textmlr"], env=surroundings, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout.decode()) == (0, script)
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} to check it with")
    (folder / "script").write_text(script, encoding="utf-8")
    checked = subprocess.run([shell, "-n", "script"], cwd=folder, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_an_unknown_request_is_refused(folder: Path) -> None:
    surroundings = {**os.environ, "_TEXTMLR_COMPLETE": "tcsh_source"}
    command = [sys.executable, "-m", "textmlr"]
    done = subprocess.run(command, env=surroundings, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_it_imports_nothing_that_takes_long(folder: Path) -> None:
    code = (
        "import sys; from textmlr.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "slow = {'numba', 'scipy', 'pyarrow', 'rich', 'numpy'} & sys.modules.keys()\n"
        "sys.exit(f'imported {slow}' if slow else 0)"
    )
    for words in (["cl"], ["train", "--epo"], ["classify", "--label", ""], ["top", ""]):
        surroundings = {
            **os.environ,
            "COMP_WORDS": "\n".join(["textmlr", *words]),
            "COMP_CWORD": str(len(words)),
            "_TEXTMLR_COMPLETE": "bash_complete",
        }
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.textmlr")), ids=lambda path: path.stem)
def test_the_quick_list_of_labels_is_the_models(path: Path) -> None:
    assert labels_in(path) == Model.load(path).labels


def test_the_quick_list_of_a_damaged_file_is_empty(tmp_path: Path) -> None:
    whole = (MODELS / "linear.textmlr").read_bytes()
    damaged = tmp_path / "m.textmlr"
    for size in (0, 8, 40, 200, len(whole) // 2):
        damaged.write_bytes(whole[:size])
        assert labels_in(damaged) in ([], Model.load(MODELS / "linear.textmlr").labels)
    damaged.write_bytes(whole.replace(b'"label_offsets"', b'"label_offsetz"'))
    assert labels_in(damaged) == []
    assert labels_in(tmp_path / "gone") == []
