"""Very many labels, one a document: textmlr beside its rivals, on one core.

    python bench/many_labels.py --data DIR [--only headwords,verses] [--systems textmlr,pecos]
        [--python pecos=PATH] [--limit 3600] [--json FILE]

Measures every folder of DIR with a train.tsv and a test.tsv that has MANY labels or more.  Each
system trains and answers in a process of its own, one after the other, on one core and with one
thread; with its defaults and with one variation, which stands in the last column.  MB are 10^6
bytes.

P@1, P@5   share of the test documents whose label is the likeliest, or among the 5 likeliest
log loss   mean of −ln P of the true label (nats).  Trees of one-vs-rest classifiers give no P:
           their scores, normalised over the 50 likeliest labels, are mixed with the same P for
           every label, with the share that is best for them on these very documents
ECE        of the likeliest label's P, so normalised, in 15 equal bins: the mean of
           |mean P − share that are right|, weighted by documents
train      CPU seconds (user and system) and peak memory of the process that trains; "+" is what
           making the features takes, for systems that read no text, in a process of its own
ms         CPU milliseconds a test document, without start and loading (and without making the
           features, for systems that read no text), for the 5 or 50 likeliest labels
model MB   of the files that the system writes (without the features' names and weights, for
           systems that read no text)

textmlr    train, no other options; kernels are compiled beforehand
fasttext   loss hs, word n-grams 1-2; reads text that is lower-cased and has its punctuation split
           beforehand, which is not measured.  The tree of its labels gives P of each exactly
omikuji    Parabel, 3 trees;  pecos  XR-Linear.  Both over TF-IDF of words and pairs of words that
           occur in two documents or more (scikit-learn's, sublinear)

All read the documents in the same random order.  --python gives a system another interpreter, for
its libraries may need other versions.  A process that takes more than --limit seconds by the clock
is stopped.  Needs the extra [bench], and omikuji and libpecos for their rows: a system that is not
installed has none.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from many_systems import SYSTEMS, TFIDF, Settings, System
from measuring import (
    cell,
    heading,
    line,
    parse_systems,
    parser_of,
    read_documents,
    write_lines,
)
from numpy.typing import NDArray
from rivals import PUNCTUATION, RivalError
from several_labels import Outcome, shown, size_of, watched

MANY = 10_000  # labels
WARM = 5_000  # documents of a training that has kernels compiled
SHARES = np.geomspace(1e-4, 0.999, 200)  # of P that is the same for all labels
BINS = 15
HEADS = (
    "corpus",
    "system",
    "P@1",
    "P@5",
    "log loss",
    "ECE",
    "train CPU s",
    "peak MB",
    "ms/doc",
    "model MB",
    "setting",
)


@dataclass(frozen=True, eq=False, slots=True)
class Case:
    """A corpus: its labels by code, documents of train.tsv and test.tsv, and a folder to be thrown
    away.

    labels  of the training file, sorted, then others of the test file
    codes   of the test documents' labels, (n,)
    """

    name: str
    labels: list[str]
    documents: dict[str, list[tuple[str, str]]]
    codes: NDArray[np.int64]
    place: Path

    @property
    def truth(self) -> Path:
        """The codes of the test documents' labels, for scripts."""
        return self.place / "test-codes.npz"

    def text(self, kind: str, part: str) -> Path:
        """The file of a part for systems of a kind, written when first asked for."""
        path = self.place / f"{part}.{kind}"
        if not path.exists():
            code = {label: number for number, label in enumerate(self.labels)}
            lines = (line_of(kind, part, code[a], a, b) for a, b in self.documents[part])
            write_lines(path, lines)
        return path


def line_of(kind: str, part: str, code: int, label: str, text: str) -> str:
    """A document as a line of a system's file."""
    if kind == "tsv":
        return f"{label}\t{text}"
    text = " ".join(PUNCTUATION.sub(r" \1 ", text.lower()).split())
    return text if part == "test" else f"__label__{code} {text}"


def read_case(folder: Path, place: Path) -> Case:
    """The corpus of a folder."""
    documents = {part: read_documents(folder / f"{part}.tsv") for part in ("train", "test")}
    random.Random(1).shuffle(documents["train"])
    labels = sorted({label for label, _ in documents["train"]})
    labels += sorted({label for label, _ in documents["test"]} - set(labels))
    code = {label: number for number, label in enumerate(labels)}
    codes = {part: np.array([code[label] for label, _ in own]) for part, own in documents.items()}
    documents["warm"] = documents["train"][:WARM]
    for part, own in codes.items():
        np.savez(place / f"{part}-codes.npz", names=np.array(labels), codes=own)
    return Case(folder.name, labels, documents, codes["test"], place)


@dataclass(slots=True)
class Row:
    """One system with one setting on one corpus."""

    corpus: str
    system: str
    setting: str
    p1: float | None = None
    p5: float | None = None
    log_loss: float | None = None
    uniform: float | None = None
    ece: float | None = None
    train_cpu: float | None = None
    features_cpu: float | None = None
    peak: float | None = None
    milliseconds: float | None = None
    model: float | None = None
    failure: str = ""

    def markdown(self) -> str:
        """The row as a line of the table."""
        notes = [self.setting, f"failed: {self.failure}".replace("|", "/") if self.failure else ""]
        features = "" if self.features_cpu is None else f" + {self.features_cpu:.1f}"
        loss = cell(self.log_loss, 3)
        return line(
            (
                self.corpus,
                self.system,
                cell(self.p1, 3),
                cell(self.p5, 3),
                loss if self.uniform is None else f"({loss})",
                cell(self.ece, 3),
                cell(self.train_cpu, 1) + features,
                cell(self.peak, 0),
                cell(self.milliseconds, 3),
                cell(self.model, 1),
                "; ".join(filter(None, notes)),
            )
        )


