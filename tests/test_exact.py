"""The exact solver: against scikit-learn, a sigmoid of its own, and its own certificate."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import naive_linear as naive
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from test_cli import good, process
from test_training import corpus_of

from textmlr import FeaturizerOptions, InputError, TrainingOptions
from textmlr.corpus.reading import read_corpus
from textmlr.features.csr_features import Features
from textmlr.features.featurizer import Featurizer
from textmlr.model.model import Model
from textmlr.model.parameters import Network
from textmlr.training.corpus_training import train_corpus
from textmlr.training.exact import solver as exact
from textmlr.training.exact.dual import Dual, first_guess
from textmlr.training.exact.merged_columns import MergedColumns
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.penalty_path import Penalty, fit_exact
from textmlr.training.exact.solver import ExactSolver, SolverStep, minimise
from textmlr.training.objective import Objective

GENRES = Path(__file__).parent.parent / "data" / "genres-train.tsv"


def genres(l2: float, labels: tuple[str, ...] | None = None) -> Objective:
    """f(x) of the repository's corpus, or of its documents of some labels."""
    corpus = read_corpus([str(GENRES)])
    featurizer = Featurizer(FeaturizerOptions(idf=True))
    counts = featurizer.fit_counts(corpus.batches)
    rows = featurizer.weigh(counts, counts.values)
    objective = Objective(rows, corpus.y, np.ones(len(corpus), np.float32), len(corpus.labels), l2)
    if labels is None:
        return objective
    codes = [corpus.labels.index(label) for label in labels]
    part = objective.take(np.flatnonzero(np.isin(corpus.y, codes)))
    return replace(part, y=np.searchsorted(codes, part.y).astype(np.int32), labels=len(codes))


