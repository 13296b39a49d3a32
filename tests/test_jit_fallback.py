"""Another Numba than ``textmlr.kernels.jit.compiler`` is written for: slower, the same bits."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import compiled, documents, write_tsv

ROOT = Path(__file__).parent.parent
JIT = ROOT / "textmlr" / "kernels" / "jit"
PUBLIC = {("numba", "types")}  # documented, and the way back needs it too


def environment(place: Path, **more: str) -> dict[str, str]:
    """Of a child that keeps what it compiles in a folder of its own, and looks there first."""
    return os.environ | {"NUMBA_CACHE_DIR": str(place), "NUMBA_DISABLE_JIT": "0"} | more


# Before a child's code: a name is gone, and what is compiled already is not found.
WITHOUT = """
import os
import sys
from pathlib import Path
import numba.core.codegen
from numba.core.registry import cpu_target
from textmlr.kernels.jit import machine_code
cpu_target.target_context  # what Numba itself makes of it is there already
del numba.core.codegen.JITCPUCodegen
place = Path(os.environ["NUMBA_CACHE_DIR"], "textmlr")
machine_code.Origin.folders = property(lambda self: [(place, False)])
"""
COMMAND = (
    WITHOUT
    + """
from textmlr.__main__ import main
main()
"""
)


@pytest.mark.slow
@compiled
def test_a_command_without_one_of_numbas_names_does_the_same(tmp_path: Path) -> None:
    """To the byte of a model; one line says so; the next process loads what this one compiled."""
    tsv = write_tsv(tmp_path / "train.tsv", documents(60, 1))
    options = ["--ngrams", "1", "--epochs", "2", "--no-calibration", "--holdout", "0", "--quiet"]

    def run(verb: str, *more: str, without: bool = False) -> tuple[str, list[str]]:
        code = ["-c", COMMAND] if without else ["-m", "textmlr"]
        done = subprocess.run(
            [sys.executable, *code, verb, *more],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            env=environment(tmp_path / "kept") if without else None,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, [s for s in done.stderr.splitlines() if s.startswith("Warning")]

    usual, other = str(tmp_path / "usual.textmlr"), str(tmp_path / "other.textmlr")
    assert run("train", str(tsv), "-o", usual, *options)[1] == []
    _, told = run("train", str(tsv), "-o", other, *options, without=True)
    assert len(told) == 1
    assert told[0].startswith("Warning: Numba ")
    assert "no attribute 'JITCPUCodegen'" in told[0]
    assert Path(usual).read_bytes() == Path(other).read_bytes()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*.nbi")}
    assert kept
    assert run("train", str(tsv), "-o", other, *options, without=True)[1] == told
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    lines = tmp_path / "lines.txt"
    lines.write_text("".join(text + "\n" for _, text in documents(60, 1)))
    asked = "--lines", str(lines), "-m", usual
    answers, told = run("classify", *asked, without=True)
    assert (answers, len(told)) == (run("classify", *asked)[0], 1)


def imported_from_numba() -> list[tuple[str, str]]:
    """(module, name) of all that our compiler takes from Numba."""
    found = {
        (node.module or "", alias.name)
        for name in ("compiler.py", "row_vectors.py")
        for node in ast.walk(ast.parse((JIT / name).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numba")
        for alias in node.names
    }
    return sorted(found - PUBLIC)


# One process, and a fork for each name: importing Numba takes longer than compiling a kernel.
NAMES = """
import builtins, json, os, sys, traceback, warnings
import numpy as np
import numba
from numba.core.registry import cpu_target
from textmlr.kernels import jit
from textmlr.base.arrays import frozen
from textmlr.kernels.jit import machine_code
from textmlr.kernels import hash_table

cpu_target.target_context
machine_code.Origin.folders = property(lambda self: [])  # nothing is found, nothing kept
warnings.simplefilter("ignore")

def gone(*arguments, **options):
    raise AttributeError("it is gone")

class Without:
    def __init__(self, thing, name):
        self.__dict__.update(thing=thing, name=name)
    def __getattr__(self, asked):
        return gone() if asked == self.name else getattr(self.thing, asked)
    def __setattr__(self, name, value):
        setattr(self.thing, name, value)

def hide(module, name):
    # From us alone: Numba imports some of itself late, and by these very names.
    usual = builtins.__import__
    def look(wanted, names=None, *more):
        ours = (names or {}).get("__name__", "").startswith("textmlr.")
        if ours and wanted == module and name in (more[1] or ()):
            raise ImportError(f"cannot import name {name!r} from {module!r}")
        return usual(wanted, names, *more)
    builtins.__import__ = look

