"""The examples in docstrings, run: each as a newcomer would, with ``data/`` at hand."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import textmlr
import textmlr.sklearn

ROOT = Path(__file__).parent.parent
# Public names whose docstrings need no example: what they are is said in a line.
WITHOUT = {"ModelFileError", "UpdateOptions", "__version__"}


def modules() -> list[str]:
    found = pkgutil.walk_packages(textmlr.__path__, "textmlr.")
    return [module.name for module in found if module.name != "textmlr.__main__"]


def examples_of(thing) -> int:
    """How many examples are in the docstrings of a class or function."""
    tests = doctest.DocTestFinder().find(thing, thing.__name__)
    return sum(len(test.examples) for test in tests)


WITH = [
    name
    for name in modules()
    if re.search(r"^ *>>> ", Path(importlib.util.find_spec(name).origin).read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("name", WITH)
def test_examples_are_true(name, tmp_path, monkeypatch) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("name", sorted({*textmlr.__all__} - WITHOUT))
def test_public_names_have_examples(name) -> None:
    assert examples_of(getattr(textmlr, name)) > 0


METHODS = [name for name in dir(textmlr.Model) if not name.startswith("_")]


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_a_model_have_examples(name) -> None:
    """Each method and property that dir() shows."""
    text = inspect.getdoc(getattr(textmlr.Model, name)) or ""
    assert ">>> " in text


@pytest.mark.parametrize("name", textmlr.sklearn.__all__)
def test_estimators_have_examples(name) -> None:
    assert examples_of(getattr(textmlr.sklearn, name)) > 0


def test_what_is_typed_says_so() -> None:
    assert (ROOT / "textmlr" / "py.typed").exists()
    for name in {*textmlr.__all__} - {"__version__"}:
        thing = getattr(textmlr, name)
        thing = thing.__init__ if isinstance(thing, type) else thing
        if not inspect.isfunction(thing):
            continue
        signature = inspect.signature(thing)
        for parameter in list(signature.parameters.values()):
            assert parameter.name == "self" or parameter.annotation is not parameter.empty, name