def few_columns(seed: int, documents: int = 60, columns: int = 4, labels: int = 3) -> Objective:
    """Labels that have nothing to do with the few features: not to be told apart."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(documents, columns)).astype(np.float32)
    values[:, 0] = 1
    indptr = np.arange(0, values.size + 1, columns)
    indices = np.tile(np.arange(columns, dtype=np.int32), documents)
    rows = Features(indptr, indices, values.ravel(), columns)
    y = rng.integers(0, labels, documents).astype(np.int32)
    return Objective(rows, y, np.ones(documents, np.float32), labels)


def value_at(objective: Objective, theta: np.ndarray) -> float:
    """The objective, dense and in float64."""
    rows = objective.features
    x = naive.dense(rows.indptr, rows.indices, rows.values, rows.columns)
    loss = naive.loss(x, theta.astype(float), objective.y, objective.weights)
    penalty = 0.5 * objective.l2 * float((theta.astype(float) ** 2).sum())
    return loss / float(objective.weights.sum(dtype=float)) + penalty


def gradient_at(objective: Objective, theta: np.ndarray) -> np.ndarray:
    rows, theta = objective.features, theta.astype(float)
    x = naive.dense(rows.indptr, rows.indices, rows.values, rows.columns)
    loss = naive.gradient(x, theta, objective.y, objective.weights)
    return loss / float(objective.weights.sum(dtype=float)) + objective.l2 * theta


def scikit(objective: Objective) -> np.ndarray:
    """θ (V, L) of LogisticRegression to 1e-10."""
    # Of two labels it penalises w of the sigmoid: λ/4·‖w‖² of ours is 1/(2C) there.
    sigmoid = 2 if objective.labels == 2 else 1
    model = LogisticRegression(
        C=sigmoid / (objective.l2 * len(objective.y)),
        tol=1e-10,
        fit_intercept=False,
        max_iter=5000,
        solver="newton-cg",
    )
    rows = objective.features.to_scipy().astype(np.float64)
    coefficients = model.fit(rows, objective.y, objective.weights).coef_
    if len(coefficients) == 1:  # a sigmoid of s is the softmax of (−s/2, s/2)
        return np.stack([-coefficients[0] / 2, coefficients[0] / 2], axis=1)
    return coefficients.T


@pytest.mark.slow
@pytest.mark.parametrize("l2", [1e-2, 1e-4, 1e-6])
def test_the_minimum_is_that_of_scikit_learn(l2: float) -> None:
    objective = genres(l2, ("comedy", "horror", "scifi", "war"))
    found, theirs = minimise(objective, tolerance=1e-9), scikit(objective)
    assert found.converged
    best = value_at(objective, theirs)
    assert found.value == pytest.approx(best, rel=1e-6)
    # Nor is it the less by more than scikit-learn's own distance from the minimum.
    assert found.value <= best * (1 + 1e-9)
    assert np.linalg.norm(found.theta - theirs) < 1e-3 * np.linalg.norm(theirs)


def test_weights_are_those_of_scikit_learn() -> None:
    objective = genres(1e-4, ("crime", "romance", "western"))
    weights = np.random.default_rng(3).uniform(0, 3, len(objective.y)).astype(np.float32)
    weights[::7] = 0
    weights *= np.float32(len(weights) / weights.sum(dtype=float))  # scikit-learn sums, we average
    objective = replace(objective, weights=weights)
    found, theirs = minimise(objective, tolerance=1e-9), scikit(objective)
    assert found.converged
    assert np.linalg.norm(found.theta - theirs) < 1e-3 * np.linalg.norm(theirs)


@pytest.mark.slow
def test_two_labels_give_the_sigmoid() -> None:
    """Softmax with λ/2·(‖θ_0‖² + ‖θ_1‖²), at θ_0 = −θ_1, is a sigmoid with λ/4·‖w‖²."""
    objective = genres(1e-4, ("horror", "romance"))
    rows = objective.features
    x = rows.to_scipy().astype(np.float64)
    sign = 2.0 * objective.y - 1

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margins = sign * (x @ w)
        slope = -sign / (1 + np.exp(margins)) / len(sign)
        value = np.logaddexp(0, -margins).mean() + objective.l2 / 4 * (w @ w)
        return float(value), x.T @ slope + objective.l2 / 2 * w

    options = {"maxiter": 10000, "gtol": 1e-11, "ftol": 1e-16, "maxfun": 100000}
    w = minimize(loss, np.zeros(rows.columns), jac=True, method="L-BFGS-B", options=options).x
    found = minimise(objective, tolerance=1e-10)
    assert found.value == pytest.approx(loss(w)[0], rel=1e-9)
    theta = found.theta.astype(float)
    difference = theta[:, 1] - theta[:, 0]
    assert np.linalg.norm(difference - w) < 1e-4 * np.linalg.norm(w)
    np.testing.assert_allclose(theta.sum(axis=1), 0, atol=1e-6)


@pytest.mark.parametrize("l2", [1e-1, 1e-3, 1e-5, 1e-8])
def test_the_certificate_holds(l2: float) -> None:
    """Value and ‖gradient‖ are those of the float32 θ, and no θ is below value − gap."""
    objective = genres(l2, ("comedy", "horror", "scifi"))
    best = minimise(objective, tolerance=1e-13)
    for tolerance in (1e-1, 1e-3, 1e-6):
        found = minimise(objective, tolerance=tolerance)
        assert found.theta.dtype == np.float32
        assert found.converged
        assert found.gap <= tolerance * found.value
        assert found.value == pytest.approx(value_at(objective, found.theta), rel=1e-10)
        norm = float(np.linalg.norm(gradient_at(objective, found.theta)))
        assert found.gradient_norm == pytest.approx(norm, rel=1e-5)
        assert found.value - found.gap <= best.value * (1 + 1e-12)
        assert found.value >= best.value * (1 - 1e-12)


def test_a_tolerance_out_of_reach_is_not_said_to_be_met() -> None:
    found = minimise(genres(1e-4, ("comedy", "horror")), tolerance=1e-30)
    assert not found.converged
    assert 1e-30 * found.value < found.gap < 1e-10 * found.value


def test_newton_and_the_dual_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = genres(1e-5, ("comedy", "horror", "scifi"))
    seen: list[SolverStep] = []
    by_dual = minimise(objective, tolerance=1e-10, watch=seen.append)
    assert {step.method for step in seen} == {"dual"}
    seen.clear()
    monkeypatch.setattr(exact, "PATIENCE", 1.5)
    monkeypatch.setattr(exact, "FALL", 1e-9)
    by_newton = minimise(objective, tolerance=1e-10, watch=seen.append)
    methods = [step.method for step in seen]
    duals = methods.count("dual")
    assert 2 < duals < 10
    assert methods == ["dual"] * duals + ["newton"] * (len(methods) - duals)
    assert len(methods) > duals + 2
    assert by_newton.converged
    assert by_newton.value == pytest.approx(by_dual.value, rel=2e-10)
    np.testing.assert_allclose(by_newton.theta, by_dual.theta, atol=1e-3)


@pytest.mark.parametrize("l2", [1e-4, 1e-9])
def test_threads_change_no_bit(l2: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textmlr.training.exact.threaded_products.BLOCK_PRODUCTS", 500)
    objective = genres(l2, ("comedy", "horror", "scifi"))

    def found(threads: int) -> tuple[bytes, float, float, float]:
        o = minimise(objective, tolerance=1e-4, threads=threads)
        return o.theta.tobytes(), o.value, o.gradient_norm, o.gap

    assert found(1) == found(2) == found(4)


def test_blocks_change_no_more_than_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = genres(1e-4, ("comedy", "horror", "scifi"))
    one = minimise(objective, tolerance=1e-8)
    monkeypatch.setattr("textmlr.training.exact.threaded_products.BLOCK_PRODUCTS", 100)
    many = minimise(objective, tolerance=1e-8)
    assert many.theta.tobytes() == one.theta.tobytes()
    assert many.value == pytest.approx(one.value, rel=1e-14)
    assert many.gap == pytest.approx(one.gap, rel=1e-3)


def test_it_may_start_anywhere() -> None:
    objective = genres(1e-4, ("comedy", "horror"))
    cold = minimise(objective, tolerance=1e-9)
    rng = np.random.default_rng(4)
    far = rng.normal(size=cold.theta.shape).astype(np.float32) * 30
    for start in (cold.theta, far):
        found = minimise(objective, tolerance=1e-9, start=start)
        assert found.converged
        np.testing.assert_allclose(found.theta, cold.theta, atol=1e-3)


def test_another_penalty_goes_on_from_the_last() -> None:
    objective = genres(0.0, ("comedy", "horror", "scifi"))
    along = ExactSolver.of(objective)
    for l2 in (1e-2, 1e-3, 1e-4, 1e-3):
        warm, cold = along.minimise(l2, 1e-9), minimise(replace(objective, l2=l2), tolerance=1e-9)
        assert warm.converged
        assert warm.value == pytest.approx(cold.value, rel=2e-9)


class TestMerging:
    def test_inner_products_are_kept(self) -> None:
        """Columns 1 and 3 are equal; 2 and 5 are of one document; 4 differs in a value from 6."""
        x = np.array(
            [
                [1, 2, 0.5, 2, 3, 0, 3],
                [1, 0, 0, 0, 1, 7, 1],
                [1, 4, 0, 4, 0, 0, 0],
                [1, 0, 0, 0, 2, 0, 5],
            ],
            np.float32,
        )
        rows, columns = np.nonzero(x)
        indptr = np.searchsorted(rows, np.arange(5))
        features = Features(indptr, columns.astype(np.int32), x[rows, columns], 7)
        merged = MergedColumns.of(features)
        part = merged.features
        assert part.columns == 4
        y = naive.dense(part.indptr, part.indices, part.values, part.columns)
        products = y @ y.T + np.diag(merged.alone)
        np.testing.assert_allclose(products, x.astype(float) @ x.T, rtol=1e-6)
        np.testing.assert_allclose(merged.squares, (x.astype(float) ** 2).sum(axis=1))
        np.testing.assert_allclose(merged.alone, [0.25, 49, 0, 0])

    def test_real_text_has_fewer_columns_and_the_same_products(self) -> None:
        features = genres(1.0).features
        merged = MergedColumns.of(features)
        assert merged.features.columns < features.columns / 3
        x, y = features.to_scipy().astype(float), merged.features.to_scipy().astype(float)
        products = (y @ y.T).toarray() + np.diag(merged.alone)
        np.testing.assert_allclose(products, (x @ x.T).toarray(), rtol=1e-6)

    def test_columns_of_one_hash_are_not_taken_for_equal(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Were all hashes the same, columns of equal frequency would still be told apart."""
        from textmlr.kernels import equal_columns

        usual = equal_columns.hash_columns

        def collide(*arguments: np.ndarray) -> None:
            usual(*arguments)
            arguments[-1][:] = 1

        features = genres(1.0, ("comedy", "horror")).features
        right = MergedColumns.of(features)
        monkeypatch.setattr(equal_columns, "hash_columns", collide)
        merged = MergedColumns.of(features)
        assert merged.features.columns >= right.features.columns
        x, y = features.to_scipy().astype(float), merged.features.to_scipy().astype(float)
        products = (y @ y.T).toarray() + np.diag(merged.alone)
        np.testing.assert_allclose(products, (x @ x.T).toarray(), rtol=1e-6)


