"""Shared by the benches: options, reading corpora, measuring in turn, Markdown tables."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def parser_of(description: str | None, *, runs: int | None = None) -> argparse.ArgumentParser:
    """A parser of --data and --only, and with a number of --runs also of that and of --json."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of corpus folders")
    parser.add_argument("--only", help="corpora, comma-separated")
    if runs is not None:
        parser.add_argument("--runs", type=int, default=runs, help=f"timed runs of each [{runs}]")
        parser.add_argument("--json", type=Path, help="also write the rows to this file")
    return parser


def parse(
    parser: argparse.ArgumentParser, needed: Sequence[str] = ("train.tsv", "test.tsv")
) -> argparse.Namespace:
    """The arguments, and ``folders``: those of --data, or the --only ones, with the files needed,
    by name.  A usage error if there is none, one is not there, or --runs is below 1."""
    arguments = parser.parse_args()
    if "runs" in arguments and arguments.runs < 1:
        parser.error("--runs: at least 1")
    if not arguments.data.is_dir():
        parser.error(f"{arguments.data}: no such folder")
    folders = [f for f in sorted(arguments.data.iterdir()) if all((f / n).exists() for n in needed)]
    only = arguments.only.split(",") if arguments.only else [f.name for f in folders]
    if unknown := sorted(set(only) - {f.name for f in folders}):
        names = ", ".join(f.name for f in folders)
        parser.error(f"--only: no {', '.join(unknown)} in {arguments.data}; there are {names}")
    if not only:
        parser.error(f"{arguments.data}: no folder with {' and '.join(needed)}")
    arguments.folders = [f for f in folders if f.name in only]
    return arguments


def parse_systems(
    parser: argparse.ArgumentParser, modules: Mapping[str, str], limit: float
) -> argparse.Namespace:
    """The arguments as ``parse`` has them, ``limit`` and ``json``, and ``pythons``, the interpreter
    of each system that is asked for and whose module it has; says which it lacks.

    modules  of the systems by name;  limit  seconds a process may take where nothing else is said
    """
    parser.add_argument("--systems", default=",".join(modules), help="comma-separated [all]")
    parser.add_argument(
        "--python", action="append", default=[], help="SYSTEM=PATH of an interpreter; repeatable"
    )
    parser.add_argument(
        "--limit", type=float, default=limit, help=f"seconds a process may take [{limit:.0f}]"
    )
    parser.add_argument("--json", type=Path, help="also write what is measured to this file")
    arguments = parse(parser)
    systems = arguments.systems.split(",")
    given = dict(one.partition("=")[::2] for one in arguments.python)
    if unknown := sorted({*systems, *given} - set(modules)):
        parser.error(f"no system {', '.join(unknown)}; there are {', '.join(modules)}")
    arguments.pythons = {}
    for name in systems:
        python = given.get(name, sys.executable)
        if subprocess.run(
            [python, "-c", f"import {modules[name]}"], capture_output=True
        ).returncode:
            say(f"{name}: {modules[name]} is not installed")
        else:
            arguments.pythons[name] = python
    return arguments


def say(what: str) -> None:
    """Say something beside the table."""
    print(what, file=sys.stderr, flush=True)


def read_lines(path: Path) -> list[bytes]:
    """The lines of a file, without their newlines."""
    # Not splitlines, for which a carriage return ends a line too.
    return path.read_bytes().removesuffix(b"\n").split(b"\n")


def read_documents(path: Path) -> list[tuple[str, str]]:
    """(label, text) of each line of a TSV file; what is not UTF-8 is read as U+FFFD."""
    lines = (line.decode("utf-8", errors="replace") for line in read_lines(path))
    return [(label, text) for label, _, text in (line.partition("\t") for line in lines)]


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write lines, each ended; return the path."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def interleaved(
    jobs: Mapping[Any, Callable[[], float]], runs: int, warm_ups: int
) -> dict[Any, float]:
    """Median seconds of each job, run in turn; the first warm_ups of each are thrown away."""
    seconds: dict[Any, list[float]] = {name: [] for name in jobs}
    for _ in range(warm_ups + runs):
        for name, job in jobs.items():
            seconds[name].append(job())
    return {name: statistics.median(taken[warm_ups:]) for name, taken in seconds.items()}


def heading(heads: Sequence[str]) -> str:
    """The first two lines of a Markdown table."""
    return f"{line(heads)}\n{'|---' * len(heads)}|"


def line(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def cell(value: float | None, digits: int) -> str:
    """A number with so many digits behind the point, or a dash for none."""
    return "–" if value is None else f"{value:.{digits}f}"
