"""The tools that compare.py compares: how each is trained in a process of its own, and judged.

fastText and VW read text that is shuffled, lower-cased and has its punctuation split beforehand,
as fastText's own scripts do; their passes (and fastText's step size) are tuned on the last tenth
of it.  scikit-learn and textmlr read the TSV file itself.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from measuring import write_lines
from numpy.typing import NDArray

from textmlr.corpus.reading import read_corpus, recode
from textmlr.evaluation.evaluation import Evaluation

TEXTMLR = ("textmlr", "textmlr-1")
FASTTEXT = ("fasttext", "fasttext-25", "fasttext-5")
VW = ("vw", "vw-5", "vw-1")
# (module, estimator) of each; all have the same TF-IDF features of words and pairs of words.
SKLEARN = {
    # Its own alpha, 1e-4, is right less often on all of these corpora, by up to 18 points.
    "sklearn-sgd": ("linear_model", "SGDClassifier(loss='log_loss', alpha=1e-5, n_jobs=2)"),
    "sklearn-logreg": ("linear_model", "LogisticRegression(C=10, solver='lbfgs')"),
    "sklearn-svc": ("svm", "LinearSVC()"),
}
TOOLS = (*TEXTMLR, *FASTTEXT, *VW, *SKLEARN)
MODULES = {"fasttext": "fasttext", "vw": "vowpalwabbit", "sklearn": "sklearn"}  # by family

RATES, EPOCHS = (0.1, 0.5, 1.0), (5, 25)  # of fastText
PASSES = (1, 5, 10, 20)  # of VW
PUNCTUATION = re.compile(r"([.!?,'/()])")
# A colon gives a weight and a bar opens a namespace in VW's lines; these look alike and do not.
VW_SIGNS = str.maketrans({":": "\N{RATIO}", "|": "\N{DIVIDES}"})

FASTTEXT_TRAIN = """
import sys, fasttext
text, model, rate, epochs = sys.argv[1:]
fasttext.train_supervised(
    text, lr=float(rate), epoch=int(epochs), wordNgrams=2, dim=10, thread=2,
    bucket=10_000_000, verbose=0,
).save_model(model)
"""

FASTTEXT_PREDICT = """
import sys, json, fasttext
fasttext.FastText.eprint = lambda *a: None
model = fasttext.load_model(sys.argv[1])
for line in open(sys.argv[2], encoding="utf-8", newline="\\n"):
    labels, shares = model.predict(line.removesuffix("\\n"), k=-1)
    print(json.dumps({int(l.removeprefix("__label__")): float(p) for l, p in zip(labels, shares)}))
"""

VW_RUN = """
import sys
from vowpalwabbit import Workspace
Workspace(arg_list=sys.argv[1:]).finish()
"""

# To be filled in with a module, the name of a class in it and the estimator's expression.  BLAS has
# one thread: with more, L-BFGS's short vector operations wait for each other, and on a machine that
# does anything else LogisticRegression takes many times as long.
SKLEARN_TRAIN = """
import sys, joblib, threadpoolctl
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.{} import {}
threadpoolctl.threadpool_limits(1, "blas")
source, model = sys.argv[1:]
with open(source, encoding="utf-8-sig", errors="replace", newline="\\n") as file:
    labels, texts = zip(*(line.split("\\t", 1) for line in file))
vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
features = vectorizer.fit_transform(texts)
joblib.dump((vectorizer, {}.fit(features, [label.strip() for label in labels])), model)
"""

# An SVC's rows have a 1 at its answer.
SKLEARN_PREDICT = """
import sys, joblib, numpy as np
vectorizer, estimator = joblib.load(sys.argv[1])
with open(sys.argv[2], encoding="utf-8-sig", errors="replace", newline="\\n") as file:
    features = vectorizer.transform([line.split("\\t", 1)[1] for line in file])
if hasattr(estimator, "predict_proba"):
    rows = estimator.predict_proba(features)