class TestDual:
    def problem(self) -> tuple[Objective, Dual]:
        objective = genres(1e-3, ("comedy", "horror", "scifi"))
        rows = MergedColumns.of(objective.features)
        shares = np.full(len(objective.y), 1 / (objective.l2 * len(objective.y)))
        guess = first_guess(objective.y, 3)
        return objective, Dual.at(rows, objective.y, shares, objective.l2, guess)

    def lower_bound(self, objective: Objective, dual: Dual) -> float:
        """The dual, dense."""
        x = objective.features.to_scipy().astype(float)
        theta = x.T @ dual.coefficients
        entropies = -(dual.p * np.log(dual.p)).sum(axis=1).mean()
        return float(entropies - objective.l2 / 2 * (theta**2).sum())

    def test_each_epoch_raises_the_dual_and_the_check_says_by_how_much(self) -> None:
        objective, dual = self.problem()
        x = objective.features.to_scipy().astype(float)
        last = -np.inf
        for _ in range(6):
            dual.epoch()
            np.testing.assert_allclose(dual.p.sum(axis=1), 1, rtol=1e-12)
            bound = self.lower_bound(objective, dual)
            assert bound > last
            last = bound
            value, gap = dual.check(1)
            assert value == pytest.approx(value_at(objective, x.T @ dual.coefficients), rel=1e-6)
            assert gap == pytest.approx(value - bound, rel=1e-4, abs=1e-7)
        assert dual.value() == pytest.approx(value, rel=1e-2)

    def test_theta_is_that_of_p(self) -> None:
        """After many updates it is what a pass from the beginning gives."""
        _, dual = self.problem()
        for _ in range(20):
            dual.epoch()
        fresh = Dual.at(dual.rows, dual.likelihood.codes, dual.shares, dual.l2, dual.p.copy())
        np.testing.assert_allclose(dual.theta, fresh.theta, rtol=1e-9, atol=1e-11)

    def test_a_nap_ends(self) -> None:
        _, dual = self.problem()
        visited = []
        for _ in range(30):
            visited.append(int((dual.naps[1] <= dual.epochs).sum()))
            dual.epoch()
        n = len(dual.shares)
        assert visited[0] == n
        assert min(visited) < n / 2  # some are left out
        assert sum(visited) >= n * len(visited) / 8  # none for long
        dual.check(1)
        assert (dual.naps[:, dual.gaps > dual.gaps.mean()] == 0).all()


