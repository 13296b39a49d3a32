"""Text → matrix, beside scikit-learn's:

    python bench/featurizer.py --data DIR [--only imdb,nsmc-ko] [--runs 5] [--rival-runs 3]

For each folder of DIR with a train.tsv and a test.tsv (label<TAB>text a line), in one process and
in turn: fit_transform of the training documents and transform of the test documents, by Featurizer
as it comes (1-2-grams, TF-IDF, a vocabulary) with one thread and with two, and by TfidfVectorizer
with the options that give the same tokens and weights (it has one thread only).  Everyone is given
the same list of str; a second row gives Featurizer an Arrow array instead, whose text it reads
where it lies.  Each run makes a new vectorizer, so that transform is the first one after a fit.
Medians; reading the files is not counted, nor is the first run of each, which is thrown away (of
scikit-learn, which compiles nothing, the first run is over a few documents only).

Featurizer drops features of a single document where there are very many (see FeaturizerOptions'
min_df), TfidfVectorizer never does; the table tells how many features either kept.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from measuring import heading, line, parse, parser_of, read_documents
from sklearn.feature_extraction.text import TfidfVectorizer

from textmlr import Featurizer

STAGES = ("fit_transform", "transform")
INPUTS = ("list of str", "Arrow array")
THREADS = (1, 2)
WARM_UP = 200  # documents of scikit-learn's warm-up
HEADS = (
    "corpus",
    "stage",
    "our input",
    "MB",
    "scikit-learn s",
    "1 thread s",
    "2 threads s",
    "scikit-learn MB/s",
    "1 thread MB/s",
    "2 threads MB/s",
    "scikit-learn / 1 thread",
    "scikit-learn / 2 threads",
    "1 thread / 2 threads",
    "our features",
    "scikit-learn's",
)


@dataclass(slots=True)
class Contestant:
    """One way to vectorize.

    make       a new vectorizer
    documents  of training and of test, as it is given them
    extra      further arguments of fit_transform and transform
    seconds    of each run, by stage
    features   in the vocabulary, known after a run; the bias is none
    """

    make: Callable[[], Any]
    documents: tuple[Any, Any]
    extra: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {s: [] for s in STAGES})
    features: int = 0

    def run(self) -> None:
        """Time both stages once.  Matrices are freed, and garbage collected, between timings."""
        vectorizer = self.make()
        for stage, documents in zip(STAGES, self.documents, strict=True):
            gc.collect()
            began = time.perf_counter()
            matrix = getattr(vectorizer, stage)(documents, **self.extra)
            self.seconds[stage].append(time.perf_counter() - began)
            del matrix
        own = getattr(vectorizer, "vocabulary", None)
        self.features = len(vectorizer.vocabulary_ if own is None else own)

    def median(self, stage: str) -> float:
        """Seconds."""
        return statistics.median(self.seconds[stage])


def rival() -> TfidfVectorizer:
    """scikit-learn's with Featurizer's tokens: words of any length, and each mark of its own."""
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+|[^\w\s]")


def measure(folder: Path, runs: int, rival_runs: int) -> list[dict[str, Any]]:
    """Rows of the table for one corpus; runs and rival_runs are numbers of timed runs."""
    train, test = (
        [text for _, text in read_documents(folder / name)] for name in ("train.tsv", "test.tsv")
    )
    given: dict[str, tuple[Any, Any]] = {
        INPUTS[0]: (train, test),
        INPUTS[1]: (pa.array(train, pa.large_string()), pa.array(test, pa.large_string())),
    }
    ours = {
        (kind, threads): Contestant(Featurizer, given[kind], {"threads": threads})
        for kind in INPUTS
        for threads in THREADS
    }
    theirs = Contestant(rival, (train, test))
    Contestant(rival, (train[:WARM_UP], test[:WARM_UP])).run()
    for contestant in ours.values():
        Contestant(contestant.make, contestant.documents, contestant.extra).run()
    # The rival's runs are fewer, since they are long, but lie evenly among ours.
    turns = set(np.linspace(0, runs - 1, rival_runs).round().astype(int).tolist())
    for turn in range(runs):
        for contestant in ours.values():
            contestant.run()
        if turn in turns:
            theirs.run()
    sizes = [sum(len(text.encode()) for text in texts) / 1e6 for texts in (train, test)]
    return [
        row(folder.name, stage, size, kind, [ours[kind, threads] for threads in THREADS], theirs)
        for stage, size in zip(STAGES, sizes, strict=True)
        for kind in INPUTS
    ]


def row(
    corpus: str, stage: str, size: float, kind: str, ours: list[Contestant], theirs: Contestant
) -> dict[str, Any]:
    """One line: size in MB of UTF-8 text, times in seconds, ours with one thread and with two."""
    one, two = (contestant.median(stage) for contestant in ours)
    other = theirs.median(stage)
    return {
        "corpus": corpus,
        "stage": stage,
        "input": kind,
        "mb": size,
        "sklearn_s": other,
        "one_thread_s": one,
        "two_threads_s": two,
        "sklearn_mb_s": size / other,
        "one_thread_mb_s": size / one,
        "two_threads_mb_s": size / two,
        "sklearn_to_one": other / one,
        "sklearn_to_two": other / two,
        "one_to_two": one / two,
        "features": ours[0].features,
        "sklearn_features": theirs.features,
        "runs": len(ours[0].seconds[stage]),
        "sklearn_runs": len(theirs.seconds[stage]),
    }


def shown(row: dict[str, Any]) -> str:
    """The row as Markdown."""
    formats = {
        "corpus": "",
        "stage": "",
        "input": "",
        "mb": ".2f",
        "sklearn_s": ".3f",
        "one_thread_s": ".3f",
        "two_threads_s": ".3f",
        "sklearn_mb_s": ".2f",
        "one_thread_mb_s": ".1f",
        "two_threads_mb_s": ".1f",
        "sklearn_to_one": ".1f",
        "sklearn_to_two": ".1f",
        "one_to_two": ".2f",
        "features": ",",
        "sklearn_features": ",",
    }
    return line(f"{row[name]:{form}}" for name, form in formats.items())


def main() -> None:
    """Print the lines of a corpus as it is done."""
    parser = parser_of(__doc__, runs=5)
    parser.add_argument("--rival-runs", type=int, default=3, help="of scikit-learn, at most --runs")
    arguments = parse(parser)
    if not 1 <= arguments.rival_runs <= arguments.runs:
        parser.error("1 <= --rival-runs <= --runs must hold")
    print(heading(HEADS))
    rows = []
    for folder in arguments.folders:
        for found in measure(folder, arguments.runs, arguments.rival_runs):
            rows.append(found)
            print(shown(found), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
