"""How time and memory of training grow with the corpus and with the number of labels.

    python bench/growth.py --data DIR [--only imdb] [--runs 3] [--json FILE] [--plot FILE.png]

For each folder of DIR with a train.tsv (label<TAB>text a line): whole processes of ``textmlr
train`` with no options, from start to saved model, their seconds and peak memory (MB are 10^6
bytes), medians of runs in turn, kernels compiled beforehand.  "No options" means that textmlr
chooses the number of epochs by the number of documents, and drops rare features where they are
many, as it does for anyone.

size    1×, 2×, 4×, 8× and 16×, where 16× is the corpus itself and k× are k/16 of its documents:
        real ones, none twice, drawn at random (seeded) from each label in proportion, those of
        1× among those of 2× and so on, in the order of the corpus.
labels  L = 2, 20, 200, 2000 as far as there are ten documents a label, always the same documents
        (all of the corpus) and so the same features, with labels of equally many letters in place
        of their own.  Those are leaves of a tree of clusters by their words: TF-IDF rows are cut
        in two across their principal direction (Boley, Principal Direction Divisive Partitioning,
        Data Mining and Knowledge Discovery 2(4), 1998), where it gives either side its share of
        the labels, until each side is one label.  So labels can be learnt from the text, and each
        has as many documents as the next, give or take one; but they are no one's labels.

The exponent is the slope of log seconds (or memory) over log size (of the file) or log L, by least
squares: over all points; over the upper half of them, where starting up weighs less; and over all
after taking off what a corpus of 20 documents takes (points that are not above it left out).
A command that takes over --once seconds is run but once.  Needs the extra [bench].
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import cell, heading, line, parse, parser_of, read_lines
from numpy.typing import NDArray
from rivals import Outcome, measure, textmlr_command
from sklearn.feature_extraction.text import TfidfVectorizer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MULTIPLES = (1, 2, 4, 8, 16)
LABELS = (2, 20, 200, 2000)
LEAST = 10  # documents a label
TINY = 20  # documents of the corpus that shows what starting up takes
WARM = 400  # documents at least of a corpus that has the kernels compiled: enough to hold some out
POWER_STEPS = 8  # of the power method; a rough direction cuts as well as an exact one
FIGURES = {"seconds": "s", "memory_mb": "peak MB"}
ALONG = {"size": "size of the training file, MB", "labels": "number of labels L"}
HEADS = ("corpus", "along", "×", "documents", "MB", "labels", "train s", "peak MB", "note")
FIT_HEADS = ("corpus", "along", "of", "exponent", "upper half", "less start-up", "start-up")
# Okabe and Ito's colours, which the colour-blind tell apart, and markers as well.
LOOKS = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#000000", "X"),
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A training file made for a point: lines in the order of the corpus it comes from."""

    file: Path
    documents: int
    labels: int

    @property
    def mb(self) -> float:
        return self.file.stat().st_size / 1e6