class TestNoPenalty:
    def test_the_minimum_is_found_where_there_is_one(self) -> None:
        objective = few_columns(5)
        found = minimise(objective, tolerance=1e-7)
        assert found.converged
        assert found.gap == np.inf  # nothing is proved without a penalty but that
        first = np.linalg.norm(gradient_at(objective, np.zeros((4, 3))))
        norm = np.linalg.norm(gradient_at(objective, found.theta))
        assert norm <= 1e-7 * first
        assert found.gradient_norm == pytest.approx(norm, rel=0.05)
        rng = np.random.default_rng(6)
        for _ in range(20):
            other = found.theta + rng.normal(size=(4, 3)) * rng.choice([1e-2, 1, 10])
            assert value_at(objective, other) >= found.value

    def test_features_of_some_labels_only_are_refused(self) -> None:
        objective = genres(0.0, ("comedy", "horror", "scifi"))
        with pytest.raises(InputError, match="optimum is at infinity: some features") as refused:
            minimise(objective, tolerance=1e-6)
        assert "--l2" in (refused.value.mend or "")

    def test_documents_that_can_be_told_apart_are_refused(self) -> None:
        """By a combination of features alone: each goes with both labels."""
        objective = few_columns(7, documents=40, labels=2)
        x = objective.features.values.reshape(40, 4)
        y = (x @ [0.1, 1, -2, 0.5] > 0).astype(np.int32)
        with pytest.raises(InputError, match=r"optimum is at infinity: .* told apart"):
            minimise(replace(objective, y=y), tolerance=1e-9)

    def test_documents_without_weight_do_not_count(self) -> None:
        """Five documents are in the way of telling the others apart, and weigh nothing."""
        objective = few_columns(7, documents=40, labels=2)
        x = objective.features.values.reshape(40, 4)
        y = (x @ [0.1, 1, -2, 0.5] > 0).astype(np.int32)
        y[:5] = 1 - y[:5]
        assert minimise(replace(objective, y=y), tolerance=1e-6).converged
        weights = np.ones(40, np.float32)
        weights[:5] = 0
        with pytest.raises(InputError, match="at infinity"):
            minimise(replace(objective, y=y, weights=weights), tolerance=1e-6)


