"""The exact solver for sets of labels: its kernels, against scikit-learn, and its certificate."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import documents
from scipy.optimize import brentq
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from test_cli import good
from test_exact import few_columns, genres
from test_exact_kernels import rows_of

from textmlr import InputError, TrainingOptions
from textmlr.base.arrays import frozen
from textmlr.corpus.label_sets import LabelSets
from textmlr.corpus.reading import read_corpus
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.kernels import dual_ascent, sigmoid_ascent
from textmlr.model.heads import SIGMOIDS
from textmlr.model.model import Model
from textmlr.model.record import ExactRecord
from textmlr.training.corpus_training import train_corpus
from textmlr.training.exact import label_blocks
from textmlr.training.exact.dual import Dual, first_guess
from textmlr.training.exact.label_blocks import joined, solver_of
from textmlr.training.exact.merged_columns import MergedColumns
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.penalty_path import Penalty, fit_exact
from textmlr.training.exact.solver import ExactSolver, SolverStep, minimise
from textmlr.training.exact.sparse_labels import minimise_l1
from textmlr.training.objective import Objective


def sigmoid(scores: np.ndarray) -> np.ndarray:
    out: np.ndarray = np.exp(-np.logaddexp(0, -scores))
    return out


def best_of(target: float, curvature: float) -> float:
    """The p with logit p + curvature·p = target, by bisection."""

    def short(logit: float) -> float:
        return logit + curvature * float(sigmoid(np.float64(logit))) - target

    reach = abs(target) + curvature + 1
    return float(sigmoid(np.float64(brentq(short, -reach, reach, xtol=1e-12))))


def sets_of(documents: int, labels: int, seed: int = 0) -> LabelSets:
    """Sets of 0, 1 or several labels."""
    has = np.random.default_rng(seed).random((documents, labels)) < 0.3
    has[0] = False
    return LabelSets.of([np.flatnonzero(row).tolist() for row in has])


def stories(l2: float, labels: int = 4, *, all_of_them: bool = False) -> Objective:
    """The repository's corpus, or four genres of it, with sets of labels: one, or two for a third
    of the documents, none for some."""
    one = genres(l2, None if all_of_them else ("comedy", "horror", "scifi", "war"))
    lists = [[int(code) % labels] for code in one.y]
    for number in range(0, len(lists), 3):
        lists[number].append((lists[number][0] + 1 + number % 2) % labels)
    for number in range(1, len(lists), 11):
        lists[number] = []
    return replace(one, y=LabelSets.of(lists), labels=labels, head=SIGMOIDS)


def value_at(objective: Objective, theta: np.ndarray) -> float:
    """The objective, dense and in float64."""
    scores = objective.features.to_scipy().astype(float) @ theta.astype(float)
    has = np.zeros(scores.shape, bool)
    for number, codes in enumerate(objective.y.tolist()):
        has[number, codes] = True
    losses = np.logaddexp(0, np.where(has, -scores, scores)).sum(axis=1)
    weights = objective.weights.astype(float)
    loss = float(losses @ weights / weights.sum())
    return loss + 0.5 * objective.l2 * float((theta.astype(float) ** 2).sum())


def gradient_at(objective: Objective, theta: np.ndarray) -> np.ndarray:
    x, weights = objective.features.to_scipy().astype(float), objective.weights.astype(float)
    errors = sigmoid(x @ theta.astype(float)) - objective.y.indicator(objective.labels)
    out: np.ndarray = x.T @ (errors * (weights / weights.sum())[:, None])
    return out + objective.l2 * theta


def visit(
    x: np.ndarray,
    has: np.ndarray,
    shares: np.ndarray,
    alone: np.ndarray,
    p: np.ndarray,
    order: list[int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """kernels.sigmoid_ascent.epoch: (θ, p, gaps), beginning at θ(p)."""
    rows, labels = rows_of(x), p.shape[1]
    p, theta, has = p.copy(), np.empty((rows.columns, labels)), frozen(has.astype(np.uint8))
    shares, alone = frozen(shares), frozen(alone)
    sigmoid_ascent.start(*rows.arrays(), has, shares, frozen(p), theta, np.empty(labels))
    logits, gaps, naps = np.log(p) - np.log1p(-p), np.empty(len(x)), np.zeros((2, len(x)), np.int32)
    squares = frozen((x.astype(float) ** 2).sum(axis=1) + alone)
    base, along = frozen(np.zeros((0, labels))), frozen(np.zeros(0))
    sigmoid_ascent.epoch(
        rows.arrays(),
        dual_ascent.Documents(has, shares, squares, alone, base, along),
        frozen(np.array(order, np.int32)),
        dual_ascent.Ascent(theta, np.zeros(labels), logits, p, gaps, naps),
        0,
        0.0,
        np.empty((4, labels)),
    )
    within = np.clip(sigmoid(logits), sigmoid_ascent.FLOOR, sigmoid_ascent.CEILING)
    np.testing.assert_allclose(within, p, rtol=1e-12)
    return theta, p, gaps


@pytest.mark.parametrize("share", [0.01, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("labels", [1, 3, 7])
def test_a_visit_solves_its_document(share: float, labels: int) -> None:
    rng = np.random.default_rng(labels)
    x = rng.normal(size=(6, 5)).astype(np.float32).round(2)
    has, p = rng.random((6, labels)) < 0.4, rng.uniform(0.01, 0.99, (6, labels))
    shares, alone = np.full(6, share), rng.uniform(0, 1, 6)
    for i in range(6):
        theta, after, _ = visit(x, has, shares, alone, p, [i] * 6)  # a visit may leave a little
        gaps = visit(x, has, shares, alone, p, [i])[2]
        before = x.T.astype(float) @ (share * (has - p))
        scores = x[i] @ before + alone[i] * share * (has[i] - p[i])
        curvature = share * float((x[i].astype(float) ** 2).sum() + alone[i])
        for label in range(labels):
            target = scores[label] + curvature * p[i, label]
            assert after[i, label] == pytest.approx(best_of(target, curvature), abs=1e-7)
        np.testing.assert_array_equal(np.delete(after, i, 0), np.delete(p, i, 0))
        np.testing.assert_allclose(
            theta, x.T.astype(float) @ (share * (has - after)), atol=1e-9 * share + 1e-12
        )
        short = scores - np.log(p[i]) + np.log1p(-p[i])
        assert gaps[i] == pytest.approx(share * (p[i] * (1 - p[i])) @ short**2 / 2)


@pytest.mark.parametrize("p", [1e-40, 1e-9, 0.5, 1 - 1e-9, sigmoid_ascent.CEILING])
def test_visits_end_at_the_optimum(p: float) -> None:
    """Where p_i = P(· | x_i; θ(p)) for all documents, wherever they begin."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(12, 4)).astype(np.float32)
    has, shares = rng.random((12, 3)) < 0.5, rng.uniform(0.1, 5, 12)
    begin = np.full((12, 3), p)
    theta, after, _ = visit(x, has, shares, np.zeros(12), begin, list(range(12)) * 300)
    np.testing.assert_allclose(sigmoid(x.astype(float) @ theta), after, atol=1e-8)


