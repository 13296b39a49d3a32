"""A pipeline of scikit-learn's, and the same with textmlr in its place, line for line.

    python bench/side_by_side.py [TRAIN.tsv [TEST.tsv]] [--runs N] [--search]

Files of label<TAB>text lines; without any, the genres in data/.  With one, a fifth of it is kept
to test by.  Each cell (# %%) can also be run by itself in an editor that knows them.  Seconds are
medians of N runs of each pipeline, in turn, by the clock and of all processors; the first run ever
compiles textmlr's kernels, and is not counted.
"""

# %% What is compared
from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import cell, heading, line, read_documents
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from textmlr.sklearn import MultinomialLogisticClassifier, TextClassifier, TextFeaturizer

DATA = Path(__file__).parent.parent / "data"
GRID = (1.0, 10.0, 100.0)

PIPELINES = {
    # Before:
    "TfidfVectorizer, LogisticRegression": make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10, max_iter=1000),
    ),
    # After:
    "TextFeaturizer, MultinomialLogisticClassifier": make_pipeline(
        TextFeaturizer(ngrams=(1, 2)),
        MultinomialLogisticClassifier(C=10),
    ),
    # One for both, which chooses n-grams, steps and calibration by itself:
    "TextClassifier": TextClassifier(),
}


# %% Texts and labels, to learn from and to test by
def read(
    train: Path | None, test: Path | None
) -> tuple[list[str], list[str], list[str], list[str]]:
    """(texts, labels, test texts, their labels); labels that training has not are left out."""
    if train is None:
        train, test = DATA / "genres-train.tsv", DATA / "genres-test.tsv"
    labels, texts = zip(*read_documents(train), strict=True)
    if test is None:
        split = train_test_split(texts, labels, test_size=0.2, stratify=labels, random_state=0)
        return split[0], split[2], split[1], split[3]
    known = set(labels)
    new_labels, new = zip(
        *((label, text) for label, text in read_documents(test) if label in known), strict=True
    )
    return list(texts), list(labels), list(new), list(new_labels)


# %% One run of one pipeline: the same three calls for each
def measure(
    pipeline: Any, texts: list[str], labels: list[str], new: list[str], new_labels: list[str]
) -> tuple[float, ...]:
    """(seconds to fit, processors' seconds to fit, seconds to answer, accuracy, log loss)."""
    began, own = time.perf_counter(), time.process_time()
    pipeline.fit(texts, labels)
    fitted, used = time.perf_counter(), time.process_time() - own
    p = pipeline.predict_proba(new)
    answered = time.perf_counter()
    answers = pipeline.classes_[p.argmax(axis=1)]
    return (
        fitted - began,
        used,
        answered - fitted,
        accuracy_score(new_labels, answers),
        log_loss(new_labels, p, labels=pipeline.classes_),
    )


def compare(corpus: tuple[list[str], ...], runs: int) -> None:
    """Print a row for each pipeline."""
    texts, labels, new, _ = corpus
    for pipeline in list(PIPELINES.values())[1:]:  # compile, on a part
        pipeline.fit(texts[:200], labels[:200]).predict_proba(new[:20])
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in PIPELINES}
    for _ in range(runs):
        for name, pipeline in PIPELINES.items():
            rows[name].append(measure(pipeline, *corpus))
    print(heading(["", "fit, s", "CPU, s", "answer, s", "accuracy", "log loss", "CPU: × as fast"]))
    first = None
    for name, found in rows.items():
        fit, used, answer, accuracy, loss = np.median(found, axis=0).tolist()
        first = first or used
        numbers = cell(fit, 2), cell(used, 2), cell(answer, 3), cell(accuracy, 4), cell(loss, 3)
        print(line([name, *numbers, cell(first / used, 1)]))


# %% A grid search, with either
def search(corpus: tuple[list[str], ...]) -> None:
    """Print what GridSearchCV finds, and how long it takes."""
    texts, labels, new, new_labels = corpus
    print()
    print(heading(["GridSearchCV over C, 3 folds", "best C", "accuracy", "seconds"]))
    for name, pipeline in list(PIPELINES.items())[:2]:
        step = pipeline.steps[-1][0]
        began = time.perf_counter()
        found = GridSearchCV(pipeline, {f"{step}__C": GRID}, cv=3, scoring="neg_log_loss")
        found.fit(texts, labels)
        seconds = time.perf_counter() - began
        accuracy = accuracy_score(new_labels, found.best_estimator_.predict(new))
        best = f"{found.best_params_[f'{step}__C']:g}"
        print(line([name, best, cell(accuracy, 4), cell(seconds, 1)]))


# %% Run it
def main() -> None:
    """Read the arguments, compare, search."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train", type=Path, nargs="?", help="label<TAB>text lines")
    parser.add_argument("test", type=Path, nargs="?", help="more of them, to test by")
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each [3]")
    parser.add_argument("--search", action="store_true", help="and GridSearchCV over C with both")
    arguments = parser.parse_args()
    for path in (arguments.train, arguments.test):
        if path is not None and not path.is_file():
            parser.error(f"{path}: no such file")
    if arguments.runs < 1:
        parser.error("--runs: at least 1")
    corpus = read(arguments.train, arguments.test)
    print(
        f"{len(corpus[0]):,} texts of {len(set(corpus[1]))} labels, {len(corpus[2]):,} to test by\n"
    )
    compare(corpus, arguments.runs)
    if arguments.search:
        search(corpus)


if __name__ == "__main__":
    main()
