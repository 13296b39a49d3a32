"""Kernels' machine code: where it is kept, and that Numba stays as others know it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import compiled, mostly_slow

import textmlr

CODE = """
import sys
import numpy as np
from textmlr.kernels import jit
from textmlr.base.arrays import frozen
from textmlr.kernels import hash_table
jit.watch_compiling(lambda kernel, seconds: print(f"{kernel} {bool(seconds)}"))
sizes = np.zeros(2, np.int64)
hash_table.partition_sizes(frozen(np.array([1, 2**63], np.uint64)), 63, sizes)
assert sizes.tolist() == [1, 1]
assert jit.__file__.startswith(sys.argv[1])
"""


def test_a_package_that_cannot_be_written_uses_the_users_cache(tmp_path: Path) -> None:
    package = tmp_path / "textmlr"
    shutil.copytree(
        Path(textmlr.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    # A file in the folder's place stops root too, whom permissions do not.
    (package / "kernels" / "__pycache__").write_bytes(b"")
    users = tmp_path / "users"
    names = ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME", "PYTHONPATH", "NUMBA_CACHE_DIR")
    places = (users, users, users, tmp_path, "")
    environment = os.environ | {name: str(at) for name, at in zip(names, places, strict=True)}
    told = [
        subprocess.run(
            [sys.executable, "-c", CODE, str(tmp_path)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\n")
        for _ in range(2)
    ]
    assert told == [["partition_sizes False", "partition_sizes True", ""], [""]]
    assert len(list(users.rglob("*.textmlr"))) == 1


@pytest.mark.slow
def test_numba_compiles_as_ever_after_kernels() -> None:
    """What Numba made for a kernel (min, slices, in) is not runnable by itself; it must not be
    taken for what is."""
    import numba

    from textmlr.kernels.jit import compiler

    def smallest(a, b, out):  # type: ignore[no-untyped-def]
        out[:1] = a[:1]
        return min(a.size, b) if b in (1, 2) else 0

    codes = ("u11r", "i", "u11w")
    code = compiler.compile_function(smallest, codes)
    assert code.result == "i"
    mine = numba.njit(smallest)
    a, out = np.arange(3, 6, dtype=np.uint8), np.zeros(2, np.uint8)
    assert mine(a, 2, out) == 2
    assert mine(a, 3, out) == 0
    assert out.tolist() == [3, 0]
    from textmlr.kernels.jit import machine_code

    assert machine_code.link(code, codes)(a, 2, out) == 2


TUPLES = """
from typing import Any, NamedTuple
from textmlr.kernels.jit import kernel

class Inner(NamedTuple):
    x: Any
    y: Any

class Alike(NamedTuple):
    sums: Any
    ons: Any

class Outer(NamedTuple):
    inner: Inner
    step: float
    count: int
    on: bool
    out: Alike

@kernel
def _product(inner, factor):
    x, y = inner
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i, 0]
    return total * factor

@kernel
def run(outer, more):
    value = _product(Inner(outer.inner.x, outer.inner.y), outer.step)
    outer.out.sums[0] = value + outer.count + more
    outer.out.ons[0] = 1.0 if outer.on else 0.0
    return value
"""
CALLED = """
import sys
import numpy as np
how = sys.argv[1]
if how == "plain Numba":
    import numba.core.codegen
    from numba.core.registry import cpu_target
    cpu_target.target_context  # what Numba itself makes of it is there already
    del numba.core.codegen.JITCPUCodegen
from tuples import kernels
from textmlr.kernels import jit
from textmlr.kernels.jit import child_process, machine_code
x, y = np.arange(4, dtype=np.float32), np.arange(8.0).reshape(4, 2)
y.flags.writeable = False
inner = kernels.Inner(x, y)
out = kernels.Alike(np.zeros(1), np.zeros(1))
if how == "child":
    given = kernels.Outer(inner, 2.5, 1, True, out), 1
    codes = tuple(map(jit.argument_types.code_of, "ab", given))
    code = child_process.compile_function(machine_code.Origin(kernels.run.function, codes))
    assert machine_code.link(code, codes)(*given) == 70.0
