"""Two models on the same documents."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import documents, write_tsv
from scipy import stats

from textmlr.cli import cli
from textmlr.evaluation.comparison import RESAMPLES, Comparison, bootstrap_p, mcnemar, p_of
from textmlr.evaluation.labelled_answers import LabelledAnswers


def test_mcnemar_by_hand() -> None:
    few = mcnemar(1, 7)
    assert few.test == "exact binomial"
    assert few.statistic is None
    assert few.p == pytest.approx(2 * (1 + 8) / 2**8)
    many = mcnemar(121, 59)
    assert many.test == "chi-square with continuity correction"
    assert many.statistic == pytest.approx(61**2 / 180)
    assert many.p == pytest.approx(5.45e-6, rel=2e-3)  # 2·(1 − Φ(√20.67))
    assert mcnemar(59, 121) == many
    assert mcnemar(12, 12).test == "exact binomial"
    assert mcnemar(13, 12).test == "chi-square with continuity correction"


def test_mcnemar_without_a_difference() -> None:
    assert mcnemar(0, 0).p == 1
    assert mcnemar(30, 30).p == 1
    assert mcnemar(5, 5).p == pytest.approx(1)


def of(p: list[list[float]], codes: list[int], names: str = "ab") -> LabelledAnswers:
    return LabelledAnswers(list(names), np.array(codes), np.array(p))


def test_by_hand() -> None:
    a = of([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], [0, 1, 1, 0])
    b = of([[0.4, 0.6], [0.1, 0.9], [0.4, 0.6], [0.4, 0.6]], [0, 1, 1, 0])
    result = Comparison.of(a, b)
    assert (result.both, result.only_a, result.only_b, result.neither) == (1, 1, 1, 1)
    assert result.documents == 4
    assert result.a.accuracy == result.b.accuracy == 0.5
    assert result.accuracy.value == 0
    assert result.accuracy.p == 1
    losses = -np.log([[0.9, 0.4, 0.8, 0.3], [0.4, 0.9, 0.6, 0.4]])
    assert result.a.log_loss == pytest.approx(losses[0].mean())
    assert result.log_loss.value == pytest.approx((losses[1] - losses[0]).mean())
    low, high = result.log_loss.interval
    assert low <= result.log_loss.value <= high
    assert json.loads(json.dumps(result.as_dict()))["mcnemar"]["p"] == 1


def random_answers(n: int, skill: float, seed: int) -> LabelledAnswers:
    """Two labels; the true one has a normal score of the given mean."""
    codes = np.random.default_rng(0).integers(0, 2, n)
    scores = np.random.default_rng(seed).normal(skill, 1, n)
    of_truth = 1 / (1 + np.exp(-scores))
    p = np.where(codes[:, None] == np.arange(2), of_truth[:, None], 1 - of_truth[:, None])
    return LabelledAnswers(["a", "b"], codes, p)


def test_the_better_model_is_found() -> None:
    good, bad = random_answers(2000, 1.5, 1), random_answers(2000, 1.0, 2)
    result = Comparison.of(bad, good)
    assert result.accuracy.value > 0
    assert result.log_loss.value < 0
    assert result.accuracy.p < 0.001
    assert result.log_loss.interval[1] < 0
    answers, probabilities = result.verdict()
    assert answers.startswith("B is better by")
    assert answers.endswith("points of accuracy: p < 0.001")
    assert probabilities.startswith("B's probabilities are better by")
    swapped = Comparison.of(good, bad)
    assert [sentence[0] for sentence in swapped.verdict()] == ["A", "A"]
    assert swapped.log_loss.value == -result.log_loss.value


def test_all_points_of_accuracy_are_written_as_a_number() -> None:
    codes = np.arange(100, dtype=np.int64) % 2
    right = np.where(codes[:, None] == np.arange(2), 0.9, 0.1)
    one, other = (LabelledAnswers(["a", "b"], codes, p) for p in (right, 1 - right))
    assert next(Comparison.of(one, other).verdict()).startswith("A is better by 100 points")


def test_no_difference_that_can_be_shown() -> None:
    result = Comparison.of(random_answers(300, 1.0, 1), random_answers(300, 1.0, 2))
    assert result.accuracy.interval[0] < 0 < result.accuracy.interval[1]
    for sentence in result.verdict():
        assert "no difference that these documents can show" in sentence
    same = Comparison.of(random_answers(300, 1.0, 1), random_answers(300, 1.0, 1))
    assert same.log_loss.value == 0
    assert same.log_loss.p == same.accuracy.p == 1


def test_log_loss_against_scipy_and_the_same_each_time() -> None:
    a, b = random_answers(150, 1.0, 1), random_answers(150, 1.3, 2)
    result = Comparison.of(a, b, threads=1)
    theirs = stats.bootstrap(
        (b.losses - a.losses,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    width = theirs.high - theirs.low
    assert result.log_loss.interval == pytest.approx((theirs.low, theirs.high), abs=0.05 * width)
    assert Comparison.of(a, b, threads=4) == result


def test_p_of_resamples() -> None:
    assert bootstrap_p(np.ones(999)) == 2 / 1000
    assert bootstrap_p(np.array([-1.0, 1.0] * 500)) == 1
    assert bootstrap_p(np.array([-1.0] * 9 + [1.0] * 990)) == 2 * 10 / 1000
    assert p_of(2 / (RESAMPLES + 1), RESAMPLES) == "p < 0.001"
    assert p_of(0.0312, RESAMPLES) == "p = 0.031"


def test_labels_are_matched_by_name() -> None:
    """B knows a label that A does not, and numbers them otherwise."""
    a = LabelledAnswers(
        ["x", "z", "y"], np.array([0, 2, 1]), np.array([[0.7, 0.3]] * 2 + [[0.1, 0.9]])
    )
    b = LabelledAnswers(["x", "y", "z"], np.array([0, 1, 2]), np.eye(3))
    result = Comparison.of(a, b)
    assert (result.both, result.only_a, result.only_b) == (2, 0, 1)
    assert result.a.log_loss == pytest.approx((-np.log([0.7, 0.9]).sum() + 36.04) / 3, abs=0.01)
    with pytest.raises(ValueError, match="same documents"):
        Comparison.of(a, LabelledAnswers(["x", "y", "z"], np.array([0, 1, 1]), np.eye(3)))


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 30 documents."""
    folder = tmp_path_factory.mktemp("small")
    corpus = write_tsv(folder / "small.tsv", documents(30, 9))
    path = folder / "small.textmlr"
    assert CliRunner().invoke(cli, ["train", str(corpus), "-o", str(path), "-q"]).exit_code == 0
    return path


