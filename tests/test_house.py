"""The design, asserted: nine floors of rooms, no name twice, nothing too long, documents true."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "textmlr"
# The rooms, a floor a line, from the bottom up: a module imports only what stands on a lower floor,
# or its own room.
FLOORS = (
    ("base",),
    ("kernels",),
    ("corpus",),
    ("features",),
    ("model",),
    ("training", "export"),
    ("sklearn", "evaluation"),
    ("serving",),
    ("cli",),  # and __main__, its door
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS, 1) for room in rooms}
# A format that is read and written has one name in both rooms; a verb has the name of its work.
NAMES_IN_TWO_ROOMS = {
    "arrow": "corpus/formats reads it, export/predictions writes it",
    "csv": "corpus/formats reads it, export/predictions writes it",
    "parquet": "corpus/formats reads it, export/predictions writes it",
    "train": "cli has the verb, training its work",
}
MOST_LINES = 400
MOST_LINES_OF_FUNCTION = 60
MOST_ARGUMENTS = 10
# Verbs that people call in Python take data in any form, and an argument for each part of them.
VERBS = ("train", "tune", "update")
MOST_ARGUMENTS_OF_VERB = 13


def module_of(path: Path) -> str:
    """Dotted name of a file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@cache
def imported(path: Path) -> set[str]:
    """Dotted names of the modules of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in MODULES else node.module)
    return {name for name in found if name in MODULES and name != "textmlr"}


SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")
MODULES = {module_of(path): path for path in SOURCES}


def room_of(module: str) -> str:
    return module.split(".")[1].replace("__main__", "cli")


def sources_of(room: str) -> list[Path]:
    return [path for path in SOURCES if room_of(module_of(path)) == room]


@pytest.mark.parametrize("own", FLOOR)
def test_imports_run_one_way(own: str) -> None:
    for path in sources_of(own):
        above = {
            name
            for name in imported(path)
            if room_of(name) != own and FLOOR[room_of(name)] >= FLOOR[own]
        }
        assert not above, f"{path} imports {above}, which does not stand below it"


def test_no_module_is_loose() -> None:
    rooms = {room for floor in FLOORS for room in floor}
    found = {path.name for path in PACKAGE.iterdir()} - {"__pycache__"}
    assert found - rooms == {"__init__.py", "__main__.py", "py.typed", "guide"}  # its pages


def test_no_circle_of_imports() -> None:
    """Taking away modules that import nothing which is left, again and again, leaves none."""
    left = {module: imported(path) - {module} for module, path in MODULES.items()}
    while free := {module for module, needed in left.items() if not needed & left.keys()}:
        left = {module: needed for module, needed in left.items() if module not in free}
    assert not left


def test_no_file_name_in_two_rooms() -> None:
    homes: dict[str, list[str]] = {}
    for path in SOURCES:
        homes.setdefault(path.stem, []).append(str(path.relative_to(PACKAGE)))
    twice = {stem for stem, found in homes.items() if len(found) > 1 and stem != "__init__"}
    assert twice == NAMES_IN_TWO_ROOMS.keys()


def definitions(path: Path, kind: type | tuple[type, ...]) -> list[ast.AST]:
    return [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, kind)]


def test_no_public_class_name_twice() -> None:
    homes: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in definitions(path, ast.ClassDef):
            if not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert not {name: found for name, found in homes.items() if len(found) > 1}


@pytest.mark.parametrize("room", FLOOR)
def test_nothing_is_too_long(room: str) -> None:
    """Lines of modules; lines of functions without their docstrings; arguments besides self."""
    for path in sources_of(room):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES, path
        for node in definitions(path, (ast.FunctionDef, ast.AsyncFunctionDef)):
            check_length(node, room, f"{path}: {node.name}")


def check_length(node: ast.FunctionDef | ast.AsyncFunctionDef, room: str, place: str) -> None:
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        lines -= node.body[0].end_lineno - node.body[0].lineno + 1
    assert lines <= MOST_LINES_OF_FUNCTION, place
    if room == "sklearn" and node.name == "__init__":
        return  # scikit-learn reads the parameters of an estimator from there
    named = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    most = MOST_ARGUMENTS_OF_VERB if node.name in VERBS and room != "cli" else MOST_ARGUMENTS
    assert len([name for name in named if name not in ("self", "cls")]) <= most, place


def test_kernels_import_only_the_decorator_numpy_and_kernels() -> None:
    for path in (PACKAGE / "kernels").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        own = {module for module in modules if (module or "").startswith("textmlr.kernels.")}
        assert modules - own <= {"textmlr.kernels.jit", "typing"}, path
        assert names <= {"numpy", "math"}, path


def test_no_kernel_is_imported_by_name() -> None:
    """A kernel is called through its module, so that what is called is what the module holds."""
    for path in SOURCES:
        if room_of(module_of(path)) == "kernels":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = (isinstance(node, ast.ImportFrom) and node.module) or ""
            if module.startswith("textmlr.kernels.") and ".jit" not in module:
                # Constants, and classes of arguments.
                assert all(alias.name[0].isupper() for alias in node.names), path


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
        "numpy",
        "numba",
        "scipy",
        "pyarrow",
        "rich",
        "click",
        "matplotlib",
        "sklearn",
    }


def test_help_is_light() -> None:
    code = (
        "from textmlr.cli import VERBS, cli\n"
        "for verb in ('', *VERBS):\n"
        "    cli.main([*verb.split(), '--help'], standalone_mode=False)"
    )
    assert not loaded(code) & {"numpy", "numba", "scipy", "pyarrow", "rich", "matplotlib"}


def test_public_names_exist() -> None:
    import textmlr

    for name in textmlr.__all__:
        assert getattr(textmlr, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = textmlr.nonsense  # type: ignore[attr-defined]


GUIDE = sorted(str(page.relative_to(ROOT)) for page in (PACKAGE / "guide").glob("*.md"))


@pytest.mark.parametrize("document", ["README.md", "bench/README.md", "data/README.md", *GUIDE])
def test_links_of_documents_lead_somewhere(document: str) -> None:
    """Links and pictures whose place is given relative to the document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    places = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    places = [place for place in places if "://" not in place]
    assert [place for place in places if not ((ROOT / document).parent / place).is_file()] == []


