"""One target in a process of its own, for some seconds: ``python -m tests.fuzz.worker``.

What it does lies in a file that outlives it (see ``Diary``), so that whoever started it can tell
which input it was at when it died or hung.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import mmap
import os
import random
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from . import target_of
from .mutation import mutant

MOST_INPUT = 1 << 16  # bytes
MOST_KINDS = 50  # of findings, to keep
_HEAD = struct.Struct("<QQ")  # inputs begun; bytes of the last
LENGTH = 2048  # bytes of an input


class Diary:
    """The number of inputs begun, and the last of them, in a file that is mapped."""

    def __init__(self, path: Path, *, new: bool) -> None:
        size = _HEAD.size + MOST_INPUT
        if new:
            path.write_bytes(bytes(size))
        with open(path, "r+b") as file:
            self._view = mmap.mmap(file.fileno(), size)

    def begin(self, data: bytes) -> None:
        self._view[_HEAD.size : _HEAD.size + len(data)] = data
        self._view[: _HEAD.size] = _HEAD.pack(self.begun + 1, len(data))

    @property
    def begun(self) -> int:
        return int(_HEAD.unpack(self._view[: _HEAD.size])[0])

    @property
    def last(self) -> bytes:
        size = int(_HEAD.unpack(self._view[: _HEAD.size])[1])
        return bytes(self._view[_HEAD.size : _HEAD.size + size])


class Judge:
    """Runs check(data), and keeps the shortest input of each kind of failure."""

    def __init__(self, target: ModuleType, diary: Diary, place: Path) -> None:
        self._check: Callable[[bytes], None] = target.check
        self._diary, self._place = diary, place
        self._kinds: dict[str, int] = {}

    def __call__(self, data: bytes) -> None:
        data = bytes(data[:MOST_INPUT])
        self._diary.begin(data)
        try:
            self._check(data)
        except (Exception, SystemExit) as error:  # KeyboardInterrupt ends the run
            self._keep(error, data)

    def _keep(self, error: BaseException, data: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if "textmlr" in Path(f.filename).parts or f.name == "check"]
        where = own[-1] if own else frames[-1]
        kind = f"{type(error).__name__} {Path(where.filename).name}:{where.lineno}"
        if frames[-1].name == "require":
            kind += " " + "".join(c for c in str(error) if c.isalpha())[:30]
        known = self._kinds.get(kind)
        if (known is not None and known <= len(data)) or len(self._kinds) >= MOST_KINDS:
            return
        self._kinds[kind] = len(data)
        told = "".join(traceback.format_exception(error))
        name = "".join(c if c.isalnum() else "-" for c in kind)
        (self._place / f"{name}.input").write_bytes(data)
        (self._place / f"{name}.json").write_text(
            json.dumps({"kind": kind, "problem": str(error)[:500], "traceback": told})
        )


def main() -> None:
    """Fuzz until the time is up."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.worker")
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--blind", action="store_true")
    parser.add_argument("--replay", type=Path)
    asked = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter("error")
    with ExitStack() as stack:
        atheris = _atheris() if asked.replay is None and not asked.blind else None
        if atheris is not None:
            # atheris knows packages only: all of textmlr, but for what is not to guide.
            with atheris.instrument_imports(["textmlr"], _excluded(asked.target)):
                for module in _constants(asked.target):
                    import_module(module)  # some would be imported late, unseen
                target = target_of(asked.target)
        else:
            target = target_of(asked.target)
        os.chdir(stack.enter_context(tempfile.TemporaryDirectory(prefix="textmlr-fuzz-")))
        if asked.replay is not None:
            target.check(asked.replay.read_bytes())
            return
        judge = Judge(target, Diary(asked.place / "diary", new=False), asked.place)
        seeds = target.seeds()
        if atheris is not None:
            _guided_search(atheris, judge, target, seeds, asked)
        else:
            _blind_search(judge, target, seeds, asked)


def _atheris() -> Any:
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: inputs are made by chance alone", file=sys.stderr)
        return None
    return atheris


def _excluded(name: str) -> list[str]:
    """Modules of textmlr that are not to guide: of kernels those that do not run as Python, too."""
    plain = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    guided = {m for m in _constants(name) if plain or not m.startswith("textmlr.kernels")}
    package = Path(__file__).parent.parent.parent / "textmlr"
    modules = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for path in package.rglob("*.py")
    }
    modules |= {module.removesuffix(".__init__") for module in modules}
    return sorted(modules - guided)


def _constants(name: str) -> tuple[str, ...]:
    """GUIDED of a target, read without importing it, which would import what it guides by."""
    import ast

    tree = ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "GUIDED":
            return tuple(ast.literal_eval(node.value))
    raise LookupError(f"{name} has no GUIDED")


def _guided_search(
    atheris: Any, judge: Judge, target: ModuleType, seeds: list[bytes], asked: argparse.Namespace
) -> None:
    """libFuzzer, which keeps what reaches new lines."""
    first, words = asked.place / "seeds", asked.place / "words"
    first.mkdir(exist_ok=True)
    for number, seed in enumerate(seeds):
        (first / f"{number:04}").write_bytes(seed)
    lines = ('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in target.WORDS)
    words.write_text("".join(lines))
    options = [
        f"-max_total_time={max(1, round(asked.seconds))}",
        f"-seed={asked.seed}",
        f"-max_len={LENGTH}",
        "-len_control=0",
        f"-dict={words}",
        "-rss_limit_mb=0",
        "-timeout=1000000",
        "-reload=0",
        f"-artifact_prefix={asked.place}/libfuzzer-",
    ]
    atheris.Setup([sys.argv[0], *options, str(asked.corpus), str(first)], judge)
    atheris.Fuzz()


def _blind_search(
    judge: Judge, target: ModuleType, seeds: list[bytes], asked: argparse.Namespace
) -> None:
    """Chance alone."""
    rng = random.Random(asked.seed)
    pool = seeds + [path.read_bytes() for path in sorted(asked.corpus.iterdir())]
    for seed in pool:
        judge(seed)
    end = time.monotonic() + asked.seconds
    while time.monotonic() < end:
        judge(mutant(rng, pool, target.WORDS))


if __name__ == "__main__":
    main()
