"""Training on corpora larger than memory: time, memory and disk as they grow, and beside the path
that has everything in memory.

    python bench/streaming.py --data DIR [--parts growth,paths,input,accuracy] [--gb 0.1,1,5]
        [--place DIR] [--json FILE] [--quick]

The corpora are made by recombined.py of those in DIR (see there); smaller ones are the beginning of
the largest.  Whole processes of ``textmlr train`` from start to saved model, each watched by
watched.py (GB and MB are 10^9 and 10^6 bytes):

growth    with --disk options, for each size of --gb; slope of log seconds and of log memory over
          log bytes.  Exits with 1 if a run fails
paths     with --disk and with --in-memory options in turn, --runs of each, on the same corpus of
          --paths-gb; ratios of the medians, and whether both model files are equal, byte for byte
input     the corpus of --paths-gb from standard input, while it is being made; whether the model
          is the one that its file gives
accuracy  of the model of the largest size and, for comparison, of one trained on the real
          training files: on recombined documents of the test files, and on the real test files
rivals    not unless asked for: VW in one pass and fastText in one epoch over the corpus of
          --paths-gb (its words parted and lower-cased beforehand, in time not counted)

In the options {cache} is a folder whose largest size is told.  Corpora are made in --place, which
needs two and a half times the largest size, and the caches besides.
Peak memory has the pages of mapped files in it, which the system drops when it needs room; anonymous
memory has not.  Kernels are compiled beforehand, by training a small corpus with --warm-up options.
--quick takes small corpora and is a check of this script more than a measurement.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rivals
from growth import slope
from measuring import cell, heading, line, parse, parser_of, read_lines
from recombined import large

HERE = Path(__file__).parent
PARTS = ("growth", "paths", "input", "accuracy", "rivals")
GB = "0.1,0.2,0.5,1,2,5"
QUICK_GB, QUICK_PATHS = "0.01,0.02,0.04", 0.02
WARM = 5e6  # bytes of the corpus that has kernels compiled
COPY = 1 << 24  # bytes at once
HEADS = (
    "part", "what", "GB", "documents", "train s", "MB/s", "CPU s", "peak MB", "anonymous MB",
    "written GB", "cache GB", "model MB", "note",
)  # fmt: skip
JUDGED_HEADS = ("test file", "documents", "trained on", "accuracy", "log loss")


@dataclass(frozen=True, slots=True)
class Run:
    """One training: what watched.py told of it (see there), and what it was of.

    failure  what a command that failed said last, or that it was stopped; "" if it did neither
    summary  what textmlr told of it, None of others
    """

    part: str
    what: str
    gb: float
    documents: int
    seconds: float
    user: float
    system: float
    peak: int
    anonymous: int | None
    written: int
    folder: int
    model: int
    failure: str
    summary: Any

    def markdown(self) -> str:
        """The run as a line of the table."""
        speed = None if self.failure else self.gb * 1e3 / self.seconds
        memory = None if self.anonymous is None else self.anonymous / 1e6
        return line((
            self.part, self.what, f"{self.gb:.3g}", f"{self.documents:,}",
            cell(self.seconds, 1), cell(speed, 1), cell(self.user + self.system, 1),
            cell(self.peak / 1e6, 0), cell(memory, 0), cell(self.written / 1e9, 2),
            cell(self.folder / 1e9, 2), cell(self.model / 1e6, 1), self.failure.replace("|", "/"),
        ))  # fmt: skip


class Log:
    """Rows as they come: printed as Markdown, and each added to a file of JSON lines, if any."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        if file:
            file.write_text("")

    def add(self, kind: str, row: Any) -> None:
        """Add a row to the file."""
        if self.file:
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, **row}) + "\n")

    def run(self, run: Run) -> None:
        """Print a run, and add it."""
        print(run.markdown(), flush=True)
        self.add("run", asdict(run))


class Corpora:
    """The corpora, made as they are asked for; only the largest is kept."""

    def __init__(self, arguments: argparse.Namespace, place: Path) -> None:
        self.arguments, self.place = arguments, place
        self._largest: tuple[Path, float] | None = None

    def command(self, size: float, part: str = "train") -> list[str]:
        """The command that writes ``size`` bytes to standard output."""
        arguments = self.arguments
        names = ",".join(folder.name for folder in arguments.folders)
        seed = arguments.seed + (part != "train")
        command = [
            sys.executable, str(HERE / "recombined.py"), "--data", str(arguments.data),
            "--only", names, "--bytes", str(size), "--part", part, "--seed", str(seed),
        ]  # fmt: skip
        return command + ["--sorted"] * arguments.sorted

    def make(self, file: Path, size: float, part: str = "train") -> Path:
        """A file of ``size`` bytes, or a line more."""
        say(f"making {size / 1e9:g} GB")
        with open(file, "wb") as out:
            subprocess.run(self.command(size, part), stdout=out, check=True)
        return file

    def of(self, size: float, most: float) -> Path:
        """A training file of ``size`` bytes, ``most`` being the most that will be asked for.

        Overwritten by the next one asked for.
        """
        if self.arguments.sorted:  # its beginning would have some of the labels only
            return self.make(self.place / "part.tsv", size)
        if self._largest is None or self._largest[1] < size:
            self._largest = self.make(self.place / "largest.tsv", most), most
        file, made = self._largest
        return file if made == size else beginning(file, size, self.place / "part.tsv")


def say(what: str) -> None:
    print(f"streaming: {what}", file=sys.stderr, flush=True)


