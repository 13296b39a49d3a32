"""How soon answers come, beside fastText's: many documents, one document, and a process's start.

    python bench/answers.py --data DIR [--only imdb,debian-sections] [--runs 5] [--copies 8]

For each folder of DIR with a train.tsv and a test.tsv (label<TAB>text a line) it trains textmlr
with no options and fastText (bigrams, dim 10, 5 epochs, step size 0.5, 2 threads), neither of which
is counted, and prints a table for each of these parts (--parts names some of them):

lines  whole processes that classify the test documents, --copies times over, from a file to a file:
       ``textmlr classify --lines`` (as it comes, and with one thread, since fastText's predict has
       one) and a Python process that loads fastText's model and calls predict in the way that
       proves fastest of a call a line, a call a thousand lines and one call.  Loading is what one
       document takes.  fastText's text is lower-cased and its punctuation split beforehand.
calls  one document a call through the Python APIs, in this process, warmed up.
start  ``textmlr classify doc.txt``, the whole process, beside importing NumPy, and importing
       textmlr beside a Python that does nothing.
first  what compiling kernels adds to the first run after installation.

textmlr's processes run from a copy of the package that has its bytecode, as pip leaves it, and no
machine code: it keeps that beside its source, so that an empty cache folder alone would not do.
"""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
from measuring import heading, interleaved, line, parse, parser_of, read_documents, write_lines

import textmlr

Row = dict[str, Any]

PARTS = ("lines", "calls", "start", "first")
SPLIT = re.compile(r"([.!?,'/()])")  # as fastText's own scripts split
WAYS = {"a call a line": 0, "a call 1,000 lines": 1000, "one call": 10**9}  # lines to a call
PROBES = 3  # runs to find the fastest of them
CALLS, CALL_BLOCK = 1000, 100  # documents of part calls, and how many before the next one's turn
START_RUNS, START_WARM_UPS = 21, 2
INSTALLS = 3  # of part first
FORMATS = {"documents": ",", "labels": ",", "bytes": ",.0f", "per_s": ",.0f", "warm_per_s": ",.0f"}

FASTTEXT_TRAIN = """
import sys, fasttext
fasttext.train_supervised(
    sys.argv[1], lr=0.5, epoch=5, wordNgrams=2, dim=10, thread=2, verbose=0
).save_model(sys.argv[2])
"""

# k labels of each line, -1 for all; `size` lines to a call, 0 for a call a line without a list.
FASTTEXT_ANSWER = """
import sys, fasttext
from itertools import islice
fasttext.FastText.eprint = lambda *a: None
model = fasttext.load_model(sys.argv[1])
k, size = int(sys.argv[3]), int(sys.argv[4])
between = "" if k == 1 else "\\n"
def show(labels, shares):
    pairs = zip(labels, shares.tolist())
    sys.stdout.write("".join([f"{label}\\t{share:.10g}\\n" for label, share in pairs]) + between)
with open(sys.argv[2], encoding="utf-8", newline="\\n") as file:
    if size:
        while part := [line.rstrip("\\n") for line in islice(file, size)]:
            for labels, shares in zip(*model.predict(part, k=k)):
                show(labels, shares)
    else:
        for line in file:
            show(*model.predict(line.rstrip("\\n"), k=k))
"""


