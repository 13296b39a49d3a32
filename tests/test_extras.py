"""The command that an error gives for an extra fits how textmlr was installed."""

from __future__ import annotations

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path

import pytest

from textmlr.base.extras import install_command

ROOT = Path(__file__).parent.parent


class Installed:
    """A distribution with a record of where it came from, or without one."""

    def __init__(self, origin: str | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.origin


def told(monkeypatch: pytest.MonkeyPatch, origin: object) -> str:
    text = origin if origin is None or isinstance(origin, str) else json.dumps(origin)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Installed(text))
    return install_command("plot", "matplotlib")


def test_from_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, None) == "pip install 'textmlr[plot]'"


@pytest.mark.parametrize("name", ["clone", "my clone"])
def test_from_a_clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """A dot where we are in it, else its path."""
    clone = tmp_path / name
    clone.mkdir()
    origin = {"url": clone.as_uri(), "dir_info": {}}
    assert told(monkeypatch, origin) == "pip install matplotlib", "nothing can be built there"
    (clone / "pyproject.toml").touch()
    assert told(monkeypatch, origin) == f"pip install '{clone}[plot]'"
    monkeypatch.chdir(clone)
    assert told(monkeypatch, origin) == "pip install '.[plot]'"
    origin["dir_info"] = {"editable": True}
    assert told(monkeypatch, origin) == "pip install -e '.[plot]'"


@pytest.mark.parametrize(
    "origin",
    [
        {"url": "file:///tmp/textmlr.whl", "archive_info": {}},
        {"url": "https://example.invalid/textmlr", "vcs_info": {"vcs": "git"}},
        {},
        [],
        "no JSON",
    ],
)
def test_from_elsewhere(monkeypatch: pytest.MonkeyPatch, origin: object) -> None:
    assert told(monkeypatch, origin) == "pip install matplotlib"


def test_from_sources_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", none)
    assert install_command("sklearn", "scikit-learn") == "pip install scikit-learn"


def test_extras_that_are_named_exist_and_bring_the_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = [
        found
        for path in (ROOT / "textmlr").rglob("*.py")
        for found in re.findall(r'install_command\("(.*?)", "(.*?)"\)', path.read_text("utf-8"))
    ]
    assert {extra for extra, _ in named} == {"plot", "onnx", "sklearn"}
    for extra, package in named:
        assert any(one.startswith(package) for one in extras[extra])


def test_nobody_promises_an_index() -> None:
    """What is written down gives extras from a clone, '.[plot]'; how this copy was installed is
    known when it runs."""
    paths = [
        path
        for folder in ("textmlr", "bench", "data")
        for ending in ("py", "md")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    for path in [ROOT / "README.md", *paths]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pip install\s+['\"]?textmlr", text), path
        if path.suffix == ".py" and "bench" not in path.parts:
            assert not re.search(r"pip install[^\n]*\.\[", text), path
