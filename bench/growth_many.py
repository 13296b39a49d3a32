"""How time, memory and file of training grow with very many labels and documents in proportion.

    python bench/growth_many.py --data DIR [--labels 1e2,1e3,1e4,1e5,1e6] [--mean 5]
        [--place DIR] [--json FILE] [--plot FILE.png]

Makes corpora as ``million.py`` does, of --mean documents a label, each with those of the smaller
ones: so their words grow too, as the headwords do.  Trains each with ``textmlr train --theta
sparse`` in a process of its own, one after the other, and answers its test.tsv with ``textmlr
evaluate``; on one core and with one thread, kernels compiled beforehand.  Options are the defaults,
by which rows of the largest corpora are on disk.  MB are 10^6 bytes.

CPU s    user and system, of the whole process, from start to saved model
peak MB  its largest resident memory
file MB  of the model
P@1      share of the test documents that are right, and log loss of them, nats

The exponent is the slope of log figure over log L, by least squares: over all points, and over the
upper half of them, where starting up weighs less.  Files are made below --place, by default where
temporary files are; those of a million labels take 700 MB.  Needs the extra [bench].
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import million
import numpy as np
from growth import slope
from many_labels import one_core
from measuring import cell, heading, line, parse, parser_of, say
from rivals import RivalError
from several_labels import Outcome, size_of, watched

COMMAND = (sys.executable, "-m", "textmlr")
FIGURES = {"cpu": "CPU s", "peak": "peak MB", "model": "file MB"}
HEADS = ("labels", "documents", "MB", "CPU s", "peak MB", "file MB", "P@1", "log loss", "note")
FIT_HEADS = ("of", "exponent", "upper half")
COLOURS = {"cpu": "#0072B2", "peak": "#D55E00", "model": "#009E73"}
MARKERS = {"cpu": "o", "peak": "s", "model": "^"}


@dataclass(slots=True)
class Point:
    """What came of one corpus; None if it failed."""

    labels: int
    documents: int
    mb: float
    cpu: float | None = None
    peak: float | None = None
    model: float | None = None
    accuracy: float | None = None
    log_loss: float | None = None
    note: str = ""

    def markdown(self) -> str:
        """The point as a line of the table."""
        return line(
            (
                f"{self.labels:,}",
                f"{self.documents:,}",
                cell(self.mb, 2),
                cell(self.cpu, 2),
                cell(self.peak, 0),
                cell(self.model, 2),
                cell(self.accuracy, 3),
                cell(self.log_loss, 3),
                self.note.replace("|", "/"),
            )
        )


def train(folder: Path, limit: float) -> Outcome:
    """Train on folder/train.tsv.  Raises RivalError."""
    own = str(folder / "train.tsv"), "-o", str(folder / "model"), "--threads", "1", "--quiet"
    return watched([*COMMAND, "train", *own, "--theta", "sparse"], limit, folder)


def evaluate(folder: Path, limit: float) -> tuple[float, float]:
    """(accuracy, log loss) of folder/test.tsv.  Raises RivalError."""
    script = (
        "import json, sys, textmlr; found = textmlr.load(sys.argv[1]).evaluate(sys.argv[2]);"
        "json.dump([found.accuracy, found.log_loss], open(sys.argv[3], 'w'))"
    )
    told = folder / "figures.json"
    own = str(folder / "model"), str(folder / "test.tsv"), str(told)
    watched([sys.executable, "-c", script, *own], limit, folder)
    accuracy, loss = json.loads(told.read_text())
    return accuracy, loss


def measured(source: million.Source, size: int, mean: float, place: Path, limit: float) -> Point:
    """The point of so many labels."""
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = Path(temporary)
        million.write(source, folder, size, mean)
        file = folder / "train.tsv"
        with open(file, "rb") as lines:
            documents = sum(1 for _ in lines)
        point = Point(size, documents, file.stat().st_size / 1e6)
        try:
            outcome = train(folder, limit)
            point.cpu, point.peak = outcome.cpu, outcome.peak
            point.model = size_of(folder / "model")
            point.accuracy, point.log_loss = evaluate(folder, limit)
        except RivalError as error:
            point.note = f"failed: {error}"
        return point


def exponents(points: Sequence[Point]) -> dict[str, tuple[float | None, float | None]]:
    """(over all points, over the upper half of them) of each figure."""
    found = {}
    for figure in FIGURES:
        pairs = [(p.labels, value) for p in points if (value := getattr(p, figure)) is not None]
        found[figure] = slope(pairs)[0], slope(pairs[len(pairs) // 2 :])[0]
    return found


def tables(points: Sequence[Point]) -> str:
    """Both tables as Markdown."""
    rows = [heading(HEADS), *(p.markdown() for p in points), "", heading(FIT_HEADS)]
    fits = exponents(points).items()
    rows += [line((FIGURES[f], cell(whole, 2), cell(upper, 2))) for f, (whole, upper) in fits]
    return "\n".join(rows)


def plot(points: Sequence[Point], file: Path) -> None:
    """A panel a figure over the number of labels, with the line over the upper half."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(FIGURES), figsize=(13, 4.4), layout="constrained")
    fits = exponents(points)
    for panel, (name, unit) in zip(axes, FIGURES.items(), strict=True):
        known = [(p.labels, getattr(p, name)) for p in points if getattr(p, name) is not None]
        if not known:
            continue
        x, y = np.array(known).T
        whole, upper = fits[name]
        panel.plot(x, y, MARKERS[name], color=COLOURS[name], markersize=7, zorder=3)
        half = slice(len(x) // 2, None)
        if upper is not None:
            offset = np.log(y[half]).mean() - upper * np.log(x[half]).mean()
            panel.plot(x[half], np.exp(offset) * x[half] ** upper, color=COLOURS[name], lw=1.4)
        panel.set(xscale="log", yscale="log", xlabel="labels L (log scale)", ylabel=unit)
        panel.set_title(f"{unit}: exponent {cell(whole, 2)}, upper half {cell(upper, 2)}")
        panel.grid(color="#e4e4e4", linewidth=0.7)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def main() -> int:
    """Print both tables."""
    parser = parser_of(__doc__)
    parser.add_argument("--labels", default="1e2,1e3,1e4,1e5,1e6", help="[1e2,1e3,1e4,1e5,1e6]")
    parser.add_argument("--mean", type=float, default=5, help="documents a label [5]")
    parser.add_argument("--place", type=Path, help="folder to make files in")
    parser.add_argument("--json", type=Path, help="also write the points to this file")
    parser.add_argument("--plot", type=Path, help="also draw them to this PNG file")
    parser.add_argument("--limit", type=float, default=7200, help="seconds a run may take [7200]")
    arguments = parse(parser, ("train.tsv",))
    if arguments.plot and importlib.util.find_spec("matplotlib") is None:
        sys.exit("growth_many.py: matplotlib is not installed: install the extra [bench]")
    one_core()
    sizes = sorted(round(float(size)) for size in arguments.labels.split(","))
    source = million.Source.of(arguments.data)
    say("compiling kernels")
    measured(source, sizes[0], arguments.mean, arguments.place, arguments.limit)
    points: list[Point] = []
    for size in sizes:
        points.append(measured(source, size, arguments.mean, arguments.place, arguments.limit))
        say(points[-1].markdown())
        if arguments.json:
            arguments.json.write_text(json.dumps(list(map(asdict, points)), indent=1) + "\n")
    print(tables(points))
    if arguments.plot:
        plot(points, arguments.plot)
    return int(any(point.note for point in points))


if __name__ == "__main__":
    sys.exit(main())
