"""Figures of merit, by hand and against scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics

from textmlr.base.errors import InputError
from textmlr.evaluation.coverage import COVERAGE_AT
from textmlr.evaluation.evaluation import Evaluation
from textmlr.evaluation.label_figures import LABEL_AT
from textmlr.evaluation.reliability import calibration_error, chance_error, reliability


def random_answers(n: int, labels: int, seed: int, dtype: type = np.float64):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, labels)) * 2
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    y = np.where(rng.random(n) < 0.5, p.argmax(axis=1), rng.integers(0, labels, n))
    return [f"l{i}" for i in range(labels)], y.astype(np.int32), p.astype(dtype)


@pytest.mark.parametrize("labels", [2, 3, 50])
@pytest.mark.parametrize("n", [1, 7, 500])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_scikit_learn(n: int, labels: int, dtype: type) -> None:
    names, y, p = random_answers(n, labels, n + labels, dtype)
    figures = Evaluation.of(names, y, p)
    top = p.argmax(axis=1)
    assert figures.documents == n
    assert figures.accuracy == pytest.approx(metrics.accuracy_score(y, top))
    macro = metrics.f1_score(y, top, average="macro", zero_division=0)
    assert figures.macro_f1 == pytest.approx(macro)
    exact = p.astype(np.float64) / p.sum(axis=1, dtype=np.float64, keepdims=True)
    expected = metrics.log_loss(y, exact, labels=range(labels))
    assert figures.log_loss == pytest.approx(expected, rel=1e-5)
    onehot = np.eye(labels)[y]
    assert figures.brier == pytest.approx(((p - onehot) ** 2).sum(axis=1).mean(), rel=1e-5)
    columns = metrics.precision_recall_fscore_support(y, top, labels=range(labels), zero_division=0)
    for row, *want in zip(figures.labels, *columns, strict=True):
        assert [row.precision, row.recall, row.f1, row.support] == pytest.approx(want)
    matrix = metrics.confusion_matrix(y, top, labels=range(labels))
    np.fill_diagonal(matrix, 0)
    if figures.confused:
        assert figures.confused[0].count == matrix.max()
        for pair in figures.confused:
            assert pair.count == matrix[names.index(pair.true), names.index(pair.predicted)]
    assert json.loads(json.dumps(figures.as_dict()))["accuracy"] == figures.accuracy


def test_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    figures = Evaluation.of(["a", "b"], np.array([0, 1, 1, 0], np.int32), p)
    assert figures.accuracy == 0.75  # a tie goes to the first label
    assert figures.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.5]).mean())
    assert figures.brier == pytest.approx((0.02 + 0.72 + 0.08 + 0.5) / 4)
    # Every document in a bin of its own: |right − confidence| each.
    assert figures.ece == pytest.approx((0.1 + 0.6 + 0.2 + 0.5) / 4)
    assert [(c.true, c.predicted, c.count) for c in figures.confused] == [("b", "a", 1)]


def test_calibration_bins_are_closed_above() -> None:
    # 1/15 and 2/15 belong to the first and the second bin; both of the last two to one bin.
    confidence = np.array([1 / 15, 2 / 15, 0.95, 1.0])
    right = np.array([False, True, True, False])
    want = (1 / 15 + (1 - 2 / 15) + abs(1 - 1.95)) / 4
    assert calibration_error(confidence, right) == pytest.approx(want)


def test_perfect_and_hopeless() -> None:
    sure = np.array([[1.0, 0.0]])
    good = Evaluation.of(["a", "b"], np.array([0], np.int32), sure)
    assert (good.accuracy, good.log_loss, good.brier, good.ece) == (1, 0, 0, 0)
    bad = Evaluation.of(["a", "b"], np.array([1], np.int32), sure)
    assert bad.log_loss == pytest.approx(36.04, abs=0.01)
    assert bad.brier == 2
    assert bad.ece == 1


def test_unknown_labels() -> None:
    p = np.array([[0.7, 0.3], [0.2, 0.8]])
    y = np.array([0, -1], np.int32)
    figures = Evaluation.of(["a", "b"], y, p, unknown=[None, "z"])
    assert figures.accuracy == 0.5
    assert figures.labels[2].label == "z"
    assert figures.labels[2].recall == 0
    assert figures.labels[2].support == 1
    assert figures.brier == pytest.approx((0.18 + (0.04 + 0.64 + 1)) / 2)
    assert figures.confused[0].true == "z"


def test_one_label() -> None:
    assert Evaluation.of(["a"], np.zeros(3, np.int32), np.ones((3, 1))).accuracy == 1


def test_what_is_refused() -> None:
    y, p = np.zeros(2, np.int32), np.full((2, 2), 0.5)
    with pytest.raises(InputError, match="no documents"):
        Evaluation.of(["a", "b"], y[:0], p[:0])
    for names, codes, shares in (
        (["a"], y, p),
        (["a", "b"], y[:1], p),
        (["a", "b"], y + 2, p),
        (["a", "b"], y - 2, p),
        (["a", "b"], y, p * 1.1),
        (["a", "b"], y, p * np.nan),
        (["a", "b"], y, np.array([[1.5, -0.5]] * 2)),
    ):
        with pytest.raises(ValueError, match=r"label|sum|finite|codes"):
            Evaluation.of(names, codes, shares)


def test_intervals_hold_the_figures() -> None:
    names, y, p = random_answers(400, 3, 1)
    figures = Evaluation.of(names, y, p)
    for name in ("accuracy", "macro_f1", "log_loss"):
        low, high = getattr(figures.intervals, name)
        assert low < getattr(figures, name) < high
    assert (
        Evaluation.of(names, y, p, threads=1).intervals
        == Evaluation.of(names, y, p, threads=3).intervals
    )
    sure = Evaluation.of(["a", "b"], np.array([0, 1], np.int32), np.eye(2), resamples=10).intervals
    assert sure.accuracy == sure.macro_f1 == (1, 1)
    assert sure.log_loss == (0, 0)
    assert sure.resamples == 10


def test_coverage_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55]])
    y = np.array([0, 1, 1, 1], np.int32)
    rows = {
        r.min_probability: r
        for r in Evaluation.of(["a", "b"], y, p, min_probabilities=(0.555, 1.0)).coverage
    }
    assert sorted(rows) == sorted({*COVERAGE_AT, 0.555, 1.0})
    assert (rows[0.0].documents, rows[0.0].coverage, rows[0.0].accuracy) == (4, 1, 0.75)
    # P = 0.6 is not below 0.6.
    assert (rows[0.6].documents, rows[0.6].accuracy) == (3, pytest.approx(2 / 3))
    assert (rows[0.555].documents, rows[0.61].documents, rows[0.9].documents) == (3, 2, 1)
    assert rows[0.61].accuracy == 1
    assert (rows[0.91].documents, rows[0.91].coverage) == (0, 0)
    assert rows[0.91].accuracy is None
    assert rows[0.91].interval is None
    wide = rows[0.9].interval
    assert wide is not None
    assert wide[0] < 0.25
    assert wide[1] == 1


def test_reliability_agrees_with_the_calibration_error() -> None:
    names, y, p = random_answers(500, 4, 2)
    figures = Evaluation.of(names, y, p)
    bins = figures.reliability
    assert sum(b.documents for b in bins) == 500
    ece = sum(b.documents * abs(b.accuracy - b.probability) for b in bins) / 500
    assert ece == pytest.approx(figures.ece)
    for b in bins:
        assert b.above < b.probability <= b.up_to
        assert b.interval[0] <= b.accuracy <= b.interval[1]


def test_thresholds_of_labels() -> None:
    names, y, p = random_answers(300, 3, 3)
    for code, row in enumerate(Evaluation.of(names, y, p).labels):
        assert tuple(t.min_probability for t in row.thresholds) == LABEL_AT
        for at in row.thresholds:
            given = p[:, code] >= at.min_probability
            assert at.documents == given.sum()
            assert at.recall == pytest.approx(metrics.recall_score(y == code, given))
            if at.documents:
                assert at.precision == pytest.approx(metrics.precision_score(y == code, given))
            else:
                assert at.precision is None
    unknown = Evaluation.of(
        ["a", "b"], np.array([-1], np.int32), np.array([[1.0, 0.0]]), unknown=["z"]
    )
    assert [t.recall for t in unknown.labels[0].thresholds] == [None] * len(LABEL_AT)
    assert {t.precision for t in unknown.labels[0].thresholds} == {0.0}
    assert {t.documents for t in unknown.labels[2].thresholds} == {0}


def test_the_calibration_error_of_chance() -> None:
    """Answers that are as sure as right have it, on average."""
    rng = np.random.default_rng(5)
    p = rng.random(150)
    drawn = [calibration_error(p, rng.random(150) < p) for _ in range(400)]
    assert chance_error(reliability(p, p > 0.5)) == pytest.approx(np.mean(drawn), rel=0.1)