class TestFit:
    def test_held_out_documents_choose_the_penalty(self) -> None:
        objective = genres(0.0)
        told: list[SolverStep | Penalty] = []
        found = fit_exact(objective, TrainingOptions(solver="exact"), watch=told.append)
        assert found.held_out > 20
        assert [event for event in told if isinstance(event, Penalty)] == list(found.trials)
        losses = [trial.loss for trial in found.trials]
        assert found.judged == found.trials[int(np.argmin(losses))]
        assert all(b < a for a, b in pairwise(losses[:-1]))
        # The λ of all documents is that of fewer in proportion.
        share = (len(objective.y) - found.held_out) / len(objective.y)
        assert found.l2 == pytest.approx(share * found.judged.l2, rel=0.05)
        again = minimise(replace(objective, l2=found.l2), tolerance=1e-6)
        assert again.theta.tobytes() == found.optimum.theta.tobytes()

    def test_none_are_held_out_for_a_given_penalty(self) -> None:
        found = fit_exact(genres(0.0), TrainingOptions(solver="exact", l2=1e-3))
        assert (found.held_out, found.judged, found.trials, found.l2) == (0, None, (), 1e-3)

    def test_a_validation_corpus_judges_a_given_penalty_too(self) -> None:
        objective = genres(0.0)
        judge = objective.take(np.arange(0, 100))
        options = TrainingOptions(solver="exact", l2=1e-3)
        found = fit_exact(objective, options, validation=judge)
        assert found.judged is not None
        assert found.judged.loss == judge.evaluate(found.optimum.network)[0]

    def test_one_label_is_refused(self) -> None:
        objective = few_columns(1)
        with pytest.raises(InputError, match="same label"):
            fit_exact(replace(objective, y=np.zeros(60, np.int32)), TrainingOptions(solver="exact"))

    def test_no_minimum_found_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(exact, "MOST_STEPS", 1)
        with pytest.raises(InputError, match="no minimum was found"):
            fit_exact(few_columns(5), TrainingOptions(solver="exact", l2=0.0))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 3),
        ("learning_rate", 2.0),
        ("idf_power", 1.0),
        ("patience", 3),
        ("calibration", True),
        ("calibration", False),
    ],
)
def test_options_of_sgd_are_refused(option: str, value: object) -> None:
    with pytest.raises(InputError, match=f"{option}=.* means nothing to solver='exact'"):
        TrainingOptions(solver="exact", **{option: value})  # type: ignore[arg-type]


def test_tolerance_is_refused_for_sgd() -> None:
    with pytest.raises(InputError, match="means nothing to solver='sgd'"):
        TrainingOptions(tolerance=1e-3)
    with pytest.raises(InputError, match="tolerance=0"):
        TrainingOptions(solver="exact", tolerance=0)


