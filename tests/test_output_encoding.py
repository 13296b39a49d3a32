"""Standard output and error that cannot show a character show an escape, in every verb."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import mostly_slow, shown_in_terminal

MODELS = Path(__file__).parent / "models"
CORPUS = "romance\ta wedding – and a kiss\nscifi\tein Bär\nwestern\tthe sheriff’s horse\n"
VERBS = {
    "classify": ["-m", "m.textmlr", "é.txt"],
    "explain": ["-m", "m.textmlr", "é.txt"],
    "top": ["m.textmlr"],
    "info": ["m.textmlr"],
    "evaluate": ["-m", "m.textmlr", "test.tsv"],
    "compare": ["m.textmlr", "m.textmlr", "test.tsv"],
    "update": ["m.textmlr", "test.tsv", "-o", "é.textmlr", "--no-holdout"],
    "export": ["m.textmlr", "-o", "é.json"],
    "compress": ["m.textmlr", "-o", "é.textmlr", "--max-size", "100kB"],
    "featurize": ["-m", "m.textmlr", "test.tsv", "-o", "é.npz"],
    "train": ["test.tsv", "-o", "é.textmlr", "--epochs", "1", "--no-holdout"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(MODELS / "linear.textmlr", tmp_path / "m.textmlr")
    (tmp_path / "test.tsv").write_text(CORPUS, encoding="utf-8")
    (tmp_path / "é.txt").write_text("ein Bär 😀 in orbit", encoding="utf-8")
    return tmp_path


def run(folder: Path, encoding: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "textmlr", *words],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "1", "PYTHONIOENCODING": encoding},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )


@pytest.mark.parametrize("verb", mostly_slow(["explain", "classify", "top", "info", "evaluate"]))
def test_no_colours_where_none_are_wanted(
    verb: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """See no-color.org."""
    command = [sys.executable, "-m", "textmlr", verb, *VERBS[verb]]
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, _ = shown_in_terminal(command, folder)
    assert "\x1b[" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain, code = shown_in_terminal(command, folder)
    assert not code
    assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|38|4[0-8])[;m]", plain)  # bold and lines may stay


@pytest.mark.parametrize("verb", mostly_slow(VERBS, ["classify", "info"]))
def test_ascii(verb: str, folder: Path) -> None:
    done = run(folder, "ascii", verb, *VERBS[verb])
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout.isascii()
    assert done.stderr.isascii()


def test_what_is_escaped_can_be_read_back(folder: Path) -> None:
    words = ("classify", "-m", "m.textmlr", "--json", "--text", "é 😀")
    plain, escaped = (run(folder, encoding, *words).stdout for encoding in ("utf-8", "ascii"))
    assert json.loads(escaped) == json.loads(plain)
    assert escaped.isascii()
    assert "😀".encode() in plain


def test_characters_that_are_there_are_shown(folder: Path) -> None:
    done = run(folder, "latin-1", "explain", "-m", "m.textmlr", "é.txt")
    assert done.returncode == 0
    assert "Bär \\ud83d\\ude00".encode("latin-1") in done.stdout


def test_an_error_is_escaped_too(folder: Path) -> None:
    done = run(folder, "ascii", "classify", "-m", "m.textmlr", "ö.txt")
    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: \\xf6.txt: no such file")


def test_other_ways_are_left_as_they_were_asked_for(folder: Path) -> None:
    done = run(folder, "ascii:replace", "explain", "-m", "m.textmlr", "é.txt")
    assert b"B?r" in done.stdout