@dataclass(frozen=True, slots=True)
class Install:
    """A copy of the package as pip would leave it, with no kernel compiled yet."""

    folder: Path

    @classmethod
    def fresh(cls, folder: Path) -> Install:
        """Copy the package that this process imports into a new folder."""
        package = Path(textmlr.__file__).parent
        target = folder / "textmlr"
        shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(target, quiet=1)
        return cls(folder)

    @property
    def kernels(self) -> int:
        """Number of kernels whose machine code is kept."""
        return sum(1 for _ in self.folder.rglob("*.textmlr"))

    def seconds(self, command: Sequence[Any], out: Path | None = None) -> float:
        """Whole-process seconds of a Python command, which must succeed; stdout goes to out."""
        caches = {"XDG_CACHE_HOME": "users", "LOCALAPPDATA": "users", "NUMBA_CACHE_DIR": "numba"}
        environment = os.environ | {name: str(self.folder / to) for name, to in caches.items()}
        paths = [str(self.folder), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        with (
            open(out or os.devnull, "wb") as answers,
            tempfile.TemporaryFile() as complaints,
        ):
            began = time.perf_counter()
            # From its own folder, because Python looks for modules there first.
            code = subprocess.run(
                [sys.executable, *map(str, command)],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=answers,
                stderr=complaints,
            ).returncode
            seconds = time.perf_counter() - began
            if code:
                complaints.seek(0)
                sys.exit(f"failed: {command}\n{complaints.read().decode(errors='replace')}")
        return seconds


@dataclass(frozen=True, slots=True)
class Trained:
    """One corpus, its models and its test documents, in their own form and in fastText's."""

    name: str
    folder: Path
    labels: int
    texts: list[str]
    asked: list[str]

    @property
    def model(self) -> Path:
        """textmlr's."""
        return self.folder / "m.textmlr"

    @property
    def rival(self) -> Path:
        """fastText's model."""
        return self.folder / "m.bin"

    def typical(self) -> str:
        """The document of median length."""
        return sorted(self.texts, key=len)[len(self.texts) // 2]


def plain(text: str) -> str:
    """Lower-cased, punctuation split, as fastText's own scripts do."""
    return " ".join(SPLIT.sub(r" \1 ", text.lower()).split())


def prepare(install: Install, source: Path, folder: Path) -> Trained:
    """Train both on a corpus."""
    folder.mkdir()
    known = read_documents(source / "train.tsv")
    test = [text for _, text in read_documents(source / "test.tsv")]
    code_of = {label: code for code, label in enumerate(sorted({label for label, _ in known}))}
    trained = Trained(source.name, folder, len(code_of), test, [plain(text) for text in test])
    lines = [f"__label__{code_of[label]} {plain(text)}" for label, text in known]
    order = np.random.default_rng(1).permutation(len(lines))  # fastText does not shuffle
    text = write_lines(folder / "train.txt", [lines[i] for i in order])
    corpus = (source / "train.tsv").resolve()
    install.seconds(["-m", "textmlr", "train", corpus, "-o", trained.model, "--quiet"])
    install.seconds(["-c", FASTTEXT_TRAIN, text, trained.rival])
    text.unlink()
    return trained


def fastest_way(install: Install, trained: Trained, asked: Path, k: int) -> str:
    """Of WAYS, the one in which fastText answers a file the soonest."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(PROBES):
        for way, size in WAYS.items():
            command = ["-c", FASTTEXT_ANSWER, trained.rival, asked, str(k), str(size)]
            seconds[way].append(install.seconds(command))
    return min(seconds, key=lambda way: min(seconds[way]))


def lines_rows(install: Install, trained: Trained, runs: int, copies: int) -> list[Row]:
    """Part lines of one corpus: a line a tool, for the best label and for all."""
    place = trained.folder
    out = place / "out"
    single = write_lines(place / "plain.txt", trained.asked)
    big = {
        "ours": write_lines(place / "big.txt", trained.texts * copies),
        "theirs": write_lines(place / "big-plain.txt", trained.asked * copies),
    }
    one = {
        "ours": write_lines(place / "one.txt", [trained.typical()]),
        "theirs": write_lines(place / "one-plain.txt", [plain(trained.typical())]),
    }
    rows = []
    for asked, k, options in (("best label", 1, ["--top", "1"]), ("all labels", -1, [])):
        way = fastest_way(install, trained, single, k)
        answer = [str(k), str(WAYS[way])]
        verb = ["-m", "textmlr", "classify", "-m", trained.model, *options]
        # What stands before the file, whose file, what stands after it.
        tools: dict[str, tuple[list[Any], str, list[str]]] = {
            "textmlr": ([*verb, "--lines"], "ours", []),
            "textmlr, 1 thread": ([*verb, "--threads", "1", "--lines"], "ours", []),
            f"fastText, {way}": (["-c", FASTTEXT_ANSWER, trained.rival], "theirs", answer),
        }
        jobs = {}
        for tool, (before, whose, after) in tools.items():
            for which, files in (("all", big), ("one", one)):
                command = [*before, files[whose], *after]
                jobs[tool, which] = partial(install.seconds, command, out)
            jobs[tool, "all"]()
            if k == 1 and (got := count_lines(out)) != len(trained.texts) * copies:
                sys.exit(f"{trained.name}: {tool} answered {got} documents")
        taken = interleaved(jobs, runs, 1)
        rows += throughput(trained, asked, len(trained.texts) * copies, list(tools), taken)
    for file in big.values():
        file.unlink()
    return rows


def throughput(
    trained: Trained, asked: str, documents: int, tools: list[str], taken: dict[Any, float]
) -> list[Row]:
    """Rows of part lines from seconds by (tool, "all" or "one"); the last tool is fastText."""
    rate = {tool: documents / taken[tool, "all"] for tool in tools}
    warm = {}
    for tool in tools:
        answering = taken[tool, "all"] - taken[tool, "one"]
        # Too few copies to tell from the noise of loading: no number is better than a wrong one.
        warm[tool] = (documents - 1) / answering if answering > 0 else float("nan")
    return [
        {
            "corpus": trained.name,
            "asked": asked,
            "labels": trained.labels,
            "tool": tool,
            "documents": documents,
            "seconds": taken[tool, "all"],
            "per_s": rate[tool],
            "load_s": taken[tool, "one"],
            "warm_per_s": warm[tool],
            "ratio": rate[tool] / rate[tools[-1]],
            "warm_ratio": warm[tool] / warm[tools[-1]],
        }
        for tool in tools
    ]


def count_lines(path: Path) -> int:
    """Number of newlines of a file, of any size."""
    with open(path, "rb") as file:
        return sum(1 for _ in file)


def calls_rows(trained: Trained, runs: int) -> list[Row]:
    """Part calls of one corpus: microseconds a call, over documents spread through the test."""
    fasttext.FastText.eprint = lambda *_: None
    ours, theirs = textmlr.Model.load(trained.model), fasttext.load_model(str(trained.rival))
    total = len(trained.texts)
    chosen = np.unique(np.linspace(0, total - 1, min(CALLS, total)).astype(int)).tolist()
    callers: dict[str, Callable[[int], object]] = {
        "classify": lambda i: ours.classify([trained.texts[i]]),
        "predict": lambda i: theirs.predict(trained.asked[i]),
        "probabilities": lambda i: ours.probabilities([trained.texts[i]]),
        "predict all": lambda i: theirs.predict(trained.asked[i], k=-1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in callers}
    for turn in range(-1, runs):  # the first is the warm-up
        for first in range(0, len(chosen), CALL_BLOCK):
            for name, call in callers.items():
                for i in chosen[first : first + CALL_BLOCK]:
                    began = time.perf_counter()
                    call(i)
                    if turn >= 0:
                        seconds[name].append(time.perf_counter() - began)
    size = statistics.median(len(trained.texts[i].encode()) for i in chosen)
    rows = []
    for own, other in (("classify", "predict"), ("probabilities", "predict all")):
        times = [np.percentile(seconds[name], [50, 95]) * 1e6 for name in (own, other)]
        rows.append(
            {
                "corpus": trained.name,
                "call": f"{own}([text])",
                "documents": len(chosen),
                "bytes": size,
                "us": float(times[0][0]),
                "us95": float(times[0][1]),
                "rival_us": float(times[1][0]),
                "rival_us95": float(times[1][1]),
                "ratio": float(times[1][0] / times[0][0]),
            }
        )
    return rows


def start_rows(install: Install, every: list[Trained]) -> list[Row]:
    """Part start: milliseconds of whole processes."""
    pairs: list[tuple[str, list[Any], str, list[Any]]] = [
        ("import textmlr", ["-c", "import textmlr"], "pass", ["-c", "pass"])
    ]
    for trained in every:
        document = write_lines(trained.folder / "doc.txt", [trained.typical()])
        command = ["-m", "textmlr", "classify", "-m", trained.model, document]
        what = f"textmlr classify doc.txt ({trained.name})"
        pairs.append((what, command, "import numpy", ["-c", "import numpy"]))
    rows = []
    for what, command, beside, other in pairs:
        jobs = {"ours": partial(install.seconds, command), "other": partial(install.seconds, other)}
        taken = interleaved(jobs, START_RUNS, START_WARM_UPS)
        rows.append(
            {
                "what": what,
                "ms": taken["ours"] * 1e3,
                "beside": beside,
                "beside_ms": taken["other"] * 1e3,
                "ratio": taken["ours"] / taken["other"],
            }
        )
    return rows


def first_rows(corpus: Path, place: Path) -> list[Row]:
    """Part first: seconds of the first and second run, medians over fresh installations."""
    train, test = (corpus / "train.tsv").resolve(), corpus / "test.tsv"
    seconds: dict[str, list[tuple[float, float]]] = {}
    compiled: dict[str, int] = {}
    for number in range(INSTALLS):
        install = Install.fresh(place / f"first-{number}")
        model = install.folder / "m"
        texts = [text for _, text in read_documents(test)]
        lines = write_lines(install.folder / "lines.txt", texts)
        verbs: dict[str, list[Any]] = {
            "train": ["train", train, "-o", model, "--quiet"],
            "classify --lines": ["classify", "-m", model, "--lines", lines, "--top", "1"],
        }
        for what, verb in verbs.items():
            before = install.kernels
            first = install.seconds(["-m", "textmlr", *verb])
            compiled[what] = install.kernels - before
            second = install.seconds(["-m", "textmlr", *verb])
            seconds.setdefault(what, []).append((first, second))
            if install.kernels != before + compiled[what]:
                sys.exit(f"{what}: the second run compiled kernels too")
        shutil.rmtree(install.folder)
    if not compiled["train"]:
        sys.exit("the first training compiled nothing: kernels were found elsewhere")
    rows = []
    for what, pairs in seconds.items():
        first, second = (statistics.median(times) for times in zip(*pairs, strict=True))
        rows.append(
            {
                "what": f"textmlr {what} ({corpus.name})",
                "kernels": compiled[what],
                "first_s": first,
                "second_s": second,
                "difference_s": first - second,
            }
        )
    return rows


HEADS = {
    "lines": {
        "corpus": "corpus",
        "asked": "answers",
        "labels": "labels",
        "tool": "tool",
        "documents": "documents",
        "seconds": "s",
        "per_s": "documents/s",
        "load_s": "load s",
        "warm_per_s": "documents/s without load",
        "ratio": "× fastText",
        "warm_ratio": "× fastText without load",
    },
    "calls": {
        "corpus": "corpus",
        "call": "textmlr's call",
        "documents": "documents",
        "bytes": "bytes each",
        "us": "textmlr µs",
        "us95": "its 95th percentile",
        "rival_us": "fastText µs",
        "rival_us95": "its 95th percentile",
        "ratio": "fastText / textmlr",
    },
    "start": {
        "what": "process",
        "ms": "ms",
        "beside": "beside",
        "beside_ms": "its ms",
        "ratio": "ratio",
    },
    "first": {
        "what": "process",
        "kernels": "kernels compiled",
        "first_s": "first run s",
        "second_s": "second run s",
        "difference_s": "difference s",
    },
}


def table(part: str, rows: list[Row]) -> str:
    """Rows as Markdown."""
    heads = HEADS[part]
    lines = [heading(list(heads.values()))]
    for row in rows:
        cells = [
            f"{row[name]:{FORMATS.get(name, '.2f')}}"
            if isinstance(row[name], float) or name in FORMATS
            else str(row[name])
            for name in heads
        ]
        lines.append(line(cells))
    return "\n".join(lines)


def measure(
    sources: list[Path], parts: list[str], runs: int, copies: int, place: Path
) -> dict[str, list[Row]]:
    """Rows of each part; each table is printed when it is done."""
    install = Install.fresh(place / "install")
    every = [prepare(install, source, place / source.name) for source in sources]
    smallest = min(sources, key=lambda source: (source / "train.tsv").stat().st_size)
    measures: dict[str, Callable[[], list[Row]]] = {
        "lines": lambda: [row for t in every for row in lines_rows(install, t, runs, copies)],
        "calls": lambda: [row for t in every for row in calls_rows(t, runs)],
        "start": lambda: start_rows(install, every),
        "first": lambda: first_rows(smallest, place),
    }
    rows = {}
    for part in parts:
        rows[part] = measures[part]()
        print(f"{table(part, rows[part])}\n", flush=True)
    return rows


def main() -> None:
    """Train, measure, print."""
    parser = parser_of(__doc__, runs=5)
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated; default: all")
    parser.add_argument("--copies", type=int, default=8, help="of the test documents, part lines")
    arguments = parse(parser)
    parts = arguments.parts.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    if arguments.copies < 1:
        parser.error("--copies: at least 1")
    with tempfile.TemporaryDirectory() as place:
        rows = measure(arguments.folders, parts, arguments.runs, arguments.copies, Path(place))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
