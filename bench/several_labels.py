"""Several labels a document: textmlr beside its rivals.

    python bench/several_labels.py --data DIR [--only reuters90,debtags] [--systems textmlr,vw]
        [--python pecos=PATH] [--limit 600] [--json FILE]

Measures every folder of DIR with a train.tsv and a test.tsv whose documents have several labels,
joined by |.  Each system trains and answers in a process of its own, one after the other, and has
a row of the table (MB are 10^6 bytes):

P@1, P@3   mean share of the 1 or 3 likeliest labels of a document that it has
micro-F1   with the labels whose P is at least .5 / one cut for all / a cut for each label (/ with
           the labels that textmlr answers)
macro-F1   likewise: the mean over all labels of train.tsv; a label that is never right counts 0
log loss   mean over documents of the sum over labels of binary cross-entropy (nats); P is clipped
           to [1e-15, 1 − 1e-15]
ECE        of the pairs of document and label with P of at least .05, in 15 equal bins: the mean of
           |mean P − share of the pairs that are true|, weighted by pairs
train      CPU seconds (user and system) and peak memory of a whole process that reads train.tsv,
           and the size of the model that it writes
predict    CPU seconds of a whole process that answers test.tsv with P of every label

The settings of a system are tuned on a held-out 15 % of train.tsv, drawn at random: each option in
turn, the others at their best so far, for micro-F1 at one cut.  The cuts are the best ones for the
held-out documents, answered by a model of the other 85 %: the one cut maximises micro-F1, the cut
for a label that label's F1, among cuts of at least .05 (−1 for an SVC's scores); a label whose F1
is 0 at all of them has the one cut.  Then the system trains on all of train.tsv, which is
measured; tuning is not.

textmlr         train --multilabel, no other options; kernels are compiled beforehand
fasttext        loss ova, 1 thread
vw              --multilabel_oaa, logistic loss; all passes after the first read a cache
sklearn-logreg  OneVsRestClassifier of LogisticRegression (liblinear), over TF-IDF of words and
                pairs of words that occur in two documents or more
sklearn-sgd     the same of SGDClassifier, log loss
sklearn-svc     the same of LinearSVC; its scores are no probabilities, and 0 is its first cut
pecos, omikuji  trees of labels over the same TF-IDF, trained with hinge or log loss
spacy           textcat_multilabel of words and pairs of words in a blank English pipeline

All systems read the documents in the same random order.  fastText and VW read text that is
lower-cased and has its punctuation split beforehand, as fastText's own scripts do; that is not
measured.  Labels of test.tsv that train.tsv lacks are left out.  --python gives a system another
interpreter, for its libraries may need other versions.  A process that takes more than --limit
seconds by the clock is stopped.  Standard error shows each trial.

Needs the extra [bench], and omikuji, libpecos and spacy for their rows: a system that is not
installed has none.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from measuring import cell, heading, line, parse_systems, parser_of, say
from numpy.typing import NDArray
from rivals import RivalError, last_line
from several_corpora import Case, read_case, several
from several_figures import (
    Scores,
    Truth,
    calibration_error,
    common_cut,
    cuts_of,
    f1_of,
    log_loss,
    precision_at,
)
from several_systems import SYSTEMS, Settings, System

HERE = Path(__file__).parent
LEAST_CUT = 0.05  # of a single label
HEADS = (
    "corpus",
    "system",
    "P@1",
    "P@3",
    "micro-F1 at .5 / one cut / a cut a label",
    "macro-F1 likewise",
    "log loss",
    "ECE",
    "train CPU s",
    "peak MB",
    "model MB",
    "predict CPU s",
    "setting",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """CPU seconds and peak memory (MB) of a process."""

    cpu: float
    peak: float


@dataclass(frozen=True, eq=False, slots=True)
class Answers:
    """A system's scores of documents; the labels that it chose itself, if it does; CPU seconds."""

    scores: Scores
    given: Truth | None
    cpu: float


