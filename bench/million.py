"""A corpus of as many labels as one likes, a million and more, with few short documents each.

    python bench/million.py --data DIR --labels 1000000 --output DIR2 [--mean 5] [--seed 0]

Writes DIR2/train.tsv and DIR2/test.tsv, lines label<TAB>text, from DIR/headwords (senses of words)
and DIR/debian-sections (descriptions of packages).  A label is a headword and the name of a
package, such as ``grace.libpng``: every headword is taken before any is taken again, with a package
drawn at random.  A document is a few successive words of one of the headword's senses, then a few
of the package's description.  So neither alone tells the label: headwords and packages have several
labels each.

A label has as many documents as a headword drawn at random has, times a number drawn from 1, 2 … so
that the mean is --mean: some have one, a few have hundreds.  train.tsv is in random order.
test.tsv has TEST documents drawn anew, of labels that have two documents or more.

The labels of a smaller corpus are the first of a larger one, with the same documents; the same seed
makes the same bytes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from measuring import parse, parser_of, read_documents, write_lines
from numpy.typing import NDArray

TEST = 10_000  # documents
BLOCK = 1 << 14  # labels drawn at once
SENSE, PACKAGE = (3, 7), (2, 5)  # words of either in a document: at least, and fewer than
LONGEST = 60  # words of a description that are taken
NAME = re.compile(r"(?<!\S)[a-z][a-z0-9+.-]{2,19}(?!\w)")

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Real documents.

    headwords  each once;  senses  the words of each one's senses
    names      a package's name, or the like, from its description;  packages  the description's
               words
    """

    headwords: list[str]
    senses: list[list[list[str]]]
    names: list[str]
    packages: list[list[str]]

    @classmethod
    def of(cls, data: Path) -> Source:
        """The documents of DIR/headwords and DIR/debian-sections."""
        senses: dict[str, list[list[str]]] = {}
        for label, text in read_documents(data / "headwords" / "train.tsv"):
            senses.setdefault(label, []).append(text.split())
        names, packages = [], []
        for _, text in read_documents(data / "debian-sections" / "train.tsv"):
            words = text.split(maxsplit=LONGEST)[:LONGEST]
            found = max(NAME.findall(" ".join(words[:12])), key=len, default="")
            if found:
                names.append(found.rstrip(".-+"))
                packages.append(words)
        headwords = sorted(senses)
        return cls(headwords, [senses[word] for word in headwords], names, packages)

    def text(self, headword: int, package: int, draws: NDArray[np.float64]) -> str:
        """A document, by draws from [0, 1): sense, begin and number of words of sense and package,
        (5,)."""
        senses = self.senses[headword]
        which, *rest = draws.tolist()
        own = stretch(senses[int(which * len(senses))], *rest[:2], SENSE)
        return f"{own} {stretch(self.packages[package], *rest[2:], PACKAGE)}"


def stretch(words: Sequence[str], begin: float, number: float, bounds: tuple[int, int]) -> str:
    """Successive words."""
    least, most = bounds
    size = min(least + int(number * (most - least)), len(words))
    first = int(begin * (len(words) - size + 1))
    return " ".join(words[first : first + size])


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What labels are made of: (L,) the headword, package and number of documents of each."""

    headword: Ints
    package: Ints
    count: Ints


def labels_of(source: Source, size: int, mean: float, seed: int) -> Labels:
    """So many labels."""
    words, packages = len(source.headwords), len(source.packages)
    real = np.array([len(own) for own in source.senses])
    most = max(1.0, 2 * mean / real.mean() - 1)  # of [1, most) the mean is mean / real.mean()
    rounds, blocks = -(-size // words), -(-size // BLOCK)
    turns = [np.random.default_rng([seed, 0, turn]).permutation(words) for turn in range(rounds)]
    drawn = []
    for block in range(blocks):
        rng = np.random.default_rng([seed, 1, block])
        times = np.floor(rng.uniform(1, most, BLOCK) + rng.random(BLOCK)).astype(np.int64)
        count = real[rng.integers(words, size=BLOCK)] * times
        drawn.append((rng.integers(packages, size=BLOCK), count))
    package, count = (np.concatenate(parts)[:size] for parts in zip(*drawn, strict=True))
    return Labels(np.concatenate(turns)[:size], package, count)


def names_of(source: Source, labels: Labels) -> list[str]:
    """The name of each label; the second of one name has a 2 behind it, and so on."""
    seen: dict[str, int] = {}
    names = []
    for headword, package in zip(labels.headword.tolist(), labels.package.tolist(), strict=True):
        name = f"{source.headwords[headword]}.{source.names[package]}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return names


def documents_of(source: Source, labels: Labels, seed: int) -> Iterator[tuple[int, str]]:
    """(number of its label, text) of each document, label by label."""
    for block, first in enumerate(range(0, len(labels.count), BLOCK)):
        rng = np.random.default_rng([seed, 2, block])
        own = slice(first, first + BLOCK)
        pairs = zip(labels.headword[own].tolist(), labels.package[own].tolist(), strict=True)
        for label, (pair, count) in enumerate(zip(pairs, labels.count[own].tolist(), strict=True)):
            for draws in rng.random((count, 5)):
                yield first + label, source.text(*pair, draws)


def write(source: Source, folder: Path, size: int, mean: float = 5, seed: int = 0) -> None:
    """Write train.tsv and test.tsv of so many labels."""
    labels = labels_of(source, size, mean, seed)
    names = names_of(source, labels)
    lines = [f"{names[label]}\t{text}" for label, text in documents_of(source, labels, seed)]
    order = np.random.default_rng([seed, 3]).permutation(len(lines))
    write_lines(folder / "train.tsv", (lines[i] for i in order.tolist()))
    rng = np.random.default_rng([seed, 4])
    asked = np.repeat(np.arange(size), np.where(labels.count > 1, labels.count, 0))
    known, test = set(lines), []
    for label in rng.choice(asked, 4 * TEST).tolist() if len(asked) else ():
        pair = int(labels.headword[label]), int(labels.package[label])
        test.append(f"{names[label]}\t{source.text(*pair, rng.random(5))}")
    write_lines(folder / "test.tsv", islice((one for one in test if one not in known), TEST))


def main() -> None:
    """Write the files."""
    parser = parser_of(__doc__)
    parser.add_argument("--labels", type=float, default=1e6, help="[1e6]")
    parser.add_argument("--mean", type=float, default=5, help="documents a label [5]")
    parser.add_argument("--seed", type=int, default=0, help="[0]")
    parser.add_argument("--output", type=Path, required=True, help="folder of both files")
    arguments = parse(parser, ("train.tsv",))
    names = {folder.name for folder in arguments.folders}
    if lacking := {"headwords", "debian-sections"} - names:
        sys.exit(f"million.py: {arguments.data} lacks {' and '.join(sorted(lacking))}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    size = round(arguments.labels)
    write(Source.of(arguments.data), arguments.output, size, arguments.mean, arguments.seed)


if __name__ == "__main__":
    main()
