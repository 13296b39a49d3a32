"""How fast solvers come near the minimum of one objective: ours and scikit-learn's.

    python bench/solvers.py --data DIR [--only r8,mr] [--runs 3] [--limit 60] [--C 10]
                            [--clock wall|cpu] [--plot FILE] [--json FILE]

For each folder of DIR with a train.tsv (label<TAB>text a line): 1-2-grams, TF-IDF, rows of length
1 and a bias column, one CSR matrix for all, and one objective,

    mean −log P(y_i | x_i; θ) + (λ/2)‖θ‖²,  λ = 1/(C·n)

with fit_intercept=False, since the bias is a column.  (Two labels are a sigmoid to scikit-learn,
whose penalty on w = θ_1 − θ_0 is twice ours on θ: there ours has λ = 2/(C·n).)

Each solver is run anew from nothing with more and more effort: ours with a smaller tolerance,
scikit-learn's with a tolerance out of reach and 1, 2, 4, 8 … iterations, until a run takes longer
than --limit or the minimum is reached to FINEST of its value.  All that fit does is timed: checks,
copies, merging of columns, the certificate.  What a run has come to is computed in float64 by the
same code for all, and set against the least value that any run has found, or ours at 1e-13.

The table has the seconds to a suboptimality (value − minimum)/minimum, between two runs by a
straight line of its logarithm against time, and how many times ours that is.  scikit-learn gets
float64 numbers: with float32 some of its solvers do not come near.  newton-cholesky holds a square
matrix of features × labels and is left out where that does not fit in memory; liblinear has no
softmax and is run for two labels.  Medians of --runs (of one where a run takes longer than SLOW),
all solvers' turns interleaved; ours with --threads threads.  With --clock cpu seconds are those of
the processor, of all threads together, which is what can be compared on a machine that has other
work to do, and does not count the second thread for ours.
"""

from __future__ import annotations

import json
import os
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring import heading, line, parse, parser_of
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from textmlr import Featurizer, FeaturizerOptions
from textmlr.base.threads import available_threads
from textmlr.corpus.reading import read_corpus
from textmlr.training.exact.solver import minimise
from textmlr.training.objective import Objective

OURS = "textmlr exact"
SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga", "liblinear")
LEVELS = (1e-4, 1e-8)
FINEST = 1e-10
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
SLOW = 1.0  # seconds; a run that takes longer is not repeated
TOLERANCES = tuple(10.0**-power for power in range(1, 11))


@dataclass(frozen=True, slots=True)
class Run:
    """One solver at one effort: median seconds, and (value − minimum)/minimum, filled in last."""

    corpus: str
    solver: str
    effort: float
    seconds: float
    value: float
    suboptimality: float = 0.0