else:
    rows = estimator.predict(features)[:, None] == estimator.classes_
np.savez(sys.argv[3], labels=estimator.classes_, rows=rows)
"""

# A small process between, since a process forked from this one would begin with its peak memory.
TIMED = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
try:
    done = subprocess.run(
        sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=float(sys.argv[1])
    )
    code, told = done.returncode, done.stderr.decode(errors="replace")
except subprocess.TimeoutExpired:
    code, told = None, ""
seconds = time.perf_counter() - started
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e6
print(json.dumps([code, told[-2000:], seconds, peak]))
"""

Document = tuple[int, str]  # the code of its label, −1 for one not in the training file; its text
Rows = NDArray[np.float64]  # (n, L) probabilities
Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Case:
    """One corpus: its TSV files, the labels of the training file, the true codes of the test file,
    a folder to be thrown away, and the seconds a training may take."""

    train: Path
    test: Path
    labels: list[str]
    y: NDArray[np.int32]
    place: Path
    limit: float


@dataclass(frozen=True, slots=True)
class Tool:
    """A command that trains and writes ``model``; ``judge`` gives the figures of that model on the
    test file.  Tools that have the same command are the same, and need be run only once."""

    name: str
    setting: str
    command: tuple[str, ...]
    model: Path
    judge: Callable[[], Figures]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whole-process seconds and peak memory (MB) of a command; ``late`` if it was stopped at the
    limit, ``failure`` is what a command that failed said last."""

    seconds: float
    peak: float
    late: bool = False
    failure: str = ""


class RivalError(Exception):
    """A tool could not answer; the message is what it said last."""


def timed(command: Sequence[str], limit: float) -> Outcome:
    """Run a command for ``limit`` seconds at most."""
    timer = [sys.executable, "-c", TIMED, str(limit), *command]
    told = subprocess.run(timer, capture_output=True, check=True).stdout
    code, said, seconds, peak = json.loads(told)
    if code is None:
        return Outcome(seconds, peak, late=True)
    return Outcome(seconds, peak, failure=last_line(said, code) if code else "")


def measure(
    commands: Mapping[str, Sequence[str]],
    warm_ups: Iterable[Sequence[str]],
    runs: int,
    limit: float,
    once: float,
    say: Callable[[str], None],
) -> dict[str, list[Outcome]]:
    """The outcomes of each command, by name, run in turn: ``runs`` of them, or one if it is
    stopped at ``limit`` seconds, fails or takes over ``once`` seconds the first time.

    warm_ups  commands run once before all others, and not counted

    What a command leaves for the system to write to the disk is written before the next begins.
    """
    for command in warm_ups:
        timed(command, limit)
    outcomes: dict[str, list[Outcome]] = {name: [] for name in commands}
    for run in range(runs):
        for name, command in commands.items():
            if ended(outcomes[name], once):
                continue
            os.sync()
            outcome = timed(command, limit)
            outcomes[name].append(outcome)
            word = "stopped" if outcome.late else outcome.failure
            say(f"run {run + 1} of {runs}: {name} {outcome.seconds:.2f} s {word}".rstrip())
    return outcomes


def ended(outcomes: Sequence[Outcome], once: float) -> bool:
    """Whether a command with these outcomes is to be run no more."""
    return any(o.late or o.failure for o in outcomes) or any(o.seconds > once for o in outcomes[:1])


def last_line(said: str, code: int) -> str:
    """What to say of a command that ended with ``code``, 0 excepted, after writing ``said``."""
    lines = said.split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
    return f"exit {code}: {said[:120]}"


def output_of(script: str, *arguments: object) -> str:
    """What a Python script prints.  Raises RivalError if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        raise RivalError(last_line(done.stderr, done.returncode))
    return done.stdout


