"""Training on corpora larger than memory: time, memory and disk as they grow, and beside the path
that has everything in memory.

    python bench/streaming.py --data DIR [--parts growth,paths,input,accuracy] [--gb 0.1,1,5]
        [--place DIR] [--json FILE] [--quick]

The corpora are made by recombined.py of those in DIR (see there); smaller ones are the beginning of
the largest.  Whole processes of ``textmlr train`` from start to saved model, each watched by
watched.py (GB and MB are 10^9 and 10^6 bytes):

growth    with --disk options, for each size of --gb; slope of log seconds and of log memory over
          log bytes
paths     with --disk and with --in-memory options in turn, --runs of each, on the same corpus of
          --paths-gb; ratios of the medians, and whether both model files are equal, byte for byte.
          Both keep as few features as --paths-args says, or --memory might allow fewer than there
          are, and the models could not be equal
input     the corpus of --paths-gb from standard input, while it is being made; whether the model
          is the one that its file gives, but for the name of the file that it keeps
accuracy  of the model of the largest size and, for comparison, of one trained on the real
          training files: on recombined documents of the test files, and on the real test files
rivals    not unless asked for: VW in one pass and fastText in one epoch over the corpus of
          --paths-gb (its words parted and lower-cased beforehand, in time not counted)

In the options {cache} is a folder whose largest size is told.  Corpora are made in --place, which
needs twice the largest size, and the caches and models besides.
Peak memory has the pages of mapped files in it, which the system drops when it needs room;
anonymous memory has not.  Kernels are compiled beforehand, by training a small corpus with
--warm-up options.
--quick takes small corpora and is a check of this script more than a measurement.  Exits with 1 if
a training failed, or models that should be equal are not.
"""

from __future__ import annotations

import argparse
import filecmp
import hashlib
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rivals
from growth import slope
from measuring import cell, heading, line, parse, parser_of, read_documents, read_lines
from recombined import large

HERE = Path(__file__).parent
GB = "0.1,0.2,0.5,1,2,5"
QUICK_GB, QUICK_PATHS_GB, QUICK_TEST = "0.01,0.02,0.04", 0.02, 1e6
PATHS_ARGS = "--max-features 200000"
WARM = 5e6  # bytes of the corpus that has kernels compiled
COPY = 1 << 24  # bytes at once
HEADS = (
    "part",
    "what",
    "trained from",
    "features",
    "GB",
    "documents",
    "train s",
    "MB/s",
    "CPU s",
    "peak MB",
    "anonymous MB",
    "written GB",
    "cache GB",
    "model MB",
    "note",
)
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

    @property
    def cpu(self) -> float:
        """Seconds."""
        return self.user + self.system

    def markdown(self) -> str:
        """The run as a line of the table."""
        speed = None if self.failure else self.gb * 1e3 / self.seconds
        memory = None if self.anonymous is None else self.anonymous / 1e6
        storage, features = "–", "–"
        if self.summary:
            storage, features = self.summary["storage"], f"{self.summary['features']:,}"
        return line(
            (
                self.part,
                self.what,
                storage,
                features,
                f"{self.gb:.3g}",
                f"{self.documents:,}",
                cell(self.seconds, 1),
                cell(speed, 1),
                cell(self.cpu, 1),
                cell(self.peak / 1e6, 0),
                cell(memory, 0),
                cell(self.written / 1e9, 2),
                cell(self.folder / 1e9, 2),
                cell(self.model / 1e6, 1),
                self.failure.replace("|", "/"),
            )
        )