def test_losses_and_divergences_to_the_last_digit() -> None:
    rng = np.random.default_rng(6)
    scores = rng.normal(size=(40, 3)) * 5
    scores[0], scores[1] = 1e4, -1e4
    has, shares = rng.random((40, 3)) < 0.5, rng.uniform(0, 2, 40)
    wanted, q = frozen(has.astype(np.uint8)), np.empty((40, 3))
    loss = sigmoid_ascent.losses(frozen(scores), wanted, frozen(shares), q)
    losses = np.logaddexp(0, np.where(has, -scores, scores)).sum(axis=1)
    assert loss == pytest.approx(shares @ losses)
    np.testing.assert_allclose(q[2:], sigmoid(scores[2:]), rtol=1e-14)
    assert (q[0] == 1).all()
    assert (q[1] == 0).all()
    for distance in (1.0, 1e-2, 1e-7):
        moved = scores[2:] + distance * rng.normal(size=(38, 3))
        p, gaps = sigmoid(moved), np.empty(38)
        loss = sigmoid_ascent.divergences(
            frozen(scores[2:]), frozen(wanted[2:]), frozen(p), frozen(shares[2:]), gaps
        )
        assert loss == pytest.approx(shares[2:] @ losses[2:])
        assert (gaps >= 0).all()
        if distance > 1e-3:
            terms = p * np.log(p / q[2:]) + (1 - p) * np.log((1 - p) / sigmoid(-scores[2:]))
        else:
            terms = p * (1 - p) * (moved - scores[2:]) ** 2 / 2
        digits = (1e-3, 0) if distance < 1e-3 else (1e-8, 2e-15)
        np.testing.assert_allclose(gaps, shares[2:] * terms.sum(axis=1), *digits)