def read_case(folder: Path, place: Path, limit: float) -> Case:
    """The case of a folder with a train.tsv and a test.tsv."""
    train, test = folder / "train.tsv", folder / "test.tsv"
    labels = read_corpus([train]).labels
    y, _ = recode(read_corpus([test]), labels)
    return Case(train, test, labels, y, place, limit)


def tools_of(case: Case, names: Iterable[str]) -> list[Tool]:
    """The tools of these names, in the order of TOOLS, with settings tuned for the corpus."""
    wanted = set(names)
    found: list[Tool] = []
    families: tuple[tuple[tuple[str, ...], Callable[[Case, set[str]], list[Tool]]], ...] = (
        (TEXTMLR, textmlr_tools),
        (FASTTEXT, fasttext_tools),
        (VW, vw_tools),
        (tuple(SKLEARN), sklearn_tools),
    )
    for family, make in families:
        if wanted.intersection(family):
            found += [tool for tool in make(case, wanted) if tool.name in wanted]
    return found


def textmlr_tools(case: Case, wanted: set[str]) -> list[Tool]:
    """textmlr with no options, and with one pass over hashed features."""
    settings = {
        "textmlr": ("no options", []),
        "textmlr-1": (
            "1 epoch, 22 hash bits, no holdout",
            ["--epochs", "1", "--hash-bits", "22", "--no-holdout"],
        ),
    }
    tools = []
    for name, (setting, options) in settings.items():
        model = case.place / f"{name}.model"
        command = textmlr_command(case.train, model, *options)
        tools.append(Tool(name, setting, command, model, partial(judge_textmlr, case, model)))
    return tools


def textmlr_command(train: Path, model: Path, *options: str) -> tuple[str, ...]:
    verb = (sys.executable, "-m", "textmlr", "train")
    return (*verb, str(train), "-o", str(model), "--quiet", *options)


def judge_textmlr(case: Case, model: Path) -> Figures:
    """The figures that textmlr gives of itself."""
    script = "from textmlr.__main__ import main; main()"
    told = json.loads(output_of(script, "evaluate", "-m", model, case.test, "--json"))
    return {name: told[name] for name in ("accuracy", "log_loss", "ece")}


def judge(case: Case, rows: Rows, probable: bool = True) -> Figures:
    """Figures of probabilities (n, L) of the test file; of the accuracy only if not probable."""
    told = Evaluation.of(case.labels, case.y, rows)
    if not probable:
        return {"accuracy": told.accuracy, "log_loss": None, "ece": None}
    return {"accuracy": told.accuracy, "log_loss": told.log_loss, "ece": told.ece}


def normalized(rows: Rows) -> Rows:
    """Rows that sum to 1: fastText's may pass 1, and all of VW's may be 0, which say nothing."""
    shares = np.nan_to_num(rows, posinf=1.0).clip(0.0, 1.0)
    shares[shares.sum(axis=1) == 0] = 1.0
    return shares / shares.sum(axis=1, keepdims=True)


def documents_of(source: Path, labels: Sequence[str]) -> list[Document]:
    """The documents of a TSV file, lower-cased, with spaces around punctuation."""
    corpus = read_corpus([source])
    (batch,) = corpus.batches
    texts = (batch[i].decode(errors="replace").lower() for i in range(len(batch)))
    spaced = [" ".join(PUNCTUATION.sub(r" \1 ", text).split()) for text in texts]
    return list(zip(recode(corpus, labels)[0].tolist(), spaced, strict=True))


def fasttext_line(text: str, code: int | None = None) -> str:
    return text if code is None else f"__label__{code} {text}"


def vw_line(text: str, code: int | None = None) -> str:
    return f"{'' if code is None else code + 1} | {text.translate(VW_SIGNS)}".lstrip()


@dataclass(frozen=True, slots=True)
class Texts:
    """The text files of a tool that reads no TSV: all the training documents, shuffled; the first
    nine tenths of them; the last tenth, without labels, and its codes; the test documents, without
    labels."""

    all: Path
    part: Path
    held: Path
    held_y: NDArray[np.int32]
    test: Path


