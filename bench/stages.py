"""How fast each stage is, beside the floor that the machine sets.

    python bench/stages.py --data DIR [--only imdb,r8] [--runs 5] [--threads 1,2] [--json FILE]

For each folder of DIR with a train.tsv (label<TAB>text a line), in one process: each stage of
training and answering with no options, in turn with its floor on the same number of threads.

stage      what is measured                                                     floor
read       the file, which the system has in its cache, to documents and        copy
           codes of labels; one thread
hash       documents to the hashes of their n-grams, each document's counted    copy
intern     hashes to a vocabulary ordered by document frequency                 copy
rows       hashes to sorted rows of counts: documents to counts, less hash      copy
           and intern (a difference of medians)
name       the names of the features, for which text is read again              copy
weigh      counts to TF-IDF weights, in an array of their own                   copy
SGD epoch  one pass over all documents, one thread                              touch, to write
score      θᵀf(x, ℓ) of all documents                                           touch, to read
log z      of those scores                                                      copy of the scores

A copy reads as many bytes as the stage is given and writes as many as it makes; what it needs in
between is not counted.  As far as both go they are copied, the rest is only read or only written.
A touch goes through the features of one document after the other, of an epoch in random order,
and reads one number of each 64 bytes of the feature's row of θ, which brings in the row and does
no arithmetic; to write, it goes through each document's rows twice, the second time adding 0.
Floors work in memory that is there already, stages get theirs from the system, as always.  What
is over in less than 10 milliseconds is repeated and has small data in the processor's cache.

Figures are 10^6 bytes of text (without labels), 10^6 features visited (non-zeros) or 10^6 scores
(documents × labels) a second; "× floor" is how many times the floor's time a stage takes.
Medians; the first run of each is thrown away.  Reading and epochs, being serial, are measured
once whatever --threads says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from measuring import cell, heading, interleaved, line, parse, parser_of
from numba import njit
from numpy.typing import NDArray

from textmlr import Featurizer, FeaturizerOptions, TrainingOptions
from textmlr.base.threads import map_blocks
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.reading import read_corpus
from textmlr.features import vocabulary as vocabularies
from textmlr.features.csr_features import Features
from textmlr.features.ngrams import HashedBlock, Hasher
from textmlr.features.vocabulary import Vocabulary
from textmlr.model.heads import SOFTMAX
from textmlr.model.scoring import score
from textmlr.training.objective import Objective
from textmlr.training.sgd.descent import SGD

RATE = 2.0  # first step size of the epochs; a larger one may have to be halved
SHORTEST = 0.01  # seconds; what takes less is repeated
WIDTH = 16  # float32 in 64 bytes
TEXT, FEATURES, SCORES = "MB/s", "M features/s", "M scores/s"
HEADS = ("corpus", "stage", "threads", "ms", "figure", "floor", "unit", "× floor")


class House:
    """The library over one corpus, and the only place here that knows how it is called.

    Each method runs a stage on so many threads and returns what the stage makes; ``count`` leaves
    its featurizer and its rows to those after it.
    """

    def __init__(self, file: Path, epochs: int) -> None:
        self.file = file
        self.options = FeaturizerOptions()
        self.hasher = Hasher(self.options)
        self.corpus = self.read(1)
        self.blocks = list(blocks_of(self.corpus.batches))
        self.hashed = self.hash(1)
        self.counts = self.count(1)
        self.weights = np.empty_like(self.counts.values)
        self.features = self.weigh(1)
        n, labels = len(self.corpus), len(self.corpus.labels)
        objective = Objective(self.features, self.corpus.y, np.ones(n, np.float32), labels)
        self.sgd = SGD.start(objective, np.arange(n), epochs, RATE, TrainingOptions().decided())
        # Scored as many documents at a time as ``Model`` answers.
        ends = np.cumsum([0, *map(len, self.blocks)]).tolist()
        self.slices = [slice(first, last) for first, last in pairwise(ends)]
        self.scores = self.score(1)

    @property
    def theta(self) -> NDArray[np.float32]:
        return self.sgd.network.theta

    def read(self, threads: int) -> Corpus:
        return read_corpus([self.file])

    def hash(self, threads: int) -> list[HashedBlock]:
        return list(map_blocks(self.hasher.hash, self.blocks, threads))

    def intern(self, threads: int) -> Vocabulary:
        options = self.options
        vocabulary, _ = vocabularies.build(
            self.hashed,
            self.blocks,
            self.hasher,
            min_df=options.min_df,
            max_features=options.max_features,
            threads=threads,
        )
        return vocabulary

    def count(self, threads: int) -> Features:
        """hash, intern and rows in one."""
        self.featurizer = Featurizer(self.options)
        self.counts = self.featurizer.fit_counts(self.corpus.batches, threads)
        return self.counts

    def name(self, threads: int) -> Vocabulary:
        """Only once after ``count``: then the names are known."""
        self.featurizer.name_features(threads)
        assert self.featurizer.vocabulary is not None
        return self.featurizer.vocabulary

    def weigh(self, threads: int) -> Features:
        return self.featurizer.weigh(self.counts, self.weights, threads)

    def epoch(self) -> int:
        """Run the next epoch; how many passes it took, more than one if the step was halved."""
        return 1 + self.sgd.epoch().halved

    def score(self, threads: int) -> NDArray[np.float32]:
        def run(rows: slice) -> NDArray[np.float32]:
            return score(self.features, self.sgd.network, rows)

        return np.concatenate(list(map_blocks(run, self.slices, threads)))

    def log_z(self, threads: int) -> NDArray[np.float64]:
        def run(rows: slice) -> NDArray[np.float64]:
            return SOFTMAX.log_z(self.scores[rows])

        return np.concatenate(list(map_blocks(run, self.slices, threads)))


@njit(nogil=True)
def copy(source: NDArray[np.uint64], target: NDArray[np.uint64]) -> np.uint64:
    """Copy as far as both go; read the rest of source, or write the rest of target."""
    both = min(source.size, target.size)
    target[:both] = source[:both]
    total = np.uint64(0)
    for word in source[both:]:
        total += word
    target[both:] = total
    return total


@cache
def touches(labels: int) -> tuple[Callable[..., object], Callable[..., object]]:
    """(touch to read, touch to write) of rows of so many labels, compiled for their number.

    indptr (n + 1,) int64, indices (nnz,) int32    the features of documents
    order  (d,) int64                              the documents of an epoch
    theta  (V·L,) uint32, the rows seen as integers;  nothing  0, which the compiler cannot know
    """

    @njit(nogil=True)
    def read(
        indptr: NDArray[np.int64], indices: NDArray[np.int32], theta: NDArray[np.uint32]
    ) -> np.uint32:
        total = np.uint32(0)
        for j in range(indptr[0], indptr[-1]):
            first = np.uint64(indices[j]) * np.uint64(labels)
            for label in range(0, labels, WIDTH):
                total += theta[first + np.uint64(label)]
        return total

    @njit(nogil=True)
    def write(
        indptr: NDArray[np.int64],
        indices: NDArray[np.int32],
        order: NDArray[np.int64],
        theta: NDArray[np.uint32],
        nothing: np.uint32,
    ) -> np.uint32:
        total = np.uint32(0)
        for i in order:
            for j in range(indptr[i], indptr[i + 1]):
                first = np.uint64(indices[j]) * np.uint64(labels)
                for label in range(0, labels, WIDTH):
                    total += theta[first + np.uint64(label)]
            for j in range(indptr[i], indptr[i + 1]):
                first = np.uint64(indices[j]) * np.uint64(labels)
                for label in range(0, labels, WIDTH):
                    theta[first + np.uint64(label)] += nothing
        return total

    return read, write


def size(made: Any) -> int:
    """Bytes of the arrays of a dataclass, or of a list of such."""
    if isinstance(made, np.ndarray):
        return made.nbytes
    if isinstance(made, list | tuple):
        return sum(map(size, made))
    if is_dataclass(made):
        return sum(size(getattr(made, f.name)) for f in fields(made))
    return 0


def lasting(work: Callable[[int], object]) -> Callable[[], float]:
    """A job that gives the seconds of one run of work(repeats), which repeats itself."""

    def timed(repeats: int) -> float:
        began = time.perf_counter()
        work(repeats)
        return time.perf_counter() - began

    work(1)  # compiles
    repeats = 1
    while timed(repeats) < SHORTEST:
        repeats *= 2
    return lambda: timed(repeats) / repeats


def single(work: Callable[[], object]) -> Callable[[], float]:
    """A job that gives the seconds of a run; of work that tells of several, the seconds of one."""

    def job() -> float:
        began = time.perf_counter()
        runs = work()
        seconds = time.perf_counter() - began
        return seconds / runs if isinstance(runs, int) else seconds

    return job


def stage_job(stage: Callable[[int], object], threads: int) -> Callable[[], float]:
    def work(repeats: int) -> None:
        for _ in range(repeats):
            stage(threads)

    return lasting(work)


def floor_job(parts: list[tuple[Any, ...]], kernel: Callable[..., object]) -> Callable[[], float]:
    """kernel(*part) of each part, one thread a part."""

    def work(repeats: int) -> None:
        def run(part: tuple[Any, ...]) -> None:
            for _ in range(repeats):
                kernel(*part)

        for _ in map_blocks(run, parts, len(parts)):
            pass

    return lasting(work)


def copy_job(given: int, made: int, threads: int) -> Callable[[], float]:
    """The floor of a stage that is given and makes so many bytes."""
    source, target = (np.ones(-(-count // 8), np.uint64) for count in (given, made))
    parts = zip(np.array_split(source, threads), np.array_split(target, threads), strict=True)
    return floor_job(list(parts), copy)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage with so many threads, and what it gets done (in the unit): ``amount``."""

    name: str
    threads: int
    unit: str
    amount: float