def hide_inside(place, name):
    from textmlr.kernels.jit import compiler, row_vectors
    if place == "context":
        compiler.cpu_target = Without(cpu_target, "")
        compiler.cpu_target.__dict__["target_context"] = Without(cpu_target.target_context, name)
    elif place in ("_Library", "_Codegen"):
        setattr(getattr(compiler, place), name, property(gone, lambda *given: None))
    elif place == "njit":
        def njit(*arguments, **options):
            if name in options:
                raise TypeError(f"unexpected keyword argument {name!r}")
            return numba.njit(*arguments, **options)
        compiler.njit = njit
    elif place == "parts":
        def parts(compiled):
            raise AttributeError(name)
        compiler._PARTS = parts
    else:
        module = getattr(compiler, place)
        setattr(compiler, place, Without(module, name))
        if hasattr(row_vectors, place):
            setattr(row_vectors, place, Without(module, name))

values = frozen(np.array([1, 2**63], np.uint64))
def run():
    sizes = np.zeros(2, np.int64)
    hash_table.partition_sizes(values, 63, sizes)
    return sizes.tolist() == [1, 1] and jit.loading._failure is not None

for hidden in json.loads(sys.argv[1]):
    sys.stdout.flush()
    child = os.fork()
    if not child:
        code = 2
        try:
            (hide_inside if hidden[0] in sys.argv[2:] else hide)(*hidden)
            code = 0 if run() else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    print(*hidden, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
INSIDE = {
    "context": [
        "_internal_codegen",
        "get_value_type",
        "get_data_type",
        "declare_function",
        "call_conv",
        "make_array",
        "get_abi_sizeof",
    ],
    "_Codegen": ["create_library", "_create_empty_module"],
    "_Library": ["add_linking_library", "add_ir_module", "finalize", "_final_module"],
    "njit": ["no_cpython_wrapper", "no_cfunc_wrapper"],
    "parts": ["fndesc"],
    "cgutils": ["pack_array", "get_or_insert_function"],
    "arrayobj": ["populate_array"],
}


@pytest.mark.slow
@compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_any_name_of_numbas_may_be_gone(tmp_path: Path) -> None:
    hidden = [*imported_from_numba(), *((place, n) for place, ns in INSIDE.items() for n in ns)]
    assert len(hidden) > 20
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NAMES, json.dumps(hidden), *INSIDE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(tmp_path),
    )
    assert done.stdout.splitlines() == [f"{place} {name} 0" for place, name in hidden], done.stderr


CHECKED = (
    WITHOUT
    + """
import numpy as np
from textmlr.base.arrays import frozen
from textmlr.kernels import hash_table
values, few = frozen(np.array([1, 2**63], np.uint64)), np.zeros(1, np.int64)
for sizes in (np.zeros(1, np.int64), np.zeros(2, np.int64)):
    try:
        hash_table.partition_sizes(values, 63, sizes)
        print(sizes.tolist())
    except IndexError as error:
        print(error)
"""
)


@compiled
def test_indices_are_checked_there_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHECKED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment(tmp_path, NUMBA_BOUNDSCHECK="1"),
        check=True,
        timeout=100,
    )
    assert done.stdout.splitlines() == [
        "kernel partition_sizes: an index is outside its array",
        "[1, 1]",
    ]


DAMAGED = (
    WITHOUT
    + """
import numpy as np
from textmlr.kernels import jit
from textmlr.base.arrays import frozen
from textmlr.kernels import hash_table
function = hash_table.partition_sizes.function
for content in (None, b"", b"nonsense", b"\\x80\\x04"):
    kept = [*place.rglob("*.nb?")]
    if content is not None:
        assert len(kept) == 2
        for path in kept:
            path.write_bytes(content)
    sizes = np.zeros(2, np.int64)
    jit.kernel(function)(frozen(np.array([1, 2**63], np.uint64)), 63, sizes)
    print(sizes.tolist())
    if content is not None:  # it was removed: keep it anew
        jit.kernel(function)(frozen(np.array([1, 2**63], np.uint64)), 63, sizes)
"""
)


@pytest.mark.slow
@compiled
def test_what_numba_keeps_may_be_damaged(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DAMAGED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        timeout=100,
    )
    assert done.stdout.splitlines() == ["[1, 1]"] * 4, done.stderr


NO_NUMBA = """
import sys
import numpy as np
sys.modules["numba"] = None
from textmlr.base.errors import InputError
from textmlr.kernels.jit import machine_code
from textmlr.kernels import hash_table
machine_code.Origin.folders = property(lambda self: [])
try:
    hash_table.partition_sizes(np.zeros(1, np.uint64), 63, np.zeros(2, np.int64))
except InputError as error:
    print(error)
"""


@compiled
def test_without_any_numba_one_line_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", NO_NUMBA],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=True,
        timeout=100,
    )
    assert done.stdout.startswith("Numba, which compiles the kernels, cannot be imported (")
    assert done.stdout.endswith(
        "; install one that fits, for instance by pip install --upgrade numba\n"
    )


def test_the_installed_numba_is_one_that_is_declared() -> None:
    """A newer one is declared when it has been tested."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    bounds = [d for d in declared["project"]["dependencies"] if d.startswith("numba")]
    (low, high) = (tuple(map(int, v.split("."))) for v in re.findall(r"[\d.]+", bounds[0]))
    assert low <= tuple(map(int, version("numba").split(".")[:2])) < high
