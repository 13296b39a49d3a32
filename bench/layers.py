"""When a straight line is not enough: hidden layers beside none, over single words.

    python bench/layers.py --data DIR [--only r8,mr] [--runs 3] [--json FILE]

DIR holds one folder a corpus with train.tsv and test.tsv, label<TAB>text a line.  Each setting is
trained by the command line, in a process of its own, in turn; seconds are those of the process,
the median of the runs.  fastText has dim 10 and single words as well, 5 and 25 epochs at its step
size 0.5; it may fail (its threads write over each other, and loss becomes NaN), and then is tried
again, up to four times.  Two more rows show the default n-grams with and without a hidden layer.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring import cell, heading, line, parse, parser_of, read_documents
from rivals import PUNCTUATION, fasttext_line

from textmlr import Model, read_corpus
from textmlr.evaluation.labelled_answers import answer

WORDS = ("--ngrams", "1", "--char-ngrams", "none")
BOTTLENECK = ("--hidden", "10", "--activation", "identity")
SETTINGS = {
    "linear": WORDS,
    "10, identity": (*WORDS, *BOTTLENECK),
    "64": (*WORDS, "--hidden", "64"),
    "256": (*WORDS, "--hidden", "256"),
    "128, 64": (*WORDS, "--hidden", "128,64"),
    "default n-grams": (),
    "default n-grams, 64": ("--hidden", "64"),
}
FASTTEXT = {"fastText, 5 epochs": 5, "fastText, 25 epochs": 25}
ATTEMPTS = 4
DIGITS = {"accuracy": 4, "log loss": 3, "seconds": 2, "MB": 1}
TRAIN = """
import sys, fasttext
text, model, epochs = sys.argv[1:]
fasttext.train_supervised(
    text, lr=0.5, epoch=int(epochs), wordNgrams=1, dim=10, thread=2, verbose=0
).save_model(model)
"""
JUDGE = """
import sys, fasttext
fasttext.FastText.eprint = lambda *a: None
print(fasttext.load_model(sys.argv[1]).test(sys.argv[2])[1])
"""


def timed(command: Sequence[str | Path]) -> float | None:
    """Seconds of a process, None if it failed."""
    began = time.perf_counter()
    done = subprocess.run(list(map(str, command)), capture_output=True)
    return None if done.returncode else time.perf_counter() - began


def ours(folder: Path, options: Sequence[str], runs: int, place: Path) -> dict[str, float]:
    """Figures of a model on the test file."""
    out = place / "model.textmlr"
    command = [sys.executable, "-m", "textmlr", "train", folder / "train.tsv", "-q", "-o", out]
    seconds = [timed([*command, *options]) for _ in range(runs)]
    answered = answer(Model.load(out), read_corpus([folder / "test.tsv"]))
    return {
        "accuracy": float((answered.top == answered.codes).mean()),
        "log loss": float(answered.losses.mean()),
        "seconds": statistics.median([s for s in seconds if s is not None]),
        "MB": out.stat().st_size / 1e6,
    }


def fasttexts(folder: Path, epochs: int, runs: int, place: Path) -> dict[str, float]:
    """Figures of fastText's; none if it failed each time."""
    files, codes = {}, {}
    for name in ("train", "test"):
        documents = read_documents(folder / f"{name}.tsv")
        codes = codes or {label: i for i, label in enumerate(sorted({y for y, _ in documents}))}
        lines = [
            fasttext_line(PUNCTUATION.sub(r" \1 ", text.lower()), codes[label])
            for label, text in documents
        ]
        random.Random(1).shuffle(lines)
        files[name] = place / f"{name}.txt"
        files[name].write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = place / "model.bin"
    seconds = []
    for _ in range(runs):
        for _ in range(ATTEMPTS):
            took = timed([sys.executable, "-c", TRAIN, files["train"], out, str(epochs)])
            if took is not None:
                seconds.append(took)
                break
    if not seconds:
        return {}
    told = subprocess.run(
        [sys.executable, "-c", JUDGE, out, files["test"]], capture_output=True, text=True
    )
    return {
        "accuracy": float(told.stdout),
        "seconds": statistics.median(seconds),
        "MB": out.stat().st_size / 1e6,
    }


def main() -> None:
    """Print a row for each corpus and setting, then the means over corpora."""
    arguments = parse(parser_of(__doc__, runs=3))
    print(heading(["corpus", "layers", *DIGITS]))
    rows = []
    for folder in arguments.folders:
        with tempfile.TemporaryDirectory() as place:
            for name in (*SETTINGS, *FASTTEXT):
                if name in SETTINGS:
                    found = ours(folder, SETTINGS[name], arguments.runs, Path(place))
                else:
                    found = fasttexts(folder, FASTTEXT[name], arguments.runs, Path(place))
                rows.append({"corpus": folder.name, "layers": name, **found})
                print(line([folder.name, name, *cells(found)]), flush=True)
    for name in (*SETTINGS, *FASTTEXT):
        own = [row for row in rows if row["layers"] == name and "accuracy" in row]
        means = {
            key: statistics.fmean(row[key] for row in own if key in row)
            for key in DIGITS
            if any(key in row for row in own)
        }
        print(line([f"mean of {len(own)}", name, *cells(means)]))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def cells(figures: Mapping[str, float]) -> list[str]:
    """A row's figures."""
    return [cell(figures.get(key), digits) for key, digits in DIGITS.items()]


if __name__ == "__main__":
    main()
