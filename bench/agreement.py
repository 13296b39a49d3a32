"""Does the featurizer agree with scikit-learn on every document of a corpus?

    python bench/agreement.py --data DIR [--only imdb,20ng-raw]

DIR holds one folder a corpus with a train.tsv, label<TAB>text a line.  Counts of 1-2-grams are
compared with CountVectorizer's, which must be equal, and weights with TfidfVectorizer's (1 + ln
count, smoothed idf, rows of length 1), which may differ by 1e-6 of themselves; once with the words
of two letters and more (scikit-learn's own pattern), once with all words and punctuation.
Features are compared by name.  Exits with 1 if anything differs.

scikit-learn lower-cases with a preprocessor of ours, code point by code point: ``str.lower`` makes
two of U+0130 and has a sigma for the end of words.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measuring import parse, parser_of, read_lines
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from textmlr import Featurizer, FeaturizerOptions

RTOL = 1e-6
COMMON = {
    "token_pattern": r"\w+",
    "ngrams": (1, 2),
    "bias": False,
    "split_scripts": False,
    "min_df": 1,
}
PATTERNS = {
    "words of 2+ letters": (r"(?u)\b\w\w+\b", {"punctuation": False, "min_token_length": 2}),
    "words, punctuation": (r"\w+|[^\w\s]", {"punctuation": True}),
}


def lower(text: str) -> str:
    return "".join([low if len(low := c.lower()) == 1 else c for c in text])


def read(path: Path) -> list[bytes]:
    """The text of each line."""
    return [line.partition(b"\t")[2] for line in read_lines(path)]


def compare(
    documents: list[bytes], vectorizer: Any, options: FeaturizerOptions
) -> tuple[int, float, str]:
    """(scikit-learn's non-zeros, largest difference relative to scikit-learn's, what else differs).

    Where features or the places of entries differ, the largest difference is infinite.
    """
    theirs = vectorizer.fit_transform(documents)
    their_names = vectorizer.get_feature_names_out()
    featurizer = Featurizer(options)
    ours = featurizer.fit_transform(documents)
    column = {name: i for i, name in enumerate(featurizer.feature_names())}
    if alone := column.keys() ^ set(their_names):
        some = ", ".join(map(repr, sorted(alone)[:3]))
        return theirs.nnz, np.inf, f"{len(alone)} features are only in one: {some}"
    # Our entries in the order of their columns.
    to = np.empty(len(column), np.int64)
    to[[column[name] for name in their_names]] = np.arange(len(column))
    row = np.repeat(np.arange(len(documents)), np.diff(ours.indptr))
    order = np.lexsort((to[ours.indices], row))
    theirs.sort_indices()
    for i in range(len(documents)):
        mine = to[ours.indices[order[ours.indptr[i] : ours.indptr[i + 1]]]]
        if not np.array_equal(mine, theirs.indices[theirs.indptr[i] : theirs.indptr[i + 1]]):
            return theirs.nnz, np.inf, f"document {i} has other features"
    difference = np.abs(ours.data[order] - theirs.data) / np.abs(theirs.data)
    return theirs.nnz, float(difference.max(initial=0.0)), ""


def comparisons() -> Iterator[tuple[str, Any, FeaturizerOptions, float]]:
    """(what, scikit-learn's vectorizer, our options, largest difference allowed)."""
    for what, (pattern, tokens) in PATTERNS.items():
        same = {
            "preprocessor": lower,
            "decode_error": "replace",
            "token_pattern": pattern,
            "ngram_range": (1, 2),
        }
        counts = FeaturizerOptions(**COMMON, **tokens, term_frequency="raw", idf=False, norm=None)  # type: ignore[arg-type]
        yield f"counts: {what}", CountVectorizer(**same), counts, 0.0
        weights = FeaturizerOptions(**COMMON, **tokens)  # type: ignore[arg-type]
        yield f"tf-idf: {what}", TfidfVectorizer(**same, sublinear_tf=True), weights, RTOL


def main() -> int:
    arguments = parse(parser_of(__doc__), ("train.tsv",))
    print(f"{'corpus':16} {'what':28} {'documents':>9} {'non-zeros':>11}  largest difference")
    failed = 0
    for folder in arguments.folders:
        documents = read(folder / "train.tsv")
        for what, vectorizer, options, allowed in comparisons():
            size, largest, why = compare(documents, vectorizer, options)
            failed += largest > allowed
            verdict = f"DIFFERS {why}" if largest > allowed else ""
            figures = f"{len(documents):9} {size:11} {largest:19.2e} {verdict}"
            print(f"{folder.name:16} {what:28} {figures}".rstrip(), flush=True)
    print(f"{failed} comparisons differ" if failed else "all agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
