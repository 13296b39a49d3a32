"""The choice of λ: the minimum for one after the other, judged on held-out documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from textmlr.base.errors import InputError
from textmlr.base.threads import map_blocks
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.label_sets import as_sets
from textmlr.model.parameters import Network
from textmlr.training.calibration import Scored
from textmlr.training.cross_fitting import Crossed
from textmlr.training.exact.label_blocks import solver_of
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.solver import GIVE_L2, SolverStep
from textmlr.training.exact.sparse_labels import minimise_l1
from textmlr.training.held_out import FOLDS, are_few, check_labels, hold_out
from textmlr.training.objective import Objective
from textmlr.training.thresholds import Thresholds, choose_thresholds

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
    judged          the best of the trials; with a λ given, the minimum itself, or that of a part
    trials          in order
    thresholds      of labels; None of one label a document
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
    l2, judge = chosen.l2, chosen.judge
    solve = _solver(objective, options, threads, watch)
    found: list[Optimum] = []
    tolerance = options.tolerance
    jobs: list[Callable[[], object]] = [lambda: found.append(solve(l2, tolerance))]
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
    judged, scored = min(chosen.trials, key=lambda trial: trial.loss, default=None), chosen.scored
    if options.l2 is not None and validation is not None:
        scored = Scored.of(validation, optimum.network)
        judged = Penalty.of(l2, validation, optimum.network)
    loss, accuracy = objective.evaluate(optimum.network)
    held_out = 0 if judge is None else len(judge.y)
    if chosen.crossed is not None:
        held_out = chosen.crossed.judging
    return ExactFit(
        optimum,
        l2,
        loss,
        accuracy,
        held_out,
        0 if chosen.crossed is None else FOLDS,
        judged,
        chosen.trials if options.l2 is None else (),
        thresholds_of(objective, scored, options),
    )


def thresholds_of(
    objective: Objective, scored: Scored | None, options: TrainingOptions
) -> Thresholds | None:
    """The thresholds of labels, chosen on the documents that judge; None of one label a document.

    P of the minimum is not calibrated: the penalty keeps it from the ends.  So the labels of the
    documents choose, not what P expects of them.
    """
    if not objective.head.has_sets:
        return None
    if scored is None:
        return Thresholds.unjudged(objective.labels, options)
    return choose_thresholds(scored.scores, as_sets(scored.y), scored.weights, options)


Solve = Callable[[float, float], Optimum]
Penalise = Callable[[Objective], float]
Attempt = Callable[[Penalise], tuple[Penalty, Scored]]


def _solver(
    objective: Objective, options: TrainingOptions, threads: int, watch: Watch | None
) -> Solve:
    """The minimum by λ and tolerance, prepared for one λ after the other."""
    if not options.l1:
        return solver_of(objective, threads, watch).minimise

    def solve(l2: float, tolerance: float) -> Optimum:
        own = replace(objective, l2=l2)
        return minimise_l1(own, l1=options.l1, tolerance=tolerance, threads=threads, watch=watch)

    return solve


class _Choice(NamedTuple):
    """λ, and the documents that judge: all at once, or few in parts.

    scored  these, by the best of the trials
    """

    l2: float
    judge: Objective | None
    crossed: Crossed | None
    trials: tuple[Penalty, ...]
    scored: Scored | None


def _choose(
    objective: Objective,
    options: TrainingOptions,
    validation: Objective | None,
    threads: int,
    watch: Watch | None,
) -> _Choice:
    """The λ of the options, or that of PATH with the least held-out loss.

    Where documents have sets of labels, thresholds are chosen on held-out documents in any case:
    a λ that is given is tried alone, if there is a minimum whatever the documents.
    """
    given = options.l2
    judged = objective.head.has_sets and validation is None and (given or options.l1)
    if given is not None and not judged:
        return _Choice(given, validation, None, (), None)
    penalties: Sequence[Penalise] = [partial(penalty_of, k=k) for k in PATH]
    if given is not None:
        penalties = [lambda _: given]
    judge, rest, crossed = validation, objective, None
    if judge is None and options.holdout and are_few(objective):
        crossed = Crossed.of(objective, options.seed)
    elif judge is None and options.holdout:
        held = hold_out(objective, options.holdout, options.seed)
        if held is not None:
            rest = objective.take(np.setdiff1d(np.arange(len(objective.y)), held, True))
            judge = objective.take(held).as_new(rest.documents_of())
    own = _Trials(options, threads, watch)
    if judge is not None:
        best = own.search(rest, judge, penalties)
    elif crossed is not None:
        best = own.search_crossed(crossed, penalties)
    else:
        l2 = penalty_of(objective, DEFAULT_STEP_OF_PATH) if given is None else given
        return _Choice(l2, None, None, (), None)
    return _Choice(penalties[best](objective), judge, crossed, tuple(own.trials), own.scored)


def penalty_of(objective: Objective, k: float) -> float:
    """λ = mean ‖f(x)‖² / (k·n): in units in which neither n nor the length of rows matters."""
    return 1.0 / (objective.unit * k * int(np.count_nonzero(objective.weights)))


@dataclass(slots=True, eq=False)
class _Trials:
    """Trials of λ after λ, from strong to weak, until the held-out loss rises.

    trials  so far, in order
    scored  the documents that judge, by the best of them
    """

    options: TrainingOptions
    threads: int
    watch: Watch | None
    trials: list[Penalty] = field(default_factory=list)
    scored: Scored | None = None

    def search(self, rest: Objective, judge: Objective, penalties: Sequence[Penalise]) -> int:
        """The number of the best; θ is fitted to the rest of the documents."""
        solve = _solver(rest, self.options, self.threads, self.watch)

        def attempt(penalise: Penalise) -> tuple[Penalty, Scored]:
            l2 = penalise(rest)
            network = solve(l2, PATH_TOLERANCE).network
            return Penalty.of(l2, judge, network), Scored.of(judge, network)

        return self._along(attempt, penalties)

    def search_crossed(self, crossed: Crossed, penalties: Sequence[Penalise]) -> int:
        """``search`` where few documents are held out in parts."""
        parts = range(len(crossed.parts))
        others = [crossed.rows.take(crossed.others(number)) for number in parts]
        solvers = [_solver(objective, self.options, self.threads, None) for objective in others]
        scores = np.zeros((crossed.repeats, len(crossed.rows.y), crossed.rows.labels), np.float32)

        def attempt(penalise: Penalise) -> tuple[Penalty, Scored]:
            for number in parts:
                found = solvers[number](penalise(others[number]), PATH_TOLERANCE)
                own = Scored.of(crossed.held[number], found.network).scores
                scores[number // FOLDS, crossed.parts[number]] = own
            scored = crossed.scored(scores)
            figures = scored.loss, scored.accuracy, scored.never_answered
            return Penalty(penalise(crossed.rows), *figures), scored

        return self._along(attempt, penalties)

    def _along(self, attempt: Attempt, penalties: Sequence[Penalise]) -> int:
        best = 0
        for number, penalise in enumerate(penalties):
            tried, scored = attempt(penalise)
            self.trials.append(tried)
            if self.watch is not None:
                self.watch(self.trials[-1])
            if self.trials[number].loss > self.trials[best].loss:
                break
            best, self.scored = number, scored
        return best