Jobs = dict[tuple[str, int, str], Callable[[], float]]  # by stage, threads, "stage" or "floor"


def stages_of(house: House, threads: list[int]) -> tuple[list[Stage], Jobs]:
    """What is measured of a corpus, and the jobs, in the order in which they are run.

    "count" is a job too, from which "rows" is reckoned; "name" comes after it.
    """
    text = sum(batch.text_bytes for batch in house.corpus.batches)
    vocabulary = house.intern(1)
    named = house.name(1)
    hashes = sum(block.hashes.nbytes for block in house.hashed)
    flows = {  # bytes given and made
        "read": (house.file.stat().st_size, size(house.corpus)),
        "hash": (text, size(house.hashed)),
        "intern": (hashes, size(vocabulary)),
        "rows": (size(house.hashed), size(house.counts)),
        "name": (text, size(named) - size(vocabulary)),
        "weigh": (size(house.counts) + size(house.featurizer.idf), house.weights.nbytes),
        "log z": (house.scores.nbytes, house.scores.nbytes),
    }
    visits, scores = len(house.features.indices) / 1e6, house.scores.size / 1e6
    indptr, indices = house.features.indptr, house.features.indices
    touch, touch_to_write = touches(house.theta.shape[1])
    bits = house.theta.reshape(-1).view(np.uint32)
    order = np.random.default_rng(1).permutation(len(house.corpus))
    stages, jobs = [], Jobs()

    def add(name: str, count: int, unit: str, amount: float, floor: Callable[[], float]) -> None:
        stages.append(Stage(name, count, unit, amount))
        jobs[name, count, "floor"] = floor

    jobs["read", 1, "stage"] = stage_job(house.read, 1)
    add("read", 1, TEXT, text / 1e6, copy_job(*flows["read"], 1))
    for count in threads:
        for name, stage in (
            ("hash", house.hash),
            ("intern", house.intern),
            ("count", house.count),
            ("name", house.name),
            ("weigh", house.weigh),
        ):
            if name == "name":
                jobs[name, count, "stage"] = single(partial(house.name, count))
            else:
                jobs[name, count, "stage"] = stage_job(stage, count)
            name = "rows" if name == "count" else name
            add(name, count, TEXT, text / 1e6, copy_job(*flows[name], count))
    jobs["SGD epoch", 1, "stage"] = single(house.epoch)
    part = (indptr, indices, order, bits, np.uint32(0))
    add("SGD epoch", 1, FEATURES, visits, floor_job([part], touch_to_write))
    for count in threads:
        jobs["score", count, "stage"] = stage_job(house.score, count)
        # As many documents to a thread; a part's rows end where the next one's begin.
        ends = np.linspace(0, len(house.corpus), count + 1).astype(int).tolist()
        reads = [(indptr[i : j + 1], indices, bits) for i, j in pairwise(ends)]
        add("score", count, FEATURES, visits, floor_job(reads, touch))
        jobs["log z", count, "stage"] = stage_job(house.log_z, count)
        add("log z", count, SCORES, scores, copy_job(*flows["log z"], count))
    order_of = [stage.name for stage in stages]
    stages.sort(key=lambda stage: (order_of.index(stage.name), stage.threads))
    return stages, jobs