def test_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [
        page for page in (*GUIDE, "bench/README.md", "LICENSE") if f"({page})" not in text
    ] == []


@pytest.mark.parametrize("page", GUIDE)
def test_pages_begin_with_a_title_and_a_sentence(page: str) -> None:
    """The list of `textmlr guide` shows both."""
    title, space, sentence = (ROOT / page).read_text(encoding="utf-8").split("\n")[:3]
    assert title.startswith("# ")
    assert space == ""
    assert re.fullmatch(r"This page \S.*[.]", sentence)


@pytest.mark.parametrize("document", ["README.md", "bench/README.md", *GUIDE])
def test_what_documents_name_exists(document: str) -> None:
    """Paths, modules with what is in them, and the files of each room in the table of rooms."""
    text = (ROOT / document).read_text(encoding="utf-8")
    paths = re.findall(r"\b(?:textmlr|tests|bench|data)/[\w./*{}-]*[\w/*]", text)
    for room, row in re.findall(r"^\| `(textmlr/\w+/)` \| (.*) \|$", text, re.MULTILINE):
        paths += [room + name for name in re.findall(r"`([\w/]+(?:\.py|/))`", row)]
    if document == "bench/README.md":
        paths += [f"bench/{name}" for name in re.findall(r"`(\w+\.py)`", text)]
    assert paths or document in GUIDE
    assert [path for path in paths if not list(ROOT.glob(path))] == []
    modules = re.findall(r"^from (textmlr[\w.]*) import ([\w, ]+)", text, re.MULTILINE)
    names = [f"{module}.{name.strip()}" for module, names in modules for name in names.split(",")]
    names += re.findall(r"(?<![\w.])textmlr(?:\.[A-Za-z_]\w*)+", text)
    assert [name for name in names if not _exists(name)] == []


def _exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    first, *rest = name.split(".")
    thing = importlib.import_module(first)
    for part in rest:
        if not hasattr(thing, part):
            try:
                importlib.import_module(f"{thing.__name__}.{part}")
            except (ImportError, AttributeError):
                return False
        thing = getattr(thing, part)
    return True
