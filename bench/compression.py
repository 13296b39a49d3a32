"""Small model files: accuracy and log loss against size, beside fastText's quantised models.

    python bench/compression.py --data DIR [--only imdb] [--sizes 0.5,1,2]
    python bench/compression.py --data DIR --only imdb --sizes 1 --rival

DIR holds one folder a corpus, with train.tsv and test.tsv, label<TAB>text a line.  textmlr is
trained on train.tsv with no options and compressed, without any corpus, to each of the sizes (in
MB, 10^6 bytes); a row tells accuracy and log loss on test.tsv, and what they were before.  A size
that the model has already is left out.

With --rival, fastText too: trained as in compare.py (2-grams, dim 10, step size and epochs tuned
on held-out documents), then quantised as its paper says (Joulin et al., FastText.zip, 2016: the
features of largest norm, quantised norms, retrained), with as many features as fit in the size.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import cell, heading, line, parse, parser_of
from rivals import (
    Case,
    Figures,
    RivalError,
    fasttext_command,
    fasttext_line,
    fasttext_scores,
    judge_fasttext,
    last_line,
    output_of,
    read_case,
    timed,
    write_texts,
)

from textmlr.corpus.reading import read_corpus
from textmlr.evaluation.labelled_answers import answer
from textmlr.model.model import Model
from textmlr.model.model_facts import kept_of
from textmlr.model.small_file.compression import compress
from textmlr.training.corpus_training import train_corpus

HEADS = (
    "corpus",
    "file",
    "features",
    "of",
    "accuracy",
    "before",
    "points",
    "log loss",
    "before",
    "CPU s",
)
RIVAL_HEADS = ("fastText's file", "accuracy", "before", "points", "log loss", "before")
BEGIN, TRIES = 20, 8  # bytes of a feature of fastText's, about; sizes tried

# The largest cutoff whose file is small enough; its size does not depend on retraining.
FASTTEXT_QUANTISE = """
import os, sys, fasttext
fasttext.FastText.eprint = lambda *a: None
source, text, target, limit, begin, tries = sys.argv[1:]
limit, fits, over, cutoff = int(limit), 0, None, int(limit) // int(begin)
for _ in range(int(tries)):
    model = fasttext.load_model(source)
    model.quantize(cutoff=cutoff, qnorm=True, retrain=False)
    model.save_model(target)
    size = os.path.getsize(target)
    if size <= limit:
        fits = max(fits, cutoff)
    else:
        over = min(over or cutoff, cutoff)
    cutoff = int(cutoff * limit / size * 0.995)
    if cutoff <= fits or (over and cutoff >= over):
        if not over or over - fits < max(100, fits // 50):
            break
        cutoff = (fits + over) // 2
model = fasttext.load_model(source)
model.quantize(input=text, cutoff=fits, qnorm=True, retrain=True, thread=2, verbose=0)
model.save_model(target)
print(fits)
"""


@dataclass(frozen=True, slots=True)
class Rival:
    """fastText on a corpus: its text, its whole model, and that one's figures."""

    case: Case
    texts: Any
    model: Path
    figures: Figures

    @classmethod
    def of(cls, case: Case, setting: tuple[float, int] | None) -> Rival:
        """Tuned, unless its step size and epochs are given, and trained.  Raises RivalError if it
        cannot be."""
        texts = write_texts(case, "fasttext", fasttext_line)
        if setting is None:
            scores = fasttext_scores(case, texts)
            setting = max(scores, key=lambda s: (scores[s], -s[1], -s[0]))
        rate, epochs = setting
        model = case.place / "fasttext.bin"
        outcome = timed(fasttext_command(texts.all, model, rate, epochs), case.limit)
        if outcome.late or outcome.failure:
            raise RivalError(outcome.failure or last_line("too slow", 1))
        return cls(case, texts, model, judge_fasttext(case, model, texts))

    def quantised(self, limit: int) -> dict[str, Any]:
        """Figures, bytes and features of a quantised model of at most ``limit`` bytes."""
        small = self.case.place / "fasttext.ftz"
        told = output_of(FASTTEXT_QUANTISE, self.model, self.texts.all, small, limit, BEGIN, TRIES)
        figures = judge_fasttext(self.case, small, self.texts)
        return {"bytes": small.stat().st_size, "features": int(told), **figures}


def figures_of(model: Model, test: Any) -> dict[str, float]:
    answered = answer(model, test)
    right = float((answered.top == answered.codes).mean())
    return {"accuracy": right, "log_loss": float(answered.losses.mean())}


def rows_of(folder: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A row a size, printed as soon as it is known."""
    whole = train_corpus(read_corpus([folder / "train.tsv"]))
    test = read_corpus([folder / "test.tsv"])
    before = figures_of(whole, test)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        rival = None
        if arguments.rival:
            case = read_case(folder, Path(place), arguments.limit)
            rival = Rival.of(case, arguments.fasttext)
        for megabytes in arguments.sizes:
            limit = int(megabytes * 1e6)
            began = time.process_time()
            small = compress(whole, limit)
            seconds = time.process_time() - began
            if small is whole:
                continue
            row: dict[str, Any] = {
                "corpus": folder.name,
                "limit": limit,
                "bytes": small.save(Path(place) / "small"),
                "features": kept_of(small.parts)["features"],
                "of": kept_of(whole.parts)["features"],
                "seconds": seconds,
                "before": before,
                # As read from the file.
                **figures_of(Model.load(Path(place) / "small"), test),
            }
            if rival is not None:
                row["fasttext"] = {"before": rival.figures, **rival.quantised(limit)}
            rows.append(row)
            print(line(shown(row)), flush=True)
    return rows


def shown(row: dict[str, Any]) -> list[str]:
    """The cells of a row."""
    cells = [
        row["corpus"],
        f"{row['bytes'] / 1e6:.2f} MB",
        f"{row['features']:,}",
        f"{row['of']:,}",
        *_figures(row),
        cell(row["seconds"], 1),
    ]
    if "fasttext" in row:
        cells += [f"{row['fasttext']['bytes'] / 1e6:.2f} MB", *_figures(row["fasttext"])]
    return cells


def _figures(row: dict[str, Any]) -> list[str]:
    before = row["before"]
    return [
        cell(row["accuracy"], 4),
        cell(before["accuracy"], 4),
        f"{100 * (row['accuracy'] - before['accuracy']):+.2f}",
        cell(row["log_loss"], 3),
        cell(before["log_loss"], 3),
    ]


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--sizes", default="0.25,0.5,1,2", help="MB, comma-separated")
    parser.add_argument("--rival", action="store_true", help="fastText's quantised models too")
    parser.add_argument("--fasttext", help="its step size and epochs, as 0.5,25, if not tuned")
    parser.add_argument("--limit", type=float, default=900, help="most seconds of a training [900]")
    arguments = parse(parser)
    try:
        arguments.sizes = [float(size) for size in arguments.sizes.split(",")]
    except ValueError:
        parser.error("--sizes: numbers, comma-separated")
    if arguments.fasttext:
        rate, _, epochs = arguments.fasttext.partition(",")
        try:
            arguments.fasttext = float(rate), int(epochs)
        except ValueError:
            parser.error("--fasttext: step size and epochs, such as 0.5,25")
    if min(arguments.sizes) <= 0:
        parser.error("--sizes: above 0")
    print(heading(HEADS + RIVAL_HEADS if arguments.rival else HEADS))
    everything = []
    for folder in arguments.folders:
        everything += rows_of(folder, arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
