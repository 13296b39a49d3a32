"""The set-up: tests leave nothing behind, and what CI derives from files is right."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CI = ROOT / ".ci"

LEAVING = """
import importlib.util, os, subprocess, sys, tempfile
from pathlib import Path
import pytest

@pytest.fixture
def harmless(tmp_path):
    (tmp_path / "own").write_text("x")
    importlib.import_module("textmlr.evaluation.intervals")
    code = Path("textmlr/kernels/__pycache__/dual.f.textmlr")
    code.parent.mkdir(exist_ok=True)
    code.write_text("machine code")

def test_well_behaved(harmless):
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ

def test_others(harmless):
    Path("beside").write_text("x")
    Path("LICENSE").write_text("changed")
    Path("data/check.py").unlink()
    (Path.home() / ".textmlrrc").write_text("x")
    tempfile.mkdtemp(prefix="forgotten")
    subprocess.run([sys.executable, "-c", "import textmlr.evaluation.curves"], check=True)
    whole = Path(importlib.util.cache_from_source("textmlr/evaluation/curves.py"))
    whole.write_bytes(whole.read_bytes()[:600])
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout whose tests are those of LEAVING."""
    whole, made = shutil.ignore_patterns("__pycache__"), tmp_path / "tree"
    shutil.copytree(ROOT / "textmlr", made / "textmlr", ignore=whole)
    for name in (
        "setup.cfg",
        "LICENSE",
        "data/check.py",
        "tests/conftest.py",
        "tests/surroundings.py",
    ):
        (made / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, made / name)
    (made / "tests" / "test_leaving.py").write_text(LEAVING)
    return made


def told_by_pytest(tree: Path, chosen: str) -> tuple[int, str]:
    """(exit code, output) of pytest in a tree, as it is outside of CI and without its options."""
    outside = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "BUILD_NUMBER") and not name.startswith("PYTEST_")
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-k", chosen, f"--basetemp={tree.parent / 'own'}"],
        cwd=tree,
        text=True,
        timeout=100,
        stdout=subprocess.PIPE,
        env=outside | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.returncode, done.stdout


@pytest.mark.slow
def test_what_tests_leave_is_a_failure(tree: Path) -> None:
    """Byte code and compiled kernels are no fault; files beside, byte code that is cut, and what
    lies in HOME and TMPDIR are."""
    code, told = told_by_pytest(tree, "well_behaved")
    assert code == 0, told
    assert not list(tree.rglob(".*")), "pytest and Hypothesis keep nothing"
    code, told = told_by_pytest(tree, "others")
    assert code == 1, told
    assert "1 passed, 1 deselected, 1 error" in told
    listed = re.findall(r"^  ((?:left in|removed|changed|new|damaged).*)", told, re.MULTILINE)
    byte_code = tree / "textmlr" / "evaluation" / "__pycache__"
    byte_code /= f"curves.{sys.implementation.cache_tag}.pyc"
    assert len(listed) == 6
    assert re.fullmatch(r"left in TMPDIR: forgotten\w+", listed.pop(0))
    assert listed == [
        "left in HOME: .textmlrrc",
        f"removed: {tree / 'data' / 'check.py'}",
        f"changed: {tree / 'LICENSE'}",
        f"new: {tree / 'beside'}",
        f"damaged byte code: {byte_code}",
    ]


def requirements() -> dict[str, set[str]]:
    """Every name in pyproject.toml and the bounds that stand behind it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, set[str]] = {}
    for group in groups.values():
        for requirement in group:
            name, bounds = re.match(r"([\w.-]+)(?:\[.*?\])?([^;]*)", requirement).groups()
            found.setdefault(name, set()).add(bounds.strip())
    return found


def test_lowest_versions_are_constraints() -> None:
    """CI installs what is printed: each package once, at the version its bound begins with."""
    done = subprocess.run(
        [sys.executable, CI / "minima.py"], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE
    )
    printed = dict(line.split("==") for line in set(done.stdout.splitlines()))
    bounds = {
        name: {re.split("[,>=]+", one)[1] for one in given if one}
        for name, given in requirements().items()
    }
    assert {name: {version} for name, version in printed.items()}.items() <= bounds.items()
    assert printed.keys() >= {
        "numpy",
        "scipy",
        "numba",
        "click",
        "pyarrow",
        "rich",
        "scikit-learn",
        "matplotlib",
        "onnx",
        "pandas",
        "polars",
        "datasets",
        "fsspec",
        "aiohttp",
        "pytest",
        "hypothesis",
    }


REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="always"/>
<testcase classname="tests.test_a" name="here">{here}</testcase>
<testcase classname="tests.test_a" name="nowhere"><skipped message="no such thing"/></testcase>
{module}
</testsuite></testsuites>"""


def test_what_every_run_skips_is_told(tmp_path: Path) -> None:
    one, other = tmp_path / "1.xml", tmp_path / "2.xml"
    left_out = '<skipped message="m"/>'
    module = f'<testcase classname="" name="tests.test_b">{left_out}</testcase>'
    one.write_text(REPORT.format(here=left_out, module=module))
    module = '<testcase classname="tests.test_b" name="c"/>'
    other.write_text(REPORT.format(here="", module=module))

    def told(*reports: Path) -> tuple[int, list[str]]:
        done = subprocess.run(
            [sys.executable, CI / "skipped.py", *reports], text=True, stdout=subprocess.PIPE
        )
        return done.returncode, done.stdout.splitlines()

    assert told(one, other) == (
        1,
        [
            "3 tests were skipped in some run, 1 in every one",
            "  tests.test_a nowhere: no such thing",
        ],
    )
    assert len(told(one)[1]) == 4
    third = tmp_path / "3.xml"
    third.write_text(one.read_text().replace('<skipped message="no such thing"/>', ""))
    assert told(one, other, third) == (0, ["3 tests were skipped in some run, 0 in every one"])