@dataclass(eq=False, slots=True)
class Trial:
    """Settings, tried on the held-out documents: why they failed, micro-F1 at the best cut (−1 if
    they failed), log loss, and the scores, kept while no trial is better."""

    settings: Settings
    failure: str
    micro: float = -1.0
    loss: float | None = None
    scores: Scores | None = None


@dataclass(slots=True)
class Row:
    """One system on one corpus.  micro, macro: F1 at .5, at one ``cut``, at a cut for each label
    and with the labels that the system chose, if it does.  trials: settings, micro-F1, log loss."""

    corpus: str
    system: str
    setting: str
    micro: tuple[float, ...] = ()
    macro: tuple[float, ...] = ()
    p1: float | None = None
    p3: float | None = None
    log_loss: float | None = None
    ece: float | None = None
    train_cpu: float | None = None
    peak: float | None = None
    model: float | None = None
    predict_cpu: float | None = None
    cut: float = 0.5
    failure: str = ""
    trials: list[tuple[str, float, float | None]] = field(default_factory=list)

    def markdown(self) -> str:
        """The row as a line of the table."""
        notes = [self.setting, f"failed: {self.failure}".replace("|", "/") if self.failure else ""]
        return line(
            (
                self.corpus,
                self.system,
                cell(self.p1, 3),
                cell(self.p3, 3),
                " / ".join(cell(f1, 3) for f1 in self.micro) or "–",
                " / ".join(cell(f1, 3) for f1 in self.macro) or "–",
                cell(self.log_loss, 2),
                cell(self.ece, 3),
                cell(self.train_cpu, 1),
                cell(self.peak, 0),
                cell(self.model, 1),
                cell(self.predict_cpu, 1),
                "; ".join(filter(None, notes)),
            )
        )


def watched(command: Sequence[str], limit: float, folder: Path) -> Outcome:
    """Run a command.  Raises RivalError if it fails, or is stopped after ``limit`` seconds."""
    watcher = [sys.executable, str(HERE / "watched.py"), str(limit), str(folder), *command]
    told = json.loads(subprocess.run(watcher, stdout=subprocess.PIPE, check=True).stdout)
    if told["code"] is None:
        raise RivalError(f"stopped after {limit:g} s")
    if told["code"]:
        raise RivalError(last_line(told["told"], told["code"]))
    return Outcome(told["user"] + told["system"], told["peak"] / 1e6)


