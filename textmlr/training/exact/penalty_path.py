"""The choice of λ: the minimum for one after the other, judged on held-out documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from textmlr.base.errors import InputError
from textmlr.base.threads import map_blocks
from textmlr.base.training_options import TrainingOptions
from textmlr.model.parameters import Network
from textmlr.training.calibration import Scored
from textmlr.training.cross_fitting import Crossed
from textmlr.training.exact.label_blocks import solver_of
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.solver import GIVE_L2, SolverStep
from textmlr.training.exact.sparse_labels import minimise_l1
from textmlr.training.held_out import FOLDS, are_few, check_labels, hold_out
from textmlr.training.objective import Objective
from textmlr.training.thresholds import Thresholds

# λ = mean ‖f(x)‖² / (k·n), for these k, is tried on held-out documents where l2 is not given, until
# they show that λ is too small.  Without held-out documents k is DEFAULT_STEP_OF_PATH: where rows
# have length 1 and a bias, 20 is C = 10 of scikit-learn and liblinear.
PATH = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
DEFAULT_STEP_OF_PATH = 20.0
PATH_TOLERANCE = 1e-4  # on gap/value: far below the noise of a held-out loss


@dataclass(frozen=True, slots=True)
class Penalty:
    """A λ that was tried, and the held-out figures of its minimum.

    l2        λ, with the documents that were not held out; of few documents, with all
    loss      mean loss in nats;  accuracy  share that is right; both held out
    never_answered  labels, see ``calibration.Scored``
    """

    l2: float
    loss: float
    accuracy: float
    never_answered: tuple[int, ...] = ()

    @classmethod
    def of(cls, l2: float, judge: Objective, network: Network) -> Penalty:
        """The figures of documents that judge."""
        return cls(l2, *judge.evaluate(network), Scored.of(judge, network).never_answered)


@dataclass(frozen=True, slots=True, eq=False)
class ExactFit:
    """The minimum, and how its λ was found.

    optimum         of the objective over all documents
    l2              λ, given or chosen
    loss, accuracy  of all documents, without the penalty
    held_out        documents that judged, 0 for none
    folds           0, or in how many parts all documents were held out, where they are few
    judged          the best of the trials; with a λ given, the minimum itself
    trials          in order
    thresholds      of labels, where documents have sets of them
    """

    optimum: Optimum
    l2: float
    loss: float
    accuracy: float
    held_out: int
    folds: int
    judged: Penalty | None
    trials: tuple[Penalty, ...]
    thresholds: Thresholds | None = None


Watch = Callable[[SolverStep | Penalty], None]


def fit_exact(
    objective: Objective,
    options: TrainingOptions,
    *,
    validation: Objective | None = None,
    threads: int = 1,
    watch: Watch | None = None,
    beside: Callable[[], object] | None = None,
) -> ExactFit:
    """Minimise the objective with options.l2 and l1, or with the λ that held-out documents choose.

    Along PATH, from strong to weak penalties, each minimum is where the next begins, and the
    search ends when the held-out loss rises.  Few documents all judge, each held out once and more
    (see ``Crossed``).  Number of threads changes no bit.

    validation  documents that judge, None to hold some out
    beside      called once, by a thread of its own if there are two
    Raises InputError where the labels are not two at least, or there is no minimum.
    """
    check_labels(objective)
    options = options.decided()
    assert options.tolerance is not None  # decided
    chosen = _choose(objective, options, validation, threads, watch)
    l2, judge, crossed = chosen.l2, chosen.judge, chosen.crossed
    solve: Callable[[], Optimum]
    if options.l1:
        solve = partial(
            minimise_l1,
            replace(objective, l2=l2),
            l1=options.l1,
            tolerance=options.tolerance,
            threads=threads,
            watch=watch,
        )
    else:
        solve = partial(solver_of(objective, threads, watch).minimise, l2, options.tolerance)
    found: list[Optimum] = []
    jobs: list[Callable[[], object]] = [lambda: found.append(solve())]
    jobs += [] if beside is None else [beside]
    for _ in map_blocks(lambda job: job(), jobs, threads):
        pass
    optimum = found[0]
    if l2 == 0 and not options.l1 and not optimum.converged:
        raise InputError(
            f"no minimum was found in {optimum.iterations} steps: without a penalty it may be at "
            "infinity",
            mend=GIVE_L2,
        )
    judged = min(chosen.trials, key=lambda trial: trial.loss) if chosen.trials else None
    if options.l2 is not None and judge is not None:
        judged = Penalty.of(l2, judge, optimum.network)
    loss, accuracy = objective.evaluate(optimum.network)
    held_out = 0 if judge is None else len(judge.y)
    if crossed is not None:
        held_out = crossed.judging
    folds = 0 if crossed is None else FOLDS
    return ExactFit(optimum, l2, loss, accuracy, held_out, folds, judged, chosen.trials)


class _Choice(NamedTuple):
    """λ, and the documents that judge: all at once, or few in parts."""

    l2: float
    judge: Objective | None
    crossed: Crossed | None
    trials: tuple[Penalty, ...]


def _choose(
    objective: Objective,
    options: TrainingOptions,
    validation: Objective | None,
    threads: int,
    watch: Watch | None,
) -> _Choice:
    """The λ of the options, or that of PATH with the least held-out loss."""
    if options.l2 is not None:
        return _Choice(options.l2, validation, None, ())
    judge, rest, crossed = validation, objective, None
    if judge is None and options.holdout and are_few(objective):
        crossed = Crossed.of(objective, options.seed)
    elif judge is None and options.holdout:
        held = hold_out(objective, options.holdout, options.seed)
        if held is not None:
            rest = objective.take(np.setdiff1d(np.arange(len(objective.y)), held, True))
            judge = objective.take(held).as_new(rest.documents_of())
    k, trials = DEFAULT_STEP_OF_PATH, tuple[Penalty, ...]()
    if judge is not None:
        k, trials = _search(rest, judge, threads, watch)
    elif crossed is not None:
        k, trials = _search_crossed(crossed, threads, watch)
    return _Choice(penalty_of(objective, k), judge, crossed, trials)


def penalty_of(objective: Objective, k: float) -> float:
    """λ = mean ‖f(x)‖² / (k·n): in units in which neither n nor the length of rows matters."""
    return 1.0 / (objective.unit * k * int(np.count_nonzero(objective.weights)))


def _search(
    objective: Objective, judge: Objective, threads: int, watch: Watch | None
) -> tuple[float, tuple[Penalty, ...]]:
    """(the k of PATH with the least held-out loss, all trials)."""
    exact = solver_of(objective, threads, watch)

    def attempt(k: float) -> Penalty:
        l2 = penalty_of(objective, k)
        network = exact.minimise(l2, PATH_TOLERANCE).network
        return Penalty.of(l2, judge, network)

    return _along(attempt, watch)


def _search_crossed(
    crossed: Crossed, threads: int, watch: Watch | None
) -> tuple[float, tuple[Penalty, ...]]:
    """``_search`` where few documents are held out in parts."""
    parts = range(len(crossed.parts))
    others = [crossed.rows.take(crossed.others(number)) for number in parts]
    exact = [solver_of(objective, threads, None) for objective in others]
    scores = np.zeros((crossed.repeats, len(crossed.rows.y), crossed.rows.labels), np.float32)

    def attempt(k: float) -> Penalty:
        for number in parts:
            l2 = penalty_of(others[number], k)
            network = exact[number].minimise(l2, PATH_TOLERANCE).network
            own = Scored.of(crossed.held[number], network).scores
            scores[number // FOLDS, crossed.parts[number]] = own
        scored = crossed.scored(scores)
        figures = scored.loss, scored.accuracy, scored.never_answered
        return Penalty(penalty_of(crossed.rows, k), *figures)

    return _along(attempt, watch)


def _along(
    attempt: Callable[[float], Penalty], watch: Watch | None
) -> tuple[float, tuple[Penalty, ...]]:
    """(the k of PATH whose attempt has the least loss, all attempts until it rises)."""
    trials: list[Penalty] = []
    best = 0
    for number, k in enumerate(PATH):
        trials.append(attempt(k))
        if watch is not None:
            watch(trials[-1])
        if trials[number].loss > trials[best].loss:
            break
        best = number
    return PATH[best], tuple(trials)
