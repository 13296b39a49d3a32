"""A kernel compiled by a process of its own.

It serves a child that was forked while another thread compiled.  Numba is half done there, perhaps
half imported, and its locks are held by a thread that the child lacks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

from textmlr.kernels.jit import machine_code

_CODE = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from textmlr.kernels.jit import child_process; child_process.answer(sys.argv[1])"
)


def compile_function(origin: machine_code.Origin) -> machine_code.MachineCode:
    """Compile a kernel in a new process.

    Raises RuntimeError if that fails, or if no Python can be started.
    """
    function = origin.function
    request = json.dumps([function.__module__, function.__name__, origin.codes, origin.checked])
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CODE, request, *sys.path],
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    except (OSError, ValueError) as error:  # there is no sys.executable, or no process to be had
        raise RuntimeError(f"no Python can be started: {error}") from error
    code = machine_code.unpacked(origin, done.stdout)
    if code is None:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [str(done.returncode)]
        raise RuntimeError(f"another process could not compile it: {lines[-1]}")
    return code


def answer(request: str) -> None:
    """Write the packed code of the requested kernel to stdout, in the new process."""
    from textmlr.kernels.jit import compiler

    module, name, codes, checked = json.loads(request)
    function = getattr(import_module(module), name).function
    origin = machine_code.Origin(function, tuple(codes), checked)
    code = compiler.compile_function(function, origin.codes, checked=checked)
    sys.stdout.buffer.write(machine_code.packed(origin, code))
    sys.stdout.buffer.flush()