for count, on in ((7, True), (-5, False), (1 << 53, True)):
    assert kernels.run(kernels.Outer(inner, 2.5, count, on, out), 1) == 70.0
    assert [*out.sums, *out.ons] == [71.0 + count, float(on)]
if how != "python":
    types = "tuples.kernels:Inner(f41w f82r)"
    alike = "tuples.kernels:Alike(f81w f81w)"
    assert kernels.run.signatures == [f"tuples.kernels:Outer({types} d i b {alike}) i"]
    assert (jit.loading._failure is None) == (how != "plain Numba")
"""


@compiled
@pytest.mark.parametrize(
    "how",
    mostly_slow(["compiled", "loaded", "child", "plain Numba", "python"], ["loaded", "python"]),
)
def test_named_tuples_are_arguments(how: str, tmp_path: Path) -> None:
    """Of arrays, numbers and other tuples, however a kernel comes to run."""
    package = tmp_path / "tuples"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "kernels.py").write_text(TUPLES)
    path = os.pathsep.join((str(tmp_path), str(Path(textmlr.__file__).parent.parent)))
    for _ in range(2 if how == "loaded" else 1):
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", CALLED, how],
            env=os.environ | {"PYTHONPATH": path, "NUMBA_DISABLE_JIT": str(int(how == "python"))},
            check=True,
            timeout=120,
        )


CHECKED = """
import sys
import numpy as np
from textmlr.base.arrays import frozen
from textmlr.kernels import hash_table
values, few = frozen(np.array([1, 2**63], np.uint64)), np.zeros(1, np.int64)
try:
    hash_table.partition_sizes(values, 63, few)
except IndexError as error:
    print(error)
enough = np.zeros(2, np.int64)
hash_table.partition_sizes(values, 63, enough)
print(enough.tolist(), "numba" in sys.modules)
"""


@compiled
def test_code_that_checks_its_indices_is_kept_apart() -> None:
    """NUMBA_BOUNDSCHECK=1: an index beyond an array is an error, and the process goes on; other
    processes do not get such code, but the next that checks does."""
    for imported in (None, "False"):
        done = subprocess.run(
            [sys.executable, "-c", CHECKED],
            cwd=Path(__file__).parent.parent,
            check=True,
            env=os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_DISABLE_JIT": "0"},
            capture_output=True,
            text=True,
        )
        told = done.stdout.splitlines()
        assert told[0] == "kernel partition_sizes: an index is outside its array"
        assert told[1].startswith("[1, 1]")
        if imported is not None:
            assert told[1] == f"[1, 1] {imported}"
    from textmlr.kernels import hash_table
    from textmlr.kernels.jit import machine_code

    function = getattr(hash_table.partition_sizes, "function", hash_table.partition_sizes)
    usual, checked = (
        machine_code.Origin(function, ("u81r", "i", "i81w"), on) for on in (False, True)
    )
    assert usual.family != checked.family
    assert machine_code.find(checked) is not None


def test_rows_number_by_number_are_rows_at_once() -> None:
    """What is compiled where indices are checked computes the same bits."""
    from textmlr.kernels.jit import row_loops

    rng = np.random.default_rng(0)
    for real in (np.float32, np.float64):
        theta = rng.normal(size=(9, 5)).astype(real)
        indices, values = np.array([3, 0, 8, 3], np.int32), rng.normal(size=4).astype(np.float32)
        out, singly = np.full(7, 3, real), np.full(7, 3, real)
        row_loops.sum_rows(indices, values, 1, 4, theta, out)
        row_loops.sum_rows_singly(indices, values, 1, 4, theta, singly)
        assert out.tobytes() == singly.tobytes()
        other = theta.copy()
        row_loops.add_to_rows(indices, values, 0, 3, theta, out)
        row_loops.add_to_rows_singly(indices, values, 0, 3, other, out)
        assert theta.tobytes() == other.tobytes()
