"""Intervals against scipy's, and the same from the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from textmlr.evaluation.intervals import (
    percentile_interval,
    resampled_means,
    resampled_scores,
    wilson,
)


@pytest.mark.parametrize(("hits", "documents"), [(0, 1), (1, 1), (0, 20), (7, 20), (911, 1000)])
def test_wilson_against_scipy(hits: int, documents: int) -> None:
    low, high = wilson(np.array([hits]), np.array([documents]))
    want = stats.binomtest(hits, documents).proportion_ci(0.95, method="wilson")
    assert (low[0], high[0]) == pytest.approx((want.low, want.high), abs=1e-12)


def test_means_against_scipy() -> None:
    values = np.random.default_rng(1).exponential(size=80)
    ours = percentile_interval(resampled_means(values, resamples=40_000))
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="percentile", rng=2
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)


def naive_scores(codes: np.ndarray, top: np.ndarray) -> tuple[float, float]:
    scores = []
    for label in set(codes.tolist()) | set(top.tolist()):
        hits = ((codes == label) & (top == label)).sum()
        scores.append(2 * hits / ((codes == label).sum() + (top == label).sum()))
    return float((codes == top).mean()), float(np.mean(scores))


def test_scores_against_scipy() -> None:
    """Labels of few documents too, which some resamples lack."""
    rng = np.random.default_rng(3)
    codes = rng.choice(5, 60, p=[0.5, 0.3, 0.1, 0.06, 0.04])
    top = np.where(rng.random(60) < 0.7, codes, rng.integers(0, 6, 60))
    samples = resampled_scores(codes, top, resamples=20_000)
    for which in (0, 1):
        theirs = stats.bootstrap(
            (codes, top),
            lambda c, t, which=which: naive_scores(c, t)[which],
            paired=True,
            vectorized=False,
            n_resamples=3000,
            method="percentile",
            rng=4,
        ).confidence_interval
        width = theirs.high - theirs.low
        ours = percentile_interval(samples[which])
        assert ours == pytest.approx((theirs.low, theirs.high), abs=0.08 * width)


def test_the_interval_holds_the_figure_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        right = (rng.random(300) < 0.8).astype(np.float64)
        low, high = percentile_interval(resampled_means(right, resamples=300, threads=1))
        held += low <= 0.8 <= high
    assert 178 <= held <= 200  # binomial(200, 0.95): below 178 once in a hundred thousand


def test_the_same_whatever_the_threads() -> None:
    rng = np.random.default_rng(6)
    values = rng.random(30_000)
    codes, top = rng.integers(0, 40, 30_000), rng.integers(0, 40, 30_000)
    one, four = (resampled_means(values, resamples=100, threads=t) for t in (1, 4))
    assert one.tobytes() == four.tobytes()
    assert len(one) == 100
    first, second = (resampled_scores(codes, top, resamples=2000, threads=t) for t in (1, 4))
    for a, b in zip(first, second, strict=True):
        assert a.tobytes() == b.tobytes()
        assert len(a) == 2000
    other = resampled_means(values, resamples=100, seed=2)
    assert (other != one).all()


def test_one_document() -> None:
    assert set(resampled_means(np.array([0.5]), resamples=9)) == {0.5}
    accuracy, macro_f1 = resampled_scores(np.array([1]), np.array([0]), resamples=9)
    assert not accuracy.any()
    assert not macro_f1.any()