def measure(file: Path, runs: int, threads: list[int]) -> list[dict[str, Any]]:
    """Rows of the table for one corpus."""
    house = House(file, runs + 1)
    stages, jobs = stages_of(house, threads)
    seconds = interleaved(jobs, runs, 1)
    for count in threads:
        others = seconds["hash", count, "stage"] + seconds["intern", count, "stage"]
        seconds["rows", count, "stage"] = seconds["count", count, "stage"] - others
    rows = []
    for stage in stages:
        took, floor = (seconds[stage.name, stage.threads, what] for what in ("stage", "floor"))
        sure = took > 0  # or a difference that is smaller than the noise
        rows.append(
            {
                "corpus": file.parent.name,
                "stage": stage.name,
                "threads": stage.threads,
                "ms": took * 1e3 if sure else None,
                "figure": stage.amount / took if sure else None,
                "floor": stage.amount / floor,
                "unit": stage.unit,
                "ratio": took / floor if sure else None,
            }
        )
    return rows


def shown(row: dict[str, Any]) -> str:
    """The row as Markdown."""
    digits = {"ms": 2, "figure": 0, "floor": 0, "ratio": 1}
    names = ("corpus", "stage", "threads", "ms", "figure", "floor", "unit", "ratio")
    return line(cell(row[n], digits[n]) if n in digits else str(row[n]) for n in names)


def main() -> None:
    """Print the lines of a corpus as it is done."""
    parser = parser_of(__doc__, runs=5)
    parser.add_argument("--threads", default="1,2", help="numbers of them, comma-separated [1,2]")
    arguments = parse(parser, ("train.tsv",))
    try:
        threads = sorted({int(number) for number in arguments.threads.split(",")})
    except ValueError:
        threads = [0]
    if threads[0] < 1:
        parser.error("--threads: whole numbers of at least 1, comma-separated")
    print(heading(HEADS), flush=True)
    rows = []
    for folder in arguments.folders:
        found = measure(folder / "train.tsv", arguments.runs, threads)
        rows += found
        print("\n".join(map(shown, found)), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