def loss_of(shares: NDArray[np.float64], labels: int) -> tuple[float, float]:
    """(log loss, ε): mean −ln ((1 − ε)·P + ε/L) at the ε of SHARES that is best.

    shares  (n,) P of the true label, 0 where the system does not give it
    """
    mixed = np.outer(1 - SHARES, shares) + (SHARES / labels)[:, None]
    losses = -np.log(mixed).mean(axis=1)
    best = int(losses.argmin())
    return float(losses[best]), float(SHARES[best])


def calibration_error(shares: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Of the answers' P in BINS bins (a, b] of equal width."""
    bins = np.ceil(shares.clip(0, 1) * BINS).astype(np.int64)
    gaps = np.bincount(bins, shares) - np.bincount(bins, right)
    return float(np.abs(gaps).sum() / len(shares))


def judge(row: Row, told: Mapping[str, NDArray[Any]], case: Case, exact: bool) -> None:
    """Write the figures of answers to a row.

    told   ``labels`` (n, k) and ``scores`` likeliest first, of_truth (n,) if exact; seconds
    """
    labels, scores, codes = told["labels"], told["scores"].astype(np.float64), case.codes
    hits = labels == codes[:, None]
    row.p1, row.p5 = float(hits[:, 0].mean()), float(hits[:, :5].any(axis=1).mean())
    row.milliseconds = float(told["seconds"]) * 1e3 / len(codes)
    first = scores[:, 0]
    if exact:
        row.log_loss = float(-np.log(np.maximum(told["of_truth"], 1e-300)).mean())
    else:
        scores = np.where(labels >= 0, np.maximum(scores, 0), 0)
        scores /= np.maximum(scores.sum(axis=1, keepdims=True), 1e-300)
        row.log_loss, row.uniform = loss_of((scores * hits).sum(axis=1), len(case.labels))
        first = scores[:, 0] * (1 - row.uniform) + row.uniform / len(case.labels)
    row.ece = calibration_error(first, hits[:, 0])


@dataclass(eq=False, slots=True)
class Bench:
    """A system at work on a corpus, run by an interpreter."""

    case: Case
    name: str
    python: str
    limit: float

    @property
    def system(self) -> System:
        return SYSTEMS[self.name]

    def run(self, script: str, *given: object) -> Outcome:
        """Run a script.  Raises RivalError."""
        place = self.case.place / "nothing"
        place.mkdir(exist_ok=True)
        return watched([self.python, "-c", script, *map(str, given)], self.limit, place)

    def inputs(self) -> tuple[Path, Path, float | None]:
        """What it reads for training and for answers, and CPU seconds of making features, if it
        needs them.  Raises RivalError."""
        case, kind = self.case, self.system.kind
        if kind != "tfidf":
            return case.text(kind, "train"), case.text(kind, "test"), None
        folder, made = case.place / "tfidf", case.place / "tfidf" / "seconds"
        if not made.exists():
            folder.mkdir()
            texts = case.text("tsv", "train"), case.text("tsv", "test")
            outcome = self.run(TFIDF, *texts, case.place / "train-codes.npz", folder)
            made.write_text(f"{outcome.cpu}")
        return folder, folder, float(made.read_text())

    def warm(self) -> None:
        """Have kernels compiled, which later processes load."""
        if self.system.kind == "tsv":
            model, answers = self.case.place / "warm", self.case.place / "answers.npz"
            test, settings = self.case.text("tsv", "test"), json.dumps(self.system.settings[0])
            self.run(self.system.train, self.case.text("tsv", "warm"), model, settings)
            self.run(self.system.answer, model, test, self.case.truth, answers, self.system.most)

    def measure(self, settings: Settings) -> Row:
        """The row of the table."""
        row = Row(self.case.name, self.name, shown(settings))
        model, answers = self.case.place / "model", self.case.place / "answers.npz"
        try:
            train, test, row.features_cpu = self.inputs()
            outcome = self.run(self.system.train, train, model, json.dumps(settings))
            row.train_cpu, row.peak, row.model = outcome.cpu, outcome.peak, size_of(model)
            most = self.system.most
            self.run(self.system.answer, model, test, self.case.truth, answers, most)
            with np.load(answers) as told:
                judge(row, told, self.case, self.system.exact)
        except RivalError as error:
            row.failure = str(error)
        if model.is_dir():
            shutil.rmtree(model)
        model.unlink(missing_ok=True)
        return row


def one_core() -> None:
    """Keep this process and those that it starts to one core and thread."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def main() -> int:
    """Print a line a system, setting and corpus, as each is done."""
    modules = {name: system.module for name, system in SYSTEMS.items()}
    arguments = parse_systems(parser_of(__doc__), modules, 3600)
    one_core()
    rows: list[Row] = []
    print(heading(HEADS), flush=True)
    for folder in arguments.folders:
        with tempfile.TemporaryDirectory() as place:
            case = read_case(folder, Path(place))
            if len(case.labels) < MANY:
                continue
            for name, python in arguments.pythons.items():
                bench = Bench(case, name, python, arguments.limit)
                bench.warm()
                for settings in SYSTEMS[name].settings:
                    rows.append(bench.measure(dict(settings)))
                    print(rows[-1].markdown(), flush=True)
                    if arguments.json:
                        told = [asdict(row) for row in rows]
                        arguments.json.write_text(json.dumps(told, indent=1) + "\n")
    return int(any(row.failure for row in rows))


if __name__ == "__main__":
    sys.exit(main())