class Log:
    """Rows as they come, each added to a file of JSON lines, if there is one."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        if file:
            file.write_text("")

    def add(self, kind: str, row: Any) -> None:
        """Add a row to the file."""
        if self.file:
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, **row}) + "\n")


class Corpora:
    """The corpora, made as they are asked for."""

    def __init__(self, arguments: argparse.Namespace, place: Path, largest: float) -> None:
        self.arguments, self.place, self.largest = arguments, place, largest
        self._made: Path | None = None

    def command(self, size: float, part: str = "train") -> list[str]:
        """The command that writes ``size`` bytes to standard output, or a line more."""
        arguments = self.arguments
        names = ",".join(folder.name for folder in arguments.folders)
        seed = arguments.seed + (part != "train")
        command = [
            sys.executable,
            str(HERE / "recombined.py"),
            "--data",
            str(arguments.data),
            "--only",
            names,
            "--bytes",
            str(size),
            "--part",
            part,
            "--seed",
            str(seed),
        ]
        return command + ["--sorted"] * arguments.sorted

    def make(self, file: Path, size: float, part: str = "train") -> Path:
        """A file of such documents."""
        say(f"making {size / 1e9:g} GB")
        with open(file, "wb") as out:
            subprocess.run(self.command(size, part), stdout=out, check=True)
        return file

    def of(self, size: float) -> Path:
        """A training file; the next one asked for may overwrite it."""
        if self.arguments.sorted:  # a beginning would have some of the labels only
            return self.make(self.place / "part.tsv", size)
        if self._made is None:
            self._made = self.make(self.place / "largest.tsv", self.largest)
        if size == self.largest:
            return self._made
        return beginning(self._made, size, self.place / "part.tsv")

    def real(self, part: str) -> dict[str, Path]:
        """The real files of each corpus, with the labels of the recombined ones."""
        files = {}
        for folder in self.arguments.folders:
            prefix = f"{folder.name}/".encode()
            lines = [prefix + line + b"\n" for line in read_lines(folder / f"{part}.tsv")]
            files[folder.name] = self.place / f"{folder.name}-{part}.tsv"
            files[folder.name].write_bytes(b"".join(lines))
        return files


def say(what: str) -> None:
    print(f"streaming: {what}", file=sys.stderr, flush=True)


def beginning(source: Path, size: float, target: Path) -> Path:
    """Copy so many bytes, and the rest of the line."""
    with open(source, "rb") as given, open(target, "wb") as out:
        left, read = int(size), b""
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
        giver.stdout.close()  # so that it ends, if the command did not read everything
    return json.loads(done.stdout)


@dataclass(slots=True)
class Bench:
    """What the parts share.

    model   of the last training
    judged  rows of the table of accuracies
    """

    arguments: argparse.Namespace
    place: Path
    corpora: Corpora
    log: Log
    judged: list[str] = field(default_factory=list)
    failed: bool = False

    @property
    def model(self) -> Path:
        return self.place / "model"

    def textmlr(self, source: str | Path, options: str) -> list[str]:
        """The command of a training."""
        options = f"{options} {self.arguments.textmlr_args}"
        cache = str(self.place / "cache")
        split = [part.replace("{cache}", cache) for part in shlex.split(options)]
        verb = [sys.executable, "-m", "textmlr", "train", str(source), "-o", str(self.model)]
        return [*verb, "--quiet", "--json", *split]

    def run(
        self,
        part: str,
        what: str,
        file: Path,
        command: Sequence[str],
        given: Sequence[str] | None = None,
    ) -> Run:
        """Train on a file, or on what ``given`` writes (which is what is in the file)."""
        cache = self.place / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        self.model.unlink(missing_ok=True)
        os.sync()  # what is still to be written of the corpus is not the command's
        told = watched(command, self.arguments.limit, cache, given)
        output, said, code = told.pop("output"), told.pop("told"), told.pop("code")
        failure = rivals.last_line(said, code) if code else ""
        if code is None:
            failure = f"stopped at {told['seconds']:.0f} s"
        summary = json.loads(output) if output.startswith("{") and not failure else None
        size = self.model.stat().st_size if self.model.exists() else 0
        run = Run(
            part,
            what,
            file.stat().st_size / 1e9,
            lines_of(file),
            **told,
            model=size,
            failure=failure,
            summary=summary,
        )
        self.failed = self.failed or bool(failure)
        print(run.markdown(), flush=True)
        self.log.add("run", asdict(run))
        return run

    def judge(self, trained: str) -> None:
        """Accuracy and log loss of the model on recombined and real test files."""
        recombined = self.corpora.make(self.place / "test.tsv", self.arguments.test_bytes, "test")
        for name, file in {"recombined": recombined, **self.corpora.real("test")}.items():
            script = "from textmlr.__main__ import main; main()"
            try:
                told = rivals.output_of(script, "evaluate", "-m", self.model, file, "--json")
            except rivals.RivalError as error:
                say(f"{name}: {error}")
                self.failed = True
                continue
            figures = {name: json.loads(told)[name] for name in ("accuracy", "log_loss")}
            self.add_judged(name, file, trained, figures)

    def add_judged(self, name: str, file: Path, trained: str, figures: rivals.Figures) -> None:
        """Add a row to the table of accuracies."""
        documents = lines_of(file)
        accuracy, log_loss = cell(figures["accuracy"], 4), cell(figures["log_loss"], 3)
        self.judged.append(line((name, f"{documents:,}", trained, accuracy, log_loss)))
        row = {"test": name, "documents": documents, "trained": trained, **figures}
        self.log.add("judged", row)


def growth(bench: Bench) -> list[str]:
    """Each size once; exponents."""
    arguments, runs = bench.arguments, []
    for size in arguments.gb:
        file = bench.corpora.of(size)
        run = bench.run("growth", "disk", file, bench.textmlr(file, arguments.disk))
        runs += [run] * (not run.failure)
    if "accuracy" in arguments.parts and bench.model.exists():
        bench.judge(f"{arguments.gb[-1] / 1e9:g} GB recombined")
    said = []
    for name, figure in {"seconds": "seconds", "CPU": "cpu", "peak": "peak"}.items():
        points = [(run.gb, getattr(run, figure)) for run in runs]
        every, upper = (slope(some)[0] for some in (points, points[len(points) // 2 :]))
        bench.log.add("exponent", {"of": name, "every": every, "upper": upper})
        said.append(f"{name} ~ bytes^{cell(every, 2)}; upper half of the sizes {cell(upper, 2)}")
    return said


def paths(bench: Bench) -> list[str]:
    """Disk and memory in turn; ratios of medians, and whether the models are equal."""
    arguments = bench.arguments
    file = bench.corpora.of(arguments.paths_gb)
    ways = {"disk": arguments.disk, "in memory": arguments.in_memory}
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    for _ in range(arguments.runs):
        for way, options in ways.items():
            options = f"{options} {arguments.paths_args}"
            run = bench.run("paths", way, file, bench.textmlr(file, options))
            if run.failure:
                return []
            runs[way].append(run)
            bench.model.replace(bench.place / f"{way}.model")
    ratios = {}
    for name, figure in {"seconds": "seconds", "CPU": "cpu"}.items():
        disk, memory = (statistics.median(getattr(r, figure) for r in runs[way]) for way in ways)
        ratios[name] = disk / memory
    one, other = (bench.place / f"{way}.model" for way in ways)
    equal = filecmp.cmp(one, other, shallow=False)
    bench.failed = bench.failed or not equal
    bench.log.add("paths", {"ratios": ratios, "equal": equal})
    shown = ", ".join(f"{ratio:.2f} in {name}" for name, ratio in ratios.items())
    return [f"disk / in memory: {shown}; models {'equal' if equal else 'DIFFER'}"]


def from_input(bench: Bench) -> list[str]:
    """Standard input beside the same documents in a file."""
    arguments = bench.arguments
    file = bench.corpora.of(arguments.paths_gb)
    run = bench.run("input", "a file", file, bench.textmlr(file, arguments.disk))
    if run.failure:
        return []
    of_file = bench.model.replace(bench.place / "file.model")
    given = bench.corpora.command(arguments.paths_gb)
    run = bench.run("input", "a pipe", file, bench.textmlr("-", arguments.disk), given)
    if run.failure:
        return []
    equal = nameless(of_file) == nameless(bench.model)
    bench.failed = bench.failed or not equal
    bench.log.add("input", {"equal": equal})
    return [f"standard input / file: models {'equal' if equal else 'DIFFER'} but for its name"]


def nameless(model: Path) -> tuple[Any, str]:
    """A model file without the names of the files it was trained on, and without the checksum of
    these: (header, SHA-256 of the arrays)."""
    with open(model, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        arrays = hashlib.file_digest(file, "sha256").hexdigest()
    version, _, told = header["__metadata__"]["textmlr"].split(" ", 2)
    known = json.loads(told)
    corpus = known["header"]["record"]["corpus"]
    del corpus["files"], corpus["doubles"]["first"]  # which name the file
    return (version, known, {k: v for k, v in header.items() if k != "__metadata__"}), arrays


def reality(bench: Bench) -> list[str]:
    """What training on the real documents gives."""
    real = bench.corpora.real("train")
    file = bench.place / "real.tsv"
    with open(file, "wb") as out:
        for part in real.values():
            out.write(part.read_bytes())
    run = bench.run("accuracy", "real", file, bench.textmlr(file, bench.arguments.in_memory))
    if not run.failure:
        bench.judge("real documents")
    return []


def beside_rivals(bench: Bench) -> list[str]:
    """VW in one pass, fastText in one epoch."""
    file = bench.corpora.of(bench.arguments.paths_gb)
    test = bench.corpora.make(bench.place / "test.tsv", bench.arguments.test_bytes, "test")
    with open(file, "rb") as lines:
        labels = sorted({line.partition(b"\t")[0].decode() for line in lines})
    code_of = {label: code for code, label in enumerate(labels)}
    y = [code_of.get(label, -1) for label, _ in read_documents(test)]
    case = rivals.Case(
        file, test, labels, np.array(y, np.int32), bench.place, bench.arguments.limit
    )
    for name, written in (("vw", rivals.vw_line), ("fasttext", rivals.fasttext_line)):
        text, asked = bench.place / f"{name}.train", bench.place / f"{name}.test"
        convert(file, text, written, code_of)
        convert(test, asked, written, None)
        if name == "vw":
            what = "VW, 1 pass"
            command, rows = rivals.vw_command(case, text, bench.model, 1), rivals.vw_rows
        else:
            what, rows = "fastText, 1 epoch, lr 0.5", rivals.fasttext_rows
            command = rivals.fasttext_command(text, bench.model, 0.5, 1)
        run = bench.run("rivals", what, file, command)
        text.unlink()
        if not run.failure:
            figures = rivals.judge(case, rows(bench.model, asked, len(labels)))
            trained = f"{run.gb:.3g} GB recombined, {what}"
            bench.add_judged("recombined", test, trained, figures)
    return []


def convert(
    source: Path, target: Path, written: Callable[..., str], code_of: dict[str, int] | None
) -> None:
    """Write the documents of a TSV file as a rival reads them, without labels if code_of is None;
    in constant memory."""
    with open(source, "rb") as lines, open(target, "w", encoding="utf-8", newline="\n") as out:
        for given in lines:
            label, _, text = given.decode(errors="replace").rstrip("\n").partition("\t")
            spaced = " ".join(rivals.PUNCTUATION.sub(r" \1 ", text.lower()).split())
            out.write(written(spaced, code_of and code_of[label]) + "\n")


PARTS: dict[str, Callable[[Bench], list[str]]] = {
    "growth": growth,
    "paths": paths,
    "input": from_input,
    "accuracy": reality,
    "rivals": beside_rivals,
}


def arguments_of() -> argparse.Namespace:
    """The arguments, sizes in bytes and ascending."""
    parser = parser_of(__doc__, runs=3)
    usual = ",".join(part for part in PARTS if part != "rivals")
    add = parser.add_argument
    add("--parts", default=usual, help=f"of {', '.join(PARTS)} [{usual}]")
    add("--gb", default=GB, help=f"sizes of growth [{GB}]")
    add("--paths-gb", type=float, default=0.3, help="size of the other parts [0.3]")
    add("--test-bytes", type=float, default=2e7, help="of the recombined test file [2e7]")
    add(
        "--disk",
        default="--memory 1GB --cache-dir {cache}",
        metavar="OPTIONS",
        help="[%(default)s]",
    )
    add("--in-memory", default="--memory 16GB", metavar="OPTIONS", help="[%(default)s]")
    add(
        "--warm-up",
        default="--memory 50MB --cache-dir {cache}",
        metavar="OPTIONS",
        help="[%(default)s]",
    )
    add(
        "--paths-args",
        default=PATHS_ARGS,
        metavar="OPTIONS",
        help="more options of both ways of paths [%(default)s]",
    )
    add("--textmlr-args", default="", metavar="OPTIONS", help="more options of every training")
    add("--sorted", action="store_true", help="documents label after label: the hard case")
    add("--seed", type=int, default=0, help="[0]")
    add("--limit", type=float, default=14400, help="seconds a training may take [14400]")
    add("--place", type=Path, help="folder for corpora and caches [the system's for such]")
    add("--quick", action="store_true", help="small sizes, one run of each")
    arguments = parse(parser)
    if not arguments.only:
        arguments.folders = large(arguments.folders)
    arguments.parts = arguments.parts.split(",")
    if unknown := sorted(set(arguments.parts) - PARTS.keys()):
        parser.error(f"--parts: no {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if arguments.quick:
        arguments.gb, arguments.paths_gb, arguments.runs = QUICK_GB, QUICK_PATHS_GB, 1
        arguments.test_bytes = QUICK_TEST
    try:
        arguments.gb = sorted(float(size) * 1e9 for size in arguments.gb.split(","))
    except ValueError:
        parser.error("--gb: numbers, comma-separated")
    arguments.paths_gb *= 1e9
    if min(*arguments.gb, arguments.paths_gb) <= 0:
        parser.error("--gb, --paths-gb: above 0")
    return arguments


def main() -> None:
    """Print each part's table as it comes, then accuracies."""
    arguments = arguments_of()
    log = Log(arguments.json)
    with tempfile.TemporaryDirectory(dir=arguments.place) as temporary:
        place = Path(temporary)
        sizes = arguments.gb if "growth" in arguments.parts else []
        needed = max(*sizes, *[arguments.paths_gb] * (set(arguments.parts) != {"growth"}), WARM)
        bench = Bench(arguments, place, Corpora(arguments, place, needed), log)
        print(heading(HEADS))
        file = bench.corpora.of(WARM)
        for options in dict.fromkeys((arguments.warm_up, arguments.disk, arguments.in_memory)):
            bench.run("warm-up", options or "no options", file, bench.textmlr(file, options))
        said = []
        for part in PARTS:
            if part in arguments.parts:
                said += PARTS[part](bench)
        if bench.judged:
            print("\n".join(["", heading(JUDGED_HEADS), *bench.judged]))
        print("\n".join(["", *said]))
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
