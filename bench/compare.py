"""textmlr beside its rivals: python bench/compare.py --data DIR [--only imdb,20ng-raw]

For each folder of DIR with a train.tsv and a test.tsv (label<TAB>text), trains each tool in a
process of its own, the tools in turn and that again (run 1 of all, run 2 of all ...), and prints a
Markdown table: accuracy, log loss (nats) and calibration error on the test file, and of training
the medians of whole-process seconds and of peak memory, and the model's size (MB are 10^6 bytes).
"÷ textmlr" is a tool's median seconds over textmlr's: above 1, textmlr is the faster.

textmlr      no options                                      textmlr-1    one pass, hashed features
fasttext     2-grams, dim 10, 2 threads, 10 million buckets, step size and epochs tuned on a tenth
fasttext-25  the same step size, 25 epochs                   fasttext-5   the best one for 5 epochs
vw           --oaa, logistic, 2-grams, 22 bits, passes tuned on a tenth     vw-5, vw-1   5, 1 passes
sklearn-sgd, sklearn-logreg, sklearn-svc          on TF-IDF features, 1-2-grams; 1 BLAS thread

Converting the text for fastText and VW, tuning, and answering the test file are not counted.
textmlr's kernels are compiled beforehand.  Needs the extra [bench].
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import cell, heading, line, parse, parser_of
from rivals import MODULES, TEXTMLR, TOOLS, Outcome, RivalError, Tool, measure, read_case, tools_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

HEADS = (
    "corpus",
    "tool",
    "accuracy",
    "log loss",
    "ECE",
    "train s",
    "÷ textmlr",
    "peak MB",
    "model MB",
    "setting",
)
# Okabe and Ito's colours, which the colour-blind tell apart, and a marker as well, by family.
LOOKS = {
    "textmlr": ("#D55E00", "o"),
    "fasttext": ("#0072B2", "s"),
    "vw": ("#009E73", "^"),
    "sklearn": ("#CC79A7", "D"),
}


@dataclass(slots=True)
class Row:
    """One tool on one corpus.  seconds and ratio are least bounds if ``late``; None: no such figure
    (an SVC has no probabilities, a failure nothing); ``runs``: how many were asked for;
    ``same_as``: the tool it is the same as."""

    corpus: str
    tool: str
    setting: str
    runs: int
    accuracy: float | None = None
    log_loss: float | None = None
    ece: float | None = None
    seconds: float | None = None
    ratio: float | None = None
    memory_mb: float | None = None
    model_mb: float | None = None
    all_seconds: tuple[float, ...] = ()
    late: bool = False
    failure: str = ""
    same_as: str = ""

    def markdown(self) -> str:
        """The row as a line of the table."""
        sign = "> " if self.late else ""
        notes = [self.setting, f"same as {self.same_as}" if self.same_as else ""]
        if len(self.all_seconds) == 1 < self.runs and not (self.late or self.failure):
            notes.append("1 run")
        if self.failure:
            notes.append(f"failed: {self.failure}".replace("|", "/"))
        cells = (
            self.corpus,
            self.tool,
            cell(self.accuracy, 4),
            cell(self.log_loss, 3),
            cell(self.ece, 3),
            sign + cell(self.seconds, 0 if self.late else 2),
            sign + cell(self.ratio, 2),
            cell(self.memory_mb, 0),
            cell(self.model_mb, 1),
            "; ".join(filter(None, notes)),
        )
        return line(cells)


def row_of(corpus: str, tool: Tool, outcomes: Sequence[Outcome], runs: int, limit: float) -> Row:
    """What came of a tool's runs, without the ratio; the figures are those of its last model."""
    row = Row(corpus, tool.name, tool.setting, runs)
    row.all_seconds = tuple(outcome.seconds for outcome in outcomes)
    last = outcomes[-1]
    if last.late:
        row.late, row.seconds = True, limit
        return row
    if last.failure:
        row.failure = last.failure
        return row
    row.seconds = statistics.median(row.all_seconds)
    row.memory_mb = statistics.median(outcome.peak for outcome in outcomes)
    row.model_mb = tool.model.stat().st_size / 1e6
    try:
        figures = tool.judge()
    except (RivalError, ValueError) as error:
        row.failure = str(error)
        return row
    row.accuracy, row.log_loss, row.ece = (figures[k] for k in ("accuracy", "log_loss", "ece"))
    return row


