"""The minimum of the convex objective, to a tolerance that is proved.

Dual coordinate ascent over documents; where it is slow (λ very small) truncated Newton continues
from there.  Without a penalty there is no dual to ascend, and Newton's method runs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.threads import machine_memory, map_blocks
from textmlr.features.csr_features import Features
from textmlr.model.parameters import Network
from textmlr.model.scoring import score
from textmlr.training.exact import newton
from textmlr.training.exact.certificate import certify
from textmlr.training.exact.dual import Dual
from textmlr.training.exact.likelihood import Likelihood, likelihood_of
from textmlr.training.exact.merged_columns import MergedColumns
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.span import Span, SpanVector
from textmlr.training.exact.threaded_products import transposed
from textmlr.training.objective import Objective

MOST_STEPS = 200  # steps of Newton's method
# In the time of so many visits of all documents the gap must fall to this share of itself, or
# Newton continues.  (It falls slowly in documents that are alike but for their labels, and those
# are few.)
PATIENCE, FALL = 10.0, 0.5
# Scores in the dual are sums of up to weight/λ·‖x‖²: where these are rounded by more nats than
# this, λ is practically 0 to the dual, and Newton's method runs alone.
COARSE = 1e-2
# ‖gradient‖ at θ = 0 in units of the rows' length, below which it is no unit: 0 is the minimum.
LEVEL = 1e-6
# θ is rounded to float32 in the end, which costs some of the tolerance.
MARGIN = 0.5
ATTEMPTS = 4
# Arrays (documents, labels): p, its logs, coefficients, scores, errors, and one to spare.
NUMBERS = 6

AT_INFINITY = "the optimum is at infinity: "
GIVE_L2 = "give a penalty, l2 (--l2) above 0"


@dataclass(frozen=True, slots=True)
class SolverStep:
    """An epoch of the dual, a step of Newton's method or a round of the proximal one has ended; or
    some labels' problem is solved.

    method  "dual", "newton" or "proximal";  number  from 1.  "labels": the minimum of so many of
            them is found, where each is a problem of its own
    gap     upper bound on value − minimum, in the dual as seen while θ moved; of Newton without a
            penalty ‖gradient‖
    """

    method: str
    number: int
    gap: float


Watch = Callable[[SolverStep], None]


def minimise(
    objective: Objective,
    *,
    tolerance: float,
    threads: int = 1,
    start: NDArray[np.float32] | None = None,
    watch: Watch | None = None,
) -> Optimum:
    """θ* of a convex objective, and its certificate.

    tolerance  on gap/value, where the gap is a proved bound on value − minimum; without a penalty
               on ‖gradient‖ in units of that at θ = 0
    start      (V, L) θ, near which the dual begins; None: near 0.  Without a penalty Newton begins
               at 0 always
    Number of threads changes no bit.
    Raises InputError where there is no minimum: the documents can be told apart without error,
    and no penalty keeps θ finite.
    """
    return ExactSolver.of(objective, threads, watch).minimise(objective.l2, tolerance, start=start)


@dataclass(slots=True, eq=False)
class ExactSolver:
    """A prepared problem: its documents of positive weight, their columns merged.

    objective  over those documents;  weights (n,) float64, their sum 1
    last       coefficients of the last minimum, for another λ to begin at
    """

    objective: Objective
    rows: MergedColumns
    weights: NDArray[np.float64]
    likelihood: Likelihood
    threads: int
    watch: Watch | None
    last: NDArray[np.float64] | None = None
    _slope: float = 0.0  # ‖gradient‖ at θ = 0 without a penalty, or LEVEL
    _columns: Features | None = None

    @classmethod
    def of(cls, objective: Objective, threads: int = 1, watch: Watch | None = None) -> ExactSolver:
        """Drop documents of weight 0, and merge the columns of the others.

        Raises InputError where ``minimise`` would not fit in memory.
        """
        objective.head.check_exact()
        objective = replace(objective, y=objective.head.targets(objective.y))
        check_memory(objective, "train by sgd, or on fewer documents, labels or features")
        counts = objective.weights > 0
        if not counts.all():
            objective = objective.take(np.flatnonzero(counts))
        weights = objective.weights.astype(np.float64)
        weights /= weights.sum()
        likelihood = likelihood_of(objective.y, objective.labels)
        rows = MergedColumns.of(objective.features)
        return cls(objective, rows, weights, likelihood, threads, watch)

    def of_labels(self, objective: Objective) -> ExactSolver:
        """The problem of some of the labels of these documents, for one thread."""
        likelihood = likelihood_of(objective.y, objective.labels)
        own = replace(self, objective=objective, likelihood=likelihood, threads=1, watch=None)
        own.last = None
        return own

    def minimise(
        self, l2: float, tolerance: float, *, start: NDArray[np.float32] | None = None
    ) -> Optimum:
        """The minimum with a penalty of l2; from ``start``, or else from the last minimum."""
        if l2 == 0:
            self._refuse_free_columns()
        inner = MARGIN * tolerance
        steps = 0
        moved = float((self.weights * self.rows.squares).max())
        exact_enough = l2 * COARSE > np.finfo(np.float64).eps * moved
        dual = self._dual(l2, start) if exact_enough else None
        coefficients, p = np.zeros((len(self.objective.y), self.objective.labels)), None
        best: Optimum | None = None
        for attempt in range(ATTEMPTS):
            if dual is not None:
                fine = self._ascend_beside(dual, inner)
                coefficients, p = dual.coefficients, dual.p
                steps = dual.epochs
                if not fine:
                    dual = p = None
            if dual is None:
                coefficients, done = self._newton(l2, inner, coefficients)
                steps += done
            self.last = coefficients
            optimum = certify(
                replace(self.objective, l2=l2),
                self.weights,
                self.prepare(),
                coefficients,
                p,
                tolerance=tolerance,
                slope=self._slope,
                iterations=steps,
                threads=self.threads,
            )
            if best is None or not optimum.gap > best.gap:
                best = optimum
            if optimum.converged:
                break
            inner /= 4
            if dual is not None:
                dual.check(self.threads)
                # With few documents that pull against each other it sees a gap that is not there.
                if attempt == ATTEMPTS - 2:
                    dual = p = None
        assert best is not None
        return best

    def prepare(self) -> Features:
        """The objective's features by columns, made once."""
        if self._columns is None:
            self._columns = transposed(self.objective.features)
        return self._columns

    def _ascend_beside(self, dual: Dual, tolerance: float) -> bool:
        """``_ascend``, while another thread, if there is one, prepares the certificate."""
        found: list[bool] = []
        jobs: list[Callable[[], object]] = [lambda: found.append(self._ascend(dual, tolerance))]
        if self._columns is None:
            jobs.append(self.prepare)
        for _ in map_blocks(lambda job: job(), jobs, self.threads):
            pass
        return found[0]

    def _ascend(self, dual: Dual, tolerance: float) -> bool:
        """Run epochs of the dual until its gap, as seen, is within the tolerance, or hardly falls
        any more; return whether it is within."""
        most, seen = self.likelihood.loss_at_zero(), np.inf  # most: the value at θ = 0
        while True:
            gap = dual.epoch()
            self._tell("dual", dual.epochs, gap)
            if gap <= tolerance * most and gap <= tolerance * dual.value():
                return True
            if dual.work > PATIENCE:
                if not gap <= FALL * seen:
                    return False
                dual.work, seen = 0.0, gap

    def _dual(self, l2: float, start: NDArray[np.float32] | None) -> Dual:
        objective, shares = self.objective, self.weights / l2
        if start is not None:
            scores = score(objective.features, Network.of([start]))
            p = objective.head.probabilities(scores)
        elif self.last is not None:
            # The same θ, as far as p stays between 0 and 1 with a smaller penalty.
            p = -self.last / shares[:, None]
            self.likelihood.add(np.ones(len(shares)), p)
            p = self.likelihood.normalised(p)
        else:
            p = self.likelihood.first_guess()
        return Dual.at(self.rows, objective.y, shares, l2, p)

    def _newton(
        self, l2: float, tolerance: float, coefficients: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], int]:
        """(coefficients within the tolerance, or as near as possible; steps)."""
        y, labels = self.objective.y, self.objective.labels
        span = Span(self.rows, y, self.weights, labels, l2, self.threads)
        number = 0
        if l2 == 0:
            first = span.measure(span.vector(np.zeros_like(coefficients)))[1]
            length = float(self.weights @ self.rows.squares) ** 0.5
            self._slope = max(max(first.dot(first), 0.0) ** 0.5, LEVEL * length)

        def done(point: SpanVector, value: float, norm: float) -> bool:
            nonlocal number
            number += 1
            self._tell("newton", number, norm**2 / (2 * l2) if l2 else norm)
            if l2 == 0:
                if span.separates(point):
                    raise InputError(
                        AT_INFINITY + "the labels of all documents can be told apart", mend=GIVE_L2
                    )
                return norm <= tolerance * self._slope
            return norm**2 / (2 * l2) <= tolerance * value

        point, steps = newton.minimise(span, span.vector(coefficients), done, MOST_STEPS)
        return point.coefficients, steps

    def _tell(self, method: str, number: int, gap: float) -> None:
        if self.watch is not None:
            self.watch(SolverStep(method, number, gap))

    def _refuse_free_columns(self) -> None:
        if self.likelihood.has_free_column(self.prepare()):
            raise InputError(
                AT_INFINITY + "some features are in documents of some labels only, whose weights "
                "would grow without end",
                mend=GIVE_L2,
            )


def check_memory(objective: Objective, mend: str) -> None:
    """Refuse a problem that would not fit before any memory is taken: θ in 32 bits, at most as many
    numbers of 64 bits, and NUMBERS of those for each document and label."""
    documents, columns, labels = len(objective.y), objective.features.columns, objective.labels
    needed = 12 * columns * labels + 8 * NUMBERS * documents * labels
    available = machine_memory()
    if needed > available:
        raise InputError(
            f"{columns:,} features and {documents:,} documents of {labels:,} labels need "
            f"{needed / 2**30:.1f} GiB to find the minimum, and this machine has "
            f"{available / 2**30:.1f} GiB",
            mend=mend,
            guide="limits",
        )