def size_of(model: Path) -> float:
    """MB of a file, or of the files below a folder."""
    files = [model] if model.is_file() else [f for f in model.rglob("*") if f.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


@dataclass(eq=False, slots=True)
class Bench:
    """A system at work on a corpus, run by an interpreter; ``trained`` counts its models."""

    case: Case
    name: str
    python: str
    limit: float
    trained: int = 0

    @property
    def system(self) -> System:
        return SYSTEMS[self.name]

    def train(self, part: str, settings: Settings) -> tuple[Path, Outcome]:
        """The model of a part, in a folder of its own.  Raises RivalError."""
        self.trained += 1
        model = self.case.place / f"{self.name}-{self.trained}" / "model"
        model.parent.mkdir()
        text = self.case.text(self.system.kind, part)
        given = (str(text), str(model), json.dumps(settings), str(len(self.case.labels)))
        command = (self.python, "-c", self.system.train, *given)
        return model, watched(command, self.limit, model.parent)

    def answer(self, model: Path, part: str) -> Answers:
        """Answers for a part; labels that the model lacks have the least score.  Raises
        RivalError."""
        file = model.with_suffix(".npz")
        text = self.case.text(self.system.kind, part)
        command = (self.python, "-c", self.system.answer, str(model), str(text), str(file))
        outcome = watched(command, self.limit, model.parent)
        with np.load(file) as told:
            names, rows = told["labels"].tolist(), told["rows"].astype(np.float64)
            chosen = told.get("given")
        known = {label: code for code, label in enumerate(self.case.labels)}
        codes = [known[name] if self.system.kind == "tsv" else int(name) for name in names]
        least = 0.0 if self.system.probable else rows.min() - 1
        scores = np.full((len(rows), len(known)), least)
        scores[:, codes] = rows
        if chosen is None:
            return Answers(scores, None, outcome.cpu)
        given = np.zeros(scores.shape, np.bool_)
        given[:, codes] = chosen
        return Answers(scores, given, outcome.cpu)

    def trial(self, settings: Settings) -> Trial:
        """Train with some settings on ``part``, and answer the held-out documents."""
        truth = self.case.truth["held"]
        try:
            model, outcome = self.train("part", settings)
            scores = self.answer(model, "held").scores
        except RivalError as error:
            say(f"{self.case.name}: {self.name} {shown(settings)}: {error}")
            return Trial(settings, str(error))
        shutil.rmtree(model.parent)
        micro, _ = f1_of(scores >= common_cut(scores, truth), truth)
        loss = log_loss(scores, truth) if self.system.probable else None
        figures = f"micro-F1 {micro:.4f}, log loss {cell(loss, 3)}, {outcome.cpu:.1f} CPU s"
        say(f"{self.case.name}: {self.name} {shown(settings)}: {figures}")
        return Trial(settings, "", micro, loss, scores)

    def tune(self) -> list[Trial]:
        """All trials, the best one last."""
        grid = self.system.grid or {}
        best = self.trial({option: values[0] for option, values in grid.items()})
        others = []
        for option, values in grid.items():
            for value in values[1:]:
                trial = self.trial(best.settings | {option: value})
                worse, best = sorted((trial, best), key=lambda one: one.micro)
                worse.scores = None
                others.append(worse)
        return [*others, best]

    def measure(self) -> Row:
        """The row of the table."""
        trials = self.tune()
        best = trials[-1]
        row = Row(self.case.name, self.name, shown(best.settings))
        row.trials = [(shown(one.settings), one.micro, one.loss) for one in trials]
        if best.scores is None:
            row.failure = best.failure
            return row
        try:
            model, outcome = self.train("all", best.settings)
            row.train_cpu, row.peak, row.model = outcome.cpu, outcome.peak, size_of(model)
            answers = self.answer(model, "test")
        except RivalError as error:
            row.failure = str(error)
            return row
        shutil.rmtree(model.parent)
        row.predict_cpu = answers.cpu
        least = LEAST_CUT if self.system.probable else -1.0
        row.cut, own = cuts_of(best.scores, self.case.truth["held"], least)
        judge(row, answers, self.case.truth["test"], own, self.system.probable)
        return row


def judge(
    row: Row, answers: Answers, truth: Truth, own: NDArray[np.float64], probable: bool
) -> None:
    """Write the figures of answers for the test file to a row, whose ``cut`` is known."""
    scores, first = answers.scores, 0.5 if probable else 0.0
    given = [scores >= first, scores >= row.cut, scores >= own]
    if answers.given is not None:
        given.append(answers.given)
    both = [f1_of(one, truth) for one in given]
    row.micro, row.macro = (tuple(figures) for figures in zip(*both, strict=True))
    row.p1, row.p3 = (precision_at(scores, truth, k) for k in (1, 3))
    if probable:
        row.log_loss, row.ece = log_loss(scores, truth), calibration_error(scores, truth)


def shown(settings: Settings) -> str:
    return ", ".join(f"{option} {value}" for option, value in settings.items()) or "no options"


def main() -> int:
    """Print a line a system and corpus, as each is done."""
    modules = {name: system.module for name, system in SYSTEMS.items()}
    arguments = parse_systems(parser_of(__doc__), modules, 600)
    rows: list[Row] = []
    print(heading(HEADS), flush=True)
    for folder in filter(several, arguments.folders):
        with tempfile.TemporaryDirectory() as place:
            case = read_case(folder, Path(place))
            for name, python in arguments.pythons.items():
                bench = Bench(case, name, python, arguments.limit)
                rows.append(bench.measure())
                print(rows[-1].markdown(), flush=True)
                if arguments.json:
                    told = [asdict(row) for row in rows]
                    arguments.json.write_text(json.dumps(told, indent=1) + "\n")
    return int(any(row.failure for row in rows))


if __name__ == "__main__":
    sys.exit(main())