@dataclass(slots=True, eq=False)
class Task:
    """One corpus's objective."""

    name: str
    objective: Objective
    matrix: Any  # scipy, float64
    cost: float  # C
    threads: int

    @classmethod
    def of(cls, file: Path, cost: float, threads: int) -> Task:
        corpus = read_corpus([file])
        featurizer = Featurizer(FeaturizerOptions(idf=True, min_df=1))
        counts = featurizer.fit_counts(corpus.batches, threads)
        rows = featurizer.weigh(counts, counts.values, threads)
        n, labels = len(corpus), len(corpus.labels)
        l2 = (2 if labels == 2 else 1) / (cost * n)
        objective = Objective(rows, corpus.y, np.ones(n, np.float32), labels, l2)
        return cls(file.parent.name, objective, rows.to_scipy().astype(np.float64), cost, threads)

    def value(self, theta: NDArray[Any]) -> float:
        """The objective at theta (V, L), all in float64."""
        theta = theta.astype(np.float64)
        scores, y = self.matrix @ theta, self.objective.y
        loss = logsumexp(scores, axis=1) - scores[np.arange(len(y)), y]
        return float(loss.mean() + 0.5 * self.objective.l2 * np.vdot(theta, theta))

    def ours(self, tolerance: float) -> NDArray[Any]:
        return minimise(self.objective, tolerance=tolerance, threads=self.threads).theta

    def theirs(self, solver: str, iterations: float) -> NDArray[Any]:
        model = LogisticRegression(
            C=self.cost,
            solver=solver,
            max_iter=int(iterations),
            tol=1e-15,
            fit_intercept=False,
            random_state=1,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            coefficients = model.fit(self.matrix, self.objective.y).coef_
        if len(coefficients) == 1:
            coefficients = np.concatenate([-coefficients / 2, coefficients / 2])
        return coefficients.T

    def solvers(self) -> list[str]:
        """Those of scikit-learn that can solve this."""
        size = self.objective.features.columns * self.objective.labels
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        fits = dict.fromkeys(SOLVERS, True)
        fits["newton-cholesky"] = 8 * size**2 < memory
        fits["liblinear"] = self.objective.labels == 2
        return [name for name in SOLVERS if fits[name]]


def timed(
    job: Callable[[float], NDArray[Any]], effort: float, runs: int, clock: Callable[[], float]
) -> tuple[float, Any]:
    """(median seconds, θ)."""
    seconds: list[float] = []
    while len(seconds) < runs:
        began = clock()
        theta = job(effort)
        seconds.append(clock() - began)
        if seconds[-1] > SLOW:
            break
    return statistics.median(seconds), theta


def measure(
    task: Task, runs: int, limit: float, only: Sequence[str], clock: Callable[[], float]
) -> list[Run]:
    """All solvers, in turn at each effort."""
    jobs: dict[str, Callable[[float], NDArray[Any]]] = {OURS: task.ours}
    for name in task.solvers():
        if not only or name in only:
            jobs[name] = lambda effort, name=name: task.theirs(name, effort)  # type: ignore[misc]
    minimum = task.value(minimise(task.objective, tolerance=1e-13, threads=task.threads).theta)
    made: list[Run] = []
    step = 0
    while jobs:
        for name, job in list(jobs.items()):
            effort = TOLERANCES[step] if name == OURS else 2.0**step
            seconds, theta = timed(job, effort, runs, clock)
            made.append(Run(task.name, name, effort, seconds, task.value(theta)))
            minimum = min(minimum, made[-1].value)
            before = [run.value for run in made[:-1] if run.solver == name]
            near = made[-1].value - minimum <= FINEST * minimum
            if name == OURS:
                ended = step + 1 == len(TOLERANCES)
            else:  # it stops of itself, or the next run would take twice as long
                ended = near or before[-1:] == [made[-1].value] or 2 * seconds > limit
            if ended:
                del jobs[name]
        step += 1
    return [
        Run(r.corpus, r.solver, r.effort, r.seconds, r.value, max(r.value / minimum - 1, 1e-16))
        for r in made
    ]


def seconds_to(runs: Sequence[Run], level: float) -> float | None:
    """Seconds until the suboptimality is at the level: between two runs by a straight line of its
    logarithm against time; None if no run came so far."""
    before: Run | None = None
    for run in sorted(runs, key=lambda run: run.seconds):
        if run.suboptimality <= level:
            if before is None:
                return run.seconds
            whole = np.log(before.suboptimality / run.suboptimality)
            share = np.log(before.suboptimality / level) / whole
            return float(before.seconds + share * (run.seconds - before.seconds))
        if before is None or run.suboptimality < before.suboptimality:
            before = run
    return None


def table(runs: Sequence[Run]) -> list[str]:
    """A line a solver: seconds to each level, and how many times ours that is."""
    lines = []
    ours = [run for run in runs if run.solver == OURS]
    own = {level: seconds_to(ours, level) for level in LEVELS}
    for name in dict.fromkeys(run.solver for run in runs):
        mine = [run for run in runs if run.solver == name]
        cells = [mine[0].corpus, name]
        for level in LEVELS:
            taken, base = seconds_to(mine, level), own[level]
            if taken is None:
                longest = max(run.seconds for run in mine)
                best = min(run.suboptimality for run in mine)
                cells += [f"> {longest:.1f} (at {best:.0e})", "–"]
            else:
                cells += [f"{taken:.3f}", f"{taken / base:.1f}" if base else "–"]
        lines.append(line(cells))
    return lines


def agreement(task: Task, solver: str, iterations: int) -> str:
    """What our minimum to 1e-9 differs by from what a solver of scikit-learn ends at."""
    ours = task.ours(1e-9).astype(np.float64)
    theirs = task.theirs(solver, iterations)
    value = task.value(ours) / task.value(theirs) - 1
    distance = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    return line([task.name, f"{value:+.1e}", f"{distance:.1e}"])


def plot(runs: Sequence[Run], file: Path) -> None:
    """Suboptimality against seconds, both logarithmic, a panel a corpus."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    corpora = list(dict.fromkeys(run.corpus for run in runs))
    figure, axes = pyplot.subplots(
        1, len(corpora), figsize=(4 * len(corpora), 4), sharey=True, squeeze=False
    )
    for panel, corpus in zip(axes[0], corpora, strict=True):
        for number, name in enumerate((OURS, *SOLVERS)):
            mine = [run for run in runs if (run.corpus, run.solver) == (corpus, name)]
            if mine:
                panel.loglog(
                    [run.seconds for run in mine],
                    [run.suboptimality for run in mine],
                    marker="o",
                    markersize=3,
                    linewidth=2 if name == OURS else 1,
                    color=f"C{number}",
                    label=name,
                )
        panel.set_title(corpus)
        panel.set_xlabel("seconds")
        panel.set_ylim(FINEST / 10, 10)
        panel.grid(alpha=0.3)
    axes[0][0].set_ylabel("(value − minimum) / minimum")
    named = {}  # a solver need not be in every panel
    for panel in axes[0]:
        lines, names = panel.get_legend_handles_labels()
        named |= dict(zip(names, lines, strict=True))
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.legend(named.values(), named.keys(), loc="lower center", ncols=len(named))
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = parser_of(__doc__, runs=3)
    parser.add_argument("--limit", type=float, default=60, help="seconds of the longest run [60]")
    parser.add_argument("--C", type=float, default=10, help="scikit-learn's C; λ = 1/(C·n) [10]")
    parser.add_argument("--solvers", help="of scikit-learn's only these, comma-separated")
    parser.add_argument("--threads", type=int, default=available_threads(), help="of ours [all]")
    parser.add_argument(
        "--agreement",
        type=int,
        metavar="N",
        help="instead compare our minimum with that of sag after N iterations",
    )
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="[wall]")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the curves (.png)")
    arguments = parse(parser, ("train.tsv",))
    only = arguments.solvers.split(",") if arguments.solvers else []
    if unknown := sorted(set(only) - set(SOLVERS)):
        parser.error(f"--solvers: no {', '.join(unknown)}; there are {', '.join(SOLVERS)}")
    heads = ["corpus", "solver"]
    for level in LEVELS:
        heads += [f"seconds to {level:.0e}", "× ours"]
    runs: list[Run] = []
    if arguments.agreement:
        print(heading(["corpus", "our value / theirs − 1", "distance of θ / length"]))
        for folder in arguments.folders:
            task = Task.of(folder / "train.tsv", arguments.C, arguments.threads)
            print(agreement(task, "sag", arguments.agreement), flush=True)
        return
    print(heading(heads))
    for folder in arguments.folders:
        task = Task.of(folder / "train.tsv", arguments.C, arguments.threads)
        minimise(task.objective, tolerance=1e-2, threads=arguments.threads)  # kernels are loaded
        made = measure(task, arguments.runs, arguments.limit, only, CLOCKS[arguments.clock])
        print("\n".join(table(made)), flush=True)
        runs += made
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")
    if arguments.plot:
        plot(runs, arguments.plot)


if __name__ == "__main__":
    main()