def compare(folder: Path, arguments: argparse.Namespace) -> list[Row]:
    """Rows of the table for one corpus."""

    def say(what: str) -> None:
        print(f"{folder.name}: {what}", file=sys.stderr, flush=True)

    runs, limit = arguments.runs, arguments.limit
    with tempfile.TemporaryDirectory() as place:
        say("conversion and tuning")
        tools = tools_of(read_case(folder, Path(place), limit), arguments.rivals)
        names: dict[tuple[str, ...], str] = {}
        for tool in tools:
            names.setdefault(tool.command, tool.name)
        commands = {name: command for command, name in names.items()}
        # The first run of textmlr compiles its kernels.
        warm_ups = [command for name, command in commands.items() if name in TEXTMLR]
        outcomes = measure(commands, warm_ups, runs, limit, arguments.once, say)
        rows: dict[tuple[str, ...], Row] = {}
        listed = []
        for tool in tools:
            row = rows.get(tool.command)
            if row is None:
                row = row_of(folder.name, tool, outcomes[names[tool.command]], runs, limit)
                rows[tool.command] = row
            else:
                row = Row(**{**asdict(row), "tool": tool.name, "same_as": row.tool})
            listed.append(row)
    ours = listed[0]
    for row in listed:
        if row.seconds is not None and ours.seconds is not None and not ours.late:
            row.ratio = row.seconds / ours.seconds
    return listed


def plot(rows: Sequence[Row], file: Path) -> None:
    """A panel a corpus: accuracy over seconds of training, each tool a point with its name."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    corpora = list(dict.fromkeys(row.corpus for row in rows))
    columns = min(3, len(corpora))
    lines = math.ceil(len(corpora) / columns)
    figure, axes = plt.subplots(
        lines,
        columns,
        squeeze=False,
        figsize=(5.4 * columns, 4.4 * lines),
        layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12),
    )
    panels = list(axes.flat)
    for panel in panels[len(corpora) :]:
        panel.set_visible(False)
    for corpus, panel in zip(corpora, panels, strict=False):
        draw_points(panel, [row for row in rows if row.corpus == corpus])
    # Where labels go depends on where the axes are, which is settled by drawing.
    figure.canvas.draw()
    figure.set_layout_engine("none")
    for corpus, panel in zip(corpora, panels, strict=False):
        draw_names(panel, [row for row in rows if row.corpus == corpus])
    figure.savefig(file, dpi=130)
    plt.close(figure)


def points_of(rows: Iterable[Row]) -> list[tuple[str, float, float]]:
    """(tool, seconds, accuracy) of the tools that have a point of their own."""
    return [
        (row.tool, row.seconds, row.accuracy)
        for row in rows
        if row.seconds is not None and row.accuracy is not None and not row.same_as
    ]


def draw_points(panel: Axes, rows: Sequence[Row]) -> None:
    """The points and axes of one corpus; tools without a point are named below the title."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

    for tool, seconds, accuracy in points_of(rows):
        colour, marker = LOOKS[tool.partition("-")[0]]
        panel.scatter(seconds, accuracy, s=46, c=colour, marker=marker, zorder=3)
    absent = [
        f"{row.tool} {f'> {row.seconds:.0f} s' if row.late else 'failed'}"
        for row in rows
        if row.accuracy is None
    ]
    panel.set_title(rows[0].corpus + ("\n" if absent else "") + ", ".join(absent), fontsize=10)
    panel.set_xscale("log")
    panel.margins(0.22, 0.14)  # room for names
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("seconds to train, whole process (log scale)")
    panel.set_ylabel("test accuracy")
    panel.grid(color="#e4e4e4", linewidth=0.7)