def write_texts(case: Case, family: str, line: Callable[..., str]) -> Texts:
    """Write the text files of a tool, a document as line(text, code) or line(text)."""
    documents = documents_of(case.train, case.labels)
    random.Random(1).shuffle(documents)
    cut = len(documents) - len(documents) // 10
    lines = [line(text, code) for code, text in documents]
    held = [line(text) for _, text in documents[cut:]]
    asked = [line(text) for _, text in documents_of(case.test, case.labels)]
    return Texts(
        all=write_lines(case.place / f"{family}.all", lines),
        part=write_lines(case.place / f"{family}.part", lines[:cut]),
        held=write_lines(case.place / f"{family}.held", held),
        held_y=np.array([code for code, _ in documents[cut:]], np.int32),
        test=write_lines(case.place / f"{family}.test", asked),
    )


def held_out_accuracy(
    command: Sequence[str], limit: float, answer: Callable[[], Rows], y: NDArray[np.int32]
) -> float:
    """Share of answers (n, L) of a tool, trained by a command, that are right; 0 if it is stopped
    at the limit or fails."""
    outcome = timed(command, limit)
    if outcome.late or outcome.failure:
        return 0.0
    try:
        return float((answer().argmax(axis=1) == y).mean())
    except RivalError:
        return 0.0


def fasttext_tools(case: Case, wanted: set[str]) -> list[Tool]:
    """fastText at the best step size and epochs, at that step size and 25 epochs, and at the best
    step size for 5 epochs."""
    texts = write_texts(case, "fasttext", fasttext_line)
    scores = fasttext_scores(case, texts)
    # Of settings that do equally well, the quickest is taken.
    rate, epochs = max(scores, key=lambda s: (scores[s], -s[1], -s[0]))
    brief = max((s for s in scores if s[1] == 5), key=lambda s: (scores[s], -s[0]))
    settings = {"fasttext": (rate, epochs), "fasttext-25": (rate, 25), "fasttext-5": brief}
    tools = []
    for name, (rate, epochs) in settings.items():
        model = case.place / f"fasttext-{rate}-{epochs}.bin"
        judged = partial(judge_fasttext, case, model, texts)
        command = fasttext_command(texts.all, model, rate, epochs)
        tools.append(Tool(name, f"lr {rate:g}, {epochs} epochs", command, model, judged))
    return tools


def fasttext_command(text: Path, model: Path, rate: float, epochs: int) -> tuple[str, ...]:
    script = (sys.executable, "-c", FASTTEXT_TRAIN)
    return (*script, str(text), str(model), str(rate), str(epochs))


def fasttext_scores(case: Case, texts: Texts) -> dict[tuple[float, int], float]:
    """Accuracy on the held-out documents of each (step size, epochs); 0 if stopped or failed."""
    model = case.place / "tuning.bin"
    answer = partial(fasttext_rows, model, texts.held, len(case.labels))
    scores = {}
    for epochs in EPOCHS:
        for rate in RATES:
            command = fasttext_command(texts.part, model, rate, epochs)
            scores[rate, epochs] = held_out_accuracy(command, case.limit, answer, texts.held_y)
    return scores


def fasttext_rows(model: Path, text: Path, labels: int) -> Rows:
    """(n, L) probabilities of the lines of a file."""
    told = output_of(FASTTEXT_PREDICT, model, text).splitlines()
    rows = np.zeros((len(told), labels))
    for row, line in zip(rows, told, strict=True):
        for code, share in json.loads(line).items():
            row[int(code)] = share
    return normalized(rows)


def judge_fasttext(case: Case, model: Path, texts: Texts) -> Figures:
    return judge(case, fasttext_rows(model, texts.test, len(case.labels)))


