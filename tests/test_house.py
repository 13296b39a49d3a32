"""The design, asserted: imports run one way, and the top level stays as it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "textmlr"
# From the bottom up; a module imports only what stands before it, or its own folder.
STOREYS = [
    "errors",
    "standard",
    "locks",
    "showing",
    "atomic",
    "jit",
    "arrays",
    "kernels",
    "checks",
    "options",
    "parallel",
    "record",
    "corpus",
    "features",
    "doubles",
    "network",
    "scoring",
    "answering",
    "rendering",
    "page",
    "explanation",
    "training",
    "rows",
    "choosing",
    "naming",
    "modelfile",
    "packed",
    "packing",
    "model",
    "storing",
    "learning",
    "streaming",
    "keeping",
    "updating",
    "intervals",
    "evaluation",
    "compression",
    "comparison",
    "curves",
    "plots",
    "report",
    "tuning",
    "predictions",
    "matrices",
    "sklearn",
    "strongest",
    "export",
    "cli",
    "__main__",
]
# corpus.batch is the form of text itself: it imports nothing of the house.
FREE = {"textmlr", "textmlr.__version__"}


def storey_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_storeys(path: Path) -> set[str]:
    """First names below textmlr that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{path}: relative import"
            names = [node.module]
            if node.module == "textmlr":
                names = [f"textmlr.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {n.split(".")[1] for n in names if n.startswith("textmlr.") and n not in FREE}
    return found - {"__version__"}


SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    own = storey_of(path)
    height = STOREYS.index(own)
    above = {s for s in imported_storeys(path) if STOREYS.index(s) >= height and s != own}
    assert not above, f"{path.name} ({own}) imports {above}, which stands above it"


def test_kernels_import_only_the_decorator_numpy_and_kernels() -> None:
    for path in (PACKAGE / "kernels").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        own = {module for module in modules if (module or "").startswith("textmlr.kernels.")}
        assert modules - own <= {"textmlr.jit"}, path
        assert names <= {"numpy", "math"}, path


def test_no_kernel_is_imported_by_name() -> None:
    """A kernel is called through its module, so that what is called is what the module holds."""
    for path in SOURCES:
        if storey_of(path) == "kernels":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "textmlr.kernels."
            ):
                assert all(alias.name.isupper() for alias in node.names), path


def test_top_level() -> None:
    design = {"textmlr", "data", "tests", "bench", "setup.cfg", "pyproject.toml"}
    design |= {"README.md", "LICENSE"}
    listed = subprocess.run(
        ["git", "ls-tree", "--name-only", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:  # not a checkout: nothing to hold against the design
        pytest.skip("not a git checkout")
    names = {name for name in listed.stdout.split() if not name.startswith(".")}
    assert names == design


def loaded(code: str) -> set[str]:
    """First names of the modules loaded after running code in a fresh interpreter."""
    code += "\nimport sys\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_textmlr_is_light() -> None:
    assert not loaded("import textmlr") & {
        "numpy", "numba", "scipy", "pyarrow", "rich", "click", "matplotlib", "sklearn",
    }  # fmt: skip


def test_help_is_light() -> None:
    code = (
        "from textmlr.cli import VERBS, cli\n"
        "for verb in ('', *VERBS):\n"
        "    cli.main([*verb.split(), '--help'], standalone_mode=False)"
    )
    assert not loaded(code) & {
        "numpy", "numba", "scipy", "pyarrow", "rich", "matplotlib",
    }  # fmt: skip


def test_public_names_exist() -> None:
    import textmlr

    for name in textmlr.__all__:
        assert getattr(textmlr, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = textmlr.nonsense  # type: ignore[attr-defined]
