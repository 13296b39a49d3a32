"""Accuracy against features kept: the path of models from a large L1 penalty down to a small one.

    python bench/sparsity.py --data DIR [--only mr] [--l2 1e-6] [--points 12] [--plots DIR]
    python bench/sparsity.py --data DIR --only r8,mr,trec6 --rival [--runs 3]

DIR holds one folder a corpus, with train.tsv and test.tsv, label<TAB>text a line.  Each corpus is
read once, as ``textmlr train --l1`` reads it without idf; then θ is minimised for l1 from --most
down to --least, in equal ratios, each from the last (a warm start), to a proved gap of --tolerance.
A row of the table tells, of one l1: the features and weights that are not 0, accuracy on train.tsv
and test.tsv, the size of the model file with all rows of θ and without those that are 0, and
seconds of CPU.  With --plots, accuracy against features kept is drawn for each corpus, to
DIR/sparsity-CORPUS.png.

With --rival, time: scikit-learn's saga, given the same rows, from θ = 0, and ours to its tolerance
in turn, each until its objective is within --within of the minimum: how far saga has got is looked
up after the epochs of EPOCHS, and the time is that of the first run that is near enough.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring import cell, heading, line, parse, parser_of

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.corpus.reading import read_corpus
from textmlr.features.featurizer import Featurizer
from textmlr.model.model import Model
from textmlr.model.record import Record
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.exact.proximal_newton import minimise
from textmlr.training.objective import Objective

RIVAL_L1 = (1e-3, 3e-4, 1e-4)
EPOCHS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000)
HEADS = (
    "corpus",
    "l1",
    "features kept",
    "weights",
    "train",
    "test",
    "file, whole",
    "file",
    "CPU s",
)
RIVAL_HEADS = (
    "corpus",
    "l1",
    "features kept",
    "textmlr, CPU s",
    "saga, CPU s",
    "saga's epochs",
    "ratio",
)


@dataclass(frozen=True, eq=False)
class Task:
    """A corpus, read: featurizer, and the objectives over train.tsv and test.tsv."""

    name: str
    labels: list[str]
    featurizer: Featurizer
    train: Objective
    test: Objective

    @classmethod
    def read(cls, folder: Path, l2: float) -> Task:
        """Of a folder with train.tsv and test.tsv."""
        corpus, held = (read_corpus([str(folder / f"{part}.tsv")]) for part in ("train", "test"))
        featurizer = Featurizer(FeaturizerOptions(idf=False))
        counts = featurizer.fit_counts(corpus.batches)
        rows = featurizer.weigh(counts, counts.values)
        featurizer.name_features()
        codes = {label: code for code, label in enumerate(corpus.labels)}
        known = [codes[held.labels[label]] for label in held.y]
        y, ones = np.array(known, np.int32), np.ones(len(held), np.float32)
        labels = len(corpus.labels)
        train = Objective(rows, corpus.y, np.ones(len(corpus), np.float32), labels, l2)
        test = Objective(featurizer.featurize(held.batches), y, ones, labels, l2)
        return cls(folder.name, corpus.labels, featurizer, train, test)

    def file_sizes(self, theta: np.ndarray) -> tuple[int, int]:
        """Bytes of the model file with all rows of θ, and without those that are 0."""
        model = Model(self.labels, self.featurizer, [theta], Record())
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "model"
            return model.save(path), without_zero_rows(model).save(path)


def path_of(task: Task, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One row an l1, from the largest."""
    rows, theta = [], None
    for l1 in np.geomspace(arguments.most, arguments.least, arguments.points).tolist():
        began = time.process_time()
        found = minimise(task.train, l1=l1, tolerance=arguments.tolerance, start=theta)
        seconds = time.process_time() - began
        theta = found.theta
        sizes = task.file_sizes(theta)
        rows.append(
            {
                "corpus": task.name,
                "l1": l1,
                "l2": task.train.l2,
                "features": int(theta[1:].any(axis=1).sum()),
                "of": len(theta) - 1,
                "weights": int(np.count_nonzero(theta)),
                "train": task.train.evaluate(theta)[1],
                "test": task.test.evaluate(theta)[1],
                "test_loss": task.test.evaluate(theta)[0],
                "gap": found.gap / found.value,
                "converged": found.converged,
                "whole_bytes": sizes[0],
                "bytes": sizes[1],
                "seconds": seconds,
            }
        )
        print(line(shown(rows[-1])), flush=True)
    return rows


