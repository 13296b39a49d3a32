"""How many distinct n-grams there are in so much text: Heaps' law, measured.

    python bench/vocabulary.py big.tsv [--bytes 5e9] [--share 64] [--json FILE]
    python bench/recombined.py --data DIR --bytes 1e9 | python bench/vocabulary.py -

Reads lines label<TAB>text and, at 1, 2, 5, 10 ... MB and at the end, tells the documents and tokens
so far, and how many distinct words, pairs of words and character 4-grams were in them: all, and
those of two documents or more.  Tokens are textmlr's own, punctuation among them.  Of the n-grams
one in --share is counted, chosen by its hash, and the count multiplied: 10,000 counted ones have an
error of about a hundredth.  Then the exponents of Heaps' law, distinct ~ tokens^exponent, by least
squares over the upper half of the table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from measuring import cell, heading, line
from numpy.typing import NDArray

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.in_memory import batches_of
from textmlr.features.ngrams import Hasher

READ = 1 << 22  # bytes at once
KINDS = {
    "words": FeaturizerOptions(ngrams=(1, 1), char_ngrams=None, min_df=1),
    "pairs": FeaturizerOptions(ngrams=(2, 2), char_ngrams=None, min_df=1),
    "4-grams": FeaturizerOptions(ngrams=None, char_ngrams=(4, 4), min_df=1),
}
HEADS = ("MB", "documents", "tokens", *(f"{kind}{of}" for kind in KINDS for of in ("", ", 2+")))


@dataclass(slots=True)
class Counter:
    """Distinct n-grams of one kind: those counted of one document, and of several."""

    hasher: Hasher
    share: int
    one: set[int] = field(default_factory=set)
    several: set[int] = field(default_factory=set)

    def add(self, block: Batch) -> int:
        """Count the n-grams of a block of documents; return how many there are, again and again."""
        grams, offsets, _ = self.hasher.placed(block)
        counted = np.flatnonzero(grams % np.uint64(self.share) == 0)
        document = np.searchsorted(offsets, counted, side="right")
        pairs = np.unique(np.stack([grams[counted], document.astype(np.uint64)]), axis=1)
        hashes, documents = np.unique(pairs[0], return_counts=True)
        for gram, times in zip(hashes.tolist(), documents.tolist(), strict=True):
            if gram in self.several:
                continue
            if times > 1 or gram in self.one:
                self.one.discard(gram)
                self.several.add(gram)
            else:
                self.one.add(gram)
        return len(grams)

    def distinct(self) -> tuple[int, int]:
        """(all, those of two documents or more), estimated."""
        several = len(self.several) * self.share
        return several + len(self.one) * self.share, several


@dataclass(frozen=True, slots=True)
class Row:
    """What there was in so much text; distinct n-grams (all, of two documents or more) by kind."""

    bytes: int
    documents: int
    tokens: int
    distinct: dict[str, tuple[int, int]]

    def markdown(self) -> str:
        """The row as a line of the table."""
        counts = [f"{count:,}" for kind in KINDS for count in self.distinct[kind]]
        size = f"{self.bytes / 1e6:,.6g}"
        return line((size, f"{self.documents:,}", f"{self.tokens:,}", *counts))


def pieces(source: BinaryIO, limit: float) -> Iterator[bytes]:
    """Whole lines, some MB at once, until so many bytes were read."""
    left, begun = limit, b""
    while left > 0 and (read := source.read(int(min(READ, left)))):
        left -= len(read)
        whole, newline, begun_next = (begun + read).rpartition(b"\n")
        if newline:
            yield whole + newline
        begun = begun_next
    if begun and left > 0:
        yield begun


def marks() -> Iterator[int]:
    """1, 2, 5, 10 ... MB."""
    size = 1_000_000
    while True:
        yield from (size, 2 * size, 5 * size)
        size *= 10


def grow(source: BinaryIO, limit: float, share: int) -> Iterator[Row]:
    """The rows, each as soon as so much was read."""
    counters = {kind: Counter(Hasher(options), share) for kind, options in KINDS.items()}
    read = documents = tokens = told = 0
    steps = marks()
    mark = next(steps)
    for piece in pieces(source, limit):
        texts = [text.partition(b"\t")[2] for text in piece.removesuffix(b"\n").split(b"\n")]
        for block in blocks_of(batches_of(texts)):
            grams = {kind: counter.add(block) for kind, counter in counters.items()}
            tokens += grams["words"]
        documents += len(texts)
        read += len(piece)
        if read >= mark:
            yield Row(read, documents, tokens, {k: c.distinct() for k, c in counters.items()})
            told = read
            mark = next(step for step in steps if step > read)
    if told != read:
        yield Row(read, documents, tokens, {k: c.distinct() for k, c in counters.items()})


def exponents(rows: list[Row]) -> dict[str, float | None]:
    """Slope of log distinct over log tokens, by kind; None with fewer than two rows."""
    upper = rows[len(rows) // 2 :]
    if len(upper) < 2 or upper[0].tokens == upper[-1].tokens:
        return dict.fromkeys(KINDS)
    x = np.log([row.tokens for row in upper])

    def slope(kind: str) -> float:
        y: NDArray[np.float64] = np.log([max(row.distinct[kind][0], 1) for row in upper])
        return float(np.polyfit(x, y, 1)[0])

    return {kind: slope(kind) for kind in KINDS}


def main() -> None:
    """Print the rows as they come, and the exponents."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="TSV file, - for standard input")
    parser.add_argument("--bytes", type=float, default=np.inf, help="read no more [all]")
    parser.add_argument("--share", type=int, default=64, help="count one n-gram in so many [64]")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    arguments = parser.parse_args()
    if arguments.share < 1:
        parser.error("--share: at least 1")
    print(heading(HEADS))
    rows = []
    with open(0 if arguments.source == "-" else arguments.source, "rb") as source:
        for row in grow(source, arguments.bytes, arguments.share):
            rows.append(row)
            print(row.markdown(), flush=True)
    fits = exponents(rows)
    print("\nexponents: " + ", ".join(f"{kind} {cell(fits[kind], 2)}" for kind in KINDS))
    if arguments.json:
        told = {"rows": list(map(asdict, rows)), "exponents": fits}
        arguments.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
