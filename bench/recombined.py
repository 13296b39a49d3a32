"""A corpus as large as one likes, made of real documents recombined by passage.

    python bench/recombined.py --data DIR --bytes 5e9 [--seed 0] [--only imdb,20ng-raw] > big.tsv
    python bench/recombined.py --data DIR --bytes 2e7 --part test > test.tsv

Writes lines label<TAB>text until there are so many bytes; labels are corpus/label.  Without --only
the corpora are those whose file has 10 MB or more: of smaller ones the same passages would come
again and again.

A new document has the label and the number of passages of a real one drawn at random, so shares of
labels and lengths are the real ones.  Its first passage is the first one of some document of that
label and corpus, and each other one a later passage of some document of them.  Passages are
paragraphs (after a line break, which the files have as <br /> or as two spaces); sentences, where a
text has no paragraphs or they are long; or stretches of words, where there are no sentences.

Recombining alone makes no new words, and real text always has some.  So a passage is drawn in one
of endlessly many versions, number v with a probability falling as v^(-1/VERSIONS): version 0 is the
real one, and in each other certain words give way to others, made up, always the same.  Those are
drawn likewise, number r as (r + COMMON)^(-1/WORDS), and spelt with the first half of one real word
and the last half of another.  So n-grams grow in number by a power of the length of the text, and
most of them have been seen once, as in real text.  --new-words is the share of words that give way;
the default and the three constants are fitted with vocabulary.py to the growth in the four large
corpora themselves (see README.md).

Document number i is a function of the seed and i alone: a shorter file is the beginning of a longer
one.  With --sorted the documents come label after label, each label with its share of the bytes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import parse, parser_of, read_lines
from numba import njit
from numpy.typing import NDArray

LARGE = 10_000_000  # bytes of a file that is taken without being asked for
SHORT, LONG = 80, 400  # bytes a passage has at least, in a long enough text; cut at sentences above
STRETCH = 120  # bytes of passages of a text without sentences
NEW_WORDS = 0.08
VERSIONS, WORDS, COMMON = 0.88, 0.82, 30.0
BLOCK = 4096  # documents made at once
# What parts two passages is in one of three groups: the first is behind a sentence.
BREAK = re.compile(rb"[.!?][\"')]*( )(?! )|((?:<br />)+)|(  +)")
WORD = re.compile(rb"[A-Za-z\x80-\xff]{4,}")
SPELLING_LINES = 2000  # of a corpus, whose words' halves made-up words are spelt with
MOST = 20  # bytes of a half, of which a made-up word has three at most
SMALLEST = 3  # bytes of a word that gives way: shorter ones are of the grammar or of <br />

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Numbers = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Byte strings one after another: piece i is text[offsets[i]:offsets[i + 1]]."""

    text: Bytes
    offsets: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def of(cls, pieces: Sequence[bytes]) -> Pieces:
        text = np.frombuffer(b"".join(pieces), np.uint8)
        return cls(text, offsets_of(np.fromiter(map(len, pieces), np.int64, len(pieces))))


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Real documents, sorted by label, and what new ones are made of.

    labels   L names with their corpus
    corpus   (L,) the corpus of a label
    count    (n,) passages of a document, and label (n,) its label
    passages first ones of all documents label by label, then all others likewise
    first    (L + 1,) where the first passages of a label begin, and other (L + 1,) its others
    heads, tails            halves of words, of all corpora one after another
    head_begin, tail_begin  (corpora + 1,) where those of a corpus begin
    """

    labels: list[str]
    corpus: Ints
    count: Ints
    label: Ints
    passages: Pieces
    first: Ints
    other: Ints
    heads: Pieces
    tails: Pieces
    head_begin: Ints
    tail_begin: Ints

    @property
    def words(self) -> int:
        """Words of all documents, about."""
        return int(np.count_nonzero(self.passages.text == ord(" "))) + len(self.count)


def large(folders: Sequence[Path]) -> list[Path]:
    """Those whose training file is large enough to be recombined often; all, if none is."""
    return [f for f in folders if (f / "train.tsv").stat().st_size >= LARGE] or list(folders)


def offsets_of(sizes: Ints) -> Ints:
    """(n + 1,) where each of n things begins, lying one after another, and where the last ends."""
    return np.concatenate([[0], np.cumsum(sizes)])


def cut(text: bytes) -> list[bytes]:
    """The passages of a text, which together are the text: each but the first begins with what
    parted it from the one before.  Two at least, if there is a space."""
    least = min(SHORT, len(text) // 3)
    found = list(BREAK.finditer(text))
    paragraphs = any(match.lastindex != 1 for match in found)
    places = [(m.start(m.lastindex), paragraphs and m.lastindex == 1) for m in found]
    if not places and len(text) > 2 * STRETCH:
        places = [(match.start(), False) for match in re.finditer(rb" ", text)]
        least = STRETCH
    cuts = [0]
    for place, long_only in places:
        if place - cuts[-1] >= (LONG if long_only else least) and len(text) - place >= least:
            cuts.append(place)
    if len(cuts) == 1:
        middle = text.find(b" ", len(text) // 2)
        middle = text.rfind(b" ", 0, len(text) // 2) if middle < 0 else middle
        cuts += [middle] * (middle > 0)
    return [text[a:b] for a, b in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def halves(lines: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """(first halves, last halves) of the words of some of the lines; each once, sorted."""
    some = lines[:: max(1, len(lines) // SPELLING_LINES)]
    heads, tails = {b"mo"}, {b"ra"}  # where there are no words at all
    for word in {word for text in some for word in WORD.findall(text.partition(b"\t")[2])}:
        letters = word.decode(errors="ignore").lower()
        middle = len(letters) // 2
        heads.add(letters[:middle].encode()[:MOST].decode(errors="ignore").encode())
        tails.add(letters[middle:].encode()[-MOST:].decode(errors="ignore").encode())
    return sorted(heads), sorted(tails)


def read(folders: Sequence[Path], part: str = "train") -> Source:
    """The documents of the ``part``.tsv of each folder; words are always spelt as in train.tsv.

    Exits if a line has no tab.
    """
    cuts: dict[str, list[list[bytes]]] = {}
    heads, tails, corpus_of = [], [], {}
    for corpus, folder in enumerate(folders):
        lines = read_lines(folder / f"{part}.tsv")
        for number, text in enumerate(lines, 1):
            label, tab, text = text.partition(b"\t")
            if not tab:
                sys.exit(f"{folder / part}.tsv:{number}: no tab")
            name = f"{folder.name}/{label.strip().decode(errors='replace')}"
            corpus_of[name] = corpus
            cuts.setdefault(name, []).append(cut(text))
        spelling = halves(lines if part == "train" else read_lines(folder / "train.tsv"))
        heads.append(spelling[0])
        tails.append(spelling[1])
    labels = sorted(cuts)
    documents = [document for label in labels for document in cuts[label]]
    others = [[p for document in cuts[label] for p in document[1:]] for label in labels]
    pieces = [document[0] for document in documents]
    pieces += [passage for passages in others for passage in passages]
    sizes = np.array([len(cuts[label]) for label in labels])
    return Source(
        labels=labels,
        corpus=np.array([corpus_of[label] for label in labels]),
        count=np.fromiter(map(len, documents), np.int64, len(documents)),
        label=np.repeat(np.arange(len(labels)), sizes),
        passages=Pieces.of(pieces),
        first=offsets_of(sizes),
        other=offsets_of(np.array([len(passages) for passages in others])) + len(documents),
        heads=Pieces.of([half for one in heads for half in one]),
        tails=Pieces.of([half for one in tails for half in one]),
        head_begin=offsets_of(np.array([len(one) for one in heads])),
        tail_begin=offsets_of(np.array([len(one) for one in tails])),
    )


def drawn(key: int, numbers: Ints) -> Numbers:
    """A random 64-bit number for each number and key: Steele, Lea and Flood, Fast Splittable
    Pseudorandom Number Generators, OOPSLA 2014, as SplitMix64."""
    x = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x += np.uint64(key * 0xD1342543DE82EF95 % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(key: int, numbers: Ints) -> NDArray[np.float64]:
    """Uniform in [0, 1)."""
    return (drawn(key, numbers) >> np.uint64(11)) * 2.0**-53


def power_law(uniform: NDArray[np.float64], exponent: float, common: float = 1.0) -> Ints:
    """Numbers from 0 of which so many draws have about draws^exponent distinct ones, once they are
    more than ``common``."""
    tail = (1 - uniform) ** (-exponent / (1 - exponent)) - 1
    return np.minimum(common * tail, 2.0**40).astype(np.int64)


@njit(cache=True, nogil=True)
def letter(byte):
    return byte >= 128 or 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


@njit(cache=True, nogil=True)
def copy(text, begin, end, out, at):
    """Copy text[begin:end] to out[at:]; return where it ends there."""
    source, target = text[begin:end], out[at : at + end - begin]
    for i in range(len(source)):  # seven times as fast as with begin and at in the indices
        target[i] = source[i]
    return at + end - begin


@njit(cache=True, nogil=True)
def assemble(
    labels,
    label_text,
    label_offsets,
    counts,
    text,
    offsets,
    passages,
    altered,
    places,
    halves,
    half_text,
    half_offsets,
    out,
):
    """Write documents as lines; return their bytes.

    labels    (n,), of label_text and label_offsets, each with its tab
    counts    (n,) passages of a document
    passages  (p,) all of them in turn, of text and offsets
    altered   (p,) places of a passage at which a word is to give way
    places    (a,) bytes behind the beginning of the passage, ascending in each
    halves    (a, 3) what is written instead, of half_text and half_offsets
    """
    at = passage = place = 0
    for document in range(len(labels)):
        label = labels[document]
        at = copy(label_text, label_offsets[label], label_offsets[label + 1], out, at)
        for _ in range(counts[document]):
            done = offsets[passages[passage]]
            end = offsets[passages[passage] + 1]
            first = done
            for _ in range(altered[passage]):
                start = first + places[place]
                if start >= done and letter(text[start]):
                    stop = start + 1
                    while stop < end and letter(text[stop]):
                        stop += 1
                    while start > done and letter(text[start - 1]):
                        start -= 1
                    if stop - start >= SMALLEST:
                        at = copy(text, done, start, out, at)
                        for part in range(3):
                            half = halves[place, part]
                            at = copy(
                                half_text, half_offsets[half], half_offsets[half + 1], out, at
                            )
                        done = stop
                place += 1
            at = copy(text, done, end, out, at)
            passage += 1
        out[at] = 10
        at += 1
    return at


class Recombined:
    """New documents made of a Source's.

    >>> made = Recombined(read([Path("corpora/imdb")]), seed=0)  # doctest: +SKIP
    >>> next(made.lines())  # doctest: +SKIP
    b'imdb/neg\\tThis is what happens when ...\\n'
    """

    def __init__(self, source: Source, seed: int = 0, new_words: float = NEW_WORDS) -> None:
        self.source, self.seed = source, seed
        self._labels = Pieces.of([f"{label}\t".encode() for label in source.labels])
        # The empty half is the last one: most made-up words have no middle.
        text = np.concatenate([source.heads.text, source.tails.text])
        tails = source.tails.offsets[1:] + source.heads.offsets[-1]
        self._halves = Pieces(text, np.concatenate([source.heads.offsets, tails, tails[-1:]]))
        self._out = np.empty(0, np.uint8)  # used again and again
        self._sizes = np.diff(source.passages.offsets)
        self._gap = self._bytes_a_place(new_words)

    def _bytes_a_place(self, new_words: float) -> float:
        """Bytes of altered passages to a place drawn, for that share of all words to give way."""
        if not new_words:
            return np.inf
        text, offsets = self.source.passages.text, self.source.passages.offsets
        some = range(0, len(offsets) - 1, max(1, (len(offsets) - 1) // 20_000))
        sample = b" ".join(text[offsets[i] : offsets[i + 1]].tobytes() for i in some)
        words = re.findall(rb"[0-9A-Za-z\x80-\xff]+", sample)
        hit = sum(len(word) for word in words if len(word) >= SMALLEST)
        altered = 0.5 ** ((1 - VERSIONS) / VERSIONS)
        return altered * hit / (new_words * len(words)) if words else np.inf

    def _key(self, purpose: int) -> int:
        return self.seed * 16 + purpose

    def block(self, numbers: Ints, first: int = 0, end: int | None = None) -> bytes:
        """The documents of these numbers as lines, made like real ones of first:end."""
        source = self.source
        real = (end or len(source.count)) - first
        base = first + (uniform(self._key(1), numbers) * real).astype(np.int64)
        counts, labels = source.count[base], source.label[base]
        begins = offsets_of(counts)
        within = np.arange(begins[-1]) - np.repeat(begins[:-1], counts)
        own = np.repeat(labels, counts)
        part = (np.repeat(numbers, counts) << 20) + within
        pools = [
            np.where(within == 0, source.first[own + i], source.other[own + i]) for i in range(2)
        ]
        passages = pools[0] + (uniform(self._key(2), part) * (pools[1] - pools[0])).astype(np.int64)
        version = power_law(uniform(self._key(3), part), VERSIONS)
        altered, places, halves = self._alterations(passages, version, source.corpus[own])
        room = int(self._sizes[passages].sum() + len(places) * 3 * MOST)
        room += int((np.diff(self._labels.offsets)[labels] + 1).sum())
        if len(self._out) < room:
            self._out = np.empty(2 * room, np.uint8)
        size = assemble(
            labels,
            self._labels.text,
            self._labels.offsets,
            counts,
            source.passages.text,
            source.passages.offsets,
            passages,
            altered,
            places,
            halves,
            self._halves.text,
            self._halves.offsets,
            self._out,
        )
        return self._out[:size].tobytes()

    def _alterations(
        self, passages: Ints, version: Ints, corpus: Ints
    ) -> tuple[Ints, Ints, NDArray[np.int64]]:
        """What gives way in versions of passages: ``altered``, ``places``, ``halves`` of assemble.

        It depends on passage and version alone, not on the seed.
        """
        source = self.source
        sizes = self._sizes[passages]
        which = drawn(4, version) ^ drawn(5, passages)
        altered = (sizes / self._gap + uniform(6, which)).astype(np.int64) * (version > 0)
        begins = offsets_of(altered)
        turn = np.arange(begins[-1]) - np.repeat(begins[:-1], altered)
        each = np.repeat(which, altered) + turn.astype(np.uint64)
        size, corpus = np.repeat(sizes, altered), np.repeat(corpus, altered)
        place = (turn + uniform(7, each)) / np.repeat(altered, altered) * size
        word = power_law(uniform(8, each), WORDS, COMMON)
        heads, tails = np.diff(source.head_begin)[corpus], np.diff(source.tail_begin)[corpus]
        head, rest = word % heads, word // heads
        tail, middle = (rest + head) % tails, rest // tails
        none = len(self._halves) - 1
        halves = np.stack(
            [
                source.head_begin[corpus] + head,
                np.where(middle > 0, source.head_begin[corpus] + middle % heads, none),
                len(source.heads) + source.tail_begin[corpus] + tail,
            ],
            axis=1,
        )
        return altered, place.astype(np.int64), halves

    def blocks(self, limit: float = np.inf) -> Iterator[bytes]:
        """Whole lines, some MB at once, until there are ``limit`` bytes or a line more."""
        yield from self._until(limit)

    def blocks_by_label(self, limit: float) -> Iterator[bytes]:
        """Likewise, label after label, each with the share of the bytes that it really has."""
        source = self.source
        begins = offsets_of(np.bincount(source.label, minlength=len(source.labels)))
        sizes = [
            sum(
                source.passages.offsets[end] - source.passages.offsets[begin]
                for begin, end in ranges
            )
            for ranges in zip(
                zip(source.first[:-1], source.first[1:], strict=True),
                zip(source.other[:-1], source.other[1:], strict=True),
                strict=True,
            )
        ]
        for label, size in enumerate(sizes):
            share = limit * size / sum(sizes)
            yield from self._until(share, int(begins[label]), int(begins[label + 1]))

    def _until(self, limit: float, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        begin, left = 0, limit
        while left > 0:
            # Numbers of a label's documents begin with the label, so that no two are alike.
            block = self.block((first << 32) + np.arange(begin, begin + BLOCK), first, end)
            if len(block) > left:
                block = block[: block.index(b"\n", max(int(left) - 1, 0)) + 1]
            yield block
            left -= len(block)
            begin += BLOCK

    def lines(self, limit: float = np.inf) -> Iterator[bytes]:
        """The lines one by one, each with its newline."""
        for block in self.blocks(limit):
            yield from (line + b"\n" for line in block.removesuffix(b"\n").split(b"\n"))


def main() -> None:
    """Write the corpus to standard output."""
    parser = parser_of(__doc__)
    parser.add_argument("--bytes", type=float, required=True, help="write so many, or a line more")
    parser.add_argument("--seed", type=int, default=0, help="[0]")
    parser.add_argument("--part", default="train", help="recombine PART.tsv [train]")
    parser.add_argument("--sorted", action="store_true", help="label after label")
    parser.add_argument(
        "--new-words",
        type=float,
        default=NEW_WORDS,
        metavar="SHARE",
        help=f"share of words that give way to made-up ones, about [{NEW_WORDS}]",
    )
    arguments = parse(parser, ("train.tsv",))
    if not 0 <= arguments.new_words < 1:
        parser.error("--new-words: from 0 to 1")
    folders = arguments.folders if arguments.only else large(arguments.folders)
    if missing := [f.name for f in folders if not (f / f"{arguments.part}.tsv").exists()]:
        parser.error(f"--part: no {arguments.part}.tsv of {', '.join(missing)}")
    made = Recombined(read(folders, arguments.part), arguments.seed, arguments.new_words)
    blocks = made.blocks_by_label if arguments.sorted else made.blocks
    try:
        for block in blocks(arguments.bytes):
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has had enough; what Python would still flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
