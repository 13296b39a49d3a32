"""textmlr export, from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_cli import good, run

from textmlr import Model
from textmlr.base.errors import InputError
from textmlr.cli import cli
from textmlr.export.json import scorer


def test_json(model_file: Path, tmp_path: Path) -> None:
    out, script = tmp_path / "out.json", tmp_path / "scorer.js"
    result = good("export", model_file, "--output-format", "json", "-o", out, "--scorer", script)
    assert "features" in result.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["labels"] == Model.load(model_file).labels
    assert script.read_text(encoding="utf-8") == scorer()
    again = tmp_path / "again.json"
    summary = json.loads(
        good("export", model_file, "--output-format", "json", "-o", again, "--json").stdout
    )
    assert summary["bytes"] == again.stat().st_size
    assert again.read_bytes() == out.read_bytes()


def test_too_large_for_javascript(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("export", model_file, "--output-format", "json", "-o", tmp_path / "out.json")
    assert "512 MB" not in good(*arguments).stderr
    # textmlr.cli.export is the command: the package names its verbs so.
    monkeypatch.setattr(sys.modules["textmlr.cli.export"], "MOST_OF_A_STRING", 1000)
    assert "512 MB" in good(*arguments).stderr


def test_onnx(model_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    good("export", model_file, "--output-format", "onnx", "-o", tmp_path / "out.onnx")
    assert (tmp_path / "out.onnx").stat().st_size > 1000


def test_the_file_is_named_after_the_model(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.textmlr").write_bytes(model_file.read_bytes())
    good("export", "m.textmlr", "--output-format", "json")
    assert sorted(path.name for path in Path().iterdir()) == ["m.json", "m.textmlr"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--output-format", "xml"],
        ["--output-format", "onnx", "--scorer", "s.js"],
        ["--output-format", "json", "-o", "MODEL"],
    ],
)
def test_usage(arguments: list[str], model_file: Path) -> None:
    before = model_file.read_bytes()
    result = run("export", model_file, *(str(model_file) if a == "MODEL" else a for a in arguments))
    assert result.exit_code == 2 or isinstance(result.exception, InputError)
    assert model_file.read_bytes() == before


def test_input_errors(model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["no.textmlr"], [str(model_file), "-o", str(tmp_path / "no" / "m")]):
        with pytest.raises(InputError):
            CliRunner().invoke(
                cli, ["export", *arguments, "--output-format", "json"], catch_exceptions=False
            )
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match="package onnx"):
        CliRunner().invoke(
            cli,
            ["export", str(model_file), "--output-format", "onnx", "-o", str(tmp_path / "m")],
            catch_exceptions=False,
        )