def test_the_curvature_is_the_slope_of_the_gradient() -> None:
    rng = np.random.default_rng(2)
    scores, direction, weights = rng.normal(size=(5, 4)), rng.normal(size=(5, 4)), np.arange(5.0)
    out = np.empty((5, 4))
    sigmoid_ascent.curve(frozen(direction), frozen(sigmoid(scores)), frozen(weights), out)
    step = 1e-6
    ahead, behind = sigmoid(scores + step * direction), sigmoid(scores - step * direction)
    np.testing.assert_allclose(out, weights[:, None] * (ahead - behind) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l2", [1e-2, 1e-4, 1e-6])
def test_the_minimum_is_that_of_scikit_learn(l2: float, weighted: bool) -> None:
    objective = stories(l2)
    if weighted:
        weights = np.random.default_rng(3).uniform(0, 3, len(objective.y)).astype(np.float32)
        weights[::7] = 0
        weights *= np.float32(len(weights) / weights.sum(dtype=float))  # it sums, we average
        objective = replace(objective, weights=weights)
    x, has = objective.features.to_scipy().astype(float), objective.y.indicator(4)
    model = LogisticRegression(
        C=1 / (l2 * len(has)), tol=1e-10, fit_intercept=False, max_iter=5000, solver="newton-cg"
    )
    theirs = np.column_stack([model.fit(x, own, objective.weights).coef_[0] for own in has.T])
    found = solver_of(objective).minimise(l2, 1e-9)
    assert found.converged
    best = value_at(objective, theirs)
    assert found.value == pytest.approx(best, rel=1e-6)
    assert found.value <= best * (1 + 1e-9)
    assert np.linalg.norm(found.theta - theirs) < 1e-3 * np.linalg.norm(theirs)


@pytest.mark.slow
def test_it_is_one_label_against_the_rest() -> None:
    """With one set a document, scikit-learn's OneVsRestClassifier."""
    objective = stories(1e-3)
    theirs = OneVsRestClassifier(
        LogisticRegression(C=1 / (1e-3 * len(objective.y)), tol=1e-9, fit_intercept=False)
    )
    x, has = objective.features.to_scipy().astype(float), objective.y.indicator(4)
    theirs.fit(x, has)
    found = solver_of(objective).minimise(1e-3, 1e-8)
    np.testing.assert_allclose(sigmoid(x @ found.theta), theirs.predict_proba(x), atol=1e-4)


@pytest.mark.parametrize("l2", [1e-3, 1e-5])
def test_the_certificate_holds(l2: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Value and ‖gradient‖ are those of the float32 θ, and no θ is below value − gap."""
    monkeypatch.setattr(label_blocks, "BLOCK_LABELS", 3)
    objective = stories(l2)
    best = solver_of(objective).minimise(l2, 1e-13)
    for tolerance in (1e-1, 1e-3, 1e-6):
        found = solver_of(objective).minimise(l2, tolerance)
        assert found.theta.dtype == np.float32
        assert found.converged
        assert found.gap <= tolerance * found.value
        assert found.value == pytest.approx(value_at(objective, found.theta), rel=1e-10)
        norm = float(np.linalg.norm(gradient_at(objective, found.theta)))
        assert found.gradient_norm == pytest.approx(norm, rel=1e-5)
        assert found.value - found.gap <= best.value * (1 + 1e-12)
        assert found.value >= best.value * (1 - 1e-12)


def test_each_label_is_the_softmax_of_two() -> None:
    """v = θ_in − θ_out with λ/4·‖v‖² is a sigmoid's: its λ is half of the softmax's."""
    sets, l2 = stories(1e-4), 1e-4
    found = solver_of(sets).minimise(l2, 1e-10)
    value = 0.0
    for label, has in enumerate(sets.y.indicator(4).T):
        two = replace(genres(2 * l2), features=sets.features, y=has.astype(np.int32), labels=2)
        own = minimise(replace(two, weights=sets.weights), tolerance=1e-10)
        value += own.value
        np.testing.assert_allclose(
            own.theta[:, 1] - own.theta[:, 0], found.theta[:, label], atol=2e-3
        )
    assert found.value == pytest.approx(value, rel=1e-9)


def test_newton_and_the_dual_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, l2 = stories(0.0), 1e-5
    seen: list[SolverStep] = []
    by_dual = minimise(replace(objective, l2=l2), tolerance=1e-10, watch=seen.append)
    assert {step.method for step in seen} == {"dual"}
    seen.clear()
    monkeypatch.setattr("textmlr.training.exact.solver.PATIENCE", 1.5)
    monkeypatch.setattr("textmlr.training.exact.solver.FALL", 1e-9)
    by_newton = minimise(replace(objective, l2=l2), tolerance=1e-10, watch=seen.append)
    assert seen[-1].method == "newton"
    assert by_newton.converged
    assert by_newton.value == pytest.approx(by_dual.value, rel=2e-10)
    np.testing.assert_allclose(by_newton.theta, by_dual.theta, atol=1e-3)


@pytest.mark.parametrize("l2", [1e-4, 1e-9])
def test_threads_change_no_bit(l2: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textmlr.training.exact.threaded_products.BLOCK_PRODUCTS", 500)
    monkeypatch.setattr(label_blocks, "BLOCK_LABELS", 1)
    objective = stories(l2)

    def found(threads: int) -> tuple[bytes, float, float, float]:
        o = solver_of(objective, threads).minimise(l2, 1e-4)
        return o.theta.tobytes(), o.value, o.gradient_norm, o.gap

    assert found(1) == found(2) == found(4)


def test_blocks_are_no_more_than_a_way_to_share_work(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, told = stories(1e-4), list[SolverStep]()
    values = []
    for labels in (1, 3, 16):
        monkeypatch.setattr(label_blocks, "BLOCK_LABELS", labels)
        told.clear()
        found = solver_of(objective, 1, told.append).minimise(1e-4, 1e-9)
        values.append(found.value)
        assert [step.method for step in told] == ["labels"] * -(-4 // labels)
        assert told[-1].number == 4
        assert told[-1].gap == pytest.approx(found.gap)
    assert values == pytest.approx([values[0]] * 3, rel=2e-9)


def test_it_may_start_anywhere_and_goes_on_from_the_last() -> None:
    objective = stories(0.0)
    along = solver_of(objective)
    rng = np.random.default_rng(4)
    for l2 in (1e-2, 1e-3, 1e-4, 1e-3):
        warm, cold = along.minimise(l2, 1e-9), solver_of(objective).minimise(l2, 1e-9)
        assert warm.converged
        assert warm.value == pytest.approx(cold.value, rel=2e-9)
    far = rng.normal(size=cold.theta.shape).astype(np.float32) * 30
    for start in (cold.theta, far):
        found = solver_of(objective).minimise(1e-3, 1e-9, start=start)
        assert found.converged
        np.testing.assert_allclose(found.theta, cold.theta, atol=1e-3)


class TestOddities:
    def solve(self, lists: list[list[int]], labels: int, l2: float = 1e-3) -> Optimum:
        x = few_columns(1, documents=len(lists)).features
        sets = LabelSets.of(lists)
        weights = np.ones(len(lists), np.float32)
        objective = Objective(x, sets, weights, labels, l2, head=SIGMOIDS)
        found = solver_of(objective).minimise(l2, 1e-6)
        assert found.converged
        assert found.value == pytest.approx(value_at(objective, found.theta), rel=1e-9)
        assert np.isfinite(found.theta).all()
        return found

    def test_a_label_of_no_document_or_of_all(self) -> None:
        found = self.solve([[0], [0, 1], [0], [0], [0, 1], [0]], 3)
        assert (found.theta[0] != 0).all()

    def test_documents_without_labels_are_documents(self) -> None:
        self.solve([[], [], [0], [], [0, 1]], 2)

    def test_one_label_and_one_document(self) -> None:
        self.solve([[0], []], 1)
        self.solve([[1]], 2)

    def test_a_document_without_features(self) -> None:
        objective = stories(1e-3)
        x = objective.features.to_scipy().tolil()
        x[3] = 0
        rows = rows_of(x.toarray())
        found = solver_of(replace(objective, features=rows)).minimise(1e-3, 1e-6)
        assert found.converged


class TestDual:
    def problem(self) -> tuple[Objective, Dual]:
        objective = stories(1e-3)
        rows = MergedColumns.of(objective.features)
        shares = np.full(len(objective.y), 1 / (objective.l2 * len(objective.y)))
        guess = first_guess(objective.y, 4)
        return objective, Dual.at(rows, objective.y, shares, objective.l2, guess)

    def test_each_epoch_raises_the_dual_and_the_check_says_by_how_much(self) -> None:
        objective, dual = self.problem()
        x, last = objective.features.to_scipy().astype(float), -np.inf
        for _ in range(6):
            dual.epoch()
            theta, p = x.T @ dual.coefficients, dual.p
            entropies = -(p * np.log(p) + (1 - p) * np.log1p(-p)).sum(axis=1).mean()
            bound = float(entropies - objective.l2 / 2 * (theta**2).sum())
            assert bound > last
            last = bound
            value, gap = dual.check(1)
            assert value == pytest.approx(value_at(objective, theta), rel=1e-6)
            assert gap == pytest.approx(value - bound, rel=1e-4, abs=1e-7)
        assert dual.value() == pytest.approx(value, rel=1e-2)

    def test_theta_is_that_of_p(self) -> None:
        objective, dual = self.problem()
        for _ in range(20):
            dual.epoch()
        fresh = Dual.at(dual.rows, objective.y, dual.shares, dual.l2, dual.p.copy())
        np.testing.assert_allclose(dual.theta, fresh.theta, rtol=1e-9, atol=1e-11)

    def test_base_scores_count(self) -> None:
        """Where they are those of half the features' θ, the rest of θ is found."""
        objective, dual = self.problem()
        base = np.random.default_rng(0).normal(size=dual.p.shape)
        guess = first_guess(objective.y, 4)
        own = Dual.at(dual.rows, objective.y, dual.shares, dual.l2, guess, base)
        for _ in range(200):
            own.epoch()
        scores = base + own.scores(own.coefficients, 1)
        np.testing.assert_allclose(sigmoid(scores), own.p, atol=1e-5)


class TestNoPenalty:
    def test_the_minimum_is_found_where_there_is_one(self) -> None:
        one = few_columns(3)
        objective = replace(one, y=sets_of(60, 3), head=SIGMOIDS)
        found = solver_of(objective).minimise(0.0, 1e-6)
        assert found.converged
        assert np.isinf(found.gap)
        assert np.linalg.norm(gradient_at(objective, found.theta)) < 1e-6
        nearly = solver_of(objective).minimise(1e-9, 1e-8)
        assert found.value == pytest.approx(nearly.value, rel=1e-5)

    def test_a_label_that_is_told_apart_has_none(self) -> None:
        one = few_columns(3)
        x = one.features.to_scipy().toarray()
        lists = [[0] if row[1] > 0 else [] for row in x]  # by the second column
        for number, own in enumerate(sets_of(60, 3).tolist()):
            lists[number] += [code for code in own if code]
        objective = replace(one, y=LabelSets.of(lists), head=SIGMOIDS)
        with pytest.raises(InputError, match="the optimum is at infinity"):
            solver_of(objective).minimise(0.0, 1e-6)

    def test_a_label_of_no_document_has_none(self) -> None:
        objective = replace(few_columns(3), y=sets_of(60, 3), labels=4, head=SIGMOIDS)
        with pytest.raises(InputError, match="the optimum is at infinity"):
            solver_of(objective).minimise(0.0, 1e-6)


def test_a_tolerance_out_of_reach_is_not_said_to_be_met() -> None:
    found = solver_of(stories(1e-4)).minimise(1e-4, 1e-30)
    assert not found.converged
    assert 1e-30 * found.value < found.gap < 1e-9 * found.value


def test_the_gap_falls_with_the_tolerance() -> None:
    solver = ExactSolver.of(stories(1e-4))
    gaps = [solver.minimise(1e-4, tolerance).gap for tolerance in (1e-2, 1e-4, 1e-6, 1e-8)]
    assert all(after < before for before, after in pairwise(gaps))


class TestL1:
    def value_at(self, objective: Objective, theta: np.ndarray, l1: float) -> float:
        return value_at(objective, theta) + l1 * float(np.abs(theta.astype(float)).sum())

    def subgradient_at(self, objective: Objective, theta: np.ndarray, l1: float) -> np.ndarray:
        slopes = gradient_at(objective, theta.astype(float))
        free = np.sign(slopes) * np.maximum(np.abs(slopes) - l1, 0)
        return np.where(theta == 0, free, slopes + l1 * np.sign(theta))

    @pytest.mark.slow
    @pytest.mark.parametrize(("l1", "l2"), [(1e-3, 0.0), (3e-4, 0.0), (5e-4, 1e-3)])
    def test_the_minimum_is_that_of_scikit_learn(self, l1: float, l2: float) -> None:
        objective = stories(l2)
        x, has = objective.features.to_scipy().astype(float), objective.y.indicator(4)
        model = LogisticRegression(
            C=1 / (len(has) * (l1 + l2)),
            l1_ratio=l1 / (l1 + l2),
            solver="saga" if l2 else "liblinear",
            fit_intercept=False,
            tol=1e-9,
            max_iter=1000,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            theirs = np.column_stack([model.fit(x, own).coef_[0] for own in has.T])
        found = minimise_l1(objective, l1=l1, tolerance=1e-7)
        best = self.value_at(objective, theirs, l1)
        assert found.converged
        assert found.value == pytest.approx(best, rel=1e-5)
        assert found.value <= best * (1 + 1e-7)
        assert found.value - found.gap <= best
        assert 0 < np.count_nonzero(found.theta) < 0.2 * found.theta.size

    @pytest.mark.parametrize("l2", [0.0, 1e-3])
    def test_the_certificate_holds(self, l2: float) -> None:
        objective, l1 = stories(l2), 8e-4
        best = minimise_l1(objective, l1=l1, tolerance=1e-9)
        for tolerance in (1e-1, 1e-3, 1e-6):
            found = minimise_l1(objective, l1=l1, tolerance=tolerance)
            assert found.converged
            assert found.gap <= tolerance * found.value
            assert found.value == pytest.approx(
                self.value_at(objective, found.theta, l1), rel=1e-10
            )
            least = self.subgradient_at(objective, found.theta, l1)
            assert found.gradient_norm == pytest.approx(np.linalg.norm(least), rel=1e-5, abs=1e-10)
            assert found.value - found.gap <= best.value * (1 + 1e-12)

    def test_threads_change_no_bit_and_labels_are_told(self) -> None:
        objective, told = stories(0.0), list[SolverStep]()
        one = minimise_l1(objective, l1=1e-3, tolerance=1e-4, watch=told.append)
        assert [(step.method, step.number) for step in told] == [("labels", n) for n in range(1, 5)]
        assert told[-1].gap == pytest.approx(one.gap)
        other = minimise_l1(objective, l1=1e-3, tolerance=1e-4, threads=4)
        assert other.theta.tobytes() == one.theta.tobytes()
        assert (other.value, other.gap) == (one.value, one.gap)

    def test_a_huge_penalty_leaves_nothing(self) -> None:
        found = minimise_l1(stories(0.0), l1=10.0, tolerance=1e-6)
        assert found.converged
        assert not found.theta.any()
        assert found.value == pytest.approx(4 * np.log(2))

    def test_labels_of_no_document_and_of_all(self) -> None:
        lists = [[0], [0, 1], [0], [], [0, 1], [0]]
        x = few_columns(1, documents=6).features
        for sets, labels in ((lists, 3), ([[0]] * 6, 1)):
            objective = Objective(
                x, LabelSets.of(sets), np.ones(6, np.float32), labels, head=SIGMOIDS
            )
            found = minimise_l1(objective, l1=1e-3, tolerance=1e-6)
            assert found.converged
            assert found.value == pytest.approx(self.value_at(objective, found.theta, 1e-3))


class TestFit:
    def test_held_out_documents_choose_the_penalty_and_thresholds(self) -> None:
        objective = stories(0.0, all_of_them=True)
        told: list[SolverStep | Penalty] = []
        found = fit_exact(objective, TrainingOptions(solver="exact"), watch=told.append)
        assert found.held_out > 20
        assert found.folds == 0
        assert [event for event in told if isinstance(event, Penalty)] == list(found.trials)
        losses = [trial.loss for trial in found.trials]
        assert found.judged == found.trials[int(np.argmin(losses))]
        assert all(b < a for a, b in pairwise(losses[:-1]))
        again = solver_of(objective).minimise(found.l2, 1e-6)
        assert again.theta.tobytes() == found.optimum.theta.tobytes()
        assert found.thresholds is not None
        assert found.thresholds.values.shape == (4,)
        assert found.thresholds.micro_f1 is not None

    @pytest.mark.parametrize(
        "options",
        [TrainingOptions(solver="exact", l2=1e-3), TrainingOptions(l1=1e-3)],
    )
    def test_documents_are_held_out_for_thresholds_of_a_given_penalty_too(
        self, options: TrainingOptions
    ) -> None:
        objective = stories(0.0, all_of_them=True)
        found = fit_exact(objective, options)
        assert found.held_out > 20
        assert found.folds == 0
        assert found.l2 == (options.l2 or 0.0)
        assert found.trials == ()
        assert found.judged is not None
        assert found.thresholds is not None
        assert found.thresholds.micro_f1 is not None
        validated = fit_exact(objective, options, validation=objective.take(np.arange(100)))
        assert validated.optimum.theta.tobytes() == found.optimum.theta.tobytes()
        assert validated.judged is not None
        judge = objective.take(np.arange(100))
        assert validated.judged.loss == judge.evaluate(found.optimum.network)[0]
        assert validated.thresholds is not None
        assert validated.thresholds.micro_f1 > found.thresholds.micro_f1  # it has seen them

    def test_without_held_out_documents_thresholds_are_even(self) -> None:
        found = fit_exact(
            stories(0.0, all_of_them=True), TrainingOptions(solver="exact", holdout=0.0)
        )
        assert (found.held_out, found.judged, found.trials) == (0, None, ())
        assert found.thresholds is not None
        assert (found.thresholds.values == 0.5).all()

    def test_few_documents_all_judge(self) -> None:
        few = stories(0.0).take(np.arange(0, 192, 2))
        found = fit_exact(few, TrainingOptions(solver="exact"))
        assert found.folds == 10
        assert found.held_out > 80
        assert found.thresholds is not None
        assert found.thresholds.micro_f1 is not None

    def test_no_penalty_holds_none_out(self) -> None:
        objective = replace(few_columns(3), y=sets_of(60, 3), head=SIGMOIDS)
        found = fit_exact(objective, TrainingOptions(solver="exact", l2=0.0))
        assert (found.held_out, found.judged) == (0, None)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sets") / "films.tsv"
    one, two = documents(300, 1), documents(301, 2)[1:]
    lines = []
    for number, ((a, text), (b, more)) in enumerate(zip(one, two, strict=True)):
        joined = f"{a}|{b}\t{text} {more}" if number % 3 else f"{a}\t{text}"
        lines.append(joined if number % 25 else f"\t{more[:4]}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


class TestCommand:
    @pytest.mark.slow
    @pytest.mark.parametrize("options", [["--solver", "exact"], ["--l1", "1e-3"]], ids=["l2", "l1"])
    def test_it_is_proved_and_answers_whatever_the_threads(
        self, films: Path, tmp_path: Path, options: list[str]
    ) -> None:
        options = [*options, "--label-separator", "|", "--multilabel", "--ngrams", "1"]
        files = []
        for threads in ("1", "2", "4"):
            output = tmp_path / threads
            said = good("train", films, "-o", output, "--threads", threads, *options).output
            files.append(output.read_bytes())
        assert files[0] == files[1] == files[2]
        assert "certificate" in said
        model = Model.load(output)
        assert model.is_multilabel
        final = model.record.final
        assert isinstance(final, ExactRecord)
        assert final.converged
        assert final.gap is not None
        assert final.gap <= 1e-6 * final.value
        assert model.record.thresholds is not None
        assert model.record.thresholds.micro_f1 is not None
        p = model.probabilities(["robot orbit and a saddle", "kiss and vows"])
        assert (p[0, 1:] > p[1, 1:]).all()
        assert p[1, 0] > p[0, 0]
        text = "the robot orbit engine android laser and the saddle ranch cattle sheriff canyon"
        assert set(model.predict(text)) == {"scifi", "western"}

    def test_the_proof_is_of_the_file(self, films: Path, tmp_path: Path) -> None:
        """The value in the record is that of the weights in the file, by another way."""
        reading = ReadingOptions(label_separator="|", multilabel=True)
        corpus = read_corpus([films], reading)
        model = train_corpus(corpus, None, TrainingOptions(solver="exact", l2=1e-4))
        x = model.featurizer.featurize(corpus.batches).to_scipy().astype(float)
        final = model.record.final
        assert isinstance(final, ExactRecord)
        theta = model.parts.layers[0].astype(float)
        has = corpus.y.indicator(len(corpus.labels))
        scores = x @ theta
        losses = np.logaddexp(0, np.where(has, -scores, scores)).sum(axis=1)
        value = losses.mean() + 0.5e-4 * (theta**2).sum()
        assert final.value == pytest.approx(value, rel=1e-6)


def test_the_tolerance_is_of_the_sum() -> None:
    """Not of each label: one that misses its own by little is made up for by the others."""
    ones = np.ones((2, 1), np.float32)
    far = Optimum(ones, 1e-6, 0.3, 1e-9, 4, False)
    near = Optimum(ones, 1.0, 0.4, 1e-8, 7, True)
    found = joined([far, near], [np.array([1]), np.array([0])], 1e-6)
    assert found.converged
    assert found.value == pytest.approx(1 + 1e-6)
    assert found.gap == pytest.approx(1.1e-8)
    assert found.gradient_norm == pytest.approx(0.5)
    assert found.iterations == 7
    assert not joined([far, near], [np.array([1]), np.array([0])], 1e-9).converged