class TestCommand:
    def test_table(self, model_file: Path, small_model: Path, test_tsv: Path) -> None:
        done = CliRunner().invoke(cli, ["compare", *map(str, (small_model, model_file, test_tsv))])
        assert done.exit_code == 0, done.output
        for part in (
            "A",
            str(model_file),
            "accuracy",
            "log loss",
            "McNemar",
            "only B",
            "resamples",
        ):
            assert part in done.stdout
        assert "is better" in done.stdout or "no difference" in done.stdout

    def test_json(self, model_file: Path, small_model: Path, test_tsv: Path) -> None:
        names = [str(small_model), str(model_file)]
        done = CliRunner().invoke(cli, ["compare", *names, str(test_tsv), "--json"])
        result = json.loads(done.stdout)
        assert result["models"] == names
        counts = [result[key] for key in ("both", "only_a", "only_b", "neither")]
        assert sum(counts) == result["documents"] == 90
        difference = result["b"]["accuracy"] - result["a"]["accuracy"]
        assert result["accuracy"]["value"] == pytest.approx(difference)
        assert len(result["verdict"]) == 2
        evaluated = CliRunner().invoke(cli, ["evaluate", "-m", names[0], str(test_tsv), "--json"])
        assert json.loads(evaluated.stdout)["log_loss"] == result["a"]["log_loss"]

    def test_strangers_are_told_of_each_model(
        self, model_file: Path, small_model: Path, test_tsv: Path, tmp_path: Path
    ) -> None:
        more = tmp_path / "more.tsv"
        more.write_bytes(test_tsv.read_bytes() + b"opera\tthe kiss\n" * 10)
        done = CliRunner().invoke(cli, ["compare", *map(str, (small_model, model_file, more))])
        for name in (small_model, model_file):
            assert f"10 documents with labels {name} does not know (opera)" in done.stderr