def draw_names(panel: Axes, rows: Sequence[Row]) -> None:
    """Each point's name beside it, at the nearest place that is free."""
    names = {tool: tool for tool, _, _ in points_of(rows)}
    for row in rows:
        if row.same_as in names:
            names[row.same_as] += f" = {row.tool}"
    points = points_of(rows)
    reach = panel.figure.dpi / 72 * 5  # pixels from the middle of a marker to its rim
    taken = [box_around(*panel.transData.transform(point), reach) for _, *point in points]
    for tool, *point in points:
        colour, _ = LOOKS[tool.partition("-")[0]]
        taken.append(place_name(panel, (point[0], point[1]), names[tool], colour, taken))


def box_around(x: float, y: float, reach: float) -> Bbox:
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)


def place_name(
    panel: Axes, point: tuple[float, float], name: str, colour: str, taken: Sequence[Bbox]
) -> Bbox:
    """Write a name where it overlaps least with what is taken and stays in the panel; the box it
    takes (pixels).  Names that are far from their points get a line to them."""
    frame = panel.get_window_extent()
    best = None
    for distance in (8, 16, 26, 38, 52):  # points
        for angle in range(0, 360, 30):
            x, y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            text = panel.annotate(
                name,
                point,
                (distance * x, distance * y),
                textcoords="offset points",
                fontsize=8.5,
                color=colour,
                ha="left" if x > 0.1 else "right" if x < -0.1 else "center",
                va="bottom" if y > 0.1 else "top" if y < -0.1 else "center",
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5}
                if distance > 8
                else None,
            )
            box = text.get_window_extent()
            over = sum(overlap(box, other) for other in taken)
            over += box.width * box.height - overlap(box, frame)
            if best is None or over < best[0] - 1e-6:
                if best is not None:
                    best[1].remove()
                best = (over, text, box)
            else:
                text.remove()
        if best is not None and best[0] <= 0:
            break
    assert best is not None
    return best[2]


def overlap(a: Bbox, b: Bbox) -> float:
    """Area that two boxes share."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(max(width, 0.0) * max(height, 0.0))


def arguments_of() -> argparse.Namespace:
    """The arguments; ``folders`` and ``rivals`` (names of tools, textmlr among them) are lists."""
    parser = parser_of(__doc__, runs=5)
    parser.add_argument("--rivals", help="tools, comma-separated; textmlr is always one")
    parser.add_argument("--limit", type=float, default=600, help="seconds a run may take [600]")
    parser.add_argument(
        "--once", type=float, default=60, help="run a tool that takes more seconds but once [60]"
    )
    parser.add_argument("--plot", type=Path, help="also draw them to this PNG file")
    arguments = parse(parser)
    names = arguments.rivals.split(",") if arguments.rivals is not None else TOOLS
    if unknown := sorted(set(names) - set(TOOLS) - {""}):
        parser.error(f"--rivals: no {', '.join(unknown)}; there are {', '.join(TOOLS)}")
    arguments.rivals = ["textmlr", *names]
    return arguments


def require(arguments: argparse.Namespace) -> None:
    """Exit with 2 if a package is not installed that the tools or the plot need."""
    families = {name.partition("-")[0] for name in arguments.rivals}
    needed = [module for family, module in MODULES.items() if family in families]
    if arguments.plot:
        needed.append("matplotlib")
    if absent := [module for module in needed if importlib.util.find_spec(module) is None]:
        print(
            f"compare.py: not installed: {', '.join(absent)}; install the extra [bench], "
            "as by pip install '.[bench]', or choose --rivals",
            file=sys.stderr,
        )
        sys.exit(2)


def main() -> None:
    """Print a line a tool and corpus, as each corpus is done."""
    arguments = arguments_of()
    require(arguments)
    print(heading(HEADS), flush=True)
    rows: list[Row] = []
    for folder in arguments.folders:
        found = compare(folder, arguments)
        rows += found
        print("\n".join(row.markdown() for row in found), flush=True)
        # After each corpus, since many of them take hours.
        if arguments.json:
            arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
        if arguments.plot:
            plot(rows, arguments.plot)
    if any(row.failure for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