def beginning(source: Path, size: float, target: Path) -> Path:
    """Copy so many bytes, and the rest of the line."""
    with open(source, "rb") as given, open(target, "wb") as out:
        left = int(size)
        while left > 0 and (read := given.read(min(COPY, left))):
            out.write(read)
            left -= len(read)
        if not read.endswith(b"\n"):
            out.write(given.readline())
    return target


def lines_of(file: Path) -> int:
    """Number of lines."""
    with open(file, "rb") as given:
        return sum(read.count(b"\n") for read in iter(lambda: given.read(COPY), b""))


def watched(
    command: Sequence[str], limit: float, folder: Path, given: Sequence[str] | None = None
) -> Any:
    """What watched.py tells of a command, with the output of another for its input if given."""
    watcher = [sys.executable, str(HERE / "watched.py"), str(limit), str(folder), *command]
    if given is None:
        done = subprocess.run(watcher, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)
    with subprocess.Popen(given, stdout=subprocess.PIPE) as giver:
        done = subprocess.run(watcher, stdin=giver.stdout, stdout=subprocess.PIPE, check=True)
        assert giver.stdout is not None
        giver.stdout.close()  # what is left of it, if the command failed
    return json.loads(done.stdout)


class Trainer:
    """Trains and tells, in a folder to be thrown away."""

    def __init__(self, arguments: argparse.Namespace, place: Path) -> None:
        self.arguments, self.place = arguments, place
        self.model = place / "model"  # of the last training

    def textmlr(self, source: str, options: str) -> list[str]:
        """The command of a training."""
        options = f"{options} {self.arguments.textmlr_args}"
        split = [part.replace("{cache}", str(self.place / "cache")) for part in shlex.split(options)]
        verb = [sys.executable, "-m", "textmlr", "train", source, "-o", str(self.model)]
        return [*verb, "--quiet", "--json", *split]

    def run(
        self, part: str, what: str, file: Path, command: Sequence[str], *,
        model: Path | None = None, given: Sequence[str] | None = None,
    ) -> Run:  # fmt: skip
        """Train on a file, or on what ``given`` writes (which is what is in the file)."""
        cache, model = self.place / "cache", model or self.model
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        model.unlink(missing_ok=True)
        told = watched(command, self.arguments.limit, cache, given)
        output, said, code = told.pop("output"), told.pop("told"), told.pop("code")
        failure = rivals.last_line(said, code) if code else ""
        if code is None:
            failure = f"stopped at {told['seconds']:.0f} s"
        summary = json.loads(output) if output.startswith("{") and not failure else None
        size = model.stat().st_size if model.exists() else 0
        gb = file.stat().st_size / 1e9
        return Run(
            part, what, gb, lines_of(file), **told, model=size, failure=failure, summary=summary
        )


@dataclass(slots=True)
class Bench:
    """What the parts share."""

    arguments: argparse.Namespace
    corpora: Corpora
    trainer: Trainer
    log: Log
    failed: bool = False

    def run(self, *what: Any, **more: Any) -> Run:
        """Train, and tell of it."""
        run = self.trainer.run(*what, **more)
        self.failed = self.failed or bool(run.failure)
        self.log.run(run)
        return run

    def conclude(self, kind: str, text: str, row: Any) -> None:
        """Say what follows from the rows above."""
        self.concluded.append(text)
        self.log.add(kind, row)


def paths(bench: Bench, file: Path) -> Iterator[str]:
    """Disk and memory in turn."""
    arguments, trainer = bench.arguments, bench.trainer
    ways = {"disk": arguments.disk, "in memory": arguments.in_memory}
    models = {way: trainer.place / f"{way}.model" for way in ways}
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    for _ in range(arguments.runs):
        for way, options in ways.items():
            run = bench.run("paths", way, file, trainer.textmlr(str(file), options))
            if run.failure:
                return
            runs[way].append(run)
            trainer.model.replace(models[way])
    ratios = {}
    for name, of in (("seconds", wall), ("CPU", cpu)):
        disk, memory = (statistics.median(map(of, runs[way])) for way in ways)
        ratios[name] = disk / memory
    equal = filecmp.cmp(*models.values(), shallow=False)
    bench.failed = bench.failed or not equal
    bench.log.add("paths", {"ratios": ratios, "equal": equal})
    shown = ", ".join(f"{ratio:.2f} in {name}" for name, ratio in ratios.items())
    yield f"disk / in memory: {shown}; model files {'equal' if equal else 'DIFFER'}"


def wall(run: Run) -> float:
    return run.seconds


def cpu(run: Run) -> float:
    return run.user + run.system


def growth(bench: Bench, sizes: Sequence[float], judge: Callable[[], None]) -> Iterator[str]:
    """Each size once, the largest last; its model is judged."""
    runs = []
    for size in sizes:
        file = bench.corpora.of(size, sizes[-1])
        command = bench.trainer.textmlr(str(file), bench.arguments.disk)
        runs.append(bench.run("growth", "disk", file, command))
    if not runs[-1].failure:
        judge()
    good = [run for run in runs if not run.failure]
    figures: dict[str, Callable[[Run], float]] = {
        "seconds": wall, "CPU": cpu, "peak": lambda run: run.peak,
    }  # fmt: skip
    found = {
        name: [slope([(run.gb, of(run)) for run in some])[0] for some in (good, good[len(good) // 2 :])]
        for name, of in figures.items()
    }
    bench.log.add("exponents", found)
    for name, (every, upper) in found.items():
        yield f"{name} ~ bytes^{cell(every, 2)}; upper half of the sizes {cell(upper, 2)}"