class TestCommand:
    def test_what_is_found_is_shown_and_kept(self, tmp_path: Path) -> None:
        model = tmp_path / "m.textmlr"
        told = good("train", GENRES, "-o", model, "--solver", "exact", "--l2", "1e-4")
        assert "λ = 0.0001" in told.stdout
        assert "nats above the minimum" in told.stdout
        shown = good("info", model).stdout
        assert "‖gradient‖" in shown
        assert "--solver exact" in shown
        record = json.loads(good("info", model, "--json").stdout)
        final = record["final"]
        assert final["converged"]
        assert final["gap"] <= 1e-6 * final["value"]
        # The objective that the file's own numbers have.
        loaded = Model.load(model)
        corpus = read_corpus([str(GENRES)])
        rows = loaded.featurizer.featurize(corpus.batches, 1)
        objective = Objective(rows, corpus.y, np.ones(len(corpus), np.float32), 12, 1e-4)
        assert objective.value(Network.of([loaded.theta])) == pytest.approx(
            final["value"], rel=1e-6
        )
        assert record["featurizer"]["idf"] is None  # which is yes

    def test_the_path_is_shown(self, tmp_path: Path) -> None:
        told = good("train", GENRES, "-o", tmp_path / "m", "--solver", "exact")
        assert "looking for the minimum" in told.stderr
        assert "held out (chance" in told.stdout

    def test_no_optimum_is_an_error(self, tmp_path: Path) -> None:
        done = process("train", GENRES, "-o", tmp_path / "m", "--solver", "exact", "--l2", "0")
        assert done.returncode == 2
        assert b"the optimum is at infinity" in done.stderr
        assert b"--l2" in done.stderr
        assert b"Traceback" not in done.stderr
        assert not (tmp_path / "m").exists()

    @pytest.mark.slow
    @pytest.mark.usefixtures("any_number")
    def test_a_tolerance_not_met_is_a_warning(self, tmp_path: Path) -> None:
        told = good(
            "train",
            GENRES,
            "-o",
            tmp_path / "m",
            "--solver",
            "exact",
            "--l2",
            "1e-3",
            "--tolerance",
            "1e-30",
        )
        assert "the tolerance of 1e-30 is not met" in told.stderr

    def test_balanced_and_weighted(self, tmp_path: Path) -> None:
        """A weight of 2 is the document twice."""
        lines = GENRES.read_text(encoding="utf-8").splitlines()[:200]
        pairs = [line.split("\t", 1) for line in lines]
        once, twice = tmp_path / "once.tsv", tmp_path / "twice.tsv"
        once.write_text("".join(f"{y}\t{1 + i % 2}\t{x}\n" for i, (y, x) in enumerate(pairs)))
        twice.write_text("".join(f"{y}\t{x}\n" * (1 + i % 2) for i, (y, x) in enumerate(pairs)))
        more = ("--solver", "exact", "--l2", "1e-3", "--no-idf", "--class-weight", "balanced")
        good("train", once, "-o", tmp_path / "a", "--weighted", *more)
        good("train", twice, "-o", tmp_path / "b", *more)
        texts = [x for _, x in pairs]
        a, b = (Model.load(tmp_path / name).probabilities(texts) for name in "ab")
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_optimum_of_a_corpus_with_an_empty_document() -> None:
    corpus = corpus_of([("a", "one two"), ("b", "two three"), ("a", ""), ("b", "three")])
    featurizer = Featurizer(FeaturizerOptions(bias=False, idf=False))
    counts = featurizer.fit_counts(corpus.batches)
    rows = featurizer.weigh(counts, counts.values)
    objective = Objective(rows, corpus.y, np.ones(4, np.float32), 2, 0.01)
    found = minimise(objective, tolerance=1e-9)
    assert isinstance(found, Optimum)
    assert found.converged
    theirs = scikit(objective)
    np.testing.assert_allclose(found.theta, theirs, atol=1e-3)


def test_what_cannot_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents × labels are what is too large here, which sgd does not mind."""
    corpus = corpus_of([(f"label {i % 500}", f"word{i % 7}") for i in range(2000)])
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 5000}
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    train_corpus(corpus, None, TrainingOptions(epochs=1, learning_rate=1.0), threads=1)
    with pytest.raises(InputError, match="2,000 documents of 500 labels need"):
        train_corpus(corpus, None, TrainingOptions(solver="exact", l2=1e-3), threads=1)