def vw_tools(case: Case, wanted: set[str]) -> list[Tool]:
    """VW with the best number of passes, tuned if it is wanted, with 5, and with one."""
    texts = write_texts(case, "vw", vw_line)
    passes_of = {"vw-5": 5, "vw-1": 1}
    if "vw" in wanted:
        scores = vw_scores(case, texts)
        passes_of["vw"] = max(scores, key=lambda passes: (scores[passes], -passes))
    tools = []
    for name, passes in passes_of.items():
        model = case.place / f"vw-{passes}.model"
        judged = partial(judge_vw, case, model, texts)
        setting = f"2-grams, 22 bits, {passes} {'pass' if passes == 1 else 'passes'}"
        command = vw_command(case, texts.all, model, passes)
        tools.append(Tool(name, setting, command, model, judged))
    return tools


def vw_command(case: Case, text: Path, model: Path, passes: int) -> tuple[str, ...]:
    """Further passes read a cache, which the first writes (-k: over any older one).  VW then would
    hold out a tenth to stop early; the passes being tuned already, it learns from all."""
    more = f"--passes {passes} --holdout_off -k --cache_file".split() if passes > 1 else []
    return (
        sys.executable,
        "-c",
        VW_RUN,
        "--quiet",
        "-d",
        str(text),
        "-f",
        str(model),
        "--oaa",
        str(len(case.labels)),
        "--indexing",
        "1",
        "--loss_function",
        "logistic",
        "--ngram",
        "2",
        "-b",
        "22",
        *more,
        *([f"{model}.cache"] if more else []),
    )


def vw_scores(case: Case, texts: Texts) -> dict[int, float]:
    """Accuracy on the held-out documents of each number of passes; 0 if stopped or failed."""
    model = case.place / "vw-tuning.model"
    answer = partial(vw_rows, model, texts.held, len(case.labels))
    scores = {}
    for passes in PASSES:
        command = vw_command(case, texts.part, model, passes)
        scores[passes] = held_out_accuracy(command, case.limit, answer, texts.held_y)
        if not scores[passes]:
            break  # more passes would take longer still
    return scores


def vw_rows(model: Path, text: Path, labels: int) -> Rows:
    """(n, L) probabilities of the lines of a file; VW writes them as "1:0.9 2:0.1"."""
    answers = model.with_suffix(".answers")
    output_of(VW_RUN, "--quiet", "-t", "-d", text, "-i", model, "--probabilities", "-p", answers)
    told = answers.read_text(encoding="ascii").splitlines()
    rows = np.zeros((len(told), labels))
    for row, line in zip(rows, told, strict=True):
        for pair in line.split():
            label, share = pair.split(":")
            row[int(label) - 1] = float(share)
    return normalized(rows)


def judge_vw(case: Case, model: Path, texts: Texts) -> Figures:
    return judge(case, vw_rows(model, texts.test, len(case.labels)))


def sklearn_tools(case: Case, wanted: set[str]) -> list[Tool]:
    """scikit-learn's linear models over TF-IDF features."""
    tools = []
    for name, (module, estimator) in SKLEARN.items():
        script = SKLEARN_TRAIN.format(module, estimator.partition("(")[0], estimator)
        model = case.place / f"{name}.joblib"
        command = (sys.executable, "-c", script, str(case.train), str(model))
        tools.append(Tool(name, estimator, command, model, partial(judge_sklearn, case, model)))
    return tools


def judge_sklearn(case: Case, model: Path) -> Figures:
    """Figures of a dumped vectorizer and estimator."""
    answers = model.with_suffix(".npz")
    output_of(SKLEARN_PREDICT, model, case.test, answers)
    code_of = {label: code for code, label in enumerate(case.labels)}
    with np.load(answers) as told:
        found = told["rows"].astype(np.float64)
        columns = [code_of[label] for label in told["labels"].tolist()]
    rows = np.zeros((len(found), len(case.labels)))
    rows[:, columns] = found
    return judge(case, rows, probable=model.stem != "sklearn-svc")