def shown(row: dict[str, Any]) -> list[str]:
    """The cells of a row."""
    return [
        row["corpus"],
        f"{row['l1']:.2g}",
        f"{row['features']:,}",
        f"{row['weights']:,}",
        cell(row["train"], 3),
        cell(row["test"], 3),
        f"{row['whole_bytes'] / 1e6:.1f} MB",
        f"{row['bytes'] / 1e6:.1f} MB",
        cell(row["seconds"], 2),
    ]


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw accuracy against features kept."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter

    kept = [row for row in rows if row["features"]]
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    features = [row["features"] for row in kept]
    axes.plot(features, [row["test"] for row in kept], "o-", color="#0b6", label="test")
    axes.plot(features, [row["train"] for row in kept], "o--", color="#999", label="train")
    best = max(kept, key=lambda row: row["test"])
    axes.annotate(
        f"best on test: {best['test']:.3f}\nat {best['features']:,} features, l1 {best['l1']:.2g}",
        (best["features"], best["test"]),
        xytext=(0.97, 0.06),
        textcoords="axes fraction",
        ha="right",
        va="bottom",
        arrowprops={"arrowstyle": "->", "color": "#444", "shrinkB": 6},
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel(f"features kept, of {rows[0]['of']:,}")
    axes.set_ylabel("accuracy")
    axes.set_title(f"{rows[0]['corpus']}: accuracy against features kept", loc="left")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def rival(task: Task, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """CPU seconds of ours and of scikit-learn's saga at each of RIVAL_L1."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    objective = task.train
    n, l2 = len(objective.y), objective.l2
    matrix = objective.features.to_scipy()
    rows = []
    for l1 in RIVAL_L1:
        least = minimise(objective, l1=l1, tolerance=arguments.within / 100)

        def penalised(theta: np.ndarray, l1: float = l1) -> float:
            return objective.value(theta) + l1 * float(np.abs(theta, dtype=np.float64).sum())

        def saga(epochs: int, l1: float = l1) -> tuple[float, float]:
            solver = LogisticRegression(
                C=1 / (n * (l1 + l2)),
                l1_ratio=l1 / (l1 + l2),
                solver="saga",
                tol=1e-30,
                fit_intercept=False,
                max_iter=epochs,
                random_state=0,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                began = time.process_time()
                solver.fit(matrix, objective.y)
                seconds = time.process_time() - began
            # Two labels are one column of scores there: the loss is that of (0, s).
            theta = solver.coef_.T
            if theta.shape[1] == 1:
                theta = np.concatenate([np.zeros_like(theta), theta], axis=1)
            return seconds, penalised(np.ascontiguousarray(theta, np.float32))

        reached = None
        for epochs in EPOCHS:
            value = saga(epochs)[1]
            if value <= least.value * (1 + arguments.within):
                reached = epochs
                break
        ours, theirs = [], []
        for _ in range(arguments.runs):
            began = time.process_time()
            found = minimise(objective, l1=l1, tolerance=arguments.within)
            ours.append(time.process_time() - began)
            theirs.append(saga(reached or EPOCHS[-1])[0])
        row = {
            "corpus": task.name,
            "l1": l1,
            "l2": l2,
            "features": int(found.theta[1:].any(axis=1).sum()),
            "seconds": statistics.median(ours),
            "saga": statistics.median(theirs),
            "epochs": reached,
            "ratio": statistics.median([b / a for a, b in zip(ours, theirs, strict=True)]),
        }
        rows.append(row)
        over = "" if reached else "> "
        print(
            line(
                [
                    task.name,
                    f"{l1:g}",
                    f"{row['features']:,}",
                    cell(row["seconds"], 3),
                    over + cell(row["saga"], 2),
                    over + f"{reached or EPOCHS[-1]:,}",
                    over + f"{row['ratio']:.0f}×",
                ]
            ),
            flush=True,
        )
    return rows


def main() -> int:
    parser = parser_of(__doc__, runs=3)
    parser.add_argument("--l2", type=float, default=0.0, help="of the elastic net [0]")
    parser.add_argument("--points", type=int, default=12, help="of the path [12]")
    parser.add_argument("--most", type=float, default=3e-3, help="first l1 [0.003]")
    parser.add_argument("--least", type=float, default=1e-5, help="last l1 [1e-5]")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="relative gap [1e-4]")
    parser.add_argument("--plots", type=Path, help="folder to draw to")
    parser.add_argument("--rival", action="store_true", help="time against scikit-learn's saga")
    parser.add_argument("--within", type=float, default=1e-4, help="of the minimum [1e-4]")
    arguments = parse(parser)
    if arguments.points < 2 or not 0 < arguments.least < arguments.most:
        parser.error("--points: at least 2; --least: above 0 and below --most")
    if arguments.plots:
        arguments.plots.mkdir(parents=True, exist_ok=True)
    print(heading(RIVAL_HEADS if arguments.rival else HEADS))
    everything = []
    for folder in arguments.folders:
        task = Task.read(folder, arguments.l2)
        minimise(task.train, l1=1e-3, tolerance=1e-3)  # compiles the kernels
        if arguments.rival:
            everything += rival(task, arguments)
            continue
        rows = path_of(task, arguments)
        everything += rows
        if arguments.plots:
            plot(rows, arguments.plots / f"sparsity-{task.name}.png")
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
