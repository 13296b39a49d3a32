"""textmlr beside fastText: python bench/compare.py --data DIR [--only imdb,r8] [--runs 3]

For each folder of DIR with a train.tsv and a test.tsv, trains textmlr with no options and fastText
(bigrams, dim 10, 2 threads, 10 million buckets as in its paper, step size and epochs tuned on a
tenth of the training file), each in a process of its own, in turn, and prints accuracy, log loss
and calibration error on the test file, and the medians of whole-process seconds and of peak memory
of training.  fastText's text is shuffled, lower-cased and its punctuation split beforehand, as its
own scripts do, and that is not counted.  Needs the extra [bench].
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from textmlr.corpus import read_corpus
from textmlr.evaluation import evaluate

RATES, EPOCHS = (0.1, 0.5, 1.0), (5, 25)
SPLIT = re.compile(r"([.!?,'/()])")

FASTTEXT = """
import sys, fasttext
text, model, rate, epochs = sys.argv[1:5]
fasttext.train_supervised(
    text, lr=float(rate), epoch=int(epochs), wordNgrams=2, dim=10, thread=2,
    bucket=10_000_000, verbose=0,
).save_model(model)
"""

PREDICT = """
import sys, json, fasttext
fasttext.FastText.eprint = lambda *a: None
model = fasttext.load_model(sys.argv[1])
for line in open(sys.argv[2], encoding="utf-8"):
    labels, shares = model.predict(line.rstrip("\\n").split(" ", 1)[1], k=-1)
    print(json.dumps(dict(zip(labels, (float(p) for p in shares)))))
"""


# A small process between, since a process forked from this one would begin with its peak memory.
TIMED = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
quiet = subprocess.DEVNULL
code = subprocess.run(sys.argv[1:], stdout=quiet, stderr=quiet).returncode
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps([code, seconds, peak]))
"""


def timed(command: list[str]) -> tuple[float, float]:
    """(seconds, peak MB) of a command, which must succeed."""
    done = subprocess.run([sys.executable, "-c", TIMED, *command], capture_output=True, check=True)
    code, seconds, peak = json.loads(done.stdout)
    if code:
        sys.exit(f"failed: {' '.join(command)[:200]}")
    return seconds, peak


def convert(source: Path, target: Path, labels: list[str], seed: int | None) -> None:
    """label<TAB>text to fastText's lines, labels as their numbers."""
    lines = []
    for line in source.read_text(encoding="utf-8", errors="replace").split("\n"):
        label, tab, text = line.partition("\t")
        if tab and label in labels:
            text = " ".join(SPLIT.sub(r" \1 ", text.lower()).split())
            lines.append(f"__label__{labels.index(label)} {text}\n")
    if seed is not None:
        random.Random(seed).shuffle(lines)
    target.write_text("".join(lines), encoding="utf-8")


def probabilities(model: Path, text: Path, labels: int) -> np.ndarray:
    """(n, L) of fastText, made to sum to 1, since its own may pass 1."""
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, str(model), str(text)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = np.zeros((done.stdout.count("\n"), labels))
    for i, line in enumerate(done.stdout.splitlines()):
        for label, share in json.loads(line).items():
            rows[i, int(label.removeprefix("__label__"))] = min(max(share, 0.0), 1.0)
    return rows / rows.sum(axis=1, keepdims=True)


def codes(text: Path) -> np.ndarray:
    """Labels of a file of fastText's, as numbers."""
    lines = text.read_text(encoding="utf-8").splitlines()
    return np.array([int(line.split(" ", 1)[0][9:]) for line in lines], np.int32)


def tune(text: Path, place: Path, labels: list[str]) -> tuple[float, int]:
    """The step size and epochs that answer best on the last tenth of the shuffled text."""
    lines = text.read_text(encoding="utf-8").splitlines(keepends=True)
    cut = len(lines) - len(lines) // 10
    part, held, model = place / "part", place / "held", place / "tuning.bin"
    part.write_text("".join(lines[:cut]), encoding="utf-8")
    held.write_text("".join(lines[cut:]), encoding="utf-8")
    scored = []
    for rate in RATES:
        for epochs in EPOCHS:
            timed([sys.executable, "-c", FASTTEXT, str(part), str(model), str(rate), str(epochs)])
            right = probabilities(model, held, len(labels)).argmax(axis=1) == codes(held)
            scored.append((right.mean(), rate, epochs))
    _, rate, epochs = max(scored)
    return rate, epochs


def compare(folder: Path, runs: int, place: Path) -> list[dict[str, object]]:
    """Rows of the table for one corpus."""
    train, test = folder / "train.tsv", folder / "test.tsv"
    labels = read_corpus([str(train)]).labels
    text, asked = place / "train.txt", place / "test.txt"
    convert(train, text, labels, seed=1)
    convert(test, asked, labels, seed=None)
    rate, epochs = tune(text, place, labels)
    ours, theirs = place / "m.textmlr", place / "m.bin"
    verb = [sys.executable, "-m", "textmlr"]
    commands = {
        "textmlr": [*verb, "train", str(train), "-o", str(ours), "--quiet"],
        "fastText": [
            sys.executable, "-c", FASTTEXT, str(text), str(theirs), str(rate), str(epochs)
        ],
    }  # fmt: skip
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            taken[name].append(timed(command))
    told = subprocess.run(
        [*verb, "evaluate", "-m", str(ours), str(test), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    own = json.loads(told.stdout)
    other = evaluate(labels, codes(asked), probabilities(theirs, asked, len(labels))).as_dict()
    rows = []
    for name, figures, file in (("textmlr", own, ours), ("fastText", other, theirs)):
        seconds, memory = (statistics.median(column) for column in zip(*taken[name], strict=True))
        rows.append({
            "corpus": folder.name, "tool": name, "accuracy": figures["accuracy"],
            "log_loss": figures["log_loss"], "ece": figures["ece"], "seconds": seconds,
            "memory_mb": memory, "model_mb": file.stat().st_size / 1e6,
            "setting": "no options" if name == "textmlr" else f"lr {rate:g}, {epochs} epochs",
        })  # fmt: skip
    return rows


def main() -> None:
    """Print a line a tool and corpus, as each is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", help="folders, comma-separated")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else None
    folders = [f for f in sorted(arguments.data.iterdir()) if (f / "train.tsv").exists()]
    folders = [f for f in folders if names is None or f.name in names]
    if not folders:
        sys.exit(f"{arguments.data}: no folder with a train.tsv and a test.tsv")
    print("| corpus | tool | accuracy | log loss | ECE | train s | peak MB | model MB | setting |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows = []
    for folder in folders:
        with tempfile.TemporaryDirectory() as place:
            for row in compare(folder, arguments.runs, Path(place)):
                rows.append(row)
                print(
                    f"| {row['corpus']} | {row['tool']} | {row['accuracy']:.4f} "
                    f"| {row['log_loss']:.3f} | {row['ece']:.3f} | {row['seconds']:.1f} "
                    f"| {row['memory_mb']:.0f} | {row['model_mb']:.1f} | {row['setting']} |",
                    flush=True,
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
