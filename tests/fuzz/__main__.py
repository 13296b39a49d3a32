"""python -m tests.fuzz: run the targets, each in processes of its own, and tell what was found.

A process that dies, or is at one input for longer than LIMIT seconds, is a finding too; another
takes its place.  Exit code 1 if there are findings.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import TARGETS, target_of
from .worker import Diary

LIMIT = 60.0  # seconds that one input may take, on a busy machine
STARTING = 300.0  # and the first, for which kernels are compiled; and any, where none are kept
SHARES = {"text": 3.0, "corpora": 3.0, "models": 3.0, "commands": 3.0}  # of the time
TICK = 0.5
_COVERAGE = re.compile(rb"cov: (\d+) ft: (\d+) corp: (\d+)/")


@dataclass
class Run:
    """One target in one mode: what came of it."""

    target: str
    mode: str
    executions: int = 0
    seconds: float = 0.0
    coverage: tuple[int, int] = (0, 0)  # lines or branches reached, before and after
    findings: list[str] = field(default_factory=list)


def main() -> None:
    """Parse, run, tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--mode", help="only the mode of this name")
    parser.add_argument("--seconds", type=float, default=60.0, help="in all; default 60")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder of the inputs found, to go on from")
    parser.add_argument(
        "--blind",
        action="store_true",
        help="by chance alone: several times as many inputs a second",
    )
    parser.add_argument("--replay", type=Path, help="run one input of one target, and no more")
    asked = parser.parse_args()
    for name in asked.targets:
        if name not in TARGETS:
            parser.error(f"no target {name!r}: the targets are {', '.join(TARGETS)}")
    if asked.replay is not None and len(asked.targets) != 1:
        parser.error("--replay needs one target")
    runs = [
        Run(name, mode)
        for name in asked.targets or TARGETS
        for mode in target_of(name).MODES
        if asked.mode in (None, mode)
    ]
    if asked.replay is not None:
        command = [*_command(runs[0], 0, 0, Path(), Path()), "--replay", str(asked.replay)]
        sys.exit(subprocess.run(command, env=_environment(runs[0])).returncode)
    total = sum(SHARES[run.target] / _modes(runs, run) for run in runs)
    with _folder(asked.keep) as folder, ThreadPoolExecutor(asked.jobs) as pool:
        futures = [
            pool.submit(
                _fuzz,
                run,
                folder,
                asked.seed,
                asked.jobs * asked.seconds * SHARES[run.target] / _modes(runs, run) / total,
                asked.blind,
            )
            for run in runs
        ]
        for future in futures:
            _tell(future.result())
    print(
        f"{sum(run.executions for run in runs):,} inputs, "
        f"{sum(len(run.findings) for run in runs)} findings"
    )
    sys.exit(1 if any(run.findings for run in runs) else 0)


def _modes(runs: list[Run], run: Run) -> int:
    return sum(other.target == run.target for other in runs)


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """Where corpora and findings lie; findings stay even if the rest is not kept."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="textmlr-fuzz-"))
    yield folder
    if not list(folder.glob("*/*.input")):
        import shutil

        shutil.rmtree(folder)


def _command(
    run: Run, seconds: float, seed: int, place: Path, corpus: Path, blind: bool = False
) -> list[str]:
    return [
        sys.executable,
        "-m",
        "tests.fuzz.worker",
        run.target,
        "--seconds",
        str(seconds),
        "--seed",
        str(seed),
        "--place",
        str(place),
        "--corpus",
        str(corpus),
        *["--blind"] * blind,
    ]


def _environment(run: Run) -> dict[str, str]:
    own: dict[str, str] = target_of(run.target).MODES[run.mode]
    return {**os.environ, **own, "PYTHONHASHSEED": "0", "NO_COLOR": "1", "COLUMNS": "80"}


def _fuzz(run: Run, folder: Path, seed: int, seconds: float, blind: bool) -> Run:
    """Run a target, in process after process, until its time is up."""
    place = folder / f"{run.target}-{run.mode}"
    corpus = folder / f"{run.target}-corpus"  # shared by its modes
    for path in (place, corpus):
        path.mkdir(exist_ok=True)
    for old in (*place.glob("*.input"), *place.glob("*.json")):
        old.unlink()
    began = time.monotonic()
    while (left := seconds - (time.monotonic() - began)) > 0:
        diary = Diary(place / "diary", new=True)
        told, problem = _watched(_command(run, left, seed, place, corpus, blind), run, diary)
        reached = [int(found[1]) for found in _COVERAGE.finditer(told)]
        if reached:
            run.coverage = run.coverage[0] or reached[0], max(run.coverage[1], *reached)
        run.executions += diary.begun
        if problem is None:
            break
        seed += 1
        name = f"ended-{seed}"
        (place / f"{name}.input").write_bytes(diary.last)
        shown = told[-4000:].decode("utf-8", "replace")
        about = {"kind": problem, "problem": problem, "traceback": shown}
        (place / f"{name}.json").write_text(json.dumps(about))
        if not diary.begun:
            break  # it cannot even start
    run.seconds = time.monotonic() - began
    run.findings = [_told(path, run) for path in sorted(place.glob("*.json"))]
    return run


def _watched(command: list[str], run: Run, diary: Diary) -> tuple[bytes, str | None]:
    """(what a worker says on stderr, why it ended if not because the time was up)."""
    # In memory, where there is such a place, for a disk would take most of the time; and cleared
    # here, since libFuzzer ends a process at once.
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        work = stack.enter_context(tempfile.TemporaryDirectory("", "textmlr-fuzz-", memory))
        child = stack.enter_context(
            subprocess.Popen(
                command,
                env=_environment(run) | {"TMPDIR": work},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        )
        problem, begun, since = None, 0, time.monotonic()
        while child.poll() is None:
            time.sleep(TICK)
            now = time.monotonic()
            if diary.begun != begun:
                begun, since = diary.begun, now
            elif now - since > (LIMIT if begun > 1 and run.mode != "checked" else STARTING):
                problem = f"at one input for more than {now - since:.0f} s"
                child.send_signal(signal.SIGABRT)  # whereupon faulthandler tells where it is
                time.sleep(TICK)
                child.kill()
        log.seek(0)
        told = log.read()
    if problem is None and child.returncode:
        problem = f"ended with exit code {child.returncode}"
    return told, problem


def _told(path: Path, run: Run) -> str:
    about = json.loads(path.read_text())
    lines = about["traceback"].splitlines()
    shown = "\n      ".join(lines[-12:])
    return (
        f"  {about['kind']}: {about['problem'][:300]}\n      {shown}\n"
        f"    python -m tests.fuzz {run.target} --mode {run.mode} "
        f"--replay {path.with_suffix('.input')}"
    )


def _tell(run: Run) -> None:
    rate = run.executions / max(run.seconds, 1e-9)
    line = f"{run.target} ({run.mode}): {run.executions:,} inputs in {run.seconds:.0f} s"
    line += f", {rate:,.0f}/s"
    if run.coverage[1]:
        line += f"; {run.coverage[1]:,} places in the code reached, {run.coverage[0]:,} at first"
    print(f"{line}; {len(run.findings)} findings")
    for finding in run.findings:
        print(finding)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