@dataclass(frozen=True, slots=True)
class Point:
    """What came of training one corpus; None if it failed.

    along  "size", "labels", or "start" for the one of TINY documents
    x      the multiple, the number of labels, or 0
    """

    corpus: str
    along: str
    x: int
    documents: int
    mb: float
    labels: int
    seconds: float | None
    memory_mb: float | None
    all_seconds: tuple[float, ...]
    note: str

    def markdown(self) -> str:
        """The point as a line of the table."""
        return line(
            (
                self.corpus,
                self.along,
                f"{self.x}×" if self.along == "size" else "",
                f"{self.documents:,}",
                cell(self.mb, 2),
                f"{self.labels:,}",
                cell(self.seconds, 2),
                cell(self.memory_mb, 0),
                self.note.replace("|", "/"),
            )
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """Exponents of a figure; None where fewer than two points are left.

    offset  log of the figure at x = 1, of the line over all points; offset_upper likewise
    """

    corpus: str
    along: str
    figure: str
    exponent: float | None
    upper: float | None
    less_start: float | None
    start: float | None
    offset: float | None
    offset_upper: float | None

    def markdown(self) -> str:
        """The exponents as a line of the table."""
        unit = FIGURES[self.figure]
        return line(
            (
                self.corpus,
                self.along,
                unit,
                cell(self.exponent, 2),
                cell(self.upper, 2),
                cell(self.less_start, 2),
                cell(self.start, 2 if unit == "s" else 0),
            )
        )


def write(file: Path, lines: Sequence[bytes]) -> Corpus:
    """Write lines of a TSV file."""
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    return Corpus(file, len(lines), len({line.partition(b"\t")[0].strip() for line in lines}))


def in_proportion(labels: Sequence[bytes], seed: int = 1) -> NDArray[np.int64]:
    """The documents in a random order any beginning of which has each label in proportion."""
    _, y = np.unique(np.array(labels, object), return_inverse=True)
    rng = np.random.default_rng(seed)
    by_label = np.lexsort((rng.random(len(y)), y))
    sizes = np.bincount(y)
    rank = np.arange(len(y)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    share = (rank + rng.random(len(y))) / sizes[y[by_label]]
    return by_label[np.argsort(share, kind="stable")]


def clusters(rows: Any, count: int, seed: int = 1) -> NDArray[np.int64]:
    """The cluster of each row of a CSR matrix (n, V), of ``count`` equally large ones (see above).

    A cluster has n/count rows, rounded down or up.
    """
    rng = np.random.default_rng(seed)
    codes = np.empty(rows.shape[0], np.int64)
    todo = [(np.arange(len(codes)), 0, count)]
    while todo:
        members, first, leaves = todo.pop()
        if leaves == 1:
            codes[members] = first
            continue
        here = rows[members]
        middle = np.asarray(here.mean(axis=0)).ravel()
        direction = rng.standard_normal(rows.shape[1])
        for _ in range(POWER_STEPS):
            along = here @ direction - middle @ direction
            direction = here.T @ along - middle * along.sum()
            direction /= np.linalg.norm(direction) or 1.0
        ordered = members[np.argsort(here @ direction, kind="stable")]
        left = leaves // 2
        cut = len(members) * left // leaves
        todo += [(ordered[:cut], first, left), (ordered[cut:], first + left, leaves - left)]
    return codes


def first_of_each(lines: Sequence[bytes], most: int) -> list[bytes]:
    """The first ``most`` lines of each label, in their order."""
    seen: dict[bytes, int] = {}
    chosen = []
    for text in lines:
        label = text.partition(b"\t")[0]
        seen[label] = seen.get(label, 0) + 1
        if seen[label] <= most:
            chosen.append(text)
    return chosen


Key = tuple[str, int]  # along, x


def make(source: Path, place: Path) -> tuple[dict[Key, Corpus], list[Corpus]]:
    """(the corpora to measure, those that have kernels compiled: small ones of the same labels)."""
    lines = read_lines(source)
    if len(lines) < TINY:
        sys.exit(f"{source}: fewer than {TINY} documents")
    labels, _, texts = zip(*(line.partition(b"\t") for line in lines), strict=True)
    made: dict[Key, Corpus] = {}
    order = in_proportion(labels)
    for multiple in MULTIPLES:
        chosen = np.sort(order[: len(lines) * multiple // MULTIPLES[-1]]).tolist()
        made["size", multiple] = write(place / f"size-{multiple}.tsv", [lines[i] for i in chosen])
    warm = [made["size", MULTIPLES[0]], made["size", MULTIPLES[-1]]]
    vectorizer = TfidfVectorizer(decode_error="replace", sublinear_tf=True, min_df=3, max_df=0.5)
    rows = vectorizer.fit_transform(texts).tocsr()
    for count in LABELS:
        if LEAST * count > len(lines):
            print(f"{source.parent.name}: too few documents for L = {count}", file=sys.stderr)
            continue
        codes = clusters(rows, count).tolist()
        relabelled = [b"%04d\t%s" % pair for pair in zip(codes, texts, strict=True)]
        made["labels", count] = write(place / f"labels-{count}.tsv", relabelled)
        part = first_of_each(relabelled, max(2, WARM // count))
        warm.append(write(place / f"warm-{count}.tsv", part))
    tiny = first_of_each(read_lines(made["labels", 2].file), TINY // 2)
    start = write(place / "start.tsv", tiny)
    return {("start", 0): start, **made}, warm


def point(corpus: str, key: Key, made: Corpus, outcomes: Sequence[Outcome], runs: int) -> Point:
    """What came of the runs of one corpus."""
    last, seconds, memory = outcomes[-1], None, None
    note = last.failure or (f"stopped at {last.seconds:.0f} s" if last.late else "")
    if not note:
        seconds = statistics.median(outcome.seconds for outcome in outcomes)
        memory = statistics.median(outcome.peak for outcome in outcomes)
        note = "1 run" if len(outcomes) == 1 < runs else ""
    every = tuple(outcome.seconds for outcome in outcomes)
    along, x = key
    size = made.documents, made.mb, made.labels
    return Point(corpus, along, x, *size, seconds, memory, every, note)


def slope(points: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    """(slope, intercept) of log y over log x by least squares; None for fewer than two points."""
    if len(points) < 2:
        return None, None
    x, y = np.log(np.array(points)).T
    exponent, offset = np.polyfit(x, y, 1).tolist()
    return exponent, offset


def fitted(points: Sequence[Point]) -> list[Fitted]:
    """Exponents of the points of one corpus."""
    (start,) = [p for p in points if p.along == "start"]
    rows = []
    for along in ALONG:
        for figure in FIGURES:
            found = figures_of(points, along, figure)
            least = getattr(start, figure)
            net = [(x, y - least) for x, y in found if y > least] if least is not None else []
            exponent, offset = slope(found)
            upper, offset_upper = slope(found[len(found) // 2 :])
            less, _ = slope(net)
            rows.append(
                Fitted(
                    start.corpus, along, figure, exponent, upper, less, least, offset, offset_upper
                )
            )
    return rows


def figures_of(points: Iterable[Point], along: str, figure: str) -> list[tuple[float, float]]:
    """(size or labels, figure) of the points that have one, ascending."""
    return [
        (p.mb if along == "size" else p.labels, getattr(p, figure))
        for p in points
        if p.along == along and getattr(p, figure) is not None
    ]


def grow(folder: Path, runs: int, limit: float, once: float) -> list[Point]:
    """The points of one corpus."""

    def say(what: str) -> None:
        print(f"{folder.name}: {what}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        say("making corpora")
        made, warm = make(folder / "train.tsv", place)
        model = place / "model"
        names = {f"{along} {x}": (along, x) for along, x in made}
        outcomes = measure(
            {name: textmlr_command(made[key].file, model) for name, key in names.items()},
            [textmlr_command(corpus.file, model) for corpus in warm],
            runs,
            limit,
            once,
            say,
        )
        return [
            point(folder.name, key, made[key], outcomes[name], runs) for name, key in names.items()
        ]


def plot(points: Sequence[Point], fits: Sequence[Fitted], file: Path) -> None:
    """Time above and memory below, over size and over labels; a colour and marker a corpus."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 8.6), layout="constrained")
    for panels, what in zip(axes, FIGURES, strict=True):
        for panel, along in zip(panels, ALONG, strict=True):
            draw(panel, points, fits, along, what)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def draw(
    panel: Axes, points: Sequence[Point], fits: Sequence[Fitted], along: str, figure: str
) -> None:
    """One panel: the points, a dotted line over all and a full one over the upper half."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    corpora = list(dict.fromkeys(p.corpus for p in points))
    for i, corpus in enumerate(corpora):
        found = figures_of([p for p in points if p.corpus == corpus], along, figure)
        (fit,) = [f for f in fits if (f.corpus, f.along, f.figure) == (corpus, along, figure)]
        if not found:
            continue
        colour, marker = LOOKS[i % len(LOOKS)]
        told = f"{corpus}: {cell(fit.exponent, 2)}, upper half {cell(fit.upper, 2)}"
        told += f", less start-up {cell(fit.less_start, 2)}"
        x, y = np.array(found).T
        panel.plot(x, y, marker, color=colour, markersize=7, label=told, zorder=3)
        whole = (x, fit.exponent, fit.offset, ":")
        upper = (x[len(x) // 2 :], fit.upper, fit.offset_upper, "-")
        for reach, exponent, offset, style in (whole, upper):
            if exponent is not None and offset is not None:
                panel.plot(reach, np.exp(offset) * reach**exponent, style, color=colour, lw=1.4)
    panel.set_xscale("log")
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    # At least a decade, or what hardly grows would fill the panel; and room for the legend.
    high = max(high, 10 * low)
    room = high / low
    panel.set_ylim(low / room**0.05, high * room ** (0.12 + 0.07 * len(corpora)))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_locator(NullLocator())
    if along == "labels":
        panel.set_xticks(sorted({p.labels for p in points if p.along == along}))
    panel.set_xlabel(f"{ALONG[along]} (log scale)")
    what = "seconds to train, whole process" if figure == "seconds" else "peak memory, MB"
    panel.set_ylabel(f"{what} (log scale)")
    panel.set_title(f"{'time' if figure == 'seconds' else 'memory'} over {along}", fontsize=11)
    panel.legend(
        title="exponent: all points (dotted), upper half (full line)",
        title_fontsize=8.5,
        fontsize=8.5,
        loc="upper left",
        framealpha=0.9,
    )
    panel.grid(color="#e4e4e4", linewidth=0.7)


def tables(points: Sequence[Point], fits: Sequence[Fitted]) -> str:
    """Both tables as Markdown."""
    shown = [heading(HEADS), *(p.markdown() for p in points), ""]
    return "\n".join([*shown, heading(FIT_HEADS), *(f.markdown() for f in fits)])


def main() -> None:
    """Print both tables of each corpus as it is done."""
    parser = parser_of(__doc__, runs=3)
    parser.add_argument("--plot", type=Path, help="also draw them to this PNG file")
    parser.add_argument("--limit", type=float, default=3600, help="seconds a run may take [3600]")
    parser.add_argument(
        "--once", type=float, default=60, help="run what takes more seconds but once [60]"
    )
    arguments = parse(parser, ("train.tsv",))
    if arguments.plot and importlib.util.find_spec("matplotlib") is None:
        sys.exit("growth.py: matplotlib is not installed: install the extra [bench]")
    points: list[Point] = []
    fits: list[Fitted] = []
    for folder in arguments.folders:
        found = grow(folder, arguments.runs, arguments.limit, arguments.once)
        points += found
        fits += fitted(found)
        print(f"{tables(found, fitted(found))}\n", flush=True)
        if arguments.json:
            rows = {"points": list(map(asdict, points)), "exponents": list(map(asdict, fits))}
            arguments.json.write_text(json.dumps(rows, indent=1))
        if arguments.plot:
            plot(points, fits, arguments.plot)
    if any(p.seconds is None for p in points):
        sys.exit(1)


if __name__ == "__main__":
    main()
