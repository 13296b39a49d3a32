"""Few documents: accuracy, log loss and confidence, beside scikit-learn's LogisticRegression.

    python bench/few_documents.py --data DIR [--only trec6,imdb] [--sizes 50,100,190] [--draws 5]

DIR holds one folder a corpus, with train.tsv and test.tsv, label<TAB>text a line.  Of each
train.tsv so many documents are drawn at random, --draws times anew; each draw trains textmlr
without options and TF-IDF of words and pairs of words + LogisticRegression(C=10), and both answer
the same --most documents of test.tsv, also drawn at random.  Documents of labels that a draw lacks
are left out of its test, for both.  A row of the table tells the means over the draws: accuracy,
log loss (nats), mean top probability less accuracy, and CPU seconds of training, after a first one
that compiles.

--keep FILE keeps the figures of LogisticRegression, which do not change from run to run.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from measuring import cell, heading, line, parse, parser_of, read_documents
from numpy.typing import NDArray

from textmlr.corpus.corpus import Corpus
from textmlr.training.corpus_training import train_corpus

Document = tuple[str, str]
FIGURES = ("accuracy", "loss", "sureness", "seconds")
HEADS = (
    "corpus",
    "documents",
    "accuracy",
    "LogisticRegression's",
    "log loss",
    "LogisticRegression's",
    "confidence − accuracy",
    "LogisticRegression's",
    "CPU s",
    "LogisticRegression's",
)


def drawn(
    documents: list[Document], tested: list[Document], size: int, most: int, own: str
) -> tuple[list[Document], list[Document]]:
    """(documents to learn from, documents to test on) of one draw, told by its name."""
    rng = random.Random(zlib.crc32(own.encode()))
    learnt = rng.sample(documents, size)
    labels = {label for label, _ in learnt}
    test = rng.sample(tested, min(most, len(tested)))
    return learnt, [document for document in test if document[0] in labels]


def figures(
    probabilities: NDArray[np.float64], labels: list[str], truth: list[str], seconds: float
) -> dict[str, float]:
    """Accuracy, mean loss in nats, mean top probability less accuracy.

    probabilities  (n, L) of labels
    """
    codes = {label: code for code, label in enumerate(labels)}
    y = np.array([codes[label] for label in truth])
    right = float((probabilities.argmax(axis=1) == y).mean())
    own = np.maximum(probabilities[np.arange(len(y)), y], np.finfo(np.float64).tiny)
    loss, sure = float(-np.log(own).mean()), float(probabilities.max(axis=1).mean())
    return dict(zip(FIGURES, (right, loss, sure - right, seconds), strict=True))


def ours(learnt: list[Document], test: list[Document]) -> dict[str, float]:
    """textmlr without options."""
    began = time.process_time()
    model = train_corpus(Corpus.of([text for _, text in learnt], [label for label, _ in learnt]))
    seconds = time.process_time() - began
    probabilities = model.probabilities([text for _, text in test])
    return figures(probabilities, model.labels, [label for label, _ in test], seconds)


def theirs(learnt: list[Document], test: list[Document]) -> dict[str, float]:
    """TF-IDF and LogisticRegression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10, max_iter=1000),
    )
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit([text for _, text in learnt], [label for label, _ in learnt])
    seconds = time.process_time() - began
    probabilities = pipeline.predict_proba([text for _, text in test])
    labels = pipeline.classes_.tolist()
    return figures(probabilities, labels, [label for label, _ in test], seconds)


def shown(name: str, size: int, both: list[tuple[dict[str, float], dict[str, float]]]) -> str:
    """The row of a corpus and a number of documents: means over the draws."""
    cells = [name, str(size)]
    for figure, digits in zip(FIGURES, (3, 3, 3, 2), strict=True):
        for side in range(2):
            mean = float(np.mean([pair[side][figure] for pair in both]))
            cells.append(cell(mean, digits))
    return line(cells)


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument("--sizes", default="50,100,190", help="documents of a draw [50,100,190]")
    parser.add_argument("--draws", type=int, default=5, help="of each size [5]")
    parser.add_argument("--most", type=int, default=2_000, help="documents tested on [2,000]")
    parser.add_argument("--keep", type=Path, help="file of LogisticRegression's figures")
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    arguments: argparse.Namespace = parse(parser)
    sizes = [int(size) for size in arguments.sizes.split(",")]
    kept: dict[str, dict[str, float]] = {}
    if arguments.keep and arguments.keep.exists():
        kept = json.loads(arguments.keep.read_text())
    everything: list[dict[str, Any]] = []
    print(heading(HEADS))
    warm = [(label, f"{label} {number}") for number in range(20) for label in "ab"]
    ours(warm, warm)
    for folder in arguments.folders:
        documents, tested = (read_documents(folder / f"{part}.tsv") for part in ("train", "test"))
        for size in (size for size in sizes if size <= len(documents)):
            both = []
            for number in range(arguments.draws):
                own = f"{folder.name} {size} {number} {arguments.most}"
                learnt, test = drawn(documents, tested, size, arguments.most, own)
                if own not in kept:
                    kept[own] = theirs(learnt, test)
                both.append((ours(learnt, test), kept[own]))
                everything.append({"draw": own, "textmlr": both[-1][0], "rival": both[-1][1]})
            print(shown(folder.name, size, both), flush=True)
            if arguments.keep:
                arguments.keep.write_text(json.dumps(kept, indent=1) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
